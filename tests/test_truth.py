"""The truth about masked words: equal to what all stories of a tiny world say, and calibrated in the whole world."""

import math
from functools import cache

import pytest
from small_world import tiny

from lmcourse import world
from lmcourse.text import split
from lmcourse.world import english_text, korean_text, truth
from lmcourse.world.choice import Every
from lmcourse.world.law import Law
from lmcourse.world.plan import State

LAW = Law(tiny(), story_length=3, keep_on=0.5)


def words(text):
    return text.replace(",", " ,").replace(".", " .").split()


def wordpieces(text):
    """The first character of a word, then the others, as BERT marks them."""
    return [piece for word in words(text) for piece in (word[0], *(f"##{c}" for c in word[1:]))]


TOKENIZERS = words, wordpieces, list


@cache
def wordings(language, plan, register):
    def say(dice):
        return (korean_text.say(plan, dice, register) if language == "ko" else english_text.say(plan, dice)).text

    return dict(Every().runs(say))


@cache
def sentences(language, state, register):
    """All texts that may follow, each with its probability and the state after it, by adding up all draws."""
    plans, found = {}, {}
    for (plan, after), p in Every().runs(lambda dice: LAW.draw(dice, state)):
        plans[plan] = plans.get(plan, (0.0,))[0] + p, after
    for plan, (p, after) in plans.items():
        for text, style in wordings(language, plan, register).items():
            found[text] = found.get(text, (0.0,))[0] + p * style, after
    return found


@cache
def continuation(language, texts, state, register):
    """The probability that these texts follow."""
    if not texts:
        return 1.0
    p, after = sentences(language, state, register).get(texts[0], (0.0, None))
    return p and p * continuation(language, texts[1:], after, register)


def by_listing(language, story, place, tokenize):
    """For each token, the weight of all stories that differ from the given one there alone."""
    register, texts = story[0]._register, [getattr(r, language) for r in story]
    state = State()
    for text in texts[:place]:
        state = sentences(language, state, register)[text][1]
    tokens = tokenize(texts[place])
    found = [{} for _ in tokens]
    for text, (p, after) in sentences(language, state, register).items():
        others = tokenize(text)
        if len(others) != len(tokens):
            continue
        differ = [j for j, (a, b) in enumerate(zip(tokens, others, strict=True)) if a != b]
        if len(differ) > 1:
            continue
        p *= continuation(language, tuple(texts[place + 1 :]), after, register)
        for j in differ or range(len(tokens)):
            found[j][others[j]] = found[j].get(others[j], 0.0) + p
    return [{token: p / math.fsum(at.values()) for token, p in at.items() if p} for at in found]


@pytest.mark.parametrize("language", ["en", "ko"])
@pytest.mark.parametrize(
    "number, place, length",
    [(0, 0, 2), (1, 1, 3), (2, 1, 3), (3, 1, 3), (3, 2, 3), (4, 0, 1), (5, 1, 3), (6, 1, 2), (13, 2, 3), (24, 2, 3)],
)
def test_equal_to_a_list_of_all_stories(language, number, place, length):
    story = world._story(LAW, number, "truth")[:length]
    for tokenize in TOKENIZERS:
        want = by_listing(language, story, place, tokenize)
        got = truth.masked(story, place, language, tokenize, LAW)
        for i, (a, b) in enumerate(zip(want, got, strict=True)):
            if (language, length) == ("ko", 1):  # the register is open, and the list above has but one
                assert set(a) <= set(b)
            else:
                assert b == pytest.approx(a, abs=1e-10), (story, place, i)


def test_a_story_of_one_sentence_leaves_the_register_open():
    story = next(s for s in (world._story(LAW, n, "register") for n in range(99)) if s[0].tense == "past")[:1]
    texts = {}
    for (plan, _), p in Every().runs(lambda dice: LAW.draw(dice, State())):
        for register, q in korean_text.REGISTERS.p.items():
            for text, style in wordings("ko", plan, register).items():
                texts[text] = texts.get(text, 0.0) + p * q * style
    assert math.fsum(texts.values()) == pytest.approx(1)
    found = truth.alternatives(story, 0, "ko", LAW)
    assert found == pytest.approx({text: texts[text] / texts[story[0].ko] for text in found})
    assert {text for text in texts if text.split()[:-1] == story[0].ko.split()[:-1]} <= set(found)
    assert texts[story[0].ko] == pytest.approx(2 ** -story[0].bits_ko)


@pytest.mark.parametrize("language, unit", [("en", "word"), ("ko", "syllable")])
def test_calibrated_in_the_whole_world(language, unit):
    """What is said to have probability p comes true so often: the mean of p(true) is the mean of the sum of p**2."""
    n = surplus = variance = gaps = 0
    for number in range(4):
        story = world.generate(8 * (number + 1), seed="calibration")[-8:]
        for place, record in enumerate(story):
            tokens = split(getattr(record, language), unit)
            for token, p in zip(tokens, truth.masked(story, place, language, lambda t: split(t, unit)), strict=True):
                assert math.fsum(p.values()) == pytest.approx(1) and p[token] > 0
                square = sum(q**2 for q in p.values())
                n, surplus, gaps = n + 1, surplus + p[token] - square, gaps + (len(p) > 1)
                variance += sum(q**3 for q in p.values()) - square**2
    assert gaps > 0.05 * n
    assert abs(surplus) < 3 * math.sqrt(variance)


def test_a_later_pronoun_tells_who_it_was():
    """Nobody but a woman can be whom a later "she" means."""
    stories = (world.generate(8 * n, seed="she")[-8:] for n in range(1, 99))
    story, place = next(
        (s, i) for s in stories for i, r in enumerate(s[:-1])
        if not r.plan.same and r.plan.subject and r.en.startswith(r.plan.subject[0].en + " ")
        and s[i + 1].en.startswith("She ")
    )  # fmt: skip
    texts = truth.alternatives(story, place, "en")
    law, name = world._law(), story[place].plan.subject[0].en
    others = {p.en: p.gender for p in law.people if story[place].en.replace(name, p.en) in texts}
    assert set(others.values()) == {"f"} and len(others) > 5
    assert texts[story[place].en] == 1


@pytest.mark.parametrize(
    "story, place, language, message",
    [
        (slice(0, 8), 8, "en", "not 8"),
        (slice(0, 8), -1, "en", "not -1"),
        (slice(0, 8), 0, "fr", "not 'fr'"),
        (slice(1, 8), 0, "en", "from its beginning"),
        (slice(0, 9), 0, "en", "from its beginning"),
        (slice(0, 0), 0, "en", "not 0"),
    ],
)
def test_bad_input_is_named(story, place, language, message):
    with pytest.raises(ValueError, match=message):
        truth.alternatives(world.generate(16)[story], place, language)
