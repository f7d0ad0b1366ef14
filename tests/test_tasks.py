"""Codecs, systems and their files: there and back again, the same whatever else is in the batch, and no silent harm."""

import json

import pytest
import torch
from safetensors.torch import load_file, save_file

from lmcourse import cli, tasks, text
from lmcourse.seq2seq import Decoder, Encoder, Seq2Seq, TextFront
from lmcourse.tasks import Recipe, System, TextCodec, pack, seeded, unpack
from lmcourse.training import fit

SENTENCES = ["비가 온다.", "눈이 온다.", "해가 난다.", "바람이 분다."]
ENGLISH = ["It rains.", "It snows.", "The sun shines.", "The wind blows."]
SETTINGS = {"source": sorted(set("".join(SENTENCES).replace(" ", "▁"))), "hidden": 24}


def build(settings):
    torch.manual_seed(0)
    source = TextCodec("syllable", settings["source"])
    words = text.Vocabulary.count(text.split_all(ENGLISH, "word"))
    target = TextCodec("word", words.tokens)
    encoder = Encoder(TextFront(len(source.vocabulary), 16), 16, settings["hidden"], bidirectional=True)
    decoder = Decoder(len(words), 16, settings["hidden"], encoder.context_size)
    return System(Seq2Seq(encoder, decoder), source, target, max_length=12)


def train(quick=False, seed=0, checkpoint=None, progress=False, device="cpu"):
    system = build(SETTINGS)
    encoded = system.encode(zip(SENTENCES, ENGLISH, strict=True))
    fit(
        system.model, system.shuffled(encoded, 2, seed), steps=10 if quick else 200, lr=1e-2,
        checkpoint=checkpoint, progress=progress, device=device,
    )  # fmt: skip
    return system, SETTINGS


@pytest.fixture(scope="module")
def trained():
    return train()[0]


@pytest.fixture
def toy(monkeypatch, tmp_path):
    """A system called "toy" that lmcourse train knows, and a cache of its own."""
    recipe = Recipe("A toy.", build, train, lambda system, quick=False: {"right": int(system(SENTENCES) == ENGLISH)})
    known = tasks.recipe
    monkeypatch.setattr(tasks, "recipe", lambda name: recipe if name == "toy" else known(name))
    monkeypatch.setitem(tasks.RECIPES, "toy", __name__)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return recipe


def test_text_goes_there_and_back():
    for unit, sentence in (("word", "It rains."), ("syllable", "비가 온다."), ("morpheme", "비가 왔다.")):
        codec = TextCodec(unit, text.split(sentence, unit))
        assert codec.decode(codec.encode(sentence)) == sentence
        assert codec.decode([codec.bos, *codec.encode(sentence), codec.eos]) == sentence
        again = TextCodec(**json.loads(json.dumps(codec.settings())))
        assert again.encode(sentence) == codec.encode(sentence) and again.settings() == codec.settings()
        assert codec.encode(text.split(sentence, unit)) == codec.encode(sentence)  # pieces that are cut already


def test_unknown_pieces_are_named():
    codec = TextCodec("word", ["▁It", "▁rains", "."])
    assert codec.unknown("It snows, rains.") == ["▁snows", ","]
    assert codec.encode("It snows.").count(codec.vocabulary["<unk>"]) == 1


def test_a_codec_refuses_what_it_cannot_read():
    codec = TextCodec("word", ["▁a"], longest=3)
    for empty in ("", "  \n"):
        with pytest.raises(ValueError, match="there is no text in"):
            codec.encode(empty)
    with pytest.raises(ValueError, match="'a a a a' has 4 pieces, and at most 3"):
        codec.encode("a a a a")
    for strange in ("Привет!", "どうも"):
        with pytest.raises(ValueError, match=f"nothing in '{strange}' is known"):
            codec.encode(strange)
    assert codec.encode(["Привет"]) == [codec.vocabulary["<unk>"]]  # pieces that somebody has cut are taken as they are
    with pytest.raises(ValueError, match="no unit 'letter'"):
        TextCodec("letter", [])


def test_a_system_learns_and_answers(trained):
    assert trained(SENTENCES) == ENGLISH == trained(SENTENCES, beam=3)
    assert trained("비가 온다.") == "It rains."
    assert trained([]) == []
    assert trained(SENTENCES[::-1]) == ENGLISH[::-1]
    hypotheses = trained.search(SENTENCES, beam=3)
    assert all(found[0].score >= found[-1].score for found in hypotheses)


def test_batches_are_what_teacher_forcing_needs(trained):
    encoded = trained.encode(zip(SENTENCES, ENGLISH, strict=True))
    seen = []
    for batch in trained.batches(encoded, 3, seed=1):
        assert (batch["ids"][:, 0] == trained.target.bos).all()
        for row in range(len(batch["ids"])):
            targets = batch["targets"][row][batch["targets"][row] != -100].tolist()
            assert targets[-1] == trained.target.eos
            assert batch["ids"][row, 1 : len(targets)].tolist() == targets[:-1]
            source = batch["source"][row][batch["source_mask"][row]].tolist()
            seen.append((trained.source.decode(source), trained.target.decode(targets)))
    assert sorted(seen) == sorted(zip(SENTENCES, ENGLISH, strict=True))
    epochs = trained.shuffled(encoded, 3)
    orders = [[batch["ids"].tolist() for batch in epochs(epoch)] for epoch in (0, 0, 1, 2, 3)]
    assert orders[0] == orders[1] and any(order != orders[0] for order in orders[2:])


def test_what_is_seeded_leaves_the_global_generator_alone():
    before = torch.get_rng_state()
    drawn = []
    for seed in (0, 0, 1):
        with seeded(seed):
            drawn.append(torch.rand(3))
    assert torch.equal(drawn[0], drawn[1]) and not torch.equal(drawn[0], drawn[2])
    assert torch.equal(torch.get_rng_state(), before)


def test_eight_bits_are_nearly_the_same():
    torch.manual_seed(0)
    weights = {
        "a": torch.randn(7, 5) * torch.logspace(-4, 2, 7)[:, None],
        "b": torch.randn(5),
        "zero": torch.zeros(2, 3),
    }
    weights |= {"cnn": torch.randn(4, 3, 3, 3), "count": torch.tensor(3)}
    packed = pack(weights)
    assert packed["a"].dtype == packed["cnn"].dtype == torch.int8
    back = unpack(packed)
    assert back.keys() == weights.keys() and back["count"] == 3
    for name in ("a", "cnn", "zero"):
        largest = weights[name].flatten(1).abs().amax(1)
        assert ((back[name] - weights[name]).flatten(1).abs().amax(1) <= largest / 127 * 0.51 + 1e-7).all()
    assert torch.allclose(back["b"], weights["b"], rtol=1e-3)
    again = unpack(pack(back))
    assert all(torch.equal(again[name], back[name]) for name in ("a", "cnn", "b"))


def test_a_system_comes_back_from_its_file(trained, toy, tmp_path):
    trained.save(tmp_path / "toy.safetensors", SETTINGS)
    again = tasks.load("toy", tmp_path / "toy.safetensors")
    assert not again.model.training
    assert again(SENTENCES) == ENGLISH
    assert again.target.settings() == trained.target.settings()


def test_files_that_are_no_system_are_refused(trained, toy, tmp_path):
    path = tmp_path / "toy.safetensors"
    with pytest.raises(FileNotFoundError, match="lmcourse train toy"):
        tasks.load("toy", path)
    path.write_bytes(b"not a file of weights")
    with pytest.raises(ValueError, match="damaged"):
        tasks.load("toy", path)
    trained.save(path, SETTINGS)
    path.write_bytes(path.read_bytes()[:-10])
    with pytest.raises(ValueError, match="damaged"):
        tasks.load("toy", path)
    save_file({"a": torch.zeros(1)}, path)
    with pytest.raises(ValueError, match="holds no system"):
        tasks.load("toy", path)
    trained.save(path, SETTINGS | {"hidden": 20})
    with pytest.raises(ValueError, match="does not fit the system 'toy'"):
        tasks.load("toy", path)
    with pytest.raises(ValueError, match="no system 'nothing'; the systems are ko-en"):
        tasks.load("nothing")
    with pytest.raises(FileNotFoundError, match="nothing is recorded of 'toy'"):
        tasks.figures("toy")


# --- lmcourse train ---


def test_train_writes_weights_and_figures(toy, tmp_path, capsys):
    assert cli.main(["train", "toy", "--output", str(tmp_path)]) == 0
    record = json.loads((tmp_path / "toy.json").read_text("utf-8"))
    assert record["command"] == "lmcourse train toy" and record["figures"] == {"right": 1}
    assert record["bytes"] == (tmp_path / "toy.safetensors").stat().st_size
    assert record["parameters"] == sum(p.numel() for p in build(SETTINGS).model.parameters())
    assert {"date", "versions", "machine", "cpu_seconds"} <= record.keys()
    assert tasks.load("toy", tmp_path / "toy.safetensors")(SENTENCES) == ENGLISH
    assert "toy.safetensors" in capsys.readouterr().out
    assert not list((tmp_path / "cache").rglob("*.safetensors")), "a finished run leaves no checkpoint"


def test_an_interrupted_training_goes_on(toy, tmp_path, monkeypatch):
    whole = tmp_path / "whole"
    assert cli.main(["train", "toy", "--quick", "--output", str(whole)]) == 0
    calls = []

    def stop(self, *args, **options):
        calls.append(1)
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(System, "save", stop)  # after the last step, before the result is written
        with pytest.raises(KeyboardInterrupt):
            cli.main(["train", "toy", "--quick", "--output", str(tmp_path / "again")])
    assert calls and list((tmp_path / "cache").rglob("toy-quick-0.safetensors"))
    steps = []
    forward = Seq2Seq.forward
    monkeypatch.setattr(Seq2Seq, "forward", lambda self, *a, **k: steps.append(1) or forward(self, *a, **k))
    assert cli.main(["train", "toy", "--quick", "--output", str(tmp_path / "again")]) == 0
    assert not steps, "all steps were in the checkpoint"
    one, other = (load_file(folder / "toy.safetensors") for folder in (whole, tmp_path / "again"))
    assert one.keys() == other.keys() and all(torch.equal(one[name], other[name]) for name in one)


def test_train_names_what_it_can(capsys):
    with pytest.raises(SystemExit):
        cli.main(["train", "nothing"])
    assert "no system 'nothing'" in capsys.readouterr().err
    with pytest.raises(SystemExit):
        cli.main([])
