"""One loop for all models: equal to a loop by hand, resumed to the last bit, and honest about what goes wrong."""

import json
import math
import os
import shutil
import subprocess
import sys

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from torch import nn

from lmcourse import pretraining, training
from lmcourse.bert import BertConfig, BertForPreTraining
from lmcourse.language_model import Output
from lmcourse.pretraining import pack, pairs
from lmcourse.rnn import LanguageModel
from lmcourse.text import windows
from lmcourse.training import History, adamw, evaluate, fit, learning_rate, load

IDS = torch.randint(0, 11, (700,), generator=torch.Generator().manual_seed(0))
QUIET = {"progress": False, "device": "cpu"}


def batches(epoch):
    """13 windows of 8 streams: three epochs have 39 steps."""
    return windows(IDS[epoch:], 8, 7, ignore=[3])


def language_model(seed=0, **options):
    torch.manual_seed(seed)
    return LanguageModel(11, **{"width": 6, "dropout": 0.4} | options)


class Line(nn.Module):
    """Mean squared error of a line through the origin; the targets are whole numbers, as everywhere."""

    def __init__(self, slope=0.0):
        super().__init__()
        self.slope = nn.Parameter(torch.tensor([[slope]], dtype=torch.float64))

    def forward(self, x, targets):
        return Output((x @ self.slope - targets).square().mean(), None)


LINE = {"x": torch.tensor([[1.0], [2.0]], dtype=torch.float64), "targets": torch.tensor([[3], [6]])}


def same_weights(one, two):
    return all(torch.equal(a, b) for a, b in zip(one.state_dict().values(), two.state_dict().values(), strict=True))


# --- one step after the other ---


def test_fit_is_the_loop_by_hand():
    by_hand, by_fit = (language_model(dropout=0.0).double() for _ in range(2))
    history = fit(by_fit, batches, epochs=2, lr=0.02, warmup=0.1, weight_decay=0.1, clip=0.1, **QUIET)

    recurrent = [p for name, p in by_hand.named_parameters() if "weight_" in name]
    others = [p for name, p in by_hand.named_parameters() if "weight_" not in name]
    optimizer = torch.optim.AdamW([{"params": recurrent}, {"params": others, "weight_decay": 0}], weight_decay=0.1)
    step, losses = 0, []
    for epoch in range(2):
        for batch in batches(epoch):
            warm = round(0.1 * 26)
            rate = (step + 1) / warm if step < warm else 0.5 + 0.5 * math.cos(math.pi * (step - warm) / (26 - warm))
            for group in optimizer.param_groups:
                group["lr"] = 0.02 * rate
            loss = by_hand(**batch).loss
            optimizer.zero_grad()
            loss.backward()
            length = math.sqrt(sum(p.grad.square().sum().item() for p in by_hand.parameters()))
            for p in by_hand.parameters():
                p.grad *= min(1, 0.1 / (length + 1e-6))
            optimizer.step()
            losses.append(loss.item())
            assert history[step]["norm"] == pytest.approx(length) and history[step]["lr"] == pytest.approx(0.02 * rate)
            step += 1
    assert [entry["loss"] for entry in history] == pytest.approx(losses, rel=1e-12)
    assert [entry["step"] for entry in history] == list(range(1, 27))
    assert [entry["epoch"] for entry in history] == [0] * 13 + [1] * 13
    assert max(entry["norm"] for entry in history) > 0.1, "clipping was not tried"
    for one, two in zip(by_hand.parameters(), by_fit.parameters(), strict=True):
        assert torch.allclose(one, two, atol=1e-12)


def test_a_batch_can_be_learned_by_heart():
    model = language_model(dropout=0.0, width=32)
    ids = torch.stack(
        [IDS[n : n + 8].clone().index_fill_(0, torch.tensor(0), n) for n in range(8)]
    )  # no two begin alike
    batch = {"ids": ids[:, :-1], "targets": ids[:, 1:]}
    fit(model, lambda epoch: [batch], steps=300, lr=0.03, **QUIET)
    result = evaluate(model, [batch])
    assert result["loss"] < 0.1 and result["accuracy"] == 1


def test_the_learning_rate_rises_and_falls():
    rates = [learning_rate(step, 100, 0.1, warmup=0.1) for step in range(100)]
    assert rates[:10] == pytest.approx([0.01 * n for n in range(1, 11)])
    assert rates[9:] == sorted(rates[9:], reverse=True) and rates[55] == pytest.approx(0.05)
    assert 0 < rates[-1] < 1e-4 and max(rates) == pytest.approx(0.1)
    assert learning_rate(0, 1, 0.1) == learning_rate(0, 10, 0.1, warmup=0) == 0.1
    with pytest.raises(ValueError, match="not 100"):
        learning_rate(0, 1000, 0.1, warmup=100)


def test_decay_spares_embeddings_and_vectors():
    model = nn.Sequential(nn.Embedding(5, 4), nn.Linear(4, 4), nn.LayerNorm(4))
    decayed, spared = adamw(model, weight_decay=0.3).param_groups
    assert [p.shape for p in decayed["params"]] == [(4, 4)] and decayed["weight_decay"] == 0.3
    assert len(spared["params"]) == 4 and spared["weight_decay"] == 0
    model[1].requires_grad_(False)
    (only,) = adamw(model).param_groups
    assert len(only["params"]) == 3


def test_frozen_weights_stay():
    model = language_model()
    before = model.embedding.weight.clone()
    model.embedding.requires_grad_(False)
    fit(model, batches, steps=5, **QUIET)
    assert torch.equal(model.embedding.weight, before)
    assert not torch.equal(model.bias, language_model().bias)


# --- the state ---


class Echo(nn.Module):
    """Notes which state it was given; its own state is the number of its call."""

    def __init__(self):
        super().__init__()
        self.weight, self.given = nn.Parameter(torch.ones(1)), []

    def forward(self, ids, targets, state=None):
        self.given.append(None if state is None else state[0].item())
        assert state is None or not state[0].requires_grad
        return Output(self.weight.sum(), None, state=(self.weight * 0 + len(self.given),))


def test_the_state_is_carried_through_an_epoch_and_cut_off():
    model = Echo()
    fit(model, batches, epochs=2, carry=True, **QUIET)
    assert model.given == [None, *range(1, 13), None, *range(14, 26)]
    model.given = []
    fit(model, batches, epochs=1, **QUIET)
    assert model.given == [None] * 13
    model.given = []
    evaluate(model, batches, carry=True)
    assert model.given == [None, *range(1, 13)]


@pytest.mark.parametrize("cell", ["rnn", "gru", "lstm"])
def test_windows_with_a_carried_state_are_one_long_run(cell):
    model = language_model(cell=cell, layers=2).double()
    (whole,) = windows(IDS, 4, 10_000)
    expected = evaluate(model, [whole])
    for length in (1, 7, 50):
        assert evaluate(model, list(windows(IDS, 4, length)), carry=True) == pytest.approx(expected, rel=1e-12)
    assert evaluate(model, list(windows(IDS, 4, 7)))["loss"] != pytest.approx(expected["loss"], rel=1e-6)


# --- evaluate ---


def test_evaluate_is_a_mean_over_targets_not_over_batches():
    model = language_model().double()
    long, short = list(windows(IDS, 8, 80, ignore=[3]))[0], list(windows(IDS[300:], 1, 2))[0]
    model.eval()
    logits = torch.cat([model(b["ids"]).logits.flatten(0, 1) for b in (long, short)]).detach()
    targets = torch.cat([b["targets"].flatten() for b in (long, short)])
    model.train()
    found = evaluate(model, [long, short])
    assert found["count"] == (targets != -100).sum() < len(targets)
    assert found["loss"] == pytest.approx(nn.functional.cross_entropy(logits, targets).item(), rel=1e-12)
    right = (logits.argmax(1) == targets)[targets != -100].double().mean().item()
    assert found["accuracy"] == pytest.approx(right, rel=1e-12)
    assert model.training and all(p.grad is None for p in model.parameters())


def test_evaluate_leaves_the_mode_even_after_an_error():
    model = language_model()
    model.eval()
    evaluate(model, batches)
    assert not model.training
    model.train()
    with pytest.raises(IndexError):
        evaluate(model, [{"ids": torch.tensor([[99]]), "targets": torch.tensor([[1]])}])
    assert model.training


def test_evaluate_without_logits_and_without_targets():
    assert evaluate(language_model(chunk=64), batches).keys() == {"loss", "count"}
    blank = next(batches(0)) | {"targets": torch.full((8, 7), -100)}
    model = language_model()
    assert evaluate(model, [blank, *batches(0)]) == evaluate(model, batches)
    with pytest.raises(ValueError, match="no batch has a target that counts"):
        evaluate(model, [blank])


# --- randomness ---


def test_a_seed_makes_dropout_repeatable_and_leaves_the_world_alone():
    models = [language_model() for _ in range(4)]
    torch.manual_seed(5)
    before = torch.get_rng_state()
    histories = [
        fit(model, batches, epochs=1, seed=seed, **QUIET) for model, seed in zip(models, (1, 1, 2), strict=False)
    ]
    assert torch.equal(torch.get_rng_state(), before)
    assert histories[0] == histories[1] != histories[2]
    assert same_weights(models[0], models[1]) and not same_weights(models[0], models[2])


def test_every_step_has_a_dropout_of_its_own():
    class Noise(nn.Module):
        def __init__(self):
            super().__init__()
            self.weight, self.drawn = nn.Parameter(torch.ones(1)), []

        def forward(self, **batch):
            self.drawn.append(torch.rand(()).item())
            return Output(self.weight.sum(), None)

    model = Noise()
    fit(model, batches, epochs=3, **QUIET)
    assert len(set(model.drawn)) == 39


# --- interrupted and resumed ---

RUN = {"epochs": 3, "carry": True, "valid": batches, "every": 5, "patience": 100, "lr": 0.01, "save_every": 0, **QUIET}


@pytest.fixture(scope="module")
def unbroken():
    model = language_model(layers=2)
    return model, fit(model, batches, **RUN)


def interrupt(monkeypatch, at, error):
    """Raises in the middle of the step ``at`` of the optimizer, when some of the weights have moved."""
    real, calls = torch.optim.AdamW.step, []

    def step(self, *args, **options):
        calls.append(1)
        result = real(self, *args, **options)
        if len(calls) == at:
            raise error
        return result

    monkeypatch.setattr(torch.optim.AdamW, "step", step)


@pytest.mark.parametrize("at", [1, 2, 12, 13, 14, 15, 16, 26, 38, 39])
@pytest.mark.parametrize("error", [KeyboardInterrupt(), RuntimeError("power cut")], ids=["interrupt", "error"])
def test_a_resumed_run_is_the_unbroken_run(unbroken, monkeypatch, tmp_path, at, error):
    model, path = language_model(layers=2), tmp_path / "run.safetensors"
    with monkeypatch.context() as patch, pytest.raises(type(error)):
        interrupt(patch, at, error)
        fit(model, batches, checkpoint=path, **RUN)
    assert path.exists() == (at > 1)
    again = language_model(seed=9, layers=2) if at > 1 else language_model(layers=2)
    history = fit(again, batches, checkpoint=path, **RUN)
    assert history == unbroken[1] and len(history) == 39
    assert same_weights(again, unbroken[0])
    assert os.listdir(tmp_path) == ["run.safetensors"]


def test_a_run_can_be_broken_many_times(unbroken, monkeypatch, tmp_path):
    path = tmp_path / "deep" / "down" / "run.safetensors"
    for _ in range(5):
        model = language_model(layers=2)
        with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
            interrupt(patch, 7, KeyboardInterrupt())
            fit(model, batches, checkpoint=path, **RUN)
    model = language_model(layers=2)
    assert fit(model, batches, checkpoint=path, **RUN) == unbroken[1] and same_weights(model, unbroken[0])


def test_rare_writing_loses_steps_but_no_exactness(unbroken, monkeypatch, tmp_path):
    path, rare = tmp_path / "run.safetensors", RUN | {"save_every": 1e9}
    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        interrupt(patch, 9, KeyboardInterrupt())
        fit(language_model(layers=2), batches, checkpoint=path, **rare)
    assert len(load(language_model(layers=2), path)) == 5  # it was written after the try at step 5
    model = language_model(layers=2)
    assert fit(model, batches, checkpoint=path, **rare) == unbroken[1] and same_weights(model, unbroken[0])


def test_a_finished_run_is_not_run_again(unbroken, monkeypatch, tmp_path):
    path, model = tmp_path / "run.safetensors", language_model(layers=2)
    fit(language_model(layers=2), batches, checkpoint=path, **RUN)
    monkeypatch.setattr(model, "forward", None)
    assert fit(model, batches, checkpoint=path, **RUN) == unbroken[1]
    assert same_weights(model, unbroken[0])


def test_the_checkpoint_changes_nothing(unbroken, tmp_path):
    model = language_model(layers=2)
    assert fit(model, batches, checkpoint=tmp_path / "run.safetensors", **RUN) == unbroken[1]
    assert same_weights(model, unbroken[0])


def test_load_gives_weights_and_history(unbroken, tmp_path):
    path, model = tmp_path / "run.safetensors", language_model(layers=2)
    fit(language_model(layers=2), batches, checkpoint=path, **RUN)
    history = load(model, path)
    assert same_weights(model, unbroken[0]) and history == unbroken[1] and isinstance(history, History)


# --- damage ---


@pytest.fixture
def checkpoint(tmp_path):
    path = tmp_path / "run.safetensors"
    fit(language_model(layers=2), batches, checkpoint=path, **RUN)
    return path


@pytest.mark.parametrize("part", [0, 1, 8, 100, 0.5, 0.999])
def test_a_truncated_checkpoint_is_named_and_kept(checkpoint, part):
    whole = checkpoint.read_bytes()
    damaged = whole[: part if isinstance(part, int) else int(part * len(whole))]
    checkpoint.write_bytes(damaged)
    for call in (
        lambda model: fit(model, batches, checkpoint=checkpoint, **RUN),
        lambda model: load(model, checkpoint),
    ):
        model = language_model(layers=2)
        with pytest.raises(ValueError, match="run.safetensors' is damaged"):
            call(model)
        assert same_weights(model, language_model(layers=2)) and checkpoint.read_bytes() == damaged


def test_a_foreign_file_is_named_and_kept(tmp_path):
    path = tmp_path / "weights.safetensors"
    save_file({"weight": torch.ones(3)}, path)
    before = path.read_bytes()
    with pytest.raises(ValueError, match="weights.safetensors' was not written by fit"):
        fit(language_model(), batches, checkpoint=path, **RUN)
    assert path.read_bytes() == before
    pickled = tmp_path / "pickled.pt"
    torch.save({"weight": torch.ones(3)}, pickled)
    with pytest.raises(ValueError, match="pickled.pt' is damaged, or no checkpoint"):
        load(language_model(), pickled)
    with pytest.raises(FileNotFoundError, match="nowhere"):
        load(language_model(), tmp_path / "nowhere.safetensors")


def test_a_checkpoint_of_another_run_is_named_and_kept(checkpoint):
    before = checkpoint.read_bytes()
    with pytest.raises(ValueError, match=r"is of a run with lr=0.01, not 0.02; seed=0, not 1; give another name"):
        fit(language_model(layers=2), batches, checkpoint=checkpoint, **RUN | {"lr": 0.02, "seed": 1})
    for other in (language_model(layers=1), language_model(layers=2, width=7), language_model(layers=2, tied=False)):
        with pytest.raises(ValueError, match="is of another model"):
            fit(other, batches, checkpoint=checkpoint, **RUN)
    assert checkpoint.read_bytes() == before


def test_an_interrupted_writing_leaves_the_last_checkpoint(checkpoint, monkeypatch, tmp_path):
    before = checkpoint.read_bytes()

    def half(tensors, path, metadata):
        path.write_bytes(before[:100])
        raise KeyboardInterrupt

    monkeypatch.setattr("lmcourse._checkpoint.save_file", half)
    with pytest.raises(KeyboardInterrupt):
        fit(language_model(layers=2), batches, checkpoint=tmp_path / "new.safetensors", **RUN)
    run = training.Run(language_model(layers=2), None, History())
    with pytest.raises(KeyboardInterrupt):
        run.save(checkpoint, {})
    assert os.listdir(tmp_path) == ["run.safetensors"] and checkpoint.read_bytes() == before


def test_a_checkpoint_is_tensors_and_json(checkpoint):
    tensors = load_file(checkpoint)
    assert {name.split(".")[0] for name in tensors} == {"model", "optimizer", "best"}
    size = int.from_bytes(checkpoint.read_bytes()[:8], "little")
    about = json.loads(checkpoint.read_bytes()[8 : 8 + size])["__metadata__"]
    assert [entry["step"] for entry in json.loads(about["history"])] == list(range(1, 40))


def test_tied_weights_survive_a_checkpoint(tmp_path):
    class Tied(nn.Module):
        def __init__(self):
            super().__init__()
            self.embedding, self.output = nn.Embedding(11, 4), nn.Linear(4, 11, bias=False)
            self.output.weight = self.embedding.weight

        def forward(self, ids, targets):
            return Output(nn.functional.cross_entropy(self.output(self.embedding(ids)).mT, targets), None)

    path, model = tmp_path / "tied.safetensors", Tied()
    fit(model, batches, epochs=1, checkpoint=path, **QUIET)
    again = Tied()
    load(again, path)
    assert same_weights(model, again) and again.output.weight is again.embedding.weight


# --- trying and stopping ---


class Scripted(nn.Module):
    """Its validation loss follows a script, whatever it learns; it counts its steps in its weight."""

    def __init__(self, script):
        super().__init__()
        self.weight, self.script = nn.Parameter(torch.zeros(1)), list(script)

    def forward(self, ids, targets):
        if self.training:
            return Output(self.weight.sum(), None)
        return Output(torch.tensor(self.script.pop(0)), None)


def test_patience_stops_and_gives_the_best_weights_back(tmp_path):
    script = [5.0, 4.0, 3.0, 3.5, 3.0, 4.0, 1.0]
    path, one = tmp_path / "run.safetensors", [next(batches(0))]
    options = {"steps": 100, "valid": one, "every": 2, "patience": 3, "warmup": 0, **QUIET}
    model = Scripted(script)
    history = fit(model, lambda epoch: one * 7, checkpoint=path, **options)
    assert history.curve("valid") == ([2, 4, 6, 8, 10, 12], script[:6]) and len(history) == 12
    again = Scripted([])
    assert fit(again, lambda epoch: one * 7, checkpoint=path, **options) == history
    loaded = Scripted([])
    load(loaded, path)
    assert torch.equal(model.weight, again.weight) and torch.equal(model.weight, loaded.weight)
    steps = sum(entry["lr"] for entry in history[:6])  # of a constant gradient: Adam moves by the rate
    assert -model.weight.item() == pytest.approx(steps, rel=1e-3)


def test_without_patience_the_last_weights_stay():
    one, model = [next(batches(0))], Scripted([1.0, 2.0, 3.0])
    history = fit(model, lambda epoch: one * 2, epochs=3, valid=one, warmup=0, **QUIET)
    assert history.curve("valid") == ([2, 4, 6], [1.0, 2.0, 3.0])
    assert -model.weight.item() == pytest.approx(sum(entry["lr"] for entry in history), rel=1e-3)


def test_the_last_step_is_tried():
    one = [next(batches(0))]
    history = fit(Scripted([1.0, 2.0]), lambda epoch: one * 4, steps=7, valid=one, **QUIET)
    assert history.curve("valid")[0] == [4, 7]


def test_validation_does_not_disturb():
    quiet, watched = language_model(), language_model()
    one = fit(quiet, batches, epochs=2, **QUIET)
    two = fit(watched, batches, epochs=2, valid=batches, every=3, **QUIET)
    assert same_weights(quiet, watched) and one.curve() == two.curve()
    assert two.curve("accuracy")[0] == [3, 6, 9, 12, 15, 18, 21, 24, 26]


# --- numbers that are none ---


@pytest.mark.parametrize("lr", [1e200, 1e300])
def test_a_loss_that_is_no_number_stops_the_run(lr):
    model = Line()
    with pytest.raises(
        FloatingPointError, match=r"step \d+: the loss is (nan|inf).* at a learning rate of \d.*e\+"
    ) as error:
        fit(model, lambda epoch: [LINE], steps=50, lr=lr, warmup=0, clip=None, weight_decay=0, **QUIET)
    step = int(str(error.value).split()[1][:-1])
    assert step > 1 and model.slope.isfinite().all()


def test_a_gradient_that_is_no_number_stops_the_run():
    class Root(nn.Module):
        def __init__(self):
            super().__init__()
            self.weight = nn.Parameter(torch.zeros(1))

        def forward(self, ids, targets):
            return Output(self.weight.sqrt().sum(), None)  # its gradient at 0 is infinite

    model = Root()
    with pytest.raises(FloatingPointError, match="step 1: the loss is 0.0 and its gradient inf long"):
        fit(model, batches, steps=3, **QUIET)
    assert model.weight.item() == 0


# --- precision, devices, processes ---


def test_bfloat16_learns_the_same_with_less_precision():
    exact, rough = language_model(dropout=0.0), language_model(dropout=0.0)
    one = fit(exact, batches, epochs=2, **QUIET)
    two = fit(rough, batches, epochs=2, precision="bfloat16", **QUIET)
    assert one != two and [e["loss"] for e in two] == pytest.approx([e["loss"] for e in one], rel=0.02)
    assert all(p.dtype == torch.float32 for p in rough.parameters())
    chunked = language_model(dropout=0.0, chunk=16)
    three = fit(chunked, batches, epochs=2, precision="bfloat16", **QUIET)
    assert [e["loss"] for e in three] == pytest.approx([e["loss"] for e in one], rel=0.02)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no GPU")
def test_resume_on_a_gpu(monkeypatch, tmp_path):
    options = RUN | {"device": "cuda"}
    whole, path = language_model(layers=2), tmp_path / "run.safetensors"
    history = fit(whole, batches, **options)
    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        interrupt(patch, 20, KeyboardInterrupt())
        fit(language_model(layers=2), batches, checkpoint=path, **options)
    model = language_model(layers=2)
    assert fit(model, batches, checkpoint=path, **options) == history and same_weights(model, whole)


UNEVEN = [{"ids": IDS[n : n + 9].view(3, 3), "targets": IDS[n + 1 : n + 10].view(3, 3)} for n in range(0, 90, 9)]
UNEVEN += [{"ids": IDS[:4].view(1, 4), "targets": IDS[1:5].view(1, 4)}]  # fewer rows than processes
UNEVEN = [batch | {"targets": batch["targets"].masked_fill(batch["targets"] == 3, -100)} for batch in UNEVEN]
SCRIPT = """
import sys, torch, accelerate
sys.path.insert(0, {tests!r})
from test_training import *
torch.set_num_threads(1)
accelerator = accelerate.Accelerator(cpu=True)
assert accelerator.num_processes == 2
model = language_model(dropout=0.0)
options = dict(accelerator=accelerator, progress=False, valid=batches)
history = fit(model, batches, epochs=2, carry=True, checkpoint={path!r} + ".checkpoint", **options)
history += fit(model, lambda epoch: UNEVEN, epochs=2, **options)
if accelerator.is_main_process:
    save_file(model.state_dict(), {path!r}, {{"losses": json.dumps([entry["loss"] for entry in history])}})
"""


def test_two_processes_do_the_work_of_one(tmp_path):
    pytest.importorskip("accelerate")
    import accelerate

    path = str(tmp_path / "two.safetensors")
    code = SCRIPT.format(tests=os.path.dirname(__file__), path=path)
    shared = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": "29571", "WORLD_SIZE": "2", "ACCELERATE_USE_CPU": "true"}
    runs = [
        subprocess.Popen(
            [sys.executable, "-c", code],
            env=os.environ | shared | {"RANK": n, "LOCAL_RANK": n, "OMP_NUM_THREADS": "1"},
            stderr=subprocess.PIPE,
            text=True,
        )
        for n in "01"
    ]
    one, accelerated = language_model(dropout=0.0), language_model(dropout=0.0)
    options = {"epochs": 2, "valid": batches}
    history = fit(one, batches, carry=True, **options, **QUIET)
    assert (
        fit(accelerated, batches, carry=True, accelerator=accelerate.Accelerator(cpu=True), progress=False, **options)
        == history
    )
    assert same_weights(one, accelerated)
    history += fit(one, lambda epoch: UNEVEN, **options, **QUIET)

    errors = [run.communicate(timeout=120)[1] for run in runs]
    assert not any(run.returncode for run in runs), "\n".join(errors)
    with safe_open(path, "pt") as file:
        two, losses = load_file(path), json.loads(file.metadata()["losses"])
    assert losses == pytest.approx([entry["loss"] for entry in history], rel=1e-5)
    for name, weight in one.state_dict().items():
        assert torch.allclose(weight, two[name], atol=1e-5), name


# --- batches cut into parts: BERT, whose loss is two means ---


def bert_batches(epoch):
    """Two batches of 5 rows and one of 1, with pairs that are judged: an epoch has 3 steps."""
    from types import SimpleNamespace

    marks = SimpleNamespace(pad=0, cls=2, sep=3)
    generator = torch.Generator().manual_seed(epoch)
    documents = [torch.randint(5, 30, (4, 3), generator=generator).tolist() for _ in range(24)]
    rows = pack(pairs(documents, 16, generator), 36, marks)
    rows = type(rows)(*(part[:11] for part in rows))
    assert len(rows.ids) == 11

    class Tokenizer:
        mask = 4

        def __len__(self):
            return 30

    return pretraining.batches(rows, 5, Tokenizer(), generator)


def bert(seed=0, dropout=0.0):
    """In double precision: Adam makes steps of rounding errors where the true gradient is 0, as at biases of keys."""
    torch.manual_seed(seed)
    return BertForPreTraining(BertConfig(30, 8, 2, 2, 16, longest=36, dropout=dropout, std=0.1)).double()


def close(one, two, atol=1e-8):
    for (name, a), b in zip(one.state_dict().items(), two.state_dict().values(), strict=True):
        assert torch.allclose(a, b, atol=atol), (name, (a - b).abs().max())


@pytest.mark.parametrize("accumulate", [2, 4, 7])
def test_parts_of_a_batch_add_up_to_it(accumulate):
    whole, parts = bert(), bert()
    one = fit(whole, bert_batches, steps=7, **QUIET)
    two = fit(parts, bert_batches, steps=7, accumulate=accumulate, **QUIET)
    assert [e["loss"] for e in two] == pytest.approx([e["loss"] for e in one], rel=1e-9)
    assert [e["norm"] for e in two] == pytest.approx([e["norm"] for e in one], rel=1e-9)
    close(whole, parts)
    assert not same_weights(whole, bert())


def test_parts_weigh_by_their_targets():
    whole, parts = (language_model(dropout=0.0).double() for _ in range(2))
    one = fit(whole, lambda epoch: UNEVEN, epochs=1, **QUIET)
    two = fit(parts, lambda epoch: UNEVEN, epochs=1, accumulate=2, **QUIET)
    assert [e["loss"] for e in two] == pytest.approx([e["loss"] for e in one], rel=1e-10)
    close(whole, parts)


def test_a_run_in_parts_goes_on_where_it_stopped(monkeypatch, tmp_path):
    options = {"steps": 8, "accumulate": 3, "save_every": 0, **QUIET}
    whole, path = bert(dropout=0.2), tmp_path / "run.safetensors"
    history = fit(whole, bert_batches, **options)
    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        interrupt(patch, 5, KeyboardInterrupt())
        fit(bert(dropout=0.2), bert_batches, checkpoint=path, **options)
    model = bert(seed=3, dropout=0.2)
    assert fit(model, bert_batches, checkpoint=path, **options) == history and same_weights(model, whole)
    with pytest.raises(ValueError, match="accumulate=3, not 2"):
        fit(bert(), bert_batches, checkpoint=path, **options | {"accumulate": 2})


@pytest.mark.skipif(not any(map(shutil.which, ("g++", "clang++"))), reason="torch.compile needs a C++ compiler")
def test_compiled_code_computes_the_same(tmp_path):
    plain, path = Line(0.5), tmp_path / "run.safetensors"
    compiled = Line(0.5)
    options = {"steps": 4, "lr": 0.1, **QUIET}
    one = fit(plain, lambda epoch: [LINE], **options)
    two = fit(compiled, lambda epoch: [LINE], compile=True, checkpoint=path, **options)
    assert [e["loss"] for e in two] == pytest.approx([e["loss"] for e in one], abs=1e-5)
    assert "model.slope" in load_file(path), "a checkpoint has the plain names"
    assert fit(Line(), lambda epoch: [LINE], checkpoint=path, **options) == two


TOGETHER = """
import sys
sys.path.insert(0, {tests!r})
from test_training import *
torch.set_num_threads(1)
out, options = {path!r}, dict(steps=8, accumulate=2, save_every=0, valid=bert_batches, every=3, progress=False)
if sys.argv[1] == "whole":
    model = bert()
    history = fit(model, bert_batches, **options)
else:
    model, real, calls = bert(seed=int(sys.argv[1] == "again")), torch.optim.AdamW.step, []
    if sys.argv[1] == "broken":
        def step(self, *args, **more):
            calls.append(1)
            if len(calls) == 6:
                sys.exit(0)
            return real(self, *args, **more)
        torch.optim.AdamW.step = step
    history = fit(model, bert_batches, checkpoint=out + ".checkpoint", **options)
if training.first_process():
    save_file(model.state_dict(), out + "." + sys.argv[1], {{"losses": json.dumps([e["loss"] for e in history])}})
"""


def together(code, argument, port):
    """Two processes, as torchrun starts them."""
    shared = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port), "WORLD_SIZE": "2", "OMP_NUM_THREADS": "1"}
    return [
        subprocess.Popen(
            [sys.executable, "-c", code, argument], env=os.environ | shared | {"RANK": n, "LOCAL_RANK": n},
            stderr=subprocess.PIPE, text=True,
        )
        for n in "01"
    ]  # fmt: skip


def finish(runs):
    errors = [run.communicate(timeout=180)[1] for run in runs]
    assert not any(run.returncode for run in runs), "\n".join(errors)


def test_processes_find_together_by_themselves(tmp_path):
    """BERT on two processes, whole and interrupted, is BERT on one; nobody hands an accelerator on."""
    pytest.importorskip("accelerate")
    path = str(tmp_path / "run")
    code = TOGETHER.format(tests=os.path.dirname(__file__), path=path)
    runs = together(code, "whole", 29573), together(code, "broken", 29574)
    one = bert()
    history = fit(one, bert_batches, steps=8, valid=bert_batches, every=3, **QUIET)
    for run in runs:
        finish(run)
    assert len(load(bert(), f"{path}.checkpoint")) == 5 and not os.path.exists(f"{path}.broken")
    with pytest.raises(ValueError, match="processes=2"):  # each for itself would come to the same weights
        fit(bert(), bert_batches, steps=8, accumulate=2, every=3, checkpoint=f"{path}.checkpoint", valid=[], **QUIET)
    finish(together(code, "again", 29575))
    whole, again = (load_file(f"{path}.{name}") for name in ("whole", "again"))
    assert all(torch.equal(whole[name], again[name]) for name in whole), "a resumed run is the unbroken run"
    for name, weight in one.state_dict().items():
        assert torch.allclose(weight, whole[name], atol=1e-8), name
    with safe_open(f"{path}.again", "pt") as file:
        assert json.loads(file.metadata()["losses"]) == pytest.approx([e["loss"] for e in history], rel=1e-9)


def test_one_launched_process_is_one_process(monkeypatch):
    pytest.importorskip("accelerate")
    plain, launched, alone = (language_model() for _ in range(3))
    history = fit(plain, batches, epochs=1, **QUIET)
    monkeypatch.setenv("ACCELERATE_MIXED_PRECISION", "no")
    assert fit(launched, batches, epochs=1, **QUIET) == history and same_weights(plain, launched)
    monkeypatch.setenv("ACCELERATE_MIXED_PRECISION", "fp16")
    with pytest.raises(ValueError, match="mixed precision is 'bf16' or 'no', not 'fp16'"):
        fit(language_model(), batches, epochs=1, **QUIET)
    with training.alone():
        assert fit(alone, batches, epochs=1, **QUIET) == history and same_weights(plain, alone)


# --- what the reader sees ---


def test_history_gives_curves():
    history = History([{"step": n, "loss": float(n)} | ({"valid": 9.0} if n % 2 == 0 else {}) for n in range(1, 6)])
    assert history.curve() == ([1, 2, 3, 4, 5], [1, 2, 3, 4, 5])
    assert history.curve("loss", smooth=2) == ([1, 2, 3, 4, 5], [1, 1.5, 2.5, 3.5, 4.5])
    assert history.curve("valid") == ([2, 4], [9, 9])
    with pytest.raises(ValueError, match="there is no 'vaild' in this history; it has loss, step, valid"):
        history.curve("vaild")
    with pytest.raises(ValueError, match="it has no entry"):
        History().curve()


def test_the_bar_can_be_switched_off(capsys, monkeypatch):
    monkeypatch.delenv("TQDM_DISABLE")  # the tests set it
    fit(Line(), lambda epoch: [LINE], steps=2, device="cpu")
    assert "0/2" in capsys.readouterr().err
    fit(Line(), lambda epoch: [LINE], steps=2, **QUIET)
    monkeypatch.setenv("TQDM_DISABLE", "1")
    fit(Line(), lambda epoch: [LINE], steps=2, device="cpu")
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize(
    ("error", "options", "message"),
    [
        (ValueError, {}, "epochs=None and steps=None"),
        (ValueError, {"epochs": 1, "steps": 1}, "epochs=1 and steps=1"),
        (ValueError, {"epochs": 0}, "epochs=0 and steps=None"),
        (ValueError, {"steps": -3}, "steps=-3"),
        (ValueError, {"steps": 1, "patience": 2}, "patience=2 waits"),
        (ValueError, {"steps": 1, "accumulate": 0}, "1 or more parts, not accumulate=0$"),
        (ValueError, {"steps": 1, "accumulate": 2, "carry": True}, "accumulate=2; carry=True needs whole batches"),
        (ValueError, {"steps": 1, "warmup": 100}, "from 0 to 1, not 100"),
        (ValueError, {"steps": 1, "precision": "float16"}, "not 'float16'"),
        (ValueError, {"steps": 1, "device": "tpu"}, "'tpu' is no device"),
        (TypeError, {"steps": 1, "batches": [LINE]}, "a function of the number of the epoch, not"),
        (ValueError, {"steps": 1, "batches": lambda epoch: []}, r"batches\(0\) has no batch"),
        (ValueError, {"epochs": 2, "batches": lambda epoch: []}, r"batches\(0\) has no batch"),
    ],
)
def test_bad_input(error, options, message):
    options = {"progress": False, "device": "cpu", "batches": lambda epoch: [LINE]} | options
    with pytest.raises(error, match=message):
        fit(Line(), **options)
