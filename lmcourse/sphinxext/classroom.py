"""Slides out of a chapter's own page, and solutions that a teacher can open or put away.

The marks are Jupyter's: JupyterLab sets them in its property inspector, under *Slide Type*, and other tools for slides
read them too. A cell is the beginning of a *slide*, goes on with the one before it (no mark), appears on it one step
later (*fragment*), is what the teacher says (*notes*), or is not for the class (*skip*). Nothing is copied: the page
itself becomes the deck, widgets and all (``static/lmcourse/classroom.js``).
"""

import json
import re
from pathlib import Path

from docutils import nodes

MARKS = ("slide", "subslide", "fragment", "notes", "skip", "-", "")
EXERCISE = re.compile(r"(prompt|solution)\(")
LINES_OF_A_CELL = 10_000  # how MyST-NB numbers lines: cell 0 begins at 10,000, cell 1 at 20,000


def deck(cells):
    """Where each cell of a notebook stands: ``(slide, step)``, ``(slide, "notes")``, or None where it is left out.

    Slides and steps are counted from 1; a cell of step 2 appears after that of step 1. A notebook without a slide has
    no deck.

    Args:
        cells: the notebook's cells, as in its JSON.

    Raises:
        ValueError: a mark that is none, or something shown before the first slide.

    >>> def cell(mark):
    ...     return {"metadata": {"slideshow": {"slide_type": mark}} if mark else {}}
    >>> deck([cell(mark) for mark in ("slide", "notes", "", "skip", "fragment", "slide")])
    [(1, 1), (1, 'notes'), (1, 1), None, (1, 2), (2, 1)]
    """
    marks = [cell["metadata"].get("slideshow", {}).get("slide_type", "") for cell in cells]
    places, slide, step = [], 0, 1
    if not {"slide", "subslide"} & set(marks):
        return [None] * len(cells)
    for number, mark in enumerate(marks):
        if mark not in MARKS:
            raise ValueError(f"cell {number}: {mark!r} is no slide type; there are {', '.join(filter(None, MARKS))}")
        if mark in ("slide", "subslide"):
            slide, step = slide + 1, 1
        elif mark == "fragment":
            step += 1
        if mark != "skip" and not slide:
            raise ValueError(f"cell {number} is shown, but no slide has begun: mark it as slide or as skip")
        places.append(None if mark == "skip" else (slide, "notes" if mark == "notes" else step))
    return places


def cell_of(node):
    """The number of the cell that a part of a page comes from; None for what comes from none."""
    if "cell_index" in node:
        return node["cell_index"]
    return node.line // LINES_OF_A_CELL - 1 if node.line and node.line >= LINES_OF_A_CELL else None


def mark_page(app, doctree):
    """Write into the classes of each part of a chapter its slide, and whether it is a task or a solution."""
    path = Path(app.env.doc2path(app.env.docname))
    if path.suffix != ".ipynb":
        return
    cells = json.loads(path.read_text("utf-8"))["cells"]
    places = deck(cells)
    for section in doctree.findall(nodes.section):
        for part in section.children:
            if isinstance(part, nodes.section | nodes.Invisible | nodes.Text) or (number := cell_of(part)) is None:
                continue
            if cells[number]["cell_type"] == "code" and (kind := EXERCISE.match("".join(cells[number]["source"]))):
                part["classes"].append(f"lm-{kind[1]}")
            if places[number]:
                slide, step = places[number]
                part["classes"] += [f"lm-slide-{slide}", "lm-notes" if step == "notes" else f"lm-step-{step}"]


def add_to_page(app, pagename, templatename, context, doctree):
    """Load the script on pages that have slides or solutions, and give the former a button."""
    body = context.get("body") or ""
    has_slides = "lm-slide-1" in body
    if not has_slides and "lm-solution" not in body:
        return
    app.add_js_file("lmcourse/classroom.js", defer="defer")
    app.add_css_file("lmcourse/classroom.css")
    if has_slides:
        button = {"type": "javascript", "javascript": "lmcourseSlides.start()", "tooltip": "Show as slides"}
        button |= {"icon": "fas fa-person-chalkboard", "label": "slides-button", "classes": "pst-navbar-icon"}
        context.get("header_buttons", []).append(button)
