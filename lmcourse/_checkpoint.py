"""A training run as one file: written at once or not at all, read without ever running what is in it."""

import json
import math
import os
from pathlib import Path
from reprlib import repr as short

from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file

FORMAT = "lmcourse checkpoint 1"


class Run:
    """All that a run is: where it stands, its history, and the tensors that the next step needs."""

    PLACE = ("step", "epoch", "batch", "best", "stale")

    def __init__(self, model, optimizer, history):
        self.model, self.optimizer, self.history = model, optimizer, history
        self.step = self.epoch = self.batch = self.stale = 0
        self.best, self.best_weights, self.state = math.inf, {}, None

    def grade(self, result, keep):
        """Note what a try on the validation batches gave, and keep the weights if it was the best."""
        self.history[-1] |= {"valid": result["loss"]} | {k: v for k, v in result.items() if k == "accuracy"}
        self.stale += 1
        if result["loss"] < self.best:
            self.best, self.stale = result["loss"], 0
            if keep:
                self.best_weights = {name: t.detach().clone() for name, t in self.model.state_dict().items()}

    def tensors(self):
        groups = {"model": self.model.state_dict(), "best": self.best_weights}
        if self.optimizer:
            of = self.optimizer.state_dict()["state"]
            groups["optimizer"] = {f"{number}.{name}": t for number, kept in of.items() for name, t in kept.items()}
        groups["state"] = dict(enumerate(self.state or ()))
        return {f"{group}.{name}": t for group, named in groups.items() for name, t in named.items()}

    def save(self, path, settings):
        path = Path(path)
        path.parent.mkdir(parents=True, exist_ok=True)
        place = {name: getattr(self, name) for name in self.PLACE if math.isfinite(getattr(self, name))}
        about = {"place": place, "settings": settings, "history": self.history}
        metadata = {"format": FORMAT} | {name: json.dumps(value) for name, value in about.items()}
        unfinished = path.with_name(f"{path.name}.{os.getpid()}.tmp")
        copies = {
            name: t.detach().cpu().clone().contiguous() for name, t in self.tensors().items()
        }  # tied weights apart
        try:
            save_file(copies, unfinished, metadata)
            os.replace(unfinished, path)  # at once, so that the file is always a whole one
        finally:
            unfinished.unlink(missing_ok=True)

    def load(self, path, settings=None):
        device = next(self.model.parameters()).device
        try:
            with safe_open(path, "pt", device=str(device)) as file:
                about = file.metadata() or {}
                if about.get("format") != FORMAT:
                    raise ValueError(f"{str(path)!r} was not written by fit; give another name, or move it away")
                found = {name: file.get_tensor(name) for name in file.keys()}
        except SafetensorError as error:
            raise ValueError(f"{str(path)!r} is damaged, or no checkpoint at all ({error}); move it away") from None
        place, made, history = (json.loads(about[name]) for name in ("place", "settings", "history"))
        if settings is not None and made != settings:
            changed = (f"{k}={made.get(k)!r}, not {v!r}" for k, v in settings.items() if made.get(k) != v)
            raise ValueError(f"{str(path)!r} is of a run with {'; '.join(changed)}; give another name, or move it away")

        def group(name):
            return {k.removeprefix(f"{name}."): t for k, t in found.items() if k.startswith(f"{name}.")}

        weights, expected = group("model"), self.model.state_dict()
        if {k: t.shape for k, t in weights.items()} != {k: t.shape for k, t in expected.items()}:
            sizes = ({k: tuple(t.shape) for k, t in sorted(of.items())} for of in (weights, expected))
            raise ValueError("{!r} is of another model: it has {}, not {}".format(str(path), *map(short, sizes)))
        self.model.load_state_dict(weights)
        if self.optimizer:
            kept = {}
            for name, tensor in group("optimizer").items():
                number, key = name.split(".")
                kept.setdefault(int(number), {})[key] = tensor
            self.optimizer.load_state_dict({"state": kept, "param_groups": self.optimizer.state_dict()["param_groups"]})
        vars(self).update(place, best_weights=group("best"))
        self.history.extend(history)
        self.state = [t for _, t in sorted(group("state").items())] or None
