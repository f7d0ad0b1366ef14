"""Chromium for the tests: pages over http and file://, with every other host blocked and written down.

Set ``CHROMIUM`` to the browser's path. Without a browser these tests are skipped, but not on CI.
"""

import functools
import os
import shutil
import threading
from contextlib import contextmanager
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import small_book

CHROMIUM = os.environ.get("CHROMIUM") or shutil.which("chromium") or "/usr/bin/chromium"


@pytest.fixture(scope="session")
def browser():
    """One headless Chromium for all tests of a worker."""
    missing = None
    if not Path(CHROMIUM).exists():
        missing = f"no Chromium at {CHROMIUM}: install it, or set CHROMIUM to its path"
    else:
        try:
            from playwright.sync_api import sync_playwright
        except ImportError:
            missing = "playwright is not installed: pip install playwright"
    if missing and os.environ.get("CI") == "true":
        pytest.fail(missing)
    elif missing:
        pytest.skip(missing)
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield chromium
        chromium.close()


class Visit:
    """A page, the addresses on other hosts that it asked for, and the errors on its console."""

    def __init__(self, page):
        self.page, self.foreign, self.errors = page, [], []
        page.route("**/*", self._route)
        page.on("pageerror", lambda error: self.errors.append(str(error)))
        page.on("console", lambda message: message.type == "error" and self.errors.append(message.text))

    def _route(self, route):
        url = urlsplit(route.request.url)
        if url.scheme in ("http", "https", "ws", "wss") and url.hostname not in ("127.0.0.1", "localhost"):
            self.foreign.append(route.request.url)
            route.abort()
        else:
            route.continue_()


@pytest.fixture
def visit(browser):
    """A function that opens an address: ``visit(url, width=400, dark=True) -> Visit``."""
    contexts = []

    def open_page(url, *, width=1280, height=900, dark=False, calm=True, **options):
        context = browser.new_context(
            viewport={"width": width, "height": height},
            color_scheme="dark" if dark else "light",
            reduced_motion="reduce" if calm else "no-preference",
            **options,
        )
        context.set_default_timeout(30_000)
        contexts.append(context)
        visit = Visit(context.new_page())
        visit.page.goto(str(url))
        return visit

    yield open_page
    for context in contexts:
        context.close()


@contextmanager
def serve(folder):
    """A folder over http on a free port."""

    class Quiet(SimpleHTTPRequestHandler):
        def log_message(self, *args):
            pass

    handler = functools.partial(Quiet, directory=str(folder))
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        thread.join()


@pytest.fixture(scope="session")
def served():
    """A context manager that serves a folder: ``with served(folder) as url``."""
    return serve


@pytest.fixture(scope="session")
def book(tmp_path_factory, browser):
    """The folder of built pages."""
    folder = tmp_path_factory.mktemp("book")
    small_book.write_book(folder)
    return small_book.build(folder)


@pytest.fixture(scope="session")
def http(book, served):
    with served(book) as url:
        yield url


@pytest.fixture(params=["http", "file"])
def root(request, book, http):
    return {"http": http, "file": book.as_uri()}[request.param]


@pytest.fixture(scope="module")
def site(pages, served):
    """Where the ``pages`` are served that a file of tests has built for itself."""
    with served(pages) as url:
        yield url


@pytest.fixture(params=["http", "file"])
def either(request, pages, site):
    """The same pages, served and from the disk."""
    return {"http": site, "file": pages.as_uri()}[request.param]
