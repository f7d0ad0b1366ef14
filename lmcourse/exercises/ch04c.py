"""The exercises of chapter 04c: the line that is read, right answers by kind of question, and distinct-n."""

from . import Case, Exercise, Mistake

ASK = 4  # the number of the mark


def _words(rng, low, high):
    return [rng.randint(5, 60) for _ in range(rng.randint(low, high))]


# 04c.1


def source(story, question, longest, ask):
    """The newest sentences that there is room for, whole, in their order; then the mark and the question."""
    kept = []
    for sentence in reversed(story):
        if len(sentence) + len(kept) + 1 + len(question) > longest:
            break
        kept = list(sentence) + kept
    return [*kept, ask, *question]


def _stories(rng):
    cases = []
    while len(cases) < 5:
        story = [_words(rng, 2, 6) for _ in range(rng.randint(4, 6))]
        args = story, _words(rng, 3, 4), rng.randint(11, 17), ASK
        answers = [f(*args) for f in (source, *_TRUNCATIONS)]
        if answers[0] not in answers[1:] and len(answers[0]) > len(args[1]) + 1:
            cases.append(Case(args))
    two, question = [_words(rng, 3, 3), _words(rng, 3, 3)], _words(rng, 2, 2)
    cases.append(Case((two, question, 9, ASK), "exact"))
    cases.append(Case((two, question, 50, ASK), "room"))
    cases.append(Case(([], question, 9, ASK), "empty"))
    cases.append(Case((two, question, 4, ASK), "question only"))
    return cases


def _walk(room_of=lambda question, longest: longest - len(question) - 1, stop=True, check=True, forwards=False):
    """A solution with a mistake in it."""

    def build(story, question, longest, ask):
        kept, room = [], room_of(question, longest)
        for sentence in story if forwards else reversed(story):
            if len(kept) + (len(sentence) if check else 1) > room:
                if stop:
                    break
                continue
            kept = kept + list(sentence) if forwards else list(sentence) + kept
        return [*kept, ask, *question]

    return build


def _flat(story):
    return [word for sentence in story for word in sentence]


def _backwards(story, question, longest, ask):
    kept = []
    for sentence in reversed(story):
        if len(kept) + len(sentence) + 1 + len(question) > longest:
            break
        kept = kept + list(sentence)
    return [*kept, ask, *question]


def _last_words(story, question, longest, ask):
    room = max(0, longest - len(question) - 1)
    return [*_flat(story)[len(_flat(story)) - room if room < len(_flat(story)) else 0 :], ask, *question]


def _first_words(story, question, longest, ask):
    return [*_flat(story)[: max(0, longest - len(question) - 1)], ask, *question]


def _cut_line(story, question, longest, ask):
    return [*_flat(story), ask, *question][:longest]


def _end_of_line(story, question, longest, ask):
    return [*_flat(story), ask, *question][-longest:]


def _everything(story, question, longest, ask):
    return [*_flat(story), ask, *question]


def _without_mark(story, question, longest, ask):
    return [word for word in source(story, question, longest, ask) if word != ask]


def _question_first(story, question, longest, ask):
    line = source(story, question, longest, ask)
    return [*question, ask, *line[: line.index(ask)]]


def _mark_first(story, question, longest, ask):
    line = source(story, question, longest, ask)
    return [ask, *question, *line[: line.index(ask)]]


_OLDEST, _GAP, _TOO_FAR = _walk(forwards=True), _walk(stop=False), _walk(check=False)
_ALL_ROOM = _walk(lambda question, longest: longest)
_NO_ROOM_FOR_MARK = _walk(lambda question, longest: longest - len(question))
_TRUNCATIONS = (
    _OLDEST, _GAP, _TOO_FAR, _ALL_ROOM, _backwards, _last_words, _first_words, _cut_line, _end_of_line, _everything,
)  # fmt: skip

ONE = Exercise(
    "04c.1",
    "Write source(story, question, longest, ask), the line that the chatbot reads. `story` is a list of sentences and "
    "each sentence a list of numbers of words; `question` is a list of such numbers, and `ask` is the number of the "
    "mark. Return one list: the sentences in their order, the mark, the question. It may have at most `longest` "
    "numbers, the mark included. If they do not all fit, leave out the oldest sentences, each as a whole. The question "
    "always stays.",
    "How many words are left for the story? Walk through the sentences from the last one backwards, and stop at the "
    "first that does not fit.",
    "This is what DialogueCodec.line does, and why the chatbot forgets the beginning of a long story.",
    source,
    _stories,
    (
        Mistake(
            "oldest kept",
            "You leave out the newest sentences. The oldest ones should go: what was just said is asked about most.",
            (_OLDEST, _first_words),
        ),
        Mistake(
            "cut sentence",
            "You cut through a sentence. Half a sentence can say something else than the whole; leave it out entirely.",
            (_last_words, _end_of_line),
        ),
        Mistake(
            "cut question",
            "You cut the end of the line, and there stands the question. It always has to stay.",
            (_cut_line,),
        ),
        Mistake(
            "backwards",
            "The right sentences, but in the wrong order: the newest stands first. Keep the order of the story.",
            (_backwards,),
        ),
        Mistake(
            "gap",
            "You leave out a sentence that does not fit and then go on to older ones. Then the story has a hole; stop "
            "at the first that does not fit.",
            (_GAP,),
        ),
        Mistake(
            "one too many",
            "Your line gets longer than `longest`: you look for room after you have added a sentence, not before.",
            (_TOO_FAR,),
        ),
        Mistake("no limit", "You keep every sentence, however long the line gets.", (_everything,)),
        Mistake(
            "question not counted",
            "You give the whole length to the story. The question and the mark need room as well.",
            (_ALL_ROOM,),
        ),
        Mistake("no mark", "The mark between story and question is missing.", (_without_mark,)),
        Mistake(
            "question first",
            "Your line begins with the question. The story comes first, then the mark, then the question.",
            (_question_first, _mark_first),
        ),
    ),
    {
        "exact": "Only a story that fits exactly is not right: `longest` itself is allowed, the mark included.",
        "room": "Only a story that fits easily is not right: then all of it is read.",
        "empty": "Only an empty story is not right: then the line is the mark and the question.",
        "question only": "Only a line with no room for any sentence is not right: then the question stands alone.",
    },
)


# 04c.2


def by_kind(outputs, answers, kinds, names):
    """For each kind, right answers divided by questions of that kind."""
    asked = list(zip(outputs, answers, kinds, strict=True))
    return [sum(o == a for o, a, kind in asked if kind == name) / kinds.count(name) for name in names]


NAMES = ["who", "what", "where"]


def _graded(rng):
    cases = []
    while len(cases) < 4:
        n = rng.randint(14, 20)
        kinds = [rng.choice(["who", "what", "where"]) for _ in range(n)]
        answers = [" ".join([rng.choice(["The", "A"]), rng.choice(["boss", "nurse", "boy"])]) for _ in range(n)]
        outputs = []
        for answer in answers:
            first, second = answer.split()
            odd = [answer.lower(), f"{first} girl", second, "The girl", answer + "."]
            outputs.append(answer if rng.random() < 0.45 else rng.choice(odd))
        if set(kinds) != set(NAMES):
            continue
        right = by_kind(outputs, answers, kinds, NAMES)
        others = [f(outputs, answers, kinds, NAMES) for f in _GRADES]
        if len(set(right)) == 3 and 0 < min(right) and all(right not in (other, sorted(other)) for other in others):
            cases.append(Case((outputs, answers, kinds, NAMES)))
    return cases + [
        Case((["Jiu", "a pear", "Sora"], ["Jiu", "a book", "Jiu"], ["who", "what", "who"], ["what", "who"]), "none"),
        Case((["Jiu", "a pear"], ["Jiu", "a pear"], ["who", "what"], ["who", "what"]), "all"),
    ]


def _kinds(score, divide=lambda kinds, name: kinds.count(name)):
    """A solution that counts something else, or divides by something else."""

    def grade(outputs, answers, kinds, names):
        asked = list(zip(outputs, answers, kinds, strict=True))
        return [sum(score(o, a) for o, a, kind in asked if kind == name) / divide(kinds, name) for name in names]

    return grade


def _equal(output, answer):
    return output == answer


def _words_shared(output, answer):
    return len(set(output.split()) & set(answer.split())) / len(set(answer.split()))


def _overall(outputs, answers, kinds, names):
    return sum(map(_equal, outputs, answers)) / len(answers)


def _same_for_all(outputs, answers, kinds, names):
    return [_overall(outputs, answers, kinds, names)] * len(names)


def _of_right(outputs, answers, kinds, names):
    right = max(1, sum(map(_equal, outputs, answers)))
    return [count / right for count in _COUNT(outputs, answers, kinds, names)]


def _sorted(outputs, answers, kinds, names):
    return by_kind(outputs, answers, kinds, sorted(names))


_SHARE = _kinds(_equal, lambda kinds, name: len(kinds))
_LOWER = _kinds(lambda o, a: o.lower() == a.lower())
_INSIDE = _kinds(lambda o, a: a in o)
_INSIDE_ANSWER = _kinds(lambda o, a: o in a)
_WORDS = _kinds(_words_shared)
_ANY_WORD = _kinds(lambda o, a: bool(set(o.split()) & set(a.split())))
_COUNT = _kinds(_equal, lambda kinds, name: 1)
_WRONG = _kinds(lambda o, a: o != a)
_GRADES = (
    _SHARE, _LOWER, _INSIDE, _INSIDE_ANSWER, _WORDS, _ANY_WORD, _COUNT, _WRONG, _same_for_all, _of_right,
    _sorted,
)  # fmt: skip

TWO = Exercise(
    "04c.2",
    "Write by_kind(outputs, answers, kinds, names). `outputs`, `answers` and `kinds` are lists of the same length: "
    "what the chatbot said, what is right, and the kind of each question. `names` lists the kinds. Return a list with "
    "one number for each of `names`, in that order: the part of the questions of that kind whose answer is exactly "
    "right.",
    "Two numbers for each kind: how many questions it has, and how many of them were answered right.",
    "Now a chatbot that is good at yes and no cannot hide that it never knows where.",
    by_kind,
    _graded,
    (
        Mistake(
            "divided by all",
            "You divide by the number of all questions. Each kind has its own number of questions.",
            (_SHARE,),
        ),
        Mistake(
            "divided by the right ones",
            "You divide by the number of right answers: this is how the right ones spread over the kinds.",
            (_of_right,),
        ),
        Mistake("one number", "This is one number over all kinds. Each kind is asked for.", (_overall, _same_for_all)),
        Mistake("order", "The numbers are right, but not in the order of `names`.", (_sorted,)),
        Mistake("counts", "These are numbers of right answers. The part of the questions is asked for.", (_COUNT,)),
        Mistake("errors", "This is the part that is wrong, not the part that is right.", (_WRONG,)),
        Mistake("lower case", "You take 'the boss' for 'The boss'. Exact means letter by letter.", (_LOWER,)),
        Mistake(
            "contained",
            "You are content if one text contains the other. Exact means that both are the same.",
            (_INSIDE, _INSIDE_ANSWER),
        ),
        Mistake(
            "words",
            "You give credit for words that are shared. Exact means that the whole answer is right, or nothing.",
            (_WORDS, _ANY_WORD),
        ),
    ),
    {
        "none": "Only a kind without a single right answer is not right: its number is 0.",
        "all": "Only the case where all answers are right is not right.",
    },
)


# 04c.3


def distinct(replies, n):
    """Different sequences of n words over all replies, divided by all sequences of n words."""
    found = []
    for reply in replies:
        words = reply.split()
        found += [tuple(words[i : i + n]) for i in range(len(words) - n + 1)]
    return len(set(found)) / len(found) if found else 0.0


def _replies(rng):
    words = "i am not sure that is so good time will tell".split()
    cases = []
    while len(cases) < 5:
        n = (1, 2, 2, 3, 2)[len(cases)]
        replies = [
            " ".join(rng.choice(words[: 5 + n]) for _ in range(rng.randint(4, 7))) for _ in range(rng.randint(4, 6))
        ]
        replies += [replies[0]]
        right = distinct(replies, n)
        others = [f(replies, n) for f in (_per_reply, _across, _letters, _whole_replies, _per_word, _last_lost, _once)]
        if n == 1:  # there is no sequence across a border, and none is lost at the end by length
            others = [others[0], *others[2:4], *others[5:]]
        if all(abs(right - other) > 0.01 for other in others):
            cases.append(Case((replies, n)))
    return cases + [
        Case((["yes", "no", "i am sure", "i am sure"], 2), "short"),
        Case((["yes", "no"], 2), "nothing"),
    ]


def _grams(words, n):
    return [tuple(words[i : i + n]) for i in range(len(words) - n + 1)]


def _ratio(found):
    return len(set(found)) / len(found) if found else 0.0


def _per_reply(replies, n):
    parts = [_ratio(_grams(reply.split(), n)) for reply in replies]
    return sum(parts) / len(parts)


def _across(replies, n):
    return _ratio(_grams(" ".join(replies).split(), n))


def _letters(replies, n):
    return _ratio([gram for reply in replies for gram in _grams(list(reply), n)])


def _whole_replies(replies, n):
    return len(set(replies)) / len(replies)


def _per_word(replies, n):
    found = {gram for reply in replies for gram in _grams(reply.split(), n)}
    return len(found) / sum(len(reply.split()) for reply in replies)


def _last_lost(replies, n):
    return _ratio([gram for reply in replies for gram in _grams(reply.split(), n)[:-1]])


def _once(replies, n):
    found = [gram for reply in replies for gram in _grams(reply.split(), n)]
    return sum(found.count(gram) == 1 for gram in found) / len(found) if found else 0.0


def _number(replies, n):
    return len({gram for reply in replies for gram in _grams(reply.split(), n)})


def _repeated(replies, n):
    return 1 - distinct(replies, n)


def _turned(replies, n):
    right = distinct(replies, n)
    return 1 / right if right else 0.0


THREE = Exercise(
    "04c.3",
    "Write distinct(replies, n). `replies` is a list of strings, whose words are separated by spaces. Take all "
    "sequences of n words that stand in a row inside a reply, over all replies together, and return how many different "
    "ones there are, divided by how many there are. If there is none, return 0.0.",
    "A reply of five words has four pairs of words. Collect them all in one list; what does set() make of it?",
    "Near 0 means that a chatbot says the same thing again and again. And a chatbot that talks nonsense can have 1.",
    distinct,
    _replies,
    (
        Mistake(
            "mean over replies",
            "You take the mean over the replies. Then a chatbot that repeats one reply for ever looks rich; collect "
            "over all replies together.",
            (_per_reply,),
        ),
        Mistake(
            "across replies",
            "You have joined the replies, so that the end of one and the beginning of the next make a sequence.",
            (_across,),
        ),
        Mistake("letters", "You count sequences of letters. Words are asked for.", (_letters,)),
        Mistake("whole replies", "This compares whole replies. Sequences of n words are asked for.", (_whole_replies,)),
        Mistake(
            "divided by the words",
            "You divide by the number of words. Divide by the number of sequences of n words.",
            (_per_word,),
        ),
        Mistake("last one lost", "You lose the last sequence of each reply.", (_last_lost,)),
        Mistake(
            "only once",
            "You count those that occur exactly once. A sequence that occurs twice is still one different sequence.",
            (_once,),
        ),
        Mistake("number", "This is a number of sequences. A part of all of them is asked for.", (_number,)),
        Mistake("repeated", "This is the part that is repeated, not the part that is different.", (_repeated,)),
        Mistake("turned round", "You divide the wrong way round: the result lies between 0 and 1.", (_turned,)),
    ),
    {
        "short": "Only replies of fewer than n words are not right: they have no sequence at all.",
        "nothing": "Only the case without any sequence is not right: return 0.0.",
    },
)

EXERCISES = (ONE, TWO, THREE)
