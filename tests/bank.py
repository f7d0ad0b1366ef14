"""The tests of a bank of answers: right ones in other words are accepted, and each wrong one hears its own mistake."""

import pytest

from lmcourse.exercises import check


def bank_tests(exercises, right, wrong, edges=True):
    """Three tests for the exercises of a chapter, to be bound to names that pytest finds.

    Args:
        exercises: the exercises.
        right: pairs (number, function), two or more for each exercise.
        wrong: tuples (number, name of the mistake, words of its message, function); an answer that is wrong at several
            special cases only has their names joined by " and ".
        edges: whether each special case too has to be got wrong by one of them.
    """

    @pytest.mark.parametrize("exercise", exercises, ids=lambda e: e.number)
    def every_mistake_has_been_made(exercise):
        names = {mistake for number, mistake, _, _ in wrong if number == exercise.number}
        made = names.union(*(name.split(" and ") for name in names))
        known = {mistake.name for mistake in exercise.mistakes} | set(exercise.edges if edges else ())
        assert known <= made, f"never made: {sorted(known - made)}"
        assert sum(number == exercise.number for number, _ in right) >= 2
        assert check(exercise.number, exercise.solution)

    @pytest.mark.parametrize(("number", "answer"), right, ids=[f"{n}-{f.__name__}" for n, f in right])
    def right_answers_in_other_words(number, answer):
        verdict = check(number, answer)
        assert verdict, verdict.message

    @pytest.mark.parametrize(("number", "mistake", "phrase", "answer"), wrong, ids=[f"{n}-{m}" for n, m, _, _ in wrong])
    def wrong_answers_hear_their_own_mistake(number, mistake, phrase, answer):
        verdict = check(number, answer)
        assert not verdict and verdict.mistake == mistake and phrase in verdict.message, verdict.message

    return every_mistake_has_been_made, right_answers_in_other_words, wrong_answers_hear_their_own_mistake
