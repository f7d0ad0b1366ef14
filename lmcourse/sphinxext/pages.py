"""Small repairs of what Jupyter Book 1.x writes on every page, and a watch over what a page loads."""

import re
from pathlib import Path
from urllib.parse import urlsplit

from docutils import nodes
from sphinx.util import logging

from lmcourse.sphinxext import hangul

logger = logging.getLogger(__name__)

# What a browser fetches by itself. A link that a reader may click is none of it.
LOADS = re.compile(
    r"""<(?:script|img|iframe|audio|video|source|embed|track)\b[^>]*?\b(?:src|poster)\s*=\s*["']?
          (?P<src>(?:https?:)?//[^"'\s>]+)
      | <link\b(?=[^>]*\brel\s*=\s*["']?(?:stylesheet|preload|icon|preconnect))[^>]*?\bhref\s*=\s*["']?
          (?P<href>(?:https?:)?//[^"'\s>]+)
      | @import\s+(?:url\()?["']?
          (?P<css>(?:https?:)?//[^"'\s)]+)""",
    re.VERBOSE | re.IGNORECASE,
)


def uses_thebe(app):
    """Whether the book has a button that starts a kernel in the page."""
    return bool(app.config.html_theme_options.get("launch_buttons", {}).get("thebe"))


def drop_thebe_settings(app, doctree, docname):
    """Take out the settings of a kernel that no button starts; Thebe writes them at the end of every page."""
    if uses_thebe(app):
        return
    for node in list(doctree.findall(nodes.raw)):
        if "text/x-thebe-config" in node.astext() or node.astext().startswith("<script>kernelName ="):
            node.parent.remove(node)


def tidy_scripts(app, pagename, templatename, context, doctree):
    """Drop Thebe's files where no button starts it, MathJax where there are no formulas, and what is there twice.

    ``sphinx-thebe`` registers ``const THEBE_JS_URL`` twice, and the second one is an error in the browser.
    """
    unwanted = () if uses_thebe(app) else ("sphinx-thebe", "THEBE_JS_URL")
    if not re.search(r'class="math\b', context.get("body") or ""):
        unwanted += ("mathjax/", "window.MathJax")
    for kind in ("script_files", "css_files"):
        bodies, kept = set(), []
        for item in context.get(kind, []):
            body = getattr(item, "attributes", {}).get("body") or ""
            text = f"{getattr(item, 'filename', item)} {body}"
            if body not in bodies and not any(word in text for word in unwanted):
                kept.append(item)
            if body:
                bodies.add(body)
        context[kind] = kept


def foreign_addresses(html):
    """Addresses on other hosts that a browser would load by itself when it shows this HTML.

    >>> foreign_addresses('<a href="https://example.org">a link</a> <img src="https://example.org/x.png">')
    ['https://example.org/x.png']
    """
    return [match[match.lastgroup] for match in LOADS.finditer(html)]


def ask_no_other_host(app, pagename, templatename, context, doctree):
    """Warn of every file that the page would load from another host: the book is read without a network."""
    found = foreign_addresses(context.get("body") or "")
    for kind in ("script_files", "css_files"):
        for item in context.get(kind, []):
            name = str(getattr(item, "filename", item) or "")
            if urlsplit(name).netloc:
                found.append(name)
    for address in sorted(set(found)):
        logger.warning("page %s would load %s from another host", pagename, address, type="lmcourse", subtype="offline")


# What the theme writes into its pages, and what it is to be. A screen reader stumbles over the first three. The icons
# are drawn by the font of the theme's style sheet: its script would draw them once more, with 1.5 MB. The index is for
# the page of the search.
MENDED = [
    ('<summary><span class="toctree-toggle"', '<summary aria-label="Sections below"><span class="toctree-toggle"'),
    (
        '<dl>\n<dd><em class="sig-param">',
        '<dl role="presentation">\n<dd><em class="sig-param">',
    ),  # a list without terms
    ('<div role="list" class="citation-list">', '<div class="citation-list">'),  # its entries are no items
    (re.compile(r'\s*<script[^>]* src="[^"]*/fontawesome\.js[^"]*"></script>'), ""),
    (re.compile(r'\s*<script src="[^"]*\b(?:searchtools|language_data|searchindex)\.js"></script>'), ""),
]
SEARCH_PAGE = "search.html"


def mend_pages(app, exception):
    """Mend the HTML of every page where the theme offers no setting for it."""
    if exception or app.builder.format != "html":
        return
    for path in Path(app.outdir).rglob("*.html"):
        old = new = path.read_text(encoding="utf-8")
        for found, wanted in MENDED[:-1] if path.name == SEARCH_PAGE else MENDED:
            new = new.replace(found, wanted) if isinstance(found, str) else found.sub(wanted, new)
        if not str(app.config.language).startswith("ko"):
            new = hangul.mark_printed(new)
        if new != old:
            path.write_text(new, encoding="utf-8")
