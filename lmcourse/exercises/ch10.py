"""The exercises of chapter 10: how much of a gap is closed, whether seeds tell two models apart, an honest figure."""

from . import Case, Exercise, Mistake

# 10.1


def gap_closed(model, baseline, floor):
    """Of what the baseline leaves open above the floor, the share that the model closes."""
    return (baseline - model) / (baseline - floor)


def _bits(rng):
    cases = []
    for _ in range(5):
        floor = rng.uniform(0.4, 1.2)
        baseline = floor + rng.uniform(0.3, 0.9)
        model = floor + rng.uniform(0.1, 0.9) * (baseline - floor)
        cases.append(Case((round(model, 3), round(baseline, 3), round(floor, 3))))
    cases.append(Case((1.9, 1.5, 1.1), "worse"))
    return cases  # fmt: skip


ONE = Exercise(
    "10.1",
    "Write gap_closed(model, baseline, floor). All three are bits per character of the same text, less is better: of a "
    "model, of a weaker one to compare with, and of the law by which the text was made, which nobody can beat. Of the "
    "gap between the baseline and the floor, return the share that the model closes: 0 if it is no better than the "
    "baseline, 1 if it reaches the floor. A model that is worse than the baseline gets a number below 0.",
    "How large is the gap at the beginning? And how far into it has the model come, seen from the baseline?",
    "0.75 against 0.60 sounds like a fifth. With a floor of 0.53 it is two thirds of all that there was to be gained.",
    gap_closed,
    _bits,
    (
        Mistake(
            "no floor",
            "You compare with zero bits. Nobody gets there: what can be gained ends at the floor.",
            (lambda m, b, f: (b - m) / b,),
        ),
        Mistake(
            "what is left",
            "That is the share of the gap that is still open.",
            (lambda m, b, f: (m - f) / (b - f),),
        ),
        Mistake(
            "of the model",
            "You divide by what is between the model and the floor. The whole gap begins at the baseline.",
            (lambda m, b, f: (b - m) / (m - f),),
        ),
        Mistake("bits", "Those are the bits that were gained, and no share of anything.", (lambda m, b, f: b - m,)),
        Mistake("sign", "The sign is the wrong way round: less is better.", (lambda m, b, f: (m - b) / (b - f),)),
        Mistake("percent", "That is in percent; a share is 1 if the floor is reached.",
                (lambda m, b, f: 100 * (b - m) / (b - f),)),
        Mistake(
            "upside down",
            "You have divided the whole gap by what was gained.",
            (lambda m, b, f: (b - f) / (b - m),),
        ),
    ),
    {"worse": "Only with a model that is worse than the baseline it is not right: it has opened the gap, by a number "
     "below 0."},
)  # fmt: skip

# 10.2


def ahead(one, other):
    """1 if every run of the first is better than every run of the other, -1 the other way round, else 0."""
    if max(one) < min(other):
        return 1
    return -1 if max(other) < min(one) else 0


def _runs(rng):
    def runs(middle, spread, count):
        found = [round(middle + rng.uniform(-spread, spread), 3) for _ in range(count)]
        return found

    cases = [
        Case(([0.601, 0.6, 0.604], [0.751, 0.749, 0.755])),
        Case(([0.92, 0.9, 0.97], [0.61, 0.69, 0.64])),
        Case(([0.6, 0.64, 0.61], [0.63, 0.66, 0.65])),  # the mean says yes
        Case(([1.31, 1.25, 1.38, 1.3], [1.26, 1.29, 1.24])),  # the mean says no
        Case(([0.55, 0.62], [0.58, 0.6, 0.59])),  # one lies within the other
        Case(([0.58, 0.7, 0.72], [0.6, 0.62, 0.61])),  # the best run says the contrary of the mean
        Case(([0.55, 0.56, 0.7], [0.64, 0.65, 0.66])),  # and the worst run, too
    ]
    for _ in range(4):
        cases.append(Case((runs(rng.uniform(0.6, 0.8), 0.04, 3), runs(rng.uniform(0.6, 0.8), 0.04, 4))))
    cases.append(Case(([0.6, 0.61], [0.61, 0.63]), "touch"))
    return cases


def _mean(values):
    return sum(values) / len(values)


def _sign(x):
    return (x > 0) - (x < 0)


TWO = Exercise(
    "10.2",
    "Write ahead(one, other). `one` and `other` are lists of the bits per character that two models reached, each "
    "trained several times with other seeds; fewer bits are better. Return 1 if every run of the first model is better "
    "than every run of the other, -1 if every run of the other is better than every run of the first, and 0 if the "
    "two overlap. Equal is not better.",
    "Which run of the first model is the hardest to believe in, its best or its worst? With which run of the other "
    "would you compare it?",
    "A crude test, and an honest one: with three runs each, chance alone parts two equal models in one case of ten.",
    ahead,
    _runs,
    (
        Mistake(
            "means",
            "You compare the means. They nearly always differ; the question is whether the runs are apart.",
            (lambda a, b: _sign(_mean(b) - _mean(a)),),
        ),
        Mistake(
            "best runs",
            "You compare the best run of each. Somebody always has the best run.",
            (lambda a, b: _sign(min(b) - min(a)),),
        ),
        Mistake(
            "worst runs",
            "You compare the worst run of each, and that is one pair of many.",
            (lambda a, b: _sign(max(b) - max(a)),),
        ),
        Mistake(
            "more is better",
            "You take more bits for better. Bits are surprise.",
            (lambda a, b: -ahead(a, b),),
        ),
        Mistake(
            "any",
            "You ask whether some run is better than some other. That holds for nearly everything.",
            (lambda a, b: 1 if min(a) < max(b) else -1 if min(b) < max(a) else 0,
             lambda a, b: -1 if min(b) < max(a) else 1 if min(a) < max(b) else 0),
        ),
        Mistake(
            "one side",
            "You never say -1. The other model may be the better one.",
            (lambda a, b: int(max(a) < min(b)),),
        ),
        Mistake(
            "in order",
            "You compare the runs in their order, first with first. Seeds have no order.",
            (lambda a, b: 1 if all(x < y for x, y in zip(a, b, strict=False))
             else -1 if all(x > y for x, y in zip(a, b, strict=False)) else 0,),
        ),
    ),
    {"touch": "Only where a run of one is exactly as good as a run of the other it is not right: equal is not better."},
)  # fmt: skip

# 10.3


def honest_figure(valid, test):
    """What the model reaches on the test that was the best on the validation text."""
    return test[max(range(len(valid)), key=lambda n: valid[n])]


def _tuned(rng):
    cases = []
    for _ in range(5):
        true = [rng.uniform(0.6, 0.8) for _ in range(6)]
        valid, test = ([round(x + rng.uniform(-0.08, 0.08), 3) for x in true] for _ in range(2))
        best = max(range(6), key=lambda n: valid[n])
        other = next(n for n in range(6) if n != best)
        test[other] = round(max(test) + 0.02, 3)  # another one is the best of the test
        cases.append(Case((valid, test)))
    cases.append(Case(([0.8, 0.79, 0.6], [0.6, 0.75, 0.9])))  # three ways to choose, and three figures
    cases.append(Case(([0.7, 0.75, 0.75], [0.8, 0.6, 0.65]), "tie"))
    cases.append(Case(([0.5], [0.4]), "one"))
    return cases


THREE = Exercise(
    "10.3",
    "Write honest_figure(valid, test). N settings of a model have been tried. `valid` and `test` are lists: the share "
    "of right answers that each has reached on the validation text, and on the test text. Return the one figure that "
    "may be published: what the setting reaches on the test that was chosen without looking at the test. If several "
    "are equally good, take the first of them.",
    "Which of the two lists may you look at while you choose? And which one do you report?",
    "The best figure of the test would have been higher, and it would not come again on another text.",
    honest_figure,
    _tuned,
    (
        Mistake(
            "best of the test",
            "You choose by the test. Among many settings one is always lucky there, and you report the luck.",
            (lambda v, t: max(t),),
        ),
        Mistake(
            "validation",
            "You report the validation text. The setting was chosen by it, so it looks better there than it is.",
            (lambda v, t: max(v),),
        ),
        Mistake("worst", "You take the setting that is the worst on the validation text.",
                (lambda v, t: t[v.index(min(v))],)),
        Mistake("mean", "That is the mean of all settings; one of them is to be chosen.", (lambda v, t: _mean(t),)),
        Mistake("which", "That is which setting it is. Its figure is asked for.",
                (lambda v, t: v.index(max(v)), lambda v, t: v.index(max(v)) + 1)),
        Mistake(
            "both",
            "You choose by both texts together. The test has had its say in that.",
            (lambda v, t: t[max(range(len(v)), key=lambda n: v[n] + t[n])],),
        ),
        Mistake("last", "You take the last setting, as if the latest were the best.", (lambda v, t: t[-1],)),
    ),
    {
        "tie": "Only where several are equally good on the validation text it is not right: take the first of them.",
        "one": "Only with a single setting it is not right: then there is nothing to choose.",
    },
)  # fmt: skip

EXERCISES = (ONE, TWO, THREE)
