"""The exercises of chapter 04b: lines of morphemes, counting what is right, and the form of a particle."""

from collections import Counter

from . import Case, Exercise, Mistake

TAGS = ("NNG", "JKS", "VV", "EF", "SF")

# 04b.1


def tag_shares(line, tags):
    """For each tag, the share of the pieces that carry it; the tag is what stands behind the last slash."""
    found = [piece.rsplit("/", 1)[1] for piece in line.split()]
    return [found.count(tag) / len(found) for tag in tags]


def _shares(cut):
    """The answer with another way to find the tags of a line."""

    def shares(line, tags):
        found = cut(line)
        return [found.count(tag) / len(found) for tag in tags]

    return shares


def _lines(rng):
    """Lines with slashes inside of some forms."""
    words = ["눈/NNG", "비/NNG", "가/JKS", "이/JKS", "오/VV", "걷/VV", "다/EF", "//SP", "1/2/SN", "a/b/c/SL"]
    tags = ["NNG", "JKS", "VV", "SP", "SN", "SL", "MM"]
    cases = []
    for _ in range(4):
        line = ["//SP", "1/2/SN", "a/b/c/SL", "눈/NNG", "눈/NNG", *rng.choices(words, k=rng.randint(5, 9))]
        rng.shuffle(line)
        cases.append(Case((" ".join(line), tags)))
    return cases + [Case((" 눈/NNG  이/JKS\n", tags), "spaces")]


ONE = Exercise(
    "04b.1",
    "Write tag_shares(line, tags). `line` is a sentence as form/TAG pieces with spaces between, such as "
    "'눈/NNG 이/JKS //SP 1/2/SN'. Return a list: for each of the `tags`, the share of the pieces that have it.",
    "A form may hold a slash itself. From which end do you have to look for the slash that counts? Python's `rsplit` "
    "looks from the right.",
    "The tagger's output is read in the same way.",
    tag_shares,
    _lines,
    (
        Mistake(
            "first slash",
            "You cut at the first slash. Look at '1/2/SN': what is its form, and what is its tag?",
            (
                _shares(lambda line: [p.split("/", 1)[1] for p in line.split()]),
                _shares(lambda line: [p.split("/")[1] for p in line.split()]),
            ),
        ),
        Mistake(
            "slashes left out",
            "Pieces that hold more than one slash are missing, and they are pieces too.",
            (_shares(lambda line: [p.split("/")[1] for p in line.split() if p.count("/") == 1]),),
        ),
        Mistake(
            "all parts",
            "You count every part between slashes. A piece is one morpheme with one tag.",
            (_shares(lambda line: [part for p in line.split() for part in p.split("/")]),),
        ),
        Mistake(
            "counts",
            "These are numbers of pieces. The share of all pieces is asked for.",
            (lambda line, tags: [p * len(line.split()) for p in tag_shares(line, tags)],),
        ),
        Mistake(
            "of these tags",
            "You divide by the pieces that have one of the tags twice over, or by the number of tags. Divide by the "
            "number of all pieces.",
            (lambda line, tags: [p * len(line.split()) / len(tags) for p in tag_shares(line, tags)],),
        ),
        Mistake(
            "different pieces",
            "You count each different piece once. A piece that stands there twice counts twice.",
            (lambda line, tags: tag_shares(" ".join(dict.fromkeys(line.split())), tags),),
        ),
        Mistake(
            "forms",
            "You look at what stands before the slash. The tag stands behind it.",
            (_shares(lambda line: [p.rsplit("/", 1)[0] for p in line.split()]),),
        ),
    ),
    {"spaces": "Only a line with two spaces in a row, or one at an end, is not right: there is no empty piece."},
)


# 04b.2


def f1(found, gold):
    """2 x shared / (found + gold), where a pair is shared as often as both lists have it."""
    if not found and not gold:
        return 0.0
    return 2 * (Counter(found) & Counter(gold)).total() / (len(found) + len(gold))


def _shared(found, gold):
    return (Counter(found) & Counter(gold)).total()


def _tags_only(found, gold):
    return f1([tag for _, tag in found], [tag for _, tag in gold])


def _forms_only(found, gold):
    return f1([form for form, _ in found], [form for form, _ in gold])


def _sets(found, gold):
    return f1(sorted(set(found)), sorted(set(gold)))


def _in_gold(found, gold):
    return 2 * sum(pair in gold for pair in found) / (len(found) + len(gold))


def _in_found(found, gold):
    return 2 * sum(pair in found for pair in gold) / (len(found) + len(gold))


def _places(found, gold):
    return 2 * sum(a == b for a, b in zip(found, gold, strict=False)) / (len(found) + len(gold))


def _precision(found, gold):
    return _shared(found, gold) / len(found)


def _recall(found, gold):
    return _shared(found, gold) / len(gold)


def _mean(found, gold):
    return (_precision(found, gold) + _recall(found, gold)) / 2


def _product(found, gold):
    return _precision(found, gold) * _recall(found, gold) / (_precision(found, gold) + _recall(found, gold))


def _jaccard(found, gold):
    return _shared(found, gold) / (Counter(found) | Counter(gold)).total()


_ALL = (
    f1, _tags_only, _forms_only, _sets, _in_gold, _in_found, _places, _precision, _recall, _mean, _product, _jaccard,
)  # fmt: skip


def _pairs(rng):
    """Two lists of pairs for which every way to count gives another answer."""
    things = [("눈", "NNG"), ("눈", "NNP"), ("이", "NNG"), ("이", "NNB"), ("배", "NNG"), ("말", "NNG"), ("말", "NNB")]
    cases = []
    while len(cases) < 3:
        gold = rng.choices(things, k=rng.randint(6, 9))
        found = rng.choices(things, k=rng.randint(5, 8))
        answers = [round(one(found, gold), 6) for one in _ALL] if _shared(found, gold) else [0, 0]
        if len(set(answers)) == len(answers):
            cases.append(Case((found, gold)))
    return cases + [
        Case(([], [("눈", "NNG")]), "nothing found"),
        Case(([("눈", "NNG")], []), "nothing there"),
        Case(([("눈", "NNG")], [("배", "NNG")]), "nothing right"),
    ]


TWO = Exercise(
    "04b.2",
    "Write f1(found, gold). Both are lists of pairs (form, tag), and a pair may stand there several times. A found "
    "pair is right if it is in `gold`, but only as often as it is there. Precision P is the share of the found pairs "
    "that are right, recall R the share of the gold pairs that were found. Return F1 = 2PR / (P + R), and 0 where "
    "nothing is right.",
    "collections.Counter counts, and `&` of two counters keeps the smaller count of each pair. Then P and R share "
    "their numerator, and F1 becomes simpler than it looks.",
    "The lists were counted with their repetitions, as in the table of this chapter.",
    f1,
    _pairs,
    (
        Mistake("sets", "You made sets of the lists, so a pair that occurs twice counts once.", (_sets,)),
        Mistake(
            "too often",
            "You ask of each pair whether the other list has it. Two found pairs then share a single one of the gold.",
            (_in_gold, _in_found),
        ),
        Mistake(
            "places",
            "You compare place by place. One morpheme too many, and everything behind it would be wrong.",
            (_places,),
        ),
        Mistake("tags alone", "You compare the tags alone. The form has to be right too.", (_tags_only,)),
        Mistake("forms alone", "You compare the forms alone. The tag has to be right too.", (_forms_only,)),
        Mistake("precision", "This is the precision alone.", (_precision,)),
        Mistake("recall", "This is the recall alone.", (_recall,)),
        Mistake("ordinary mean", "You take the ordinary mean of precision and recall. F1 is another mean.", (_mean,)),
        Mistake("factor", "It is half of what it should be: where is the 2 of 2PR?", (_product,)),
        Mistake(
            "union",
            "You divide by the union of both lists. That is another measure.",
            (_jaccard,),
        ),
    ),
    {
        "nothing found": "Only an empty list of found pairs is not right: its F1 is 0.",
        "nothing there": "Only an empty gold list is not right: the F1 is 0.",
        "nothing right": "Only two lists with nothing in common are not right: P + R is 0 there.",
    },
)


# 04b.3


def topic_particles(words):
    """0 for 는 and 1 for 은: a syllable's number, counted from 가, has a final consonant unless 28 divides it."""
    return [int((ord(word[-1]) - ord("가")) % 28 > 0) for word in words]


_SYLLABLES = "가나무사자비소배차보리교미오이물눈책집달밤강산곰돌말섬숲길꽃"


def _words(rng):
    """Words of two syllables, so that the first and the last differ in whether they end in a consonant."""
    cases = []
    for _ in range(4):
        words = [rng.choice(_SYLLABLES) + rng.choice(_SYLLABLES) for _ in range(10)]
        words += [
            "민수",
            "선생님",
            "물리",
            "강아지",
            "수업",
            "나라말",
            "외곬",  # the one final consonant that ord(letter) % 28 calls none
            "논",  # its number is a multiple of 27
        ]
        rng.shuffle(words)
        cases.append(Case((words,)))
    return cases + [Case((["가", "힣", "각", "히"],), "ends")]


def _of(test):
    return lambda words: [int(test(word)) for word in words]


def _coda(letter):
    return (ord(letter) - ord("가")) % 28


THREE = Exercise(
    "04b.3",
    "Write topic_particles(words). Korean marks the topic with 은 after a final consonant and with 는 after a vowel: "
    "책은, but 민수는. Unicode numbers the syllables from 가 on by initial, vowel and final consonant: for each "
    "initial and vowel there are 28, the first of them without a final consonant. Return a list with 1 for each word "
    "that takes 은 and 0 for each that takes 는.",
    "ord(letter) - ord('가') is the number of a syllable. What is its remainder when you divide by 28?",
    "The tagger was never told this rule: it has seen syllables as numbers of a vocabulary.",
    topic_particles,
    _words,
    (
        Mistake("always one", "The answer is the same for every word.", (_of(lambda w: 1), _of(lambda w: 0))),
        Mistake(
            "turned round",
            "The two are turned round: 은 (1) comes after a final consonant.",
            (_of(lambda w: not _coda(w[-1])),),
        ),
        Mistake(
            "first syllable",
            "You look at the first syllable. The particle follows the last one.",
            (_of(lambda w: _coda(w[0])), _of(lambda w: _coda(w[0]) > 0)),
        ),
        Mistake(
            "not from 가",
            "You take the remainder of ord(letter) itself. The counting starts at 가.",
            (_of(lambda w: ord(w[-1]) % 28 > 0),),
        ),
        Mistake(
            "not 28",
            "You divide by another number than 28: there are 27 final consonants, and the case of none.",
            (_of(lambda w: (ord(w[-1]) - ord("가")) % 27 > 0),),
        ),
        Mistake(
            "quotient",
            "You take the quotient. The remainder tells the final consonant.",
            (_of(lambda w: (ord(w[-1]) - ord("가")) // 28 > 0), _of(lambda w: (ord(w[-1]) - ord("가")) // 28 % 2)),
        ),
        Mistake(
            "number of the consonant",
            "You return which final consonant it is. Only whether there is one is asked for.",
            (lambda words: [_coda(w[-1]) for w in words],),
        ),
        Mistake(
            "any syllable",
            "You ask whether any syllable has a final consonant. Only the last one counts.",
            (_of(lambda w: any(map(_coda, w))),),
        ),
    ),
    {"ends": "Only the first and the last syllables of the list, such as 가 and 힣, are not right."},
)

EXERCISES = (ONE, TWO, THREE)
