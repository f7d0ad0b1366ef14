"""N-gram language models: four ways to turn counts into probabilities, on one interface (chapter 01).

The chain rule writes the probability of a sentence as a product over its words, and an n-gram model of order
N lets each word depend on the N - 1 words before it. :class:`MaximumLikelihood` divides counts, :class:`AddK`
pretends to have seen everything ``k`` times more, :class:`Interpolated` mixes contexts of every length, and
:class:`KneserNey` is modified Kneser-Ney, the very model that KenLM's ``lmplz`` estimates.

>>> model = KneserNey(2).fit([["the", "cat", "sleeps"], ["the", "dog", "sleeps"], ["the", "cat", "eats"]])
>>> list(model.next_word(["the"], top=2))
['cat', 'dog']
"""

import math
import sys

import torch

from lmcourse import _arpa
from lmcourse._ngram import BOS, CLOSE, EOS, OPEN, SPECIALS, NGram, Numbers, Table, pick

__all__ = ["AddK", "Interpolated", "KneserNey", "MaximumLikelihood", "NGram", "OpenVocabulary", "read_arpa"]


class MaximumLikelihood(NGram):
    """Counts divided by counts: p(w | h) = c(h w) / c(h).

    An n-gram that was never seen has probability 0: the log2 probability of its sentence is ``-inf``, and the
    perplexity of a text with it ``inf``. After a context that was never seen, where c(h) = 0, the longest
    ending of it that was seen takes its place.
    """

    def _smooth(self, k, count, context, total, lower):
        return count / pick(total, context), torch.zeros_like(total)


class AddK(NGram):
    """Everything seen k times more than it was: p(w | h) = (c(h w) + k) / (c(h) + k V); Laplace has k = 1.

    The same number is a mixture of c(h w) / c(h) with the uniform law, where the uniform law has the share
    k V / (c(h) + k V). Shorter contexts play no part, so above order 1 no ARPA file can hold the model.

    Args:
        order, device: see :class:`NGram`.
        k: above 0.
    """

    def __init__(self, order, k=1.0, device=None):
        super().__init__(order, device)
        if not k > 0:
            raise ValueError(f"k must be above 0, not {k!r}")
        self.k = k

    def _smooth(self, k, count, context, total, lower):
        added = self.k * (len(self.words) - 1)  # <s> is not among the V
        return (count.double() + self.k) / (pick(total, context) + added), added / (total + added)

    def _probabilities(self, ids):
        if self.order == 1:
            return super()._probabilities(ids)
        uniform = 1 / (len(self.words) - 1)
        p = torch.full_like(ids, uniform, dtype=torch.float64)
        for k, start, end, context, rank, seen in self._walk(ids):
            shorter = pick(self.tables[k - 1].backoff, context) * uniform
            longest = (pick(ids, start) == BOS) | (k == self.order)  # no longer context is there
            p[end[longest]] = torch.where(seen, pick(self.tables[k].prob, rank), shorter)[longest]
        p[ids == BOS] = 1
        return p

    def distribution(self, context=(), bos=True):
        contexts = self._contexts(context, bos)
        if not contexts:
            return super().distribution(context, bos)
        p = torch.full_like(self.tables[1].prob, 1 / (len(self.words) - 1))
        if contexts[-1][1] is not None:
            self._follow(p, *contexts[-1])
        p[BOS] = 0
        return p

    def write_arpa(self, path):
        if self.order > 1:
            raise ValueError(f"{self!r} never backs off to shorter contexts, which an ARPA file needs")
        super().write_arpa(path)


class Interpolated(NGram):
    """A mixture of contexts of every length (Jelinek and Mercer, 1980).

    p(w | h) = l_N c(h w) / c(h) + ... + l_1 c(w) / c() + l_0 / V, where the context of each ratio lacks the
    first word of the one before. Contexts that were never seen drop out, and the other weights grow in
    proportion.

    Args:
        order, device: see :class:`NGram`.
        weights: (l_0, l_1, .. l_N), from the uniform law to the longest context, with a sum of 1; with
            ``None``, :meth:`fit` finds the weights that make held-out sentences most probable.
    """

    def __init__(self, order, weights=None, device=None):
        super().__init__(order, device)
        if weights is not None:
            weights = tuple(map(float, weights))
            if len(weights) != order + 1 or min(weights) < 0 or not abs(sum(weights) - 1) < 1e-9:
                raise ValueError(f"expected {order + 1} weights that sum to 1, lowest order first, not {weights}")
        self.weights, self._fixed = weights, weights is not None

    def fit(self, sentences, held_out=None):
        """Count, and unless weights were given find them by expectation maximisation; see :meth:`NGram.fit`.

        Args:
            sentences: the training text.
            held_out: the sentences that the weights are to suit. ``None`` sets every tenth training sentence
                aside to find the weights, then counts all of them (one single sentence: all weights equal).
        """
        if not self._fixed and not isinstance(sentences, str):
            sentences = list(sentences)
            train = sentences
            if held_out is None:
                train, held_out = [s for i, s in enumerate(sentences) if i % 10], sentences[::10]
            self.weights = (1 / (self.order + 1),) * (self.order + 1)
            if train:
                counted = MaximumLikelihood(self.order, self.device).fit(train)
                self.weights = self._learn_weights(counted, counted._ids(held_out))
        return super().fit(sentences)

    def _smooth(self, k, count, context, total, lower):
        weight, weights = self.weights[k], sum(self.weights[: k + 1])
        share = weight / weights if weights else 1.0  # of order k, where longer contexts have dropped out
        seen = count / pick(total, context)
        return share * seen + (1 - share) * lower, torch.full_like(total, 1 - share)

    def _learn_weights(self, counted, ids):
        """Weights that suit a stream of held-out ids, given a maximum likelihood model of other sentences.

        Imagine that each word is drawn from one order: beginning with the longest context that was seen, stay
        with a probability of ``share[k]``, else go on to the next shorter. The E step finds where each word
        was probably drawn, and the M step how often each order kept what came to it.
        """
        p = torch.zeros(self.order + 1, len(ids), dtype=torch.float64, device=self.device)
        known = torch.zeros_like(p, dtype=torch.bool)  # was the context seen?
        p[0], p[1], known[:2] = 1 / (len(counted.words) - 1), pick(counted.tables[1].prob, ids), True
        for k, _, end, context, rank, seen in counted._walk(ids):
            p[k, end] = torch.where(seen, pick(counted.tables[k].prob, rank), 0)
            known[k, end] = pick(counted.tables[k - 1].backoff, context) == 0
        p, known = p[:, ids != BOS], known[:, ids != BOS]  # (N + 1, words)
        share, change = [1.0] + [0.5] * self.order, 1
        while change > 1e-5:
            mixed = [p[0]]
            for k in range(1, self.order + 1):
                mixed.append(torch.where(known[k], share[k] * p[k] + (1 - share[k]) * mixed[-1], mixed[-1]))
            comes, change = torch.ones_like(p[0]), 0
            for k in range(self.order, 0, -1):
                stays = torch.where(known[k], comes * share[k] * p[k] / mixed[k], 0)
                new = (stays.sum() + 1) / (comes[known[k]].sum() + 2)  # as add-1: no share is ever 0 or 1
                change = max(change, abs(new.item() - share[k]))
                share[k], comes = new.item(), comes - stays
        weights, left = [], 1.0
        for k in range(self.order, -1, -1):
            weights.append(left * share[k])
            left -= weights[-1]
        return tuple(reversed(weights))


class KneserNey(NGram):
    """Modified Kneser-Ney (Chen and Goodman, 1998), interpolated, as KenLM does it (Heafield et al., 2013).

    p(w | h) = (a(h w) - D) / a(h) + b(h) p(w | h without its first word). Each count gives up a discount D,
    which is one number for counts of 1, one for 2, and one for 3 or more; what they give up, b(h), goes to
    the shorter context. There the count a is not how often the n-gram was seen, but after how many different
    words: words that only ever follow one other word have no business elsewhere. N-grams that begin with
    ``<s>`` keep their counts, since nothing stands before them, and the unigrams hand on to the uniform law,
    and so to ``<unk>``.

    Attributes:
        discounts: from each order to its three discounts.
        fallback_orders: the orders where the formula fails, because no n-gram has a count of 1, or 2, or 3,
            or a discount would be out of range, as in a tiny or very regular text. They get discounts of 0.5,
            1 and 1.5, as from ``lmplz --discount_fallback``.
    """

    def _estimate(self):
        self.discounts, self.fallback_orders = {}, ()
        super()._estimate()

    def _evidence(self, k):
        count = super()._evidence(k)
        if k == self.order:
            return count
        before = torch.bincount(self.tables[k + 1].suffix, minlength=len(count))
        return torch.where(self.tables[k].opens, count, before)

    def _smooth(self, k, count, context, total, lower):
        D = self._discount(k, count)
        kind = count.clamp(max=3)  # 0, 1, 2, or 3 and more
        kinds = torch.bincount(context * 4 + kind, minlength=4 * len(total)).view(-1, 4)  # (C, 4)
        backoff = kinds.double() @ D / total
        return (count - D[kind]) / pick(total, context) + pick(backoff, context) * lower, backoff

    def _discount(self, k, count):
        """The discounts of counts of 0, 1, 2, and 3 and more: (4,)."""
        n = torch.bincount(count.clamp(max=5), minlength=6).tolist()  # n[i] k-grams have a count of i
        D = ()
        if all(n[1:4]):
            Y = n[1] / (n[1] + 2 * n[2])
            D = tuple(i - (i + 1) * Y * n[i + 1] / n[i] for i in (1, 2, 3))
        if not D or not all(0 <= d <= i for i, d in enumerate(D, 1)):
            D = (0.5, 1.0, 1.5)
            self.fallback_orders += (k,)
        self.discounts[k] = D
        return torch.tensor([0.0, *D], dtype=torch.float64, device=self.device)


class OpenVocabulary:
    """A model that pays for the spelling of unknown words, so that its bits count for any text (chapter 01).

    ``<unk>`` alone says "some word I do not know". To say which, each unknown word adds the bits of its letters
    under a letter model, learned from the different words of the training text; a letter that it has never seen
    costs as much again as naming one of all code points. Some of that mass goes to words that are known after all,
    so the bits are at most too many, never too few.

    Args:
        model: any model of this module, not fitted yet.
        letters: the model of the letters of a word; ``None`` makes one.
    """

    def __init__(self, model, letters=None):
        self.model, self.letters = model, letters or KneserNey(4, model.device)

    def fit(self, sentences):
        """Fit the model to the sentences (lists of words), and the letter model to their different words."""
        self.model.fit(sentences)
        self.known = set(self.model.words)
        self.letters.fit(list(word) for word in self.model.words[len(SPECIALS) :])
        self.seen = set(self.letters.words)
        return self

    def log2probs(self, sentences):
        """log2 of the probability of each sentence, the spelling of its unknown words included: (B,)."""
        sentences = list(sentences)
        log2probs = self.model.log2probs(sentences)
        unknown = [(i, list(word)) for i, words in enumerate(sentences) for word in words if word not in self.known]
        if unknown:
            sentence, spellings = zip(*unknown, strict=True)
            bits = self.letters.log2probs(spellings).cpu()  # (U,) unknown words
            strange = [sum(letter not in self.seen for letter in word) for word in spellings]
            bits -= math.log2(sys.maxunicode + 1) * torch.tensor(strange)
            log2probs.index_add_(0, torch.tensor(sentence).to(log2probs.device), bits.to(log2probs.device))
        return log2probs


def read_arpa(path, device=None):
    """Read an ARPA file, ours or KenLM's or SRILM's, as an :class:`NGram` that scores and generates.

    Raises:
        ValueError: it is no ARPA file, it is cut short, or it lacks the beginning of one of its n-grams.
    """
    sections = _arpa.read(path)
    listed = [word for _, (word,), _ in sections[1]]
    sections[1] += [(-99.0, [word], 0.0) for word in SPECIALS if word not in listed]
    model = NGram(len(sections), device)
    model.words = [*SPECIALS, *(word for word in listed if word not in SPECIALS)]
    number = {word: i for i, word in enumerate(model.words)}
    model._numbers = Numbers({OPEN: BOS, CLOSE: EOS} | {word: number[word] for word in model.words[3:]})
    model._numbers.growing = False
    for k, columns in _arpa.ranked(sections, number):
        key, context, prob, backoff = (column.to(model.device) for column in columns)
        model.tables[k] = Table(key, context, prob=prob, backoff=backoff)
    model.tables[1].prob[BOS] = 1  # it is given
    model.tables[1].backoff[EOS] = 1  # nothing follows it
    return model
