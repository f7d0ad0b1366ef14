"""Marks Hangul in the pages of another language, for screen readers, hyphenation and fonts."""

import re

from docutils import nodes
from sphinx.transforms.post_transforms import SphinxPostTransform

# From the first syllable to the last, with the spaces, figures and marks between them but no Latin letter.
RUN = re.compile(r"[가-힣ㄱ-ㆎ](?:[^A-Za-z]*[가-힣ㄱ-ㆎ])?")
CODE = (nodes.literal, nodes.FixedTextElement, nodes.math, nodes.math_block, nodes.raw, nodes.comment)


def split(text):
    """The text cut into ``(piece, is_hangul)``.

    >>> split("A word (단어) is 글자 하나.")
    [('A word (', False), ('단어', True), (') is ', False), ('글자 하나', True), ('.', False)]
    """
    pieces, end = [], 0
    for run in RUN.finditer(text):
        pieces += [(text[end : run.start()], False), (run[0], True)]
        end = run.end()
    pieces.append((text[end:], False))
    return [(piece, korean) for piece, korean in pieces if piece]


def is_marked(node):
    """Whether the text stands in code, in mathematics, or already in something with a language of its own."""
    while node is not None:
        classes = node.get("classes", ()) if isinstance(node, nodes.Element) else ()
        if isinstance(node, CODE) or any(name.startswith("language-") for name in classes):
            return True
        node = node.parent
    return False


PRINTED = re.compile(r"<(pre|code|td|th)\b.*?</\1>", re.DOTALL)
TEXT = re.compile(r"(<[^>]*>)([^<]*[가-힣ㄱ-ㆎ][^<]*)")
OPEN = '<span lang="ko">'


def mark_printed(html):
    """The page with Hangul marked in code too, and in what code prints: the builder highlights it only at the end.

    >>> mark_printed("<p>배</p><pre>a 배</pre>")
    '<p>배</p><pre>a <span lang="ko">배</span></pre>'
    """

    def mark(text):
        if text[1] == OPEN:  # done already
            return text[0]
        return text[1] + "".join(f"{OPEN}{piece}</span>" if korean else piece for piece, korean in split(text[2]))

    return PRINTED.sub(lambda block: TEXT.sub(mark, block[0]), html)


class MarkHangul(SphinxPostTransform):
    """Writes ``<span lang="ko">`` around runs of Hangul, where the page itself is not Korean."""

    default_priority = 900
    formats = ("html",)

    def run(self, **kwargs):
        if str(self.config.language).startswith("ko"):
            return
        for text in list(self.document.findall(nodes.Text)):
            if not RUN.search(text) or is_marked(text.parent):
                continue
            # docutils writes the class language-ko as the attribute lang="ko".
            text.parent.replace(
                text,
                [
                    nodes.inline("", piece, classes=["language-ko"]) if korean else nodes.Text(piece)
                    for piece, korean in split(text)
                ],
            )
