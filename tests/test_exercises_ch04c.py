"""The exercises of chapter 04c accept right answers and name the mistake of wrong ones."""

from collections import Counter, deque

from bank import bank_tests

from lmcourse.exercises.ch04c import EXERCISES


def line_by_start(story, question, longest, ask):
    """Another way: the first place to begin from which everything fits."""
    for start in range(len(story) + 1):
        line = sum(story[start:], []) + [ask] + question
        if len(line) <= longest:
            return line
    return [ask] + question


def line_by_queue(story, question, longest, ask):
    queue = deque(story)
    while queue and sum(map(len, queue)) + 1 + len(question) > longest:
        queue.popleft()
    return [word for sentence in queue for word in sentence] + [ask, *question]


def kinds_by_counter(outputs, answers, kinds, names):
    asked = Counter(kinds)
    right = Counter(k for o, a, k in zip(outputs, answers, kinds, strict=True) if o == a)
    return [right[name] / asked[name] for name in names]


def kinds_by_lists(outputs, answers, kinds, names):
    found = {name: [] for name in names}
    for output, answer, kind in zip(outputs, answers, kinds, strict=True):
        found[kind].append(1.0 if output == answer else 0.0)
    return tuple(sum(found[name]) / len(found[name]) for name in names)


def distinct_by_zip(replies, n):
    found = []
    for reply in replies:
        words = reply.split(" ")
        found.extend(zip(*(words[k:] for k in range(n)), strict=False))
    return len(set(found)) / max(1, len(found))


def distinct_by_text(replies, n):
    counts = Counter()
    for words in map(str.split, replies):
        counts.update(" ".join(words[start : start + n]) for start in range(max(0, len(words) - n + 1)))
    return len(counts) / counts.total() if counts else 0


RIGHT = [
    ("04c.1", line_by_start), ("04c.1", line_by_queue), ("04c.2", kinds_by_counter), ("04c.2", kinds_by_lists),
    ("04c.3", distinct_by_zip), ("04c.3", distinct_by_text),
]  # fmt: skip


def flat(story):
    return sum(story, [])


def oldest(story, question, longest, ask):
    while story and len(flat(story)) + 1 + len(question) > longest:
        story = story[:-1]
    return [*flat(story), ask, *question]


def backwards(story, question, longest, ask):
    while story and len(flat(story)) + 1 + len(question) > longest:
        story = story[1:]
    return [*flat(story[::-1]), ask, *question]


def gap(story, question, longest, ask):
    kept, room = [], longest - 1 - len(question)
    for sentence in story[::-1]:
        if len(sentence) <= room:
            kept.insert(0, sentence)
            room -= len(sentence)
    return [*flat(kept), ask, *question]


def too_far(story, question, longest, ask):
    kept = []
    while story and len(flat(kept)) < longest - 1 - len(question):
        kept.insert(0, story.pop())
    return [*flat(kept), ask, *question]


def not_counted(story, question, longest, ask):
    while story and len(flat(story)) > longest:
        story = story[1:]
    return [*flat(story), ask, *question]


def strict_room(story, question, longest, ask):
    while story and len(flat(story)) + 1 + len(question) >= longest and len(flat(story)) + 1 + len(question) == 9:
        story = story[1:]
    return line_by_queue(story, question, longest, ask)


def question_first(story, question, longest, ask):
    return [ask, *question, *line_by_queue(story, question, longest, ask)[: -1 - len(question)]]


def grade(right, divide=None):
    def graded(outputs, answers, kinds, names):
        sums = [
            sum(right(o, a) for o, a, k in zip(outputs, answers, kinds, strict=True) if k == name) for name in names
        ]
        return [
            x / (divide(outputs, answers) if divide else kinds.count(name)) for x, name in zip(sums, names, strict=True)
        ]

    return graded


def equal(output, answer):
    return output == answer


def total(outputs, answers):
    return sum(map(equal, outputs, answers))


def grams(reply, n):
    words = reply.split()
    return [tuple(words[k : k + n]) for k in range(len(words) - n + 1)]


def mean_of_replies(replies, n):
    return sum(len(set(grams(r, n))) / max(1, len(grams(r, n))) for r in replies) / len(replies)


def share_of_letters(replies, n):
    found = [reply[k : k + n] for reply in replies for k in range(len(reply) - n + 1)]
    return len(set(found)) / len(found)


def all_grams(replies, n):
    return [gram for reply in replies for gram in grams(reply, n)]


def per_word(replies, n):
    return len(set(all_grams(replies, n))) / len(" ".join(replies).split())


def last_lost(replies, n):
    found = [gram for reply in replies for gram in grams(reply, n)[:-1]]
    return len(set(found)) / max(1, len(found))


def once(replies, n):
    counts = Counter(all_grams(replies, n))
    return sum(count == 1 for count in counts.values()) / max(1, counts.total())


WRONG = [
    ("04c.1", "oldest kept", "oldest ones should go", oldest),
    ("04c.1", "cut sentence", "cut through a sentence", lambda s, q, n, a: [*flat(s), a, *q][-n:]),
    ("04c.1", "cut question", "has to stay", lambda s, q, n, a: [*flat(s), a, *q][:n]),
    ("04c.1", "backwards", "newest stands first", backwards),
    ("04c.1", "gap", "has a hole", gap),
    ("04c.1", "one too many", "longer than `longest`", too_far),
    ("04c.1", "no limit", "however long", lambda s, q, n, a: [*flat(s), a, *q]),
    ("04c.1", "question not counted", "need room as well", not_counted),
    ("04c.1", "no mark", "mark between", lambda s, q, n, a: [w for w in line_by_queue(s, q, n, a) if w != a]),
    ("04c.1", "question first", "begins with the question", question_first),
    ("04c.1", "exact", "fits exactly", strict_room),
    ("04c.2", "divided by all", "number of all questions", grade(equal, lambda o, a: len(a))),
    ("04c.2", "divided by the right ones", "spread over the kinds", grade(equal, total)),
    ("04c.2", "one number", "one number over all", lambda o, a, k, n: total(o, a) / len(a)),
    ("04c.2", "order", "order of `names`", lambda o, a, k, n: kinds_by_counter(o, a, k, sorted(set(k)))),
    ("04c.2", "counts", "numbers of right answers", grade(equal, lambda o, a: 1)),
    ("04c.2", "errors", "the part that is wrong", grade(lambda o, a: o != a)),
    ("04c.2", "lower case", "letter by letter", grade(lambda o, a: o.lower() == a.lower())),
    ("04c.2", "contained", "contains the other", grade(lambda o, a: a in o)),
    ("04c.2", "words", "words that are shared", grade(lambda o, a: bool(set(o.split()) & set(a.split())))),
    ("04c.3", "mean over replies", "mean over the replies", mean_of_replies),
    ("04c.3", "across replies", "joined the replies", lambda r, n: distinct_by_zip([" ".join(r)], n)),
    ("04c.3", "letters", "sequences of letters", share_of_letters),
    ("04c.3", "whole replies", "compares whole replies", lambda r, n: len(set(r)) / len(r)),
    ("04c.3", "divided by the words", "number of words", per_word),
    ("04c.3", "last one lost", "lose the last", last_lost),
    ("04c.3", "only once", "exactly once", once),
    ("04c.3", "number", "number of sequences", lambda r, n: len(set(all_grams(r, n)))),
    ("04c.3", "repeated", "part that is repeated", lambda r, n: 1 - distinct_by_zip(r, n)),
    ("04c.3", "turned round", "wrong way round", lambda r, n: len(all_grams(r, n)) / max(1, len(set(all_grams(r, n))))),
    ("04c.3", "nothing", "without any sequence", lambda r, n: distinct_by_zip(r, n) if all_grams(r, n) else 1.0),
]  # fmt: skip


test_mistakes, test_right_answers, test_wrong_answers = bank_tests(EXERCISES, RIGHT, WRONG, edges=False)
