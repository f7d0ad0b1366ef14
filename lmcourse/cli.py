"""The command ``lmcourse``: ``lmcourse train ko-en`` trains a system of the course, grades it and keeps it.

    lmcourse train                  what can be trained
    lmcourse train ko-en            train it, grade it, and write its weights and figures into the package
    lmcourse train ko-en --quick    the same on little data, to try it out; written to the current folder
    lmcourse train bert --preset small --data my.txt --output folder

The last makes a BERT of your own text: one sentence a line, an empty line between documents. A training that was
interrupted goes on where it stopped when the same command is given again. On several GPUs, put ``accelerate launch
--multi_gpu --num_processes 8 -m lmcourse.cli`` in the place of ``lmcourse``.
"""

import argparse
import hashlib
import inspect
import json
import os
import sys
import time
from pathlib import Path

from lmcourse import tasks
from lmcourse._about import about


def main(arguments=None):
    """Run the command; the exit status is 0 if all went well, and 2 if it was called wrongly."""
    parser = argparse.ArgumentParser(
        prog="lmcourse", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    commands = parser.add_subparsers(dest="command", required=True)
    train = commands.add_parser("train", help="train a system of the course, grade it and keep it")
    train.add_argument("name", nargs="?", help=f"of {', '.join(tasks.RECIPES)}; all are listed if none is named")
    train.add_argument("--preset", help="NAME --preset P is short for NAME-P")
    train.add_argument("--data", nargs="+", type=Path, metavar="FILE", help="your own text, for bert")
    train.add_argument("--steps", type=int, help="how long to train on your own text; each preset has its own number")
    train.add_argument("--quick", action="store_true", help="little data and few steps, to try the program out")
    train.add_argument("--seed", type=int, default=0, help="of the first weights and of the order of the data")
    train.add_argument("--device", help="cpu, cuda, ...; the best there is, if not given")
    train.add_argument(
        "--precision", choices=["float32", "bfloat16"], help="bfloat16 on a GPU that has it, if not given"
    )
    train.add_argument("--compile", action="store_true", help="let torch.compile make faster code first")
    train.add_argument("--accumulate", type=int, help="cut each batch into so many parts, to need less memory")
    train.add_argument("--output", type=Path, help="a folder; that of the package, or with --quick the current one")
    options = parser.parse_args(arguments)
    if options.name is None:
        width = max(map(len, tasks.RECIPES))
        for name in tasks.RECIPES:
            print(f"{name:<{width}}  {tasks.recipe(name).about}")
        return 0
    try:
        name = _full_name(options)
        recipe = tasks.recipe(name)
    except ValueError as error:
        parser.error(str(error))
    takes = inspect.signature(recipe.train).parameters
    for option in ("data", "steps"):
        if getattr(options, option) is not None and option not in takes:
            parser.error(f"{name} learns from data of its own, for a number of steps of its own, without --{option}")
    if "data" not in takes:
        return _train(name, recipe, options)
    try:
        return _train(name, recipe, options)
    except (ValueError, OSError) as error:
        parser.error(str(error))


def _full_name(options):
    presets = [name for name in tasks.RECIPES if name.startswith(f"{options.name}-")]
    wanted = options.name if options.preset is None else f"{options.name}-{options.preset}"
    if presets and wanted not in tasks.RECIPES:
        known = ", ".join(name.removeprefix(f"{options.name}-") for name in presets)
        raise ValueError(f"{options.name} has the presets {known}, and --preset is {options.preset!r}")
    return wanted


def _train(name, recipe, options):
    from lmcourse.training import alone, first_process, part

    how = {option: getattr(options, option) for option in ("precision", "compile", "accumulate")}
    how = {option: value for option, value in how.items() if value}
    if options.data:
        from lmcourse.corpus import fingerprint

        folder = options.output or Path.cwd() / name
        key = "-" + hashlib.sha256(json.dumps(fingerprint(options.data)).encode()).hexdigest()[:16]
        unfinished, how = folder / "data", how | {"data": options.data, "steps": options.steps, "folder": folder}
    else:
        folder = options.output or (Path.cwd() if options.quick else tasks.WEIGHTS)
        unfinished, key = _cache(), ""
    unfinished = unfinished / f"{name}{'-quick' * options.quick}-{options.seed}{key}.safetensors"
    head = about(" ".join(["lmcourse train", name, *_given(options)]), options.device)
    start, cpu_start = time.perf_counter(), time.process_time()
    system, settings = recipe.train(
        quick=options.quick, seed=options.seed, checkpoint=unfinished, progress=True, device=options.device, **how
    )
    seconds, cpu_seconds = time.perf_counter() - start, time.process_time() - cpu_start
    part()
    if not first_process():
        return 0
    with alone():
        kept, path = (recipe.keep or _keep)(system, settings, folder, name)
        figures = recipe.grade(kept, quick=options.quick)  # graded as it will be used, with its stored weights
    result = head | {
        "parameters": sum(p.numel() for p in kept.model.parameters()),
        "bytes": path.stat().st_size,
        "seconds": round(seconds, 1),
        "cpu_seconds": round(cpu_seconds, 1),
        "figures": figures,
    }
    record = folder / f"{name}.json"
    record.write_text(json.dumps(result, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    unfinished.unlink(missing_ok=True)
    print(json.dumps(result["figures"], indent=1, ensure_ascii=False))
    print(f"Stored in {path} ({result['bytes']:,} bytes) and {record.name}")
    return 0


def _keep(system, settings, folder, name):
    path = folder / f"{name}.safetensors"
    system.save(path, settings)
    return tasks.load(name, path), path


def _given(options):
    given = ["--quick"] * options.quick + ([f"--seed {options.seed}"] if options.seed else [])
    given += ["--data", *(path.name for path in options.data)] if options.data else []
    given += [f"--steps {options.steps}"] if options.steps else []
    given += [f"--precision {options.precision}"] if options.precision else []
    given += ["--compile"] * options.compile
    return given + ([f"--accumulate {options.accumulate}"] if options.accumulate else [])


def _cache():
    return Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "lmcourse" / "train"


if __name__ == "__main__":
    sys.exit(main())
