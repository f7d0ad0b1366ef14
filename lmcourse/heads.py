"""What the heads of a Transformer look at, and what they are good for (chapter 08).

:func:`story_looks` and :func:`translation_looks` keep the weights of all heads. The world knows what a word depends on,
so :func:`relations` lists the right links of a story, :func:`grade` says how often each head follows them, and, since
a number needs something to compare with, how often a look without a head would. Whether a head is *needed* is another
question: :func:`without` puts it out, and :func:`ablation` measures what that costs.
"""

import math
from collections import Counter
from contextlib import contextmanager
from typing import NamedTuple

import torch
from tqdm.auto import tqdm

from lmcourse import stories, text
from lmcourse.attending import places
from lmcourse.language_model import IGNORE, evaluating, log2probs
from lmcourse.tasks import System
from lmcourse.training import evaluate
from lmcourse.world import korean_text
from lmcourse.world.records import _Replay

__all__ = [
    "Grade", "StoryLooks", "TranslationLooks", "ablation", "foils_right", "grade", "relations", "story_looks",
    "translation_looks", "without",
]  # fmt: skip

PRONOUNS = {"he", "she", "they", "it", "him", "her", "them"}


# --- the weights of all heads ---


class StoryLooks(NamedTuple):
    """What a model of stories did while it read one.

    Args:
        records: the sentences of the story.
        tokens: T strings, ``<s>`` first and ``</s>`` after each sentence but the last.
        attention: (L, H, T, T).
        bits: (T,), -log2 of the probability of the token after each of them.
    """

    records: list
    tokens: list[str]
    attention: torch.Tensor
    bits: torch.Tensor


class TranslationLooks(NamedTuple):
    """What a translator did while it was shown the right output, as in :func:`lmcourse.attending.forced`.

    Args:
        encoder: (L, H, S, S).
        decoder: (L, H, T + 1, T + 1); the first row is that of ``<s>``, before the first piece.
        cross: (L, H, T + 1, S).
    """

    encoder: torch.Tensor
    decoder: torch.Tensor
    cross: torch.Tensor


def _device(model):
    return next(model.parameters()).device


@torch.no_grad()
def story_looks(system, records, batch_size=16):
    """Let a model read stories, and keep where its heads looked and how surprised it was.

    Args:
        system: a :class:`~lmcourse.stories.StoryModel`.
        records: of the world, in their order.

    Returns:
        A :class:`StoryLooks` for each story, on the CPU.
    """
    told, parts = system.stories(records), stories.by_story(records)
    found = [None] * len(told)
    with evaluating(system.model):
        for rows in text.batches(sorted(range(len(told)), key=lambda n: len(told[n])), batch_size):
            (batch,) = stories.batches([told[n] for n in rows], len(rows))
            ids, targets = (batch[name].to(_device(system.model)) for name in ("ids", "targets"))
            output = system.model(ids, weights=True)
            bits = -output.logits.log_softmax(2).gather(2, targets.clamp(min=0)[..., None]).squeeze(2) / math.log(2)
            for row, n in enumerate(rows):
                T = len(told[n]) - 1
                tokens = system.vocabulary.decode(told[n][:-1])
                found[n] = StoryLooks(
                    parts[n], tokens, output.attention[row, :, :, :T, :T].cpu(), bits[row, :T].cpu()
                )  # fmt: skip
    return found


@torch.no_grad()
def translation_looks(system, pairs, batch_size=64):
    """Show a translator the right outputs, and keep where its heads looked.

    Args:
        system: a :class:`~lmcourse.tasks.System` with the encoder and the decoder of :mod:`lmcourse.transformer`.
        pairs: pairs (input, right output), as for ``system.encode``.

    Returns:
        A :class:`TranslationLooks` for each pair, on the CPU.
    """
    model, found = system.model, []
    with evaluating(model):
        for batch in system.batches(system.encode(pairs), batch_size):
            batch = {name: tensor.to(_device(model)) for name, tensor in batch.items()}
            memory, read = model.encoder.read(batch["source"], batch["source_mask"], weights=True)
            _, own, across, _ = model.decoder.write(batch["ids"], state=model.decoder.start(memory), weights=True)
            for row, real in enumerate(batch["targets"] != IGNORE):
                t, s = real.sum(), batch["source_mask"][row].sum()
                parts = read[row, ..., :s, :s], own[row, ..., :t, :t], across[row, ..., :t, :s]
                found.append(TranslationLooks(*(part.cpu() for part in parts)))
    return found


# --- what they should be ---


def relations(records, language, unit):
    """The right links of one story, by what they are: dicts from the place of a query to the set of its right keys.

    Places are those of :func:`lmcourse.stories.stories`, where 0 is ``<s>``.

    - ``previous``: each token, to the one before it.
    - ``sentence``: each token, to the last ``</s>``, or to ``<s>``.
    - ``agreement``: the first piece of a verb that would be another one if its subject were (one or many in English,
      honoured in Korean), to the subject; and ``agreement, before the verb``, the place where it has to be predicted.
      In Korean only verbs that honour count. Where the subject is the very word before, it is not counted.
    - ``coreference``: a pronoun, to the last mention of the same before it; ``coreference, any mention``, to each; and
      ``coreference, before the pronoun``, from the place where it has to be predicted to each.

    Args:
        records: the sentences of one story.
        language, unit: as for :func:`lmcourse.stories.pieces`; in Korean by morphemes.
    """
    if unit not in ("word", "morpheme"):
        raise ValueError(f"links are known between words or morphemes, not between {unit!r}s")
    if len(stories.by_story(records)) > 1:
        raise ValueError(f"links are those of one story, and these are sentences of {len(stories.by_story(records))}")
    names = "previous", "sentence", "agreement", "agreement, before the verb", "coreference"
    names += "coreference, any mention", "coreference, before the pronoun"
    found, start, mentions = {name: {} for name in names}, 1, {}  # a mention: of each entity the keys so far
    for record in records:
        pieces = stories.pieces(record, language, unit)
        for t in range(start, start + len(pieces) + 1):
            found["previous"][t] = {t - 1}
            found["sentence"][t] = {start - 1}
        where = [[j] for j in range(len(pieces))] if language == "en" else places(record)
        spoken = []
        for mention in record.entities:
            numbers = getattr(mention, language)
            keys = {start + p for n in numbers for p in where[n]}
            spoken.append(keys)
            if keys and _is_pronoun(record, numbers, language) and mention.entity in mentions:
                query = min(keys)
                found["coreference"][query] = mentions[mention.entity][-1]
                found["coreference, any mention"][query] = set().union(*mentions[mention.entity])
                found["coreference, before the pronoun"][query - 1] = set().union(*mentions[mention.entity])
        for mention, keys in zip(record.entities, spoken, strict=True):
            if keys:
                mentions.setdefault(mention.entity, []).append(keys)
        for foil in _agreements(record, language, 1):
            verb = start + _first_difference(pieces, unit, foil.wrong)
            subject = _whole_word(spoken[0], pieces, start) if language == "ko" else spoken[0]
            found["agreement"][verb] = subject
            found["agreement, before the verb"][verb - 1] = subject
        start += len(pieces) + 1
    return found


def _agreements(record, language, least):
    """The minimal pairs whose verb stands so many words, at least, behind the subject that it depends on."""
    for foil in record.foils:
        counts = foil.marked or language == "en"  # a Korean verb that does not honour shows nothing
        if foil.language == language and foil.distance >= least and counts and record.plan.kind != "exist":
            yield foil  # in "there was a dog" the verb comes first


def _is_pronoun(record, numbers, language):
    if language == "en":
        return all(record.en_tokens[n].lower() in PRONOUNS for n in numbers)
    return any(record.morphemes[n][1] == "NP" for n in numbers)


def _first_difference(pieces, unit, wrong):
    """The first piece in which a sentence differs from another one."""
    length = 0
    for place, piece in enumerate(pieces):
        length += len(text.join([piece], "character"))
        said = text.join(pieces[: place + 1], unit)
        if not wrong.startswith(said):
            return place
    return len(pieces)


def _whole_word(keys, pieces, start):
    """The places of a Korean noun with those of its particles, up to the next space."""
    end = max(keys) + 1
    while end - start < len(pieces) and not pieces[end - start].startswith("▁"):
        end += 1
    return keys | set(range(max(keys), end))


class Grade(NamedTuple):
    """How often heads follow a relation.

    Args:
        share: (L, H), of the queries that have a right key, how many have their largest weight on one.
        count: how many such queries there are.
        chance: the share of a look at a place that was drawn from all that may be seen.
        back, back_share: the best rule without a head, "always so many tokens back", and its share.
        place, place_share: the best rule of another kind, "always that token of the sentence", counted from its
            ``<s>`` or from the ``</s>`` before it, and its share.
    """

    share: torch.Tensor
    count: int
    chance: float
    back: int
    back_share: float
    place: int
    place_share: float


def grade(looks, golds, farthest=40, causal=True):
    """How often each head follows each relation.

    Args:
        looks: of :func:`story_looks`, or tensors (L, H, T, T) of heads that look back.
        golds: as many dicts, as :func:`relations` gives them; where ``sentence`` is missing, the whole is one sentence.
        farthest: rules up to so many tokens are tried.
        causal: whether the heads look back only. If not, a chance look may fall on any token, and rules may count
            forward: their ``back`` is then below 0.

    Returns:
        A dict from the names of the relations to a :class:`Grade`. One that has no query is left out.
    """
    looks, golds = list(looks), list(golds)
    if len(looks) != len(golds):
        raise ValueError(f"{len(looks)} looks need as many dicts of right links, not {len(golds)}")
    hits, counts, chances, rules = {}, {}, {}, {}
    for look, gold in zip(looks, golds, strict=True):
        attention = look if isinstance(look, torch.Tensor) else look.attention
        best = attention.argmax(3)  # (L, H, T)
        for name, links in gold.items():
            for query, keys in links.items():
                if query >= best.shape[2]:
                    continue  # what comes after the last token of a story is not read
                right = torch.zeros(attention.shape[3], dtype=torch.bool)
                right[list(keys)] = True
                hits[name] = hits.get(name, 0) + right[best[:, :, query]].double()
                counts[name] = counts.get(name, 0) + 1
                chances[name] = chances.get(name, 0) + len(keys) / (query + 1 if causal else attention.shape[3])
                (start,) = gold.get("sentence", {}).get(query, {0})
                for counter, numbers in zip(
                    rules.setdefault(name, (Counter({0: 0}), Counter({0: 0}))),
                    ([query - key for key in keys], [key - start for key in keys]),
                    strict=True,
                ):
                    counter.update(number for number in numbers if abs(number) <= farthest)
    found = {}
    for name, n in counts.items():
        best = [min(counter.items(), key=lambda item: (-item[1], abs(item[0]))) for counter in rules[name]]
        both = (item for number, times in best for item in (number, times / n))
        found[name] = Grade(hits[name] / n, n, chances[name] / n, *both)
    return found


# --- what they are good for ---


def _attentions(model):
    """The attention layers of a model by name: {"": [...]} of a language model, or of a translator three parts."""
    if hasattr(model, "encoder"):
        return {
            "encoder": [layer.self_attn for layer in model.encoder.layers],
            "decoder": [layer.self_attn for layer in model.decoder.layers],
            "cross": [layer.multihead_attn for layer in model.decoder.layers],
        }
    return {"": [layer.self_attn for layer in model.layers]}


@contextmanager
def without(model, heads):
    """The model with some heads put out: what they have found is not passed on.

    The output matrix mixes what all heads have found. The columns that read a head are 0 as long as this lasts.

    Args:
        model: a :class:`~lmcourse.transformer.CausalLM`, or a :class:`~lmcourse.seq2seq.Seq2Seq` of a Transformer's
            encoder and decoder.
        heads: pairs (layer, head); for the latter triples, with ``"encoder"``, ``"decoder"`` or ``"cross"`` first.
    """
    parts, kept = _attentions(model), []
    for each in heads:
        part, layer, head = each if len(each) == 3 else ("", *each)
        if part not in parts or not 0 <= layer < len(parts[part]) or not 0 <= head < parts[part][layer].heads:
            sizes = ", ".join(f"{name} {len(a)} layers of {a[0].heads} heads".strip() for name, a in parts.items())
            raise ValueError(f"there is no head {each!r}; there are {sizes}")
        attention = parts[part][layer]
        size = attention.out_proj.in_features // attention.heads
        kept.append((attention.out_proj.weight, slice(head * size, (head + 1) * size)))
    before = {id(weight): (weight, weight.detach().clone()) for weight, _ in kept}
    try:
        with torch.no_grad():
            for weight, columns in kept:
                weight[:, columns] = 0
        yield model
    finally:
        with torch.no_grad():
            for weight, values in before.values():
                weight.copy_(values)


def ablation(system, data, progress=True, relation=None):
    """What it costs to put out each head, one at a time: bits a token, on the mean.

    Args:
        system: a :class:`~lmcourse.stories.StoryModel` with ``data`` of records, or a translator with pairs.
        data: what to measure on.
        progress: show a bar.
        relation: measure only at the places from which a relation of stories looks, by its name in :func:`relations`.
            With ``"agreement, before the verb"`` these are the bits of the verb.

    Returns:
        The bits without any change, and a tensor (L, H) of how many more there are without each head; for a translator
        a dict of three such tensors.
    """
    if isinstance(system, System):
        if relation is not None:
            raise ValueError(f"relations are known of stories, not of translations: there is no {relation!r}")
        batches = list(system.batches(system.encode(data), 64))
    else:
        pairs = sorted(zip(system.stories(data), stories.by_story(data), strict=True), key=lambda pair: len(pair[0]))
        batches = list(stories.batches([told for told, _ in pairs], 16))
        if relation is not None:
            _only(relation, batches, [relations(story, system.language, system.unit) for _, story in pairs])
    model, parts = system.model, _attentions(system.model)

    def bits():
        return evaluate(model, batches, device=_device(model))["loss"] / math.log(2)

    whole, found = bits(), {}
    jobs = [
        (part, layer, head) for part, each in parts.items() for layer, a in enumerate(each) for head in range(a.heads)
    ]
    for part, layer, head in tqdm(jobs, desc="heads", leave=False, disable=not progress):
        with without(model, [(part, layer, head) if part else (layer, head)]):
            found.setdefault(part, {}).setdefault(layer, []).append(bits() - whole)
    costs = {part: torch.tensor(list(rows.values())) for part, rows in found.items()}
    return whole, costs.get("", costs)


def _only(relation, batches, golds):
    """Let only the targets count that are predicted at the queries of a relation."""
    for row, gold in zip((row for batch in batches for row in batch["targets"]), golds, strict=True):
        if relation not in gold:
            raise ValueError(f"there is no relation {relation!r}; there are {', '.join(map(repr, gold))}")
        kept = torch.tensor([t in gold[relation] for t in range(len(row))])
        row[~kept] = IGNORE


def foils_right(system, records, least=1, heads=()):
    """The share of minimal pairs that a model of stories judges rightly, each in its story so far.

    Only pairs count whose verb stands behind its subject, and in Korean only verbs that honour.

    Args:
        system: a :class:`~lmcourse.stories.StoryModel`.
        records: of the world, in their order.
        least: words between subject and verb, at least.
        heads: put out, as for :func:`without`.
    """
    vocabulary, unit, language = system.vocabulary, system.unit, system.language
    bos, eos = vocabulary["<s>"], vocabulary["</s>"]
    before, sides = [], ([], [])
    for story in stories.by_story(records):
        for n, record in enumerate(story):
            for foil in _agreements(record, language, least):
                before.append(system.stories(story[:n])[0] if n else [bos])
                both = stories.pieces(record, language, unit), _wrong_pieces(record, foil, language, unit)
                for side, pieces in zip(sides, both, strict=True):
                    side.append(vocabulary.encode(pieces))
    if not before:
        raise ValueError(f"there is no minimal pair with {least!r} words between among {len(records)} records")
    with without(system.model, heads):
        right, wrong = (
            log2probs(system.model, side, bos=bos, eos=eos, prefixes=before, batch_size=64) for side in sides
        )
    return (right > wrong).double().mean().item()


def _wrong_pieces(record, foil, language, unit):
    """The pieces of the wrong sentence of a minimal pair, cut as the right one is: where the world cuts."""
    if unit != "morpheme":
        return text.split(foil.wrong, unit)
    # Another cutter would differ elsewhere too, and the model would judge the cuts and not the verb.
    said = korean_text.say(record.plan, _Replay(record._styles[0]), record._register, not record.plan.honorific)
    return text.split_at(said.text, said.spans)
