"""The chat box: a conversation with a chatbot that has read a story (chapter 04c)."""

import json
import re

import traitlets as t

from lmcourse.widgets.base import Explorer

__all__ = ["ChatBox"]

READER, BOT, ERROR, NEW = "you", "bot", "error", "new"
LONGEST = 1000  # characters of a message


class ChatBox(Explorer):
    """A chat window: what the reader writes goes to Python, and the answer comes back.

    >>> def reply(text, history):
    ...     return f"{len(history)} turns before: {text.lower()}"
    >>> box = ChatBox(reply, story="Minji bought a pear. She ate it.", examples=["Who?", ("What?", "And Jiu?")])
    >>> print(box.summary())
    ChatBox, a story of 2 sentences
      you: Who?
      bot: 0 turns before: who?
      ---
      you: What?
      bot: 0 turns before: what?
      you: And Jiu?
      bot: 1 turns before: and jiu?

    A page of the book has no Python. There the examples answer with what ``reply`` said when the widget was made, and
    any other message is told that it needs a running notebook. An example begins a new conversation, here and there.
    In JupyterLab ``turns`` holds all that was said, and :attr:`history` what the bot may remember of it.

    Args:
        reply: a function of a message and of the turns before it, a list of pairs (message, answer), the last one
            last; it returns the answer, a string. If it raises an error, the box shows what the error says.
        story: what the bot has read, a list of sentences or one string that is cut at their ends; shown beside.
        greeting: what the bot says at first; empty means nothing. It is not part of the history.
        examples: messages to choose from; an example of several turns is a tuple of messages.
        transcript: a conversation to show at first, pairs (who, text) in which who is ``"you"`` or ``"bot"``.
        language: of the buttons, ``"en"`` or ``"ko"``; empty means the language of the page.

    Raises:
        ValueError: an argument is of the wrong kind, or the texts take more than 200 KB.
        TypeError: ``reply`` returns something else than a string for an example. Its own errors are passed on, but
            for a ``ValueError``, which is taken for an answer: that the message cannot be answered.
    """

    story = t.List(t.Unicode()).tag(sync=True)
    greeting = t.Unicode("").tag(sync=True)
    examples = t.List(t.List(t.List(t.Unicode()))).tag(sync=True)  # of each its turns, [who, text]
    opening = t.List(t.List(t.Unicode())).tag(sync=True)  # the turns shown at first
    turns = t.List(t.List(t.Unicode())).tag(sync=True)
    language = t.Enum(["", "en", "ko"], "").tag(sync=True)

    def __init__(self, reply, story=None, greeting="", examples=(), transcript=(), **kwargs):
        if not callable(reply):
            raise ValueError(f"reply is a function of a message and the turns before it, not {reply!r:.80}")
        self._reply = reply
        self.error = None  # the last error that reply raised
        story = _sentences(story)
        greeting = _text(greeting, "greeting")
        opening = []
        for turn in transcript:
            if not isinstance(turn, (list, tuple)) or len(turn) != 2 or turn[0] not in (READER, BOT):
                raise ValueError(f"a turn of the transcript is ('you', text) or ('bot', text), not {turn!r:.80}")
            opening.append([turn[0], _text(turn[1], "the text of a turn")])
        if isinstance(examples, str):
            raise ValueError(f"examples is a list of messages, not the string {examples!r:.80}")
        recorded = [self._record(example) for example in examples]
        size = len(json.dumps([story, greeting, recorded, opening, opening], ensure_ascii=False).encode())
        self.check_room(size, "these texts", "take a shorter story, or fewer examples")
        try:
            super().__init__(
                story=story, greeting=greeting, examples=recorded, opening=opening, turns=opening, **kwargs
            )
        except t.TraitError as error:
            raise ValueError(str(error)) from None
        self.on_msg(self._heard)

    def _record(self, example):
        """What an example says and what is answered, as turns."""
        messages = [example] if isinstance(example, str) else list(example)
        if not messages:
            raise ValueError("an example is a message, or a tuple of messages, and one is empty")
        turns = []
        for message in messages:
            message = _text(message, "a message of an example")
            if not message.strip():
                raise ValueError(f"an example needs some text, and {message!r} has none")
            try:
                turns += [[READER, message], [BOT, self._answer(message, _pairs(turns))]]
            except ValueError as error:
                turns += [[READER, message], [ERROR, _told(error)]]
        return turns

    def _answer(self, message, history):
        answer = self._reply(message, history)
        if not isinstance(answer, str):
            raise TypeError(f"reply should return a string, not {answer!r:.200}")
        return answer

    @property
    def history(self):
        """The turns of the present conversation, as pairs (message, answer); those that failed are left out."""
        return _pairs(self.turns)

    def ask(self, message, new=False):
        """Say something to the bot, as the reader does; returns its answer, or ``None`` if there was an error.

        Args:
            message: the text.
            new: whether it begins a new conversation, which remembers nothing.
        """
        message = _text(message, "a message")[:LONGEST]
        turns = self.turns + ([[NEW, ""]] if new and self.turns else [])
        history = _pairs(turns)
        self.turns = [*turns, [READER, message]]  # seen before the answer is there
        try:
            said = [BOT, self._answer(message, history)]
            self.error = None
        except (Exception, KeyboardInterrupt) as error:  # whatever it is, the reader has to see it
            self.error = error
            said = [ERROR, _told(error)]
        self.turns = [*self.turns, said]
        return said[1] if said[0] == BOT else None

    def _heard(self, _widget, content, _buffers):
        if content.get("kind") == "hello":
            self.send({"kind": "here"})
        elif content.get("kind") == "ask":
            self.ask(str(content.get("text", "")), new=bool(content.get("new")))

    def summary(self):
        """The conversation as text; where there is none, the examples and their answers."""
        count = len(self.story)
        lines = ["ChatBox" + (f", a story of {count} sentence{'s' if count > 1 else ''}" if count else "")]
        lines += ["  ---" if who == NEW else f"  {who}: {_shown(text)}" for who, text in self._first_turns()]
        return "\n".join(lines)

    def _first_turns(self):
        if self.turns:
            return self.turns
        return [turn for n, example in enumerate(self.examples) for turn in ([[NEW, ""]] if n else []) + example]

    def picture(self, figure):
        """The story and the first turns."""
        import textwrap

        lines = [(line, "0.45") for sentence in self.story[:8] for line in textwrap.wrap(_shown(sentence), 86)]
        lines += [("", "0.45")] if lines else []
        for who, text in [[BOT, self.greeting]] * bool(self.greeting) + self._first_turns()[:12]:
            start = {READER: "▸ ", BOT: "    ", ERROR: "    ! ", NEW: ""}[who]
            wrapped = textwrap.wrap(
                "" if who == NEW else _shown(text), 80, initial_indent=start, subsequent_indent="    "
            )
            lines += [(line, "#1a80c2" if who == READER else "0.1") for line in wrapped[:3] or [""]]
        height = 0.24 * max(2, len(lines))
        figure.set_size_inches(6.4, height + 0.3)
        for n, (line, colour) in enumerate(lines):
            figure.text(
                0.03, 1 - (0.24 * (n + 0.8) + 0.1) / (height + 0.3), line.replace("$", r"\$"), color=colour, fontsize=10
            )
        return bool(lines)


def _pairs(turns):
    """The pairs (message, answer) since the conversation began anew."""
    pairs, asked = [], None
    for who, text in turns:
        if who == NEW:
            pairs = []
        elif who == BOT and asked is not None:
            pairs.append((asked, text))
        asked = text if who == READER else None
    return pairs


def _told(error):
    """What an error says, with its kind unless the bot itself refuses."""
    return f"{error}" if isinstance(error, ValueError) and str(error) else f"{type(error).__name__}: {error}"


def _text(value, what):
    if not isinstance(value, str):
        raise ValueError(f"{what} is a string, not {value!r:.80}")
    return value


def _sentences(story):
    if story is None:
        return []
    if isinstance(story, str):
        return re.findall(r"\S.*?(?:[.!?]+(?=\s|$)|$)", story, re.MULTILINE)
    return [_text(sentence, "a sentence of the story") for sentence in story]


def _shown(text):
    """A text without line breaks and other control characters, and never nothing."""
    return "".join(c if c.isprintable() else "·" for c in text) or "∅"
