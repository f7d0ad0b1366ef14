"""Is it right: what the benchmarks of chapters 07 and 08 leave out, count and compare; then that they run."""

import json
import math
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from torch import nn

from lmcourse.ngram import KneserNey
from lmcourse.self_attention import AttentionLM
from lmcourse.tasks import seeded
from lmcourse.transformer import CausalLM, EncoderLayer, MultiHeadAttention

ROOT = Path(__file__).parents[1]
pytestmark = pytest.mark.skipif(not (ROOT / "benchmarks").is_dir(), reason="a package of its own has no benchmarks")
QUICK = SimpleNamespace(quick=True, device="cpu")


@pytest.fixture(autouse=True)
def one_thread(monkeypatch):
    monkeypatch.syspath_prepend(ROOT)
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)


@pytest.fixture
def attention_bench(one_thread):
    from benchmarks import self_attention

    return self_attention


@pytest.fixture
def transformer_bench(one_thread):
    from benchmarks import transformer

    return transformer


def draw(*shape, seed=0):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


# --- what is measured ---


def test_a_chain_is_as_long_as_what_waits_for_one_another(attention_bench):
    x = torch.ones(3, requires_grad=True)
    y = x
    for _ in range(5):
        y = y.exp()  # one after the other
    wide = sum(x.exp() for _ in range(2)).sin()
    assert attention_bench.chain(y) == 1 + 5  # where the gradient of x is kept is an operation too
    assert attention_bench.chain(wide) == 1 + 1 + 2 + 1  # exp, 0 + exp, + exp, sin
    assert attention_bench.chain(torch.cat([y, wide])) == 1 + 5 + 1


def test_what_is_held_for_the_way_back_is_counted_once(attention_bench):
    x = torch.ones(100, requires_grad=True)
    assert attention_bench.held(lambda: x + 1) == 0
    assert attention_bench.held(lambda: x.exp()) == 400  # its own result
    assert attention_bench.held(lambda: x.sin() + x.cos()) == 400  # x for both
    assert attention_bench.held(lambda: x.exp() * x.cos()) == 1200  # x, exp x, cos x


def test_honest_bits_are_those_of_a_model_that_does_not_look_ahead_and_of_no_other(attention_bench):
    from lmcourse import stories

    read = attention_bench.words("en", "word", quick=True)
    for causal in (True, False):
        with seeded(3):
            model = AttentionLM(len(read.vocabulary), width=8, layers=2, positions="rotary", causal=causal)
        usual = stories.bits_per_character(model, read.test[:16], "en", "word", read.vocabulary)
        honest = attention_bench.honest_bits(model, read, 16)
        assert (honest == pytest.approx(usual, rel=1e-5)) is causal
        assert model.training  # as it was before
    # one story by hand: each token from the tokens before, and the pieces that are not known by their letters
    told = read.told(read.test[:8])
    assert len(told) == 1
    story, bits = told[0], 0.0
    for t in range(1, len(story)):
        bits -= model(torch.tensor([story[:t]])).logits[0, -1].log_softmax(0)[story[t]].item() / math.log(2)
        bits += stories.UNKNOWN * (story[t] == read.vocabulary["<unk>"])
    assert attention_bench.honest_bits(model, read, 8) == pytest.approx(bits / read.characters(read.test[:8]), rel=1e-5)


def test_a_model_that_sees_the_future_is_not_shown_padding(attention_bench):
    read, seen = attention_bench.words("en", "word", quick=True), []

    class Spy(AttentionLM):
        def forward(self, ids, targets=None, mask=None, state=None, **rest):
            seen.append((ids, mask))
            return super().forward(ids, targets, mask, state, **rest)

    for causal in (True, False):
        seen.clear()
        model = Spy(len(read.vocabulary), width=4, layers=1, causal=causal)
        attention_bench.learn(model, read, 1, 0)
        for ids, mask in seen:
            assert causal == (mask is None)
            if not causal:
                stories = {tuple(story[:-1]) for story in read.told(read.train)}
                assert {tuple(row[real].tolist()) for row, real in zip(ids, mask, strict=True)} <= stories


def test_a_training_that_breaks_off_says_so(attention_bench):
    model = nn.Linear(2, 2)

    def train():
        raise FloatingPointError("step 3: the loss is nan")

    found = attention_bench.spent(model, train)
    assert found["diverged"] == "step 3: the loss is nan" and found["loss"] is None and found["steps"] == 0
    assert found["parameters"] == 6 and not model.training


# --- what is left out ---


def test_each_block_lacks_what_its_name_says(transformer_bench):
    B, T = 2, 5
    ids = torch.arange(B * T).view(B, T)
    found = {}
    for name, (layer, changes) in transformer_bench.BLOCKS.items():
        with seeded(0):
            model = transformer_bench.block_model(20, layer, changes).eval()
        names = [n for n, _ in model.named_parameters()]
        assert any("norm" in n for n in names) is (name != "without norm")
        assert any("linear" in n for n in names) is ("without feed-forward" not in name)
        found[name] = sum(p.numel() for p in model.parameters())
        logits = model(ids).logits
        changed = ids.clone()
        changed[:, 3] += 1
        torch.testing.assert_close(model(changed).logits[:, :3], logits[:, :3])  # nobody looks ahead
        assert not torch.allclose(model(changed).logits[:, 3:], logits[:, 3:])
        again = CausalLM(20, **transformer_bench.SHAPE | changes).eval()
        again.load_state_dict(model.state_dict(), strict=False)
        same = torch.allclose(again(ids).logits, logits, atol=1e-6)
        assert same is (layer is EncoderLayer)  # what is left out makes a difference
    assert found["without feed-forward, 12 layers"] == pytest.approx(found["complete"], rel=0.02)
    assert found["without feed-forward"] < found["complete"] / 2


@pytest.mark.parametrize("norm_first", [True, False])
def test_without_residual_only_what_the_parts_give_goes_on(transformer_bench, norm_first):
    layer = transformer_bench.NoResidual(8, 2, 12, norm_first=norm_first).eval()
    x = draw(2, 3, 8)
    norm1, norm2 = layer.norm1, layer.norm2
    if norm_first:
        y = layer.self_attn(norm1(x), causal=True)[0]
        y = layer.feed_forward(norm2(y))[0]
    else:
        y = norm1(layer.self_attn(x, causal=True)[0])
        y = norm2(layer.feed_forward(y)[0])
    torch.testing.assert_close(layer(x, causal=True)[0], y)


def test_without_feed_forward_a_layer_only_looks(transformer_bench):
    layer, x = transformer_bench.NoFeedForward(8, 2, 12).eval(), draw(2, 3, 8)
    torch.testing.assert_close(layer(x, causal=True)[0], x + layer.self_attn(layer.norm1(x), causal=True)[0])


@pytest.mark.parametrize("heads", [1, 2, 4])
def test_heads_in_a_loop_are_the_same_heads(transformer_bench, heads):
    together, x = MultiHeadAttention(8, heads), draw(2, 5, 8)
    nn.init.normal_(together.in_proj_bias)
    torch.testing.assert_close(transformer_bench.LoopedHeads(together)(x)[0], together(x)[0])


def test_without_a_compiler_the_reason_is_kept(transformer_bench, monkeypatch):
    def broken(layer, **options):
        def fail(*arguments, **options):
            raise RuntimeError("no compiler\nand a long story")

        return fail

    monkeypatch.setattr(torch, "compile", broken)
    row = transformer_bench.layer((2, 3, 8, 2, 12), None, True, True, torch.device("cpu"), 1, compiled=True)
    assert row["not_compiled"] == "RuntimeError: no compiler" and "fused, compiled" not in row["ways"]


# --- equal time, and what is kept ---


def test_the_steps_of_the_translators_follow_from_their_speed(
    transformer_bench, attention_bench, monkeypatch, tmp_path
):
    monkeypatch.setattr("benchmarks.CACHE", tmp_path)
    rates = {"attention": 20.0, "Transformer": 12.5}
    monkeypatch.setattr(transformer_bench, "speed", lambda quick, device: {"steps_per_second": rates})
    jobs = transformer_bench._translation(False, "cpu")
    found = [(settings["model"], settings["seed"], settings["steps"]) for _, settings, _ in jobs]
    steps = {arm: round(transformer_bench.BUDGET * rate) for arm, rate in rates.items()}
    assert sorted(found) == sorted((arm, seed, steps[arm]) for arm in rates for seed in (0, 1))
    assert len({name for name, _, _ in jobs}) == len(jobs)  # no file is written twice


@pytest.mark.parametrize("which", ["attention_bench", "transformer_bench"])
def test_trainings_are_done_once_and_can_be_shared(which, request, monkeypatch, tmp_path, attention_bench):
    bench, done = request.getfixturevalue(which), []
    monkeypatch.setattr("benchmarks.CACHE", tmp_path)

    def jobs(quick, device):
        def job(n):
            return f"some job {n}", {"n": n, "device": device}, lambda: done.append(n) or {"loss": float(n)}

        return [job(n) for n in range(5)]

    parts = bench.PARTS if hasattr(bench, "PARTS") else bench.TRAININGS
    monkeypatch.setitem(parts, "some", jobs)
    bench.fill("some", share=(1, 2))
    assert done == [1, 3]
    bench.fill("some")
    assert done == [1, 3, 0, 2, 4]
    assert [found["loss"] for found in attention_bench.gather(jobs(False, "cpu"))] == [0, 1, 2, 3, 4]
    assert len(done) == 5  # all from the cache
    with pytest.raises(ValueError, match="no trainings 'breks'; there are"):
        bench.fill("breks")


# --- they run ---


def test_the_benchmark_of_attention_runs(attention_bench):
    result = json.loads(json.dumps(attention_bench.run(QUICK)))
    said = attention_bench.report(result)
    for row in result["lengths"]:
        chains = {name: way["chain"] for name, way in row["ways"].items()}
        assert chains["LSTM, loop"] > 6 * row["T"] and max(n for way, n in chains.items() if way != "LSTM, loop") < 20
        assert [way["sequential"] for way in row["ways"].values()] == [row["T"]] * 3 + [1] * 3
        assert row["ways"]["LSTM, fused"]["ratio"] == 1
        held = {name: way["held_bytes"] for name, way in row["ways"].items()}
        assert held["attention, readable"] > row["score_bytes"]
    assert [r["settings"]["model"] for r in result["breaks"]] == list(attention_bench.BREAKS)
    for r in result["breaks"]:
        blind = r["settings"]["model"] != "without mask"
        assert (r["honest"] == pytest.approx(r["sample"], rel=1e-4)) is blind
        assert 0 < r["loss"] < 12 and r["steps"] > 0 and r["settings"]["model"] in said


def test_the_scoreboard_runs():
    bench = pytest.importorskip("benchmarks.scoreboard")
    result = json.loads(json.dumps(bench.run(QUICK)))
    said = bench.report(result)
    rows, seeds = result["models"], 1
    assert len(rows) == sum(map(len, bench.ORDERS.values())) + seeds * len(bench.UNITS) * len(bench.MODELS)
    truths = {r["settings"]["language"]: r["truth"] for r in rows if "truth" in r}
    for r in rows:
        english = r["settings"]["language"] == "en"
        assert truths[r["settings"]["language"]] < r["bits_per_character"] < 20 and r["numbers"] > 0
        assert ("agreement" in r) is english and bench._name(r["settings"]) in said
        if english:
            assert all(0 <= p["right"] <= p["count"] for p in r["agreement"])
    assert len({sum(p["count"] for p in r["agreement"]) for r in rows if "agreement" in r}) == 1
    orders = [r["bits_per_character"] for r in rows if r["settings"].get("order") and r["settings"]["language"] == "en"]
    assert orders[0] > orders[1] > orders[2], "more context helps"
    assert len(result["growth"]) == 3 * len(bench.GROWTH)
    assert all(way["ratio"] == 1 for way in result["doubling"][0]["ways"].values())


def test_an_n_gram_keeps_a_probability_for_each_and_a_weight_for_all_but_the_longest():
    bench = pytest.importorskip("benchmarks.scoreboard")
    model = KneserNey(2).fit([["a", "b"]])  # <s> </s> <unk> a b; <s> a, a b, b </s>
    assert bench._entries(model) == 2 * 5 + 3


def test_the_benchmark_of_the_transformer_runs(transformer_bench):
    result = json.loads(json.dumps(transformer_bench.run(QUICK)))
    said = transformer_bench.report(result)
    assert {(r["mask"], r["norm_first"], r["pass"]) for r in result["layer"]} == {
        (mask, first, way)
        for mask in (None, "padding", "causal")
        for first in (True, False)
        for way in ("forward", "forward and backward")
    }  # fmt: skip
    assert all(set(r["ways"]) == {transformer_bench.LAYER, "fused", "readable"} for r in result["layer"])
    assert [r["H"] for r in result["heads"]] == [1, 2, 4, 8, 16]
    assert all(r["ratio"] > 0 and r["ways"]["kept"]["seconds"] > 0 for r in result["generation"])
    assert [r["settings"]["model"] for r in result["block"]] == list(transformer_bench.BLOCKS)
    assert all(0 < r["loss"] < 12 and r["settings"]["model"] in said for r in result["block"])
    for r in result["translation"]:
        rate = result["speed"][0]["steps_per_second"][r["settings"]["model"]]
        assert r["settings"]["steps"] == round(transformer_bench.BUDGET * rate)
        for part in ("test", "unseen"):
            assert sum(row["count"] for row in r[part]["by_length"]) == r[part]["sentences"] == 20
            assert sum(row["right"] for row in r[part]["by_length"]) == 20 * r[part]["right"]
    sizes = [r["parameters"] for r in result["translation"]]
    assert len(sizes) == 2 and sizes[0] == pytest.approx(sizes[1], rel=0.1)


# --- BERT ---


@pytest.fixture
def bert_bench(one_thread):
    from benchmarks import bert

    return bert


@pytest.mark.parametrize("shortest", [None, 4])
def test_packed_texts_are_the_padded_ones(bert_bench, shortest):
    padded, packed = bert_bench.texts(bert_bench.TINY, 9, 16, shortest)
    assert padded["ids"].shape == padded["targets"].shape == padded["mask"].shape == (9, 16)
    assert padded["mask"].all() == (shortest is None) and padded["mask"].any(1).all()
    assert (len(packed["ids"]) == 9) is (shortest is None)
    found = []
    for ids, targets, documents in zip(packed["ids"], packed["targets"], packed["documents"], strict=True):
        for n in range(1, int(documents.max()) + 1):
            found.append((ids[documents == n].tolist(), targets[documents == n].tolist()))
    assert found == [
        (ids[real].tolist(), targets[real].tolist())
        for ids, targets, real in zip(padded["ids"], padded["targets"], padded["mask"], strict=True)
    ]
    assert all(ids[0] == 1 and ids[-1] == 2 for ids, _ in found)
    masked = padded["targets"] != -100
    assert masked.any() and not (masked & ~padded["mask"]).any()


def test_without_the_rival_it_says_how_to_get_it(bert_bench, monkeypatch):
    from benchmarks import Missing

    monkeypatch.setitem(sys.modules, "transformers", None)
    with pytest.raises(Missing, match=r"transformers.*pip install"):
        bert_bench.run(QUICK)


def test_the_benchmark_of_bert_runs(bert_bench):
    pytest.importorskip("transformers", reason="transformers is not installed: the extra 'pretrained' has it")
    result = json.loads(json.dumps(bert_bench.run(QUICK)))
    said = bert_bench.report(result)
    assert {(r["task"], r["pass"], r["rows"]) for r in result["speed"]} == {
        (task, way, rows)
        for task in ("encoder", "masked words")
        for way in ("forward", "forward and backward")
        for rows in ("full", "mixed")
    }
    for r in result["speed"]:
        names = {bert_bench.SDPA, bert_bench.EAGER, "ours"} | ({"ours, packed"} if r["rows"] == "mixed" else set())
        assert set(r["ways"]) == names and r["ways"][bert_bench.SDPA]["ratio"] == 1
        assert (r["filled"] == 1) is (r["rows"] == "full") and r["task"] in said
    for r in result["cost"]["shapes"]:
        for each in r["lengths"]:
            assert each["counted"] == pytest.approx(each["row"], rel=1e-9)
    assert result["gpu"] is None


@pytest.mark.parametrize("shortest", [None, 4])
def test_what_would_run_on_a_gpu_runs(bert_bench, shortest):
    pytest.importorskip("transformers", reason="transformers is not installed: the extra 'pretrained' has it")
    found = bert_bench.training(
        bert_bench.TINY, 4, 16, shortest, torch.device("cpu"), repeats=2, compiled=False, size=64
    )
    assert set(found["ways"]) == {bert_bench.SDPA, bert_bench.EAGER, "ours"}
    rivals = [t["against_best_rival"] for name, t in found["ways"].items() if name != "ours"]
    assert max(rivals) == 1 and all(t["share"] > 0 for t in found["ways"].values())
    result = {"speed": [], "cost": bert_bench.cost(True), "gpu": [found]}
    assert f"{found['ways']['ours']['tokens_per_second']:,.0f}" in bert_bench.report(result)


# --- what is recorded ---


def test_every_result_says_how_it_was_made(one_thread):
    """By which command, with what, when, where, with which seeds; and there is no result of a benchmark that is not."""
    import importlib
    import pkgutil

    import benchmarks

    names = {m.name for m in pkgutil.iter_modules(benchmarks.__path__) if not m.name.startswith("_")}
    results = {path.stem: json.loads(path.read_text("utf-8")) for path in benchmarks.RESULTS.glob("*.json")}
    assert set(results) == names
    for name, result in results.items():
        assert result["command"].startswith(f"python -m benchmarks {name}"), name
        assert result["versions"] and result["machine"]["processor"] and result["date"] >= "2026", name
        try:
            seeds = importlib.import_module(f"benchmarks.{name}").SEEDS
        except ImportError:
            continue  # a rival that is not installed here
        kept = result["seeds"]
        assert kept == json.loads(json.dumps(seeds)), name


# --- the widgets ---


@pytest.fixture
def drawn_pages(one_thread):
    """The benchmark of the widgets, and what it finds."""
    from benchmarks import Missing, widgets

    try:
        with ThreadPoolExecutor(1) as pool:  # other tests may have a browser open in this thread, and it allows one
            result = pool.submit(widgets.run, QUICK).result()
    except Missing as missing:
        pytest.skip(str(missing))
    return widgets, json.loads(json.dumps(result))


def test_the_benchmark_of_the_widgets_runs(drawn_pages):
    bench, result = drawn_pages
    said = bench.report(result)
    [each] = result["shapes"]
    assert each["shape"] == [2, 2, 8]
    ours = each["tools"][bench.OURS]
    assert ours["offline"] is True and ours["requests"] == 0 and ours["why"] is None
    assert ours["bytes"] > ours["gzipped"] > 0 and ours["tab_stops"] > 0
    assert ours["first_picture"]["seconds"] > 0
    assert set(ours["answers"]) == {"token", "head"}
    assert all(0 < answer["first"]["median"] <= answer["last"]["median"] for answer in ours["answers"].values())
    assert set(ours["ratio"].values()) == {1}
    rows = [line for line in said.splitlines() if line.startswith("2x2x8 ko")]
    assert len(rows) == len(each["tools"]) and bench.OURS in rows[0]
    packages = {tool.package for tool in bench.TOOLS.values()}
    assert packages == set(result["missing"]) | set(result["tools"]) - {"playwright", "chromium"}
    for name, row in each["tools"].items():
        assert bench.TOOLS[name].package in result["tools"]
        if not row["offline"]:  # what was not seen has no number
            assert row["why"] and row["first_picture"] is row["answers"] is row["tab_stops"] is None


def test_the_same_weights_for_all_tools():
    widgets = pytest.importorskip("benchmarks.widgets")
    for shape in widgets.SHAPES:
        weights, tokens = widgets.draw(*shape)
        assert weights.shape == (*shape[:2], shape[2], shape[2]) and len(tokens) == shape[2]
        torch.testing.assert_close(weights.sum(-1), torch.ones(shape[:3]))
        assert torch.equal(weights, widgets.draw(*shape)[0])


def test_a_tool_that_is_not_there_is_left_out(one_thread, monkeypatch, tmp_path):
    from benchmarks import widgets

    def absent(weights, tokens):
        raise ImportError("No module named 'rival'")

    def refuses(weights, tokens):
        raise ValueError("too many heads")

    kept = {widgets.OURS: widgets.TOOLS[widgets.OURS]._replace(make=refuses)}
    monkeypatch.setattr(widgets, "TOOLS", kept | {"rival": kept[widgets.OURS]._replace(make=absent)})
    found = widgets.measure(None, (1, 1, 4, "en"), tmp_path, 1, 1)
    assert list(found) == [widgets.OURS] and found[widgets.OURS]["why"] == "refused: too many heads"
    assert set(found[widgets.OURS]["ratio"].values()) == {None}


# --- the pages ---


@pytest.fixture
def weighed(one_thread, monkeypatch, tmp_path):
    """The benchmark of the pages, and what it finds in two small books of one page; the files of the first."""
    from benchmarks import Missing, pages

    def build(folder, plain):
        foreign = '<script src="https://example.org/a.js"></script><img src="https://example.org/b.png" alt="">'
        text = f'<!doctype html><title>x</title><link rel="stylesheet" href="a.css"><p>{"word " * 5_000}'
        html = folder / "html"
        html.mkdir()
        (html / "a.css").write_text("p { color: red }\n" * 200)
        (html / "unused.css").write_text("p {}")
        (html / "index.html").write_text(text + '<img src="a.png" alt="">' + foreign * plain)
        (html / "a.png").write_bytes(bytes(range(256)) * (4 if plain else 2))
        return html

    monkeypatch.setattr(pages, "build", build)
    monkeypatch.setattr(pages, "pages", lambda: ["index"])
    try:
        with ThreadPoolExecutor(1) as pool:
            result = pool.submit(pages.run, QUICK).result()
    except Missing as missing:
        pytest.skip(str(missing))
    return pages, json.loads(json.dumps(result)), build(tmp_path, plain=False)


def test_a_page_weighs_what_a_server_sends_for_it(weighed):
    pages, result, html = weighed
    row = result["pages"]["index"]
    text, style = (len(pages.gzip.compress((html / name).read_bytes(), mtime=0)) for name in ("index.html", "a.css"))
    assert row["ours"]["weights"] == {
        "page": text, "styles": style, "scripts": 0, "fonts": 0, "pictures": 512, "other": 0
    }  # fmt: skip
    assert row["ours"]["bytes"] == text + style + 512 < 2_000, "text is compressed, pictures are not"
    assert (row["ours"]["requests"], row["ours"]["foreign"], row["plain"]["foreign"]) == (3, 0, 2)
    assert row["ratio"]["bytes"] == row["plain"]["bytes"] / row["ours"]["bytes"] > 1
    assert row["ours"]["elements"] >= 6 and 0 < row["ours"]["first"] <= row["ours"]["largest"]
    (line,) = [line for line in pages.report(result).splitlines() if line.startswith("index")]
    assert "0 / 2" in line


def test_the_pages_that_are_visited_are_in_the_book(one_thread):
    pages = pytest.importorskip("benchmarks.pages")
    names = pages.pages()
    assert len(names) >= 19 and names[0] == "book/intro"
    assert all(any((ROOT / f"{name}{ending}").is_file() for ending in (".md", ".ipynb")) for name in names)
