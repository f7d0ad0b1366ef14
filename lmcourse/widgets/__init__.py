"""Widgets of the course: live in JupyterLab and in the static pages of the book.

They take plain words and numbers, never a model.
"""

from lmcourse.widgets.next_word import NextWordExplorer, NextWordTable, next_word_table

__all__ = ["NextWordExplorer", "NextWordTable", "next_word_table"]
