"""The exercises of chapter 04: teacher forcing, greedy writing, one step of a beam, and comparing lengths fairly."""

import numpy as np

from . import Case, Exercise, Mistake

# 04.1


def _outputs(rng):
    cases = []
    for length in (4, 3, 5, 2):
        cases.append(Case(([rng.randint(4, 20) for _ in range(length)], 2, 3)))
    return [*cases, Case(([], 2, 3), "empty")]


def teacher_forcing(target, bos, eos):
    """What the decoder is shown, and what it has to say: the same output, one place apart."""
    return [[bos, *target], [*target, eos]]


ONE = Exercise(
    "04.1",
    "Write teacher_forcing(target, bos, eos). `target` is the right output, a list of ids without marks. Return two "
    "lists of the same length: the ids that the decoder is shown, and the ids that it has to predict after each of "
    "them. `bos` and `eos` are the ids of <s> and </s>.",
    "Before the first word the decoder has seen only <s>. What does it have to say after the last word?",
    "This is what System.batches makes of every pair.",
    teacher_forcing,
    _outputs,
    (
        Mistake(
            "no end",
            "Nobody tells the decoder to stop: </s> has to be predicted too.",
            (lambda y, b, e: [[b, *y[:-1]], list(y)], lambda y, b, e: [[b, *y], [*y, b]]),
        ),
        Mistake(
            "copy",
            "The decoder is shown the very token that it is to predict. It would learn to copy.",
            (
                lambda y, b, e: [[*y, e], [*y, e]],
                lambda y, b, e: [[b, *y, e], [b, *y, e]],
                lambda y, b, e: [list(y), list(y)],
                lambda y, b, e: [[b, *y], [b, *y]],
            ),
        ),
        Mistake(
            "both marks",
            "Both lists have both marks. <s> is never predicted, and nothing is predicted after </s>.",
            (lambda y, b, e: [[b, *y, e], [*y, e, e]], lambda y, b, e: [[b, b, *y], [b, *y, e]]),
        ),
        Mistake(
            "turned round",
            "The two lists have changed places.",
            (lambda y, b, e: [[*y, e], [b, *y]],),
        ),
        Mistake(
            "marks exchanged",
            "You have exchanged <s> and </s>.",
            (lambda y, b, e: [[e, *y], [*y, b]],),
        ),
    ),
    {"empty": "An empty output is an output: after <s> comes </s> at once."},
)

# 04.2


def _tables(rng):
    cases = []
    for size, longest in ((5, 12), (6, 12), (6, 3), (5, 12)):
        # A path through the tokens that ends, far from ties; every row is a distribution.
        order = [n for n in range(size) if n != 1]
        rng.shuffle(order)
        order.remove(0)
        path = [0, *order, 1]
        p = np.array([[rng.uniform(0.1, 1) for _ in range(size)] for _ in range(size)])
        for here, there in zip(path, path[1:], strict=False):
            p[here, there] = 3 + rng.uniform(0, 1)
        p /= p.sum(1, keepdims=True)
        cases.append(Case((p, 0, 1, longest)))
    p = np.array([[0.1, 0.8, 0.1], [0.3, 0.3, 0.4], [0.2, 0.5, 0.3]])
    return [*cases, Case((p, 0, 1, 5), "at once")]


def greedy(p, bos, eos, longest):
    """The likeliest token at every step, until </s> or the longest length."""
    written, last = [], bos
    while len(written) < longest:
        last = max(range(len(p)), key=lambda token: float(p[last][token]))
        if last == eos:
            break
        written.append(last)
    return written


def _rows(p):
    return [[float(x) for x in row] for row in p]


def _best(row):
    return max(range(len(row)), key=row.__getitem__)


def _greedy_variant(keep_end=False, from_columns=False, stuck=False, no_stop=False, worst=False):
    def variant(p, bos, eos, longest):
        p = _rows(p)
        if from_columns:
            p = [list(column) for column in zip(*p, strict=True)]
        written, last = [], bos
        while len(written) < longest:
            row = p[bos] if stuck else p[last]
            last = min(range(len(row)), key=row.__getitem__) if worst else _best(row)
            if last == eos and not no_stop:
                return [*written, last] if keep_end else written
            written.append(last)
        return written

    return variant


TWO = Exercise(
    "04.2",
    "Write greedy(p, bos, eos, longest). `p` (V, V) is a decoder that looks only at its last token: p[i][j] is the "
    "probability that token j follows token i. Begin after `bos`, take the likeliest token at every step and go on "
    "from there. Stop at `eos`, or when `longest` tokens are written. Return the list of tokens, without `bos` and "
    "`eos`.",
    "Keep one variable for the last token. Its row of p says what comes next.",
    "lmcourse.seq2seq.greedy does this for a whole batch, with a state in place of the last token.",
    greedy,
    _tables,
    (
        Mistake("end kept", "Your list ends with the mark of the end.", (_greedy_variant(keep_end=True),)),
        Mistake(
            "columns",
            "You look down a column. What follows token i stands in row i.",
            (_greedy_variant(from_columns=True),),
        ),
        Mistake(
            "stuck",
            "You ask the same row again and again. The token that was written last says which row comes next.",
            (_greedy_variant(stuck=True),),
        ),
        Mistake("no stop", "You go on writing after </s>.", (_greedy_variant(no_stop=True),)),
        Mistake("least likely", "You take the least likely token.", (_greedy_variant(worst=True),)),
        Mistake(
            "begin kept",
            "Your list begins with <s>.",
            (lambda p, b, e, n: [b, *greedy(p, b, e, n)],),
        ),
        Mistake(
            "one short",
            "You stop one token too early where the longest length is reached.",
            (lambda p, b, e, n: greedy(p, b, e, n - 1),),
        ),
    ),
    {"at once": "The first token may be </s> already. Then the output is empty."},
)

# 04.3


def _beams(rng):
    cases = []
    for beam, size in ((2, 4), (3, 5), (2, 6)):
        scores = np.array(sorted((rng.uniform(-3, -0.2) for _ in range(beam)), reverse=True))
        raw = np.array([[rng.uniform(-2, 2) for _ in range(size)] for _ in range(beam)])
        log_probs = raw - np.log(np.exp(raw).sum(1, keepdims=True))
        cases.append(Case((scores, log_probs, beam)))
    # One beginning is so good that all that is kept goes on from it.
    cases.append(Case((np.array([-0.1, -9.0]), np.log([[0.5, 0.3, 0.2], [0.6, 0.3, 0.1]]), 2)))
    one = np.log([[0.2, 0.7, 0.1]])
    return [*cases, Case((np.array([-1.0]), one, 1), "one")]


def beam_step(scores, log_probs, beam):
    """The best `beam` of all pairs (beginning, next token), by the sum of their log probabilities."""
    pairs = [(k, token) for k in range(len(log_probs)) for token in range(len(log_probs[k]))]
    pairs.sort(key=lambda pair: -float(scores[pair[0]] + log_probs[pair[0]][pair[1]]))
    return pairs[:beam]


def _step(score):
    def variant(scores, log_probs, beam):
        rows, scores = _rows(log_probs), [float(s) for s in scores]
        pairs = [(k, token) for k in range(len(rows)) for token in range(len(rows[k]))]
        pairs.sort(key=lambda pair: -score(scores[pair[0]], rows[pair[0]][pair[1]]))
        return pairs[:beam]

    return variant


def _each_its_best(scores, log_probs, beam):
    rows, scores = _rows(log_probs), [float(s) for s in scores]
    pairs = [(k, _best(row)) for k, row in enumerate(rows)]
    return sorted(pairs, key=lambda pair: -(scores[pair[0]] + rows[pair[0]][pair[1]]))[:beam]


THREE = Exercise(
    "04.3",
    "Write beam_step(scores, log_probs, beam). K beginnings are in the beam. `scores` (K,) are their log "
    "probabilities, and `log_probs` (K, V) those of the next token after each of them. Return the `beam` best of all "
    "K times V ways to go on, the best first, each as a pair (number of the beginning, token).",
    "What is the log probability of a beginning together with its next token? Compute it for all pairs, then sort.",
    "beam_search does this with one topk over the flattened table.",
    beam_step,
    _beams,
    (
        Mistake(
            "each its best",
            "You take the best token of each beginning. A good beginning may go on in several ways, a bad one in none.",
            (_each_its_best,),
        ),
        Mistake(
            "beginnings forgotten",
            "You compare the next tokens alone. What the beginning has cost so far counts too.",
            (_step(lambda s, p: p),),
        ),
        Mistake(
            "product",
            "You multiply log probabilities. Probabilities are multiplied; their logarithms are added.",
            (_step(lambda s, p: s * p), _step(lambda s, p: -s * p)),
        ),
        Mistake("worst", "You keep the worst.", (_step(lambda s, p: -(s + p)),)),
        Mistake(
            "turned round",
            "Your pairs are (token, number of the beginning).",
            (lambda s, p, b: [(token, k) for k, token in beam_step(s, p, b)],),
        ),
        Mistake(
            "worst first",
            "The right ones, but the best has to come first.",
            (lambda s, p, b: beam_step(s, p, b)[::-1],),
        ),
        Mistake(
            "all",
            "You return all ways to go on; only the best are kept.",
            (lambda s, p, b: beam_step(s, p, len(p) * len(p[0])),),
        ),
    ),
    {"one": "A beam of one keeps one pair; return it as a list of one pair."},
)

# 04.4


def _ended(rng):
    cases = []
    for alpha in (1.0, 0.7, 0.5, 1.0):
        lengths = [rng.randint(2, 4), rng.randint(6, 9), rng.randint(12, 16)]
        means = [rng.uniform(-1.1, -0.8), rng.uniform(-0.7, -0.5), rng.uniform(-0.45, -0.3)]
        rng.shuffle(lengths)
        log_probs = [mean * length for mean, length in zip(means, lengths, strict=True)]
        cases.append(Case((log_probs, lengths, alpha)))
    cases.append(Case(([-2.0, -3.0, -9.0], [1, 3, 6], 1.0)))
    return [*cases, Case(([-2.5], [4], 1.0), "one"), Case(([-2.0, -3.0], [2, 5], 0.0), "zero")]


def scores(log_probs, lengths, alpha):
    """ln p over the number of tokens to the power of alpha."""
    return [total / length**alpha for total, length in zip(log_probs, lengths, strict=True)]


FOUR = Exercise(
    "04.4",
    "Write scores(log_probs, lengths, alpha). Several outputs have ended. `log_probs` are ln of their probabilities, "
    "`lengths` the numbers of their tokens, </s> included. Return the score of each: ln p divided by the length to the "
    "power of `alpha`. With alpha 0 the length does not count, with alpha 1 the score is the mean over the tokens.",
    "Which operation makes of a sum of ln p a mean, and what becomes of it when alpha is 0?",
    "The highest of these scores wins. With alpha 0 it is nearly always a short output.",
    scores,
    _ended,
    (
        Mistake(
            "multiplied",
            "You multiply by the length. That punishes long outputs twice.",
            (lambda p, n, a: [x * k**a for x, k in zip(p, n, strict=True)],),
        ),
        Mistake(
            "alpha times",
            "Alpha is an exponent of the length, not a factor.",
            (
                lambda p, n, a: [x / (k * a) for x, k in zip(p, n, strict=True)],
                lambda p, n, a: [x / (1 + a * (k - 1)) for x, k in zip(p, n, strict=True)],
            ),
        ),
        Mistake("always the mean", "You forget alpha.", (lambda p, n, a: [x / k for x, k in zip(p, n, strict=True)],)),
        Mistake("no length", "You forget the length.", (lambda p, n, a: list(p),)),
        Mistake(
            "sign",
            "You have turned the sign: a score is 0 or less, and the highest is the best.",
            (lambda p, n, a: [-x / k**a for x, k in zip(p, n, strict=True)],),
        ),
        Mistake(
            "mark not counted",
            "You leave </s> out of the length; it is counted already in what you are given.",
            (lambda p, n, a: [x / max(k - 1, 1) ** a for x, k in zip(p, n, strict=True)],),
        ),
    ),
    {"one": "A single output has a score too.", "zero": "With alpha 0 the length does not count."},
)

EXERCISES = (ONE, TWO, THREE, FOUR)
