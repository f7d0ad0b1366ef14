"""Next-word probabilities of many contexts in a few kilobytes, for a page that has no model behind it."""

import bisect
import inspect
import json
import math
import struct
from collections import Counter
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

STEPS = 2048  # a probability is stored as its bits, in steps of 1/2048: 0.02 % off at most
ZERO = 0xFFFF  # the code of probability 0
TRUTH = 0x8000  # flag on the length of a list that has true probabilities too
MAX_ORDER = 5


def _encode(p):
    return ZERO if p <= 0 else min(ZERO - 1, round(-math.log2(min(p, 1.0)) * STEPS))


def _decode(code):
    return 0.0 if code == ZERO else 2.0 ** (-code / STEPS)


@dataclass(frozen=True)
class NextWordTable:
    """Next-word probabilities of the commonest contexts, packed. Made by :func:`next_word_table`.

    A context lists words that it makes likelier than the next shorter context does. The others share what is
    left as they share that one (Katz back-off), so every word has a probability after every context.

    Attributes:
        order: contexts have up to ``order - 1`` words.
        counts: how many contexts of 0, 1, ... words are stored.
        data: the length of the vocabulary (uint32); the vocabulary (a JSON list in UTF-8); then, for each
            context, shorter ones first, the ids of its words, what is left for words it does not list, the
            length of its list, the ids and the probabilities of the list, and the true probabilities if the
            length has the bit ``0x8000``. These are uint16, the low byte first; p is stored as
            ``-log2(p) * 2048``, and 0 as ``0xFFFF``.
        start: the word that marks the start of a sentence, or ``None``.
        end: the word that marks its end, or ``None``.
        complete: whether every context of the sentences is stored.
    """

    order: int
    counts: tuple[int, ...]
    data: bytes = field(repr=False)
    start: str | None = "<s>"
    end: str | None = "</s>"
    complete: bool = True

    def __post_init__(self):
        size = int.from_bytes(self.data[:4], "little")
        words = json.loads(self.data[4 : 4 + size])
        numbers = struct.iter_unpack("<H", self.data[4 + size :])
        records = {}

        def take(n):
            return [next(numbers)[0] for _ in range(n)]

        for length, count in enumerate(self.counts):
            for _ in range(count):
                context = tuple(words[i] for i in take(length))
                rest, head = take(2)
                listed = [words[i] for i in take(head & ~TRUTH)]
                p = [_decode(code) for code in take(len(listed))]
                true = [_decode(code) for code in take(len(listed))] if head & TRUTH else None
                records[context] = (
                    dict(zip(listed, p, strict=True)),
                    _decode(rest),
                    true and dict(zip(listed, true, strict=True)),
                )
        object.__setattr__(self, "index", {word: i for i, word in enumerate(words)})
        object.__setattr__(self, "records", records)

    def context(self, words, order=None):
        """The context used after these words: the longest one stored, of at most ``order - 1`` words."""
        order = self.order if order is None else order
        seen = (*([] if self.start is None else [self.start]), *words)
        return self._stored(seen[max(0, len(seen) - order + 1) :])

    def next_word(self, words, order=None):
        """Probability of every word of the table after these words, as a dictionary, likeliest first."""
        p, _ = self._distribution(self.context(words, order))
        ranked = sorted(p, key=lambda word: (-p[word], self.index[word]))
        return {word: p[word] for word in ranked if p[word] > 0}

    def bits(self, words, order=None):
        """Bits (−log2 p) of each of the words after those before it; infinite for the impossible."""
        costs = []
        for i, word in enumerate(words):
            p, other = self._distribution(self.context(words[:i], order))
            q = p.get(word, 0.0) if word in self.index else other
            costs.append(-math.log2(q) if q > 0 else math.inf)
        return costs

    def truth(self, words, order=None):
        """True probabilities of the words that the context lists, or ``None`` where they were not given."""
        return self.records[self.context(words, order)][2]

    def _stored(self, context):
        return next(context[i:] for i in range(len(context) + 1) if context[i:] in self.records)

    def _distribution(self, context):
        """Probabilities of the words, and the mass of words outside the vocabulary."""
        listed, rest, _ = self.records[context]
        if not context or rest == 0:
            return listed, rest
        lower, other = self._distribution(self._stored(context[1:]))
        free = {word: q for word, q in lower.items() if word not in listed}
        mass = sum(free.values()) + other
        if mass == 0:
            return listed, rest
        return listed | {word: rest * q / mass for word, q in free.items()}, rest * other / mass


def next_word_table(
    next_word, sentences, *, order=3, truth=None, start="<s>", end="</s>", unknown="<unk>", budget=50_000
):
    """Ask a model about the contexts of some sentences, and keep the answers that matter most.

    A word is kept where a context makes it likelier than the shorter context does; where the room ends, those
    that matter most for the sentences stay. With room for all, the table of an interpolated model (one model,
    not one for each order) is that model itself; a thousand short sentences take about 50 KB.

    Args:
        next_word: a function from a context (a list of words, the first of them ``start`` at the start of a
            sentence) to ``{word: probability}``. Where the function has an argument ``bos``, as in
            :mod:`lmcourse.ngram`, the context comes without the mark and ``bos`` says whether a sentence
            starts. A list of functions gives each order a model of its own: item ``n`` answers contexts
            of ``n`` words. An empty answer or a ``KeyError`` leaves the context out.
        sentences: those the model learned from, or some: lists of words, without ``start`` and ``end``.
        order: contexts have up to ``order - 1`` words; 1 to 5. A list of functions has its own length.
        truth: the same kind of function for the true distribution; it may answer ``None``.
        start: the word that marks the start of a sentence, or ``None`` if there is none.
        end: the word that marks the end, or ``None``.
        unknown: the word that stands for all others; it is left out.
        budget: bytes the table may take. A page holds them in base64, a third longer.

    Returns:
        A :class:`NextWordTable`.

    Raises:
        ValueError: an answer is no distribution, a sentence is a string, or the order is not 1 to 5.
    """
    ask = [_asker(f, start) for f in ([next_word] * order if callable(next_word) else next_word)]
    ask_truth = _asker(truth, start) if truth else lambda context: None
    seen = Counter()
    for sentence in sentences:
        if isinstance(sentence, str):
            raise ValueError(f"a sentence is a list of words, not the string {sentence!r}")
        marked = (*([] if start is None else [start]), *sentence, *([] if end is None else [end]))
        for i in range(0 if start is None else 1, len(marked)):
            seen.update(marked[i - n : i] for n in range(min(len(ask), i + 1)))
    common = sorted(seen.keys() - {()}, key=lambda context: (-seen[context], len(context), context))
    common = common[: max(100, budget // 16)]  # there is room for no more, and each takes the model some time

    def answers():
        for context in [(), *sorted(common, key=len)]:  # shorter ones first: they are compared with
            try:
                p = ask[len(context)](context)
            except KeyError:
                continue
            yield context, {word: q for word, q in p.items() if word != unknown}, ask_truth(context)

    return pack(answers(), len(ask), start, end, seen, budget)


def _asker(function, start):
    """The function as one of a tuple of words that may begin with the mark of the start."""
    if "bos" not in inspect.signature(function).parameters:
        return lambda context: function(list(context))

    def ask(context):
        bos = start is not None and context[:1] == (start,)
        return function(list(context[bos:]), bos=bos)

    return ask


class Offer(NamedTuple):
    """What might be kept of a context: words, their probabilities, and what listing each of them is worth."""

    context: tuple[str, ...]
    ids: np.ndarray  # (N,) in the order of the vocabulary
    p: np.ndarray  # (N,)
    gain: np.ndarray  # (N,) bits saved in the sentences, above 0
    rest: float  # probability of the words that are not offered
    truth: dict[str, float] | None

    def cut(self, keep):
        """The same with the words of a mask only."""
        rest = self.rest + self.p[~keep].sum()
        return self._replace(ids=self.ids[keep], p=self.p[keep], gain=self.gain[keep], rest=rest)

    def size(self):
        return 4 + 2 * len(self.context) + len(self.ids) * (6 if self.truth else 4)


def pack(answers, order, start, end, seen=None, budget=math.inf):
    """A table of ``(context, {word: p}, {word: true p} or None)``, shorter contexts first.

    With ``seen``, how often each context was seen, what matters most is kept, up to the budget; else all.
    """
    if isinstance(order, bool) or not isinstance(order, int) or not 1 <= order <= MAX_ORDER:
        raise ValueError(f"order must be 1 to {MAX_ORDER}, not {order!r}")
    number, vectors, offers = {}, {}, []
    for context, p, truth in answers:
        if not p:
            continue
        _check(context, p)
        for word in (*context, *p, *(truth or ())):
            number.setdefault(word, len(number))
        vector = np.zeros(len(number))  # (V,)
        vector[[number[word] for word in p]] = list(p.values())
        vectors[context] = vector
        if seen is None:
            gain = np.where(vector > 0, np.inf, 0)
        else:
            shorter = [context[i:] for i in range(1, order) if context[i:] in vectors and context]
            gain = _gain(vector, vectors[shorter[0]] if shorter else None) * seen[context]
            for word, q in (truth or {}).items():
                gain[number[word]] += q * seen[context] if q >= 0.005 else 0
        ids = np.flatnonzero(gain > 0)
        rest = 1 - vector[ids].sum()
        # Rounding is no probability: if all other words have none, nothing is left.
        rest = rest if vector.sum() - vector[ids].sum() > 1e-9 or rest > 1e-4 else 0.0
        offers.append(Offer(context, ids, vector[ids], gain[ids], rest, truth))
    if () not in vectors:
        raise ValueError("the empty context () needs a distribution: everything backs off to it")
    kept, words = _choose(offers, number, budget)
    complete = len(kept) == sum(len(offer.ids) > 0 for offer in offers)
    complete = complete and (seen is None or seen.keys() <= vectors.keys())
    return _write(kept, list(number), words, order, start, end, complete)


def _check(context, p):
    """Complain of what is no distribution over words, or no part of one."""
    if not all(type(word) is str for word in p):
        raise ValueError(f"after {list(context)!r} there are words that are no strings: {list(p)[:5]!r}")
    total = sum(p.values())
    if not (min(p.values()) >= 0 and total <= 1 + 1e-3):  # so that NaN is caught too
        bad = {word: q for word, q in p.items() if not 0 <= q <= 1}
        wrong = f"the sum is {total:.6g}" + "".join(f", {word!r} has {q!r}" for word, q in list(bad.items())[:3])
        raise ValueError(f"no distribution over words after {list(context)!r}: {wrong}")


def _gain(vector, lower):
    """Bits a word saves by its place in the list, as others share the rest like the shorter context: (V,)."""
    if lower is None:
        return 10 * vector  # without a place here a word is not known at all
    lower = np.pad(lower, (0, len(vector) - len(lower)))
    # Most words are not seen in a context. Their probability is that of the shorter context, times this.
    usual = max(np.median(np.divide(vector, lower, where=lower > 0, out=np.zeros(len(vector)))), 1e-6)
    expected = usual * lower
    surprise = np.log2(np.maximum(vector, 1e-30) / np.maximum(expected, 1e-12))
    gain = vector * surprise - (vector - expected) / math.log(2)
    return np.where(np.abs(vector - expected) > 1e-3 * expected, gain, 0) * ((vector > 0) | (usual > 1e-6))


def _choose(offers, number, budget):
    """The offers without the words that gain least, up to the budget, and the words that they use."""
    unigrams, *others = offers
    price = np.array([len(json.dumps(w, ensure_ascii=False).encode()) + 1 for w in number])  # (V,)
    price += 6 if unigrams.truth else 4  # a word that is used is listed after the empty context too

    def cut(limit):
        kept = [o.cut(o.gain >= limit) for o in others if (o.gain >= limit).any()]
        used = np.zeros(len(number), dtype=bool)  # (V,)
        used[unigrams.ids[unigrams.gain >= limit]] = True
        for offer in kept:
            used[offer.ids] = True
            used[[number[word] for word in offer.context]] = True
        return kept, used, 10 + price[used].sum() + sum(offer.size() for offer in kept)

    limits = np.unique(np.concatenate([offer.gain for offer in offers]))
    # The least limit that keeps to the budget: the sizes fall as the limits rise.
    best = bisect.bisect_left(range(len(limits)), True, key=lambda i: bool(cut(limits[i])[2] <= budget))
    if best == len(limits):
        raise ValueError(f"a budget of {budget} bytes has room for no word")
    kept, used, _ = cut(limits[best])
    return [unigrams.cut(used[unigrams.ids]), *kept], np.flatnonzero(used)


def _write(offers, words, used, order, start, end, complete):
    """The bytes that :class:`NextWordTable` describes."""
    if len(used) > ZERO or max(len(offer.ids) for offer in offers) >= TRUTH:
        raise ValueError(f"{len(used):,} words are too many for a table")
    place = {words[i]: n for n, i in enumerate(used)}
    numbers = []
    for offer in sorted(offers, key=lambda o: (len(o.context), [place[word] for word in o.context])):
        listed = [words[i] for i in offer.ids]
        numbers += [place[word] for word in offer.context]
        numbers += [_encode(offer.rest), len(listed) | (TRUTH if offer.truth else 0)]
        numbers += [place[word] for word in listed]
        numbers += [_encode(p) for p in offer.p]
        if offer.truth:
            numbers += [_encode(offer.truth.get(word, 0.0)) for word in listed]
    text = json.dumps(list(place), ensure_ascii=False, separators=(",", ":")).encode()
    data = len(text).to_bytes(4, "little") + text + struct.pack(f"<{len(numbers)}H", *numbers)
    lengths = Counter(len(offer.context) for offer in offers)
    return NextWordTable(order, tuple(lengths[n] for n in range(order)), data, start, end, complete)
