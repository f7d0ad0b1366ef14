"""``python -m benchmarks``: all that this machine can run; ``python -m benchmarks ngram``: one of them."""

import argparse
import importlib
import json
import pkgutil

import benchmarks


def main():
    names = [m.name for m in pkgutil.iter_modules(benchmarks.__path__) if not m.name.startswith("_")]
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="name", help=f"of {', '.join(names)}; all if none is named")
    parser.add_argument("--device", help="cpu, cuda, ...: where our own code computes; the best there is, if not given")
    parser.add_argument("--threads", type=int, help="threads of torch; its own choice if not given")
    parser.add_argument("--quick", action="store_true", help="small texts and few repeats, to try the program out")
    parser.add_argument("--output", help="a folder for the JSON files; benchmarks/results if not given")
    options = parser.parse_args()
    if unknown := set(options.names) - set(names):
        parser.error(f"no benchmark is called {', '.join(sorted(unknown))}; there are {', '.join(names)}")
    if options.threads:
        import torch

        torch.set_num_threads(options.threads)
    folder = benchmarks.Path(options.output) if options.output else benchmarks.RESULTS
    folder.mkdir(parents=True, exist_ok=True)
    for name in options.names or names:
        module = importlib.import_module(f"benchmarks.{name}")
        head = benchmarks.about(options.device)
        result = head | {"seeds": module.SEEDS} | module.run(options)
        if hasattr(module, "report"):
            print(f"\n{module.report(result)}\n")
        if options.quick and not options.output:
            print("Nothing was stored: --quick is for trying out.")
        else:
            path = folder / f"{name}.json"
            path.write_text(json.dumps(result, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
            print(f"Stored in {path}")


if __name__ == "__main__":
    main()
