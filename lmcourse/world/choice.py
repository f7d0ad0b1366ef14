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

    def __init__(self, weights: dict, look=None, about: str = ""):
        self.about = about  # what it decides, where the options do not tell
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
    """Draws options by a random number generator."""

    def __init__(self, random):
        self.random = random

    def pick(self, choice: Choice):
        i = bisect(choice.cumulative, self.random())
        return choice.items[min(i, len(choice.items) - 1)]


class NoOption(Exception):
    """A draw has no option that :class:`Every` should try."""


class Every(Dice):
    """In place of dice: runs a program once for each sequence of draws, with the probability of the sequence."""

    def __init__(self):
        self.script = []  # the index and the options of each draw

    def options(self, choice: Choice) -> list:
        """The options to be tried; where there are none, the program ends without a result."""
        return choice.items

    def runs(self, program):
        """The results of ``program(dice)``, each with its probability."""
        while True:
            self.at, self.p = 0, 1.0
            try:
                result = program(self)
            except NoOption:
                pass
            else:
                yield result, self.p
            while self.script and self.script[-1][0] + 1 == len(self.script[-1][1]):
                self.script.pop()
            if not self.script:
                return
            self.script[-1][0] += 1

    def pick(self, choice: Choice):
        if self.at == len(self.script):
            options = self.options(choice)
            if not options:
                raise NoOption
            self.script.append([0, options])
        index, options = self.script[self.at]
        self.at += 1
        self.p *= choice.p[options[index]]
        return options[index]


def look(language: str, item) -> str:
    """How an entry of the lexicon looks in a language."""
    return item if item is None or isinstance(item, str) else getattr(item, language)


def look_noun(language: str, noun) -> str:
    """How a noun looks in a language: English shows its number too."""
    return noun.ko if language == "ko" else f"{noun.en}/{noun.number}"


def yes(p: float, about: str = "") -> Choice:
    """A choice between True (probability ``p``) and False."""
    return Choice({True: p, False: 1 - p}, about=about)


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
