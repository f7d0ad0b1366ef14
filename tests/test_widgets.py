"""The next-word explorer without a browser: its table, its traits, and its JavaScript against its Python."""

import base64
import json
import math
from collections import Counter, defaultdict

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from javascript import script_runner

from lmcourse.widgets import NextWordExplorer, NextWordTable, next_word_table
from lmcourse.widgets.base import FIGURE_BUDGET

SENTENCES = [
    s.split()
    for s in [
        "the cat sat on the mat",
        "the cat ate the fish",
        "the dog sat",
        "a dog ate a cat",
        "고양이가 물을 마신다",
        "고양이가 잔다",
        "the dog saw the cat on the mat",
    ]
]


def interpolated(sentences, order, discount=0.5):
    """A small model by hand: absolute discounting, interpolated down to a uniform distribution."""
    counts = defaultdict(Counter)
    for sentence in sentences:
        words = ["<s>", *sentence, "</s>"]
        for i in range(1, len(words)):
            for n in range(min(order, i + 1)):
                counts[tuple(words[i - n : i])][words[i]] += 1
    vocabulary = sorted(counts[()])

    def next_word(context):
        context = tuple(context)
        lower = next_word(context[1:]) if context else dict.fromkeys(vocabulary, 1 / len(vocabulary))
        seen = counts.get(context) if len(context) < order else None
        if not seen:
            return lower
        total, left = sum(seen.values()), discount * len(seen) / sum(seen.values())
        return {w: max(seen[w] - discount, 0) / total + left * lower[w] for w in vocabulary}

    next_word.counts = counts
    return next_word


def marked():
    return [["<s>", *sentence, "</s>"] for sentence in SENTENCES]


MODEL = interpolated(SENTENCES, 3)
TABLE = next_word_table(MODEL, SENTENCES, order=3)
HOSTILE = [
    *("", " ", "\n", "<img src=x onerror=alert(1)>", "</script>", '"\\', "toString", "$x_1$", "x" * 200),
    *("\u05e9\u05dc\u05d5\u05dd", "\u202eabc", "👩\u200d👩\u200d👧", "한글"),  # right to left, emoji, Hangul
]


# The table


@pytest.mark.parametrize("context", [(), ("<s>",), ("the",), ("<s>", "the"), ("cat", "sat"), ("dog", "ate")])
def test_table_equals_the_model(context):
    """To list the words seen after a context is enough: its shorter contexts give the others, exactly."""
    assert context in TABLE.records
    listed = TABLE.records[context][0]
    if context:
        assert set(listed) <= set(MODEL.counts[context])
    got, other = TABLE._distribution(context)
    assert other == pytest.approx(0, abs=1e-3)
    assert got == pytest.approx(MODEL(context), rel=2e-3)


def test_table_scores_as_the_ngram_model_does():
    from lmcourse.ngram import KneserNey

    model = KneserNey(3).fit(SENTENCES)
    table = next_word_table(model.next_word, SENTENCES, order=3)
    for sentence in SENTENCES:
        assert sum(table.bits([*sentence, "</s>"])) == pytest.approx(-model.log2prob(sentence), abs=0.02)
    assert "<unk>" not in table.index
    assert table.next_word([])["the"] == pytest.approx(model.next_word([])["the"], rel=1e-3)
    unigram = model.next_word([], bos=False)
    assert table.next_word(["the"], order=1)["the"] == pytest.approx(unigram["the"], rel=1e-3)


words = st.lists(st.sampled_from(["the", "cat", "dog", "on", "</s>", "고양이가", "unheard-of"]), max_size=6)


@settings(deadline=None)
@given(words, st.integers(1, 3))
def test_table_is_a_distribution_after_any_words(words, order):
    table = next_word_table(MODEL, SENTENCES, order=3, budget=500)
    p, other = table._distribution(table.context(words, order))
    assert sum(p.values()) + other == pytest.approx(1, abs=2e-3)
    assert min(p.values()) >= 0
    assert len(table.context(words, order)) < order
    assert all(bits >= 0 for bits in table.bits(words, order))


def test_the_budget_is_kept_and_spent_on_what_matters():
    tables = [next_word_table(MODEL, SENTENCES, order=3, budget=budget) for budget in (300, 500, 10**6)]
    sizes = [len(table.data) for table in tables]
    assert sizes == sorted(set(sizes)) and sizes[0] <= 300 and sizes[1] <= 500
    assert [table.complete for table in tables] == [False, False, True]

    def cost(table):
        return sum(sum(table.bits([*sentence, "</s>"])) for sentence in SENTENCES)

    costs = [cost(table) for table in tables]
    assert costs == sorted(costs, reverse=True)
    assert costs[2] == pytest.approx(
        sum(-math.log2(MODEL(words[max(0, i - 2) : i])[words[i]]) for words in marked() for i in range(1, len(words))),
        abs=0.05,
    )
    for table in tables:  # what backs off ends somewhere
        assert all(table.context(context[i:]) is not None for context in table.records for i in range(3))


def test_each_order_may_have_its_own_model():
    answers = [lambda context, n=n: {"a": 0.5 + n / 10, "b": 0.5 - n / 10} for n in range(3)]
    table = next_word_table(answers, [["a", "b"]])
    assert table.order == 3
    assert [table.next_word(["a", "b"], order)["a"] for order in (1, 2, 3)] == pytest.approx([0.5, 0.6, 0.7], rel=1e-3)


def test_a_model_that_takes_bos_is_asked_without_the_mark():
    asked = []

    def next_word(context, bos=True):
        asked.append((tuple(context), bos))
        return {"a": 0.5, "</s>": 0.5}

    next_word_table(next_word, [["a"]], order=3)
    assert set(asked) == {((), False), ((), True), (("a",), False), (("a",), True)}


def test_contexts_without_an_answer_are_left_out():
    known = {(): {"a": 1.0}, ("<s>",): {}}
    table = next_word_table(lambda context: known[tuple(context)], [["a", "a"]], order=2)
    assert set(table.records) == {()}
    assert table.context(["a"]) == ()


def test_truth_stands_beside_the_model():
    law = {("the",): {"cat": 0.25, "owl": 0.75}}
    table = next_word_table(MODEL, SENTENCES, truth=lambda context: law.get(tuple(context[-1:])))
    assert table.truth(["on", "the"])["cat"] == pytest.approx(0.25, rel=1e-3)
    assert table.truth(["on", "the"])["owl"] == pytest.approx(0.75, rel=1e-3)  # though the model knows no owl
    assert table.next_word(["on", "the"]).get("owl", 0) == 0
    assert table.truth(["on", "the"]).get("dog", 0) == 0
    assert table.truth(["cat"]) is None


def test_impossible_is_impossible():
    table = next_word_table(lambda c: {"a": 1.0} if c else {"a": 0.5, "b": 0.5}, [["a", "b"]], order=2, end=None)
    assert table.next_word(["a"]) == {"a": 1.0}
    assert table.bits(["a", "b"]) == [0.0, math.inf]


@pytest.mark.parametrize("word", HOSTILE, ids=range(len(HOSTILE)))
def test_any_string_is_a_word(word):
    explorer = NextWordExplorer({(): {word: 0.75, "b": 0.25}, (word,): {"b": 1.0}}, words=[word])
    table = explorer._tables[0]
    assert table.next_word([], 1) == pytest.approx({word: 0.75, "b": 0.25}, rel=1e-3)
    assert table.context([word]) == (word,)
    assert "b" in explorer.summary() and "\n\n" not in explorer.summary()
    assert base64.b64decode(explorer._repr_mimebundle_()[0]["image/png"]).startswith(b"\x89PNG")


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: next_word_table(MODEL, ["the cat"]), "a list of words, not the string 'the cat'"),
        (lambda: next_word_table(MODEL, SENTENCES, order=6), "order must be 1 to 5, not 6"),
        (lambda: next_word_table(MODEL, SENTENCES, order=0), "order must be 1 to 5, not 0"),
        (lambda: next_word_table(lambda c: {}, SENTENCES), "empty context"),
        (lambda: next_word_table(lambda c: {"a": 0.9, "b": 0.3}, SENTENCES), "after []: the sum is 1.2"),
        (lambda: next_word_table(lambda c: {"a": -0.5}, SENTENCES), "'a' has -0.5"),
        (lambda: next_word_table(lambda c: {"a": math.nan}, SENTENCES), "'a' has nan"),
        (lambda: next_word_table(lambda c: {1: 1.0}, SENTENCES), "no strings: [1]"),
        (lambda: NextWordExplorer({}), "not {}"),
        (lambda: NextWordExplorer(MODEL), "from next_word_table"),
        (lambda: NextWordExplorer({"a": 3}), "'a': 3"),
        (lambda: NextWordExplorer({("a",): {"b": 1.0}}), "empty context"),
        (lambda: NextWordExplorer({(): 0.5}), "not (): 0.5"),
        (lambda: NextWordExplorer(TABLE, words="the cat"), "not the string 'the cat'"),
        (lambda: NextWordExplorer(TABLE, words=[1]), "unicode"),
        (lambda: NextWordExplorer(TABLE, order=4), "order must be 1 to 3, the highest of the tables, not 4"),
        (lambda: NextWordExplorer(TABLE, tab=1), "no table 1"),
        (lambda: NextWordExplorer(TABLE, temperature=3), "temperature"),
        (lambda: NextWordExplorer(TABLE, top_k=-1), "top_k"),
        (lambda: NextWordExplorer(TABLE, language="fr"), "language"),
    ],
)  # fmt: skip
def test_bad_input_is_named(call, message):
    with pytest.raises(ValueError) as error:
        call()
    assert message in str(error.value)


# The widget


def test_two_tables_of_the_default_budget_fit_a_figure():
    vocabulary = [f"낱말{i}" for i in range(3000)]
    sentences = [vocabulary[i : i + 6] for i in range(0, 2990, 3)]
    full = {word: (i + 1) ** -1.0 / 8.6 for i, word in enumerate(vocabulary)}
    table = next_word_table(lambda context: full, sentences)
    assert 40_000 < len(table.data) <= 50_000
    explorer = NextWordExplorer({"one": table, "two": table})
    state = explorer.get_state()
    data = sum(len(base64.b64encode(each.pop("data"))) for each in state["tables"])
    state["tables"] = [{**each, "data": None} for each in state["tables"]]
    assert data + len(json.dumps(state, default=str)) < FIGURE_BUDGET
    with pytest.raises(ValueError, match="give next_word_table a smaller budget"):
        NextWordExplorer({"one": table, "two": table, "three": table})


def test_what_a_reader_changes_is_a_synced_trait():
    explorer = NextWordExplorer({"English": TABLE, "한국어": TABLE}, words=["the"], seed=3)
    state = explorer.get_state()
    assert {key: state[key] for key in ("tab", "words", "order", "temperature", "top_k", "seed")} == {
        "tab": 0, "words": ["the"], "order": 3, "temperature": 1.0, "top_k": 0, "seed": 3,
    }  # fmt: skip
    explorer.set_state({"words": ["the", "cat"], "order": 2, "temperature": 0.5})  # as if JavaScript did
    assert (explorer.words, explorer.order, explorer.temperature) == (["the", "cat"], 2, 0.5)
    assert "after the cat" in explorer.summary()


def test_stand_ins_are_the_same_every_time():
    """nbval compares the text, so it holds no address; the picture is for a PDF and for previews."""
    first, second = (NextWordExplorer(TABLE, words=["the", "cat"])._repr_mimebundle_()[0] for _ in range(2))
    assert first["text/plain"] == second["text/plain"]
    assert first["text/plain"].startswith("NextWordExplorer, order 3: after the cat\n  ")
    assert first["image/png"] == second["image/png"]
    assert first["application/vnd.jupyter.widget-view+json"]["model_id"]


def test_plain_numbers_keep_all_their_words():
    weather = {(): {"sun": 0.7, "rain": 0.3}, ("sun",): {"sun": 0.9, "rain": 0.1}}
    table = NextWordExplorer(weather)._tables[0]
    assert (table.order, table.start, table.end) == (2, None, None)
    assert table.next_word(["sun"]) == pytest.approx({"sun": 0.9, "rain": 0.1}, rel=1e-3)
    assert table.next_word(["rain"]) == pytest.approx({"sun": 0.7, "rain": 0.3}, rel=1e-3)  # backs off


def test_the_script_asks_nobody_and_writes_no_html():
    for forbidden in ("innerHTML", "insertAdjacentHTML", "outerHTML", "fetch(", "import ", "eval(", "https:"):
        assert forbidden not in NextWordExplorer._esm, forbidden


# JavaScript against Python


@pytest.fixture(scope="module")
def node(tmp_path_factory):
    return script_runner(NextWordExplorer, tmp_path_factory.mktemp("node"))


def shipped(table: NextWordTable):
    [sent] = NextWordExplorer(table).get_state()["tables"]
    return {**sent, "data": {"bytes": base64.b64encode(sent["data"]).decode()}}


@pytest.mark.parametrize("options", [{}, {"budget": 300}, {"budget": 600}], ids=str)
def test_javascript_backs_off_and_scores_as_python_does(node, options):
    table = next_word_table(MODEL, SENTENCES, order=3, truth=lambda c: {"cat": 1.0}, **options)
    texts = [
        *SENTENCES,
        [],
        ["the", "cat", "purred"],
        ["zebra", "dog", "saw", "</s>"],
        ["mat", "a", "고양이가"],
    ]
    cases = [(text, order) for text in texts for order in (1, 2, 3)]
    results = node(
        """data.table = widget.readTable(data.table);
           return data.cases.map(([text, order]) => {
             const context = widget.contextOf(data.table, text, order);
             const { p, other, used } = widget.distribution(data.table, context);
             const named = Object.fromEntries(widget.rank(p).map((id) => [data.table.words[id], p[id]]));
             const { ids, truth } = data.table.records.get(used.join());
             const words = data.table.words;
             return { named, other, used: used.map((id) => data.table.words[id]), order: Object.keys(named),
                      bits: widget.score(data.table, text, order),
                      truth: truth && Object.fromEntries(ids.map((id, i) => [words[id], truth[i]])) };
           });""",
        {"table": shipped(table), "cases": cases},
    )
    for (text, order), result in zip(cases, results, strict=True):
        assert tuple(result["used"]) == table.context(text, order)
        expected = table.next_word(text, order)
        assert result["named"] == pytest.approx(expected, rel=1e-9)
        assert result["order"] == list(expected)  # also which of two equals comes first
        assert result["other"] == pytest.approx(table._distribution(table.context(text, order))[1], abs=1e-9)
        assert [float(bits) for bits in result["bits"]] == pytest.approx(table.bits(text, order), rel=1e-9)
        assert result["truth"] == pytest.approx(table.truth(text, order), rel=1e-9)


P = [0.5, 0.25, 0.15, 0.1, 0.0]


@pytest.mark.parametrize(
    ("temperature", "k", "expected"),
    [
        (1, 0, P),
        (0, 0, [1, 0, 0, 0, 0]),
        (0, 3, [1, 0, 0, 0, 0]),
        (1, 2, [2 / 3, 1 / 3, 0, 0, 0]),
        (1, 9, P),
        (2, 0, [math.sqrt(p) / sum(map(math.sqrt, P)) for p in P]),
        (0.5, 0, [p * p / sum(q * q for q in P) for p in P]),
        (0.5, 2, [0.8, 0.2, 0, 0, 0]),
        (0.01, 0, [1, 0, 0, 0, 0]),
    ],
)
def test_temperature_and_top_k(node, temperature, k, expected):
    script = "return [...widget.reshape(Float64Array.from(data.p), data.t, data.k)]"
    got = node(script, {"p": P, "t": temperature, "k": k})
    assert got == pytest.approx(expected, abs=1e-12)


def test_darts_hit_words_as_often_as_they_are_probable(node):
    n = 20_000
    got = node(
        """const p = Float64Array.from(data.p), even = [0, 0, 0, 0, 0], random = [0, 0, 0, 0, 0];
           for (let i = 0; i < data.n; i++) {
             even[widget.draw(p, (i + 0.5) / data.n)]++;
             random[widget.draw(p, widget.random(7, i))]++;
           }
           return { even, random, last: widget.draw(p, 1 - 2 ** -53),
                    numbers: Array.from({ length: 1000 }, (_, i) => widget.random(7, i)),
                    others: Array.from({ length: 1000 }, (_, i) => widget.random(8, i)) };""",
        {"p": P, "n": n},
    )
    assert got["even"] == pytest.approx([p * n for p in P], abs=1)
    # Five standard deviations of a binomial count.
    assert all(abs(c - p * n) <= 5 * math.sqrt(p * (1 - p) * n) for c, p in zip(got["random"], P, strict=True))
    assert got["last"] == 3  # the rounding of a sum never draws the impossible
    assert len(set(got["numbers"])) == 1000 and not set(got["numbers"]) & set(got["others"])
    assert all(0 <= x < 1 for x in got["numbers"])


def test_javascript_reads_any_string(node):
    p = {word: 1 / len(HOSTILE) for word in HOSTILE}
    table = NextWordExplorer({(): p, ("",): {"toString": 1.0}})._tables[0]
    result = node(
        """const table = widget.readTable(data.table);
           return [table.words, widget.backOff(table, widget.contextOf(table, [""], 2)).length]""",
        {"table": shipped(table)},
    )
    assert sorted(result[0]) == sorted(HOSTILE)
    assert result[1] == 1
