"""Exercises that answer back: ``check("00.1", your_function)`` says what is right, or names the mistake.

A checker calls the function with inputs nobody has seen, and compares with the right answer. A wrong answer
is then compared with the answers of known mistakes. It never tells the solution; ``hint`` and ``solution``
do.
"""

import copy
import inspect
import random
import warnings
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache
from importlib import import_module
from pkgutil import iter_modules

import numpy as np

__all__ = ["Case", "Exercise", "Mistake", "Verdict", "check", "hint", "prompt", "solution"]


@dataclass(frozen=True)
class Case:
    """One call: arguments, and for a special situation its name (a key of ``Exercise.edges``)."""

    args: tuple
    edge: str = ""


@dataclass(frozen=True)
class Mistake:
    """A known mistake, recognised by what it answers.

    Args:
        name: short, for the tests.
        message: what the learner is told; names the mistake, does not correct it.
        functions: wrong solutions; an answer that agrees with one of them on all ordinary cases makes this
            mistake.
        looks: or a test ``looks(args, answer, right)`` that holds for all ordinary cases; ``right`` is the
            right answer where the learner's was wrong, and None where it was right.
    """

    name: str
    message: str
    functions: tuple[Callable, ...] = ()
    looks: Callable | None = None


@dataclass(frozen=True)
class Exercise:
    """A task, its solution, the cases to try it on (made by ``cases(rng)``) and the mistakes it knows.

    Where ``parts`` are named, the answer is a tuple of so many things. With ``truths`` it is of True and False, and
    numbers do not pass for them. ``keeps`` is what a learner is told whose answers are right, but whose function
    changes the arrays it was given.
    """

    number: str
    prompt: str
    hint: str
    praise: str
    solution: Callable
    cases: Callable
    mistakes: tuple[Mistake, ...]
    edges: dict[str, str] = field(default_factory=dict, hash=False)
    tolerance: float = 2e-4
    parts: tuple[str, ...] = ()
    truths: bool = False
    keeps: str = ""

    def fresh(self):
        """The cases, the same at every call and sharing nothing with an earlier call."""
        return copy.deepcopy(_cases(self))


@dataclass(frozen=True)
class Verdict:
    """What a check found: ``right`` (also its truth value), the message, and the name of the mistake."""

    right: bool
    message: str
    mistake: str = ""

    def __bool__(self):
        return self.right

    def _ipython_display_(self):
        """Nothing: ``check`` has printed the message."""


def check(number, answer):
    """Try an answer to an exercise, print the verdict, and return it.

    Args:
        number: the number of the exercise, such as "01.2".
        answer: the function that the exercise asks for. It may return lists, numpy arrays or torch tensors.

    Returns:
        A :class:`Verdict`, which is true when the answer is right.

    Raises:
        ValueError: there is no exercise of that number.
    """
    exercise = _find(number)
    problem = _problem(exercise, answer)
    if problem:
        verdict = Verdict(False, f"{number}: not yet. {problem[1]}", problem[0])
    else:
        verdict = Verdict(True, f"{number}: right. {exercise.praise}")
    print(verdict.message)
    return verdict


def hint(number):
    """Print a step towards the solution of an exercise."""
    print(_find(number).hint)


def prompt(number):
    """Print what an exercise asks for."""
    print(_find(number).prompt)


def solution(number):
    """Show a solution of an exercise as code."""
    from lmcourse import show

    show(_find(number).solution)


@cache
def _cases(exercise):
    return exercise.cases(random.Random(f"exercise {exercise.number}"))


@cache
def _exercises():
    names = sorted(module.name for module in iter_modules(__path__) if module.name.startswith("ch"))
    chapters = [import_module(f"{__name__}.{name}") for name in names]
    return {exercise.number: exercise for chapter in chapters for exercise in chapter.EXERCISES}


def _find(number):
    if number not in _exercises():
        raise ValueError(f"there is no exercise {number!r}; there are {', '.join(_exercises())}")
    return _exercises()[number]


def _problem(exercise, answer):
    """None for a right answer, else the name of the mistake and what to say."""
    name = exercise.solution.__name__
    if not callable(answer):
        return (
            "not a function",
            f"Pass the function itself, check({exercise.number!r}, {name}), not {_short(answer)}.",
        )
    cases = exercise.fresh()
    parameters = ", ".join(inspect.signature(exercise.solution).parameters)
    try:
        inspect.signature(answer).bind(*cases[0].args)
    except TypeError as error:
        return (
            "parameters",
            f"The function is called as {name}({parameters}), and yours does not take that: {error}.",
        )
    except ValueError:
        pass  # some built-in functions have no signature
    expected = [_read(exercise, exercise.solution(*case.args)) for case in exercise.fresh()]
    found = _outcomes(exercise, answer)
    wrong = [not _same(e, f, exercise.tolerance) for e, f in zip(expected, found, strict=True)]
    if not any(wrong):
        return ("in place", exercise.keeps) if exercise.keeps and _changes(exercise, answer) else None
    plain = [n for n, case in enumerate(cases) if not case.edge]
    if not any(wrong[n] for n in plain):
        edges = [
            edge for edge in exercise.edges if any(w and c.edge == edge for w, c in zip(wrong, cases, strict=True))
        ]
        n = next(n for n in range(len(cases)) if wrong[n])
        seen = f" ({_call(name, cases[n].args)} {_said(found[n])}.)"
        return " and ".join(edges), " ".join(exercise.edges[edge] for edge in edges) + seen
    for mistake in exercise.mistakes:
        if _makes(mistake, exercise, cases, plain, expected, found, wrong):
            return mistake.name, mistake.message
    n = next(n for n in plain if wrong[n])
    return _general(exercise, found[n], expected[n], _call(name, cases[n].args))


def _makes(mistake, exercise, cases, plain, expected, found, wrong):
    if mistake.looks:
        numbers = all(isinstance(found[n], np.ndarray) for n in plain)
        return numbers and all(
            mistake.looks(cases[n].args, found[n], np.asarray(expected[n]) if wrong[n] else None) for n in plain
        )
    for function in mistake.functions:
        made = _outcomes(exercise, function)
        if all(_same(made[n], found[n], exercise.tolerance) for n in plain):
            return True
    return False


def _general(exercise, found, expected, call):
    """What can be said of a wrong answer that no known mistake explains."""
    if exercise.parts and isinstance(found, tuple) and len(found) == len(expected):
        for part, one, right in zip(exercise.parts, found, expected, strict=True):
            if not _same(one, right, exercise.tolerance):
                return _one_of_them(one, right, f"{call}, as {part},", exercise.truths)
    if exercise.parts and not isinstance(found, Exception) and found is not None:
        parts = ", ".join(exercise.parts)
        return "parts", f"{call} returned {_short(found)}, where {len(exercise.parts)} things should be: {parts}."
    return _one_of_them(found, expected, call, exercise.truths)


def _one_of_them(found, expected, call, truths):
    if isinstance(found, Exception):
        return "raised", f"{call} raised {type(found).__name__}: {found}."
    if found is None:
        return "none", f"{call} returned None: is there a `return`?"
    one, many = ("True or False", "True and False") if truths else ("a number", "numbers")
    kind = "one of the words" if isinstance(expected, str) else one if np.ndim(expected) == 0 else many
    if not isinstance(found, np.ndarray):
        return "type", f"{call} returned a {type(found).__name__}, {_short(found)}, where {kind} should be."
    if truths and found.dtype != bool:
        return "numbers", f"{call} returned {_short(found)}, where {kind} should be."
    if found.shape != np.shape(expected):
        one = one if truths else "one number"
        shape = one if np.ndim(expected) == 0 else f"{many} of shape {np.shape(expected)}"
        return "shape", f"{call} returned {many} of shape {found.shape}, where {shape} should be."
    if not np.isfinite(found).all():
        return "not finite", f"{call} returned {_short(found)}: there is a division by zero, or an overflow."
    return "unknown", f"{call} returned {_short(found)}. Work this case out by hand and compare."


def _outcomes(exercise, function):
    """What a function answers to each case, as an array, an exception, or what it was when it is no number."""
    return [answer for answer, _ in _calls(exercise, function)]


def _changes(exercise, function):
    """Whether a function, right otherwise, has changed an array that it was given."""
    for case, (_, args) in zip(exercise.fresh(), _calls(exercise, function), strict=True):
        for before, after in zip(case.args, args, strict=True):
            if isinstance(before, np.ndarray) and not _same(_numbers(before), _numbers(after), exercise.tolerance):
                return True
    return False


def _calls(exercise, function):
    """Of each case what a function answers, and the arguments as it has left them.

    Numbers in the arguments come as torch tensors; a function that cannot take those is given numpy arrays,
    then lists.
    """
    first = None
    for style in (_tensor64, _tensor32, np.ndarray.copy, np.ndarray.tolist):
        found = []
        arrays = False
        for case in exercise.fresh():
            args = [style(arg) if isinstance(arg, np.ndarray) else arg for arg in case.args]
            arrays = arrays or any(isinstance(arg, np.ndarray) for arg in case.args)
            try:
                with np.errstate(all="ignore"), warnings.catch_warnings():
                    warnings.simplefilter("ignore")  # of numpy about torch tensors, most of all
                    found.append((_read(exercise, function(*args)), args))
            except Exception as error:
                found.append((error, args))
        first = first or found
        if not arrays or not any(isinstance(one, Exception) for one, _ in found):
            return found
    return first


def _tensor64(array):
    import torch

    return torch.tensor(array, dtype=torch.bool if array.dtype == bool else torch.float64)


def _tensor32(array):
    tensor = _tensor64(array)
    return tensor if array.dtype == bool else tensor.float()


def _read(exercise, value):
    """An answer as it is compared: an array, or a tuple of them where it has parts, or what it was."""
    if exercise.parts and isinstance(value, (tuple, list)) and len(value) == len(exercise.parts):
        return tuple(_numbers(part, exercise.truths) for part in value)
    return _numbers(value, exercise.truths)


def _numbers(value, truths=False):
    """An answer as an array of float, or with ``truths`` of bool where it is; what is no number stays what it is."""
    if value is None or isinstance(value, (str, bytes, dict, set, frozenset)):
        return str(value) if isinstance(value, str) else value  # numpy has strings of its own
    value = value.detach().cpu() if hasattr(value, "detach") else value
    try:
        array = np.asarray(value) if truths else None
        array = array if truths and array.dtype == bool else np.asarray(value, dtype=float)
    except (TypeError, ValueError):
        return value.tolist() if isinstance(value, np.ndarray) else value
    return array.reshape(()) if array.size == 1 and array.ndim == 1 else array


def _same(left, right, tolerance):
    if isinstance(left, Exception) or isinstance(right, Exception):
        return type(left) is type(right)
    if isinstance(left, tuple) or isinstance(right, tuple):
        return (
            type(left) is type(right)
            and len(left) == len(right)
            and all(_same(*pair, tolerance) for pair in zip(left, right, strict=True))
        )
    left, right = (one if isinstance(one, np.ndarray) else _numbers(one) for one in (left, right))
    if isinstance(left, np.ndarray) and isinstance(right, np.ndarray):
        if (left.dtype == bool) != (right.dtype == bool):
            return False
        return left.shape == right.shape and np.allclose(left, right, tolerance, tolerance, equal_nan=True)
    return type(left) is type(right) and (left == right if isinstance(left, str) else left is right)


def _said(found):
    return f"raised {type(found).__name__}: {found}" if isinstance(found, Exception) else f"returned {_short(found)}"


def _call(name, args):
    return f"{name}({', '.join(_short(arg) for arg in args)})"


def _short(value, length=160):
    if isinstance(value, tuple) and any(isinstance(part, np.ndarray) for part in value):
        return f"({', '.join(_short(part, length // len(value)) for part in value)})"
    if isinstance(value, np.ndarray):
        value = (value if value.dtype == bool else np.round(value, 4)).tolist()
    text = repr(value)
    return text if len(text) <= length else f"{text[: length - 4]} ..."
