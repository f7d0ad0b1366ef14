"""Markov chains: the state of tomorrow depends on the state of today alone (chapter 00).

>>> chain = MarkovChain().fit(["sun", "sun", "rain", "sun", "sun", "sun", "rain", "rain"])
>>> chain.forecast("sun", days=1)
{'rain': 0.4, 'sun': 0.6}
"""

import math
from bisect import bisect_left, bisect_right
from itertools import pairwise
from reprlib import repr as short

import torch


class MarkovChain:
    """A chain of states: after each state, a probability for each state to be the next.

    Learn it by counting (:meth:`fit`), or give the law itself (:meth:`from_matrix`).

    Args:
        add_k: added to the count of every transition; above 0, nothing is impossible.

    Attributes:
        states: the names of the states, sorted: a tuple of S.
        counts: how often each state (column) followed each state (row): (S, S), float64.
        transition: the probability of each state (column) after each state (row); rows sum to 1: (S, S),
            float64. A state seen only at the end gets a row of 1 / S, as with an ``add_k`` close to 0.
    """

    def __init__(self, add_k=0.0):
        if not add_k >= 0:
            raise ValueError(f"add_k must be 0 or more, not {add_k!r}")
        self.add_k = add_k
        self.states, self.counts, self.transition, self._place = (), None, None, {}

    def __repr__(self):
        return f"<MarkovChain: {', '.join(map(str, self.states)) or 'not fitted'}>"

    @classmethod
    def from_matrix(cls, states, transition):
        """The chain of a known law: S states, and a row of S probabilities for each of them."""
        chain, size = cls(), len(states)
        chain._set_states(states)
        chain.transition = torch.as_tensor(transition, dtype=torch.float64).cpu()
        if not size or len(set(states)) != size:
            raise ValueError(f"expected one or more states, no two the same, not {states!r}")
        if chain.transition.shape != (size, size):
            raise ValueError(f"{size} states need {size} rows of {size}, not {tuple(chain.transition.shape)}")
        sums = chain.transition.sum(1)
        if (chain.transition < 0).any() or not torch.allclose(sums, torch.ones_like(sums)):
            raise ValueError(f"expected rows of probabilities that sum to 1, not {transition!r}")
        return chain

    def fit(self, sequences):
        """Count the transitions in one sequence of states, or in a list of sequences (lists or tuples).

        Returns:
            The chain itself.

        Raises:
            TypeError: a str was passed; for a chain of letters, pass ``list(text)``.
            ValueError: no state is followed by another.
        """
        sequences = list(sequences) if _is_nested(sequences) else [list(sequences)]
        if not any(len(sequence) > 1 for sequence in sequences):
            raise ValueError(f"there is nothing to count: no state follows another in {short(sequences)}")
        self._set_states(sorted({state for sequence in sequences for state in sequence}))
        pairs = [pair for sequence in sequences for pair in pairwise(self._places(sequence))]
        today, tomorrow = torch.tensor(pairs).T
        size = len(self.states)
        self.counts = torch.zeros(size, size, dtype=torch.float64)
        self.counts.index_put_((today, tomorrow), self.counts.new_ones(()), accumulate=True)
        weight = self.counts + self.add_k
        total = weight.sum(1, keepdim=True)
        self.transition = torch.where(total > 0, weight / total, 1 / size)
        return self

    def forecast(self, state, days=1):
        """Where the chain may be so many days after ``state``: a dict from state to probability."""
        if not isinstance(days, int) or days < 0:
            raise ValueError(f"days must be a whole number, 0 or more, not {days!r}")
        (place,) = self._places([state])
        law = torch.zeros(len(self.states), dtype=torch.float64)  # (S,)
        law[place] = 1
        for _ in range(days):
            law = law @ self.transition  # one row instead of the matrix to the power of days: S times less work
        return self._named(law)

    def stationary(self):
        """The law that one more day does not change, and the share of each state in the long run: a dict.

        Raises:
            ValueError: there are several such laws, because no way leads from some parts to others or back.
        """
        return self._named(self._stationary())

    def _stationary(self):
        self._places([])  # raises before fit
        size = len(self.states)
        change = self.transition.T - torch.eye(size, dtype=torch.float64)  # law of tomorrow minus law
        if torch.linalg.matrix_rank(change, atol=1e-10) < size - 1:
            raise ValueError(f"{self!r} has several stationary laws: no way leads between some of its parts")
        equations = torch.cat([change, torch.ones(1, size, dtype=torch.float64)])  # no change, and a sum of 1
        right = torch.eye(size + 1, dtype=torch.float64)[:, -1:]
        law = torch.linalg.lstsq(equations, right).solution.squeeze(1).clamp(min=0)  # (S,)
        return law / law.sum()

    def entropy_rate(self):
        """Bits per step, in the long run, that even one who knows the law cannot foresee (Shannon, 1948)."""
        law = self._stationary()
        surprise = -torch.xlogy(self.transition, self.transition).sum(1) / math.log(2)  # (S,)
        return float(law @ surprise)

    def log2prob(self, sequence):
        """log2 of the probability of a sequence, given its first state; ``-inf`` if a step is impossible.

        Raises:
            ValueError: the sequence is empty, or one of its states is unknown.
        """
        if _is_nested(sequence) or not len(sequence):
            raise ValueError(f"expected one sequence of at least one state, not {short(sequence)}")
        place = torch.tensor(self._places(sequence))
        return float(self.transition[place[:-1], place[1:]].log2().sum())

    def sample(self, length, seed=None, start=None):
        """Draw a sequence of states: a list.

        Args:
            length: how many states, ``start`` among them.
            seed: a whole number, a ``torch.Generator``, or ``None`` for a new sequence each time.
            start: the first state; ``None`` draws it from the stationary law.
        """
        if not isinstance(length, int) or length < 1:
            raise ValueError(f"length must be a whole number, 1 or more, not {length!r}")
        generator = as_generator(seed)
        uniform = torch.rand(length, generator=generator, device=generator.device, dtype=torch.float64)
        uniform = uniform.tolist()
        if start is None:
            path = [_draw(self._stationary().cumsum(0).tolist(), uniform[0])]
        else:
            path = self._places([start])
        rows = {}  # only those that are visited: a chain of words has thousands of states
        for u in uniform[1:]:
            today = path[-1]
            if today not in rows:
                rows[today] = self.transition[today].cumsum(0).tolist()
            path.append(_draw(rows[today], u))
        return [self.states[place] for place in path]

    def _places(self, sequence):
        """The row and column of each state of a sequence."""
        if not self.states:
            raise ValueError(f"{self!r}: call fit(sequence) first")
        try:
            return [self._place[state] for state in sequence]
        except KeyError as error:
            raise ValueError(f"{error.args[0]!r} is not a state of {self!r}") from None

    def _set_states(self, states):
        self.states = tuple(states)
        self._place = {state: i for i, state in enumerate(self.states)}

    def _named(self, law):
        return dict(zip(self.states, law.tolist(), strict=True))


def _is_nested(sequences):
    """Is it several sequences rather than one?"""
    if isinstance(sequences, str):
        raise TypeError(f"expected a list of states, not a str; for its letters, list({short(sequences)})")
    return any(isinstance(item, list | tuple) for item in sequences)


def _draw(cumulative, u):
    """The first place where the cumulative probability passes ``u``; never one of probability 0."""
    return min(bisect_right(cumulative, u * cumulative[-1]), bisect_left(cumulative, cumulative[-1]))


def as_generator(seed=None):
    """A ``torch.Generator``: new from a whole number or ``None`` (no two the same), or the one passed."""
    if isinstance(seed, torch.Generator):
        return seed
    generator = torch.Generator()
    if seed is None:
        generator.seed()
    else:
        generator.manual_seed(seed)
    return generator
