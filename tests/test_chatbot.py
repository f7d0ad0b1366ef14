"""The chatbot: dialogues whose answers are in the story, one line to read, turns that matter, and a clear no."""

import json
import re

import pytest
import torch

from lmcourse import chatbot, tasks, world
from lmcourse.chatbot import (
    ANSWER,
    ASK,
    KINDS,
    SILENCE,
    Chat,
    DialogueCodec,
    Example,
    accuracy,
    build,
    encode,
    examples,
    kind_of,
    learn,
    most_frequent,
    overlap,
    pieces,
    settings_for,
    small_talk,
    without_story,
    without_turns,
)  # fmt: skip

STORY = ("Minsu bought apples at the market.", "Jiu read a book.")
RECORDS = world.generate(world.STORY_LENGTH * 150, seed=3)
YES_NO = {"ko": ("네", "아니요"), "en": ("Yes", "No")}


@pytest.fixture(scope="module")
def made():
    return examples(RECORDS, seed=0, lengths=(1, 2, 3, 8))


@pytest.fixture(scope="module")
def trained():
    """A small chatbot that has learned a few examples by heart."""
    few = [*examples(RECORDS[:64], seed=0, lengths=(1, 2))[:24], *small_talk()[:4]]
    few = list({e[:3]: e for e in few}.values())
    settings = settings_for(few, width=24, hidden=48, dropout=0.0)
    system = build(settings)
    learn(system, few, 300, size=16, lr=1e-2, progress=False, device="cpu")
    return system, few, settings


@pytest.fixture(scope="module")
def shipped():
    return tasks.load("chatbot")


# --- dialogues ---


def test_examples_are_the_same_every_time_and_others_with_another_seed(made):
    assert examples(RECORDS, seed=0, lengths=(1, 2, 3, 8)) == made
    assert examples(RECORDS, seed=1, lengths=(1, 2, 3, 8)) != made
    assert {e.kind for e in made} == set(KINDS) - {"small talk"}
    assert {e.turn for e in made} == {"first", "new", "and", "where", "who", "pronoun"}
    assert {len(e.story) for e in made if e.story} == {1, 2, 3, 8}


def test_answers_are_those_of_the_world(made):
    """A question that the world asks about a sentence of the story has the world's answer."""
    known = {}
    for record in RECORDS:
        for q in record.questions:
            for said, ask, answer in ((record.ko, q.ko, q.answer_ko), (record.en, q.en, q.answer_en)):
                known.setdefault((said, ask), set()).add(answer)
    checked = 0
    for e in made:
        answers = set().union(*(known.get((sentence, e.question), set()) for sentence in e.story))
        if answers:
            assert e.answer in answers, e
            checked += 1
    assert checked > len(made) / 2


def test_answers_of_who_and_where_can_be_read_in_the_story(made):
    """Names may stand before as 'he', but a place is always said."""
    for e in made:
        if e.language == "ko" and e.kind == "where":
            assert any(e.answer in sentence for sentence in e.story), e
        if e.kind == "who" and e.turn == "first":
            assert any(re.search(re.escape(e.answer), s, re.I) for s in e.story) or len(e.story) == 1, e


def test_what_the_story_does_not_tell_is_not_told(made):
    silent = [e for e in made if e.kind == "not told"]
    assert {e.answer for e in silent} == set(SILENCE)
    told = {}
    for record in RECORDS:
        told.setdefault(record.ko, set()).update(q.ko for q in record.questions)
        told.setdefault(record.en, set()).update(q.en for q in record.questions)
    korean = [e for e in silent if e.language == "ko"]
    assert all(e.question not in told[sentence] for e in korean for sentence in e.story)
    assert 0.03 < len(silent) / len(made) < 0.2


def test_no_is_an_answer(made):
    answers = [e.answer for e in made if e.kind == "yes or no" and e.language == "ko"]
    assert set(answers) == set(YES_NO["ko"])
    assert 0.3 < answers.count("아니요") / len(answers) < 0.7


def test_both_languages_ask_the_same(made):
    for language in ("ko", "en"):
        assert abs(sum(e.language == language for e in made) / len(made) - 0.5) < 0.02
    for e in made:
        korean = re.compile("[가-힣]")
        texts = [*e.story, *(t for turn in e.turns for t in turn), e.question]
        assert all(bool(korean.search(t)) == (e.language == "ko") for t in texts), e


def test_second_turns_need_the_first(made):
    for e in made:
        assert len(e.turns) == (e.turn != "first")
        if e.turn == "and":
            assert re.match(r"그럼 .*요\?$|And .*\?$", e.question), e
        if e.turn == "where":
            assert e.question in ("Where?", "어디에서요?", "어디에요?", "어디로요?"), e
        if e.turn == "who":
            assert e.turns[0][1] in ("No", "아니요")
        if e.turn == "pronoun":
            assert re.search(r"\b(he|she|they|his|her|their)\b|그분|그 사람", e.question), e


def test_only_what_is_wanted_is_asked_about():
    wanted = {r.ko for r in RECORDS if r.plan.kind == "exist"}
    found = examples(RECORDS, only=lambda r: r.ko in wanted, lengths=(1,))
    asked = [e for e in found if e.turn == "first" and e.kind != "not told"]
    assert asked and {e.kind for e in asked} == {"what"}


@pytest.mark.parametrize(
    ("question", "kind"),
    [
        ("Who bought apples?", "who"), ("Whose words did he remember?", "who"), ("What did Jiu buy?", "what"),
        ("What will the weather be like on Monday?", "weather"), ("How many things did he buy?", "how many"),
        ("How was the soup?", "how"), ("Did it rain on Monday?", "yes or no"), ("Where did she go?", "where"),
    ],
)  # fmt: skip
def test_kinds_of_questions(question, kind):
    assert kind_of(question) == kind


def test_held_out_wordings_are_new_but_their_words_are_not():
    known, new = small_talk(), small_talk(held_out=True)
    assert not {e.question for e in known} & {e.question for e in new}
    assert {e.answer for e in known} == {e.answer for e in new}
    vocabulary = {p for one in pieces([e.question for e in known]) for p in one}
    vocabulary |= {p for r in RECORDS for p in pieces([r.ko, r.en])[0] + pieces([r.en])[0]}
    missing = [p for one in pieces([e.question for e in new]) for p in one if p not in vocabulary]
    assert len(missing) <= 2, missing
    assert len({e.question for e in known + new}) == len(known + new)
    before = small_talk(before=[((), ()), (STORY, (("Hi.", "Hello."),))])
    assert [e.turn for e in before[:3]] == ["first", "new", "first"]


# --- the line ---


def codec(longest=60):
    texts = [*STORY, "Who bought apples?", "Minsu", "And Jiu?", "민수는 사과를 샀다."]
    return DialogueCodec([ASK, ANSWER, *(p for one in pieces(texts) for p in one)], longest)


def test_the_line_is_story_turn_and_question():
    c = codec()
    line = c.line((STORY, (("Who bought apples?", "Minsu"),), "And Jiu?"))
    assert line == [
        "▁Minsu", "▁bought", "▁apples", "▁at", "▁the", "▁market", ".", "▁Jiu", "▁read", "▁a", "▁book", ".",
        ASK, "▁Who", "▁bought", "▁apples", "?", ANSWER, "▁Minsu", ASK, "▁And", "▁Jiu", "?",
    ]  # fmt: skip
    assert c.vocabulary.decode(c.encode((STORY, (), "And Jiu?")))[-4:] == [ASK, "▁And", "▁Jiu", "?"]
    assert c.line(((), (), "And Jiu?")) == [ASK, "▁And", "▁Jiu", "?"]
    again = DialogueCodec(**json.loads(json.dumps(c.settings())))
    assert again.encode((STORY, (), "And Jiu?")) == c.encode((STORY, (), "And Jiu?"))


def test_only_the_last_turn_is_read():
    turns = (("Hi.", "Hello."), ("Who bought apples?", "Minsu"))
    assert codec().line((STORY, turns, "And Jiu?")) == codec().line((STORY, turns[1:], "And Jiu?"))


def test_many_at_once_are_as_one_by_one(made):
    c = codec(200)
    some = made[:40]
    assert c.encode_all(some) == [c.encode(e) for e in some]


def test_a_long_story_loses_its_oldest_sentences():
    for longest, kept in ((16, STORY), (15, STORY[1:]), (9, STORY[1:]), (8, ()), (4, ())):
        assert codec(longest).line((STORY, (), "And Jiu?")) == codec(99).line((kept, (), "And Jiu?"))
    with pytest.raises(ValueError, match="'And Jiu\\?' is too long: 4 pieces, and 3 can be read"):
        codec(3).encode((STORY, (), "And Jiu?"))


def test_pieces_of_both_languages():
    assert pieces(["민수는 잤다.", "He slept.", ""]) == [["▁민수", "는", "▁잤", "다", "."], ["▁He", "▁slept", "."], []]
    assert codec().unknown("Jiu bought pears.") == ["▁pears"] and codec().unknown("Who bought apples?") == []


def test_nothing_to_read_is_refused():
    for item in ((("",), (), "And Jiu?"), (STORY, (), "  ")):
        with pytest.raises(ValueError, match="nothing to read in"):
            codec().encode(item)


# --- measures ---


def example(answer, kind="who", question="Who bought apples?", story=STORY, language="en", turns=()):
    return Example(story, turns, question, answer, kind, "second" if turns else "first", language)


def test_accuracy_by_group():
    wanted = [example("Minsu"), example("Jiu"), example("a book", "what")]
    found = accuracy(["Minsu", "Minsu", "a book"], wanted, lambda e: e.kind)
    assert found["who"][0] == 0.5 and found["who"][3] == 2 and found["what"][0] == 1.0
    low, high = found["who"][1:3]
    assert 0 < low < 0.5 < high < 1
    assert accuracy(["minsu", "Jiu", "book"], wanted)["all"][0] == pytest.approx(1 / 3), "letter by letter"
    for wrong in ([], ["Minsu"]):
        with pytest.raises(ValueError, match=f"not {len(wrong)} for 3"):
            accuracy(wrong, wanted)


def test_baselines():
    guess = most_frequent([example("Minsu"), example("Jiu"), example("Minsu"), example("a book", "what")])
    assert guess([example("x"), example("x", "what"), example("x", "where")]) == ["Minsu", "a book", ""]
    market = example("", question="Who read a book?")
    assert overlap([example(""), market, example("", story=())]) == ["at the market", "Jiu", ""]
    yes = [example("", "yes or no", q) for q in ("Did Jiu read a book?", "Did Jiu read?")]
    assert overlap(yes) == ["Yes", "No"]
    korean = ("민수는 사과를 샀다.",)
    assert overlap([example("", story=korean, question="누가 사과를 샀어요?", language="ko")]) == ["민수"]


def test_controls_leave_out_what_they_say():
    one = example("Minsu", turns=(("Hi.", "Hello."),))
    assert without_story([one])[0].story == () and without_story([one])[0].turns == one.turns
    assert without_turns([one])[0].turns == () and without_turns([one])[0].story == STORY


# --- the system ---


def test_a_few_dialogues_are_learned_by_heart(trained):
    system, few, settings = trained
    assert accuracy(system(few), few)["all"][0] > 0.9
    assert json.loads(json.dumps(settings)) == settings


def test_gradients_reach_every_parameter(trained):
    system, few, _ = trained
    batch = next(system.batches(encode(system, few), 8))
    system.model.zero_grad()
    system.model(**batch).loss.backward()
    assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in system.model.parameters())


def test_the_first_time_through_reads_one_sentence(trained, monkeypatch):
    system, few, _ = trained
    asked = {}
    monkeypatch.setattr(chatbot, "fit", lambda model, batches, **options: asked.update(batches=batches, **options))
    learn(system, few, 7, size=4)
    assert asked["steps"] == 7

    def rows(epoch):
        return sum(len(batch["ids"]) for batch in asked["batches"](epoch))

    assert rows(0) == sum(len(e.story) < 2 and not e.turns for e in few) < rows(1) == len(few)


def test_a_chat_remembers_its_turns(trained):
    system, few, _ = trained
    e = next(e for e in few if e.turns)
    chat = Chat(system, e.story)
    chat.turns = list(e.turns)
    assert chat(e.question) == e.answer == system([e])[0]
    assert chat.turns == [*e.turns, (e.question, e.answer)]
    assert Chat(system, e.story).reply(e.question, e.turns) == e.answer
    assert Chat(system, " ".join(e.story)).story == e.story
    assert Chat(system).story == Chat(system, "").story == ()
    line = Chat(system, "One day.\nIt rained! Why? Nobody knew").story
    assert line == ("One day.", "It rained!", "Why?", "Nobody knew")


def test_bad_messages_get_a_clear_answer(trained):
    system, few, _ = trained
    chat = Chat(system, STORY)
    for empty in ("", " \n\t", None):
        with pytest.raises(ValueError, match="a message needs some text"):
            chat(empty)
    for foreign in ("Кто купил яблоки?", "誰？", "?!", "☃☃☃"):
        with pytest.raises(ValueError, match=re.escape(f"not one word of {foreign!r} is known")):
            chat(foreign)
    with pytest.raises(ValueError, match="is too long: [0-9]+ pieces, and 120 can be read"):
        chat(f"{few[0].question} " * 100)
    assert chat.turns == []


def test_what_is_unknown_or_forgotten_is_named(trained):
    system, few, _ = trained
    known = next(e for e in few if e.story and e.language == "en").story[0]
    chat = Chat(system, [known] * 30)
    assert chat.unknown() == [] and chat.unknown("Frodo?")[:1] == ["▁Frodo"]
    forgotten = chat.forgotten("Hello.")
    assert 0 < len(forgotten) < 30
    read = system.source.line((chat.story, (), "Hello."))
    assert len(read) == (30 - len(forgotten)) * len(pieces([known])[0]) + len(pieces(["Hello."])[0]) + 1
    assert Chat(system, [known]).forgotten() == Chat(system).forgotten() == ()


def test_padding_changes_no_answer(trained):
    system, few, _ = trained
    source, mask = system.source.pad(system.source.encode_all(few[:6]))
    context = system.model.encoder(source, mask).context
    for n in range(6):
        alone, real = system.source.pad([system.source.encode(few[n])])
        assert torch.allclose(system.model.encoder(alone, real).context[0], context[n], atol=1e-5)


# --- the one that comes with the package ---


def test_the_shipped_chatbot_reads_short_stories(shipped):
    assert sum(p.numel() for p in shipped.model.parameters()) < 650_000
    test = examples(world.generate(world.STORY_LENGTH * 60, seed=77), seed=5, lengths=(1,))
    test = [e for e in test if e.turn == "first" and e.kind != "not told"]
    right = accuracy(shipped(test), test)["all"][0]
    blind = accuracy(shipped(without_story(test)), test)["all"][0]
    assert right > 0.75 and right > blind + 0.3, (right, blind)


def test_the_shipped_chatbot_is_polite(shipped):
    for story in ((), STORY):
        known = small_talk(before=[(story, ())])
        assert accuracy(shipped(known), known)["all"][0] > 0.9


def test_recorded_figures_say_where_it_breaks():
    figures = tasks.figures("chatbot")["figures"]
    rows = {
        (r["name"], r["length"]): r["right"]
        for r in figures["rows"]
        if r.get("language") == "both" and r["turn"] == "first"
    }
    lengths = sorted({length for _, length in rows})
    assert lengths == [1, 2, 3, 4, 8]
    right = [rows["chatbot", n] for n in lengths]
    assert right == sorted(right, reverse=True)
    assert all(rows["chatbot", n] > rows["without the story", n] + 0.2 for n in (1, 2, 3))
