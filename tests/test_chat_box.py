"""The chat box without a browser: what it records, what it asks Python, and what its page does without Python."""

import base64

import pytest
from javascript import script_runner

from lmcourse.widgets import ChatBox

HOSTILE = [
    *(" ", "\n", "<img src=x onerror=alert(1)>", "</script>", '"\\', "toString", "$x_1$", "x" * 200),
    *("\u05e9\u05dc\u05d5\u05dd", "\u202eabc", "👩\u200d👩\u200d👧", "한글", "한글"),
]


def reply(text, history):
    """An answer that tells what was passed; some messages go wrong."""
    if text == "unknown":
        raise ValueError("not one word of 'unknown' is known")
    if text == "bug":
        raise KeyError("what is not there")
    if text == "stop":
        raise KeyboardInterrupt
    if text == "number":
        return 42
    return f"{text}, after {history}"


@pytest.fixture(scope="module")
def node(tmp_path_factory):
    return script_runner(ChatBox, tmp_path_factory.mktemp("node"))


@pytest.fixture
def box():
    return ChatBox(reply, "One. Two?", "hello", ["a", ("b", "c"), "unknown"], [("you", "x"), ("bot", "y")])


# What is recorded


def test_examples_are_answered_when_the_widget_is_made(box):
    assert box.examples == [
        [["you", "a"], ["bot", "a, after []"]],
        [["you", "b"], ["bot", "b, after []"], ["you", "c"], ["bot", "c, after [('b', 'b, after []')]"]],
        [["you", "unknown"], ["error", "not one word of 'unknown' is known"]],
    ]
    assert box.turns == box.opening == [["you", "x"], ["bot", "y"]]


def test_a_turn_that_failed_is_no_history():
    box = ChatBox(reply, examples=[("a", "unknown", "b")])
    assert box.examples[0][-1] == ["bot", "b, after [('a', 'a, after []')]"]


def test_errors_that_are_mistakes_are_passed_on():
    with pytest.raises(KeyError, match="what is not there"):
        ChatBox(reply, examples=["bug"])
    with pytest.raises(TypeError, match="reply should return a string, not 42"):
        ChatBox(reply, examples=["number"])


@pytest.mark.parametrize(
    ("story", "sentences"),
    [
        *((None, []), ([], []), ("", []), (["One.", "Two. Three."], ["One.", "Two. Three."])),
        ("Minji ate 3.5 pears. Why?  Nobody\nknows", ["Minji ate 3.5 pears.", "Why?", "Nobody", "knows"]),
    ],
)
def test_a_story_is_sentences(story, sentences):
    assert ChatBox(reply, story).story == sentences


# What is asked


def test_turns_go_to_python_with_those_before(box):
    assert box.history == [("x", "y")]
    assert box.ask("z") == "z, after [('x', 'y')]"
    assert box.ask("again") == "again, after [('x', 'y'), ('z', \"z, after [('x', 'y')]\")]"
    assert box.ask("a", new=True) == "a, after []"
    assert box.turns[-3:] == [["new", ""], ["you", "a"], ["bot", "a, after []"]]
    assert box.history == [("a", "a, after []")]
    assert ChatBox(reply).ask("first", new=True) == "first, after []"


@pytest.mark.parametrize(
    ("message", "told"),
    [
        ("unknown", "not one word of 'unknown' is known"),
        ("bug", "KeyError: 'what is not there'"),
        ("number", "TypeError: reply should return a string, not 42"),
        ("stop", "KeyboardInterrupt: "),
    ],
)
def test_errors_are_shown_and_do_no_harm(box, message, told):
    assert box.ask(message) is None
    assert box.turns[-2:] == [["you", message], ["error", told]]
    assert box.error is not None and told.endswith(str(box.error))
    assert box.history == [("x", "y")]
    assert box.ask("z") == "z, after [('x', 'y')]"
    assert box.error is None


def test_the_question_is_shown_before_its_answer_is_there():
    seen = []
    box = ChatBox(lambda text, history: seen.append(list(box.turns)) or "yes")
    box.ask("there?")
    assert seen == [[["you", "there?"]]] and box.turns == [["you", "there?"], ["bot", "yes"]]


def test_messages_of_the_page(box, monkeypatch):
    sent = []
    monkeypatch.setattr(box, "send", lambda content, buffers=None: sent.append(content))
    box._handle_custom_msg({"kind": "hello"}, [])
    assert sent == [{"kind": "here"}]
    box._handle_custom_msg({"kind": "ask", "text": "z", "new": False}, [])
    assert box.turns[-1] == ["bot", "z, after [('x', 'y')]"]
    box._handle_custom_msg({"kind": "ask", "text": "z", "new": True}, [])
    assert box.turns[-1] == ["bot", "z, after []"]
    before = list(box.turns)
    box._handle_custom_msg({"kind": "something else"}, [])
    assert box.turns == before
    box.set_state({"turns": box.opening})  # the reader starts again
    assert box.history == [("x", "y")]


def test_a_message_without_end_is_cut():
    box = ChatBox(lambda text, history: str(len(text)))
    assert box.ask("x" * 5000) == "1000"


# The page without Python

RECORDED = "return widget.recorded(data.turns, data.examples, data.text);"
EXAMPLES = [
    [["you", "Who?"], ["bot", "Minji"], ["you", "Where?"], ["bot", "At home"]],
    [["you", "Hi"], ["bot", "Hello"]],
    [["you", "Where?"], ["bot", "Nowhere"]],
]


def recorded(node, turns, text):
    return node(RECORDED, {"turns": turns, "examples": EXAMPLES, "text": text})


def test_what_is_typed_is_answered_from_the_record(node):
    assert recorded(node, [], "hi ") == [["you", "hi "], ["bot", "Hello"]]
    assert recorded(node, [], "who") == [["you", "who"], ["bot", "Minji"]]
    # The second turn of an example is answered after its first, and something else elsewhere.
    after = [["you", "who?"], ["bot", "Minji"]]
    assert recorded(node, after, "where")[2:] == [["you", "where"], ["bot", "At home"]]
    assert recorded(node, [], "where")[1:] == [["bot", "Nowhere"]]
    other = [["you", "Hi"], ["bot", "Hello"]]
    assert recorded(node, other, "Where?")[2:] == [["new", ""], ["you", "Where?"], ["bot", "Nowhere"]]
    assert recorded(node, [*other, ["new", ""], *after], "Where?")[-1] == ["bot", "At home"]


def test_what_is_not_recorded_gets_a_note(node):
    turns = recorded(node, [], "How are you?")
    assert turns == [["you", "How are you?"], ["note", ""]]
    assert recorded(node, turns, "Hi")[2:] == [["new", ""], ["you", "Hi"], ["bot", "Hello"]]


def test_an_example_begins_a_new_conversation(node):
    script = "return [widget.replay([], data), widget.replay(data, data)];"
    assert node(script, EXAMPLES[1]) == [EXAMPLES[1], [*EXAMPLES[1], ["new", ""], *EXAMPLES[1]]]


# The figure as a whole


@pytest.mark.parametrize("text", HOSTILE, ids=range(len(HOSTILE)))
def test_any_string_can_be_said(node, text):
    examples = [text] if text.strip() else []
    box = ChatBox(lambda text, history: text, [text], text, examples, [("you", text), ("bot", text)])
    assert box.ask(text) == text
    assert len(box.summary().splitlines()) == 5
    assert base64.b64decode(box._repr_mimebundle_()[0]["image/png"]).startswith(b"\x89PNG")
    if examples:
        data = {"turns": [], "examples": box.examples, "text": text}
        assert node(RECORDED, data) == [["you", text], ["bot", text]]


def test_stand_ins_are_the_same_every_time():
    bundles = [ChatBox(reply, "One.", "hello", ["a"])._repr_mimebundle_()[0] for _ in range(2)]
    assert bundles[0] == bundles[1] or all(bundles[0][k] == bundles[1][k] for k in ("image/png", "text/plain"))
    assert bundles[0]["text/plain"] == "ChatBox, a story of 1 sentence\n  you: a\n  bot: a, after []"
    assert "image/png" not in ChatBox(reply)._repr_mimebundle_()[0]  # there is nothing to draw


def test_the_script_asks_nobody_and_writes_no_html():
    for forbidden in ("innerHTML", "insertAdjacentHTML", "outerHTML", "fetch(", "import ", "eval(", "https:"):
        assert forbidden not in ChatBox._esm, forbidden


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: ChatBox("hello"), "reply is a function of a message and the turns before it, not 'hello'"),
        (lambda: ChatBox(reply, [1]), "a sentence of the story is a string, not 1"),
        (lambda: ChatBox(reply, greeting=None), "greeting is a string, not None"),
        (lambda: ChatBox(reply, examples="hi"), "examples is a list of messages, not the string 'hi'"),
        (lambda: ChatBox(reply, examples=[("a", 3)]), "a message of an example is a string, not 3"),
        (lambda: ChatBox(reply, examples=[()]), "a tuple of messages, and one is empty"),
        (lambda: ChatBox(reply, examples=[" "]), "an example needs some text, and ' ' has none"),
        (lambda: ChatBox(reply, transcript=["hi"]), "('you', text) or ('bot', text), not 'hi'"),
        (lambda: ChatBox(reply, transcript=[("me", "hi")]), "not ('me', 'hi')"),
        (lambda: ChatBox(reply, transcript=[("you", 3)]), "the text of a turn is a string, not 3"),
        (lambda: ChatBox(reply, "word " * 40_000), "take a shorter story, or fewer examples"),
        (lambda: ChatBox(reply, language="fr"), "language"),
    ],
)
def test_bad_input_is_named(call, message):
    with pytest.raises(ValueError) as error:
        call()
    assert message in str(error.value)
