"""The truth about masked words: equal to what all stories of a tiny world say, and calibrated in the whole world."""

import math
from functools import cache

import pytest
from small_world import tiny

from lmcourse import world
from lmcourse.text import split
from lmcourse.world import english_text, korean_text, truth
from lmcourse.world.choice import Every
from lmcourse.world.law import Law
from lmcourse.world.plan import State

LAW = Law(tiny(), story_length=3, keep_on=0.5)


def words(text):
    return text.replace(",", " ,").replace(".", " .").split()


def wordpieces(text):
    """The first character of a word, then the others, as BERT marks them."""
    return [piece for word in words(text) for piece in (word[0], *(f"##{c}" for c in word[1:]))]


TOKENIZERS = words, wordpieces, list


@cache
def wordings(language, plan, register):
    def say(dice):
        return (korean_text.say(plan, dice, register) if language == "ko" else english_text.say(plan, dice)).text

    return dict(Every().runs(say))


@cache
def sentences(language, state, register):
    """All texts that may follow, each with its probability and the state after it, by adding up all draws."""
    plans, found = {}, {}
    for (plan, after), p in Every().runs(lambda dice: LAW.draw(dice, state)):
        plans[plan] = plans.get(plan, (0.0,))[0] + p, after
    for plan, (p, after) in plans.items():
        for text, style in wordings(language, plan, register).items():
            found[text] = found.get(text, (0.0,))[0] + p * style, after
    return found


@cache
def continuation(language, texts, state, register):
    """The probability that these texts follow."""
    if not texts:
        return 1.0
    p, after = sentences(language, state, register).get(texts[0], (0.0, None))
    return p and p * continuation(language, texts[1:], after, register)


def by_listing(language, story, place, tokenize):
    """For each token, the weight of all stories that differ from the given one there alone."""
    register, texts = story[0]._register, [getattr(r, language) for r in story]
    state = State()
    for text in texts[:place]:
        state = sentences(language, state, register)[text][1]
    tokens = tokenize(texts[place])
    found = [{} for _ in tokens]
    for text, (p, after) in sentences(language, state, register).items():
        others = tokenize(text)
        if len(others) != len(tokens):
            continue
        differ = [j for j, (a, b) in enumerate(zip(tokens, others, strict=True)) if a != b]
        if len(differ) > 1:
            continue
        p *= continuation(language, tuple(texts[place + 1 :]), after, register)
        for j in differ or range(len(tokens)):
            found[j][others[j]] = found[j].get(others[j], 0.0) + p
    return [{token: p / math.fsum(at.values()) for token, p in at.items() if p} for at in found]


@pytest.mark.parametrize("language", ["en", "ko"])
@pytest.mark.parametrize("number", range(6))
def test_equal_to_a_list_of_all_stories(language, number):
    story = world._story(LAW, number, "truth")
    for place in range(len(story)):
        for tokenize in TOKENIZERS:
            want = by_listing(language, story, place, tokenize)
            got = truth.masked(story, place, language, tokenize, LAW)
            for i, (a, b) in enumerate(zip(want, got, strict=True)):
                assert b == pytest.approx(a, abs=1e-10), (story, place, i)
