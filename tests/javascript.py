"""Runs the JavaScript of a widget in node, as it is shipped, so that it can be compared with Python."""

import json
import os
import shutil
import subprocess

import pytest


def script_runner(widget, folder):
    """A function that runs a script with the widget's module as ``widget``, and returns what the script returns.

    The script gets ``data``; whatever in it was ``{"bytes": base64}`` has become a DataView that begins somewhere
    in the middle of its buffer, as a widget gets it.
    """
    program = shutil.which("node")
    if not program:
        if os.environ.get("CI") == "true":
            pytest.fail("node is not installed")
        pytest.skip("node is not installed: the JavaScript is not compared with Python")
    (folder / "widget.mjs").write_text(widget._esm, encoding="utf-8")

    def run(body, data):
        source = f"""
            import * as widget from "./widget.mjs";
            import {{ readFileSync, writeFileSync }} from "node:fs";
            const view = (base64) => {{
              const bytes = Buffer.concat([Buffer.from([7, 7, 7]), Buffer.from(base64, "base64")]);
              return new DataView(bytes.buffer, bytes.byteOffset + 3, bytes.length - 3);
            }};
            const revive = (key, value) => (value?.bytes === undefined ? value : view(value.bytes));
            const data = JSON.parse(readFileSync("data.json", "utf8"), revive);
            const result = (() => {{ {body} }})();
            writeFileSync("result.json", JSON.stringify(result, (k, v) => (v === Infinity ? "inf" : v)));
        """
        (folder / "script.mjs").write_text(source, encoding="utf-8")
        (folder / "data.json").write_text(json.dumps(data), encoding="utf-8")
        done = subprocess.run(
            [program, "script.mjs"], cwd=folder, capture_output=True, text=True, timeout=60, check=False
        )
        assert done.returncode == 0, done.stderr
        return json.loads((folder / "result.json").read_text(encoding="utf-8"))

    return run
