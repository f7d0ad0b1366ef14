"""The Sphinx extension without a browser: search terms, Korean runs, repository links, what a page loads, slides."""

import json
import os
import shutil
import subprocess
import unicodedata

import pytest
from docutils import nodes
from docutils.core import publish_doctree
from hypothesis import given, settings
from hypothesis import strategies as st

from lmcourse.sphinxext import classroom, hangul, pages, repository, search

# Search: the index


@pytest.mark.parametrize(
    ("word", "expected"),
    [
        ("단어", ["단어"]),
        ("단어의", ["단어의", "단어"]),
        ("단어들에서는", ["단어들에서는", "단어들에서", "단어들", "단어"]),
        ("문장으로", ["문장으로", "문장"]),
        ("서울로", ["서울로", "서울"]),
        ("문장로", ["문장로"]),  # 로 after ㅇ is no particle
        ("나이", ["나이"]),  # nor is 이 after a vowel
        ("말이", ["말이", "말"]),
        ("모델이라는", ["모델이라는", "모델이라", "모델이", "모델"]),
        ("학습합니다", ["학습합니다", "학습"]),
        ("제한", ["제한"]),  # a verb's ending leaves two syllables
        ("은", ["은"]),
        ("ㄱ은", ["ㄱ은", "ㄱ"]),
    ],
)
def test_forms_of_a_word(word, expected):
    assert set(search.forms(word)) >= set(expected)
    assert search.forms(word)[0] == word


@pytest.mark.parametrize("word", ["문장로", "나이", "제한", "단어", "은", "바다"])
def test_words_without_an_ending_stay_whole(word):
    assert search.forms(word) == [word]


def test_endings_are_elementary():
    """Where one ending ends in another, the rest is an ending too: ``forms`` rests on it."""
    endings = [*search.PARTICLES, *search.ENDINGS]
    whole = {"으로": "로"}  # no noun ends in 으
    for long in endings:
        for short in endings:
            if long != short and long.endswith(short) and whole.get(long) != short:
                assert search.only_endings(long[: -len(short)]), (long, short)


syllables = st.integers(ord("가"), ord("힣")).map(chr)


@settings(deadline=None)
@given(
    st.text(syllables, min_size=2, max_size=4),
    st.lists(st.sampled_from(sorted(search.PARTICLES)), max_size=2),
)
def test_the_forms_of_a_noun_are_among_those_with_particles(noun, particles):
    word = noun
    for particle in particles:
        if not search.may_follow(particle, word):
            return
        word += particle
    assert set(search.forms(noun)) <= set(search.forms(word))


def test_text_is_cut_at_scripts():
    assert search.tokens("BERT의 n-gram은 2개의 next_word입니다.") == [
        "BERT",
        "n",
        "gram",
        "2",
        "개의",
        "next_word",
    ]
    assert search.tokens("언어모델 (language model)을") == ["언어모델", "language", "model", "을"]
    assert search.tokens(unicodedata.normalize("NFD", "단어")) == ["단어"]  # as a Mac may store it
    assert search.tokens("") == []


# Search: the query, run in node on an index that Sphinx would build


def index_of(pages):
    """Terms of some pages as Sphinx stores them: term -> numbers of pages."""
    language = search.SearchMixed({})
    terms = {}
    for number, text in enumerate(pages):
        for word in language.split(text):
            stem = language.stem(word).lower()
            if language.word_filter(stem):
                terms.setdefault(stem, set()).add(number)
    return {term: sorted(numbers) for term, numbers in terms.items()}


@pytest.fixture(scope="module")
def find(tmp_path_factory):
    """``find(pages, queries)``: for each query the pages that have all its terms, and the terms."""
    program = shutil.which("node")
    if not program:
        if os.environ.get("CI") == "true":
            pytest.fail("node is not installed")
        pytest.skip("node is not installed: the search in the page is not tried")
    folder = tmp_path_factory.mktemp("search")

    def run(pages, queries):
        data = {"terms": index_of(pages), "queries": queries}
        language = search.SearchMixed({})
        script = f"""{language.js_stemmer_code}
            {language.js_splitter_code}
            const data = {json.dumps(data)};
            const Search = {{ _index: {{ terms: data.terms, titleterms: {{}} }} }};
            const stemmer = new Stemmer();
            console.log(JSON.stringify(data.queries.map((query) => {{
              const terms = splitQuery(query).map((term) => stemmer.stemWord(term.toLowerCase()));
              const at = (term) => (Object.hasOwn(data.terms, term) ? data.terms[term] : []);
              const pages = terms.map((term) => new Set(at(term)));
              return [[...pages[0] ?? []].filter((page) => pages.every((set) => set.has(page))), terms];
            }})));"""
        (folder / "query.js").write_text(script, encoding="utf-8")
        done = subprocess.run(
            [program, "query.js"], cwd=folder, capture_output=True, encoding="utf-8", timeout=60, check=False
        )
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    return run


PAGES = [
    "단어의 순서를 세는 모델을 만듭니다. Counting trains a model. BERT는 나중에 나옵니다.",
    "정의를 먼저 봅니다. 단어가 모여 문장이 됩니다. 나이는 숫자입니다.",
    "이 정도는 쉽습니다. 문장들을 고양이에게 읽어 줍니다. Trained embeddings.",
    "배를 먹고 배가 부릅니다. 강의 결과를 정리한다. 학교에서는 고양이가 없다.",
    "배는 물 위에 뜬다. 말이 많다. 결과와 정의는 다르다. constructor",
]


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("단어", [0, 1]),
        ("단어를", [0, 1]),
        ("단어들에서는", [0, 1]),
        ("문장", [1, 2]),
        ("문장에서", [1, 2]),
        ("모델이란", [0]),
        ("정의", [1, 4]),  # and not 정도
        ("정의가", [1, 4]),
        ("정도", [2]),
        ("나이", [1]),
        ("나이를", [1]),
        ("고양이", [2, 3]),
        ("고양이의", [2, 3]),
        ("결과", [3, 4]),
        ("결과를", [3, 4]),
        ("학교에", [3]),
        ("배", [3, 4]),
        ("배도", [3, 4]),
        ("배가", [3, 4]),
        ("말", [4]),
        ("말은", [4]),
        ("BERT의", [0]),
        ("bert", [0]),
        ("training", [0, 2]),
        ("embedding", [2]),
        ("문장 고양이를", [2]),
        ("단어를 counted", [0]),
        (unicodedata.normalize("NFD", "단어의"), [0, 1]),
        ("없는말", []),
        ("constructor", [4]),
        ("hasOwnProperty 를", []),
        ("", []),
    ],
)
def test_queries_find_the_pages(find, query, expected):
    [[found, _]] = find(PAGES, [query])
    assert found == expected


NOUNS = """
    단어 문장 모델 토큰 고양이 나이 정의 결과 정도 사과 바나나 학교 임베딩 딥러닝 서울 확률 회의 나라 도로
    언어모형 차수
""".split()


def test_every_particle_finds_every_other(find):
    """Each noun on a page of its own, behind one particle; each query has another. Nothing is missed."""
    chains = [
        *search.PARTICLES,
        "에서는",
        "들의",
        "까지도",
        "에게는",
        "으로는",
        "들이라는",
        "입니다",
        "이라고",
    ]

    def phrases(noun):
        good = []
        for chain in chains:
            ends = search.forms(noun + chain)
            if noun in ends and not (chain in ("으로는",) and not search.may_follow("으로", noun)):
                good.append(noun + chain)
        return good

    pages = [f"{phrases(noun)[number % 7]} {phrases(noun)[-1]}" for number, noun in enumerate(NOUNS)]
    queries = [phrase for noun in NOUNS for phrase in (noun, *phrases(noun))]
    wanted = [number for number, noun in enumerate(NOUNS) for _ in (noun, *phrases(noun))]
    results = find(pages, queries)
    missed = [(q, terms) for q, n, (found, terms) in zip(queries, wanted, results, strict=True) if n not in found]
    assert len(queries) > 400
    assert missed == []


@settings(max_examples=20, deadline=None)
@given(st.lists(st.text(alphabet="가나다이를은의에서들하는단어abc 12-", max_size=12), min_size=1, max_size=30))
def test_a_word_of_the_page_finds_its_page(find, texts):
    """Whatever stands on a page, typed as it stands there, leads to a term of the index."""
    words = sorted({word for text in texts for word in text.split()})
    for word, (_, terms) in zip(words, find(texts, words), strict=True):
        assert all(term in index_of(texts) or term in search.SearchMixed.stopwords for term in terms), word


@pytest.mark.parametrize("language", ["en", "ko"])
def test_both_languages_use_the_mixed_search(language):
    classes = {each.lang: each for each in search.LANGUAGES}
    assert classes[language]({}).split("단어의 words") == ["단어의", "단어", "words"]
    assert classes[language]({}).stem("training") == "train"
    assert "*/ null" not in classes[language]({}).js_splitter_code


# Runs of Hangul


@pytest.mark.parametrize(
    ("text", "runs"),
    [
        ("no Korean", []),
        ("단어", ["단어"]),
        ("a 단어, 그리고 2개의 문장.", ["단어, 그리고 2개의 문장"]),
        ("BERT는 Vaswani의 것", ["는", "의 것"]),
        ("ㄱ is a jamo", ["ㄱ"]),
        ("日本語 한국어", ["한국어"]),
    ],
)
def test_runs_of_hangul(text, runs):
    pieces = hangul.split(text)
    assert "".join(piece for piece, _ in pieces) == text
    assert [piece for piece, korean in pieces if korean] == runs


def test_printed_hangul_is_marked_once():
    html = '<p>배</p><pre class="x"><span>배 &lt;s&gt; 할머니께서 오셨다.</span> a</pre><code>말</code>'
    marked = hangul.mark_printed(html)
    assert marked == (
        '<p>배</p><pre class="x"><span><span lang="ko">배</span> &lt;s&gt; <span lang="ko">할머니께서 오셨다</span>.'
        '</span> a</pre><code><span lang="ko">말</span></code>'
    )
    assert hangul.mark_printed(marked) == marked


def test_code_is_not_marked():
    document = publish_doctree("말 ``말``\n\n::\n\n   말\n\n.. raw:: html\n\n   말\n\n.. math:: \\text{말}\n")
    texts = [text for text in document.findall(nodes.Text) if "말" in text]
    assert [hangul.is_marked(text.parent) for text in texts] == [False, True, True, True, True]


# Repository links


@pytest.mark.parametrize(
    ("remote", "url", "forge"),
    [
        ("https://github.com/someone/course.git", "https://github.com/someone/course", "github"),
        ("https://github.com/someone/course/", "https://github.com/someone/course", "github"),
        ("https://user:s3cret@github.com/someone/course.git", "https://github.com/someone/course", "github"),
        ("https://oauth2:tok-en@gitlab.com/a/b/c.git", "https://gitlab.com/a/b/c", "gitlab"),
        ("git@github.com:someone/my.course.git", "https://github.com/someone/my.course", "github"),
        ("ssh://git@github.com:22/someone/course", "https://github.com/someone/course", "github"),
        ("ssh://git@codeberg.org/someone/course.git", "https://codeberg.org/someone/course", "codeberg"),
        ("git://GitHub.com/someone/course\n", "https://github.com/someone/course", "github"),
        ("https://www.github.com/someone/course", "https://github.com/someone/course", "github"),
        ("http://bitbucket.org/someone/course", "https://bitbucket.org/someone/course", "bitbucket"),
    ],
)
def test_public_remotes(remote, url, forge):
    assert repository.parse_remote(remote) == (url, forge)


@pytest.mark.parametrize(
    "remote",
    [
        "",
        "/srv/git/course.git",
        "../course",
        "file:///srv/git/course.git",
        "C:\\Users\\me\\course",
        "https://git.example.com/someone/course.git",
        "git@localhost:course.git",
        "https://github.com/",
        "https://github.com/someone",
        "https://github.com.example.com/someone/course",
        "https://example.com/github.com/someone/course",
        "https://github.com/someone/course?tab=readme",
        'https://github.com/someone/"><script>',
    ],
)
def test_no_links_to_other_remotes(remote):
    assert repository.parse_remote(remote) is None


@pytest.fixture
def checkout(tmp_path):
    """A function that makes a repository with a remote, and returns the options of the theme for its book."""
    if not shutil.which("git"):
        pytest.skip("git is not installed")

    def make(remote=None, folder="", **options):
        subprocess.run(["git", "init", "--quiet", "--initial-branch=trunk", tmp_path], check=True)
        if remote:
            subprocess.run(["git", "-C", tmp_path, "remote", "add", "origin", remote], check=True)
        (tmp_path / folder).mkdir(exist_ok=True)
        options = {"repository_url": repository.PLACEHOLDER, "launch_buttons": {"colab_url": ""}, **options}
        repository.add_links(options, tmp_path / folder)
        return options

    return make


def test_links_of_a_public_checkout(checkout):
    options = checkout("git@github.com:someone/course.git", "docs")
    assert options["repository_url"] == "https://github.com/someone/course"
    assert (options["repository_branch"], options["path_to_docs"]) == ("trunk", "docs")
    assert options["use_repository_button"] and options["use_edit_page_button"]
    assert options["launch_buttons"]["colab_url"] and options["launch_buttons"]["binderhub_url"]


def test_links_of_other_forges(checkout):
    assert "colab_url" not in checkout("https://gitlab.com/a/course")["launch_buttons"]


def test_codeberg_gets_a_plain_link(checkout):
    options = checkout("https://codeberg.org/someone/course", icon_links=[{"name": "other"}])
    assert [link["name"] for link in options["icon_links"]] == ["other", "course"]
    assert options["repository_url"] == "" and not options["launch_buttons"]


@pytest.mark.parametrize("remote", [None, "/srv/git/course.git", "https://git.example.com/a/b"])
def test_no_links_without_a_public_remote(checkout, remote):
    options = checkout(remote, launch_buttons={"binderhub_url": "https://mybinder.org"})
    assert options["repository_url"] == "" and options["launch_buttons"] == {}
    assert not options.get("use_repository_button")


def test_a_repository_that_was_named_is_kept(checkout):
    options = checkout("https://github.com/a/b", repository_url="https://github.com/c/d", use_repository_button=False)
    assert options["repository_url"] == "https://github.com/c/d" and not options["use_repository_button"]


def test_no_repository_at_all(tmp_path, monkeypatch):
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    assert repository.git(tmp_path, "remote", "get-url", "origin") == ""
    monkeypatch.setenv("PATH", "")
    assert repository.git(tmp_path, "status") == ""


# What a page loads


@pytest.mark.parametrize(
    ("html", "found"),
    [
        ('<img alt="" src="https://example.org/a.png">', ["https://example.org/a.png"]),
        ("<script async src='//cdn.example.org/x.js'></script>", ["//cdn.example.org/x.js"]),
        ('<link rel="stylesheet" href="https://example.org/a.css">', ["https://example.org/a.css"]),
        ('<link href=https://example.org/a.css rel=stylesheet>', ["https://example.org/a.css"]),
        ("<style>@import url('https://example.org/f.css');</style>", ["https://example.org/f.css"]),
        ('<IFRAME width="5" SRC="http://example.org/">', ["http://example.org/"]),
        ('<img src="../_images/a.png"><a href="https://example.org/a.png">x</a>', []),
        ('<link rel="license" href="https://example.org/by">', []),
        ('<script type="x">"https://example.org/not-loaded"</script>', []),
    ],
)  # fmt: skip
def test_foreign_addresses(html, found):
    assert pages.foreign_addresses(html) == found


# Slides


def cells(*marks):
    return [{"metadata": {"slideshow": {"slide_type": mark}} if mark else {}} for mark in marks]


def test_a_subslide_is_a_slide_and_a_dash_no_mark():
    assert classroom.deck(cells("slide", "-", "subslide", "fragment", "fragment", "")) == [
        (1, 1),
        (1, 1),
        (2, 1),
        (2, 2),
        (2, 3),
        (2, 3),
    ]


def test_what_is_left_out_before_the_first_slide():
    assert classroom.deck(cells("skip", "slide")) == [None, (1, 1)]
    assert classroom.deck(cells("", "notes")) == [None, None], "no slides, no deck"


@pytest.mark.parametrize(
    ("marks", "message"),
    [
        (["slide", "slid"], "cell 1: 'slid' is no slide type; there are slide, subslide, fragment"),
        (["", "slide"], "cell 0 is shown, but no slide has begun"),
        (["notes", "slide"], "cell 0 is shown, but no slide has begun"),
    ],
)
def test_bad_marks_are_named(marks, message):
    with pytest.raises(ValueError, match=message):
        classroom.deck(cells(*marks))
