"""ARPA files, the text format of n-gram models in KenLM and SRILM: their lines, in and out."""

import re

import torch


def write(path, words, tables):
    """Write one section per table.

    Args:
        words: the vocabulary, a list of V words.
        tables: from each order k to the rank of the first k - 1 words, the number of the last word, log10 of
            the probability and log10 of the backoff weight: four lists of M.

    Raises:
        ValueError: a word is empty or holds a space.
    """
    for word in words:
        if not word or re.search(r"[\0\t\n\v\f\r ]", word):
            raise ValueError(f"ARPA files are cut at spaces, so {word!r} cannot be a word of one; rename it")
    with open(path, "w", encoding="utf-8", newline="\n") as file:
        file.write("\\data\\\n" + "".join(f"ngram {k}={len(table[0])}\n" for k, table in tables.items()))
        names = [""]
        for k, (contexts, last, probs, weights) in tables.items():
            pairs = zip(contexts, last, strict=True)
            names = [f"{names[context]} {words[word]}" if k > 1 else words[word] for context, word in pairs]
            file.write(f"\n\\{k}-grams:\n")
            if k < len(tables):
                lines = zip(probs, names, weights, strict=True)
                file.writelines(f"{p:.9g}\t{name}\t{weight:.9g}\n" for p, name, weight in lines)
            else:
                file.writelines(f"{p:.9g}\t{name}\n" for p, name in zip(probs, names, strict=True))
        file.write("\n\\end\\\n")


def read(path):
    """The sections of a file: each order k, and its lines: log10 probability, list of k words, log10 backoff.

    Raises:
        ValueError: it is no ARPA file, it is cut short, or one of its lines is wrong.
    """
    sizes, sections, order, ended = {}, {}, None, False
    with open(path, encoding="utf-8", newline="\n") as file:
        for number, line in enumerate(file, 1):
            fields = re.split("[ \t]+", line.strip(" \t\r\n"))
            if not fields[0] or (order is None and fields[0] != "\\data\\"):
                continue
            try:
                if fields[0] == "\\data\\":
                    order = 0
                elif fields[0] == "\\end\\":
                    ended = True
                    break
                elif fields[0][0] == "\\":
                    order = int(fields[0][1:].removesuffix("-grams:"))
                    sections[order] = []
                elif order == 0:
                    k, size = "".join(fields[1:]).split("=")  # ngram 1=200
                    sizes[int(k)] = int(size)
                else:
                    weight = float(fields[order + 1]) if len(fields) == order + 2 else 0.0
                    if not order + 1 <= len(fields) <= order + 2:
                        raise ValueError
                    sections[order].append((float(fields[0]), fields[1 : order + 1], weight))
            except (ValueError, KeyError):
                raise ValueError(f"{path}, line {number}: {line!r} does not belong there in an ARPA file") from None
    found = {k: len(lines) for k, lines in sections.items()}
    if order is None:
        raise ValueError(f"{path} is not an ARPA file: no line of it is \\data\\")
    if not ended or found != sizes or sorted(sizes) != list(range(1, len(sizes) + 1)):
        raise ValueError(f"{path} is not whole: it declares {sizes} n-grams and holds {found}")
    return sections


def ranked(sections, number):
    """The sections as tables sorted by key, from short n-grams to long; see :class:`lmcourse.ngram.Table`.

    Args:
        sections: what :func:`read` gives.
        number: from word to number.

    Yields:
        The order, and its columns: key, rank of the context, probability, backoff weight: four tensors of
        (M,).
    """
    ranks = {(): 0}
    for k, lines in sorted(sections.items()):
        probs, ngrams, weights = zip(*lines, strict=True) if lines else ((), (), ())
        try:
            key = [ranks[tuple(ngram[:-1])] * len(number) + number[ngram[-1]] for ngram in ngrams]
        except KeyError as error:
            raise ValueError(f"an ARPA file has {k}-grams with {error.args[0]!r}, but not that itself") from None
        key, line = torch.tensor(key, dtype=torch.int64).sort()
        if len(key.unique()) < len(key):
            raise ValueError(f"an ARPA file has one of its {k}-grams twice")
        ranks = {tuple(ngrams[i]): rank for rank, i in enumerate(line.tolist())}
        columns = torch.tensor([probs, weights], dtype=torch.float64)[:, line]  # (2, M)
        yield k, (key, key // len(number), *torch.where(columns > -99, 10**columns, 0))
