"""A chatbot that has read a story: it answers questions about it, over several turns, and makes small talk (04c).

It is a :class:`~lmcourse.seq2seq.Seq2Seq` again. What it reads is one line: the sentences of the story, then
``<ask>`` and the question. If there was a turn before, that comes first, its answer behind ``<answer>``, so that
"And Jiu?" can be understood. What it writes is the answer. :class:`Chat` keeps the story and the turns.
"""

import re
from collections import Counter, defaultdict

from lmcourse import text, world
from lmcourse._dialogues import KINDS, SILENCE, Example, examples, kind_of, small_talk
from lmcourse.metrics import proportion_interval
from lmcourse.seq2seq import Decoder, Encoder, Seq2Seq, TextFront
from lmcourse.tasks import Recipe, System, TextCodec, seeded
from lmcourse.training import fit

__all__ = [
    "ANSWER", "ASK", "KINDS", "RECIPES", "SILENCE", "Chat", "DialogueCodec", "Example", "accuracy", "build",
    "curriculum", "encode", "examples", "grade", "guesser", "held_out_examples", "kind_of", "learn", "most_frequent",
    "overlap", "pieces", "settings_for", "small_talk", "train", "training_examples", "without_story", "without_turns",
]  # fmt: skip

ASK, ANSWER = "<ask>", "<answer>"
SENTENCE = r"\S.*?(?:[.!?]+(?=\s|$)|$)"


# --- what the model reads ---


def pieces(texts):
    """Cut texts: Korean into morphemes by kiwipiepy, other text into words. A list of lists."""
    texts = list(texts)
    korean = [bool(re.search("[가-힣]", one)) for one in texts]
    morphemes = iter(text.split_all([t for t, k in zip(texts, korean, strict=True) if k], "morpheme"))
    return [next(morphemes) if k else text.split(t, "word") for t, k in zip(texts, korean, strict=True)]


class DialogueCodec(TextCodec):
    """The story, the last turn and the question as one list of ids.

    Args:
        tokens: the vocabulary, of both languages.
        longest: a longer line loses its oldest sentences; a question that alone is longer is refused.
    """

    def __init__(self, tokens, longest=120):
        super().__init__("morpheme", tokens, longest)

    def settings(self):
        """What makes the same codec again: ``DialogueCodec(**settings)``."""
        return {"tokens": self.vocabulary.tokens, "longest": self.longest}

    def line(self, item, cut=None):
        """The pieces that the model reads for an :class:`Example` or a triple (story, turns, question).

        Args:
            item: of the turns, only the last one is read.
            cut: the pieces of every text in it, a dict; ``None`` cuts them now.
        """
        story, turns, question = item[:3]
        cut = self._cut([item]) if cut is None else cut
        asked = [ASK, *cut[question]]
        for before, answer in turns[-1:]:
            asked = [ASK, *cut[before], ANSWER, *cut[answer], *asked]
        if len(asked) > self.longest:
            raise ValueError(f"{question!r:.60} is too long: {len(asked)} pieces, and {self.longest} can be read")
        kept = []
        for sentence in reversed(story):  # the newest sentences that there is room for
            if len(cut[sentence]) + len(kept) + len(asked) > self.longest:
                break
            kept = cut[sentence] + kept
        return kept + asked

    def _cut(self, items):
        """The pieces of all texts of some items; each text is cut once only."""
        texts = {t for story, turns, q, *_ in items for t in (*story, *(part for turn in turns for part in turn), q)}
        for one in texts:
            if not one.strip():
                raise ValueError(f"there is nothing to read in {one!r}")
        texts = sorted(texts)
        return dict(zip(texts, pieces(texts), strict=True))

    def encode_all(self, items):
        """The ids of many at once."""
        items = list(items)
        cut = self._cut(items)
        return [self.vocabulary.encode(self.line(item, cut)) for item in items]

    def unknown(self, item):
        """The pieces of a text that the vocabulary does not have."""
        return [piece for piece in pieces([item])[0] if piece not in self.vocabulary]


# --- how good the answers are ---


def accuracy(outputs, wanted, groups=None):
    """The part of the answers that is exactly right, in each group: {group: (accuracy, low, high, count)}.

    Args:
        outputs: answers.
        wanted: examples.
        groups: a function from an example to the name of its group; ``None`` makes one group, "all".
    """
    outputs, wanted = list(outputs), list(wanted)
    if len(outputs) != len(wanted) or not wanted:
        raise ValueError(f"expected an answer for each of at least 1 example, not {len(outputs)} for {len(wanted)}")
    right = defaultdict(list)
    for output, example in zip(outputs, wanted, strict=True):
        right["all" if groups is None else groups(example)].append(output == example.answer)
    return {
        group: (sum(marks) / len(marks), *proportion_interval(sum(marks), len(marks)), len(marks))
        for group, marks in sorted(right.items(), key=lambda item: str(item[0]))
    }


def most_frequent(train):
    """A baseline that does not read: a function from examples to the most frequent answer of their kind.

    It is told the kind, so that it is always right where the story has no answer.
    """
    counts = defaultdict(Counter)
    for example in train:
        counts[example.kind, example.language][example.answer] += 1
    best = {key: min(found, key=lambda answer: (-found[answer], answer)) for key, found in counts.items()}
    return lambda wanted: [best.get((example.kind, example.language), "") for example in wanted]


PARTICLES = set("은 는 이 가 을 를 에 에서 에게 로 으로 와 과 께 께서 도".split())


def overlap(wanted):
    """A baseline without learning: the answer is copied from the sentence that shares most words with the question.

    It is the longest run of words there that are not in the question. For yes or no, it is "yes" if no two words in a
    row are missing from the question.
    """
    texts = sorted({t for e in wanted for t in (*e.story, e.question)})
    cut = dict(zip(texts, pieces(texts), strict=True))
    found = []
    for example in wanted:
        asked = {piece.lower() for piece in cut[example.question]}
        sentence = max((cut[s] for s in example.story), key=lambda s: len(asked & {p.lower() for p in s}), default=[])
        runs, run = [], []
        for piece in [*sentence, "."]:
            if piece.lower() in asked or piece in PARTICLES or piece == ".":
                runs.append(run)
                run = []
            else:
                run.append(piece)
        if example.kind == "yes or no":
            missing = max(map(len, runs)) > 1
            found.append({"ko": ("네", "아니요"), "en": ("Yes", "No")}[example.language][missing])
        else:
            found.append(text.join(max(runs, key=len), "morpheme"))
    return found


def without_story(wanted):
    """The same examples with nothing read: a control. What is still answered was guessed from the question."""
    return [example._replace(story=()) for example in wanted]


def without_turns(wanted):
    """The same examples without what was said before: a control for second turns."""
    return [example._replace(turns=()) for example in wanted]


# --- the system ---


class Chat:
    """A conversation about a story: ``chat("Who bought apples?")`` gives the answer and remembers the turn.

    Args:
        system: a :class:`~lmcourse.tasks.System` whose source is a :class:`DialogueCodec`.
        story: its sentences, a list of strings, or one string that is cut at the ends of its sentences.
    """

    def __init__(self, system, story=()):
        self.system, self.turns = system, []
        self.story = tuple(re.findall(SENTENCE, story, re.M)) if isinstance(story, str) else tuple(story)

    def __call__(self, message):
        """The answer to a message, which is remembered with it.

        Raises:
            ValueError: as for :meth:`reply`; the turns stay as they were.
        """
        answer = self.reply(message, self.turns)
        self.turns.append((message, answer))
        return answer

    def reply(self, message, turns=()):
        """The answer to a message after other turns, pairs (message, answer); nothing is remembered.

        Raises:
            ValueError: the message is empty, far too long, or has not one word that the system knows.
        """
        if not isinstance(message, str) or not message.strip():
            raise ValueError(f"a message needs some text, and {message!r} has none")
        message = " ".join(message.split())
        words = [piece for piece in pieces([message])[0] if re.search(r"\w", piece)]
        if not any(piece in self.system.source.vocabulary for piece in words):
            raise ValueError(
                f"not one word of {message!r:.60} is known; the chatbot knows some Korean and some English"
            )
        return self.system([(self.story, tuple(turns), message)])[0]

    def unknown(self, message=""):
        """The pieces of the story and of a message that the system does not know; it reads each as ``<unk>``."""
        texts = [*self.story, message] if message.strip() else self.story
        return [piece for one in texts for piece in self.system.source.unknown(one)]

    def forgotten(self, message="?"):
        """The sentences of the story that are not read, because with this message there is no room for them."""
        codec, turns = self.system.source, tuple(self.turns)
        read = len(codec.line((self.story, turns, message)))
        # The newest sentences alone make the same line, and one sentence less makes a shorter one.
        same = [n for n in range(len(self.story) + 1) if len(codec.line((self.story[n:], turns, message))) == read]
        return self.story[: same[-1]]


def build(settings):
    """The untrained system."""
    source = DialogueCodec(settings["source"], settings["longest"])
    target = TextCodec("morpheme", settings["target"])
    width, hidden = settings["width"], settings["hidden"]
    with seeded(settings.get("seed", 0)):
        front = TextFront(len(source.vocabulary), width, settings["dropout"])
        encoder = Encoder(front, width, hidden, bidirectional=True)
        decoder = Decoder(
            len(target.vocabulary), hidden, hidden, encoder.context_size, dropout=settings["dropout"], tied=True
        )
    return System(Seq2Seq(encoder, decoder), source, target, max_length=40)


# Of eleven examples four are about one sentence, and one is about eight: long stories are rare, not unknown.
LENGTHS = (1, 1, 1, 1, 2, 2, 2, 3, 3, 4, 8)
TESTED = (1, 2, 3, 4, 8)
SHAPE = {"width": 48, "hidden": 108, "dropout": 0.1, "longest": 120}


def training_examples(stories=12_000, lengths=LENGTHS, per_story=6):
    """What the chatbot learns from: questions about stories, and small talk with and without a story."""
    found = examples(world.generate(world.STORY_LENGTH * stories, seed=41), 0, lengths, per_story)
    # Small talk comes with nothing read, after a story, and after a turn about it.
    read = [((), ())]
    for example in found[:: max(1, len(found) // 1000)]:
        read += [(example.story, ()), ((), ()), (example.story, ((example.question, example.answer),))]
    times = max(1, len(found) // 25 // len(small_talk()))
    return found + [example for n in range(times) for example in small_talk(before=read[n:] + read[:n])]


def held_out_examples(train, lengths=TESTED, stories=1000):
    """What it is graded on: {how many sentences are read: examples}.

    No sentence that is asked about was read in training, in either language; only of the weather there are too few.
    """
    seen = {sentence for example in train for sentence in example.story}

    def new(record):
        return record.plan.kind in ("opening", "new day") or not {record.ko, record.en} & seen

    records = world.generate(world.STORY_LENGTH * stories, seed=42)
    return {length: examples(records, 1, (length,), 2, new) for length in lengths}


def settings_for(train, **shape):
    """What :func:`build` needs: the vocabularies of some examples, and the sizes."""
    texts = {part for e in train for part in (*e.story, *(p for turn in e.turns for p in turn), e.question)}
    source = text.Vocabulary.count(pieces(sorted(texts))).tokens
    target = text.Vocabulary.count(pieces(sorted({e.answer for e in train}))).tokens
    return SHAPE | shape | {"source": [ASK, ANSWER, *source], "target": target}


def encode(system, wanted):
    """Examples as pairs of numbers, for ``system.batches``."""
    answers = sorted({example.answer for example in wanted})
    cut = dict(zip(answers, pieces(answers), strict=True))
    return system.encode((example, cut[example.answer]) for example in wanted)


def curriculum(system, train, size, seed):
    """What ``fit`` asks for: in the first epoch the batches of examples about one sentence, after it those of all."""
    encoded = encode(system, train)
    easy = [pair for pair, e in zip(encoded, train, strict=True) if len(e.story) < 2 and not e.turns] or encoded
    first, rest = system.shuffled(easy, size, seed), system.shuffled(encoded, size, seed)
    return lambda epoch: (rest if epoch else first)(epoch)


def learn(system, train, steps, *, seed=0, size=64, lr=4e-3, **options):
    """Train on examples: the first time through on those of one sentence only, then on all.

    Args:
        system: from :func:`build`; it is trained in place.
        train: examples.
        steps: how many batches of ``size`` examples.
        options: for :func:`lmcourse.training.fit`.

    Returns:
        What ``fit`` returns.
    """
    batches = curriculum(system, train, size, seed)
    return fit(system.model, batches, steps=steps, lr=lr, seed=seed, **options)


def train(quick=False, seed=0, **how):
    """The chatbot, trained: the system and its settings."""
    learned_from = training_examples(200 if quick else 12_000)
    settings = settings_for(learned_from) | {"seed": seed}
    system = build(settings)
    steps = 40 if quick else 9000
    learn(system, learned_from, steps, seed=seed, **how)
    return system, settings


def guesser(learned_from, steps=1500, **options):
    """A control: the same network, trained to answer without a story. It learns what can be guessed."""
    blind = without_story(learned_from)
    system = build(settings_for(blind))
    learn(system, blind, steps, **options)
    return system


def grade(system, quick=False):
    """Exact answers by length of the story, kind of question and turn, beside the baselines and the control."""
    learned_from = training_examples(200 if quick else 12_000)
    test = held_out_examples(learned_from, stories=50 if quick else 1000)
    part = learned_from[:40_000]
    control = guesser(part, 10 if quick else 1500, progress=False, device="cpu")
    frequent = most_frequent(learned_from)
    rows, short = [], {"first": [], "second": []}
    for length, wanted in test.items():
        for turn in ("first", "second"):
            chosen = [e for e in wanted if (e.turn == "first") == (turn == "first")]
            outputs = {
                "chatbot": system(chosen),
                "without the story": control(without_story(chosen)),
                "most frequent": frequent(chosen),
                "overlap": overlap(chosen),
            }
            if turn == "second":
                outputs["without the turn before"] = system(without_turns(chosen))
            for name, found in outputs.items():
                for language in ("both", "ko", "en"):
                    kept = [(o, e) for o, e in zip(found, chosen, strict=True) if language in ("both", e.language)]
                    rows.append(_row(kept, name=name, length=length, turn=turn, language=language))
            if length <= 3:
                short[turn].append((chosen, outputs))
    for turn, parts in short.items():
        wanted = [e for chosen, _ in parts for e in chosen]
        for name in parts[0][1]:
            found = [o for _, outputs in parts for o in outputs[name]]
            for kind in sorted({e.kind if turn == "first" else e.turn for e in wanted}):
                kept = [
                    (o, e)
                    for o, e in zip(found, wanted, strict=True)
                    if kind == (e.kind if turn == "first" else e.turn)
                ]
                rows.append(_row(kept, name=name, length="1 to 3", turn=turn, kind=kind))
    read = [((), ()), *((e.story, e.turns) for e in test[TESTED[0]] + test[TESTED[1]])]
    for name, held_out in (("wordings seen", False), ("wordings held out", True)):
        wanted = [e for n in range(5) for e in small_talk(held_out, read[7 * n :])]
        rows.append(_row(list(zip(system(wanted), wanted, strict=True)), name="chatbot", kind=f"small talk, {name}"))
    return {"examples": len(learned_from), "rows": rows}


def _row(kept, **about):
    right, low, high, count = accuracy(*zip(*kept, strict=True))["all"]
    return about | {"right": round(right, 4), "low": round(low, 4), "high": round(high, 4), "count": count}


RECIPES = {
    "chatbot": Recipe("Answers questions about a short story, and makes small talk.", build, train, grade),
}
