"""The one training loop of the course: :func:`fit` trains any model, :func:`evaluate` grades it (chapter 02).

A batch is a dict of what the model is called with, and the model answers with an ``Output`` whose ``loss`` is
the mean over the targets of the batch that count: those that are not -100. A batch may be cut into parts, for several
processes or for a small memory; their gradients are added up. Where one mean is not all there is to the loss, a batch
has ``counts``, how many targets of each kind the whole of it has, and the model divides by them.
"""

import math
import os
from contextlib import contextmanager, nullcontext
from contextvars import ContextVar
from functools import partial
from itertools import count, islice
from pathlib import Path
from reprlib import repr as short
from time import monotonic

import torch
from torch import nn
from tqdm.auto import tqdm

from lmcourse import device as choose_device
from lmcourse._checkpoint import Run


class History(list):
    """What happened, step by step: a list of dicts.

    Every entry has ``step`` (from 1), ``epoch`` (from 0), ``loss`` (nats per target), ``lr`` and ``norm`` (of the
    gradient, before it was clipped). Where the model was tried on the validation batches, the entry also has
    ``valid``, the loss there, and ``accuracy`` if the model gives logits.
    """

    def curve(self, name="loss", smooth=1):
        """Where ``name`` was recorded: a list of steps and a list of values, each a mean of the last ``smooth``."""
        found = [(entry["step"], entry[name]) for entry in self if name in entry]
        if not found:
            known = sorted({key for entry in self for key in entry})
            raise ValueError(f"there is no {name!r} in this history; it has {', '.join(known) or 'no entry'}")
        steps, values = zip(*found, strict=True)
        means = [sum(values[max(0, n - smooth) : n]) / min(n, smooth) for n in range(1, len(values) + 1)]
        return list(steps), means


def learning_rate(step, steps, peak, warmup=0.05):
    """The learning rate of a step: up in a straight line, then down along half a cosine (Loshchilov and Hutter, 2017).

    Args:
        step: the number of the step, from 0.
        steps: how many there will be.
        peak: the highest rate.
        warmup: the part of the steps that goes up, from 0 to 1.
    """
    if not 0 <= warmup <= 1:
        raise ValueError(f"warmup is the part of the steps in which the rate rises, from 0 to 1, not {warmup!r}")
    rising = round(warmup * steps)
    if step < rising:
        return peak * (step + 1) / rising
    return peak * (1 + math.cos(math.pi * (step - rising) / max(1, steps - rising))) / 2


def adamw(model, lr=3e-3, weight_decay=0.01):
    """The optimizer of the course: AdamW, whose decay spares embeddings, biases and the gains of normalisation.

    Decay shrinks the weights of sums, so that no single input decides. An embedding is no sum: to shrink it would
    only make rare words, which seldom get a gradient, forget what they mean (Loshchilov and Hutter, 2019).
    """
    spared = {id(m.weight) for m in model.modules() if isinstance(m, nn.Embedding)}
    parameters = [p for p in model.parameters() if p.requires_grad]
    decayed = [p for p in parameters if p.dim() > 1 and id(p) not in spared]
    others = [p for p in parameters if p.dim() <= 1 or id(p) in spared]
    groups = [{"params": decayed, "weight_decay": weight_decay}, {"params": others, "weight_decay": 0.0}]
    return torch.optim.AdamW([group for group in groups if group["params"]], lr)


def fit(
    model,
    batches,
    *,
    epochs=None,
    steps=None,
    lr=3e-3,
    warmup=0.05,
    weight_decay=0.01,
    clip=1.0,
    valid=None,
    every=None,
    patience=None,
    carry=False,
    precision=None,
    compile=False,
    accumulate=1,
    seed=0,
    checkpoint=None,
    save_every=30.0,
    device=None,
    accelerator=None,
    progress=True,
):
    """Train a model: for each batch, compute the loss, go back through it, and take a step downhill.

    The same arguments give the same weights, bit by bit, on the same machine: ``seed`` governs dropout, and the
    random numbers outside stay untouched. With ``checkpoint``, a run that was interrupted, at whatever moment, goes
    on when ``fit`` is called again in the same way, and ends with the very same numbers.

    Args:
        model: called as ``model(**batch)``, it returns an ``Output`` with the mean loss of the batch's targets.
        batches: a function of the number of the epoch, from 0, that returns dicts to call the model with. It has to
            return the same ones whenever it is asked for the same epoch.
        epochs, steps: how long; one of the two. A step is one batch.
        lr: the highest learning rate; :func:`learning_rate` says how it rises and falls.
        warmup: the part of the steps in which it rises.
        weight_decay: of :func:`adamw`.
        clip: a gradient longer than this is shortened to it (chapter 02); ``None`` leaves it as it is.
        valid: batches to try the model on: a list, or a function of the number of the epoch, called with 0.
        every: try it every so many steps; ``None`` means after each epoch. The last step is always followed by a try.
        patience: stop after so many tries in a row without a new best loss, and give the model back the weights of
            the best try. ``None`` never stops, and the weights are those of the last step.
        carry: hand the state that the model ends a batch with, cut off from its past, on to the next batch of the
            epoch: truncated back-propagation through time, with :func:`lmcourse.text.windows`.
        precision: ``"float32"``, ``"bfloat16"`` (mixed: products in 8 bits of precision, sums and weights in full), or
            ``None`` for bfloat16 on a GPU that has it and float32 elsewhere. With an accelerator, its own counts.
        compile: let ``torch.compile`` make faster code of the model: after a minute or more, on a GPU worth it.
        accumulate: cut each batch into so many parts, one computed after the other, for batches that the memory has
            no room for. The result is that of 1, up to rounding.
        seed: of dropout, and of all that draws from torch's own generators within the step.
        checkpoint: a file, ``name.safetensors``. Without it, nothing is written.
        save_every: seconds between two writings of it; it is also written after each try and at the end.
        device: where to compute; ``None`` for the best there is. The model stays there.
        accelerator: an ``accelerate.Accelerator`` to train on several GPUs; ``None`` makes one where ``accelerate
            launch`` or ``torchrun`` has started the process. Each process works on its share of the rows of every
            batch, so that the result is that of one process, up to rounding. The first one writes the checkpoint, and
            all of them read it.
        progress: show a bar while it runs.

    Returns:
        A :class:`History` with one entry for each step.

    Raises:
        FloatingPointError: the loss or the gradient is no longer a number; the weights are those before that step.
        ValueError: the checkpoint is damaged, or of another model or other arguments; it is left as it is.
    """
    if not callable(batches):
        raise TypeError(f"batches is a function of the number of the epoch, not {short(batches)}")
    if (epochs is None) == (steps is None) or (steps if epochs is None else epochs) < 1:
        raise ValueError(f"say how long, by 1 or more epochs or steps, not epochs={epochs!r} and steps={steps!r}")
    if patience is not None and valid is None:
        raise ValueError(f"patience={patience!r} waits for a better loss on valid=..., and there is none")
    if accumulate < 1 or (carry and accumulate > 1):
        kept = "; carry=True needs whole batches" * carry
        raise ValueError(f"a batch is cut into 1 or more parts, not accumulate={accumulate!r}{kept}")
    accelerator = accelerator or _launched(precision, device)
    device = accelerator.device if accelerator else choose_device(device)
    number, processes = (accelerator.process_index, accelerator.num_processes) if accelerator else (0, 1)
    autocast = accelerator.autocast if accelerator else _autocast(precision, device)
    steps = steps or epochs * _length(batches)
    optimizer = adamw(model.to(device), lr, weight_decay)
    settings = {
        "steps": steps, "lr": lr, "warmup": warmup, "weight_decay": weight_decay, "clip": clip, "every": every,
        "patience": patience, "carry": carry, "seed": seed, "processes": processes, "accumulate": accumulate,
    }  # fmt: skip
    run = Run(model, optimizer, History())
    if checkpoint and Path(checkpoint).exists():
        run.load(checkpoint, settings)
    _agree(run.step, accelerator)
    quiet = not progress or number > 0 or bool(os.environ.get("TQDM_DISABLE"))  # which tqdm.notebook overlooks
    saved = monotonic()
    model.train()
    with (
        _own_randomness(device),
        _prepared(model, optimizer, accelerator, compile) as (trained, stepper, whole),
        tqdm(total=steps, initial=run.step, leave=False, disable=quiet) as bar,
    ):
        for batch, last in _stream(batches, run.epoch, run.batch):
            if run.step >= steps or (patience is not None and run.stale >= patience):
                break
            rate = learning_rate(run.step, steps, lr, warmup)
            for group in optimizer.param_groups:
                group["lr"] = rate
            if carry:
                batch = batch | {"state": run.state and tuple(part[number] for part in run.state)}
            _seed(device, seed, run.step * processes + number)  # a step's randomness needs no history

            optimizer.zero_grad()
            total = 0.0
            for n in range(accumulate):
                part, weight = _share(batch, number + processes * n, processes * accumulate)
                with nullcontext() if n == accumulate - 1 else whole():
                    with autocast():
                        output = trained(**_to(part, device))
                    loss = output.loss * (weight * processes)  # processes are averaged, and parts added up
                    accelerator.backward(loss) if accelerator else loss.backward()
                total = total + loss.detach()
            norm = nn.utils.clip_grad_norm_(model.parameters(), math.inf if clip is None else clip).item()
            value = _mean(total, accelerator)
            if not (math.isfinite(value) and math.isfinite(norm)):
                raise FloatingPointError(
                    f"step {run.step + 1}: the loss is {value} and its gradient {norm} long, at a learning rate of "
                    f"{rate:.3g}; try a smaller lr, a longer warmup, or a smaller clip"
                )
            stepper.step()

            run.history.append({"step": run.step + 1, "epoch": run.epoch, "loss": value, "lr": rate, "norm": norm})
            run.step, run.epoch, run.batch = run.step + 1, run.epoch + last, 0 if last else run.batch + 1
            run.state = None
            if carry and not last:
                run.state = [_gather(part.detach(), accelerator) for part in output.state]
            tried = valid is not None and (run.step == steps or (last if every is None else run.step % every == 0))
            if tried:
                result = _first(evaluate(model, valid, carry=carry, device=device), accelerator)
                run.grade(result, keep=patience is not None)
            if checkpoint and number == 0 and (tried or run.step == steps or monotonic() - saved >= save_every):
                run.save(checkpoint, settings)
                saved = monotonic()
            bar.set_postfix(loss=f"{value:.3f}", refresh=False)
            bar.update()
    if run.best_weights:
        model.load_state_dict(run.best_weights)
    return run.history


@torch.no_grad()
def evaluate(model, batches, *, carry=False, device=None):
    """Grade a model on batches it does not learn from, with dropout switched off.

    Args:
        model: as for :func:`fit`.
        batches: dicts to call the model with, ``targets`` among them: a list, or a function of the number of the
            epoch, which is called with 0.
        carry: hand the state on from batch to batch, as :func:`fit` does.
        device: where to compute; ``None`` leaves the model where it is.

    Returns:
        A dict with ``loss`` (nats per target, over all targets, so that long batches weigh more), ``count`` (of
        targets), and, if the model gives logits, ``accuracy`` (the part of the targets with the highest logit).

    Raises:
        ValueError: not a single target counts.
    """
    if device is not None:
        model.to(choose_device(device))
    device = next(model.parameters()).device
    total, right, seen, state, training = 0.0, 0, 0, None, model.training
    model.eval()
    try:
        for batch in batches(0) if callable(batches) else batches:
            if (counted := _counted(batch)) == 0:
                continue
            batch = _to(batch | {"state": state} if carry else batch, device)
            output = model(**batch)
            state = output.state if carry else None
            total, seen = total + output.loss.item() * counted, seen + counted
            if output.logits is not None and right is not None:
                right += (output.logits.argmax(-1) == batch["targets"]).sum().item()  # never equal to -100
            else:
                right = None
    finally:
        model.train(training)
    if not seen:
        raise ValueError("there is nothing to grade: no batch has a target that counts")
    return {"loss": total / seen, "count": seen} | ({} if right is None else {"accuracy": right / seen})


def load(model, path):
    """Give a model the weights of a checkpoint of :func:`fit`: the best ones, where ``patience`` chose them.

    Returns:
        The :class:`History` of the training.

    Raises:
        ValueError: the file is damaged, or no such checkpoint, or of another model; the model is left as it is.
    """
    run = Run(model, None, History())
    run.load(path)
    if run.best_weights:
        model.load_state_dict(run.best_weights)
    return run.history


def _length(batches):
    first = batches(0)
    return len(first) if hasattr(first, "__len__") else sum(1 for _ in first)


def _stream(batches, epoch, skip):
    """The batches of one epoch after the other, and whether each is the last of its epoch."""
    for number in count(epoch):
        rest = islice(batches(number), skip, None)
        batch = next(rest, None)
        if batch is None:
            raise ValueError(f"batches({number}) has no batch" + (f" after the first {skip}" if skip else ""))
        for following in rest:
            yield batch, False
            batch = following
        yield batch, True
        skip = 0


def _counted(batch):
    targets = batch.get("targets")
    return len(next(iter(batch.values()))) if targets is None else (targets != -100).sum().item()


def _share(batch, number, parts):
    """The rows of one part of a batch, and what its loss weighs in the sum over all parts."""
    if parts == 1:
        return batch, 1
    mine = {k: v[number::parts] if torch.is_tensor(v) else v for k, v in batch.items()}
    if not len(next(v for v in mine.values() if torch.is_tensor(v))):  # fewer rows than parts
        return {k: v[:1] if torch.is_tensor(v) else v for k, v in batch.items()}, 0
    if batch.get("counts") is not None:  # the model has divided by the counts of the whole batch
        return mine, 1
    return mine, _counted(mine) / max(1, _counted(batch))


# --- several processes ---

_ALONE = ContextVar("alone", default=False)


@contextmanager
def alone():
    """Inside, ``fit`` trains in this process alone, even if it was started together with others."""
    token = _ALONE.set(True)
    try:
        yield
    finally:
        _ALONE.reset(token)


def first_process():
    """Whether this process is the only one, or the first of those that ``accelerate launch`` or torchrun started."""
    return int(os.environ.get("RANK", 0)) == 0


def part():
    """Let the processes go their own ways: nothing is trained together any more."""
    if torch.distributed.is_available() and torch.distributed.is_initialized():
        torch.distributed.destroy_process_group()


def _launched(precision, device):
    """An Accelerator, where this process was started to train together with others; else ``None``."""
    wanted, started = os.environ.get("ACCELERATE_MIXED_PRECISION"), int(os.environ.get("WORLD_SIZE", 1))
    if _ALONE.get() or (started == 1 and wanted is None):
        return None
    try:
        from accelerate import Accelerator
    except ImportError:
        raise ImportError("several processes need accelerate: pip install lmcourse[gpus]") from None
    if precision is not None or wanted is None:
        narrow = _autocast(precision, choose_device(device)) is not nullcontext
        wanted = "bf16" if narrow else "no"
    if wanted not in ("bf16", "no"):
        raise ValueError(f"mixed precision is 'bf16' or 'no', not {wanted!r}")
    # Left to itself on a machine without a GPU, accelerate lets each process train alone.
    accelerator = Accelerator(cpu=choose_device(device).type == "cpu", mixed_precision=wanted)
    if accelerator.num_processes != started:
        raise ValueError(
            f"{started} processes were started, and accelerate does not train together on device={device!r}; name "
            "another, or start one process"
        )
    accelerator.gradient_accumulation_steps = 1  # fit adds up by itself
    return accelerator


@contextmanager
def _prepared(model, optimizer, accelerator, compile):
    """What is called, what takes the step, and a function: within its context gradients stay in their process."""
    trained, stepper = accelerator.prepare(model, optimizer) if accelerator else (model, optimizer)
    try:
        whole = partial(accelerator.no_sync, trained) if accelerator else nullcontext
        yield torch.compile(trained) if compile else trained, stepper, whole
    finally:
        if accelerator:
            accelerator.unwrap_model(trained, keep_fp32_wrapper=False)  # the model is as it was before


def _agree(step, accelerator):
    if accelerator:
        steps = accelerator.gather(torch.tensor([step], device=accelerator.device)).tolist()
        if len(set(steps)) > 1:
            raise ValueError(f"the processes go on from steps {steps}: the checkpoint has to lie where all can read it")


def _first(result, accelerator):
    """What the first process found: the others might differ in the last digit, and stop at another step."""
    if accelerator and accelerator.num_processes > 1:
        from accelerate.utils import broadcast_object_list

        return broadcast_object_list([result])[0]
    return result


def _mean(loss, accelerator):
    return (accelerator.reduce(loss, "mean") if accelerator else loss).item()


def _gather(part, accelerator):
    """The states of all processes: (processes, ...)."""
    return accelerator.gather(part[None].contiguous()) if accelerator else part[None]


def _to(batch, device):
    return {k: v.to(device, non_blocking=True) if torch.is_tensor(v) else v for k, v in batch.items()}


def _autocast(precision, device):
    """A function that gives the context of one step: products in bfloat16, or everything as it is."""
    if precision is None:
        modern = device.type == "cuda" and torch.cuda.get_device_capability(device) >= (8, 0)
        precision = "bfloat16" if modern else "float32"
    if precision not in ("bfloat16", "float32"):
        raise ValueError(f"precision is 'float32', 'bfloat16' or None, not {precision!r}")
    return nullcontext if precision == "float32" else lambda: torch.autocast(device.type, torch.bfloat16)


def _own_randomness(device):
    """What is drawn inside changes nothing outside."""
    return torch.random.fork_rng([torch.cuda.current_device()] if device.type == "cuda" else [])


def _seed(device, seed, number):
    number = (seed * 0x9E3779B1 + number) % 2**32  # far apart for neighbouring seeds; the CPU's generator takes 32 bits
    torch.default_generator.manual_seed(number)
    if device.type in ("cuda", "mps"):
        getattr(torch, device.type).manual_seed(number)
