"""A BERT of your own text: ``lmcourse train bert --preset small --data my.txt --output folder`` (chapter 09).

The text has one sentence a line and an empty line between documents. A vocabulary is learned from it, the text is
encoded into ``folder/data`` (:mod:`lmcourse.corpus`), a BERT is pre-trained, and the folder becomes a checkpoint that
``from_pretrained`` opens, here and in ``transformers``.

From one GPU to many, only the beginning of the command changes. A batch has as many rows as before, and each process
works on its share::

    lmcourse train bert --preset base --data my.txt --output folder
    accelerate launch --multi_gpu --num_processes 8 -m lmcourse.cli train bert --preset base ...

With four machines of 8 GPUs, say ``--num_machines 4 --num_processes 32 --machine_rank 0 --main_process_ip ADDRESS
--main_process_port 29500`` before the ``-m``, on each machine with a rank of its own, from 0. The text and the output
folder lie where all of them can read; the first process alone writes. The same command goes on where it stopped.
"""

import math
import os
from functools import partial

from lmcourse import corpus
from lmcourse.bert import BertConfig, BertForPreTraining
from lmcourse.pretraining import pack, pairs
from lmcourse.small_bert import SmallBert
from lmcourse.tasks import Recipe, seeded
from lmcourse.training import fit
from lmcourse.wordpiece import WordPiece

__all__ = ["PRESETS", "RECIPES", "OwnBert"]

PRESETS = {
    "small": {  # an evening on one GPU
        "shape": {"width": 256, "layers": 4, "heads": 4, "hidden": 1024, "longest": 128, "dropout": 0.1},
        "vocabulary": 8_000,
        "rows": 64,  # in a batch, each as long as the places reach
        "at_once": 64,  # rows that one process computes at a time
        "lr": 1e-3,
        "warmup": 0.05,
        "steps": 20_000,
    },
    "base": {  # the shape and the schedule of Devlin et al. (2019)
        "shape": {"width": 768, "layers": 12, "heads": 12, "hidden": 3072, "longest": 512, "dropout": 0.1},
        "vocabulary": 30_000,
        "rows": 256,
        "at_once": 32,
        "lr": 1e-4,
        "warmup": 0.01,
        "steps": 1_000_000,
    },
}
HELD_OUT = 0.01  # of the documents, the last ones
GRADED = 1_000  # of these documents, at most


class OwnBert:
    """A BERT with its tokenizer and the text it learns from.

    Args:
        model: a :class:`~lmcourse.bert.BertForPreTraining`.
        tokenizer: a :class:`~lmcourse.wordpiece.WordPiece`.
        text: a :class:`~lmcourse.corpus.Corpus`.

    Raises:
        ValueError: the text has a single document, so that none can be held out.
    """

    def __init__(self, model, tokenizer, text):
        self.model, self.tokenizer, self.text = model, tokenizer, text
        self.learned = len(text) - max(1, round(HELD_OUT * len(text)))  # the first so many documents
        if not self.learned:
            raise ValueError("the text has 1 document, and 2 are needed: an empty line divides documents")

    grade = SmallBert.grade

    def rows(self, documents, generator, **options):
        """Rows of pairs. Few documents are laid out several times, to be masked in several ways."""
        length = self.model.config.longest
        made = pairs(documents, length, generator, **options)
        again = math.ceil(2_000 / sum(len(first) + len(second) for first, second, _ in made))
        return pack(made * again, length, self.tokenizer)


def _build(preset, settings):
    return BertForPreTraining(BertConfig(settings["vocab_size"], **PRESETS[preset]["shape"]))


def _train(preset, quick=False, seed=0, data=None, steps=None, folder=None, **how):
    """Learn a vocabulary and a BERT from text files; ``quick`` takes ten steps.

    Args:
        preset: a key of ``PRESETS``.
        quick, seed, how: as for every :class:`~lmcourse.tasks.Recipe`.
        data: text files.
        steps: how many batches; ``None`` is what the preset says.
        folder: where to keep the vocabulary and the encoded text, in ``data``.
    """
    if not data or folder is None:
        raise ValueError(
            f"bert-{preset} learns from your own text: --data FILE [FILE ...], in UTF-8, with one sentence a line and "
            "an empty line between documents"
        )
    about = PRESETS[preset]
    tokenizer, text = corpus.prepare(data, about["vocabulary"], folder / "data", how.get("progress", True))
    settings = {"vocab_size": len(tokenizer), "seed": seed}
    with seeded(seed):
        system = OwnBert(_build(preset, settings), tokenizer, text)
    length, rows = about["shape"]["longest"], about["rows"]
    batches = corpus.portions(
        text, tokenizer, length=length, size=rows, documents=system.learned, portion=16 * rows * length, seed=seed
    )
    processes = int(os.environ.get("WORLD_SIZE", 1))
    options = {"accumulate": math.ceil(rows / about["at_once"] / processes)} | how
    steps = steps if steps is not None else 10 if quick else about["steps"]
    fit(system.model, batches, steps=steps, lr=about["lr"], warmup=about["warmup"], seed=seed, **options)
    return system, settings


def _keep(system, settings, folder, name):
    system.model.save_pretrained(folder, system.tokenizer)
    device = next(system.model.parameters()).device
    model = BertForPreTraining.from_pretrained(folder).to(device)
    return OwnBert(model, WordPiece.from_pretrained(folder), system.text), folder / "model.safetensors"


def _grade(system, quick=False):
    """Masked words and next sentences in the documents that were held out."""
    held_out = range(system.learned, len(system.text))[: 20 if quick else GRADED]
    documents = system.text.documents(held_out)
    judged = sum(len(document) > 1 for document in documents) > 1  # else no pair can be torn
    found = system.grade(documents, next_sentence=judged)
    figures = {"text": system.text.counts | {"held out": len(system.text) - system.learned, "graded": len(held_out)}}
    figures |= {"loss": found["bits"] * math.log(2), "accuracy": found["accuracy"], "masked": found["masked"]}
    figures |= {"next sentence": found.get("follows"), "pairs": found.get("pairs", 0)}
    return {name: round(value, 4) if isinstance(value, float) else value for name, value in figures.items()}


RECIPES = {
    f"bert-{preset}": Recipe(
        f"A BERT of your own text, {about}.", partial(_build, preset), partial(_train, preset), _grade, _keep
    )
    for preset, about in {"small": "4 layers wide 256", "base": "with the 12 layers of BERT base, for GPUs"}.items()
}
