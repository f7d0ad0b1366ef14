"""The exercises of chapter 05 accept right answers and name the mistake of wrong ones."""

import math

from bank import bank_tests

from lmcourse.exercises.ch05 import EXERCISES


def recall_counting(lists, outputs):
    hits, there = {}, {}
    for things, output in zip(lists, outputs, strict=True):
        for place, thing in enumerate(things):
            there[place] = there.get(place, 0) + 1
            hits[place] = hits.get(place, 0) + (thing in set(output))
    return [hits[place] / there[place] for place in sorted(there)]


def recall_while(lists, outputs):
    found, place = [], 0
    while rows := [n for n in range(len(lists)) if len(lists[n]) > place]:
        found.append(sum(1 for n in rows if outputs[n].count(lists[n][place])) / len(rows))
        place += 1
    return found


def bits_perm(length, things):
    return math.log2(math.perm(things, length))


def bits_gamma(length, things):
    return (math.lgamma(things + 1) - math.lgamma(things - length + 1)) / math.log(2)


def damage_text(before, after, old, new):
    wanted = [" ".join(words).replace(old, new) for words in before]
    return 1 - sum(w == " ".join(a) for w, a in zip(wanted, after, strict=True)) / len(after)


def damage_loop(before, after, old, new):
    harmed = 0
    for x, y in zip(before, after, strict=True):
        fine = len(x) == len(y)
        for i, j in zip(x, y, strict=False):
            fine = fine and j == (new if i == old else i)
        harmed += not fine
    return harmed / len(before)


RIGHT = [
    ("05.1", recall_counting), ("05.1", recall_while), ("05.2", bits_perm), ("05.2", bits_gamma),
    ("05.3", damage_text), ("05.3", damage_loop),
]  # fmt: skip


def swap(words, old, new):
    return [new if word == old else word for word in words]


def pairs(b, a):
    return list(zip(b, a, strict=True))


def over_all(lists, outputs):
    hits = [0] * max(map(len, lists))
    for things, output in pairs(lists, outputs):
        for place, thing in enumerate(things):
            hits[place] += thing in output
    return [h / len(lists) for h in hits]


def same_place(lists, outputs):
    found = []
    for p in range(max(map(len, lists))):
        rows = [(a, b) for a, b in pairs(lists, outputs) if len(a) > p]
        found.append(sum(len(b) > p and a[p] == b[p] for a, b in rows) / len(rows))
    return found


def where_empty_counts_nothing(lists, outputs):
    kept = [(a, b) for a, b in pairs(lists, outputs) if b]
    return recall_while(*zip(*kept, strict=True)) if kept else []


def set_damage(b, a, old, new):
    return sum(set(swap(x, old, new)) != set(y) for x, y in pairs(b, a)) / len(b)


def zip_damage(b, a, old, new):
    return sum(any(i != j for i, j in zip(swap(x, old, new), y, strict=False)) for x, y in pairs(b, a)) / len(b)


def word_damage(b, a, old, new):
    wrong = sum(i != j for x, y in pairs(b, a) for i, j in zip(swap(x, old, new), y, strict=False))
    return wrong / sum(len(x) for x in b)


def without_names(b, a, old, new):
    return sum([w for w in x if w != old] != [w for w in y if w not in (old, new)] for x, y in pairs(b, a)) / len(b)


def only_with_the_name(b, a, old, new):
    rows = [(x, y) for x, y in pairs(b, a) if old in x]
    return sum(swap(x, old, new) != y for x, y in rows) / len(rows)


WRONG = [
    ("05.1", "all lists", "number of all lists", over_all),
    ("05.1", "same place", "same place of the output", same_place),
    ("05.1", "from the end", "from the end", lambda a, b: recall_while([x[::-1] for x in a], b)),
    ("05.1", "lost", "missing", lambda a, b: [1 - x for x in recall_while(a, b)]),
    ("05.1", "counts", "between 0 and 1", lambda a, b: [x * len(a) for x in over_all(a, b)]),
    ("05.1", "shortest", "shortest list", lambda a, b: recall_while(a, b)[: min(map(len, a))]),
    ("05.1", "overall", "one share", lambda a, b: sum(x in o for t, o in pairs(a, b) for x in t) / sum(map(len, a))),
    ("05.1", "empty", "output is empty", where_empty_counts_nothing),
    ("05.2", "with repetition", "listed twice", lambda n, k: math.log2(k**n)),
    ("05.2", "without order", "two lists", lambda n, k: math.log2(math.comb(k, n))),
    ("05.2", "nats", "in nats", lambda n, k: math.log(math.perm(k, n))),
    ("05.2", "number of lists", "number of lists", lambda n, k: math.perm(k, n)),
    ("05.2", "one too many", "too many", lambda n, k: math.log2(math.perm(k, min(k, n + 1)))),
    ("05.2", "one too few", "too few", lambda n, k: math.log2(math.perm(k, max(0, n - 1)))),
    ("05.2", "none", "empty list", lambda n, k: bits_perm(n, k) if n else math.log2(k)),
    ("05.2", "all", "no choice", lambda n, k: bits_perm(n, k) if n < k else math.inf),
    ("05.3", "the name counted", "has to change", lambda b, a, o, n: sum(x != y for x, y in pairs(b, a)) / len(b)),
    ("05.3", "unharmed", "unharmed", lambda b, a, o, n: sum(swap(x, o, n) == y for x, y in pairs(b, a)) / len(b)),
    ("05.3", "zip", "shorter one", zip_damage),
    ("05.3", "sets", "not their order", set_damage),
    ("05.3", "name forgotten", "old name has stayed", without_names),
    ("05.3", "words", "count words", word_damage),
    ("05.3", "absent", "lost the name", only_with_the_name),
]  # fmt: skip


test_mistakes, test_right_answers, test_wrong_answers = bank_tests(EXERCISES, RIGHT, WRONG)
