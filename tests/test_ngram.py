"""N-gram models: laws that sum to 1, equality with a slow reference and with KenLM, and bad input."""

import itertools
import json
import math
import os
import random
from collections import Counter, defaultdict
from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from lmcourse import datasets, world
from lmcourse.ngram import AddK, Interpolated, KneserNey, MaximumLikelihood, NGram, OpenVocabulary, read_arpa

RECORDED = Path(__file__).parents[1] / "benchmarks" / "results" / "ngram.json"
QUICK = settings(max_examples=60, deadline=None)
TINY = [s.split() for s in ("the cat sat", "the cat ran", "a dog sat down", "the dog", "the cat sat down", "")]


def zipf(sentences, words=60, seed=0):
    """Sentences of words that are as unevenly frequent as real ones."""
    draw = random.Random(seed)
    weights = [1 / (i + 1) for i in range(words)]
    names = [f"w{i}" for i in range(words)]
    return [draw.choices(names, weights, k=draw.randrange(0, 12)) for _ in range(sentences)]


TEXT, TEST = zipf(400), zipf(40, words=75, seed=1)  # the test has words that the text has not
MODELS = {
    "ml": lambda order: MaximumLikelihood(order, "cpu"),
    "add-k": lambda order: AddK(order, 0.3, "cpu"),
    "fixed weights": lambda order: Interpolated(order, [1 / (order + 1)] * (order + 1), "cpu"),
    "learned weights": lambda order: Interpolated(order, device="cpu"),
    "kneser-ney": lambda order: KneserNey(order, "cpu"),
}
FITTED = {(name, order): make(order).fit(TEXT) for name, make in MODELS.items() for order in (1, 2, 3, 5)}
each_model = pytest.mark.parametrize("model", FITTED.values(), ids=[f"{n} {o}" for n, o in FITTED])
WORDS = st.lists(st.sampled_from([f"w{i}" for i in (0, 1, 2, 3, 5, 8, 13, 30, 59, 70)]), max_size=8)


def ngrams(sentences, k):
    """All k-grams of the sentences with their marks, by the slowest and clearest way."""
    for sentence in sentences:
        marked = ["<s>", *sentence, "</s>"]
        yield from (tuple(marked[i : i + k]) for i in range(len(marked) - k + 1))


# Kneser-Ney, from the papers -----------------------------------------------------------------------


class Reference:
    """Interpolated modified Kneser-Ney in dictionaries, as Chen & Goodman and Heafield et al. write it."""

    def __init__(self, sentences, order):
        self.order = order
        self.vocabulary = {word for sentence in sentences for word in sentence} | {"</s>", "<unk>"}
        raw = [Counter(ngrams(sentences, k)) for k in range(order + 1)]
        self.a = [None] * (order + 1)  # a[k][k-gram]: the adjusted counts
        for k in range(1, order):
            before = defaultdict(set)
            for gram in raw[k + 1]:
                before[gram[1:]].add(gram[0])
            self.a[k] = {g: raw[k][g] if g[0] == "<s>" else len(before[g]) for g in raw[k]}
        self.a[order] = dict(raw[order])
        self.a[1].pop(("<s>",))
        self.followers = [defaultdict(list) for _ in range(order + 1)]  # [k][context of k - 1]: the counts after
        for k in range(1, order + 1):
            for gram, count in self.a[k].items():
                self.followers[k][gram[:-1]].append(count)
        self.D = [None] + [self.discounts(self.a[k].values()) for k in range(1, order + 1)]

    @staticmethod
    def discounts(counts):
        n = Counter(counts)
        if not (n[1] and n[2] and n[3]):
            return 0, 0.5, 1, 1.5
        Y = n[1] / (n[1] + 2 * n[2])
        D = 0, 1 - 2 * Y * n[2] / n[1], 2 - 3 * Y * n[3] / n[2], 3 - 4 * Y * n[4] / n[3]
        return D if all(0 <= D[i] <= i for i in range(4)) else (0, 0.5, 1, 1.5)

    def p(self, word, context):
        context = tuple(context)[-(self.order - 1) :] if self.order > 1 else ()
        return self.recursion(word if word in self.vocabulary else "<unk>", context)

    def recursion(self, word, context):
        k = len(context) + 1
        shorter = self.recursion(word, context[1:]) if context else 1 / len(self.vocabulary)
        counts = self.followers[k].get(context)
        if not counts:
            return shorter
        D, total = self.D[k], sum(counts)
        count = self.a[k].get((*context, word), 0)
        given_up = sum(D[min(c, 3)] for c in counts)
        return (count - D[min(count, 3)]) / total + given_up / total * shorter

    def log2prob(self, sentence):
        marked = ["<s>", *sentence, "</s>"]
        return sum(math.log2(self.p(marked[i], marked[:i])) for i in range(1, len(marked)))


@pytest.mark.parametrize("order", range(1, 6))
@pytest.mark.parametrize("text", [TEXT, TINY, zipf(3000, words=300)], ids=["text", "tiny", "large"])
def test_kneser_ney_is_that_of_the_papers(text, order):
    model, reference = KneserNey(order, "cpu").fit(text), Reference(text, order)
    for k in range(1, order + 1):
        assert model.discounts[k] == pytest.approx(reference.D[k][1:], rel=1e-12)
    got = model.log2probs(TEST + TINY)
    wanted = [reference.log2prob(sentence) for sentence in TEST + TINY]
    assert torch.allclose(got, torch.tensor(wanted, dtype=torch.float64), rtol=1e-10, atol=0)
    for context in ([], ["the"], ["w0", "w1"], ["never", "w0"], ["w1"] * 9):
        for word, p in model.next_word(context).items():
            assert p == pytest.approx(reference.p(word, ["<s>", *context]), rel=1e-10)


def test_the_texts_of_that_test_cover_both_kinds_of_discounts():
    assert KneserNey(3, "cpu").fit(zipf(3000, words=300)).fallback_orders != (1, 2, 3)
    assert KneserNey(3, "cpu").fit(zipf(3000, words=300)).discounts[3] != (0.5, 1, 1.5)
    assert KneserNey(3, "cpu").fit(TINY).fallback_orders == (1, 2)


@pytest.mark.parametrize("text", [[[]], [["a"]], [["a"], ["a"]], [["a", "b"] * 50], [["a"] * 9] * 9, TINY])
@pytest.mark.parametrize("order", [1, 2, 3, 6])
def test_degenerate_texts_get_the_fallback_and_never_a_nan(text, order):
    model = KneserNey(order, "cpu").fit(text)
    assert text == TINY or model.fallback_orders
    for k in model.fallback_orders:
        assert model.discounts[k] == (0.5, 1.0, 1.5)
    for sentence in ([], ["a"], ["a", "b", "a"], ["new"], ["a"] * 20):
        assert -math.inf < model.log2prob(sentence) < 0
    assert sum(model.next_word(["a"]).values()) == pytest.approx(1, abs=1e-12)


# Laws that every model obeys -----------------------------------------------------------------------


@each_model
@QUICK
@given(context=WORDS, bos=st.booleans())
def test_next_word_is_a_distribution(model, context, bos):
    law = model.next_word(context, bos=bos)
    assert set(law) == {word for sentence in TEXT for word in sentence} | {"</s>", "<unk>"}
    assert min(law.values()) >= 0
    assert math.fsum(law.values()) == pytest.approx(1, abs=1e-12)
    assert list(law.values()) == sorted(law.values(), reverse=True)
    assert list(model.next_word(context, top=3, bos=bos).items()) == list(law.items())[:3]


@each_model
@QUICK
@given(sentence=WORDS)
def test_a_sentence_is_the_product_of_its_next_words(model, sentence):
    total = 0.0
    for i, word in enumerate([*sentence, "</s>"]):
        law = model.next_word(sentence[:i])
        p = law.get(word, law["<unk>"])
        total += math.log2(p) if p else -math.inf
    assert model.log2prob(sentence) == pytest.approx(total, rel=1e-10)


@each_model
@QUICK
@given(context=WORDS)
def test_only_the_last_words_count(model, context):
    near = context[len(context) - model.order + 1 :] if len(context) >= model.order else context
    if len(near) == model.order - 1:
        assert model.next_word(context) == model.next_word(["w70", "w1", *near]) == model.next_word(near, bos=False)


@each_model
def test_the_future_does_not_change_the_past(model):
    sentence = ["w0", "w1", "w2", "w0", "w3", "w1"]
    before = model.score(model.encode([sentence]))
    for i in range(len(sentence)):
        for word in ("w5", "w70"):
            after = model.score(model.encode([[*sentence[:i], word, *sentence[i + 1 :]]]))
            assert torch.equal(before[: i + 1], after[: i + 1])


@each_model
def test_many_sentences_at_once_are_the_same_as_one_by_one(model):
    sentences = [*TEXT[:30], *TEST, [], ["w0"]]
    one_by_one = torch.tensor([model.log2prob(s) for s in sentences], dtype=torch.float64)
    assert torch.allclose(model.log2probs(sentences), one_by_one, rtol=1e-12)
    assert torch.allclose(model.log2probs(iter(sentences)), one_by_one, rtol=1e-12)
    ids = model.encode(sentences)
    assert torch.allclose(model.log2probs(ids), one_by_one, rtol=1e-12)
    tokens = sum(len(s) + 1 for s in sentences)
    assert model.score(ids).sum().item() == pytest.approx(one_by_one.sum().item())
    assert (model.score(ids)[ids == 1] == 0).all() and int((ids != 1).sum()) == tokens
    expected = 2 ** (-one_by_one.sum().item() / tokens)
    assert model.perplexity(sentences) == pytest.approx(expected) == model.perplexity(ids)


@each_model
def test_fit_reads_any_iterable_and_again(model):
    again = MODELS[next(name for (name, _), fitted in FITTED.items() if fitted is model)](model.order)
    again.fit([["other"]]).fit(tuple(sentence) for sentence in TEXT)
    assert again.log2probs(TEST).tolist() == model.log2probs(TEST).tolist()


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA GPU")
@each_model
def test_the_gpu_gives_the_same_model(model):
    name = next(name for (name, _), fitted in FITTED.items() if fitted is model)
    there = MODELS[name](model.order)
    there.device = torch.device("cuda")
    there.fit(TEXT)
    assert torch.allclose(there.log2probs(TEST).cpu(), model.log2probs(TEST), rtol=1e-10)
    assert there.next_word(["w0"]) == pytest.approx(model.next_word(["w0"]), rel=1e-10)
    assert there.generate(3) == model.generate(3)


# The counts ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("order", [1, 2, 4])
def test_counts_are_the_counts(order):
    model = MaximumLikelihood(order, "cpu").fit(TEXT)
    for k in range(1, order + 1):
        brute = Counter(ngrams(TEXT, k))
        assert model.counts(k) == brute
        assert list(model.counts(k).values()) == sorted(brute.values(), reverse=True)
        assert list(model.counts(k, top=4).values()) == [count for _, count in brute.most_common(4)]
        for gram in [*itertools.islice(brute, 20), ("w59",) * k, ("never",) * k]:
            assert model.count(gram) == model.count(list(gram)) == brute[gram]
        if k < order:
            before = defaultdict(set)
            for gram in ngrams(TEXT, k + 1):
                before[gram[1:]].add(gram[0])
            for gram in [*itertools.islice(before, 20), ("never",) * k]:
                assert model.continuation_count(gram) == len(before[gram])


def test_continuation_counts_tell_francisco_from_glasses():
    text = [["San", "Francisco"]] * 9 + [[w, "glasses"] for w in ("my", "your", "the", "new")]
    ml, kn = MaximumLikelihood(2, "cpu").fit(text), KneserNey(2, "cpu").fit(text)
    assert ml.count(["Francisco"]) == 9 > ml.count(["glasses"]) == 4
    assert kn.continuation_count(["Francisco"]) == 1 < kn.continuation_count(["glasses"]) == 4
    after_new_word = kn.next_word(["reading"])
    assert after_new_word["glasses"] > after_new_word["Francisco"]


def test_maximum_likelihood_divides_counts():
    model = MaximumLikelihood(2, "cpu").fit(TINY)
    assert model.next_word(["the"])["cat"] == model.count(["the", "cat"]) / model.count(["the"]) == 3 / 4
    assert model.next_word([])["the"] == 4 / 6
    assert model.log2prob("the cat sat".split()) == pytest.approx(math.log2(4 / 6 * 3 / 4 * 2 / 3 * 1 / 3))
    assert model.log2prob("the cat down".split()) == -math.inf
    assert model.log2prob("the lion sat".split()) == -math.inf
    assert model.perplexity([["the", "cat"], ["the", "lion"]]) == math.inf
    unseen = model.next_word(["lion"])  # falls back on the longest ending that was seen, here none
    assert unseen["the"] == 4 / (16 + 6)


@pytest.mark.parametrize("order", [1, 2, 3])
@pytest.mark.parametrize("k", [1, 0.01])
def test_add_k_adds_k(order, k):
    model = AddK(order, k, "cpu").fit(TEXT)
    V = len({word for sentence in TEXT for word in sentence}) + 2
    raw = [Counter(ngrams(TEXT, i)) for i in range(order + 1)]
    for sentence in [*TEST, []]:
        marked = ["<s>", *(w if raw[1][w,] else "<unk>" for w in sentence), "</s>"]
        total = 0.0
        for i in range(1, len(marked)):
            context = tuple(marked[max(0, i - order + 1) : i])
            after = sum(c for g, c in raw[len(context) + 1].items() if g[:-1] == context and g != ("<s>",))
            total += math.log2((raw[len(context) + 1][*context, marked[i]] + k) / (after + k * V))
        assert model.log2prob(sentence) == pytest.approx(total, rel=1e-12)
    assert len(set(model.next_word(["never", "seen"]).values())) == (1 if order > 1 else 21) or order == 1


def test_interpolation_mixes_the_orders():
    weights = 0.1, 0.2, 0.3, 0.4
    model = Interpolated(3, weights, "cpu").fit(TINY)
    ml = {k: MaximumLikelihood(k, "cpu").fit(TINY) for k in (1, 2, 3)}
    V = len(model.next_word([]))
    for context in (["the", "cat"], ["a", "dog"], ["the"], []):
        mixed, law = [0.1 / V, 0.2, 0.3, 0.4], model.next_word(context)
        if not context:  # one word of context, <s>, so the weight of the trigram is shared out
            mixed = [w / 0.6 for w in mixed[:3]]
        for word, p in law.items():
            orders = range(1, len(mixed))
            assert p == pytest.approx(mixed[0] + sum(mixed[k] * ml[k].next_word(context)[word] for k in orders))
    new = model.next_word(["new", "words"])  # no context was seen: unigrams and the uniform law alone
    assert new["cat"] == pytest.approx((0.1 / V + 0.2 * ml[1].next_word([])["cat"]) / 0.3)
    only = Interpolated(2, (0, 0, 1), "cpu").fit(TINY)
    assert only.log2probs(TINY).tolist() == ml[2].log2probs(TINY).tolist()


@pytest.mark.parametrize("order", [1, 2, 3])
def test_learned_weights_suit_the_held_out_text_best(order):
    held_out = zipf(300, words=75, seed=2)
    model = Interpolated(order, device="cpu").fit(TEXT, held_out)
    assert sum(model.weights) == pytest.approx(1) and min(model.weights) > 0
    best = model.perplexity(held_out)
    draw = random.Random(0)
    for _ in range(40):
        other = [w * math.exp(draw.gauss(0, 0.4)) for w in model.weights]
        other = [w / sum(other) for w in other]
        assert Interpolated(order, other, "cpu").fit(TEXT).perplexity(held_out) > best * (1 - 5e-4)


def test_weights_are_learned_on_sentences_that_were_set_aside():
    model = Interpolated(2, device="cpu").fit(TEXT)
    train, held_out = [s for i, s in enumerate(TEXT) if i % 10], TEXT[::10]
    assert model.weights == Interpolated(2, device="cpu").fit(train, held_out).weights
    assert model.count(["w0"]) == MaximumLikelihood(2, "cpu").fit(TEXT).count(["w0"])  # and then all are counted
    greedy = Interpolated(2, device="cpu").fit(TEXT, TEXT)
    assert greedy.weights[2] > model.weights[2]
    assert Interpolated(3, device="cpu").fit([["a", "b"]]).weights == (0.25,) * 4


# Generating ----------------------------------------------------------------------------------------


@each_model
def test_generating_obeys_its_arguments(model):
    assert model.generate(1) == model.generate(1) == model.generate(torch.Generator().manual_seed(1))
    assert len({tuple(model.generate(seed)) for seed in range(20)}) > 5
    assert len({tuple(model.generate()) for _ in range(20)}) > 5
    assert model.generate(0, context=["w0", "new"])[:2] == ["w0", "new"]
    assert len(model.generate(0, max_length=2, temperature=5)) <= 2
    assert model.generate(0, max_length=0) == []
    assert model.generate(0, temperature=0) == model.generate(5, top_k=1)
    assert all("<unk>" not in model.generate(seed, temperature=9, max_length=20) for seed in range(20))
    best = [*itertools.islice((w for w in model.next_word([]) if w != "<unk>"), 3)]
    first = {(model.generate(seed, top_k=3, max_length=1) or ["</s>"])[0] for seed in range(60)}
    assert first == set(best)


def test_generated_words_have_the_frequencies_of_the_model():
    model, n = FITTED["kneser-ney", 3], 4000
    generator = torch.Generator().manual_seed(0)
    for temperature in (1, 0.5, 2):
        law = {w: p ** (1 / temperature) for w, p in model.next_word(["w0"]).items() if w != "<unk>"}
        total = sum(law.values())
        seen = Counter(
            (model.generate(generator, context=["w0"], max_length=2, temperature=temperature)[1:] or ["</s>"])[0]
            for _ in range(n)
        )
        chi2 = sum((seen[w] - n * p / total) ** 2 / (n * p / total) for w, p in law.items() if n * p / total > 5)
        cells = sum(n * p / total > 5 for p in law.values())
        assert chi2 < cells + 4 * math.sqrt(2 * cells)


def test_greedy_generation_follows_the_likeliest_words():
    model = KneserNey(2, "cpu").fit(TINY)
    sentence = model.generate(0, temperature=0)
    for i, word in enumerate([*sentence, "</s>"]):
        assert word == next(iter(model.next_word(sentence[:i])))


def test_an_open_vocabulary_pays_for_the_spelling_of_unknown_words_only():
    model = OpenVocabulary(KneserNey(2, "cpu"), KneserNey(3, "cpu")).fit(TEXT)
    plain, letters = (
        FITTED["kneser-ney", 2],
        KneserNey(3, "cpu").fit(map(list, sorted({w for s in TEXT for w in s}))),
    )
    sentences = [["w0", "w1"], ["w61", "w0", "w77"], [], ["w99"]]
    expected = plain.log2probs(sentences).tolist()
    for i, words in {1: ("w61", "w77"), 3: ("w99",)}.items():
        expected[i] += sum(letters.log2prob(list(word)) for word in words)
    assert model.log2probs(sentences).tolist() == pytest.approx(expected)
    assert model.log2probs(iter(sentences)).tolist() == pytest.approx(expected)
    snow = plain.log2prob(["☃"]) + letters.log2prob(["☃"]) - math.log2(0x110000)  # a letter never seen
    assert model.log2probs([["☃"]]).tolist() == pytest.approx([snow])


# ARPA files ----------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def kenlm():
    if os.environ.get("CI") == "true":
        import kenlm
    else:
        kenlm = pytest.importorskip("kenlm", reason="KenLM's Python module is not installed: pip install kenlm")
    return kenlm


BACKOFF = [(name, order) for name, order in FITTED if name != "add-k" or order == 1]


@pytest.mark.parametrize("key", BACKOFF, ids=str)
def test_arpa_files_read_back(key, tmp_path):
    model = FITTED[key]
    model.write_arpa(tmp_path / "model.arpa")
    again = read_arpa(tmp_path / "model.arpa", "cpu")
    assert again.order == model.order
    assert torch.allclose(again.log2probs(TEST + TEXT), model.log2probs(TEST + TEXT), rtol=1e-7)
    assert again.next_word(["w0", "w1"]) == pytest.approx(model.next_word(["w0", "w1"]), rel=1e-7)
    assert again.words == model.words and again.generate(3) == model.generate(3)
    again.write_arpa(tmp_path / "again.arpa")
    lines, lines_again = ((tmp_path / f"{n}.arpa").read_text("utf-8").splitlines() for n in ("model", "again"))
    assert [line.split("\t")[1:2] for line in lines] == [line.split("\t")[1:2] for line in lines_again]
    assert lines[:2] == ["\\data\\", f"ngram 1={len(model.words)}"] and lines[-1] == "\\end\\"


@pytest.mark.parametrize("key", [key for key in BACKOFF if key[1] > 1 and key[0] != "ml"], ids=str)
def test_kenlm_scores_our_files_as_we_do(key, tmp_path, kenlm):
    model = FITTED[key]
    model.write_arpa(tmp_path / "model.arpa")
    theirs = kenlm.Model(str(tmp_path / "model.arpa"))
    for sentence in [*TEST, *TEXT[:50], []]:
        assert model.log2prob(sentence) == pytest.approx(theirs.score(" ".join(sentence)) / math.log10(2), rel=1e-5)
    for p, (log10, _, _) in zip(
        model.score(model.encode([TEST[3]]))[1:].tolist(), theirs.full_scores(" ".join(TEST[3])), strict=True
    ):
        assert p == pytest.approx(log10 / math.log10(2), rel=1e-4)


def test_kenlm_scores_our_maximum_likelihood_files_where_the_probability_is_not_zero(tmp_path, kenlm):
    model = FITTED["ml", 3]
    model.write_arpa(tmp_path / "model.arpa")
    theirs = kenlm.Model(str(tmp_path / "model.arpa"))
    for sentence in TEXT[:50]:
        assert model.log2prob(sentence) == pytest.approx(theirs.score(" ".join(sentence)) / math.log10(2), rel=1e-5)
    assert theirs.score("w0 never") < -90


PRUNED = """\\data\\
ngram 1=5
ngram 2=3
ngram 3=1

\\1-grams:
-99\t<s>\t-0.5
-1.0\t</s>
-2.0	<unk>
-0.4\t나는\t-0.3
-0.6\t밥을\t-0.1

\\2-grams:
-0.2\t<s> 나는\t-0.25
-0.3\t나는 밥을\t-0.05
-0.1\t밥을 </s>

\\3-grams:
-0.01\t<s> 나는 밥을

\\end\\
"""


def test_a_file_of_another_tool(tmp_path):
    """Pruned n-grams, and all that the format allows: notes before, CRLF, spaces instead of tabs."""
    loose = "notes may come before\n\n" + PRUNED.replace("-2.0\t", "-2.0  ").replace("\n", "\r\n")
    (tmp_path / "theirs.arpa").write_text(loose, "utf-8", newline="")
    model = read_arpa(tmp_path / "theirs.arpa", "cpu")
    log10 = model.score(model.encode([["나는", "밥을"], ["밥을"]])) * math.log10(2)
    assert log10.tolist() == pytest.approx([0, -0.2, -0.01, -0.05 - 0.1, 0, -0.5 - 0.6, -0.1])
    with pytest.raises(NotImplementedError, match="NGram"):
        model.fit(TINY)
    with pytest.raises(ValueError, match="no counts"):
        model.counts(2)
    with pytest.raises(ValueError, match="no counts"):
        model.count(["나는"])


def test_kenlm_reads_that_file_as_we_do(tmp_path, kenlm):
    (tmp_path / "theirs.arpa").write_text(PRUNED, "utf-8")
    model, theirs = read_arpa(tmp_path / "theirs.arpa", "cpu"), kenlm.Model(str(tmp_path / "theirs.arpa"))
    for length in range(4):
        for sentence in itertools.product(["나는", "밥을", "책을"], repeat=length):
            log10 = theirs.score(" ".join(sentence))
            assert model.log2prob(sentence) * math.log10(2) == pytest.approx(log10, rel=1e-5)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("\\data\\", "data", "not an ARPA file"),
        ("\\end\\", "", "not whole"),
        ("-0.1\t밥을 </s>\n", "", "not whole"),
        ("ngram 2=3\n", "", "not whole"),
        ("ngram 1=5", "ngram one=5", "line 2"),
        ("-0.3\t나는 밥을", "-0.3x\t나는 밥을", "line 15.*-0.3x"),
        ("-0.3\t나는 밥을\t-0.05", "-0.3\t나는 밥을\t-0.05\t1", "line 15"),
        ("-0.3\t나는 밥을\t-0.05", "-0.3\t나는", "line 15"),
        ("<s> 나는 밥을", "밥을 나는 밥을", "밥을', '나는"),
        ("나는 밥을\t-0.05", "나는 책을\t-0.05", "책을"),
        ("-0.1\t밥을 </s>", "-0.1\t나는 밥을", "twice"),
    ],
)
def test_damaged_arpa_files(tmp_path, old, new, message):
    assert old in PRUNED
    (tmp_path / "bad.arpa").write_text(PRUNED.replace(old, new), "utf-8")
    with pytest.raises(ValueError, match=message):
        read_arpa(tmp_path / "bad.arpa")


def test_what_an_arpa_file_cannot_hold(tmp_path):
    for word in (" ", "two words", "", "tab\t", "line\n"):
        with pytest.raises(ValueError, match="ARPA files are cut at spaces"):
            KneserNey(2, "cpu").fit([["a", word]]).write_arpa(tmp_path / "x.arpa")
    with pytest.raises(ValueError, match="backs off"):
        AddK(2, device="cpu").fit(TINY).write_arpa(tmp_path / "x.arpa")
    assert not (tmp_path / "x.arpa").exists()
    KneserNey(2, "cpu").fit([["a\u3000b", "한\u00a0국", "'\"\\"]]).write_arpa(tmp_path / "x.arpa")  # these can be
    assert {"a\u3000b", "한\u00a0국", "'\"\\"} < set(read_arpa(tmp_path / "x.arpa").words)


# Real text, and the world --------------------------------------------------------------------------


def test_kneser_ney_equals_lmplz_on_tinyshakespeare():
    """Perplexities from KenLM 0.3.0: ``lmplz -o N``, then ``query -v summary``, on lines cut at spaces."""
    try:
        lines = datasets.tinyshakespeare().splitlines()
    except datasets.Offline as error:
        pytest.skip(f"real data: {error}")
    sentences = [line.split() for line in lines if line.strip()]
    train, test = [s for i, s in enumerate(sentences) if i % 10], sentences[::10]
    for order, perplexity in {
        2: 434.6138349970046,
        3: 419.5759291209205,
        4: 418.72112415904803,
        5: 418.7070577,
    }.items():
        model = KneserNey(order).fit(train)
        assert model.perplexity(test) == pytest.approx(perplexity, rel=5e-7)
        assert not model.fallback_orders


def test_better_models_are_better_on_the_world():
    train = [record.ko.split() for record in world.generate(4000, seed=0)]
    test = [record.ko.split() for record in world.generate(400, seed=1)]
    perplexity = {
        "unigram": KneserNey(1).fit(train).perplexity(test),
        "bigram": KneserNey(2).fit(train).perplexity(test),
        "add-1": AddK(2, 1).fit(train).perplexity(test),
        "interpolated": Interpolated(2).fit(train).perplexity(test),
    }
    assert MaximumLikelihood(2).fit(train).perplexity(test) == math.inf
    assert perplexity["bigram"] < perplexity["interpolated"] < perplexity["unigram"]
    assert perplexity["interpolated"] < perplexity["add-1"]


@pytest.mark.skipif(not RECORDED.parent.is_dir(), reason="a package of its own has no benchmarks")
def test_the_recorded_benchmark_shows_what_the_book_says():
    result = json.loads(RECORDED.read_text("utf-8"))
    assert not result["missing"]
    for text, rows in result["perplexity"].items():
        assert sorted(rows) == ["2", "3", "4", "5"]
        # lmplz leaves the last word of its vocabulary out of the counts that its discounts are made of. That shows
        # where there are few words.
        near = 1e-5 if text.startswith("world") else 5e-7
        assert all(row["same_ngrams"] and row["relative_difference"] < near for row in rows.values())
    assert len(result["speed"]) >= 2
    for text, rows in result["speed"].items():
        assert result["texts"][text]["train_words"] >= 1_000_000 and sorted(rows) == ["3", "5"]
        for row in rows.values():
            # The world repeats itself, so lmplz has fewer n-grams to sort and write there.
            assert row["ratios"]["training: lmplz / ours from a file"] >= (1 if text.startswith("world") else 3)
            assert row["ratios"]["training: NLTK / ours from lists"] >= 50
            assert row["ratios"]["scoring: NLTK / ours from ids"] >= 10_000
            assert row["ratios"]["scoring: kenlm score() / ours from ids"] >= 1


# Bad input -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("order", [0, -1, 2.0, "3", None, True])
def test_bad_orders(order):
    with pytest.raises(ValueError, match=f"order.*{order!r}"):
        KneserNey(order)


@pytest.mark.parametrize(
    ("sentences", "error", "message"),
    [
        ([], ValueError, "no sentence"),
        (iter([]), ValueError, "no sentence"),
        ("the cat", TypeError, "not the str 'the cat'"),
        (["the cat"], TypeError, "'the cat' is not a list"),
        ([["the"], "cat"], TypeError, "'cat' is not a list"),
        ([["the", 3]], TypeError, "3 is not a str"),
        ([["the", None]], TypeError, "None is not a str"),
        ([[["the"]]], TypeError, "list of words"),
        ([3], TypeError, "list of words"),
        ([["a", "<s>"]], ValueError, "'<s>'.*rename"),
        ([["</s>", "a"]], ValueError, "'</s>'"),
        ([["a", "<unk>"]], ValueError, "'<unk>'"),
    ],
)
def test_bad_sentences(sentences, error, message):
    for make in MODELS.values():
        with pytest.raises(error, match=message):
            make(2).fit(sentences)
    if message != "no sentence":
        for method in ("encode", "log2probs", "perplexity"):
            with pytest.raises(error, match=message):
                getattr(FITTED["kneser-ney", 2], method)(sentences)


def test_other_bad_input():
    model = FITTED["kneser-ney", 3]
    with pytest.raises(TypeError, match="'the cat sat' is not a list"):
        model.log2prob("the cat sat")
    with pytest.raises(TypeError, match="'the cat' is not a list"):
        model.next_word("the cat")
    for empty in ([], torch.zeros(0, dtype=torch.int64), torch.zeros(2, 2), torch.tensor([5, 6])):
        with pytest.raises(ValueError, match="expected sentences"):
            model.perplexity(empty)
    for arguments in ({"temperature": -1}, {"top_k": 0}):
        with pytest.raises(ValueError, match="temperature"):
            model.generate(0, **arguments)
    for k in (0, 4, "2"):
        with pytest.raises(ValueError, match=f"counts of {k!r}-grams"):
            model.counts(k)
    for bad in ([], ["a"] * 4, "the"):
        with pytest.raises(ValueError, match="list of 1 to 3 words"):
            model.count(bad)
    with pytest.raises(ValueError, match="list of 1 to 2 words"):
        model.continuation_count(["a"] * 3)
    for k in (0, -1, math.nan):
        with pytest.raises(ValueError, match="above 0"):
            AddK(2, k)
    for weights in ((0.5, 0.5), (0.5, 0.5, 0.5), (-0.5, 1, 0.5), (math.nan, 0.5, 0.5)):
        with pytest.raises(ValueError, match="expected 3 weights"):
            Interpolated(2, weights)
    with pytest.raises(ValueError, match="expected sentences"):
        Interpolated(2).fit(TINY, held_out=[])
    with pytest.raises(NotImplementedError, match="KneserNey"):
        NGram(2).fit(TINY)


@pytest.mark.parametrize("make", MODELS.values(), ids=list(MODELS))
def test_before_fit(make):
    model = make(2)
    assert "not fitted" in repr(model)
    for use in (
        lambda: model.log2prob(["a"]),
        lambda: model.next_word(["a"]),
        lambda: model.generate(0),
        lambda: model.perplexity(TINY),
        lambda: model.count(["a"]),
        lambda: model.counts(1),
    ):
        with pytest.raises(ValueError, match="not fitted"):
            use()


def test_a_failed_fit_leaves_the_model_as_it_was():
    model = KneserNey(2, "cpu").fit(TINY)
    before = model.log2prob(["the", "cat"])
    with pytest.raises(ValueError):
        model.fit([["a", "<s>"]])
    assert model.log2prob(["the", "cat"]) == before
