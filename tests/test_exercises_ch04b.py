"""The exercises of chapter 04b accept right answers and name the mistake of wrong ones."""

import re
import unicodedata
from collections import Counter

from bank import bank_tests

from lmcourse.exercises.ch04b import EXERCISES


def shares_of(find):
    def tag_shares(line, tags):
        found = find(line)
        return [sum(one == tag for one in found) / len(found) for tag in tags]

    return tag_shares


def shares_by_pattern(line, tags):
    return shares_of(lambda line: re.findall(r"/([A-Z]+)(?=\s|$)", line))(line, tags)


def shares_by_rpartition(line, tags):
    count = Counter(piece.rpartition("/")[2] for piece in line.split())
    return [count[tag] / count.total() for tag in tags]


def f1_by_removal(found, gold):
    left, right = list(gold), 0
    for pair in found:
        if pair in left:
            left.remove(pair)
            right += 1
    if not right:
        return 0
    p, r = right / len(found), right / len(gold)
    return 2 * p * r / (p + r)


def f1_by_counts(found, gold):
    right = sum(min(found.count(pair), gold.count(pair)) for pair in set(found))
    return 2 * right / max(1, len(found) + len(gold))


def ending_by_jamo(words):
    return [len(unicodedata.normalize("NFD", word[-1])) == 3 for word in words]


def ending_by_number(words):
    return [1 if (ord(word[-1]) - 0xAC00) % 28 else 0 for word in words]


RIGHT = [
    ("04b.1", shares_by_pattern), ("04b.1", shares_by_rpartition), ("04b.2", f1_by_removal), ("04b.2", f1_by_counts),
    ("04b.3", ending_by_jamo), ("04b.3", ending_by_number),
]  # fmt: skip


def right(found, gold):
    return sum((Counter(found) & Counter(gold)).values())


def times(factor):
    def tag_shares(line, tags):
        return [share * factor(line, tags) for share in shares_by_rpartition(line, tags)]

    return tag_shares


def only(part):
    return lambda found, gold: f1_by_counts([pair[part] for pair in found], [pair[part] for pair in gold])


def no_empty_case(found, gold):
    p, r = right(found, gold) / max(1, len(found)), right(found, gold) / max(1, len(gold))
    return 2 * p * r / (p + r) if found and gold else 1 - len(found)


def one_for_none(found, gold):
    return f1_by_counts(found, gold) if right(found, gold) or not gold else 1


def number(letter):
    return ord(letter) - ord("가")


WRONG = [
    ("04b.1", "first slash", "first slash", shares_of(lambda line: [p.split("/")[1] for p in line.split()])),
    ("04b.1", "first slash", "1/2/SN", shares_of(lambda line: [p.partition("/")[2] for p in line.split()])),
    ("04b.1", "slashes left out", "are missing", shares_of(lambda line: re.findall(r"(?<!\S)[^/\s]+/([A-Z]+)", line))),
    ("04b.1", "all parts", "every part", shares_of(lambda line: re.split(r"[/ ]", " ".join(line.split())))),
    ("04b.1", "counts", "numbers of pieces", times(lambda line, tags: len(line.split()))),
    ("04b.1", "of these tags", "number of all pieces", times(lambda line, tags: len(line.split()) / len(tags))),
    ("04b.1", "different pieces", "counts twice", lambda x, y: shares_by_rpartition(" ".join({*x.split()}), y)),
    ("04b.1", "forms", "before the slash", shares_of(lambda line: [p.rpartition("/")[0] for p in line.split()])),
    ("04b.1", "spaces", "no empty piece", shares_of(lambda line: [p.rpartition("/")[2] for p in line.split(" ")])),
    ("04b.2", "sets", "sets of the lists", lambda f, g: 2 * len({*f} & {*g}) / max(1, len({*f}) + len({*g}))),
    ("04b.2", "too often", "a single one", lambda f, g: 2 * sum(p in g for p in f) / (len(f) + len(g))),
    ("04b.2", "too often", "a single one", lambda f, g: 2 * sum(p in f for p in g) / (len(f) + len(g))),
    ("04b.2", "places", "place by place", lambda f, g: 2 * sum(map(lambda a, b: a == b, f, g)) / (len(f) + len(g))),
    ("04b.2", "tags alone", "form has to be right", only(1)),
    ("04b.2", "forms alone", "tag has to be right", only(0)),
    ("04b.2", "precision", "precision alone", lambda f, g: right(f, g) / max(1, len(f))),
    ("04b.2", "recall", "recall alone", lambda f, g: right(f, g) / max(1, len(g))),
    ("04b.2", "ordinary mean", "another mean", lambda f, g: (right(f, g) / len(f) + right(f, g) / len(g)) / 2),
    ("04b.2", "factor", "half", lambda f, g: right(f, g) / (len(f) + len(g))),
    ("04b.2", "union", "another measure", lambda f, g: right(f, g) / (len(f) + len(g) - right(f, g))),
    ("04b.2", "nothing found and nothing right", "empty list", one_for_none),
    ("04b.2", "nothing there", "empty gold", lambda f, g: f1_by_counts(f, g) / len(g) * len(g)),
    ("04b.2", "nothing right", "nothing in common", lambda f, g: no_empty_case(f, g) if f and g else 0),
    ("04b.3", "turned round", "turned round", lambda words: [number(w[-1]) % 28 == 0 for w in words]),
    ("04b.3", "first syllable", "first syllable", lambda words: [number(w[0]) % 28 > 0 for w in words]),
    ("04b.3", "not from 가", "starts at 가", lambda words: [ord(w[-1]) % 28 > 0 for w in words]),
    ("04b.3", "not 28", "another number", lambda words: [number(w[-1]) % 27 > 0 for w in words]),
    ("04b.3", "quotient", "quotient", lambda words: [number(w[-1]) // 28 > 0 for w in words]),
    ("04b.3", "number of the consonant", "which final", lambda words: [number(w[-1]) % 28 for w in words]),
    ("04b.3", "any syllable", "any syllable", lambda words: [any(number(c) % 28 for c in w) for w in words]),
    ("04b.3", "always one", "same for every word", lambda words: [1] * len(words)),
    ("04b.3", "ends", "힣", lambda words: [number(w[-1]) % 28 > 0 and w != "힣" for w in words]),
]  # fmt: skip


test_mistakes, test_right_answers, test_wrong_answers = bank_tests(EXERCISES, RIGHT, WRONG)
