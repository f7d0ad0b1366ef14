"""Measurements against other tools, in the same run: ``python -m benchmarks ngram``.

A benchmark is a module with ``SEEDS``, of all that it draws, with ``run(options)``, which gives a dict that JSON can
hold, and perhaps with ``report(result)``, which gives the same as text. The results that the book shows are in
``results/``. Ratios of two tools in one run travel from machine to machine; seconds do not.
"""

import json
import os
import statistics
import subprocess
import sys
import time
from pathlib import Path

from lmcourse._about import about as describe

RESULTS = Path(__file__).parent / "results"
CACHE = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "lmcourse" / "benchmarks"


class Missing(Exception):
    """A rival or a corpus that this machine lacks; the message says how to get it."""


def about(device=None):
    """When, where and with what: the head of every result."""
    return describe(" ".join(["python -m benchmarks", *sys.argv[1:]]), device)


def clock(repeats, actions):
    """Time actions, given by name, in turns, so that a busy moment of the machine hits all of them.

    Returns:
        For each name the fewest, the median and the most seconds, and the fewest seconds of processor time,
        which all threads and all programs started count towards.
    """
    import torch

    times = {name: [] for name in actions}
    cpu_times = {name: [] for name in actions}
    for _ in range(repeats):
        for name, action in actions.items():
            start, cpu_start = time.perf_counter(), _cpu()
            result = action()
            if torch.cuda.is_available():
                torch.cuda.synchronize()
            times[name].append(time.perf_counter() - start)
            cpu_times[name].append(_cpu() - cpu_start)
            del result  # its memory is given back outside of the time of the next one
    return {
        name: {
            "seconds": min(times[name]),
            "median": statistics.median(times[name]),
            "slowest": max(times[name]),
            "cpu_seconds": min(cpu_times[name]),
            "repeats": repeats,
        }
        for name in actions
    }


def _cpu():
    try:
        import resource
    except ImportError:  # Windows
        return sum(os.times()[:4])
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(usage.ru_utime + usage.ru_stime for usage in used)


def kept(name, settings, measure):
    """What ``measure()`` found, with its settings; from the cache, if it is there with the same settings.

    So a benchmark of many trainings that was interrupted goes on where it stopped.
    """
    path = CACHE / f"{name}.json"
    if path.is_file():
        found = json.loads(path.read_text(encoding="utf-8"))
        if found["settings"] == settings:
            return found
    found = {"settings": settings} | measure()
    CACHE.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(found, ensure_ascii=False), encoding="utf-8")
    return found


def shell(*command, **options):
    """Run a program; its output as text. A failure shows what the program said."""
    done = subprocess.run([str(part) for part in command], capture_output=True, text=True, **options)
    if done.returncode:
        raise RuntimeError(f"{' '.join(map(str, command))} failed:\n{done.stdout[-2000:]}\n{done.stderr[-2000:]}")
    return done.stdout


def table(head, rows):
    """Lines of text with aligned columns."""
    rows = [[str(cell) for cell in row] for row in [head, *rows]]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) for row in rows]
    lines.insert(1, "  ".join("-" * width for width in widths))
    return "\n".join(line.rstrip() for line in lines)
