"""The exercises of chapter 04d: frames of a signal, a mel filter, the word error rate."""

import numpy as np

from . import Case, Exercise, Mistake


def _numpy(*arrays):
    return [np.asarray(array.detach() if hasattr(array, "detach") else array, float) for array in arrays]


# 04d.1


def frames(samples, window, hop):
    """A frame begins at 0, hop, 2 hop, ..., as long as a whole window fits."""
    return [samples[start : start + window] for start in range(0, len(samples) - window + 1, hop)]


def _signals(rng):
    cases = []
    for length, window, hop in ((13, 4, 2), (23, 6, 4), (18, 7, 3), (30, 8, 5)):
        cases.append(Case((np.array([rng.uniform(-1, 1) for _ in range(length)]), window, hop)))
    cases.append(Case((np.array([rng.uniform(-1, 1) for _ in range(6)]), 6, 4), "one"))
    return cases


def _framed(window_of=lambda w, h: w, hop_of=lambda w, h: h, start=0, more=0, padded=False):
    """The answer with another window, another hop, another beginning, or another number of frames."""

    def cut(samples, window, hop):
        (x,) = _numpy(samples)
        w, h = window_of(window, hop), hop_of(window, hop)
        starts = list(range(start, len(x) - w + 1, h))
        if padded:
            starts = list(range(start, len(x), h)) if padded == "all" else [*starts, starts[-1] + h]
            x = np.r_[x, np.zeros(w)]
        starts = starts[:more] if more < 0 else starts
        return np.array([x[s : s + w] for s in starts])

    return cut


ONE = Exercise(
    "04d.1",
    "Write frames(samples, window, hop). Cut a row of samples into frames of `window` samples each. The first begins "
    "at sample 0, each next one `hop` samples later, and only frames that fit into the signal as a whole count. Return "
    "them as rows, (number of frames, window).",
    "Where does the last frame begin, if it has to end at the last sample at the latest?",
    "torch has this as samples.unfold(0, window, hop), without copying a single number.",
    frames,
    _signals,
    (
        Mistake(
            "window as hop",
            "Your frames lie side by side. Each begins `hop` samples after the last, so that they overlap.",
            (_framed(hop_of=lambda w, h: w),),
        ),
        Mistake(
            "hop as window",
            "Your frames are `hop` samples long. They should be `window` samples long.",
            (_framed(window_of=lambda w, h: h), _framed(window_of=lambda w, h: h, hop_of=lambda w, h: w)),
        ),
        Mistake(
            "hop of one",
            "Each of your frames begins one sample after the last. It should be `hop` samples.",
            (_framed(hop_of=lambda w, h: 1),),
        ),
        Mistake("one too few", "Your last frame is missing.", (_framed(more=-1),)),
        Mistake(
            "filled up",
            "You have filled up the end with zeros. A frame that does not fit into the signal does not count.",
            (_framed(padded="one"), _framed(padded="all")),
        ),
        Mistake(
            "first missing",
            "Your first frame begins too late: it should begin at sample 0.",
            (
                lambda x, w, h: _framed(start=h)(x, w, h),
                _framed(start=1),
            ),
        ),
        Mistake(
            "columns",
            "Your frames stand in columns. Each should be a row.",
            (lambda x, w, h: _framed()(x, w, h).T,),
        ),
        Mistake(
            "overlap as hop",
            "You take `hop` for the overlap of two frames. It is the distance between their beginnings.",
            (_framed(hop_of=lambda w, h: w - h),),
        ),
    ),
    {"one": "Only a signal of exactly one window is not right: it holds one frame."},
)


# 04d.2


def triangle(frequencies, left, top, right):
    """The lower of the rising and the falling line, and 0 where that is negative."""
    weights = []
    for f in frequencies:
        rising, falling = (f - left) / (top - left), (right - f) / (right - top)
        weights.append(max(0.0, float(min(rising, falling))))
    return weights


def _filters(rng):
    cases = []
    for _ in range(4):
        left = rng.uniform(100, 1000)
        top = left + rng.uniform(100, 400)
        right = top + rng.uniform(500, 900)
        cases.append(Case((np.arange(0, right + 400, 50.0), left, top, right)))
    return cases + [Case((np.array([300.0, 400.0, 500.0]), 300.0, 400.0, 500.0), "corners")]


def _lines(f, left, top, right):
    (f,) = _numpy(f)
    return (f - left) / (top - left), (right - f) / (right - top)


def _shape(make):
    def weights(f, left, top, right):
        rising, falling = _lines(f, left, top, right)
        (x,) = _numpy(f)
        return make(x, np.clip(np.minimum(rising, falling), 0, None), rising, falling, left, top, right)

    return weights


TWO = Exercise(
    "04d.2",
    "Write triangle(frequencies, left, top, right), one filter of the mel bank. Its weight is 0 up to the frequency "
    "`left`, rises in a straight line to 1 at `top`, falls in a straight line to 0 at `right`, and is 0 from there on. "
    "Return the weight at each of the `frequencies`.",
    "The rising line is (f - left) / (top - left). What is the falling one? Below `top` the rising line is the lower "
    "of the two, and above it the falling one.",
    "With corners that lie equally far apart in mel, forty of these are mel_filters().",
    triangle,
    _filters,
    (
        Mistake(
            "negative",
            "Outside of the triangle your weights are negative. They should be 0.",
            (_shape(lambda x, w, rising, falling, *c: np.minimum(rising, falling)),),
        ),
        Mistake(
            "no fall",
            "Your weights rise, but they do not fall again.",
            (
                _shape(lambda x, w, rising, falling, *c: np.clip(rising, 0, 1)),
                _shape(lambda x, w, rising, falling, *c: np.clip(rising, 0, None)),
                _shape(lambda x, w, rising, falling, left, top, right: np.where(x <= top, w, 0)),
            ),
        ),
        Mistake(
            "no rise",
            "Your weights fall, but they do not rise before.",
            (
                _shape(lambda x, w, rising, falling, *c: np.clip(falling, 0, 1)),
                _shape(lambda x, w, rising, falling, *c: np.clip(falling, 0, None)),
                _shape(lambda x, w, rising, falling, left, top, right: np.where(x >= top, w, 0)),
            ),
        ),
        Mistake(
            "box",
            "You weigh everything between `left` and `right` alike. The weight should grow towards `top`.",
            (_shape(lambda x, w, rising, falling, left, top, right: ((x > left) & (x < right)) * 1.0),),
        ),
        Mistake(
            "sum",
            "You add the two lines up. Below `top` the rising one alone counts, above it the falling one.",
            (
                _shape(lambda x, w, rising, falling, *c: rising + falling),
                _shape(lambda x, w, rising, falling, *c: np.clip(rising, 0, None) + np.clip(falling, 0, None)),
                _shape(lambda x, w, rising, falling, *c: np.clip(rising, 0, 1) + np.clip(falling, 0, 1)),
            ),
        ),
        Mistake(
            "larger",
            "You take the larger of the two lines. Look at a drawing: the triangle lies under both of them.",
            (
                _shape(lambda x, w, rising, falling, *c: np.maximum(rising, falling)),
                _shape(lambda x, w, rising, falling, *c: np.clip(np.maximum(rising, falling), 0, None)),
                _shape(lambda x, w, rising, falling, *c: np.clip(np.maximum(rising, falling), 0, 1)),
            ),
        ),
        Mistake(
            "area",
            "You divide by the width of the triangle. Here its height at `top` should be 1.",
            (
                _shape(lambda x, w, rising, falling, left, top, right: w * 2 / (right - left)),
                _shape(lambda x, w, rising, falling, left, top, right: w / w.sum()),
            ),
        ),
        Mistake(
            "same slope",
            "Both sides of your triangle are equally steep. `top` does not lie in the middle.",
            (
                _shape(lambda x, w, r, f, left, top, right: np.clip(1 - abs(x - top) / (top - left), 0, None)),
                _shape(lambda x, w, r, f, left, top, right: np.clip(1 - abs(x - top) / (right - top), 0, None)),
                _shape(lambda x, w, r, f, left, top, right: np.clip(1 - 2 * abs(x - top) / (right - left), 0, None)),
            ),
        ),
    ),
    {"corners": "Only the corners are not right: the weight is 0 at `left` and at `right`, and 1 at `top`."},
)


# 04d.3


def word_error_rate(outputs, references):
    """The edits of all sentences together, over the words of all references together."""

    def edits(output, reference):
        previous = list(range(len(output) + 1))
        for i, wanted in enumerate(reference, 1):
            row = [i]
            for j, word in enumerate(output, 1):
                row.append(min(previous[j] + 1, row[j - 1] + 1, previous[j - 1] + (word != wanted)))
            previous = row
        return previous[-1]

    pairs = [(output.split(), reference.split()) for output, reference in zip(outputs, references, strict=True)]
    return sum(edits(o, r) for o, r in pairs) / sum(len(r) for _, r in pairs)


def _distance(output, reference, change=1, without=1, more=1):
    """Edit distance with a price for a changed word, for one left out, for one put in."""
    table = np.zeros((len(reference) + 1, len(output) + 1))
    table[:, 0] = np.arange(len(reference) + 1) * without
    table[0] = np.arange(len(output) + 1) * more
    for i in range(1, len(reference) + 1):
        for j in range(1, len(output) + 1):
            same = 0 if reference[i - 1] == output[j - 1] else change
            table[i, j] = min(table[i - 1, j] + without, table[i, j - 1] + more, table[i - 1, j - 1] + same)
    return table[-1, -1]


def _places(output, reference):
    wrong = sum(a != b for a, b in zip(output, reference, strict=False))
    return wrong + abs(len(output) - len(reference))


def _bags(output, reference):
    return sum(word not in output for word in reference)


def _rate(distance=_distance, whole=lambda o, r: len(r), cut=str.split, **prices):
    def rate(outputs, references):
        pairs = [(cut(o), cut(r)) for o, r in zip(outputs, references, strict=True)]
        return sum(distance(o, r, **prices) for o, r in pairs) / sum(whole(o, r) for o, r in pairs)

    return rate


def _per_sentence(outputs, references):
    rates = [_rate()([o], [r]) for o, r in zip(outputs, references, strict=True)]
    return float(np.mean(rates))


_WORDS = "the snow fell on a cold boat and many ships sailed home".split()


def _heard(rng):
    """Sentences with words changed, left out and put in; every wrong way to count gives another number."""
    cases = []
    while len(cases) < 4:
        references, outputs = [], []
        for _ in range(4):
            words = [rng.choice(_WORDS) for _ in range(rng.randint(3, 8))]
            heard = [rng.choice(_WORDS) if rng.random() < 0.2 else word for word in words if rng.random() < 0.8]
            for _ in range(rng.randint(0, 3)):
                heard.insert(rng.randint(0, len(heard)), rng.choice(_WORDS))
            references.append(" ".join(words))
            outputs.append(" ".join(heard))
        answers = [round(float(f(outputs, references)), 6) for f in (_rate(), *_OTHERS)]
        if len(set(answers)) == len(answers):
            cases.append(Case((outputs, references)))
    cases.append(Case((["a b c", "snow"], ["a b c", "snow"]), "perfect"))
    cases.append(Case((["", "the snow fell"], ["cold boat", "the snow fell"]), "empty"))
    cases.append(Case((["on and on and on"], ["on"]), "above one"))
    return cases


_OTHERS = (
    _per_sentence,
    _rate(whole=lambda o, r: len(o)),
    _rate(whole=lambda o, r: max(len(o), len(r))),
    _rate(_places),
    _rate(cut=list),
    _rate(cut=lambda s: list(s.replace(" ", ""))),
    _rate(change=2),
    _rate(_bags),
    lambda outputs, references: float(np.mean([o != r for o, r in zip(outputs, references, strict=True)])),
    lambda outputs, references: _rate()(outputs, references) * sum(len(r.split()) for r in references),
    lambda outputs, references: 1 - _rate()(outputs, references),
    _rate(more=0),
    _rate(without=0),
)

THREE = Exercise(
    "04d.3",
    "Write word_error_rate(outputs, references), of two lists of texts. Words are separated by spaces. For each pair "
    "count the fewest edits that turn the output into its reference: to change a word, to put one in, to take one out, "
    "each counts 1. Return the number of all edits, divided by the number of all words in the references.",
    "Edit distance is a table: its cell (i, j) is the fewest edits between the first i words of one text and the first "
    "j of the other. Each cell follows from its left, upper and upper left neighbour.",
    "This is the number by which speech recognisers have been compared for forty years.",
    word_error_rate,
    _heard,
    (
        Mistake(
            "mean of rates",
            "You take the mean of the rates of the sentences. Add up the edits first, then divide once by all words.",
            (_OTHERS[0],),
        ),
        Mistake(
            "words of the output",
            "You divide by the words of the outputs. It is the words of the references that count.",
            (_OTHERS[1], _OTHERS[2]),
        ),
        Mistake(
            "place by place",
            "You compare place by place. One word that is left out then makes all later words wrong.",
            (_OTHERS[3],),
        ),
        Mistake("letters", "You count letters. Words are asked for.", (_OTHERS[4], _OTHERS[5])),
        Mistake("change counts two", "You count a changed word twice. It is one edit.", (_OTHERS[6],)),
        Mistake("no order", "You only look which words are missing, whatever their order.", (_OTHERS[7],)),
        Mistake(
            "whole sentences", "This is the part of the sentences that are not exactly right.", (_OTHERS[8],)
        ),
        Mistake("not divided", "This is the number of edits. Divide it by the words of the references.", (_OTHERS[9],)),
        Mistake("turned round", "This is what is right. The part that is wrong is asked for.", (_OTHERS[10],)),
        Mistake("put in for nothing", "Words that the output has too many cost nothing with you.", (_OTHERS[11],)),
        Mistake("left out for nothing", "Words that the output leaves out cost nothing with you.", (_OTHERS[12],)),
    ),
    {
        "perfect": "Only outputs without a mistake are not right: their rate is 0.",
        "empty": "Only an empty output is not right: each word of its reference is missing.",
        "above one": "Only an output with far too many words is not right: the rate may exceed 1.",
    },
)  # fmt: skip

EXERCISES = (ONE, TWO, THREE)
