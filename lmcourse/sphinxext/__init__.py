"""A Sphinx extension that makes the book work on its own: no kernel, no network, two languages.

Add ``lmcourse.sphinxext`` to the ``extra_extensions`` of a Jupyter Book. It does seven things:

* widgets stored in a notebook live in its page (``static/lmcourse/widget-host.js``; only pages with
  widgets load it);
* mathematics is drawn by the MathJax of ``sphinx-mathjax-offline``;
* the search finds 단어 where the page says 단어의, and still stems English
  (:mod:`lmcourse.sphinxext.search`);
* Hangul in an English page is marked as Korean (:mod:`lmcourse.sphinxext.hangul`) and set in a Korean font;
* chapters become slides, and their solutions can be opened or put away (:mod:`lmcourse.sphinxext.classroom`);
* launch buttons and repository links appear when the checkout has a public remote
  (:mod:`lmcourse.sphinxext.repository`);
* what Jupyter Book 1.x gets wrong on every page is repaired, what a page does not need is not loaded, and a page
  that would ask another host for anything is a warning, so that a strict build fails
  (:mod:`lmcourse.sphinxext.pages`).
"""

from pathlib import Path

from lmcourse.sphinxext import classroom, hangul, pages, repository, search

STATIC = Path(__file__).parent / "static"
HOST = {"lmcourse/widget-host.js": {"defer": "defer"}}


def configure(app, config):
    """Fill in what the reader's ``_config.yml`` leaves open."""
    # Jupyter Book has scanned its own static folders by now, and does not add these files to every page.
    config.html_static_path.append(str(STATIC))
    config.html_css_files.append("lmcourse/book.css")
    config.nb_ipywidgets_js = HOST
    config.html_context.setdefault("default_mode", "auto")
    options = config.html_theme_options
    # The theme's default puts a second search field into an empty white bar above the page.
    options.setdefault("navbar_persistent", [])
    repository.add_links(options, app.srcdir)


def setup(app):
    app.setup_extension("sphinx-mathjax-offline")
    for language in search.LANGUAGES:
        app.add_search_language(language)
    app.add_post_transform(hangul.MarkHangul)
    app.connect("config-inited", configure, priority=0)  # MyST-NB and the theme read these values later
    app.connect("doctree-read", classroom.mark_page)
    app.connect("doctree-resolved", pages.drop_thebe_settings, priority=900)
    app.connect("html-page-context", classroom.add_to_page, priority=600)  # after the theme's buttons
    app.connect("html-page-context", pages.tidy_scripts, priority=900)
    app.connect("html-page-context", pages.ask_no_other_host, priority=950)
    app.connect("build-finished", pages.mend_pages)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
