"""A throw-away book: what the Sphinx extension has to deal with, on a few small pages."""

import os
import subprocess
import sys
from pathlib import Path

import nbformat
import yaml
from nbclient import NotebookClient
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

ROOT = Path(__file__).parents[2]
ENVIRONMENT = {**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])}

CONFIG = {
    "title": "A small book",
    "only_build_toc_files": True,
    "exclude_patterns": [".*", "**/.*"],
    "execute": {"execute_notebooks": "off"},
    "launch_buttons": {"binderhub_url": "https://mybinder.org"},
    "sphinx": {
        "recursive_update": True,
        "extra_extensions": ["lmcourse.sphinxext"],
        "config": {"html_theme_options": {"show_navbar_depth": 2}},
    },
}
PAGES = {
    "intro.md": """# A small book

Counting words is called *training* here. See [the other page](korean.md) and [a link](https://example.org/).

| model | a very long heading that does not wrap well | bits | perplexity | parameters | seconds | memory |
|---|---|---|---|---|---|---|
| n-gram-with-a-long-name | 1.234567890123 | 2.345678 | 3.456789 | 4567890123 | 5.678901 | 67890123456 |
""",
    "korean.md": """# Words and 낱말

단어의 순서를 셉니다. BERT는 문장에서 배웁니다. 정의를 먼저 읽고, 사과가 있는 배를 봅니다.

In English it is called an *embedding*, 임베딩이라고 합니다. The code `말뭉치` stays code:

```python
text = "말뭉치"
```
""",
    "other.md": """# Other matters

정도가 다릅니다. Some embeddings are trained. 고양이는 학교에서 놀지만, 나이를 모릅니다.
""",
}
CELLS = [
    new_markdown_cell("# Widgets\n\nMathematics: $p(w \\mid h) = \\frac{c(hw)}{c(h)}$"),
    new_code_cell("""\
import ipywidgets as widgets
from lmcourse.widgets import NextWordExplorer

english = {
    (): {"the": 0.4, "cat": 0.2, "dog": 0.15, "sat": 0.1, "</s>": 0.1, "<img src=x onerror=alert(1)>": 0.05},
    ("<s>",): {"the": 0.75, "cat": 0.15, "dog": 0.1},
    ("the",): {"cat": 0.5, "dog": 0.4, "the": 0.1},
    ("cat",): {"sat": 0.6, "</s>": 0.4},
    ("<s>", "the"): {"cat": 0.9, "dog": 0.1},
    ("the", "cat"): {"sat": 1.0},
    ("cat", "sat"): {"</s>": 1.0},
}
korean = {
    (): {"고양이가": 0.5, "잔다": 0.3, "</s>": 0.2},
    ("<s>",): {"고양이가": 1.0},
    ("고양이가",): {"잔다": 0.8, "</s>": 0.2},
}
explorer = NextWordExplorer({"English": english, "한국어": korean}, words=["the"])
explorer"""),
    new_code_cell("""\
a = widgets.IntSlider(2, 0, 5, description="first")
b = widgets.FloatSlider(2, min=0, max=10, step=0.5, description="second")
link = widgets.jslink((a, "value"), (b, "value"))
choice = widgets.Dropdown(options=["red", "green"], description="colour")
text = widgets.Text(description="word")
label = widgets.Label("a label")
to_label = widgets.jsdlink((text, "value"), (label, "value"))
to_first = widgets.jsdlink((choice, "index"), (a, "value"))
widgets.VBox([widgets.HBox([a, b]), choice, text, label, widgets.Checkbox(description="tick"),
              widgets.HTML("<b>bold</b>"), widgets.Button(description="press")])"""),
    new_code_cell("""\
import anywidget, traitlets

class Broken(anywidget.AnyWidget):
    _esm = "export default { render() { throw new Error('no way') } }"

Broken()"""),
    new_code_cell("""\
class Counter(anywidget.AnyWidget):
    _esm = '''export default {
      initialize({ model }) { model.set("started", model.get("started") + 1); },
      render({ model, el }) {
        model.on("msg:custom", () => { throw new Error("nobody sends") });
        const show = () => {
          el.textContent = `started ${model.get("started")}, ${new Uint8Array(model.get("data").buffer)}`;
        };
        model.on("change:started", show);
        model.send({ hello: 1 });
        show();
        return () => { window.cleaned = (window.cleaned ?? 0) + 1; };
      } }'''
    started = traitlets.Int(0).tag(sync=True)
    data = traitlets.Bytes(bytes([1, 2, 255])).tag(sync=True)

counter = Counter()
counter"""),
    new_code_cell("counter"),
]  # fmt: skip


# A network that is the same everywhere and says something different after every letter: a unit's weights are
# waves, so that no library's random numbers matter. The tests make it again, and know what the page must show.
NETWORK = """\
import numpy as np
from lmcourse.widgets import ContextMap, RecurrentExplorer, recurrent_model

def network(symbols, width, cell, layers=1, **options):
    parts = {"rnn": 1, "gru": 3, "lstm": 4}[cell] * width
    shapes = {"embedding.weight": (len(symbols), width), "bias": (len(symbols),)}
    for n in range(layers):
        shapes |= {f"rnn.weight_ih_l{n}": (parts, width), f"rnn.weight_hh_l{n}": (parts, width)}
        shapes |= {f"rnn.bias_ih_l{n}": (parts,), f"rnn.bias_hh_l{n}": (parts,)}
    weights = {}
    for n, (name, shape) in enumerate(shapes.items()):
        wave = np.sin(1.7 * np.arange(np.prod(shape)) ** 1.3 + n).reshape(shape)
        weights[name] = wave * (1.5 if name == "embedding.weight" else 0.5)
    weights["bias"][symbols.index("</s>")] = -9  # so that writing goes on
    return recurrent_model(weights, symbols, cell, **options)

LETTERS = ["<pad>", "<unk>", "<s>", "</s>", "▁", *"abcdefghijklmnopqrstuvwxyzT."]
JAMO = ["<s>", "</s>", "▁", *map(chr, range(0x1100, 0x1113)), *map(chr, range(0x1161, 0x1176)), "\u11ab", "\u11af"]
english = network(LETTERS, 20, "lstm", examples=["The cook is", ("The cook", "The cooks"), "a <b>c</b>"])
korean = network(JAMO, 12, "gru", layers=2, unit="jamo", examples=["할머니", ("할머니", "나")])
"""
NETWORK_CELLS = [
    new_markdown_cell("# Networks"),
    new_code_cell(f'{NETWORK}\nRecurrentExplorer({{"English": english, "한국어": korean}}, seed=4)'),
    new_code_cell("""\
count = 300
angle = np.arange(count) * 2.4
places = np.c_[np.cos(angle), np.sin(angle)] * np.sqrt(np.arange(count))[:, None]
group = np.arange(count) % 3
far = places + 60 * np.c_[group == 1, group == 2]
texts = [f"{'배 말 눈'.split()[i % 3]} {i} " + "글을 읽는다" * (i % 4) for i in range(count)]
texts[7] = "<img src=x onerror=alert(1)>"
texts[8] = ""
figure = ContextMap(
    {"before": places, "after": far},
    texts,
    {"word": [f"word {g}" for g in group], "half": ["<i>low</i>" if i < 150 else "high" for i in range(count)]},
    spans=[(0, 1) if i not in (7, 8) else None for i in range(count)],
)
figure"""),
    new_code_cell("figure"),
]  # fmt: skip
PLAYERS = """\
import numpy as np
from lmcourse.widgets import ChatBox, ClipPlayer

def tone(seconds, pitch):
    time = np.arange(int(16000 * seconds)) / 16000
    return (0.5 * np.sin(6.283 * pitch * time) * np.sin(6.283 * time) ** 2).astype(np.float32)

def film(count, colour):
    frames = np.zeros((count, 8, 10, 3), np.uint8)
    for n in range(count):
        frames[n, :, n % 10] = colour[0], colour[1], 10 * n
    return frames

TEXTS = ["one two three", "<img src=x onerror=alert(1)>", "배를 먹다 " + "x" * 200]
sounds = [tone(1.2, 440), tone(0.8, 880), tone(0.5, 220)]
features = [np.outer(np.arange(60.0), np.arange(20.0)) for _ in sounds]
ANSWERS = {"Who bought a pear?": "Minji", "Where?": "At the market", "hi": "안녕하세요! <b>hi</b>"}
ANSWERS["배?"] = "\\u202e배 👩\\u200d👩\\u200d👧 " + "x" * 200

def reply(text, history):
    if text == "bug":
        raise KeyError("what is not there")
    if text == "xyzzy":
        raise ValueError("not one word of 'xyzzy' is known")
    return ANSWERS.get(text, f"{text}? after {len(history)}")
"""
CHAT = """\
chat = ChatBox(
    reply,
    story="Minji went to the market. She bought a pear. 지우는 <i>배</i>를 보았다.",
    greeting="Ask me about the story.",
    examples=["hi", ("Who bought a pear?", "Where?", "And you?"), "배?", "xyzzy"],
    transcript=[("you", "Where?"), ("bot", "At the market")],
)
chat"""
PLAYER_CELLS = [
    new_markdown_cell("# Players"),
    new_code_cell(f"""{PLAYERS}
figure = ClipPlayer(
    sounds,
    captions=["one too three", *TEXTS[1:]],
    references=["one two three four", TEXTS[1], "배를 먹다"],
    labels=["first", TEXTS[1], ""],
    features=features,
)
figure"""),
    new_code_cell("""\
captions = {"before": TEXTS[:1], "after": ["one"]}
ClipPlayer(sounds[:1], captions=captions, references=["one two four"], loop=True)"""),
    new_code_cell("""\
films = ClipPlayer(
    frames=[film(10, (250, 0)), film(1, (0, 250)), film(4, (0, 0))], fps=5,
    captions=["a line moves right", "", "nothing"], references=["a line moves right", "green", ""],
)
films"""),
    new_code_cell(CHAT),
    new_code_cell("chat"),
]  # fmt: skip

# A translator whose weights are waves as well.
TRANSLATOR = """\
import numpy as np
from types import SimpleNamespace
from lmcourse.tasks import TextCodec
from lmcourse.widgets import TranslationExplorer, translation_model

def translator(hidden=24, width=12):
    source = TextCodec("morpheme", ["▁저", "는", "▁밥", "을", "▁친구", "를", "▁먹", "▁보", "었", "았", "다", "."])
    target = TextCodec("word", ["▁I", "▁ate", "▁rice", "▁friends", "▁the", "▁<img src=x onerror=alert(1)>", "."])
    s, t, gates = len(source.vocabulary), len(target.vocabulary), 3 * hidden
    shapes = {"encoder.front.embedding.weight": (s, width), "decoder.embedding.weight": (t, hidden)}
    for side, end, wide in [("encoder", "", width), ("encoder", "_reverse", width), ("decoder", "", 3 * hidden)]:
        name = f"{side}.rnn."
        shapes |= {f"{name}weight_ih_l0{end}": (gates, wide), f"{name}weight_hh_l0{end}": (gates, hidden)}
        shapes |= {f"{name}bias_ih_l0{end}": (gates,), f"{name}bias_hh_l0{end}": (gates,)}
    shapes |= {"decoder.bridge.0.weight": (hidden, 2 * hidden), "decoder.bridge.0.bias": (hidden,)}
    shapes["decoder.bias"] = (t,)
    weights = {}
    for n, (name, shape) in enumerate(shapes.items()):
        wave = np.sin(1.7 * np.arange(np.prod(shape)) ** 1.3 + n).reshape(shape)
        weights[name] = wave * (1.0 if "embedding" in name else 0.5)
    weights["decoder.bias"][:3] = -9  # so that no mark is written
    model = SimpleNamespace(state_dict=lambda: weights)
    return SimpleNamespace(model=model, source=source, target=target, max_length=12)

examples = ["저는 밥을 먹었다.", "저는 친구를 보았다.", "a <b>c</b>"]
translating = translation_model(translator(), bits=8, examples=examples)
truth = {"저는 밥을 먹었다.": "I ate rice."}
"""
TRANSLATION_CELLS = [
    new_markdown_cell("# Translations"),
    new_code_cell(f"{TRANSLATOR}\nTranslationExplorer(translating, truth=truth, beam=3)"),
]
NOTEBOOKS = {
    "widgets": CELLS, "networks": NETWORK_CELLS, "players": PLAYER_CELLS, "translations": TRANSLATION_CELLS,
}  # fmt: skip


def run_notebook(cells, folder):
    """A notebook of these cells with its outputs and the state of its widgets."""
    notebook = new_notebook(cells=cells)
    notebook.metadata["kernelspec"] = {"name": "python3", "display_name": "Python 3", "language": "python"}
    NotebookClient(notebook, timeout=120, resources={"metadata": {"path": str(folder)}}).execute(env=ENVIRONMENT)
    return notebook


def write_book(folder, config=CONFIG, notebooks=NOTEBOOKS):
    """The sources of the book, its notebooks executed."""
    for name, text in PAGES.items():
        (folder / name).write_text(text, encoding="utf-8")
    for name, cells in notebooks.items():
        nbformat.write(run_notebook(cells, folder), folder / f"{name}.ipynb")
    (folder / "_config.yml").write_text(yaml.safe_dump(config), encoding="utf-8")
    toc = {
        "format": "jb-book",
        "root": "intro",
        "chapters": [{"file": f} for f in ("korean", "other", *notebooks)],
    }
    (folder / "_toc.yml").write_text(yaml.safe_dump(toc), encoding="utf-8")


def build(folder):
    """Build strictly; returns the folder of pages."""
    command = "from jupyter_book.cli.main import main; main()"
    done = subprocess.run(
        [sys.executable, "-c", command, "build", str(folder), "-n", "-W", "--keep-going"],
        capture_output=True, text=True, encoding="utf-8", env=ENVIRONMENT, timeout=300, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-6000:]
    return folder / "_build" / "html"
