"""The command ``lmcourse``: ``lmcourse train ko-en`` trains a system of the course, grades it and keeps it.

    lmcourse train                  what can be trained
    lmcourse train ko-en            train it, grade it, and write its weights and figures into the package
    lmcourse train ko-en --quick    the same on little data, to try it out; written to the current folder

A training that was interrupted goes on where it stopped when the same command is given again.
"""

import argparse
import json
import os
import sys
import time
from pathlib import Path

from lmcourse import tasks
from lmcourse._about import about


def main(arguments=None):
    """Run the command; the exit status is 0 if all went well."""
    parser = argparse.ArgumentParser(
        prog="lmcourse", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    commands = parser.add_subparsers(dest="command", required=True)
    train = commands.add_parser("train", help="train a system of the course, grade it and keep it")
    train.add_argument("name", nargs="?", help=f"of {', '.join(tasks.RECIPES)}; all are listed if none is named")
    train.add_argument("--quick", action="store_true", help="little data and few steps, to try the program out")
    train.add_argument("--seed", type=int, default=0, help="of the first weights and of the order of the data")
    train.add_argument("--device", help="cpu, cuda, ...; the best there is, if not given")
    train.add_argument("--output", type=Path, help="a folder; that of the package, or with --quick the current one")
    options = parser.parse_args(arguments)
    if options.name is None:
        width = max(map(len, tasks.RECIPES))
        for name in tasks.RECIPES:
            print(f"{name:<{width}}  {tasks.recipe(name).about}")
        return 0
    try:
        recipe = tasks.recipe(options.name)
    except ValueError as error:
        parser.error(str(error))
    folder = options.output or (Path.cwd() if options.quick else tasks.WEIGHTS)
    unfinished = _cache() / f"{options.name}{'-quick' * options.quick}-{options.seed}.safetensors"
    head = about(" ".join(["lmcourse train", options.name, *_given(options)]), options.device)
    start, cpu_start = time.perf_counter(), time.process_time()
    system, settings = recipe.train(
        quick=options.quick, seed=options.seed, checkpoint=unfinished, progress=True, device=options.device
    )
    seconds, cpu_seconds = time.perf_counter() - start, time.process_time() - cpu_start
    path = folder / f"{options.name}.safetensors"
    system.save(path, settings)
    kept = tasks.load(options.name, path)  # graded as it will be used, with its rounded weights
    result = head | {
        "parameters": sum(p.numel() for p in kept.model.parameters()),
        "bytes": path.stat().st_size,
        "seconds": round(seconds, 1),
        "cpu_seconds": round(cpu_seconds, 1),
        "figures": recipe.grade(kept, quick=options.quick),
    }
    record = json.dumps(result, indent=1, ensure_ascii=False) + "\n"
    path.with_suffix(".json").write_text(record, encoding="utf-8")
    unfinished.unlink(missing_ok=True)
    print(json.dumps(result["figures"], indent=1, ensure_ascii=False))
    print(f"Stored in {path} ({result['bytes']:,} bytes) and {path.with_suffix('.json').name}")
    return 0


def _given(options):
    return ["--quick"] * options.quick + ([f"--seed {options.seed}"] if options.seed else [])


def _cache():
    return Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "lmcourse" / "train"


if __name__ == "__main__":
    sys.exit(main())
