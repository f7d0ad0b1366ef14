"""When, where and with what something was measured."""

import datetime
import importlib.metadata
import os
import platform
from pathlib import Path

PACKAGES = (
    "lmcourse", "torch", "numpy", "tokenizers", "kiwipiepy", "kenlm", "nltk", "scikit-learn",
    "sacrebleu", "jiwer", "espeakng-loader",
)  # fmt: skip


def about(command, device=None):
    """The head of every result: the command, the date, versions of packages, and the machine."""
    import torch

    versions = {"python": platform.python_version()}
    for package in PACKAGES:
        try:
            versions[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            versions[package] = None
    machine = {
        "processor": _processor(),
        "cores": os.cpu_count(),
        "system": platform.platform(),
        "torch_threads": torch.get_num_threads(),
        "load": [round(x, 2) for x in os.getloadavg()] if hasattr(os, "getloadavg") else None,
    }
    if torch.device(device or "cpu").type == "cuda":
        machine["gpu"] = torch.cuda.get_device_name(device)
    return {
        "command": command,
        "date": datetime.date.today().isoformat(),
        "versions": versions,
        "machine": machine,
    }


def _processor():
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        return next(line.split(":", 1)[1].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor() or platform.machine()
