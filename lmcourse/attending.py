"""The systems of chapter 04 with attention, and how good the attention is (chapter 06).

:func:`attending` turns the ``build`` of any of them into one whose decoder looks back. Two translators made in this way
come with the package. They are small enough to run in a page.

The world knows which word stands for which, and so attention can be graded: :func:`forced` shows a translator the right
translation and keeps the weights, :func:`links` reads them as links between words, :func:`gold` has the right ones, and
:func:`lmcourse.metrics.alignment_score` compares.
"""

from typing import NamedTuple

import torch

from lmcourse import text, translation
from lmcourse.attention import with_attention
from lmcourse.language_model import IGNORE, evaluating
from lmcourse.metrics import alignment_score

__all__ = [
    "RECIPES",
    "Forced",
    "Gold",
    "attending",
    "counted_links",
    "forced",
    "gold",
    "grade_attention",
    "links",
    "places",
    "pointing",
]


def attending(build):
    """A function like ``build``, from settings to an untrained system, whose decoder has attention.

    The settings may have a ``score``, ``"additive"`` if it is missing; all else stays as it was.
    """

    def build_with_attention(settings):
        system = build(settings)
        system.model.decoder = with_attention(system.model.decoder, settings.get("score", "additive"))
        return system

    return build_with_attention


# --- the weights, and what they should be ---


class Forced(NamedTuple):
    """What a model did while it was shown the right output.

    Args:
        attention: (T + 1, S), the weights before each piece and before the end; ``None`` without attention.
        log_probs: (T + 1,), ln of the probability of each right piece, and of the end.
        right: (T + 1,), whether it was the likeliest.
    """

    attention: torch.Tensor | None
    log_probs: torch.Tensor
    right: torch.Tensor


@torch.no_grad()
def forced(system, pairs, batch_size=64):
    """Show a system the right outputs, and keep where it looked and what it would have said: teacher forcing.

    Args:
        system: a :class:`~lmcourse.tasks.System`.
        pairs: pairs (input, right output), as for ``system.encode``.

    Returns:
        A :class:`Forced` for each pair, on the CPU.
    """
    device, found = next(system.model.parameters()).device, []
    with evaluating(system.model):
        for batch in system.batches(system.encode(pairs), batch_size):
            batch = {name: tensor.to(device) for name, tensor in batch.items()}
            targets = batch.pop("targets")
            output, real = system.model(**batch), targets != IGNORE  # (B, T)
            log_probs = output.logits.log_softmax(2).gather(2, targets.clamp(min=0)[..., None]).squeeze(2)
            right = output.logits.argmax(2) == targets
            for row in range(len(targets)):
                t, s = real[row].sum(), batch["source_mask"][row].sum()
                attention = None if output.attention is None else output.attention[row, :t, :s].cpu()
                found.append(Forced(attention, log_probs[row, :t].cpu(), right[row, :t].cpu()))
    return found


class Gold(NamedTuple):
    """The right links of a pair of sentences, pairs (place in the output, place in the input).

    Args:
        sure: of each morpheme its first piece.
        possible: all its pieces: 배우 in 배웠다 is spread over 배 and 웠.
    """

    sure: list[tuple[int, int]]
    possible: list[tuple[int, int]]


def places(record):
    """Of each morpheme of a record the places of its pieces, as :func:`lmcourse.translation.korean` cuts them."""
    pieces, ends, length = translation.korean([record])[0], [], 0
    for piece in pieces:
        length += len(text.join([piece], "character"))  # a mark for a space is a space again
        ends.append(length - 1)  # the first piece begins with a space that is not in the sentence
    spans = list(zip([0, *ends], ends, strict=False))
    return [
        [p for p, (a, b) in enumerate(spans) if a < max(end, start + 1) and start < b]
        for start, end in record.morpheme_spans
    ]


def gold(record, direction, content=False):
    """The alignment that the world knows, between the pieces that a translator reads and writes: a :class:`Gold`.

    Args:
        record: of the world.
        direction: ``"ko-en"`` or ``"en-ko"``.
        content: only the links of content words: of nouns, verbs, adjectives and adverbs, by the tag of the morpheme.
    """
    pieces, sure, possible = places(record), [], []
    for i, j in record.alignment:
        tag = record.morphemes[i][1]
        if content and not (tag[0] in "NVM" or tag == "XR"):
            continue
        sure.append((j, pieces[i][0]))
        possible += [(j, p) for p in pieces[i]]
    if translation.DIRECTIONS[direction][0] == "en":
        sure, possible = ([(k, j) for j, k in each] for each in (sure, possible))
    return Gold(sorted(set(sure)), sorted(set(possible)))


def links(weights, places=None):
    """Weights read as links: each row points at the place of its largest weight: pairs (row, place).

    A row without any weight points nowhere.

    Args:
        weights: (T, S).
        places: the rows to read; ``None`` means all.
    """
    best, some = weights.argmax(1).tolist(), (weights > 0).any(1).tolist()
    return [(t, best[t]) for t in (range(len(best)) if places is None else places) if some[t]]


def pointing(weights, right):
    """For each word that has a partner: whether the largest weight lies on it, a dict from its place to a bool.

    Args:
        weights: (T, S).
        right: a :class:`Gold`.
    """
    possible, places = set(right.possible), sorted({t for t, _ in right.possible})
    found = dict(links(weights, places))
    return {t: (t, found.get(t)) in possible for t in places}


def grade_attention(weights, right):
    """How good many maps are: precision, recall and alignment error rate.

    Only words with a partner are asked: an English article has none in Korean, and has to look somewhere.

    Args:
        weights: a list of (T, S).
        right: as many :class:`Gold`.

    Returns:
        A :class:`~lmcourse.metrics.AlignmentScore`.
    """
    found = [links(w, sorted({t for t, _ in g.possible})) for w, g in zip(weights, right, strict=True)]
    return alignment_score(found, [g.sure for g in right], [g.possible for g in right])


# --- a rival that only counts ---


def counted_links(pairs, rounds=5):
    """Links found by counting, without any network: IBM model 1 (Brown et al., 1993).

    Which word stands for which is not known, so every word of the output is shared out among all words of the input: at
    first equally, and then, round after round, by how often the two were shared in the round before, over all
    sentences. It is the method of expectation and maximisation, and it knows nothing of order.

    Args:
        pairs: pairs (input, output) of lists of pieces.
        rounds: how often.

    Returns:
        For each pair the shares (T, S); each row sums to 1.
    """
    table = {}  # (word of the output, word of the input) to how often, as shares of words
    total = {}
    for number in range(rounds + 1):
        new, new_total, shares = {}, {}, []
        for source, target in pairs:
            rows = []
            for word in target:
                row = [table[word, other] / total[other] if number else 1.0 for other in source]
                size = sum(row)
                rows.append([x / size for x in row])
                for other, share in zip(source, rows[-1], strict=True):
                    new[word, other] = new.get((word, other), 0.0) + share
                    new_total[other] = new_total.get(other, 0.0) + share
            shares.append(torch.tensor(rows))
        table, total = new, new_total
    return shares


# --- the translators of the package ---

PAGE = {"width": 48, "encoder": 64, "decoder": 64, "dropout": 0.05}
RECIPES = {
    f"{direction}-attention": translation.recipe(direction, attending(translation.build), ", with attention", **PAGE)
    for direction in translation.DIRECTIONS
}
