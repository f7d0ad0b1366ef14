"""The exercises of chapter 04a: clipped n-gram precision, the brevity penalty, exact match by length."""

import math
from collections import Counter

from . import Case, Exercise, Mistake


def _grams(words, n):
    return [tuple(words[i : i + n]) for i in range(len(words) - n + 1)]


# 04a.1


def precision(output, reference, n):
    """The part of the output's n-grams that the reference has, each at most as often as it stands there."""

    def count(words):
        found = {}
        for start in range(len(words) - n + 1):
            gram = tuple(words[start : start + n])
            found[gram] = found.get(gram, 0) + 1
        return found

    ours, theirs = count(output), count(reference)
    shared = sum(min(times, theirs.get(gram, 0)) for gram, times in ours.items())
    total = sum(ours.values())
    return shared / total if total else 0.0


def _share(shared, total):
    """The answer from another way to count what is shared, and another number to divide by."""

    def answer(output, reference, n):
        ours, theirs = Counter(_grams(output, n)), Counter(_grams(reference, n))
        return shared(ours, theirs) / total(output, reference, ours, theirs)

    return answer


def _clipped(ours, theirs):
    return (ours & theirs).total()


def _all(output, reference, ours, theirs):
    return ours.total()


def _sentences(rng):
    """Outputs that repeat words, so that every way to count gives another share."""
    cases = []
    for n, length, other in ((1, 9, 7), (1, 8, 11), (2, 10, 8), (2, 9, 13)):
        while True:
            output = rng.choices("the boy old".split() if n > 1 else "the boy reads that old book".split(), k=length)
            reference = rng.choices("the boy a".split() if n > 1 else "the boy reads a red book".split(), k=other)
            shares = [f(output, reference, n) for f in (precision, *_OTHERS)]
            if shares[0] > 0 and all(abs(shares[0] - share) > 1e-6 for share in shares[1:]):
                break
        cases.append(Case((output, reference, n)))
    return cases + [Case((["the", "boy"], ["the", "boy", "reads"], 3), "short")]


_UNCLIPPED = _share(lambda ours, theirs: sum(c for gram, c in ours.items() if gram in theirs), _all)
_DIFFERENT = _share(lambda ours, theirs: len(ours.keys() & theirs.keys()), lambda o, r, ours, theirs: len(ours))
_RECALL = _share(_clipped, lambda o, r, ours, theirs: theirs.total())
_WORDS = _share(_clipped, lambda o, r, ours, theirs: len(o) + 1)
_COUNT = _share(_clipped, lambda o, r, ours, theirs: 1)
_BOTH = _share(lambda ours, theirs: 2 * (ours & theirs).total(), lambda o, r, ours, theirs: (ours + theirs).total())
_OTHERS = (_UNCLIPPED, _DIFFERENT, _RECALL, _WORDS, _COUNT, _BOTH)

ONE = Exercise(
    "04a.1",
    "Write precision(output, reference, n), the clipped n-gram precision of BLEU. `output` and `reference` are lists "
    "of words. Of all runs of n words in the output, return the share that the reference has too. A run that stands "
    "twice in the reference counts at most twice, however often the output repeats it. If the output has no run of n "
    "words at all, return 0.",
    "Count the runs on both sides. For each run of the output, the smaller of its two counts is what is shared.",
    "BLEU is the geometric mean of this for n from 1 to 4, summed over all sentences, times the brevity penalty.",
    precision,
    _sentences,
    (
        Mistake(
            "not clipped",
            "You count every repetition. 'the the the the' would be perfect if the reference has 'the' once.",
            (_UNCLIPPED,),
        ),
        Mistake(
            "each once",
            "You count every run once, however often it stands there. Two are two if the reference has two.",
            (_DIFFERENT,),
        ),
        Mistake(
            "recall",
            "You divide by the runs of the reference. That is recall; precision divides by the runs of the output.",
            (_RECALL,),
        ),
        Mistake(
            "divided by words",
            "You divide by the wrong number: how many runs of n words does the output have?",
            (_WORDS, _share(_clipped, lambda o, r, ours, theirs: len(o) + 2)),
        ),
        Mistake("count", "This is how many are shared. The share of them is asked for.", (_COUNT,)),
        Mistake("both sides", "This mixes precision and recall, as F1 does.", (_BOTH,)),
        Mistake(
            "single words",
            "You look at single words where runs of n words are asked for.",
            (lambda output, reference, n: precision(output, reference, 1),),
        ),
    ),
    {"short": "Only an output of fewer than n words is not right: it has no such run, and the answer is 0."},
)


# 04a.2


def brevity_penalty(outputs, references):
    """1 if the outputs have as many words as the references, all together; else e to the 1 - r / c."""
    c = sum(len(output) for output in outputs)
    r = sum(len(reference) for reference in references)
    if c == 0:
        return 0.0
    return 1.0 if c >= r else math.exp(1 - r / c)


def _lengths(rng):
    """Short and long outputs together; in one case the whole is long enough though some are short."""

    def words(counts):
        return [["word"] * n for n in counts]

    cases = []
    for missing in (9, 5, 14):
        reference = [rng.randint(6, 12) for _ in range(4)]
        output = [reference[0] + 2, *(max(1, n - rng.randint(1, 3)) for n in reference[1:])]
        while sum(reference) - sum(output) < missing and max(output[1:]) > 1:
            output[rng.choice([n for n in (1, 2, 3) if output[n] > 1])] -= 1
        cases.append(Case((words(output), words(reference))))
    cases.append(Case((words((9, 4, 7)), words((5, 6, 6))), "long"))
    return cases + [Case((words((0, 0)), words((3, 4))), "empty")]


def _totals(outputs, references):
    return sum(map(len, outputs)), sum(map(len, references))


def _from_totals(function):
    return lambda outputs, references: function(*_totals(outputs, references))


def _each(outputs, references):
    found = [
        1.0 if len(o) >= len(r) else math.exp(1 - len(r) / len(o)) for o, r in zip(outputs, references, strict=True)
    ]
    return sum(found) / len(found)


TWO = Exercise(
    "04a.2",
    "Write brevity_penalty(outputs, references). Both are lists of sentences, and a sentence is a list of words. Let c "
    "be the number of words of all outputs together and r that of all references. Return 1 if c is r or more, and e to "
    "the power of 1 - r / c if it is less. If there is not a single word in the outputs, return 0.",
    "Two sums come first, over all sentences. `math.exp` gives the power of e.",
    "Precision alone would love a system that says only what it is sure of. This is what keeps it talking.",
    brevity_penalty,
    _lengths,
    (
        Mistake(
            "turned round",
            "You have c / r where r / c belongs: r is larger, so that the power is negative.",
            (_from_totals(lambda c, r: math.exp(1 - c / r)), _from_totals(lambda c, r: min(1, math.exp(c / r - 1)))),
        ),
        Mistake(
            "the ratio",
            "This is c / r itself, without the power of e.",
            (_from_totals(lambda c, r: c / r), _from_totals(lambda c, r: min(1, c / r))),
        ),
        Mistake(
            "each sentence",
            "You punish each sentence alone and take the mean. A long one may make up for a short one: add up first.",
            (_each,),
        ),
        Mistake("sign", "The sign of the power is turned round.", (_from_totals(lambda c, r: math.exp(r / c - 1)),)),
        Mistake(
            "no 1",
            "The 1 in the power is missing.",
            (_from_totals(lambda c, r: math.exp(-r / c)),),
        ),
        Mistake(
            "no punishment",
            "Your penalty is 1 for short outputs. Which way round is your condition?",
            (lambda o, r: 1.0,),
        ),
    ),
    {
        "long": "Only outputs that are longer than the references are not right: they are not punished, it is 1.",
        "empty": "Only outputs without any word are not right: it is 0 there.",
    },
)


# 04a.3


def by_length(outputs, references, lengths, edges):
    """For each group, how many sentences it has and which share of them is exactly right."""
    rows = []
    for low, high in zip(edges, edges[1:], strict=False):
        group = [n for n, length in enumerate(lengths) if low <= length < high]
        right = sum(outputs[n] == references[n] for n in group)
        rows.append([len(group), right / len(group) if group else 0.0])
    return rows


def _rows(inside=lambda low, n, high: low <= n < high, share=lambda right, count, total: right / count, more=None):
    """The answer with other groups or another share; ``more`` changes the rows."""

    def answer(outputs, references, lengths, edges):
        rows = []
        for low, high in zip(edges, edges[1:], strict=False):
            group = [n for n, length in enumerate(lengths) if inside(low, length, high)]
            right = sum(outputs[n] == references[n] for n in group)
            rows.append([len(group), share(right, len(group), len(lengths)) if group else 0.0])
        return more(rows) if more else rows

    return answer


def _graded(rng):
    """Every group has right and wrong sentences, and lengths on its edges."""
    cases = []
    for _ in range(4):
        edges = [2, 5, 9, 14]
        lengths, right = [], []
        for low, high, count in ((2, 5, 3), (5, 9, 5), (9, 14, 4)):
            some = [low, *(rng.randrange(low, high) for _ in range(count - 1))]
            marks = [True, False, *(rng.random() < 0.5 for _ in range(count - 2))]
            rng.shuffle(marks)
            lengths, right = lengths + some, right + marks
        lengths, right = [*lengths, 14, 14, 1], [*right, True, False, True]  # in no group
        order = rng.sample(range(len(lengths)), len(lengths))
        references = [f"sentence {n}" for n in order]
        outputs = [r if right[n] else r.replace("sentence", "word") for n, r in zip(order, references, strict=True)]
        cases.append(Case((outputs, references, [lengths[n] for n in order], edges)))
    same = ["a", "b"]
    return cases + [Case((same, same, [3, 12], [2, 5, 9, 14]), "empty")]


THREE = Exercise(
    "04a.3",
    "Write by_length(outputs, references, lengths, edges). `outputs` and `references` are lists of texts, `lengths` "
    "says how many pieces each source has, and `edges` is a rising list of numbers, such as [2, 5, 9]. Two edges in a "
    "row make a group: 2 to 4 pieces, then 5 to 8; what is in no group is left out. Return a list with a pair for each "
    "group: how many sentences are in it, and the share of them that equals the reference. In a group without "
    "sentences the share is 0.",
    "A length belongs to a group if low <= length < high. `zip(edges, edges[1:])` gives the groups.",
    "Always print the counts beside the shares: a share of three sentences says next to nothing.",
    by_length,
    _graded,
    (
        Mistake(
            "upper edge",
            "Your groups hold their upper edge as well, or none of both edges. Each holds its lower edge only.",
            (
                _rows(lambda low, n, high: low <= n <= high),
                _rows(lambda low, n, high: low < n <= high),
                _rows(lambda low, n, high: low < n < high),
            ),
        ),
        Mistake(
            "share of all",
            "You divide by the number of all sentences. Each group has a number of its own.",
            (_rows(share=lambda right, count, total: right / total),),
        ),
        Mistake(
            "errors", "This is the share that is wrong.", (_rows(share=lambda right, count, total: 1 - right / count),)
        ),
        Mistake(
            "counts",
            "You return how many are right; their share of the group is asked for.",
            (_rows(share=lambda right, count, total: right),),
        ),
        Mistake(
            "order in the pair",
            "The two numbers of each pair are in the wrong order: first the count, then the share.",
            (_rows(more=lambda rows: [row[::-1] for row in rows]),),
        ),
        Mistake(
            "only the shares",
            "The counts are missing: each group has a pair of numbers.",
            (_rows(more=lambda rows: [row[1] for row in rows]),),
        ),
    ),
    {"empty": "Only a group without sentences is not right: its pair is 0 and 0."},
)

EXERCISES = (ONE, TWO, THREE)
