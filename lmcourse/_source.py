"""What ``lmcourse.show`` does: cut the source of an object out of its file and display it."""

import ast
import inspect
import sys
import textwrap


def show(obj, methods=(), docstring=True):
    """Display the source; see :func:`lmcourse.show`."""
    text = source(obj, methods, docstring)
    if "IPython" in sys.modules and sys.modules["IPython"].get_ipython() is not None:
        from IPython.display import display

        # Markdown, because the book, JupyterLab and Colab each colour it to suit a light or a dark page.
        fence = "```"
        while fence in text:
            fence += "`"
        display({"text/markdown": f"{fence}python\n{text}\n{fence}", "text/plain": text}, raw=True)
    else:
        print(text)


def source(obj, methods=(), docstring=True):
    """The source of a class, function or module as a string, without the indentation of its class."""
    if isinstance(obj, property):
        obj = obj.fget
    try:
        text = textwrap.dedent(inspect.getsource(inspect.unwrap(obj) if callable(obj) else obj)).rstrip()
    except (TypeError, OSError):
        instance = not inspect.isroutine(obj) and not inspect.isclass(obj)
        advice = f"; show its class: show({type(obj).__name__})" if instance else " (it is not written in Python)"
        raise TypeError(f"{obj!r} has no source to show{advice}") from None
    tree = ast.parse(text)
    gone = set()  # line numbers, from 1
    if methods:
        gone |= _all_but(tree.body[0], obj, methods)
    if not docstring:
        gone |= _docstrings(tree)
    lines = [line for number, line in enumerate(text.split("\n"), 1) if number not in gone]
    return "\n".join(lines).rstrip()


def _all_but(tree, obj, methods):
    """The lines of a class body that belong to none of the methods."""
    own = {node.name: node for node in getattr(tree, "body", ()) if isinstance(node, ast.FunctionDef)}
    for name in methods:
        if name not in own:
            raise ValueError(f"{obj!r} has no method {name!r} of its own; it has {', '.join(own) or 'none'}")
    gone = set(range(tree.body[0].lineno, tree.end_lineno + 1))
    for place, node in enumerate(node for name, node in own.items() if name in methods):
        first = min([node.lineno] + [mark.lineno for mark in node.decorator_list])
        gone -= set(range(first - (place > 0), node.end_lineno + 1))  # with an empty line between
    return gone


def _docstrings(tree):
    """The lines of all docstrings, and the empty line after each."""
    gone = set()
    for node in ast.walk(tree):
        if isinstance(node, (ast.ClassDef, ast.FunctionDef, ast.Module)) and ast.get_docstring(node) is not None:
            if len(node.body) > 1:  # a body that is only a docstring keeps it
                first, then = node.body[0], node.body[1]
                start = min([then.lineno] + [mark.lineno for mark in getattr(then, "decorator_list", ())])
                gone |= set(range(first.lineno, min(start, first.end_lineno + 2)))
    return gone
