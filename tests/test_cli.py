"""A BERT of one's own text by one command: from the file to a checkpoint, whole, interrupted, and by two processes."""

import json
import os
import re
import subprocess
import sys

import pytest
import torch
from safetensors.torch import load_file
from test_corpus import many

from lmcourse import cli, own_bert, tasks
from lmcourse.bert import BertForPreTraining
from lmcourse.wordpiece import WordPiece

TINY = {
    "shape": {"width": 8, "layers": 1, "heads": 2, "hidden": 16, "longest": 48, "dropout": 0.0},
    "vocabulary": 80, "rows": 6, "at_once": 4, "lr": 1e-2, "warmup": 0.1, "steps": 7,
}  # fmt: skip


@pytest.fixture
def text(tmp_path, monkeypatch):
    monkeypatch.setitem(own_bert.PRESETS, "small", TINY)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    path = tmp_path / "my.txt"
    path.write_text(many(60), "utf-8")
    return path


def command(text, output, *more):
    return [
        "train",
        "bert",
        "--preset",
        "small",
        "--data",
        str(text),
        "--device",
        "cpu",
        "--output",
        str(output),
        *more,
    ]


def same(one, other):
    one, other = (load_file(folder / "model.safetensors") for folder in (one, other))
    return one.keys() == other.keys() and all(torch.equal(one[name], other[name]) for name in one)


def test_from_a_text_to_a_checkpoint(text, tmp_path, capsys):
    output = tmp_path / "output"
    assert cli.main(command(text, output, "--steps", "3")) == 0
    model, tokenizer = BertForPreTraining.from_pretrained(output), WordPiece.from_pretrained(output)
    assert model.config.vocab_size == len(tokenizer) <= 80 and model.config.width == 8
    record = json.loads((output / "bert-small.json").read_text("utf-8"))
    assert record["command"] == "lmcourse train bert-small --data my.txt --steps 3"
    assert record["bytes"] == (output / "model.safetensors").stat().st_size
    assert record["parameters"] == sum(p.numel() for p in model.parameters())
    figures = record["figures"]
    assert figures["text"]["documents"] == 60 and figures["text"]["held out"] == figures["text"]["graded"] == 1
    assert 0 <= figures["accuracy"] <= 1 and 2 < figures["loss"] < 6 and figures["masked"] > 100
    assert "model.safetensors" in capsys.readouterr().out
    assert not list(output.rglob("bert-small*.safetensors")), "a finished run leaves no checkpoint"
    before = load_file(output / "model.safetensors")
    assert cli.main(command(text, output, "--steps", "3")) == 0  # once more, with what was prepared
    assert all(torch.equal(before[name], tensor) for name, tensor in load_file(output / "model.safetensors").items())
    transformers = pytest.importorskip("transformers")
    theirs = transformers.BertForPreTraining.from_pretrained(output).eval()
    ids = torch.tensor([tokenizer.encode("Nina walked home.", "It rained.").ids])
    with torch.no_grad():
        assert torch.allclose(theirs(ids).prediction_logits, model(ids).logits, atol=1e-5)
    assert (
        transformers.AutoTokenizer.from_pretrained(output)("Nina walked home.", "It rained.")["input_ids"]
        == ids[0].tolist()
    )


def test_it_learns(text, tmp_path):
    losses = []
    for steps in ("1", "40"):
        assert cli.main(command(text, tmp_path / steps, "--steps", steps)) == 0
        losses.append(json.loads((tmp_path / steps / "bert-small.json").read_text("utf-8"))["figures"]["loss"])
    assert losses[1] < losses[0] - 0.3


def test_an_interrupted_run_goes_on(text, tmp_path, monkeypatch):
    assert cli.main(command(text, tmp_path / "whole")) == 0
    real, calls = torch.optim.AdamW.step, []

    def step(self, *args, **options):
        calls.append(1)
        if len(calls) == 5:
            raise KeyboardInterrupt
        return real(self, *args, **options)

    clock = iter(range(0, 10**6, 100))
    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(torch.optim.AdamW, "step", step)
        patch.setattr("lmcourse.training.monotonic", lambda: next(clock))  # so that each step is written
        cli.main(command(text, tmp_path / "broken"))
    assert len(list((tmp_path / "broken" / "data").glob("bert-small-0-*.safetensors"))) == 1
    monkeypatch.setattr(torch.optim.AdamW, "step", lambda *a, **k: calls.append(1) or real(*a, **k))
    assert cli.main(command(text, tmp_path / "broken")) == 0
    assert len(calls) == 5 + 3 and same(tmp_path / "whole", tmp_path / "broken")
    text.write_text(many(60, seed=1), "utf-8")  # another text is another run
    assert cli.main(command(text, tmp_path / "broken")) == 0 and not same(tmp_path / "whole", tmp_path / "broken")


def test_two_processes_do_the_work_of_one(text, tmp_path):
    pytest.importorskip("accelerate")
    script = tmp_path / "train.py"
    script.write_text(
        "import sys\nfrom lmcourse import cli, own_bert\n"
        f"own_bert.PRESETS['small'] = {TINY!r}\nsys.exit(cli.main(sys.argv[1:]))\n"
    )
    launch = [
        sys.executable,
        "-m",
        "accelerate.commands.launch",
        "--cpu",
        "--num_processes",
        "2",
        "--num_machines",
        "1",
    ]
    launch += ["--mixed_precision", "no", "--dynamo_backend", "no", "--main_process_port", "29583", str(script)]
    environment = os.environ | {"OMP_NUM_THREADS": "1", "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    two = subprocess.Popen(
        launch + command(text, tmp_path / "two"),
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert cli.main(command(text, tmp_path / "one")) == 0
    out, errors = two.communicate(timeout=180)
    assert two.returncode == 0, errors
    assert out.count("Stored in") == 1, "one process alone writes and prints"
    one, other = (load_file(tmp_path / name / "model.safetensors") for name in ("one", "two"))
    for name, tensor in one.items():
        assert torch.allclose(tensor, other[name], atol=1e-5), name
    figures = [
        json.loads((tmp_path / name / "bert-small.json").read_text("utf-8"))["figures"] for name in ("one", "two")
    ]
    assert figures[0]["loss"] == pytest.approx(figures[1]["loss"], abs=1e-3)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["bert", "--preset", "huge"], "bert has the presets .*small, base.* and --preset is 'huge'"),
        (["bert"], "bert has the presets"),
        (["bert", "--preset", "small"], "learns from your own text: --data FILE"),
        (["bert-small", "--data", "nowhere.txt"], "there is no file 'nowhere.txt'"),
        (["bert-small", "--data", "EMPTY"], "EMPTY' is empty"),
        (["bert-small", "--data", "BINARY"], "BINARY' is not UTF-8: byte 0 is 0xff"),
        (["bert-small", "--data", "SINGLE"], "the text has 1 document, and 2 are needed"),
        (["bert-small", "--data", "LINES"], "there are 0 stretches of 2 or more sentences"),
        (["bert-small", "--data", "SINGLE", "--precision", "float16"], "invalid choice: 'float16'"),
        (["tagger", "--data", "SINGLE"], "tagger learns from data of its own.* without --data"),
        (["tagger", "--steps", "3"], "tagger learns from data of its own.* without --steps"),
        (["bert-small", "--data", "GOOD", "--steps", "0"], "epochs=None and steps=0"),
    ],
)
def test_what_is_wrong_is_said(text, tmp_path, monkeypatch, capsys, arguments, message):
    monkeypatch.chdir(tmp_path)
    contents = {"EMPTY": b"", "BINARY": b"\xff\xfe", "SINGLE": b"It rained.\nIt snowed.\n", "GOOD": text.read_bytes()}
    contents["LINES"] = b"It rained.\n\nIt snowed.\n\n" * 3
    for name, content in contents.items():
        (tmp_path / name).write_bytes(content)
    with pytest.raises(SystemExit) as status:
        cli.main(["train", *arguments])
    assert status.value.code == 2
    said = capsys.readouterr().err
    assert re.search(message, said), said


def test_every_recipe_is_listed(capsys):
    assert cli.main(["train"]) == 0
    listed = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in listed] == list(tasks.RECIPES)


def test_options_reach_fit(tmp_path, monkeypatch):
    given = {}

    def train(quick=False, seed=0, **how):
        given.update(how, quick=quick, seed=seed)
        raise InterruptedError

    monkeypatch.setattr(tasks, "recipe", lambda name: tasks.Recipe("", None, train, None))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    options = ["--precision", "bfloat16", "--compile", "--accumulate", "3", "--device", "cpu", "--seed", "4"]
    with pytest.raises(InterruptedError):
        cli.main(["train", "story", "--preset", "en", *options])
    assert given.pop("checkpoint").name == "story-en-4.safetensors"
    assert given == {
        "progress": True, "device": "cpu", "precision": "bfloat16", "compile": True, "accumulate": 3, "quick": False,
        "seed": 4,
    }  # fmt: skip
