"""What the five systems of chapter 04 share: an input, an output, a model between them, and one file for all of it.

A :class:`System` is a :class:`~lmcourse.seq2seq.Seq2Seq` with a codec on each side. A codec turns things into what a
model can read and pads a batch of them: :class:`TextCodec` here, sounds and clips in :mod:`lmcourse.speech` and
:mod:`lmcourse.video`. ``RECIPES`` lists the systems that ``lmcourse train`` can train and :func:`load` can open.
"""

import importlib
import json
from collections.abc import Callable
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file

from lmcourse import text
from lmcourse.language_model import IGNORE
from lmcourse.seq2seq import beam_search, greedy

__all__ = [
    "HOW", "RECIPES", "WEIGHTS", "Recipe", "System", "TextCodec", "figures", "load", "pack", "recipe", "seeded",
    "unpack",
]  # fmt: skip

WEIGHTS = Path(__file__).parent / "weights"
FORMAT = "lmcourse system 1"
HOW = "checkpoint", "progress", "device", "precision", "compile", "accumulate"  # what every recipe hands on to fit


class TextCodec:
    """Text as lists of ids, and back.

    Args:
        unit: what a text is cut into, one of ``lmcourse.text.UNITS``.
        tokens: the vocabulary, in the order of its numbers; the four specials come first and may be left out.
        longest: a text of more pieces is refused; ``None`` takes any.
    """

    def __init__(self, unit, tokens, longest=None):
        if unit not in text.UNITS:
            raise ValueError(f"there is no unit {unit!r}; the units are {', '.join(text.UNITS)}")
        self.unit, self.longest = unit, longest
        self.vocabulary = text.Vocabulary(tokens)
        self.pad_id, self.bos, self.eos = (self.vocabulary[mark] for mark in ("<pad>", "<s>", "</s>"))

    def encode(self, item):
        """The ids of a text, or of a list of pieces that are cut already (by the gold of the world, say).

        Raises:
            ValueError: there is nothing in it, nothing that the vocabulary has, or more than the codec takes.
        """
        return self.encode_all([item])[0]

    def encode_all(self, items):
        """:meth:`encode` for many at once, which for morphemes is much faster."""
        items = list(items)
        for item in items:
            if isinstance(item, str) and not item.strip():
                raise ValueError(f"there is no text in {item!r}")
        cut = iter(text.split_all([item for item in items if isinstance(item, str)], self.unit))
        pieces = [next(cut) if isinstance(item, str) else list(item) for item in items]
        for item, found in zip(items, pieces, strict=True):
            words = [piece for piece in found if any(map(str.isalnum, piece))]
            if isinstance(item, str) and words and not any(word in self.vocabulary for word in words):
                raise ValueError(f"nothing in {item!r:.60} is known; it seems to be of another language or script")
            if self.longest is not None and len(found) > self.longest:
                raise ValueError(f"{item!r:.60} has {len(found)} pieces, and at most {self.longest} can be read")
        return [self.vocabulary.encode(found) for found in pieces]

    def unknown(self, item):
        """The pieces of a text that the vocabulary does not have; the model reads each as ``<unk>``."""
        pieces = text.split(item, self.unit) if isinstance(item, str) else item
        return [piece for piece in pieces if piece not in self.vocabulary]

    def decode(self, ids):
        """The text of some ids; specials are left out."""
        return text.join(self.vocabulary.decode(ids, specials=False), self.unit)

    def pad(self, encoded):
        """Lists of ids as one tensor (B, S), and the mask that is True at the real ones."""
        return text.pad(encoded, self.pad_id)

    def settings(self):
        """What makes the same codec again: ``TextCodec(**settings)``."""
        return {"unit": self.unit, "tokens": self.vocabulary.tokens, "longest": self.longest}


class System:
    """A model with what stands before and behind it: things in, texts out.

    Args:
        model: a :class:`~lmcourse.seq2seq.Seq2Seq`.
        source: the codec of the input: ``encode(item)``, ``pad(encoded)`` giving a tensor and a mask, ``settings()``.
        target: the codec of the output, a :class:`TextCodec`.
        max_length: an output has at most so many pieces.
    """

    def __init__(self, model, source, target, max_length=60):
        self.model, self.source, self.target, self.max_length = model, source, target, max_length

    def __call__(self, items, *, beam=1):
        """The outputs for a list of inputs: a list of texts; of a single text, one text.

        Args:
            items: a list of what the source codec takes.
            beam: how wide the search is; 1 takes the likeliest piece at every step.
        """
        if isinstance(items, str):
            return self([items], beam=beam)[0]
        return [self.target.decode(found[0].ids) for found in self.search(items, beam=beam)]

    def search(self, items, *, beam=1, batch_size=128):
        """The hypotheses for a list of inputs, for each of them the best first.

        Returns:
            A list of lists of :class:`~lmcourse.seq2seq.Hypothesis`.
        """
        encoded = _encode_all(self.source, items)
        found = [None] * len(encoded)
        device = next(self.model.parameters()).device
        marks = {"bos": self.target.bos, "eos": self.target.eos, "max_length": self.max_length}
        for rows in text.batches(sorted(range(len(encoded)), key=lambda n: len(encoded[n])), batch_size):
            source, mask = (tensor.to(device) for tensor in self.source.pad([encoded[n] for n in rows]))
            if beam == 1:
                results = [[hypothesis] for hypothesis in greedy(self.model, source, mask, **marks)]
            else:
                results = beam_search(self.model, source, mask, beam=beam, **marks)
            for n, result in zip(rows, results, strict=True):
                found[n] = result
        return found

    def encode(self, pairs):
        """Pairs (input, output) as numbers, once, so that every epoch can use them."""
        pairs = list(pairs)
        sources = _encode_all(self.source, [source for source, _ in pairs])
        targets = _encode_all(self.target, [target for _, target in pairs])
        return list(zip(sources, targets, strict=True))

    def batches(self, encoded, size, seed=None):
        """Batches for :func:`lmcourse.training.fit` from what :meth:`encode` gives: dicts to call the model with.

        Args:
            encoded: pairs of numbers.
            size: B, pairs in a batch.
            seed: to shuffle with; ``None`` keeps the order.
        """
        for batch in text.batches(encoded, size, seed, length=lambda pair: len(pair[0]) + len(pair[1])):
            source, source_mask = self.source.pad([source for source, _ in batch])
            ids, _ = self.target.pad([[self.target.bos, *target] for _, target in batch])
            targets, _ = text.pad([[*target, self.target.eos] for _, target in batch], IGNORE)
            yield {"source": source, "source_mask": source_mask, "ids": ids, "targets": targets}

    def shuffled(self, encoded, size, seed=0):
        """What ``fit`` asks for: a function from the number of the epoch to its batches."""
        return lambda epoch: self.batches(encoded, size, seed=1_000_003 * seed + epoch)

    def save(self, path, settings):
        """Write the model with 8 bits a weight, and ``settings`` that its recipe builds the rest from."""
        path = Path(path)
        path.parent.mkdir(parents=True, exist_ok=True)
        metadata = {"format": FORMAT, "settings": json.dumps(settings, ensure_ascii=False)}
        save_file(pack(self.model.state_dict()), path, metadata)


class Recipe(NamedTuple):
    """How a system is made.

    Args:
        about: one sentence.
        build: a function from settings (a dict that JSON can hold) to an untrained :class:`System`.
        train: a function of ``quick``, ``seed`` and ``how`` that gives the trained system and its settings. ``how`` is
            what ``fit`` is told about where and how, those of ``HOW``. A recipe for the reader's own text has ``data``,
            ``steps`` and ``folder`` as well.
        grade: a function from a system to a dict of figures.
        keep: a function (system, settings, folder, name) that writes the system, opens what it wrote, and gives that
            and the file of weights; ``None`` for :meth:`System.save` and :func:`load`.
    """

    about: str
    build: Callable
    train: Callable
    grade: Callable
    keep: Callable | None = None


# Where the recipes are: a module is opened only when one of its systems is wanted.
RECIPES = {
    "ko-en": "lmcourse.translation",
    "en-ko": "lmcourse.translation",
    "tagger": "lmcourse.tagging",
    "chatbot": "lmcourse.chatbot",
    "speech-ko": "lmcourse.speech",
    "speech-en": "lmcourse.speech",
    "video": "lmcourse.video",
    "ko-en-attention": "lmcourse.attending",
    "en-ko-attention": "lmcourse.attending",
    "video-spatial": "lmcourse.spatial",
    "ko-en-transformer": "lmcourse.transforming",
    "story-en": "lmcourse.stories",
    "story-ko": "lmcourse.stories",
    "bert-en": "lmcourse.small_bert",
    "bert-ko": "lmcourse.small_bert",
    "bert-small": "lmcourse.own_bert",
    "bert-base": "lmcourse.own_bert",
}


@contextmanager
def seeded(seed):
    """What is built inside has first weights that depend on the seed alone; the global generator stays as it was."""
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(seed)
        yield


def recipe(name):
    """The :class:`Recipe` of a system, by its name in ``RECIPES``."""
    if name not in RECIPES:
        raise ValueError(f"there is no system {name!r}; the systems are {', '.join(RECIPES)}")
    return importlib.import_module(RECIPES[name]).RECIPES[name]


def load(name, path=None):
    """A trained system, on the CPU and in evaluation mode.

    Args:
        name: a key of ``RECIPES``.
        path: a file that :meth:`System.save` wrote; ``None`` takes the one that comes with the package.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: there is no system of that name, or the file is damaged.
    """
    made = recipe(name)
    path = WEIGHTS / f"{name}.safetensors" if path is None else Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"there is no {str(path)!r}; make it with: lmcourse train {name}")
    try:
        with safe_open(path, "pt") as file:
            about = file.metadata() or {}
            weights = {key: file.get_tensor(key) for key in file.keys()}
    except SafetensorError as error:
        raise ValueError(f"{str(path)!r} is damaged, or no file of weights at all ({error})") from None
    if about.get("format") != FORMAT:
        raise ValueError(f"{str(path)!r} holds no system of this course: its format is {about.get('format')!r}")
    system = made.build(json.loads(about["settings"]))
    try:
        system.model.load_state_dict(unpack(weights))
    except RuntimeError as error:
        raise ValueError(f"{str(path)!r} does not fit the system {name!r}: {error}") from None
    system.model.eval()
    return system


def figures(name):
    """What ``lmcourse train`` recorded of the system that comes with the package: a dict, its ``figures`` among it.

    Raises:
        FileNotFoundError: nothing is recorded.
    """
    path = WEIGHTS / f"{name}.json"
    if not path.is_file():
        raise FileNotFoundError(f"nothing is recorded of {name!r} yet; make it with: lmcourse train {name}")
    return json.loads(path.read_text(encoding="utf-8"))


def pack(weights):
    """Weights in 8 bits: each row of a matrix as whole numbers from -127 to 127 and one scale; vectors in float16."""
    packed = {}
    for name, tensor in weights.items():
        if tensor.dim() < 2 or not tensor.is_floating_point():
            packed[name] = (tensor.half() if tensor.is_floating_point() else tensor).contiguous()
            continue
        rows = tensor.detach().float().flatten(1)  # (R, all others)
        scale = (rows.abs().amax(1, keepdim=True) / 127).clamp(min=1e-30)
        packed[name] = (rows / scale).round().clamp(-127, 127).to(torch.int8).view(tensor.shape)
        packed[f"{name}:scale"] = scale.squeeze(1)
    return packed


def unpack(packed):
    """The weights of :func:`pack`, in float32."""
    weights = {}
    for name, tensor in packed.items():
        if name.endswith(":scale"):
            continue
        if f"{name}:scale" in packed:
            scale = packed[f"{name}:scale"].view(-1, *[1] * (tensor.dim() - 1))
            tensor = tensor.float() * scale
        weights[name] = tensor.float() if tensor.is_floating_point() else tensor
    return weights


def _encode_all(codec, items):
    return codec.encode_all(items) if hasattr(codec, "encode_all") else [codec.encode(item) for item in items]
