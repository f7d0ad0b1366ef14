"""Text files of any size as training data for BERT (chapter 09).

A file has one sentence a line, and an empty line between documents. :func:`encode` writes the ids of all sentences one
behind the other into a file, and beside it where each sentence and each document ends. :class:`Corpus` reads a document
without reading the others, and :func:`portions` gives ``fit`` one part of the documents after the other, in an order
that is computed, not kept: neither needs memory of the size of the text.
"""

import hashlib
import json
import os
import shutil
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import torch
from tqdm.auto import tqdm

from lmcourse import pretraining
from lmcourse.training import first_process
from lmcourse.wordpiece import WordPiece, train_wordpiece

__all__ = ["Corpus", "encode", "fingerprint", "numbers", "portions", "prepare", "read", "vocabulary"]

FORMAT = "lmcourse corpus 1"
BLOCK = 1 << 18  # bytes that are read and encoded at a time
LONGEST = 1 << 20  # bytes of a line
ENDS = np.dtype("<i8")


def read(path, block=BLOCK):
    """The lines of a file, some at a time.

    Args:
        path: a UTF-8 file; line ends may be those of Windows, and a byte order mark is overlooked.
        block: bytes that are read at a time.

    Yields:
        Pairs: how many bytes were read, and a list of lines, which are empty between documents.

    Raises:
        ValueError: a byte is no UTF-8, or a line is longer than a sentence can be.
    """
    done, rest = 0, b""
    with open(path, "rb") as file:
        while True:
            found = file.read(block)
            whole, newline, rest = (rest + found).rpartition(b"\n") if found else (rest, b"", b"")
            if len(rest) > LONGEST:
                raise ValueError(f"{str(path)!r} has more than {LONGEST:,} bytes without a line end behind byte {done}")
            try:
                text = whole.decode("utf-8-sig" if done == 0 else "utf-8")
            except UnicodeDecodeError as error:
                at = done + error.start + 3 * (done == 0 and whole.startswith(b"\xef\xbb\xbf"))
                raise ValueError(f"{str(path)!r} is not UTF-8: byte {at} is {whole[at - done]:#04x}") from None
            if whole or newline:
                done += len(whole) + len(newline)
                yield len(whole) + len(newline), [line.strip() for line in text.split("\n")]
            if not found:
                return


def fingerprint(paths):
    """What tells whether files are still the same: names, sizes and times, as a list that JSON can hold.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: a file is empty, or none is given.
    """
    paths = _paths(paths)
    if not paths:
        raise ValueError("there is no text: give one or more files")
    for path in paths:
        if not path.is_file():
            raise FileNotFoundError(f"there is no file {str(path)!r}")
        if not path.stat().st_size:
            raise ValueError(f"{str(path)!r} is empty")
    return [[path.name, path.stat().st_size, path.stat().st_mtime_ns] for path in paths]


def encode(paths, tokenizer, folder, block=BLOCK, progress=True):
    """Write the ids of text files into a folder, or find them there: a :class:`Corpus`.

    Args:
        paths: one file or many.
        tokenizer: a :class:`~lmcourse.wordpiece.WordPiece`.
        folder: it appears when all is written, and not before. One that was made of other files, or by another
            tokenizer, or that is damaged, is made anew.
        block: as for :func:`read`.
        progress: show a bar.

    Raises:
        ValueError: a file has no text, or is not UTF-8, or the folder holds something else.
    """
    folder, made_of = Path(folder), _made_of(paths, tokenizer)
    if _is_made_of(folder, made_of):
        return Corpus(folder)
    size = np.dtype("<u2" if len(tokenizer) <= 1 << 16 else "<u4")
    sentences = tokens = unknown = documents = 0
    with (
        _appearing(folder, "corpus.json") as unfinished,
        open(unfinished / "tokens.bin", "wb") as ids_file,
        open(unfinished / "sentences.bin", "wb") as sentences_file,
        open(unfinished / "documents.bin", "wb") as documents_file,
        tqdm(total=sum(one[1] for one in made_of["files"]), unit="B", unit_scale=True, desc="encoding", leave=False,
             disable=not progress or bool(os.environ.get("TQDM_DISABLE"))) as bar,
    ):  # fmt: skip
        for path in _paths(paths):
            before = begun = sentences  # of this file, and of this document
            for size_read, lines in read(path, block):
                sentence_ends, document_ends = [], []
                found = iter(tokenizer.tokenizer.encode_batch_fast(list(filter(None, lines)), add_special_tokens=False))
                for line in lines:
                    ids = next(found).ids if line else []
                    if ids:
                        ids_file.write(np.array(ids, size).tobytes())
                        tokens, sentences = tokens + len(ids), sentences + 1
                        unknown += ids.count(tokenizer.unk)
                        sentence_ends.append(tokens)
                    elif not line and sentences > begun:
                        document_ends.append(sentences)
                        begun = sentences
                sentences_file.write(np.array(sentence_ends, ENDS).tobytes())
                documents_file.write(np.array(document_ends, ENDS).tobytes())
                documents += len(document_ends)
                bar.update(size_read)
            if sentences == before:
                raise ValueError(f"there is no text in {str(path)!r}")
            if sentences > begun:  # the end of a file ends a document
                documents_file.write(np.array([sentences], ENDS).tobytes())
                documents += 1
        counts = {"documents": documents, "sentences": sentences, "tokens": tokens, "unknown": unknown}
        about = {"format": FORMAT, "made of": made_of, "dtype": size.str, "counts": counts}
        (unfinished / "corpus.json").write_text(json.dumps(about, indent=1, ensure_ascii=False) + "\n", "utf-8")
    return Corpus(folder)


class Corpus:
    """Documents as lists of sentences, each a list of ids; read from disk when they are asked for.

    Args:
        folder: that :func:`encode` wrote.

    Raises:
        FileNotFoundError: there is no corpus.
        ValueError: it is damaged.
    """

    def __init__(self, folder):
        self.folder = Path(folder)
        if not (self.folder / "corpus.json").is_file():
            raise FileNotFoundError(f"there is no corpus in {str(folder)!r}")
        try:
            about = json.loads((self.folder / "corpus.json").read_text("utf-8"))
            if about["format"] != FORMAT:
                raise ValueError(f"its format is {about['format']!r}, not {FORMAT!r}")
            self.made_of, self.counts = about["made of"], about["counts"]
            self.ids = self._open("tokens", np.dtype(about["dtype"]))
            self._sentences, self._documents = self._open("sentences", ENDS), self._open("documents", ENDS)
            if [self._sentences[-1], self._documents[-1]] != [self.counts["tokens"], self.counts["sentences"]]:
                raise ValueError("its parts do not fit together")
        except (ValueError, KeyError, TypeError, OSError) as error:
            raise ValueError(f"the corpus in {str(folder)!r} is damaged ({error}); delete it") from None

    def _open(self, name, dtype):
        path, count = self.folder / f"{name}.bin", self.counts[name]
        if path.stat().st_size != count * dtype.itemsize:
            raise ValueError(f"{path.name} has {path.stat().st_size} bytes, not {count * dtype.itemsize}")
        return np.memmap(path, dtype, "r")

    def __len__(self):
        return len(self._documents)

    def __repr__(self):
        return "Corpus({documents:,} documents, {sentences:,} sentences, {tokens:,} tokens)".format(**self.counts)

    def __getitem__(self, number):
        if not -len(self) <= number < len(self):
            raise IndexError(f"there are {len(self)} documents, and no number {number}")
        number %= len(self)
        first, last = (int(self._documents[n]) if n >= 0 else 0 for n in (number - 1, number))
        start = int(self._sentences[first - 1]) if first else 0
        ends = self._sentences[first:last] - start
        ids = self.ids[start : start + int(ends[-1])].tolist()
        return [ids[a:b] for a, b in zip([0, *ends[:-1].tolist()], ends.tolist(), strict=True)]

    def documents(self, numbers):
        """Some documents, by their numbers."""
        return [self[int(n)] for n in numbers]


def numbers(count, portion, portions, seed=0):
    """Which documents a portion has: each document is in one portion of a pass, and each pass has an order of its own.

    The order is that of a cipher: four rounds in which one half of the bits of a number is changed by a mix of the
    other half and a key. That is undone by doing it backwards, so no two numbers become the same, and none has to be
    remembered. What it makes of a number that is too large for the corpus is put in again (Black and Rogaway, 2002).

    Args:
        count: how many documents there are.
        portion: the number of the portion, from 0. From ``portions`` on, it belongs to another pass.
        portions: how many there are in a pass.
        seed: of the orders.

    Returns:
        An array of numbers from 0 to ``count`` - 1, in rising order.
    """
    again, part = divmod(portion, portions)
    half = np.uint64(max(1, ((count - 1).bit_length() + 1) // 2))
    low = (np.uint64(1) << half) - np.uint64(1)
    keys = np.random.SeedSequence([seed, again]).generate_state(4, np.uint64)

    def permute(x):
        left, right = x >> half, x & low
        for key in keys:
            mixed = (right ^ key) * np.uint64(0x9E3779B97F4A7C15)  # an odd factor carries low bits up
            mixed = (mixed ^ (mixed >> np.uint64(29))) * np.uint64(0xBF58476D1CE4E5B9)
            left, right = right, left ^ ((mixed >> np.uint64(32)) & low)
        return (left << half) | right

    found = permute(np.arange(part * count // portions, (part + 1) * count // portions, dtype=np.uint64))
    while (outside := found >= count).any():
        found[outside] = permute(found[outside])
    return np.sort(found).astype(np.int64)


def portions(corpus, tokenizer, *, length, size, documents=None, portion=1 << 20, seed=0, next_sentence=True):
    """What :func:`lmcourse.training.fit` asks for: a function from the number of a portion to its batches.

    A portion is a part of the documents, cut into pairs, packed and masked as :mod:`lmcourse.pretraining` does. Its
    number and the seed decide everything in it. While one is in use, the next is made.

    Args:
        corpus: a :class:`Corpus`.
        tokenizer: that it was encoded with.
        length: T, of every row, and of the longest pair.
        size: B, rows in a batch.
        documents: only the first so many are used; ``None`` means all.
        portion: about so many tokens are in one.
        seed: of orders, pairs and masks.
        next_sentence: as for :func:`lmcourse.pretraining.pairs`.
    """
    count = len(corpus) if documents is None else documents
    if not 0 < count <= len(corpus):
        raise ValueError(f"documents={documents!r} are to be used, and the corpus has {len(corpus)}")
    in_a_pass = max(1, round(corpus.counts["tokens"] * count / len(corpus) / portion))
    worker, waiting = ThreadPoolExecutor(1), {}

    def rows(number):
        generator = _generator(seed, number, 0)
        chosen = corpus.documents(numbers(count, number, in_a_pass, seed))
        return pretraining.pack(pretraining.pairs(chosen, length, generator, next_sentence), length, tokenizer)

    def batches(number):
        ready = waiting.pop(number, None) or worker.submit(rows, number)
        waiting.clear()
        packed = ready.result()
        waiting[number + 1] = worker.submit(rows, number + 1)
        for batch in pretraining.batches(packed, size, tokenizer, _generator(seed, number, 1)):
            if batch["counts"][0]:  # a few short texts may have no masked word
                yield batch

    return batches


def _generator(*seed):
    return torch.Generator().manual_seed(int(np.random.SeedSequence(seed).generate_state(1, np.uint64)[0] >> 1))


# --- a vocabulary and a corpus, made once ---


def vocabulary(paths, size, folder, progress=True):
    """A WordPiece vocabulary of text files, learned or found in the folder, where :func:`encode` might put the ids too.

    Args:
        paths, progress: as for :func:`encode`.
        size: V, as for :func:`~lmcourse.wordpiece.train_wordpiece`.
        folder: as for :func:`encode`.
    """
    folder, made_of = Path(folder), {"files": fingerprint(paths), "size": size}
    if _is_made_of(folder, made_of, "made.json"):
        return WordPiece.from_pretrained(folder)

    def texts():
        total = sum(one[1] for one in made_of["files"])
        off = not progress or bool(os.environ.get("TQDM_DISABLE"))
        with tqdm(total=total, unit="B", unit_scale=True, desc="vocabulary", leave=False, disable=off) as bar:
            for path in _paths(paths):
                for size_read, lines in read(path):
                    yield from filter(None, lines)
                    bar.update(size_read)

    tokenizer = train_wordpiece(texts, size)
    with _appearing(folder, "made.json") as unfinished:
        tokenizer.save(unfinished)
        (unfinished / "made.json").write_text(json.dumps({"made of": made_of}, ensure_ascii=False) + "\n", "utf-8")
    return WordPiece.from_pretrained(folder)


def prepare(paths, size, folder, progress=True):
    """The vocabulary of text files, and the files encoded with it: in ``folder/vocabulary`` and ``folder/corpus``.

    Of several processes, the first does the work and the others wait until it lies in the folder, which all of them
    have to see.

    Args:
        paths, size, folder, progress: as for :func:`vocabulary`.

    Returns:
        A :class:`~lmcourse.wordpiece.WordPiece` and a :class:`Corpus`.
    """
    names, corpora, made_of = (
        Path(folder) / "vocabulary",
        Path(folder) / "corpus",
        {"files": fingerprint(paths), "size": size},
    )
    while not first_process():
        if _is_made_of(names, made_of, "made.json"):
            tokenizer = WordPiece.from_pretrained(names)
            if _is_made_of(corpora, _made_of(paths, tokenizer)):
                break
        time.sleep(0.2)
    tokenizer = vocabulary(paths, size, names, progress)
    return tokenizer, encode(paths, tokenizer, corpora, progress=progress)


def _paths(paths):
    return [Path(path) for path in ([paths] if isinstance(paths, str | Path) else paths)]


def _made_of(paths, tokenizer):
    rules = hashlib.sha256(tokenizer.tokenizer.to_str().encode()).hexdigest()
    return {"files": fingerprint(paths), "tokenizer": rules}


def _is_made_of(folder, made_of, name="corpus.json"):
    try:
        if json.loads((folder / name).read_text("utf-8"))["made of"] != made_of:
            return False
        return name != "corpus.json" or Corpus(folder).made_of == made_of
    except (OSError, ValueError, KeyError, TypeError):
        return False


@contextmanager
def _appearing(folder, name):
    """A folder to write into, which becomes ``folder`` at the end. In its place there may be an older one."""
    if folder.exists() and not (folder / name).is_file() and (not folder.is_dir() or any(folder.iterdir())):
        raise ValueError(f"{str(folder)!r} holds something else; give another folder")
    unfinished, old = (folder.with_name(f"{folder.name}.{os.getpid()}.{kind}") for kind in ("tmp", "old"))
    unfinished.mkdir(parents=True)
    try:
        yield unfinished
        if folder.exists():
            folder.rename(old)
        unfinished.rename(folder)
    finally:
        for one in (unfinished, old):
            shutil.rmtree(one, ignore_errors=True)
