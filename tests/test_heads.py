"""Is it right: links by hand, planted heads, bits that add up, heads put out and put back; then what it refuses."""

import math

import pytest
import torch

from lmcourse import attending, heads, stories, tasks, text, transforming, translation, world
from lmcourse.language_model import log2probs

RECORDS = world.generate(48, seed=11)
TESTED = world.generate(1_600, seed=1)


def story_model(language="en", layers=2, seed=0):
    unit = {"en": "word", "ko": "morpheme"}[language]
    tokens = text.Vocabulary.count([stories.pieces(r, language, unit) for r in RECORDS]).tokens
    settings = {"language": language, "unit": unit, "tokens": tokens, "width": 16, "heads": 2, "hidden": 24}
    with tasks.seeded(seed):
        system = stories.build(settings | {"layers": layers, "positions": "rotary"})
    system.model.eval()
    return system


def translator():
    settings = transforming.settings_for("ko-en", RECORDS, min_count=1, **transforming.SMALL)
    with tasks.seeded(0):
        system = transforming.build(settings)
    system.model.eval()
    return system


def a_story(start, language):
    """The first story of the test text that has a sentence like this, and its tokens as they are laid out."""
    for n, record in enumerate(TESTED):
        if getattr(record, language).startswith(start):
            first = n - record.position
            story = [r for r in TESTED[first : first + 8] if r.story == record.story]
            unit = {"en": "word", "ko": "morpheme"}[language]
            tokens = ["<s>"]
            for r in story:
                tokens += [*stories.pieces(r, language, unit), "</s>"]
            return story, tokens, heads.relations(story, language, unit)
    raise AssertionError(start)


def named(tokens, links):
    return {(q, tokens[q].strip("▁")): {tokens[k].strip("▁") for k in keys} for q, keys in links.items()}


# --- the right links ---


def test_agreement_goes_from_the_verb_across_the_clause_to_its_subject():
    story, tokens, links = a_story("The guests that Grandfather praised", "en")
    found = named(tokens, links["agreement"])
    verb = next(q for q, keys in links["agreement"].items() if "▁guests" in {tokens[k] for k in keys})
    assert found[verb, tokens[verb].strip("▁")] == {"guests"} and tokens[verb] in ("▁was", "▁were", "▁are", "▁will")
    before = links["agreement, before the verb"]
    assert before[verb - 1] == links["agreement"][verb] and tokens[verb - 1] == "▁praised"


def test_in_korean_it_goes_from_the_honoured_verb_to_the_word_of_its_subject():
    story, tokens, links = a_story("어머니께서는 목걸이를 안", "ko")
    found = {tokens[q]: "".join(tokens[k] for k in sorted(keys)) for q, keys in links["agreement"].items()}
    assert found["▁만드"] == "▁어머니께서는"
    for look in (links["agreement"], links["agreement, before the verb"]):
        assert all(max(keys) < q for q, keys in look.items())


def test_a_pronoun_goes_back_to_what_it_stands_for():
    story, tokens, links = a_story("The girl was gloomy.", "en")
    pronouns = {q: {tokens[k] for k in keys} for q, keys in links["coreference"].items() if tokens[q] == "▁She"}
    assert {"▁girl"} in pronouns.values() and {"▁She"} in pronouns.values()
    for query, keys in links["coreference"].items():
        assert keys <= links["coreference, any mention"][query]
        assert links["coreference, before the pronoun"][query - 1] == links["coreference, any mention"][query]


def test_links_of_many_stories_hold_what_their_names_say():
    counts = {}
    for language, unit in (("en", "word"), ("ko", "morpheme")):
        for story in stories.by_story(TESTED[:800]):
            tokens = ["<s>"]
            for record in story:
                tokens += [*stories.pieces(record, language, unit), "</s>"]
            links = heads.relations(story, language, unit)
            assert links["previous"] == {t: {t - 1} for t in range(1, len(tokens))}
            for query, keys in links["sentence"].items():
                (key,) = keys
                assert tokens[key] in ("<s>", "</s>") and "</s>" not in tokens[key + 1 : query]
            for query, keys in links["coreference"].items():
                assert max(keys) < query
                if language == "en":
                    assert tokens[query].strip("▁").lower() in heads.PRONOUNS
                else:
                    assert tokens[query].startswith("▁그")
            for query, keys in links["agreement"].items():
                assert max(keys) < query - 1 and "</s>" not in tokens[min(keys) : query]
                counts[language] = counts.get(language, 0) + 1
    assert min(counts.values()) > 20


def test_the_layout_is_that_of_the_stories_that_a_model_reads():
    system = story_model()
    (story, *_) = stories.by_story(RECORDS)
    tokens = ["<s>"]
    for record in story:
        tokens += [*stories.pieces(record, "en", "word"), "</s>"]
    assert system.vocabulary.decode(system.stories(story)[0]) == tokens


@pytest.mark.parametrize(
    ("said", "query", "subject"),
    [
        ("The police officers that Minjun praised were very busy.", "were", {"police", "officers"}),
        ("The doctor the director scolded at school was busy.", "was", {"doctor"}),
        ("The singers who Miyeong praised in the library were very diligent.", "were", {"singers"}),
    ],
)
def test_agreement_by_hand(said, query, subject):
    story, tokens, links = a_story(said, "en")
    here = [q for q, keys in links["agreement"].items() if {tokens[k].strip("▁") for k in keys} == subject]
    assert [tokens[q].strip("▁") for q in here] == [query]
    assert min(links["agreement"][here[0]]) == max(links["sentence"][here[0]]) + 2  # behind "The"


@pytest.mark.parametrize(
    ("said", "query", "subject"),
    [
        ("할아버지께서 시우가 산 장화를 신으셨어요.", "으", "▁할아버지께서"),  # not 시우가, the last noun before
        ("어머니는 집에서 가수들과 빵을 구우셨다.", "▁구우", "▁어머니는"),
        ("그다음에 작가님은 드라마를 보시지 않을 것이다.", "시", "▁작가님은"),
    ],
)
def test_honour_by_hand(said, query, subject):
    story, tokens, links = a_story(said, "ko")
    found = {tokens[q]: "".join(tokens[k] for k in sorted(keys)) for q, keys in links["agreement"].items()}
    assert found[query] == subject


def test_where_the_verb_comes_first_or_the_subject_is_dropped_there_is_no_agreement():
    story, tokens, links = a_story("There was a cute monkey in the field.", "en")
    there = tokens.index("▁There")
    assert not any(there <= q <= there + 3 for q in links["agreement"])
    dropped = [r for r in TESTED if r.entities and r.entities[0].en and not r.entities[0].ko and r.plan.honorific]
    assert dropped
    for record in dropped:
        assert not heads.relations([record], "ko", "morpheme")["agreement"]


def test_pronouns_for_people_and_things_by_hand():
    story, tokens, links = a_story("He remembered Mother's story.", "en")
    found = named(tokens, links["coreference"])
    it = next(keys for (_, word), keys in found.items() if word == "It")
    assert it == {"story"}  # the man is "he", and no one sentence has both as its last mention
    story, tokens, links = a_story("그다음에 경찰관들은 수학을 공부하지 않았다.", "ko")
    pronoun = max(links["coreference"])
    assert tokens[pronoun : pronoun + 2] == ["▁그", "들"]
    assert [tokens[k] for k in sorted(links["coreference"][pronoun])] == ["▁경찰관", "들"]
    assert len(links["coreference, any mention"][pronoun]) == 4  # they were in the sentence before too


# --- grades ---


def test_a_planted_head_gets_all_and_one_beside_it_nothing():
    story, tokens, links = a_story("The girl was gloomy.", "en")
    T = len(tokens) - 1
    for name, each in links.items():
        planted = torch.full((1, 2, T, T), 0.001)
        for query, keys in each.items():
            if query < T:
                planted[0, 0, query, min(keys)] = 0.9
                planted[0, 1, query, query] = 0.9  # itself
        found = heads.grade([planted], [{name: each}])
        if name in found:
            assert found[name].share.tolist() == [[1.0, 0.0]] and found[name].count == sum(q < T for q in each)
    grade = heads.grade([torch.eye(T).expand(1, 1, T, T)], [links])["previous"]
    assert grade.share.item() == 0 and (grade.back, grade.back_share) == (1, 1.0)
    assert grade.chance == pytest.approx(sum(1 / (t + 1) for t in range(1, T)) / (T - 1))


def test_the_rule_that_counts_from_the_start_of_the_sentence_is_there_too():
    golds = [heads.relations(story, "en", "word") for story in stories.by_story(TESTED[:800])]
    looks = [torch.full((1, 1, max(gold["previous"]), max(gold["previous"])), 1.0) for gold in golds]
    grades = heads.grade(looks, golds)
    agreement = grades["agreement, before the verb"]
    assert (agreement.place, agreement.place_share) == (2, 1.0) and agreement.back_share < 0.5  # "The cooks ..."
    assert (grades["sentence"].place, grades["sentence"].place_share) == (0, 1.0)
    planted = [{"a": {5: {2}, 6: {2, 3}, 7: {6}}, "sentence": {5: {1}, 6: {1}, 7: {5}}}]
    a = heads.grade([torch.eye(9).expand(1, 1, 9, 9)], planted)["a"]
    assert (a.place, a.back, a.count) == (1, 3, 3)
    assert (a.place_share, a.back_share) == pytest.approx((1.0, 2 / 3))
    assert a.chance == pytest.approx((1 / 6 + 2 / 7 + 1 / 8) / 3)


def test_neither_batches_nor_company_change_a_look():
    system = story_model()
    one, many = (heads.story_looks(system, RECORDS, batch_size=size) for size in (1, 4))
    for a, b in zip(one, many, strict=True):
        assert (
            a.tokens == b.tokens
            and a.records == b.records
            and a.attention.shape == (2, 2, len(a.tokens), len(a.tokens))
        )
        assert torch.allclose(a.attention, b.attention, atol=1e-5) and torch.allclose(a.bits, b.bits, atol=1e-4)
        assert torch.allclose(a.attention.sum(3), torch.ones(a.attention.shape[:3]), atol=1e-5)
    told = system.stories(RECORDS)
    bos, eos = system.vocabulary["<s>"], system.vocabulary["</s>"]
    right = -log2probs(system.model, [story[1:-1] for story in told], bos=bos, eos=eos)
    assert torch.allclose(torch.tensor([look.bits.sum().item() for look in one]).double(), right, rtol=1e-4)


def test_looks_of_a_translator_are_those_of_teacher_forcing():
    system, pairs = translator(), translation.pairs("ko-en", RECORDS[:9])
    for (source, target), look in zip(pairs, heads.translation_looks(system, pairs, batch_size=4), strict=True):
        S, T = len(source), len(text.split(target, "word")) + 1
        assert look.encoder.shape == (1, 2, S, S) and look.decoder.shape == (1, 2, T, T)
        assert look.cross.shape == (1, 2, T, S) and (look.decoder.triu(1) == 0).all()
        assert torch.allclose(look.cross.sum(3), torch.ones(1, 2, T), atol=1e-5)
        (alone,) = heads.translation_looks(system, [(source, target)])
        assert all(torch.allclose(a, b, atol=1e-5) for a, b in zip(look, alone, strict=True))


def test_places_are_those_of_the_gold_alignment():
    for record in RECORDS:
        pieces = translation.korean([record])[0]
        for number, each in enumerate(attending.places(record)):
            start, end = record.morpheme_spans[number]
            letters = record.ko[start:end]
            assert each and all(0 <= p < len(pieces) for p in each) and each == sorted(each)
            assert not letters or letters[0] in "".join(pieces[p] for p in each)


# --- heads put out ---


def test_a_head_that_is_out_adds_nothing_and_comes_back_whole():
    system = story_model()
    model, ids = system.model, torch.tensor([system.stories(RECORDS)[0]])
    before = {name: value.clone() for name, value in model.state_dict().items()}
    layer = model.layers[0].self_attn
    x = torch.randn(1, 5, 16)
    parts, kept = [], layer.out_proj.bias
    with torch.no_grad():
        whole = layer(x, causal=True)[0]
        for head in range(2):
            with heads.without(model, [(0, 1 - head)]):
                parts.append(layer(x, causal=True)[0] - kept)
        assert torch.allclose(parts[0] + parts[1] + kept, whole, atol=1e-6)
        with heads.without(model, [(0, 0), (0, 1)]):
            assert torch.allclose(layer(x, causal=True)[0], kept.expand_as(whole), atol=1e-7)
        logits = model(ids).logits
        with heads.without(model, [(1, 0)]):
            assert not torch.allclose(model(ids).logits, logits)
    with pytest.raises(RuntimeError, match="on purpose"), heads.without(model, [(0, 0), (0, 0), (1, 1)]):
        raise RuntimeError("on purpose")
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())


def test_ablation_is_the_difference_of_the_mean_bits():
    system = story_model()
    whole, costs = heads.ablation(system, RECORDS, progress=False)
    bits = torch.cat([look.bits for look in heads.story_looks(system, RECORDS)])
    assert whole == pytest.approx(bits.mean().item(), abs=1e-4) and costs.shape == (2, 2)
    with heads.without(system.model, [(1, 0)]):
        less = torch.cat([look.bits for look in heads.story_looks(system, RECORDS)]).mean().item()
    assert costs[1, 0].item() == pytest.approx(less - whole, abs=1e-4)
    both = translator()
    whole, costs = heads.ablation(both, translation.pairs("ko-en", RECORDS), progress=False)
    assert math.isfinite(whole) and {part: tuple(each.shape) for part, each in costs.items()} == dict.fromkeys(
        ("encoder", "decoder", "cross"), (1, 2)
    )
    assert all(each.abs().sum() > 0 for each in costs.values())


def test_the_tellers_of_the_package_follow_agreement_and_one_head_carries_it_in_korean():
    """The figures that the chapter tells: if these weights are trained anew, its words have to be read again."""
    system = tasks.load("story-ko")
    looks = heads.story_looks(system, TESTED[:800])
    grades = heads.grade(looks, [heads.relations(look.records, "ko", "morpheme") for look in looks])
    grade = grades["agreement, before the verb"]
    assert grade.share.max() > 0.9 > 2 * grade.chance and grade.back_share < 0.7
    best = divmod(grade.share.argmax().item(), grade.share.shape[1])
    whole, less = (heads.foils_right(system, TESTED[:800], heads=out) for out in ([], [best]))
    assert whole > 0.9 and less < whole - 0.2


def test_what_it_costs_where_a_relation_looks_from():
    system = story_model()
    records, name = TESTED[:160], "agreement, before the verb"
    whole, costs = heads.ablation(system, records, progress=False, relation=name)

    def by_hand():
        looks = heads.story_looks(system, records)
        golds = [heads.relations(look.records, "en", "word")[name] for look in looks]
        bits = [look.bits[q].item() for look, gold in zip(looks, golds, strict=True) for q in gold]
        return sum(bits) / len(bits)

    assert whole == pytest.approx(by_hand(), abs=1e-4)
    with heads.without(system.model, [(0, 1)]):
        assert costs[0, 1].item() == pytest.approx(by_hand() - whole, abs=1e-4)


@pytest.mark.parametrize("language", ["en", "ko"])
def test_minimal_pairs_are_judged_in_their_story_and_cut_alike(language):
    system, right, count = story_model(language), 0, 0
    vocabulary = system.vocabulary
    for n, record in enumerate(TESTED[:400]):
        for foil in record.foils:
            if foil.language != language or foil.distance < 1 or record.en.startswith("There "):
                continue
            if (language == "ko" and not foil.marked) or ", there " in record.en:
                continue
            pieces = heads._wrong_pieces(record, foil, language, system.unit)
            assert text.join(pieces, system.unit) == foil.wrong
            same = set(stories.pieces(record, language, system.unit))
            assert len([p for p in pieces if p not in same]) <= 2  # only the verb differs
            told = system.stories(TESTED[n - record.position : n + 1])[0]
            size = len(stories.pieces(record, language, system.unit)) + 1
            scores = []
            for sentence in (stories.pieces(record, language, system.unit), pieces):
                ids = torch.tensor([[*told[:-size], *vocabulary.encode(sentence), vocabulary["</s>"]]])
                with torch.no_grad():
                    log_probs = system.model(ids[:, :-1]).logits.log_softmax(2)
                each = log_probs.gather(2, ids[:, 1:, None])[0, :, 0]
                scores.append(each[len(told) - size - 1 :].sum().item())
            right, count = right + (scores[0] > scores[1]), count + 1
    assert count > 20 and heads.foils_right(system, TESTED[:400]) == pytest.approx(right / count)


def test_a_story_without_its_beginning_is_judged_on_what_there_is(monkeypatch):
    asked, system = [], story_model()
    bos, eos = system.vocabulary["<s>"], system.vocabulary["</s>"]

    def seen(model, sentences, prefixes, **rest):
        asked.append((sentences, prefixes))
        return log2probs(model, sentences, prefixes=prefixes, **rest)

    monkeypatch.setattr(heads, "log2probs", seen)
    first = next(n for n, r in enumerate(TESTED) if r.en == "The tourists who Yuna helped were happy.")
    assert TESTED[first].position > 1  # its story begins before what is given
    heads.foils_right(system, TESTED[first - 1 : first + 1])
    (right, before), (wrong, same) = asked
    assert before == same == system.stories([TESTED[first - 1]])
    assert before[0][0] == bos and before[0][-1] == eos
    assert right == [system.vocabulary.encode(stories.pieces(TESTED[first], "en", "word"))]
    assert wrong != right and eos not in wrong[0]  # log2probs adds the end itself


def test_minimal_pairs_of_an_untrained_model_are_a_coin_flip():
    share = heads.foils_right(story_model(), TESTED[:400])
    assert 0.2 < share < 0.8


# --- what it refuses ---


def test_what_cannot_be_is_said():
    system = story_model()
    for wrong in ((2, 0), (0, 2), (-1, 0), ("cross", 0, 0)):
        with pytest.raises(ValueError, match="2 layers of 2 heads"), heads.without(system.model, [wrong]):
            pass
    with pytest.raises(ValueError, match="cross 1 layers"), heads.without(translator().model, [("side", 0, 0)]):
        pass
    with pytest.raises(ValueError, match="sentences of 2"):
        heads.relations(TESTED[:16], "en", "word")
    with pytest.raises(ValueError, match="no relation 'subject'; there are 'previous'"):
        heads.ablation(system, RECORDS, progress=False, relation="subject")
    with pytest.raises(ValueError, match="not of translations: there is no 'previous'"):
        heads.ablation(translator(), [], progress=False, relation="previous")
    with pytest.raises(ValueError, match="'syllable's"):
        heads.relations(RECORDS[:8], "ko", "syllable")
    with pytest.raises(ValueError, match="1 looks need as many dicts of right links, not 2"):
        heads.grade([torch.ones(1, 1, 2, 2)], [{}, {}])
    with pytest.raises(ValueError, match="99 words between"):
        heads.foils_right(system, RECORDS, least=99)
