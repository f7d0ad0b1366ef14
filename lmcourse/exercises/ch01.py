"""The exercises of chapter 01: counting, perplexity, zero counts, and what Kneser-Ney counts."""

import math
from collections import Counter

import numpy as np

from . import Case, Exercise, Mistake

# 01.1


def bigram_probability(sentences, w1, w2):
    """Of all the times that something came after w1, the part in which it was w2."""
    pairs, before = Counter(), Counter()
    for sentence in sentences:
        marked = ["<s>", *sentence, "</s>"]
        pairs.update(zip(marked, marked[1:], strict=False))
        before.update(marked[:-1])
    return pairs[w1, w2] / before[w1] if before[w1] else 0.0


def _sentences(rng):
    words = ["a", "cat", "dog", "sees", "the"]
    return [rng.choices(words, k=rng.randint(2, 6)) for _ in range(12)]


def _queries(rng):
    cases = []
    while len(cases) < 6:
        sentences = _sentences(rng)
        flat = [word for sentence in sentences for word in sentence]
        inside = Counter(pair for s in sentences for pair in zip(s, s[1:], strict=False))
        across = Counter(zip(flat, flat[1:], strict=False))
        last = Counter(sentence[-1] for sentence in sentences)
        fit = [(a, b) for (a, b), n in sorted(inside.items()) if n > 1 and across[a, b] > n and last[a] and a != b]
        if fit:
            pair = rng.choice(fit)
            sentences.insert(5, [*pair, *pair])
            cases.append(Case((sentences, *pair)))
    start, end = _sentences(rng), _sentences(rng)
    cases.append(Case((start, "<s>", start[0][0]), "start"))
    cases.append(Case((end, end[0][-1], "</s>"), "end"))
    cases.append(Case((_sentences(rng), "mouse", "cat"), "unseen"))
    cases.append(Case(([["the", "cat"], ["the", "dog"]], "cat", "dog"), "never"))
    return cases


def _inside(sentences, w1, w2):
    return sum(s[i : i + 2] == [w1, w2] for s in sentences for i in range(len(s) - 1))


def _all(sentences, word):
    return sum(s.count(word) for s in sentences)


def _across(sentences, w1, w2):
    flat = [word for s in sentences for word in s]
    return _inside([flat], w1, w2) / flat.count(w1)


def _over(*lengths):
    """Wrong solutions that divide the count of the pair by a number of tokens."""
    return tuple(lambda s, a, b, f=f: _inside(s, a, b) / sum(map(f, s)) for f in lengths)


ONE = Exercise(
    "01.1",
    "Write bigram_probability(sentences, w1, w2). `sentences` is a list of lists of words; put one <s> "
    "before each and one </s> after it. Return the probability of w2 after w1 by maximum likelihood: by "
    "counting and dividing. After a word that was never seen, return 0.",
    "Count the pairs in [<s>, ...words, </s>], sentence by sentence. How often did something come after w1?",
    "A pair that was never seen gets 0, and so does every sentence that holds it: the next sections mend that.",
    bigram_probability,
    _queries,
    (
        Mistake(
            "all tokens",
            "You divide by the number of all words or pairs. Given that w1 has come, only what follows w1 matters.",
            _over(len, lambda s: len(s) - 1, lambda s: len(s) + 1, lambda s: len(s) + 2),
        ),
        Mistake(
            "divided by w2",
            "You divide by the count of w2. That is how often w1 came before w2, and the question is what "
            "comes after w1.",
            (lambda s, a, b: _inside(s, a, b) / _all(s, b),),
        ),
        Mistake(
            "across sentences",
            "You count pairs that reach from the end of one sentence into the next: each sentence is on its own.",
            (_across,),
        ),
        Mistake(
            "ends not counted",
            "You divide by the times that a word follows w1, without those where the sentence ends after "
            "it: </s> counts as a follower too.",
            (lambda s, a, b: _inside(s, a, b) / sum(x[:-1].count(a) for x in s),),
        ),
        Mistake(
            "exchanged",
            "w1 and w2 are exchanged: you count w2 before w1.",
            (lambda s, a, b: _inside(s, b, a) / _all(s, a), lambda s, a, b: _inside(s, b, a) / _all(s, b)),
        ),
        Mistake(
            "count",
            "This is a count, not a probability.",
            (_inside,),
        ),
        Mistake(
            "no order",
            "Your answer is how common w2 is, whatever stands before it.",
            tuple(lambda s, a, b, f=f: _all(s, b) / sum(map(f, s)) for f in (len, lambda s: len(s) + 1)),
        ),
        Mistake(
            "sentences",
            "You count sentences that hold the pair, not the times it occurs: it may occur twice in one sentence.",
            (
                lambda s, a, b: sum(_inside([x], a, b) > 0 for x in s) / sum(a in x for x in s),
                lambda s, a, b: sum(_inside([x], a, b) > 0 for x in s) / len(s),
                lambda s, a, b: sum(_inside([x], a, b) > 0 for x in s) / _all(s, a),
            ),
        ),
        Mistake(
            "logarithm",
            "This is a logarithm of a probability; the probability itself is asked for.",
            tuple(lambda s, a, b, f=f: f(bigram_probability(s, a, b)) for f in (math.log2, math.log, math.log10)),
        ),
    ),
    {
        "start": "Words after <s> are not right: every sentence begins with one <s>, and it is a context like others.",
        "end": "The end is not right: </s> follows the last word of each sentence, and it has a probability too.",
        "unseen": "A word that was never seen is not right: return 0 for whatever comes after it.",
        "never": "A pair that was never seen in one sentence should have probability 0.",
    },
    tolerance=1e-6,
)


# 01.2


def perplexity(log2probs):
    """2 to the power of the mean number of bits per token."""
    return 2 ** (-sum(log2probs) / len(log2probs))


def _log2probs(rng):
    lengths = (3, 5, 8, 13)
    return [Case((np.array([-rng.uniform(0.3, 6) for _ in range(n)]),)) for n in lengths] + [
        Case((np.array([-2.5]),), "one token")
    ]


def _mean(function):
    return lambda log2probs: function(float(np.mean(log2probs)))


TWO = Exercise(
    "01.2",
    "Write perplexity(log2probs). `log2probs` holds the base-2 logarithm of the probability that a model "
    "gave to each token of a text. Return the perplexity per token.",
    "First the mean number of bits per token, which is the mean of -log2 p. Then: how many equally likely "
    "choices cost that many bits?",
    "A model that is as unsure as a fair die has perplexity 6.",
    perplexity,
    _log2probs,
    (
        Mistake(
            "base",
            "The logarithms have base 2, and you raise another base to their mean.",
            (_mean(lambda m: math.exp(-m)), _mean(lambda m: 10**-m)),
        ),
        Mistake(
            "arithmetic mean",
            "You average the probabilities and then invert. Average the logarithms: a sentence's "
            "probability is a product, not a sum.",
            (lambda x: 1 / np.mean(np.exp2(x)), lambda x: float(np.mean(np.exp2(-np.asarray(x))))),
        ),
        Mistake(
            "mean probability",
            "This is the mean probability of a token. The perplexity is above 1: the number of choices, not "
            "the chance of one.",
            (lambda x: float(np.mean(np.exp2(x))),),
        ),
        Mistake(
            "sign",
            "This is below 1: a sign is missing in the exponent, so you have the reciprocal.",
            (_mean(lambda m: 2**m), _mean(math.exp)),
        ),
        Mistake(
            "sum",
            "You take the sum of the logarithms, not their mean, so a longer text gets a larger perplexity.",
            (lambda x: float(2.0 ** -np.sum(x)), lambda x: float(np.exp(-np.sum(x)))),
        ),
        Mistake(
            "probability of the text",
            "This is the probability of the whole text, or its logarithm.",
            (lambda x: float(2.0 ** np.sum(x)), lambda x: float(np.sum(x)), lambda x: float(-np.sum(x))),
        ),
        Mistake(
            "bits",
            "This is the mean of the logarithms, in bits. The perplexity is the number of choices that cost "
            "so many bits.",
            (_mean(lambda m: -m), _mean(lambda m: m)),
        ),
        Mistake(
            "one less",
            "You divide by one token more or less than there are.",
            (
                lambda x: float(2 ** (-np.sum(x) / (len(x) - 1))),
                lambda x: float(2 ** (-np.sum(x) / (len(x) + 1))),
            ),
        ),
    ),
    {"one token": "Only a text of one token is not right."},
    tolerance=1e-4,
)


# 01.3


def add_k(count, total, V, k):
    """k more of each of the V words that could have come, so k times V more in all."""
    return (count + k) / (total + k * V)


def _counts(rng):
    cases = []
    for k in (1, 0.5, 0.01, 2):
        total = rng.randint(20, 60)
        cases.append(Case((rng.randint(2, 15), total, rng.randint(30, 90), k)))
    cases.append(Case((0, 40, 50, 0.5)))
    return cases + [Case((0, 0, 25, 0.1), "new context")]


THREE = Exercise(
    "01.3",
    "Write add_k(count, total, V, k). A word followed a context `count` times out of `total`, `V` different "
    "words are possible, and `k` is added to the count of each. Return the smoothed probability of the word.",
    "If each of V words gets k more, how many more are there in all?",
    "In a context never seen, every word gets 1 / V, whatever k is.",
    add_k,
    _counts,
    (
        Mistake(
            "V forgotten",
            "You add k once below the line. It is added to the count of every possible word, and there are V.",
            (lambda c, n, V, k: (c + k) / (n + k),),
        ),
        Mistake(
            "above only",
            "You add k above the line only, so the probabilities of all words sum to more than 1.",
            (lambda c, n, V, k: (c + k) / n,),
        ),
        Mistake(
            "below only",
            "You add below the line only: a word with count 0 still gets 0, which was the trouble.",
            (lambda c, n, V, k: c / (n + k * V), lambda c, n, V, k: c / (n + V)),
        ),
        Mistake(
            "k forgotten below",
            "You add V below the line, as if k were 1: what was added above, V times, is k.",
            (lambda c, n, V, k: (c + k) / (n + V),),
        ),
        Mistake(
            "always one",
            "You always add 1, whatever k is.",
            (lambda c, n, V, k: (c + 1) / (n + V), lambda c, n, V, k: (c + 1) / (n + k * V)),
        ),
        Mistake(
            "V off by one",
            "You count one possible word too many or too few.",
            (lambda c, n, V, k: (c + k) / (n + k * (V - 1)), lambda c, n, V, k: (c + k) / (n + k * (V + 1))),
        ),
        Mistake(
            "not smoothed",
            "Nothing is added: this is maximum likelihood.",
            (lambda c, n, V, k: c / n,),
        ),
        Mistake(
            "mixed",
            "You mix with 1 / V in equal parts or add 1 / V: add-k adds to counts, not to probabilities.",
            (
                lambda c, n, V, k: c / n + k / V,
                lambda c, n, V, k: (1 - k) * c / n + k / V,
                lambda c, n, V, k: (c / n + 1 / V) / 2,
            ),
        ),
    ),
    {"new context": "Only a context that was never seen (total = 0) is not right: there too, k is added V times."},
    tolerance=1e-6,
)


# 01.4


def bits_per_character(perplexity_per_token, tokens, characters):
    """All the bits of the text, shared among its characters."""
    return math.log2(perplexity_per_token) * tokens / characters


def _texts(rng):
    cases = []
    for _ in range(5):
        tokens = rng.randint(50, 400)
        cases.append(Case((rng.uniform(20, 400), tokens, int(tokens * rng.uniform(2, 5)) + 1)))
    return cases + [Case((7.5, 300, 300), "letters")]


FOUR = Exercise(
    "01.4",
    "Write bits_per_character(perplexity_per_token, tokens, characters). A text of so many characters was "
    "cut into so many tokens, and a model has that perplexity per token. Return its bits per character.",
    "How many bits does one token cost? How many do all cost? Who shares them?",
    "Now models of words, syllables and letters stand on one scale.",
    bits_per_character,
    _texts,
    (
        Mistake(
            "base",
            "Your unit is not the bit: bits come from the logarithm of base 2.",
            (lambda p, t, c: math.log(p) * t / c, lambda p, t, c: math.log10(p) * t / c),
        ),
        Mistake(
            "upside down",
            "Tokens and characters are exchanged: a token has several characters, so each of them costs "
            "less than a token.",
            (lambda p, t, c: math.log2(p) * c / t,),
        ),
        Mistake(
            "per token",
            "These are bits per token: they are not yet shared among the characters.",
            (lambda p, t, c: math.log2(p), lambda p, t, c: math.log2(p) / t),
        ),
        Mistake(
            "one token",
            "You share the bits of one token among all characters of the text.",
            (lambda p, t, c: math.log2(p) / c,),
        ),
        Mistake(
            "all bits",
            "These are the bits of the whole text.",
            (lambda p, t, c: math.log2(p) * t,),
        ),
        Mistake(
            "no logarithm",
            "A perplexity cannot be shared among characters: first turn it into bits.",
            (lambda p, t, c: p * t / c, lambda p, t, c: p / c, lambda p, t, c: p * c / t),
        ),
        Mistake(
            "late logarithm",
            "You take the logarithm after the division: bits are shared, perplexities are not.",
            (lambda p, t, c: math.log2(p * t / c), lambda p, t, c: math.log2(p / c) * t),
        ),
        Mistake(
            "perplexity per character",
            "This is a perplexity per character: you are one logarithm away from bits.",
            (lambda p, t, c: p ** (t / c),),
        ),
        Mistake(
            "sign",
            "A sign is wrong: a cost in bits is above 0.",
            (lambda p, t, c: -math.log2(p) * t / c,),
        ),
    ),
    {"letters": "Only a text whose tokens are its characters is not right."},
    tolerance=1e-6,
)


# 01.5


def continuation_count(bigrams, word):
    """In how many different contexts the word is at home."""
    return len({before for before, after in bigrams if after == word})


def _bigrams(rng):
    words = ["a", "b", "c", "d", "e", "f"]
    cases = []
    while len(cases) < 5:
        bigrams = rng.choices([(x, y) for x in words for y in words], k=24)
        word = rng.choice(words)
        before = [x for x, y in bigrams if y == word]
        after = [y for x, y in bigrams if x == word]
        sizes = [len(set(before)), len(before), len(set(after)), len(after), len(set(before) | set(after))]
        sizes += [len(set(bigrams)), len(before) + len(after), len(set(before) - {word})]
        if len(set(sizes)) == len(sizes) and min(sizes) > 1:
            cases.append(Case((bigrams, word)))
    return cases + [Case(([("a", "b"), ("a", "c"), ("b", "c")], "a"), "first only")]


def _share(bigrams, word):
    return continuation_count(bigrams, word) / len(set(bigrams))


FIVE = Exercise(
    "01.5",
    "Write continuation_count(bigrams, word). `bigrams` is a list of pairs (w1, w2) as they occur in a "
    "text, with repetitions. Return how many different words come before `word`.",
    "Collect the first words of the pairs that end in `word`, each only once.",
    "Kneser-Ney asks just this: not how often a word occurs, but after how many different words.",
    continuation_count,
    _bigrams,
    (
        Mistake(
            "repetitions",
            "You count how often the word occurs as a second word. A word that always follows the same one "
            "has continuation count 1.",
            (lambda b, w: sum(y == w for _, y in b), lambda b, w: [y for _, y in b].count(w)),
        ),
        Mistake(
            "followers",
            "You count the different words that come after it; those that come before it are asked for.",
            (lambda b, w: len({y for x, y in b if x == w}),),
        ),
        Mistake(
            "followers with repetitions",
            "You count how often the word occurs as a first word. What comes before it is asked for.",
            (lambda b, w: sum(x == w for x, _ in b),),
        ),
        Mistake(
            "both sides",
            "You count neighbours on both sides. Only those before the word are asked for.",
            (
                lambda b, w: len({y for x, y in b if x == w} | {x for x, y in b if y == w}),
                lambda b, w: len({y for x, y in b if x == w}) + len({x for x, y in b if y == w}),
                lambda b, w: len({p for p in b if w in p}),
                lambda b, w: sum(w in p for p in b),
            ),
        ),
        Mistake(
            "all bigrams",
            "You count all different pairs, not only those that end in the word.",
            (lambda b, w: len(set(b)),),
        ),
        Mistake(
            "divided",
            "You divided: this is a probability (of continuation), and the count is asked for.",
            (
                _share,
                lambda b, w: continuation_count(b, w) / len(b),
                lambda b, w: _share(b, w) * len(set(b)) / len(b),
            ),
        ),
        Mistake(
            "itself left out",
            "You leave out the word itself. It may stand before itself, and counts then as any other.",
            (lambda b, w: len({x for x, y in b if y == w and x != w}),),
        ),
        Mistake(
            "only once",
            "You count the words that came before it exactly once; those that came more often count too, each once.",
            (lambda b, w: sum(n == 1 for n in Counter(x for x, y in b if y == w).values()),),
        ),
        Mistake(
            "more than once",
            "You count the pairs that occur more than once; those that occur once count too.",
            (lambda b, w: sum(n > 1 for n in Counter(x for x, y in b if y == w).values()),),
        ),
    ),
    {"first only": "Only a word that never comes second is not right: then nothing comes before it."},
    tolerance=1e-6,
)

EXERCISES = (ONE, TWO, THREE, FOUR, FIVE)
