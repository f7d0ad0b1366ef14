"""What the n-gram models of :mod:`lmcourse.ngram` share: counting, looking up, scoring, generating."""

import itertools
from dataclasses import dataclass
from reprlib import repr as short

import numpy as np
import torch

import lmcourse
from lmcourse import _arpa
from lmcourse.markov import as_generator
from lmcourse.metrics import perplexity

SPECIALS = ("<unk>", "<s>", "</s>")
UNK, BOS, EOS = range(3)
OPEN, CLOSE = ("<s>",), ("</s>",)  # tuples, so that no word of a text can be taken for them


@dataclass
class Table:
    """All k-grams of one order k, M of them, sorted by key; the rank of a k-gram is its place in the table.

    The key is (rank of the first k - 1 words) * V + (number of the last word): one 64-bit integer names a
    k-gram of any order, and the k-grams with the same context lie side by side.
    """

    key: torch.Tensor  # (M,)
    context: torch.Tensor  # (M,) rank of the first k - 1 words
    suffix: torch.Tensor = None  # (M,) rank of the last k - 1 words
    opens: torch.Tensor = None  # (M,) does it begin with <s>?
    count: torch.Tensor = None  # (M,)
    prob: torch.Tensor = None  # (M,) probability of the last word after the others
    backoff: torch.Tensor = None  # (M,) weight of the shorter context for words never seen after this k-gram


class NGram:
    """What all n-gram models share: counting, scoring, generating, ARPA files.

    A sentence is a list of words (str) without ``<s>`` and ``</s>``, which are added here. A word that was
    not in the training text is ``<unk>``. Every distribution is over the words of that text, ``</s>`` and
    ``<unk>``.

    Args:
        order: length of the longest n-gram: 1 is the unigram model, 2 the bigram model.
        device: where the tables live; ``None`` is the best there is (but the CPU for MPS, which has no
            float64).
    """

    def __init__(self, order, device=None):
        if not isinstance(order, int) or isinstance(order, bool) or order < 1:
            raise ValueError(f"order must be a whole number, 1 or more, not {order!r}")
        self.order, self.device = order, lmcourse.device(device)
        if self.device.type == "mps":
            self.device = torch.device("cpu")
        self.words, self.tables, self._numbers = [], {}, None

    def __repr__(self):
        sizes = " + ".join(f"{len(table.key):,}" for table in self.tables.values())
        return f"<{type(self).__name__}({self.order}), {sizes + ' n-grams' if sizes else 'not fitted'}>"

    # Training

    def fit(self, sentences):
        """Count the n-grams of the sentences, and estimate the probabilities.

        Args:
            sentences: an iterable of sentences, read once. For a text file with a sentence on each line:
                ``map(str.split, open(path, encoding="utf-8"))``.

        Returns:
            The model itself.

        Raises:
            TypeError: a str stands where a list of words is expected.
            ValueError: there is no sentence, or ``<s>``, ``</s>`` or ``<unk>`` is a word of one.
        """
        if type(self)._smooth is NGram._smooth:
            raise NotImplementedError(f"{self!r} has no estimate of its own; fit KneserNey({self.order})")
        numbers = Numbers({OPEN: BOS, CLOSE: EOS})
        ids = read(sentences, numbers).to(self.device)
        if not len(ids):
            raise ValueError(f"there is nothing to count: no sentence in {short(sentences)}")
        numbers.growing = False
        self._numbers, self.words = numbers, [*SPECIALS, *itertools.islice(numbers, 2, None)]
        self._count(ids)
        self._estimate()
        return self

    def _count(self, ids):
        """Make the tables from one stream of ids, ``<s> w .. w </s> <s> w .. </s>``: (T,)."""
        V = len(self.words)
        word = torch.arange(V, device=self.device)
        table = Table(word, word * 0, opens=word == BOS, count=torch.bincount(ids, minlength=V))
        self.tables = {1: table}
        start = torch.arange(len(ids), device=self.device)  # places where a k-gram begins
        rank = ids  # (T,) rank of the k-gram that begins at each place
        for k in range(2, self.order + 1):
            inside = pick(ids, start + (k - 2)) != EOS  # no k-gram crosses the end of a sentence
            start = pick(start, torch.nonzero(inside).squeeze(1))
            key = pick(rank, start).mul_(V).add_(pick(ids, start + (k - 1)))
            key, place, count = unique(key, len(table.key) * V)
            context, suffix = key // V, torch.empty_like(key).scatter_(0, place, pick(rank, start + 1))
            table = self.tables[k] = Table(key, context, suffix, pick(table.opens, context), count)
            rank = rank.scatter(0, start, place)

    def _estimate(self):
        """Fill in the probabilities, from short contexts to long; the models differ in ``_smooth``."""
        V = len(self.words)
        lower = torch.full((V,), 1 / (V - 1), dtype=torch.float64, device=self.device)  # any word but <s>
        for k, table in self.tables.items():
            below, count = self.tables.get(k - 1), self._evidence(k)
            total = torch.bincount(table.context, count.double(), len(below.key) if below else 1)
            table.prob, backoff = self._smooth(k, count, table.context, total, lower)
            table.backoff = torch.ones_like(table.prob)
            if below:
                below.backoff = torch.where(total > 0, backoff, 1)  # a context never seen has no say
            if k < self.order:
                lower = pick(table.prob, self.tables[k + 1].suffix)
        self.tables[1].prob[BOS] = 1  # it is given

    def _evidence(self, k):
        """The counts to estimate order k from, (M,); ``<s>`` has none, since it is given."""
        count = self.tables[k].count
        return torch.where(self.tables[k].opens, 0, count) if k == 1 else count

    def _smooth(self, k, count, context, total, lower):
        """The estimate of one order: probabilities (M,), and weights of the shorter contexts (C,).

        ``count`` (M,) of each k-gram; ``context`` (M,) its rank; ``total`` (C,) sum of the counts after a
        context; ``lower`` (M,) probability of the same word after the context without its first word.
        """
        raise NotImplementedError

    # Counts

    def count(self, ngram):
        """How often a list of words was seen in a row; ``<s>`` and ``</s>`` may be among them."""
        rank = self._seen(ngram, self.order)
        return 0 if rank is None else int(self.tables[len(ngram)].count[rank])

    def continuation_count(self, ngram):
        """How many different words were seen before the n-gram: what Kneser-Ney counts in lower orders."""
        rank = self._seen(ngram, self.order - 1)
        return 0 if rank is None else int((self.tables[len(ngram) + 1].suffix == rank).sum())

    def counts(self, k, top=None):
        """The k-grams as tuples with their counts, most frequent first; with ``top``, only so many."""
        if k not in self.tables or self.tables[k].count is None:
            raise ValueError(f"there are no counts of {k!r}-grams in {self!r}")
        count, rank = self.tables[k].count.sort(descending=True, stable=True)
        rank, columns = rank[count > 0][:top], []
        for table in (self.tables[i] for i in range(k, 0, -1)):  # from the last word to the first
            columns.append((table.key[rank] % len(self.words)).tolist())
            rank = table.context[rank]
        ngrams = (tuple(self.words[i] for i in ids) for ids in zip(*reversed(columns), strict=True))
        return dict(zip(ngrams, count.tolist(), strict=False))

    def _seen(self, ngram, longest):
        if isinstance(ngram, str) or not 1 <= len(ngram) <= longest:
            raise ValueError(f"expected a list of 1 to {longest} words, not {ngram!r}")
        if not self.tables or self.tables[1].count is None:
            raise ValueError(f"there are no counts in {self!r}")
        return self._rank([SPECIALS.index(w) if w in SPECIALS else self._numbers.get(w, UNK) for w in ngram])

    def _rank(self, ids):
        """The rank of one n-gram, ``None`` if it is not in its table."""
        rank = ids[0]
        for k, word in enumerate(ids[1:], 2):
            key, wanted = self.tables[k].key, rank * len(self.words) + word
            rank = int(torch.searchsorted(key, wanted))
            if rank == len(key) or int(key[rank]) != wanted:
                return None
        return rank

    # Scoring

    def encode(self, sentences):
        """Sentences as one stream of ids, ``<s> w .. w </s> <s> w .. </s>``, the fastest to score: (T,)."""
        if not self.tables:
            raise ValueError(f"{self!r}: call fit(sentences) first")
        return read(sentences, self._numbers).to(self.device)

    def score(self, ids):
        """log2 of the probability of each token of a stream, given those before it; 0 for ``<s>``: (T,)."""
        return self._probabilities(ids).log2_()

    def _probabilities(self, ids):
        p = pick(self.tables[1].prob, ids)
        for k, _, end, context, rank, seen in self._walk(ids):
            shorter = pick(self.tables[k - 1].backoff, context) * pick(p, end)
            p.scatter_(0, end, torch.where(seen, pick(self.tables[k].prob, rank), shorter))
        return p

    def _walk(self, ids):
        """For k = 2, 3, ..: every place where a k-gram stands whose context, k - 1 words, is in the tables.

        Yields k; the first and the last place of each k-gram; the rank of its context; its own rank (any
        number if it is not in its table); and whether it is there.
        """
        V = len(self.words)
        start = torch.argsort(ids[:-1] * V + ids[1:])  # as the tables are sorted: twice as fast as text order
        context = pick(ids, start)
        for k in range(2, self.order + 1):
            key = self.tables[k].key
            if not len(key):
                return
            end = start + (k - 1)
            word = pick(ids, end)
            wanted = context * V + word
            rank = torch.searchsorted(key, wanted).clamp_(max=len(key) - 1)
            seen = pick(key, rank) == wanted
            yield k, start, end, context, rank, seen
            if k < self.order:
                longer = torch.nonzero(seen & (word != EOS)).squeeze(1)
                start, context = pick(start, longer), pick(rank, longer)

    def log2probs(self, sentences):
        """log2 of the probability of each sentence, with its ``</s>``; takes sentences or their ids: (B,)."""
        ids = self._ids(sentences)
        number = torch.cumsum(ids == BOS, 0) - 1  # (T,) of the sentence
        sums = torch.zeros(int(number[-1]) + 1, dtype=torch.float64, device=self.device)
        return sums.index_add_(0, number, self.score(ids))

    def log2prob(self, sentence):
        """log2 of the probability of one sentence, with its ``</s>``; ``-inf`` if the probability is 0."""
        return self.log2probs([sentence]).item()

    def perplexity(self, sentences):
        """Perplexity per token: each word, known or not, and each ``</s>`` is one; takes sentences or ids."""
        ids = self._ids(sentences)
        return perplexity(self.score(ids).sum(), int((ids != BOS).sum()))

    def _ids(self, sentences):
        ids = sentences if torch.is_tensor(sentences) else self.encode(sentences)
        if ids.dim() != 1 or not len(ids) or ids[0] != BOS or ids[-1] != EOS:
            raise ValueError(f"expected sentences, or what encode(sentences) gives, not {short(sentences)}")
        return ids

    # The next word

    def distribution(self, context=(), bos=True):
        """How probable each of ``model.words`` is as the next; see :meth:`NGram.next_word`: (V,)."""
        contexts = self._contexts(context, bos)
        p = self.tables[1].prob.clone()
        for k, rank in contexts:
            if rank is not None:
                self._follow(p, k, rank)
        p[BOS] = 0
        return p

    def _contexts(self, context, bos):
        """For the last 1, 2, .. words so far: the order of the table that continues them, and their rank."""
        ids = self.encode([context])[0 if bos else 1 : -1].tolist()
        orders = range(2, min(self.order, len(ids) + 1) + 1)
        return [(k, self._rank(ids[len(ids) + 1 - k :])) for k in orders]

    def _follow(self, p, k, rank):
        """Turn the distribution after a context into that after the context one word longer, in place."""
        V, table = len(self.words), self.tables[k]
        limits = torch.tensor([rank * V, (rank + 1) * V], device=self.device)
        first, last = torch.searchsorted(table.key, limits).tolist()
        p.mul_(self.tables[k - 1].backoff[rank])
        p[table.key[first:last] - rank * V] = table.prob[first:last]

    def next_word(self, context=(), top=None, bos=True):
        """What may come next: a dict from word to probability, the most probable first.

        Args:
            context: the words so far; the last ``order - 1`` of them count.
            top: only so many words; ``None`` gives all, with ``</s>`` and ``<unk>``, and a sum of 1.
            bos: the context begins the sentence; ``False`` puts it somewhere inside one.
        """
        prob, word = self.distribution(context, bos).sort(descending=True, stable=True)
        pairs = zip(word.tolist(), prob.tolist(), strict=True)
        return dict(itertools.islice(((self.words[i], p) for i, p in pairs if i != BOS), top))

    def generate(self, seed=None, *, context=(), temperature=1.0, top_k=None, max_length=100):
        """Draw a sentence word by word from :meth:`distribution`, but never ``<unk>``.

        Args:
            seed: a whole number, a ``torch.Generator``, or ``None`` for a new sentence each time.
            context: the words that the sentence begins with.
            temperature: probabilities are raised to the power 1 / temperature: below 1 the likely words gain,
                above 1 the rare ones; 0 takes the most probable word each time.
            top_k: draw among so many of the most probable words.
            max_length: the most words that the sentence may have.

        Returns:
            The sentence, with the context and without ``</s>``: a list of words.
        """
        if temperature < 0 or (top_k is not None and top_k < 1):
            raise ValueError(f"expected temperature >= 0 and top_k >= 1, not {temperature!r} and {top_k!r}")
        generator, sentence = as_generator(seed), list(context)
        while len(sentence) < max_length:
            p = self.distribution(sentence)
            p[UNK] = 0
            p, word = p.sort(descending=True, stable=True)
            p = p[: top_k if temperature else 1]
            p = (p.log() / (temperature or 1)).softmax(0).to(generator.device)
            drawn = int(word[torch.multinomial(p, 1, generator=generator).item()])
            if drawn == EOS:
                break
            sentence.append(self.words[drawn])
        return sentence

    def write_arpa(self, path):
        """Write an ARPA file, the text format of KenLM and SRILM; as there, 10^-99 stands for 0.

        Raises:
            ValueError: a word is empty or holds a space, or the model has no backoff form (:class:`AddK`).
        """
        tables = {}
        for k, table in self.tables.items():
            columns = table.prob.log10().clamp(min=-99), table.backoff.log10().clamp(min=-99)
            tables[k] = [x.tolist() for x in (table.context, table.key % len(self.words), *columns)]
        _arpa.write(path, self.words, tables)


class Numbers(dict):
    """From word to number. A new word gets the next number while ``growing``, and is unknown after that."""

    growing = True

    def __missing__(self, word):
        if not isinstance(word, str):
            raise TypeError(f"{word!r} is not a str")
        if word in SPECIALS:
            raise ValueError(f"{word!r} has a meaning of its own and cannot be a word of a sentence: rename it")
        if not self.growing:
            return UNK
        self[word] = number = len(self) + 1  # <s> and </s> are in it, <unk> is not
        return number


def read(sentences, numbers):
    """One stream of ids, ``<s> w .. w </s> <s> w .. </s>``: (T,)."""

    def marked():
        for sentence in sentences:
            if isinstance(sentence, str):
                raise TypeError(f"{short(sentence)} is not a list; split it first")
            yield (OPEN,)
            yield sentence
            yield (CLOSE,)

    if isinstance(sentences, str):
        raise TypeError(f"expected a list of sentences, not the str {short(sentences)}")
    words = itertools.chain.from_iterable(marked())
    try:
        return torch.from_numpy(np.fromiter(map(numbers.__getitem__, words), np.int64))
    except TypeError as error:
        raise TypeError(f"a sentence must be a list of words, each a str: {error}") from None


def pick(values, places):
    """``values[places]``, in the form that is four times as fast on a CPU."""
    return values.index_select(0, places)


def unique(key, limit):
    """The different keys, all below the limit, sorted, (M,); the place of each key among them, (T,); counts, (M,)."""
    if limit > 4 * len(key):
        return torch.unique(key, return_inverse=True, return_counts=True)
    count = torch.bincount(key, minlength=limit)  # few keys are possible: no need to sort
    found = torch.nonzero(count).squeeze(1)
    return found, pick(torch.cumsum(count > 0, 0).sub_(1), key), pick(count, found)
