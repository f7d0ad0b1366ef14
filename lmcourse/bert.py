"""BERT: a Transformer encoder that has learned to fill gaps, and reads in both directions (chapter 09).

:class:`BertModel` is the encoder of chapter 08 with three tables in front: of tokens, of places and of segments. On
top of it stand small heads: :class:`BertForPreTraining` fills masked words and judges whether one text follows another,
:class:`BertForSequenceClassification` and :class:`BertForTokenClassification` are fine-tuned (Devlin et al., 2019).

``from_pretrained`` opens the checkpoints of the BERT family, from a folder or from the hub, and ``save_pretrained``
writes what ``transformers`` can open. The numbers are the same.
"""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import torch
import torch.nn.functional as F
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import nn

from lmcourse.language_model import IGNORE, Output, check_ids, predict
from lmcourse.transformer import ACTIVATIONS, EncoderLayer

__all__ = [
    "BertConfig", "BertForPreTraining", "BertForSequenceClassification", "BertForTokenClassification", "BertModel",
    "Encoding", "find_file", "same_document",
]  # fmt: skip


@dataclass(frozen=True)
class BertConfig:
    """The shape of a BERT; the defaults are those of BERT base (Devlin et al., 2019).

    Args:
        vocab_size: V.
        width: D.
        layers: L.
        heads: H.
        hidden: the width between the two layers of the feed-forward network.
        longest: how many places have a vector.
        segments: how many segments have one.
        dropout: in training, of everything that can be dropped.
        activation: ``"gelu"``, ``"gelu_new"`` (an approximation by tanh) or ``"relu"``.
        eps: of the normalisation.
        pad: the id of ``[PAD]``.
        std: of the first weights, which are normal around 0; narrow models want more.
        positions: ``"absolute"``, a learned vector for each place, as in all checkpoints of the BERT family; or
            ``"rotary"``, where the heads turn queries and keys (chapter 07), which small models learn much faster.
    """

    vocab_size: int
    width: int = 768
    layers: int = 12
    heads: int = 12
    hidden: int = 3072
    longest: int = 512
    segments: int = 2
    dropout: float = 0.1
    activation: str = "gelu"
    eps: float = 1e-12
    pad: int = 0
    std: float = 0.02
    positions: str = "absolute"

    def to_json(self):
        """The names of ``config.json``, as a dict."""
        if self.positions != "absolute":
            raise ValueError(f"a checkpoint of BERT has absolute positions, and these are {self.positions!r}")
        return {"model_type": "bert", "position_embedding_type": "absolute"} | {
            theirs: getattr(self, ours) for ours, theirs in _CONFIG.items()
        } | {"attention_probs_dropout_prob": self.dropout}  # fmt: skip

    @classmethod
    def from_json(cls, about):
        """From the dict of a ``config.json``.

        Raises:
            ValueError: the checkpoint is of no BERT, or of one with other positions.
        """
        if about.get("model_type", "bert") != "bert":
            raise ValueError(f"this is a checkpoint of {about['model_type']!r}, and BERT is 'bert'")
        if about.get("position_embedding_type", "absolute") != "absolute" or about.get("is_decoder"):
            raise ValueError("this BERT has relative positions, or is a decoder; only the encoder as published is here")
        missing = [theirs for ours, theirs in _CONFIG.items() if theirs not in about and ours in ("vocab_size",)]
        if missing:
            raise ValueError(f"config.json lacks {', '.join(missing)}; it has {', '.join(sorted(about))}")
        return cls(**{ours: about[theirs] for ours, theirs in _CONFIG.items() if theirs in about})


_CONFIG = {
    "vocab_size": "vocab_size", "width": "hidden_size", "layers": "num_hidden_layers", "heads": "num_attention_heads",
    "hidden": "intermediate_size", "longest": "max_position_embeddings", "segments": "type_vocab_size",
    "dropout": "hidden_dropout_prob", "activation": "hidden_act", "eps": "layer_norm_eps", "pad": "pad_token_id",
    "std": "initializer_range",
}  # fmt: skip


class Encoding(NamedTuple):
    """What BERT makes of a batch.

    Args:
        states: of the last layer, (B, T, D).
        layers: the states before the first layer and after each, (B, L + 1, T, D); ``None`` if not wanted.
        attention: (B, L, H, T, T); ``None`` if not wanted.
    """

    states: torch.Tensor
    layers: torch.Tensor | None
    attention: torch.Tensor | None


def same_document(documents):
    """Who may look at whom in rows that hold several texts: (B, T) numbers of texts to a boolean (B, T, T)."""
    return documents[:, :, None] == documents[:, None]


class _Pretrained(nn.Module):
    """What all classes here share: opening and writing checkpoints."""

    prefix = "bert."  # of the encoder's weights in a checkpoint

    @classmethod
    def from_pretrained(cls, name, **options):
        """Open a checkpoint, in evaluation mode.

        Args:
            name: a folder with ``config.json`` and ``model.safetensors``, or the name of a model on the hub, such as
                ``"google-bert/bert-base-uncased"``.
            options: more arguments of the class, such as ``classes``. A head that the checkpoint lacks is new.

        Raises:
            FileNotFoundError: there is no such file.
            ValueError: the checkpoint is damaged, of another kind of model, or does not fit.
        """
        config = BertConfig.from_json(json.loads(find_file(name, "config.json").read_text(encoding="utf-8")))
        model = cls(config, **options)
        found, expected = _from_theirs(_read(name), config), model.state_dict()
        if cls.prefix == "":  # the encoder alone; what else the checkpoint has is not wanted
            found = {k.removeprefix("bert."): t for k, t in found.items() if k.startswith("bert.")}
        found = {k: t for k, t in found.items() if k in expected}
        missing = [k for k in expected if k.startswith(cls.prefix) and "pooler" not in k and k not in found]
        for head in (("transform", "norm", "bias"), ("follows",), ("classifier",)):  # whole, or not at all
            parts = [k for k in expected if cls.prefix and k.partition(".")[0] in head]
            missing += [k for k in parts if k not in found] * any(k in found for k in parts)
        wrong = [k for k, t in found.items() if t.shape != expected[k].shape]
        if missing or wrong:
            what = [f"it lacks {k}" for k in missing] + [
                f"{k} is {tuple(found[k].shape)}, not {tuple(expected[k].shape)}" for k in wrong
            ]
            raise ValueError(f"the checkpoint {str(name)!r} does not fit its config.json: {'; '.join(what[:3])}")
        model.load_state_dict(found, strict=False)
        return model.eval()

    def save_pretrained(self, folder, tokenizer=None):
        """Write ``config.json`` and ``model.safetensors``, which ``transformers`` can open, and the tokenizer."""
        folder = Path(folder)
        folder.mkdir(parents=True, exist_ok=True)
        about = {"architectures": [type(self).__name__]} | self.config.to_json() | self._extra()
        (folder / "config.json").write_text(json.dumps(about, indent=1) + "\n", encoding="utf-8")
        weights = _to_theirs(self.state_dict())
        save_file({k: t.detach().cpu().contiguous() for k, t in weights.items()}, folder / "model.safetensors",
                  {"format": "pt"})  # fmt: skip
        if tokenizer is not None:
            tokenizer.save(folder)

    def _extra(self):
        return {}


class BertModel(_Pretrained):
    """The encoder: norm(E[id] + place + segment), and L layers that look both ways, each normalised behind the sum.

    Args:
        config: a :class:`BertConfig`.
        fused: as for :class:`~lmcourse.transformer.MultiHeadAttention`.
    """

    prefix = ""

    def __init__(self, config, fused=True):
        super().__init__()
        self.config = config
        D = config.width
        self.words = nn.Embedding(config.vocab_size, D)
        if config.positions not in ("absolute", "rotary"):
            raise ValueError(f"positions are 'absolute' or 'rotary', not {config.positions!r}")
        self.places = nn.Embedding(config.longest, D) if config.positions == "absolute" else None
        self.segments = nn.Embedding(config.segments, D)
        self.norm, self.dropout = nn.LayerNorm(D, config.eps), nn.Dropout(config.dropout)
        self.layers = nn.ModuleList(
            EncoderLayer(
                D, config.heads, config.hidden, config.dropout, norm_first=False, activation=config.activation,
                rotary=config.positions == "rotary", fused=fused, eps=config.eps,
            )
            for _ in range(config.layers)
        )  # fmt: skip
        self.pooler = nn.Linear(D, D)
        _begin(self)

    def forward(self, ids, mask=None, segments=None, documents=None, *, weights=False):
        """Read.

        Args:
            ids: (B, T).
            mask: (B, T), True at real tokens; ``None`` means everywhere.
            segments: (B, T), the number of each token's segment; ``None`` means 0.
            documents: (B, T), for rows in which several texts are packed: tokens see those of the same number only,
                and each text begins at place 0. It takes the part of ``mask``.
            weights: whether the attention and the states of all layers are wanted.

        Returns:
            An :class:`Encoding`.
        """
        if ids.dim() != 2 or not ids.shape[1]:
            raise ValueError(f"ids are (B, T) with T at least 1, not {tuple(ids.shape)}")
        check_ids(ids, self.config.vocab_size)
        places = torch.arange(ids.shape[1], device=ids.device).expand_as(ids)
        if documents is not None:
            may = same_document(documents)
            new = F.pad(documents[:, 1:] != documents[:, :-1], (1, 0), value=True)
            places = places - (places * new).cummax(1).values
        elif mask is None or mask.dtype == torch.bool:
            may = None if mask is None or mask.all() else mask[:, None]
        else:
            raise TypeError(f"the mask is boolean, True at real tokens, not {mask.dtype}")
        if places.max() >= self.config.longest:
            raise ValueError(f"{int(places.max()) + 1} tokens are too many: this BERT has {self.config.longest} places")
        segments = torch.zeros_like(ids) if segments is None else segments
        check_ids(segments, self.config.segments, "segment")
        x = self.words(ids) + self.segments(segments)
        if self.places is not None:
            x = x + self.places(places)
        x = self.dropout(self.norm(x))  # (B, T, D)
        states, found = [x], []
        for layer in self.layers:
            x, looks, _ = layer(x, may, weights=weights)
            states.append(x)
            found.append(looks)
        return Encoding(x, *((torch.stack(states, 1), torch.stack(found, 1)) if weights else (None, None)))

    def pool(self, states):
        """The text as one vector, tanh(W h + b), from the state of its ``[CLS]``: (..., D) to (..., D)."""
        return torch.tanh(self.pooler(states))


def _begin(model):
    """The first weights of BERT: normal around 0, and biases 0."""
    for name, parameter in model.named_parameters():
        if parameter.dim() > 1:
            nn.init.normal_(parameter, std=model.config.std)
        elif name.endswith("bias"):
            nn.init.zeros_(parameter)


class BertForPreTraining(_Pretrained):
    """The encoder with its two teachers: which word was masked, and does the second text follow the first?

    Args:
        config: a :class:`BertConfig`.
        fused: as for :class:`BertModel`.
    """

    def __init__(self, config, fused=True):
        super().__init__()
        self.config = config
        self.bert = BertModel(config, fused)
        self.transform = nn.Linear(config.width, config.width)
        self.norm = nn.LayerNorm(config.width, config.eps)
        self.bias = nn.Parameter(torch.zeros(config.vocab_size))
        self.follows = nn.Linear(config.width, 2)
        self.activation = ACTIVATIONS[config.activation]
        _begin(self)

    def forward(
        self, ids, targets=None, mask=None, segments=None, documents=None, follows=None, counts=None, *, weights=False
    ):  # fmt: skip
        """Fill the gaps, and with targets say how wrong that was.

        The output layer, as large as the vocabulary, works at the places with a target only. Without targets it works
        everywhere.

        Args:
            ids, mask, segments, documents, weights: as for :class:`BertModel`.
            targets: (B, T), the right tokens at the masked places; -100 elsewhere.
            follows: (B, T), at each ``[CLS]`` 0 if the second text follows the first, 1 if it comes from elsewhere;
                -100 at all other places.
            counts: how many targets of both kinds the whole batch has, of which this may be a part; ``None`` counts
                those given.

        Returns:
            An :class:`~lmcourse.language_model.Output`: the loss is the mean over the masked tokens plus, with
            ``follows``, the mean over the pairs; logits (B, T, V) without targets only.
        """
        encoding = self.bert(ids, mask, segments, documents, weights=weights)
        if targets is None:
            return Output(None, self.fill(encoding.states), encoding.attention)
        at = targets != IGNORE
        masked, pairs = counts or (None, None)
        loss, _ = predict(self._ready(encoding.states[at]), self.bert.words.weight, self.bias, targets[at])
        if masked is not None:
            loss = loss * at.sum() / max(masked, 1)  # the mean over all parts of the batch
        if follows is not None:
            first = follows != IGNORE
            judged = F.cross_entropy(self.judge(encoding.states[first]), follows[first], reduction="sum")
            loss = loss + judged / (pairs or first.sum().clamp(min=1))
        return Output(loss, None, encoding.attention)

    def _ready(self, states):
        return self.norm(self.activation(self.transform(states)))

    def fill(self, states):
        """The score of each token for each place: E norm(f(W h + b)) + b', (..., D) to (..., V)."""
        return F.linear(self._ready(states), self.bert.words.weight, self.bias)

    def judge(self, states):
        """From states of ``[CLS]`` the scores of "follows" and "comes from elsewhere", (..., D) to (..., 2)."""
        return self.follows(self.bert.pool(states))


class _Classifier(_Pretrained):
    """The encoder with one layer on top, for a choice between classes."""

    def __init__(self, config, classes=2, fused=True):
        super().__init__()
        if classes < 2:
            raise ValueError(f"a classifier chooses between 2 or more classes, not {classes}")
        self.config = config
        self.bert = BertModel(config, fused)
        self.dropout = nn.Dropout(config.dropout)
        self.classifier = nn.Linear(config.width, classes)
        _begin(self)

    def _extra(self):
        names = {str(n): f"LABEL_{n}" for n in range(self.classifier.out_features)}
        return {"id2label": names, "label2id": {name: int(n) for n, name in names.items()}}


class BertForSequenceClassification(_Classifier):
    """The encoder and one layer on the text's vector: logits W tanh(...) + b of C classes.

    Args:
        config: a :class:`BertConfig`.
        classes: C.
        fused: as for :class:`BertModel`.
    """

    def forward(self, ids, targets=None, mask=None, segments=None, *, weights=False):
        """The logits of the classes (B, C), and the mean cross-entropy with ``targets`` (B,)."""
        encoding = self.bert(ids, mask, segments, weights=weights)
        logits = self.classifier(self.dropout(self.bert.pool(encoding.states[:, 0])))
        return Output(_class_loss(logits, targets), logits, encoding.attention)


class BertForTokenClassification(_Classifier):
    """The encoder and one layer on each token: logits W h + b of C classes.

    Args:
        config: a :class:`BertConfig`.
        classes: C.
        fused: as for :class:`BertModel`.
    """

    def forward(self, ids, targets=None, mask=None, segments=None, *, weights=False):
        """The logits of each token's classes (B, T, C), and the mean cross-entropy with ``targets`` (B, T)."""
        encoding = self.bert(ids, mask, segments, weights=weights)
        logits = self.classifier(self.dropout(encoding.states))
        return Output(_class_loss(logits, targets), logits, encoding.attention)


def _class_loss(logits, targets):
    if targets is None:
        return None
    if targets.shape != logits.shape[:-1]:
        raise ValueError(f"targets are {tuple(logits.shape[:-1])}, not {tuple(targets.shape)}")
    check_ids(targets, logits.shape[-1], "class", targets != IGNORE)
    return F.cross_entropy(logits.flatten(0, -2), targets.flatten(), ignore_index=IGNORE)


# --- checkpoints: our names, and those of the rest of the world ---

_NAMES = {
    "words": "embeddings.word_embeddings", "places": "embeddings.position_embeddings",
    "segments": "embeddings.token_type_embeddings", "norm": "embeddings.LayerNorm", "pooler": "pooler.dense",
}  # fmt: skip
_LAYER = {
    "self_attn.out_proj": "attention.output.dense", "norm1": "attention.output.LayerNorm",
    "linear1": "intermediate.dense", "linear2": "output.dense", "norm2": "output.LayerNorm",
}  # fmt: skip
_HEADS = {
    "transform": "cls.predictions.transform.dense", "norm": "cls.predictions.transform.LayerNorm",
    "bias": "cls.predictions.bias", "follows": "cls.seq_relationship", "classifier": "classifier",
}  # fmt: skip


def _theirs(name):
    """Our name of a tensor to theirs, or to three names where they keep three tensors."""
    if name.startswith("bert."):
        found = _theirs_of_encoder(name.removeprefix("bert."))
        return [f"bert.{one}" for one in found] if isinstance(found, list) else f"bert.{found}"
    stem, dot, kind = name.rpartition(".")
    return f"{_HEADS[stem]}.{kind}" if dot else _HEADS[name]


def _theirs_of_encoder(name):
    stem, _, kind = name.rpartition(".")
    if not stem.startswith("layers."):
        return f"{_NAMES[stem]}.{kind}"
    _, number, rest = name.split(".", 2)
    layer = f"encoder.layer.{number}"
    if rest.startswith("self_attn.in_proj_"):
        return [f"{layer}.attention.self.{part}.{rest[18:]}" for part in ("query", "key", "value")]
    return f"{layer}.{_LAYER[rest.rpartition('.')[0]]}.{kind}"


def _to_theirs(weights):
    whole = any(name.startswith("bert.") for name in weights)
    found = {}
    for name, tensor in weights.items():
        theirs = _theirs(name) if whole else _theirs_of_encoder(name)
        if isinstance(theirs, list):
            found |= dict(zip(theirs, (part.clone() for part in tensor.chunk(3)), strict=True))
        else:
            found[theirs] = tensor
    return found


def _from_theirs(weights, config):
    """Their weights under our names; those of older checkpoints are called gamma and beta."""
    found = {k.replace("LayerNorm.gamma", "LayerNorm.weight").replace("LayerNorm.beta", "LayerNorm.bias"): t
             for k, t in weights.items()}  # fmt: skip
    prefix = "bert." if any(k.startswith("bert.") for k in found) else ""
    words, output = (found.get(k) for k in (f"{prefix}{_NAMES['words']}.weight", "cls.predictions.decoder.weight"))
    if words is not None and output is not None and not torch.equal(words, output):
        raise ValueError("this BERT has an output layer of its own; here it is the table of tokens, as published")
    ours = {}
    with torch.device("meta"):
        names = list(BertForPreTraining(config).state_dict())
    for name in [*names, "classifier.weight", "classifier.bias"]:
        theirs = _theirs(name)
        theirs = theirs if isinstance(theirs, list) else [theirs]
        theirs = [prefix + one.removeprefix("bert.") if name.startswith("bert.") else one for one in theirs]
        if all(one in found for one in theirs):
            ours[name] = torch.cat([found[one] for one in theirs]).float()
    return ours


def find_file(name, file, required=True):
    """A file of a checkpoint: in a folder, or from the hub, by way of its cache.

    Args:
        name: a folder, or the name of a model on the hub.
        file: such as ``"config.json"``.
        required: whether its absence is an error rather than ``None``.

    Raises:
        FileNotFoundError: it is neither here nor there.
    """
    folder = Path(name)
    if folder.is_dir():
        if (folder / file).is_file():
            return folder / file
        if required:
            raise FileNotFoundError(f"there is no {file!r} in {str(name)!r}")
        return None
    from huggingface_hub import hf_hub_download
    from huggingface_hub.errors import EntryNotFoundError

    try:
        return Path(hf_hub_download(str(name), file))
    except Exception as error:  # no connection, no such model, no such file, no valid name
        if isinstance(error, EntryNotFoundError) and not required:
            return None
        raise FileNotFoundError(
            f"there is no folder {str(name)!r}, and the hub did not give {file!r}: {error}"
        ) from None


def _read(name):
    """All tensors of a checkpoint, which may lie in several files."""
    index = find_file(name, "model.safetensors.index.json", required=False)
    files = (
        ["model.safetensors"] if index is None else sorted(set(json.loads(index.read_text())["weight_map"].values()))
    )
    found = {}
    for file in files:
        path = find_file(name, file)
        try:
            with safe_open(path, "pt") as opened:
                found |= {key: opened.get_tensor(key) for key in opened.keys()}
        except SafetensorError as error:
            raise ValueError(f"{str(path)!r} is damaged, or no file of weights at all ({error})") from None
    return found
