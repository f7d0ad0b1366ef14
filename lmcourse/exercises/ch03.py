"""The exercises of chapter 03: the last real state, the mean state, the loss of a classifier, the nearest neighbour."""

import numpy as np

from . import Case, Exercise, Mistake


def _array(rng, *shape):
    return np.array([rng.uniform(-2, 2) for _ in range(int(np.prod(shape)))]).reshape(shape)


def _padded(rng):
    """A batch of states with a mask; what stands at the padding is no zero, and never what is asked for."""
    cases = []
    for B, T, D in ((3, 5, 2), (4, 6, 3), (2, 4, 2)):
        lengths = [rng.randint(2, T - 1) for _ in range(B)]
        mask = np.arange(T) < np.array(lengths)[:, None]
        cases.append(Case((_array(rng, B, T, D), mask.astype(float))))
    cases.append(Case((_array(rng, 2, 3, 2), np.ones((2, 3))), "full"))
    cases.append(Case((_array(rng, 2, 4, 2), (np.arange(4) < np.array([[1], [3]])).astype(float)), "one"))
    return cases


def _numpy(*arrays):
    return [np.asarray(array.detach() if hasattr(array, "detach") else array, float) for array in arrays]


# 03.1


def last_states(hidden, mask):
    """In each row the state at the last real place: their number, minus one."""
    return [row[int(real.sum()) - 1] for row, real in zip(hidden, mask, strict=True)]


def _at(place):
    def take(hidden, mask):
        hidden, mask = _numpy(hidden, mask)
        lengths = mask.sum(1).astype(int)
        return np.stack([row[place(n, len(row))] for row, n in zip(hidden, lengths, strict=True)])

    return take


ONE = Exercise(
    "03.1",
    "Write last_states(hidden, mask). `hidden` (B, T, D) holds the states of B padded sentences at T places, and "
    "`mask` (B, T) is 1 where a real word stands and 0 at the padding behind it. Return the context vectors, (B, D): "
    "of each sentence the state after its last real word.",
    "How many real words has each row? And where does the last of them stand, if the first stands at place 0?",
    "This is what Classifier.context does, and the network's own last state is the same vector.",
    last_states,
    _padded,
    (
        Mistake(
            "last column",
            "You take the last column. For all but the longest sentences that is padding.",
            (_at(lambda n, T: T - 1), _at(lambda n, T: -1)),
        ),
        Mistake(
            "one too far",
            "You look one place too far: a sentence of three words has its last word at place 2.",
            (_at(lambda n, T: min(n, T - 1)),),
        ),
        Mistake(
            "one too early",
            "You look one place too early, at the last word but one.",
            (_at(lambda n, T: n - 2), _at(lambda n, T: max(n - 2, 0))),
        ),
        Mistake("first", "You take the state after the first word.", (_at(lambda n, T: 0),)),
        Mistake(
            "same place",
            "You look at one place for all sentences, but each has a length of its own.",
            (
                lambda h, m: _numpy(h)[0][:, int(_numpy(m)[0].sum(1).max()) - 1],
                lambda h, m: _numpy(h)[0][:, int(_numpy(m)[0].sum(1).min()) - 1],
            ),
        ),
        Mistake(
            "mean",
            "This is a mean of states. The state after the last word is asked for.",
            (
                lambda h, m: _numpy(h)[0].mean(1),
                lambda h, m: (_numpy(h)[0] * _numpy(m)[0][..., None]).sum(1) / _numpy(m)[0].sum(1)[:, None],
            ),
        ),
        Mistake(
            "sum",
            "This is a sum of states. The state after the last word is asked for.",
            (lambda h, m: (_numpy(h)[0] * _numpy(m)[0][..., None]).sum(1), lambda h, m: _numpy(h)[0].sum(1)),
        ),
        Mistake(
            "maximum",
            "This is the largest value over the places. The state after the last word is asked for.",
            (
                lambda h, m: _numpy(h)[0].max(1),
                lambda h, m: np.where(_numpy(m)[0][..., None] > 0, _numpy(h)[0], -np.inf).max(1),
            ),
        ),
        Mistake(
            "lengths as states",
            "This is the place of the last word; the state that stands there is asked for.",
            (lambda h, m: _numpy(m)[0].sum(1) - 1, lambda h, m: _numpy(m)[0].sum(1)),
        ),
    ),
    {
        "full": "Only a batch without padding is not right: there the last word stands in the last column.",
        "one": "Only a sentence of one word is not right: its last word stands at place 0.",
    },
)


# 03.2


def mean_states(hidden, mask):
    """The sum over the real places, divided by how many there are."""
    weight = mask[..., None] * 1.0
    return (hidden * weight).sum(1) / weight.sum(1)


TWO = Exercise(
    "03.2",
    "Write mean_states(hidden, mask). Instead of the last state one can take the mean of all states of a sentence. "
    "`hidden` (B, T, D) and `mask` (B, T) are as before. Return the mean over the real words, (B, D).",
    "Give the padding the weight 0 before you add up. By how many words do you have to divide then?",
    "Now padding cannot change the vector of a sentence: a property worth testing in every model.",
    mean_states,
    _padded,
    (
        Mistake(
            "padding counted",
            "You take the mean over all places, padding included.",
            (lambda h, m: _numpy(h)[0].mean(1),),
        ),
        Mistake(
            "divided by T",
            "What you add up is right, but you divide by the number of all places, padding included.",
            (lambda h, m: (_numpy(h)[0] * _numpy(m)[0][..., None]).mean(1),),
        ),
        Mistake(
            "not divided",
            "This is the sum over the real words, not the mean.",
            (lambda h, m: (_numpy(h)[0] * _numpy(m)[0][..., None]).sum(1),),
        ),
        Mistake(
            "mean of everything",
            "You divide by the number of real words of the whole batch. Each sentence has its own number.",
            (
                lambda h, m: (_numpy(h)[0] * _numpy(m)[0][..., None]).sum(1) / _numpy(m)[0].sum(),
                lambda h, m: (_numpy(h)[0] * _numpy(m)[0][..., None]).sum((0, 1)) / _numpy(m)[0].sum(),
            ),
        ),
        Mistake(
            "only the padding",
            "Your weights are turned round: this is the mean over the padding.",
            (lambda h, m: (_numpy(h)[0] * (1 - _numpy(m)[0][..., None])).sum(1) / (1 - _numpy(m)[0]).sum(1)[:, None],),
        ),
        Mistake(
            "padding added",
            "You divide by the number of real words, but what you add up holds the padding too.",
            (lambda h, m: _numpy(h)[0].sum(1) / _numpy(m)[0].sum(1)[:, None],),
        ),
        Mistake("last", "This is the last real state alone.", (_at(lambda n, T: n - 1),)),
        Mistake(
            "over the width",
            "You take the mean over the numbers of a state. It is over the places: one vector for each sentence.",
            (lambda h, m: _numpy(h)[0].mean(2), lambda h, m: (_numpy(h)[0] * _numpy(m)[0][..., None]).mean(2)),
        ),
    ),
    {
        "full": "Only a batch without padding is not right.",
        "one": "Only a sentence of one word is not right: its mean is its only state.",
    },
)


# 03.3


def loss(logits, targets):
    """The mean of -ln p of the right class, p being the softmax of the row."""
    total = 0.0
    for row, target in zip(logits, targets, strict=True):
        largest = max(row)
        exponentials = [float(np.exp(float(score - largest))) for score in row]
        total -= np.log(exponentials[int(target)] / sum(exponentials))
    return total / len(logits)


def _scores(rng):
    cases = []
    for B, C in ((4, 3), (5, 2), (3, 4)):
        cases.append(Case((_array(rng, B, C), [rng.randrange(C) for _ in range(B)])))
    return cases + [Case((_array(rng, 3, 3) + 1000, [0, 1, 2]), "large")]


def _probabilities(logits):
    (z,) = _numpy(logits)
    e = np.exp(z - z.max(1, keepdims=True))
    return e / e.sum(1, keepdims=True)


def _right(logits, targets):
    return _probabilities(logits)[np.arange(len(targets)), [int(t) for t in targets]]


def _columns(logits, targets):
    (z,) = _numpy(logits)
    e = np.exp(z - z.max(0))
    return (e / e.sum(0))[np.arange(len(targets)), [int(t) for t in targets]]


THREE = Exercise(
    "03.3",
    "Write loss(logits, targets). `logits` (B, C) holds the scores of C classes for B sentences, and `targets` the "
    "number of the right class for each. Return the cross-entropy: make probabilities of the scores of each sentence "
    "by a softmax, and take the mean of -ln p over the sentences, where p is the probability of the right class.",
    "Softmax: e to the power of each score, divided by the sum of these in its row. Large scores overflow, and it "
    "changes nothing to take the largest score of the row away from all of them first.",
    "With C classes and no idea at all it is ln C: keep that number in mind when you look at a loss.",
    loss,
    _scores,
    (
        Mistake(
            "sum",
            "You take the sum over the sentences, not the mean.",
            (lambda z, t: -np.log(_right(z, t)).sum(),),
        ),
        Mistake("sign", "The sign is turned round: a loss is 0 or more.", (lambda z, t: np.log(_right(z, t)).mean(),)),
        Mistake(
            "no softmax",
            "You use the scores as they are. They have to be made into probabilities first.",
            (lambda z, t: -_numpy(z)[0][np.arange(len(t)), [int(n) for n in t]].mean(),),
        ),
        Mistake(
            "no logarithm",
            "You take the mean of the probabilities themselves, without the logarithm.",
            (
                lambda z, t: _right(z, t).mean(),
                lambda z, t: -_right(z, t).mean(),
                lambda z, t: 1 - _right(z, t).mean(),
            ),
        ),
        Mistake(
            "logarithm of the mean",
            "You average the probabilities and take the logarithm then. First the logarithm, then the mean.",
            (lambda z, t: -np.log(_right(z, t).mean()),),
        ),
        Mistake("base", "The base is wrong: this is in bits.", (lambda z, t: -np.log2(_right(z, t)).mean(),)),
        Mistake(
            "columns",
            "Your softmax goes down the columns. Each sentence is a row, and its classes share the probability 1.",
            (lambda z, t: -np.log(_columns(z, t)).mean(),),
        ),
        Mistake(
            "likeliest class",
            "You take the probability of the likeliest class, not that of the right one.",
            (lambda z, t: -np.log(_probabilities(z).max(1)).mean(),),
        ),
        Mistake(
            "all classes",
            "You take the mean over all classes. Only the probability of the right class counts.",
            (
                lambda z, t: -np.log(_probabilities(z)).mean(),
                lambda z, t: -np.log(_probabilities(z)).sum(1).mean(),
                lambda z, t: -np.log(_right(z, t)).sum() / np.size(_numpy(z)[0]),
            ),
        ),
    ),
    {"large": "Only large scores are not right: e to the power of 1,000 is too large for a computer."},
)


# 03.4


def nearest_neighbour(vectors, labels):
    """The part of the points whose nearest other point, by the cosine, has the same label."""
    right = 0
    for n, vector in enumerate(vectors):
        cosines = [
            -2.0 if m == n else float((vector @ other) / ((vector @ vector) ** 0.5 * (other @ other) ** 0.5))
            for m, other in enumerate(vectors)
        ]
        right += labels[cosines.index(max(cosines))] == labels[n]
    return right / len(labels)


def _share(similarity, itself=False):
    """The answer with another measure of nearness."""

    def accuracy(vectors, labels):
        (v,) = _numpy(vectors)
        near = similarity(v)
        if not itself:
            np.fill_diagonal(near, -np.inf)
        return float(np.mean([labels[n] == label for n, label in zip(near.argmax(1), labels, strict=True)]))

    return accuracy


def _cosine(v):
    unit = v / np.linalg.norm(v, axis=1, keepdims=True)
    return unit @ unit.T


def _distance(v):
    return ((v[:, None] - v) ** 2).sum(2)


def _clouds(rng):
    """Points for which every measure of nearness gives another answer."""
    cases = []
    while len(cases) < 4:
        v = _array(rng, 14, 3) * np.array([[rng.choice([0.3, 1, 3])] for _ in range(14)])
        labels = [rng.choice(["pear", "boat"]) for _ in range(14)]
        common = max(labels.count("pear"), labels.count("boat")) / 14
        answers = [f(v, labels) for f in (_share(_cosine), *_OTHERS)]
        if answers[0] not in answers[1:] and answers[0] not in (0.5, common, 1 - common):
            cases.append(Case((v, labels)))
    return cases + [Case((_array(rng, 2, 3), ["boat", "boat"]), "two")]


_OTHERS = (
    _share(lambda v: v @ v.T),
    _share(lambda v: -_distance(v)),
    _share(lambda v: -_cosine(v)),
    _share(lambda v: -np.abs(v[:, None] - v).sum(2)),
    lambda v, labels: 1 - _share(_cosine)(v, labels),
)

FOUR = Exercise(
    "03.4",
    "Write nearest_neighbour(vectors, labels). `vectors` (N, D) are N points, and `labels` is a list of their N "
    "labels. For each point find the nearest other point: the one with the largest cosine, which is the product of "
    "the two vectors divided by both their lengths. Return the part of the points whose nearest other point has the "
    "same label.",
    "Divide every vector by its length first. Then all cosines are one product of matrices. And a point is always "
    "nearest to itself: how do you rule that out?",
    "No training at all, and a fair grade for any map of vectors.",
    nearest_neighbour,
    _clouds,
    (
        Mistake(
            "itself",
            "Every point has found itself. Its nearest *other* point is asked for.",
            (_share(_cosine, itself=True), lambda v, labels: 1.0),
        ),
        Mistake(
            "not divided by the lengths",
            "You compare by the product alone. Without dividing by the lengths, long vectors win everywhere.",
            (_OTHERS[0], _share(lambda v: v @ v.T, itself=True)),
        ),
        Mistake(
            "distance",
            "You compare by the distance. Two vectors of the same direction have cosine 1, however far apart they end.",
            (_OTHERS[1], _OTHERS[3]),
        ),
        Mistake("farthest", "You take the smallest cosine: that is the farthest point.", (_OTHERS[2],)),
        Mistake("errors", "This is the part that is wrong, not the part that is right.", (_OTHERS[4],)),
        Mistake(
            "count",
            "This is a number of points. The part of all points is asked for.",
            (lambda v, labels: _share(_cosine)(v, labels) * len(labels),),
        ),
        Mistake(
            "one less",
            "You divide by one point less than there are.",
            (lambda v, labels: _share(_cosine)(v, labels) * len(labels) / (len(labels) - 1),),
        ),
        Mistake(
            "frequent label",
            "This is the part of the most frequent label, whatever the vectors are.",
            (lambda v, labels: max(map(labels.count, labels)) / len(labels),),
        ),
    ),
    {"two": "Only a case of two points is not right: each is the nearest other point of the other."},
)

EXERCISES = (ONE, TWO, THREE, FOUR)
