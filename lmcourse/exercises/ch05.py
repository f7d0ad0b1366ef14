"""The exercises of chapter 05: what is left of a list, how many bits a list has, and damage beside a change."""

import math

from . import Case, Exercise, Mistake

THINGS = ("apples", "pears", "eggs", "milk", "rice", "salt", "corn", "fish", "beans", "plums")


def _lists(rng):
    """Lists of different lengths, and outputs that hold some of their things, in another order, and others too."""
    cases = []
    for _ in range(3):
        lists, outputs = [], []
        for length in (5, 3, 2, 4, 5, 1):
            things = rng.sample(THINGS, length)
            others = [thing for thing in THINGS if thing not in things]
            kept = [thing for place, thing in enumerate(things) if rng.random() < 0.35 + 0.12 * place]
            output = kept + rng.choices(others + kept, k=2)
            rng.shuffle(output)
            lists.append(things)
            outputs.append(output)
        cases.append(Case((lists, outputs)))
    cases.append(Case(([["apples", "pears"], ["eggs"]], [[], []]), "empty"))
    return cases


# 05.1


def recall_by_place(lists, outputs):
    """For each place, over the lists that are so long: the share whose thing at that place is in the output."""
    shares = []
    for place in range(max(map(len, lists))):
        long = [(things[place], output) for things, output in zip(lists, outputs, strict=True) if place < len(things)]
        shares.append(sum(thing in output for thing, output in long) / len(long))
    return shares


def _over_all(lists, outputs):
    longest = max(map(len, lists))
    pairs = list(zip(lists, outputs, strict=True))
    return [sum(p < len(a) and a[p] in b for a, b in pairs) / len(lists) for p in range(longest)]


def _same_place(lists, outputs):
    shares = []
    for p in range(max(map(len, lists))):
        long = [(a[p], b[p : p + 1]) for a, b in zip(lists, outputs, strict=True) if p < len(a)]
        shares.append(sum(thing in one for thing, one in long) / len(long))
    return shares


def _from_the_end(lists, outputs):
    return recall_by_place([things[::-1] for things in lists], outputs)


def _lost(lists, outputs):
    return [1 - share for share in recall_by_place(lists, outputs)]


def _counts(lists, outputs):
    longest = max(map(len, lists))
    pairs = list(zip(lists, outputs, strict=True))
    return [sum(p < len(a) and a[p] in b for a, b in pairs) for p in range(longest)]


def _only_as_far_as_the_shortest(lists, outputs):
    return recall_by_place(lists, outputs)[: min(map(len, lists))]


def _overall(lists, outputs):
    found = [thing in output for things, output in zip(lists, outputs, strict=True) for thing in things]
    return sum(found) / len(found)


ONE = Exercise(
    "05.1",
    "Write recall_by_place(lists, outputs). `lists` are N lists of words of different lengths that a model was to "
    "repeat, and `outputs` the N lists of words that it wrote. Return a list of shares: for each place, the first "
    "one first, the share of the lists whose word at that place occurs anywhere in the output. Of each place only the "
    "lists count that are so long.",
    "For a place p, which lists have a word there? Among those, count the outputs that hold it.",
    "With this measure one sees which part of a list the vector lets go first.",
    recall_by_place,
    _lists,
    (
        Mistake(
            "all lists",
            "You divide by the number of all lists. A list of two words has no third one that could be missing.",
            (_over_all,),
        ),
        Mistake(
            "same place",
            "You ask for the word at the same place of the output. Anywhere in the output will do here.",
            (_same_place,),
        ),
        Mistake("from the end", "You count the places from the end; the first word comes first.", (_from_the_end,)),
        Mistake("lost", "That is the share of the words that are missing.", (_lost,)),
        Mistake("counts", "Those are counts; a share is between 0 and 1.", (_counts,)),
        Mistake(
            "shortest",
            "You stop where the shortest list stops; the longer ones have more places.",
            (_only_as_far_as_the_shortest,),
        ),
        Mistake("overall", "That is one share for all places together.", (_overall,)),
    ),
    {"empty": "Where an output is empty, nothing of its list is found; that is no reason to leave the list out."},
)

# 05.2


def _sizes(rng):
    cases = [Case((rng.randint(3, 9), rng.randint(30, 60))) for _ in range(4)]
    return [*cases, Case((0, 20), "none"), Case((12, 12), "all")]


def bits_of_list(length, things):
    """log2 of things * (things - 1) * ..., with `length` factors: the number of different lists."""
    return sum(math.log2(things - place) for place in range(length))


TWO = Exercise(
    "05.2",
    "Write bits_of_list(length, things). Somebody lists `length` different things out of `things` that there are, and "
    "the order counts. All such lists are equally likely. Return how many bits it takes to say which list it is: log2 "
    "of the number of such lists.",
    "In how many ways can the first thing be chosen? And the second, when the first is gone?",
    "A vector that is to hold any such list has to be able to differ in at least so many ways.",
    bits_of_list,
    _sizes,
    (
        Mistake(
            "with repetition",
            "You let a thing be listed twice: after the first choice there is one thing less.",
            (lambda n, k: n * math.log2(k),),
        ),
        Mistake(
            "without order",
            "You count sets. Apples and pears, pears and apples are two lists.",
            (lambda n, k: math.log2(math.comb(k, n)),),
        ),
        Mistake(
            "nats",
            "That is the natural logarithm, in nats. Bits come from log2.",
            (lambda n, k: bits_of_list(n, k) * math.log(2),),
        ),
        Mistake(
            "number of lists",
            "That is the number of lists. Its log2 is wanted.",
            (lambda n, k: math.perm(k, n), lambda n, k: float(math.perm(k, n))),
        ),
        Mistake(
            "one too many",
            "You have one factor too many.",
            (lambda n, k: bits_of_list(min(n + 1, k), k),),
        ),
        Mistake(
            "one too few",
            "You have one factor too few.",
            (lambda n, k: bits_of_list(max(n - 1, 0), k), lambda n, k: bits_of_list(n, k) - math.log2(k)),
        ),
    ),
    {
        "none": "There is just one empty list, and log2 of 1 is 0.",
        "all": "When all things are listed, the last choice is no choice: log2 of 1 is 0.",
    },
)

# 05.3


def _changes(rng):
    cases = []
    for _ in range(3):
        before, after = [], []
        for kind in ("good", "good", "other", "longer", "unchanged", "unchanged", "order", "order", "order", "good"):
            words = [*rng.sample(THINGS, 3), "Minsu"]
            rng.shuffle(words)
            new = ["Yuna" if word == "Minsu" else word for word in words]
            if kind == "other":
                place = rng.choice([n for n, word in enumerate(new) if word != "Yuna"])
                new[place] = "tea"
            elif kind == "longer":
                new = [*new, "today"]
            elif kind == "unchanged":
                new = list(words)
            elif kind == "order":
                new = new[::-1]
            before.append(words)
            after.append(new)
        cases.append(Case((before, after, "Minsu", "Yuna")))
    cases.append(Case(([["Minsu", "sat"], ["apples"]], [["Minsu", "sat"], ["apples"]], "Minsu", "Yuna"), "absent"))
    return cases


def damage(before, after, old, new):
    """The share of the sentences that differ from what they should be: `old` replaced by `new`, and nothing else."""
    wanted = [[new if word == old else word for word in words] for words in before]
    return sum(is_ != should for is_, should in zip(after, wanted, strict=True)) / len(before)


def _swapped(words, old, new):
    return [new if word == old else word for word in words]


THREE = Exercise(
    "05.3",
    "Write damage(before, after, old, new). In N source sentences one name was replaced by another. `before` and "
    "`after` are the N translations, lists of words, with the first and with the second name, which in English are "
    "`old` and `new`. A translation is unharmed if in it `old` has become `new` and everything else is as it was. "
    "Return the share of the N translations that are harmed.",
    "What should each translation look like after the change? Make that list, then compare whole lists.",
    "A measure like this needs no reference translation: it compares the model with itself.",
    damage,
    _changes,
    (
        Mistake(
            "the name counted",
            "You compare with the translation as it was. The name itself has to change.",
            (lambda b, a, old, new: sum(x != y for x, y in zip(a, b, strict=True)) / len(b),),
        ),
        Mistake(
            "unharmed",
            "That is the share of those that are unharmed.",
            (lambda b, a, old, new: 1 - damage(b, a, old, new),),
        ),
        Mistake(
            "zip",
            "You compare word by word and stop at the shorter one; what was added behind it goes unseen.",
            (
                lambda b, a, old, new: (
                    sum(
                        any(i != j for i, j in zip(x, _swapped(y, old, new), strict=False))
                        for x, y in zip(a, b, strict=True)
                    )
                    / len(b)
                ),
            ),
        ),
        Mistake(
            "sets",
            "You compare the words and not their order. A sentence with its words in another order is harmed.",
            (
                lambda b, a, old, new: (
                    sum(sorted(x) != sorted(_swapped(y, old, new)) for x, y in zip(a, b, strict=True)) / len(b)
                ),
                lambda b, a, old, new: (
                    sum(set(x) != set(_swapped(y, old, new)) for x, y in zip(a, b, strict=True)) / len(b)
                ),
            ),
        ),
        Mistake(
            "name forgotten",
            "You leave the names out of the comparison. Where the old name has stayed, the translation is wrong.",
            (
                lambda b, a, old, new: (
                    sum(
                        [w for w in x if w not in (old, new)] != [w for w in y if w not in (old, new)]
                        for x, y in zip(a, b, strict=True)
                    )
                    / len(b)
                ),
                lambda b, a, old, new: (
                    sum(_swapped(x, old, new) != _swapped(y, old, new) for x, y in zip(a, b, strict=True)) / len(b)
                ),
            ),
        ),
        Mistake(
            "words",
            "You count words. The share of the translations is asked for.",
            (
                lambda b, a, old, new: (
                    sum(
                        sum(i != j for i, j in zip(x, _swapped(y, old, new), strict=False))
                        for x, y in zip(a, b, strict=True)
                    )
                    / sum(map(len, b))
                ),
            ),
        ),
    ),
    {"absent": "A translation that has lost the name already should stay as it was; it counts among the N too."},
)

EXERCISES = (ONE, TWO, THREE)
