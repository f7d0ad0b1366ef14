"""Choices: distributions whose options may look alike in a language, and the dice that draw from them."""

from bisect import bisect
from functools import wraps
from itertools import accumulate

LANGUAGES = ("ko", "en")


class Choice:
    """A distribution over options, with the probability of each option *as a language shows it*.

    Options that look alike in a language (``look`` gives the look) share their probability there: pear and boat are one
    word, 배, in Korean.
    """

    def __init__(self, weights: dict, look=None):
        total = sum(weights.values())
        self.items = [item for item, w in weights.items() if w > 0]
        self.p = {item: weights[item] / total for item in self.items}
        self.cumulative = list(accumulate(self.p.values()))
        self.seen = {}
        if look:
            for language in LANGUAGES:
                mass: dict = {}
                for item in self.items:
                    key = look(language, item)
                    mass[key] = mass.get(key, 0.0) + self.p[item]
                self.seen[language] = {item: mass[look(language, item)] for item in self.items}

    def shown(self, language: str, item) -> float:
        """The probability of seeing what ``item`` looks like in ``language``."""
        return self.seen[language][item] if self.seen else self.p[item]


class Dice:
    """Draws options by a random number generator. (The tests put an enumeration of all draws in its place.)"""

    def __init__(self, random):
        self.random = random

    def pick(self, choice: Choice):
        i = bisect(choice.cumulative, self.random())
        return choice.items[min(i, len(choice.items) - 1)]


def look(language: str, item) -> str:
    """How an entry of the lexicon looks in a language."""
    return item if item is None or isinstance(item, str) else getattr(item, language)


def look_noun(language: str, noun) -> str:
    """How a noun looks in a language: English shows its number too."""
    return noun.ko if language == "ko" else f"{noun.en}/{noun.number}"


def yes(p: float) -> Choice:
    """A choice between True (probability ``p``) and False."""
    return Choice({True: p, False: 1 - p})


def zipf(items) -> dict:
    """Weights by Zipf's law, nearly: the item of rank r has 1 / (r + 3)."""
    return {item: 1 / (rank + 3) for rank, item in enumerate(items, 1)}


def remembered(method):
    """Keep what a method gave for its arguments, in the object itself."""
    name = f"_{method.__name__}_given"

    @wraps(method)
    def lookup(self, *args):
        given = self.__dict__.get(name)
        if given is None:
            given = self.__dict__[name] = {}
        if args not in given:
            given[args] = method(self, *args)
        return given[args]

    return lookup
