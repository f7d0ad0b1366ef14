"""How BERT reads, held against what the world knows: the gaps it fills, and where its heads look (chapter 09).

A story is read whole, its first sentences as one segment and the rest as the other. :func:`gaps` masks one token at a
time and puts the model's guess beside the truth. :func:`looks` keeps the weights of all heads, and :func:`relations`
has the right links between the same tokens, so that :func:`lmcourse.heads.grade` can compare.
"""

from typing import NamedTuple

import torch
from tqdm.auto import tqdm

from lmcourse import heads, stories
from lmcourse.language_model import evaluating
from lmcourse.text import MARK
from lmcourse.world import truth

__all__ = ["Gap", "Look", "Read", "example", "gaps", "looks", "one_by_one", "read", "relations"]

UNITS = {"en": "word", "ko": "morpheme"}


class Read(NamedTuple):
    """A story as BERT reads it.

    Args:
        records: the sentences of one story.
        ids: T whole numbers.
        segments: T numbers, 0 or 1.
        tokens: T strings.
        starts: of each sentence the place of its first token.
        spans: of each sentence the places (start, end) of its tokens in its text.
    """

    records: list
    ids: list[int]
    segments: list[int]
    tokens: list[str]
    starts: list[int]
    spans: list[list[tuple[int, int]]]


def read(system, story, cut=None):
    """Cut a story into tokens.

    Args:
        system: a :class:`~lmcourse.small_bert.SmallBert`.
        story: the records of one story, two or more.
        cut: how many sentences are in the first segment; ``None`` takes half of them.
    """
    cut = len(story) // 2 if cut is None else cut
    if not 0 < cut < len(story):
        raise ValueError(f"a story of {len(story)} sentences is cut after 1 to {len(story) - 1} of them, not {cut!r}")
    tokenizer, encoded = system.tokenizer, system.tokenizer.encode_all(
        [getattr(r, system.language) for r in story], marks=False
    )  # fmt: skip
    ids, starts, first = [tokenizer.cls], [], 0
    for number, sentence in enumerate(encoded):
        if number == cut:
            ids.append(tokenizer.sep)
            first = len(ids)
        starts.append(len(ids))
        ids += sentence.ids
    ids.append(tokenizer.sep)
    names = tokenizer.tokens
    segments = [int(place >= first) for place in range(len(ids))]
    return Read(list(story), ids, segments, [names[n] for n in ids], starts, [e.spans for e in encoded])


class Gap(NamedTuple):
    """One token, masked alone.

    Args:
        token: what stood there.
        sentence: the number of its sentence in the story.
        place: its place in the story, as in :class:`Read`.
        truth: the tokens that could stand there, with their true probabilities.
        guess: the model's probability of each token of the vocabulary, (V,).
    """

    token: str
    sentence: int
    place: int
    truth: dict[str, float]
    guess: torch.Tensor


@torch.no_grad()
def one_by_one(system, story, batch_size=64):
    """The model's guess for every place of a story, each masked alone: (T, V), rows that sum to 1.

    Args:
        system: a :class:`~lmcourse.small_bert.SmallBert`.
        story: a :class:`Read`.
        batch_size: copies of the story at a time.
    """
    device = next(system.model.parameters()).device
    ids, segments = (torch.tensor(part, device=device) for part in (story.ids, story.segments))
    found = []
    with evaluating(system.model):
        for at in torch.arange(len(ids), device=device).split(batch_size):
            masked = ids.repeat(len(at), 1)
            rows = torch.arange(len(at), device=device)
            masked[rows, at] = system.tokenizer.mask
            states = system.model.bert(masked, None, segments.expand_as(masked)).states
            found.append(system.model.fill(states[rows, at]).softmax(1).cpu())
    return torch.cat(found)


def gaps(system, records, progress=True):
    """Every token of some stories masked, one at a time: what BERT says, and what is true.

    Args:
        system: a :class:`~lmcourse.small_bert.SmallBert`.
        records: of the world, in their order.
        progress: show a bar.

    Returns:
        A list of :class:`Gap`. The truth is exact, see :mod:`lmcourse.world.truth`.
    """
    found = []
    for story in tqdm(stories.by_story(records), leave=False, disable=not progress):
        whole = read(system, story)
        guesses = one_by_one(system, whole)
        for number, place, right in _truths(system, whole):
            found.append(Gap(whole.tokens[place], number, place, right, guesses[place]))
    return found


def _truths(system, whole):
    """For each token of a :class:`Read`: the number of its sentence, its place, and its true distribution."""
    for number, start in enumerate(whole.starts):
        for j, right in enumerate(truth.masked(whole.records, number, system.language, system.tokenizer.split)):
            yield number, start + j, right


def example(system, story, cut=None):
    """A story for :class:`~lmcourse.widgets.FillMask`, with the truth of each of its tokens.

    Args:
        system: a :class:`~lmcourse.small_bert.SmallBert`.
        story: the records of one story, two or more.
        cut: as for :func:`read`.

    Returns:
        A dict of ``text`` and ``second``, the two segments, and ``truth``, a dict from places to dicts of
        probabilities by token.
    """
    whole = read(system, story, cut)
    first = whole.segments.index(1)
    parts = [[], []]
    for record, start in zip(whole.records, whole.starts, strict=True):
        parts[start >= first].append(getattr(record, system.language))
    text, second = (" ".join(part) for part in parts)
    return {"text": text, "second": second, "truth": {place: right for _, place, right in _truths(system, whole)}}


class Look(NamedTuple):
    """What BERT did while it read a story: the story as a :class:`Read`, and the attention (L, H, T, T)."""

    read: Read
    attention: torch.Tensor


@torch.no_grad()
def looks(system, records):
    """Let BERT read stories, nothing masked, and keep where its heads looked: a list of :class:`Look`."""
    device, found = next(system.model.parameters()).device, []
    with evaluating(system.model):
        for story in stories.by_story(records):
            whole = read(system, story)
            ids, segments = (torch.tensor([part], device=device) for part in (whole.ids, whole.segments))
            found.append(Look(whole, system.model.bert(ids, None, segments, weights=True).attention[0].cpu()))
    return found


def relations(system, whole):
    """The right links of a story between the tokens of BERT, by what they are.

    They are those of :func:`lmcourse.heads.relations` that make sense in both directions: ``agreement`` (a verb to its
    subject), ``coreference`` (a pronoun to the last mention of the same) and ``coreference, any mention``; and
    ``previous`` and ``next``, the neighbours of a token.

    Args:
        system: a :class:`~lmcourse.small_bert.SmallBert`.
        whole: a :class:`Read`.

    Returns:
        A dict from names to dicts from the place of a query to the set of its right keys.
    """
    unit = UNITS[system.language]
    at, place = {}, 1  # from places of a story of chapter 08 to those of BERT; 0 is <s>
    for record, start, spans in zip(whole.records, whole.starts, whole.spans, strict=True):
        end = 0
        for piece in stories.pieces(record, system.language, unit):
            begin, end = end, end + len(piece) - (end == 0 and piece.startswith(MARK))
            at[place] = {start + j for j, (a, b) in enumerate(spans) if a < end and b > begin}
            place += 1
        place += 1  # </s>
    found = {}
    gold = heads.relations(whole.records, system.language, unit)
    for name in ("agreement", "coreference", "coreference, any mention"):
        found[name] = {}
        for query, keys in gold[name].items():
            if at.get(query):
                found[name][min(at[query])] = set().union(*(at.get(key, set()) for key in keys))
    inside = [s + j for s, spans in zip(whole.starts, whole.spans, strict=True) for j in range(len(spans))]
    found["previous"] = {t: {t - 1} for t in inside}
    found["next"] = {t: {t + 1} for t in inside}
    return {name: {q: keys for q, keys in links.items() if keys} for name, links in found.items()}
