"""Real data: parsers on files written here, downloads that fail as they should, and the real files."""

import hashlib
import http.server
import io
import socket
import threading
import wave

import numpy as np
import pytest

from lmcourse import datasets
from lmcourse._download import Damaged, Offline, fetch, matches
from lmcourse.datasets import SOURCES, Source, read_text

# Small files of the same format


@pytest.fixture
def place(cache, tmp_path, monkeypatch):
    """Writes a file into a mirror of its own, and makes the source expect it."""
    monkeypatch.setenv("LMCOURSE_DATA_MIRROR", str(tmp_path / "mirror"))

    def write(name, files):
        old, checksums = SOURCES[name], {}
        for path, content in files.items():
            assert path in old.files
            content = content.encode() if isinstance(content, str) else content
            file = tmp_path / "mirror" / old.repository / old.commit / path
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(content)
            checksums[path] = f"sha256:{hashlib.sha256(content).hexdigest()}"
        new = Source(old.name, old.about, old.repository, old.commit, old.licence, old.citation, checksums)
        monkeypatch.setitem(SOURCES, name, new)

    return write


def test_names_and_shakespeare(place):
    place("names", {"names.txt": "emma\nolivia\nava"})
    assert datasets.names() == datasets.load("names") == ["emma", "olivia", "ava"]
    place("tinyshakespeare", {"data/tinyshakespeare/input.txt": "First Citizen:\nSpeak.\n"})
    assert datasets.tinyshakespeare() == "First Citizen:\nSpeak.\n"


def test_cmudict(place):
    place(
        "cmudict",
        {"cmudict.dict": "'em AH0 M\nread R EH1 D\nread(2) R IY1 D\naalto AA1 L T OW2 # name, finnish\n"},
    )
    assert datasets.cmudict() == [
        ("'em", ("AH0", "M"), 1),
        ("read", ("R", "EH1", "D"), 1),
        ("read", ("R", "IY1", "D"), 2),
        ("aalto", ("AA1", "L", "T", "OW2"), 1),
    ]


def test_g2p(place):
    place("g2p", {"jg2p-core/src/test/resources/g014b2b.test": "READ\tR EH D\nREAD\tR IY D\nZYCH\tZ AY CH\n"})
    found = datasets.g2p("test")
    assert [(p.word, p.phonemes, p.variant) for p in found] == [
        ("READ", ("R", "EH", "D"), 1),
        ("READ", ("R", "IY", "D"), 2),
        ("ZYCH", ("Z", "AY", "CH"), 1),
    ]


def test_chatbot(place):
    rows = ["Q,A,label", '"3박4일, 놀러","그는 ""좋다""고 했어요.",0', "헤어졌어  ,네. ,1  ", ""]
    place("chatbot", {"ChatbotData.csv": "\r\n".join(rows)})
    assert datasets.chatbot() == [("3박4일, 놀러", '그는 "좋다"고 했어요.', 0), ("헤어졌어", "네.", 1)]


CONLLU = """# sent_id = s1
# text = 도가(道) 2+3=5이다.
# translit = x = y
1-2\t도가(\t_\t_\t_\t_\t_\t_\t_\t_
1\t도가\t도+가\tNOUN\tNNG+JKS\t_\t3\tnsubj\t_\tSpaceAfter=No|Translit=x
2\t(道)\t(道)\tPUNCT\tSH\t_\t1\tpunct\t_\t_
2.1\t_\t_\t_\t_\t_\t_\t_\t_\t_
3\t이다\t이\tAUX\tVCP+EF\t_\t0\troot\t_\tSpaceAfter=No
4\t+\t+\tSYM\tSW\t_\t3\tpunct\t_\t_

# sent_id = s2
# text = 네
1\t네\t네\tINTJ\tIC\t_\t0\troot\t_\t_

"""


@pytest.mark.parametrize("line_end", ["\n", "\r\n"])
def test_ko_gsd(place, line_end):
    place("ko_gsd", {"ko_gsd-ud-train.conllu": CONLLU.replace("\n", line_end)})
    first, second = datasets.ko_gsd("train")
    assert (first.id, first.text, second.text) == ("s1", "도가(道) 2+3=5이다.", "네")
    assert [word.form for word in first.words] == ["도가", "(道)", "이다", "+"]
    assert [word.head for word in first.words] == [3, 1, 0, 3]
    assert [word.space_after for word in first.words] == [False, True, False, True]
    assert first.words[0].morphemes == (("도", "NNG"), ("가", "JKS"))
    assert first.words[2].morphemes == (("이", "VCP+EF"),) and first.words[3].morphemes == (("+", "SW"),)


def test_jhe(place):
    start = "korean-english-jhe/jhe-koen-dev"
    place("jhe", {f"{start}.ko": "안녕.\n네.\n", f"{start}.en": "Hello.\nYes.\n"})
    assert datasets.jhe("dev") == [("안녕.", "Hello."), ("네.", "Yes.")]
    assert datasets.jhe("dev")[0].en == "Hello."
    place("jhe", {f"{start}.ko": "안녕.\n", f"{start}.en": "Hello.\nYes.\n"})
    with pytest.raises(ValueError):
        datasets.jhe("dev")


PO = r"""# about
msgid ""
msgstr ""
"Project-Id-Version: x\n"

#: a.rst:1
msgid "Use :meth:`~list.sort` on ``[1, *x*]``, *now*, or "
"see `the docs <https://x.y>`_::"
msgstr "*지금* :meth:`list.sort`\\를 "
"``[1, *x*]`` 에 쓰거나 :term:`문서 <docs>`\\ 를 보세요::"

#, fuzzy
msgid "unsure"
msgstr "모름"

msgid "not yet"
msgstr ""

msgid ""
">>> print(\"a\")\n"
"a"
msgstr ""
">>> print(\"가\")\n"
"가"

#~ msgid "old"
#~ msgstr "옛것"
"""


def test_python_docs_ko(place):
    place("python_docs_ko", {"tutorial/appetite.po": PO, "faq/gui.po": 'msgid "Yes"\nmsgstr "네"\n'})
    assert datasets.python_docs_ko("tutorial") == [
        (
            "지금 list.sort를 [1, *x*] 에 쓰거나 문서를 보세요:",
            "Use list.sort on [1, *x*], now, or see the docs:",
        )
    ]
    assert datasets.python_docs_ko("faq", markup=True) == [("네", "Yes")]
    both = datasets.python_docs_ko(markup=True)
    assert len(both) == 3 and both[1].ko == '>>> print("가")\n가' and both[0].en.startswith("Use :meth:`~list.sort` on")


def test_spoken_digits(place):
    sound = io.BytesIO()
    with wave.open(sound, "wb") as file:
        file.setparams((1, 2, 8000, 0, "NONE", ""))
        file.writeframes(np.array([0, 16384, -32768], "<i2").tobytes())
    files = [f"recordings/{digit}_{name}_{n}.wav" for digit in (3, 7) for name in ("theo", "lucas") for n in range(50)]
    place("spoken_digits", dict.fromkeys(files, sound.getvalue()))
    (first, *_), test = datasets.spoken_digits(digits=[7]), datasets.spoken_digits("test", digits=[3, 7])
    assert (first.digit, first.speaker, first.index, first.rate) == (7, "lucas", 0, 8000)
    assert first.samples.tolist() == [0, 0.5, -1] and first.samples.dtype == np.float32
    assert len(test) == 2 * 2 * 5 and {recording.index for recording in test} == set(range(5))
    assert len(datasets.spoken_digits("train", digits=[3], speakers=["theo"])) == 45
    with pytest.raises(ValueError, match="a digit is one of 0, 1, .*, not 11"):
        datasets.spoken_digits(digits=[11])
    with pytest.raises(ValueError, match="a speaker is one of 'lucas', 'theo', not 'ann'"):
        datasets.spoken_digits(speakers=["ann"])


def test_nsmc(place):
    place("nsmc", {"ratings_test.txt": 'id\tdocument\tlabel\r\n12\t굳 "ㅋ\x85"\t1\n34\t\t0\n'})
    assert datasets.nsmc("test") == [("12", '굳 "ㅋ\x85"', 1), ("34", "", 0)]


@pytest.mark.parametrize("loader", [datasets.g2p, datasets.ko_gsd, datasets.jhe, datasets.nsmc, datasets.spoken_digits])
def test_splits_that_do_not_exist(loader):
    with pytest.raises(ValueError, match="split is one of .*, not 'valid'"):
        loader("valid")


def test_load_names_what_there_is():
    with pytest.raises(ValueError, match="one of 'tinyshakespeare', .*'nsmc', not 'ptb'"):
        datasets.load("ptb")


# Sources


def test_sources_are_pinned_and_described():
    for name, source in SOURCES.items():
        assert source.name == name and callable(getattr(datasets, name))
        assert len(source.commit) == 40 and source.url.endswith(source.commit)
        assert source.licence and source.citation.endswith(".") and source.about and source.files
    checksums = [checksum for source in SOURCES.values() for checksum in source.files.values()]
    assert len(SOURCES["spoken_digits"].files) == 3000 and len(SOURCES["python_docs_ko"].files) == 27
    assert {checksum.split(":")[0] for checksum in checksums} == {"sha256", "git"}


def test_checksums():
    assert matches(b"hello\n", "sha256:5891b5b522d5df086d0ff0b110fbd9d21bb4fc7163af34d08286a2e846f6be03")
    assert matches(b"hello\n", "sha256:5891b5b522d5df08") and not matches(b"hello", "sha256:5891b5b522d5df08")
    assert matches(b"hello\n", "git:ce013625030ba8dba906f756967f9e9ca394464a")  # as git hash-object says
    assert not matches(b"hello", "git:ce013625030ba8dba906f756967f9e9ca394464a")
    for useless in ("sha256:5891", "md5:b1946ac92492d2347c6235b4d2611184", ""):
        with pytest.raises(ValueError, match="no way to check"):
            matches(b"hello\n", useless)


# Downloads


CONTENT = b"emma\nolivia\n"
SOURCE = Source("toy", "", "owner/repo", "c0ffee", "", "", {"a b.txt": f"sha256:{hashlib.sha256(CONTENT).hexdigest()}"})


@pytest.fixture
def host(cache, monkeypatch):
    """A web server with one file; ``host.content`` may be changed, ``host.asked`` is what was asked for."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            server.asked.append(self.path)
            found = server.content if self.path == "/owner/repo/c0ffee/a%20b.txt" else None
            self.send_response(404 if found is None else 200)
            self.send_header("Content-Length", str(len(found or b"") + server.cut))
            self.end_headers()
            self.wfile.write(found or b"")

        def log_message(self, *args): ...

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.content, server.asked, server.cut = CONTENT, [], 0
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    monkeypatch.setenv("LMCOURSE_DATA_MIRROR", f"http://127.0.0.1:{server.server_port}/")
    yield server
    server.shutdown()
    server.server_close()


def kept(cache):
    return sorted(file.relative_to(cache).as_posix() for file in cache.rglob("*") if file.is_file())


def test_download_once_and_keep(host, cache, capfd):
    assert fetch(SOURCE, "a b.txt") == fetch(SOURCE, "a b.txt") == CONTENT
    assert len(host.asked) == 1 and kept(cache) == ["owner/repo/c0ffee/a b.txt"]
    assert capfd.readouterr() == ("", "")  # quick downloads leave no bar in a notebook


def test_damaged_on_arrival_is_removed(host, cache):
    host.content = b"<html>log in</html>"
    with pytest.raises(Damaged, match="toy: http.*a%20b.txt arrived damaged .19 bytes, expected sha256:.*removed"):
        fetch(SOURCE, "a b.txt")
    assert kept(cache) == []
    host.content = CONTENT
    assert fetch(SOURCE, "a b.txt") == CONTENT


def test_cut_short_on_arrival_is_removed(host, cache):
    host.cut = 5
    with pytest.raises((Damaged, Offline)):
        fetch(SOURCE, "a b.txt")
    assert kept(cache) == []


def test_damaged_in_the_cache_is_fetched_again(host, cache):
    fetch(SOURCE, "a b.txt")
    (cache / "owner/repo/c0ffee/a b.txt").write_bytes(b"emma")
    assert fetch(SOURCE, "a b.txt") == CONTENT and len(host.asked) == 2


def test_missing_on_the_host(host, cache):
    host.content = None
    with pytest.raises(Offline, match="the host answered 404"):
        fetch(SOURCE, "a b.txt")
    assert kept(cache) == []


def test_offline_says_what_to_do(cache, monkeypatch):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    monkeypatch.setenv("LMCOURSE_DATA_MIRROR", f"http://127.0.0.1:{port}")
    with pytest.raises(Offline) as caught:
        datasets.names()
    message = str(caught.value)
    assert message.startswith(f"names: could not fetch http://127.0.0.1:{port}/karpathy/makemore/")
    for advice in (
        "rest of the course works without",
        "connect to the internet once",
        str(cache),
        "LMCOURSE_DATA_MIRROR",
    ):
        assert advice in message
    assert kept(cache) == []


def test_many_files_offline_fail_at_once(cache, monkeypatch):
    monkeypatch.setenv("LMCOURSE_DATA_MIRROR", "http://127.0.0.1:9")
    with pytest.raises(Offline, match="spoken_digits: could not fetch"):
        datasets.spoken_digits()


def test_folder_as_mirror(place, cache, tmp_path):
    place("names", {"names.txt": "emma\n"})
    assert datasets.names() == ["emma"] and not cache.exists()  # read in place
    (file,) = (tmp_path / "mirror").rglob("names.txt")
    file.write_text("eve\n")
    with pytest.raises(Damaged, match="names: .*names.txt is damaged .4 bytes"):
        datasets.names()
    assert file.exists()  # not ours to remove
    file.unlink()
    with pytest.raises(Offline, match="there is no file .*names.txt. LMCOURSE_DATA_MIRROR says to look there"):
        datasets.names()


# A reader's own file


@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_read_text(tmp_path, mark, end):
    file = tmp_path / "내 글.txt"
    file.write_bytes(mark + end.join(["나는 밥을 먹었다. ", "", "  \t", "두  칸\u2028그대로", ""]).encode())
    assert read_text(file) == read_text(str(file)) == ["나는 밥을 먹었다.", "두  칸\u2028그대로"]


@pytest.mark.parametrize("encoding", ["cp949", "utf-16", "UTF_8"])
def test_read_text_in_a_named_encoding(tmp_path, encoding):
    (tmp_path / "a.txt").write_text("한글\n", encoding=encoding)
    assert read_text(tmp_path / "a.txt", encoding=encoding) == ["한글"]


@pytest.mark.parametrize(
    "content, tried, say",
    [
        (
            "한글 문장".encode("cp949"),
            "utf-8",
            "not in utf-8; it looks like cp949: read_text(..., encoding='cp949')",
        ),
        ("한글 문장".encode("utf-16"), "utf-8", "not in utf-8; it looks like utf-16"),
        (
            "ascii".encode("utf-16-le"),
            "utf-8",
            "not a text file in utf-8; save it again as plain text in UTF-8",
        ),
        ("뷁".encode(), "cp949", "not in cp949; it looks like utf-8"),
        (b"\x89PNG\r\n\x1a\n\x00\x00\xff", "utf-8", "not in utf-8; save it again as plain text in UTF-8"),
        (b"", "utf-8", "holds no text (0 bytes)"),
        (b"\xef\xbb\xbf \r\n", "utf-8", "holds no text (6 bytes)"),
        (b"a", "klingon", "'klingon' is no encoding; try 'utf-8', 'cp949' or 'utf-16'"),
    ],
)
def test_read_text_says_what_is_wrong(tmp_path, content, tried, say):
    (tmp_path / "a.txt").write_bytes(content)
    with pytest.raises(ValueError) as caught:
        read_text(tmp_path / "a.txt", encoding=tried)
    assert say in str(caught.value)


def test_read_text_without_a_file(tmp_path):
    for missing in (tmp_path / "없다.txt", tmp_path):
        with pytest.raises(FileNotFoundError, match="there is no file"):
            read_text(missing)


# The real files


def test_real_text(real_data):
    play = datasets.tinyshakespeare()
    assert len(play) == 1_115_394 and play.count("\n") == 40_000 and play.startswith("First Citizen:")
    assert len(datasets.names()) == 32_033 and datasets.names()[0] == "emma"
    questions = datasets.chatbot()
    assert len(questions) == 11_823 and {exchange.topic for exchange in questions} == {0, 1, 2}


def test_real_pronunciations(real_data):
    entries = datasets.cmudict()
    assert len(entries) == 135_166 and entries[0] == ("'bout", ("B", "AW1", "T"), 1)
    assert all(" " not in word and "(" not in word and phonemes for word, phonemes, _ in entries)
    train, test = datasets.g2p("train"), datasets.g2p("test")
    assert (len(train), len(test)) == (113_438, 12_753)
    assert not {entry.word for entry in train} & {entry.word for entry in test}


def test_real_treebank(real_data):
    sentences = datasets.ko_gsd("dev") + datasets.ko_gsd("test")
    assert len(sentences) == 950 + 989
    for sentence in sentences:
        joined = "".join(word.form + " " * word.space_after for word in sentence.words)
        assert joined.strip() == sentence.text.strip()
        assert all(0 <= word.head <= len(sentence.words) for word in sentence.words)
    words = [word for sentence in sentences for word in sentence.words]
    assert sum("+" in tag for word in words for _, tag in word.morphemes) < 0.002 * len(words)


def test_real_pairs(real_data):
    pairs = datasets.jhe("dev") + datasets.jhe("eval")
    assert len(pairs) == 1440 and all(ko.strip() and en.strip() for ko, en in pairs)
    docs = datasets.python_docs_ko()
    assert len(docs) == 1921 and len(datasets.python_docs_ko("tutorial")) == 823
    assert not any("``" in text or ":term:" in text or "\n" in text for pair in docs for text in pair)
    hangul = sum(any("가" <= letter <= "힣" for letter in ko) for ko, _ in docs)
    assert hangul > 0.9 * len(docs)


def test_real_recordings(real_data):
    recordings = datasets.spoken_digits("test")
    assert len(recordings) == 300 and {recording.rate for recording in recordings} == {8000}
    assert all(0.01 < np.abs(recording.samples).max() <= 1 for recording in recordings)


def test_every_real_recording_has_its_checksum(real_data):
    assert len(datasets.spoken_digits()) == 3000
