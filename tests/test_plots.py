"""Figures: Hangul shows, nothing warns, and what is drawn is what was passed."""

import io
import subprocess
import sys
import warnings
from importlib import metadata
from pathlib import Path

import matplotlib as mpl
import numpy as np
import pytest

mpl.use("agg")

import matplotlib.pyplot as plt  # noqa: E402
from matplotlib import font_manager  # noqa: E402

from lmcourse import plots  # noqa: E402

HANGUL = "가힣 한글 ㄱㅏㅋㅠ ᄒ ᅡ ᆫ ▁밥을"  # syllables, both kinds of jamo, and the marker of text.split
STATES = ("맑음", "흐림", "비")
MATRIX = [[0.7, 0.2, 0.1], [0.3, 0.4, 0.3], [0.2, 0.45, 0.35]]


@pytest.fixture(autouse=True)
def style():
    with mpl.rc_context(), warnings.catch_warnings():
        warnings.simplefilter("error")
        plots.use_style()
        yield
        plt.close("all")


def drawn(ax):
    """The pixels of a figure; drawing raises if anything warns."""
    file = io.BytesIO()
    ax.figure.savefig(file, format="png")
    file.seek(0)
    return plt.imread(file)


def texts(ax):
    return [text.get_text() for text in ax.texts]


def test_hangul_minus_and_arrows_have_glyphs():
    _, ax = plt.subplots()
    ax.set(title=HANGUL, xlabel="−1 → ½ “…” é β", xlim=(-2, 2))
    ax.text(0, 0, HANGUL, weight="bold")
    assert drawn(ax).shape[2] == 4


def test_exponents_have_their_minus():
    _, ax = plt.subplots()
    ax.loglog([0.001, 1000], [0.001, 1000])
    ax.set_title("한글")
    drawn(ax)


def test_a_missing_glyph_is_noticed():
    _, ax = plt.subplots()
    ax.set_title("\U0001f35a")
    with pytest.raises(UserWarning, match="Glyph .* missing"):
        drawn(ax)


def test_hangul_shows_without_a_korean_font_on_the_system():
    """In a process of its own, where matplotlib knows its own fonts only."""
    code = """if True:
        import warnings; warnings.simplefilter("error")
        import matplotlib as mpl; mpl.use("agg")
        from matplotlib import font_manager
        own = [f for f in font_manager.fontManager.ttflist if "mpl-data" in f.fname]
        font_manager.fontManager.ttflist[:] = own
        from lmcourse import plots
        import matplotlib.pyplot as plt, io, sys
        plots.use_style()
        plt.title("한글"); plt.savefig(io.BytesIO())
        assert "koreanize_matplotlib" not in sys.modules
        print(mpl.rcParams["font.family"])
    """
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "['DejaVu Sans', 'NanumGothic']\n" and done.stderr == ""


def test_no_korean_font_at_all_is_said(monkeypatch):
    monkeypatch.setattr(plots.font_manager.fontManager, "ttflist", [])
    monkeypatch.setattr(plots.metadata, "files", lambda name: None)
    with pytest.warns(UserWarning, match="Hangul will show as boxes: pip install koreanize-matplotlib"):
        plots.use_style()

    def missing(name):
        raise metadata.PackageNotFoundError(name)

    monkeypatch.setattr(plots.metadata, "files", missing)
    with pytest.warns(UserWarning, match="Hangul will show as boxes"):
        plots.use_style()


def test_a_font_of_the_system_will_do(monkeypatch):
    face = font_manager.FontEntry(name="Malgun Gothic", fname="x.ttf")
    monkeypatch.setattr(plots.font_manager.fontManager, "ttflist", [face])
    monkeypatch.setattr(plots.metadata, "files", lambda name: [])
    plots.use_style()
    assert mpl.rcParams["font.family"] == ["DejaVu Sans", "Malgun Gothic"]


def test_styling_twice_changes_nothing():
    fonts, style = len(font_manager.fontManager.ttflist), dict(mpl.rcParams)
    plots.use_style()
    assert len(font_manager.fontManager.ttflist) == fonts and dict(mpl.rcParams) == style


def contrast(color, page):
    def light(name):
        channels = np.array(mpl.colors.to_rgb(name))
        linear = np.where(channels <= 0.04045, channels / 12.92, ((channels + 0.055) / 1.055) ** 2.4)
        return linear @ (0.2126, 0.7152, 0.0722) + 0.05

    ratio = light(color) / light(page)
    return max(ratio, 1 / ratio)


@pytest.mark.parametrize("page", ["#ffffff", "#121212"])
@pytest.mark.parametrize("color", [plots.INK, *plots.PALETTE])
def test_every_ink_reads_on_light_and_dark_pages(color, page):
    assert contrast(color, page) > 3.5


@pytest.mark.parametrize("value", np.linspace(0, 1, 21))
def test_numbers_read_on_every_shade(value):
    ax = plots.heatmap([[value, 1]], ["a"], ["b", "c"])
    assert contrast(ax.texts[0].get_color(), plots.SHADES(value)) > 3.5


def test_the_background_is_clear():
    pixels = drawn(plots.bars([0.5], ["가"]))
    assert pixels[0, 0, 3] == 0 and (pixels[..., 3] > 0.9).any()


def test_bars():
    ax = plots.bars([0.61, 0.3, 0.00002], ["▁밥을", "▁물을", "▁꿈을"], highlight="▁물을", title="나는 …")
    drawn(ax)
    assert [bar.get_width() for bar in ax.patches] == [0.61, 0.3, 0.00002]
    assert [label.get_text() for label in ax.get_yticklabels()] == ["▁밥을", "▁물을", "▁꿈을"]
    assert [text.strip() for text in texts(ax)] == ["0.610", "0.300", "2.0e-05"]
    colors = [mpl.colors.to_hex(bar.get_facecolor()) for bar in ax.patches]
    assert colors == [plots.PALETTE[0], plots.PALETTE[1], plots.PALETTE[0]]
    assert ax.get_ylim()[0] > ax.get_ylim()[1]  # the first on top


def test_bars_of_nothing_much():
    drawn(plots.bars([0.0, 0.0], ["a", "b"]))
    drawn(plots.bars([], []))


def test_heatmap():
    ax = plots.heatmap(MATRIX, STATES, STATES, row_title="오늘", column_title="내일", digits=1)
    drawn(ax)
    assert texts(ax) == [f"{value:.1f}" for row in MATRIX for value in row]
    assert [label.get_text() for label in ax.get_xticklabels()] == list(STATES)
    assert texts(plots.heatmap(np.zeros((20, 20)), range(20), range(20))) == []
    drawn(plots.heatmap([[-1.0, 2.0]], ["a"], ["b", "c"]))


def test_curves():
    series = {"어절": [4, 3.9, None], "음절": [5, 3, 2.7], "자모": [6, 4, 2.69]}
    ax = plots.curves(series, [1, 2, 3], floor=2.1, floor_label="바닥", xlabel="order", ylabel="bits", title="둘")
    drawn(ax)
    lines = [line for line in ax.lines if len(line.get_xdata()) == 3]
    assert [list(line.get_ydata()) for line in lines[1:]] == [series["음절"], series["자모"]]
    assert set(texts(ax)) == {"어절", "음절", "자모", "바닥", "bits"}
    colors = {text.get_text(): text.get_color() for text in ax.texts}
    assert [colors[name] for name in series] == [line.get_color() for line in lines]
    assert any(list(line.get_ydata()) == [2.1, 2.1] for line in ax.lines)


def test_curves_come_to_their_targets():
    ax = plots.curves({"a": np.linspace(1, 0.5, 30), "b": np.linspace(0, 0.5, 30)}, targets={"a": 0.5})
    drawn(ax)
    dotted = [line for line in ax.lines if line.get_linestyle() != "-"]
    assert [(line.get_ydata()[0], line.get_color()) for line in dotted] == [(0.5, plots.PALETTE[0])]


def test_names_of_curves_do_not_touch():
    ax = plots.curves({str(n): [0, 1 + n / 100] for n in range(6)}, floor=1.0)
    ax.figure.canvas.draw()
    boxes = sorted((text.get_window_extent() for text in ax.texts), key=lambda box: box.y0)
    assert len(boxes) == 7 and all(low.y1 <= high.y0 + 0.5 for low, high in zip(boxes, boxes[1:], strict=False))


@pytest.mark.parametrize("wanted", [[0.0, 0.0, 0.0], [0.1, 0.5, 0.9], [0.4, 0.45, 0.46, 0.9], [0.5]])
def test_places_apart(wanted):
    places = plots._apart(np.array(wanted), 0.1)
    assert np.diff(places, prepend=-9).min() > 0.0999
    assert np.mean(places) == pytest.approx(np.mean(wanted))
    if np.diff(wanted, prepend=-9).min() >= 0.1:
        assert places == pytest.approx(wanted)


def test_transition_graph():
    ax = plots.transition_graph(MATRIX, STATES, title="날씨")
    drawn(ax)
    numbers = [text for text in texts(ax) if text not in STATES]
    assert sorted(numbers) == sorted(f"{value:.2f}" for row in MATRIX for value in row)
    widths = sorted(line.get_linewidth() for line in ax.lines)
    assert len(widths) == 9 and np.argsort(widths).tolist() == np.arange(9).tolist() and widths[-1] > 3 * widths[0]


def test_transition_graph_leaves_out_what_does_not_happen():
    ax = plots.transition_graph([[1, 0], [0.5, 0.5]], ["a", "b"])
    drawn(ax)
    assert sorted(texts(ax)) == ["0.50", "0.50", "1.00", "a", "b"]


@pytest.mark.parametrize("count", [1, 2, 5, 8])
def test_transition_graph_of_any_size(count):
    matrix = np.full((count, count), 1 / count)
    ax = plots.transition_graph(matrix, [f"상{n}" for n in range(count)], numbered=0.3)
    drawn(ax)
    assert len(ax.lines) == count**2 and len(ax.texts) == count + (count**2 if count < 4 else 0)
    for circle in ax.patches:
        box = circle.get_extents()
        assert ax.bbox.padded(1).containsx(box.x0) and ax.bbox.padded(1).containsy(box.y1)


def test_numbers_of_the_graph_stand_apart():
    ax = plots.transition_graph(MATRIX, STATES)
    ax.figure.canvas.draw()
    boxes = [text.get_window_extent() for text in ax.texts]
    assert not any(a.overlaps(b) for n, a in enumerate(boxes) for b in boxes[:n])


def test_arrows_lead_from_the_row_to_the_column():
    ax = plots.transition_graph([[0, 1], [0, 1]], ["from", "to"])
    arrow = next(line for line in ax.lines if line.get_color() == plots.PALETTE[0])
    (_, first), (_, last) = arrow.get_xydata()[0], arrow.get_xydata()[-1]
    centre = {text.get_text(): text.get_position()[1] for text in ax.texts}
    assert abs(first - centre["from"]) < abs(first - centre["to"])
    assert abs(last - centre["to"]) < abs(last - centre["from"])


@pytest.mark.parametrize(
    "draw, say",
    [
        (lambda: plots.bars([0.5, 0.5], ["a"]), "not 1 and shape .2,."),
        (
            lambda: plots.heatmap([[1]], ["a"], ["b", "c"]),
            "1 rows and 2 columns for a matrix of shape .1, 1.",
        ),
        (lambda: plots.curves({"a": [1, 2]}, [1, 2, 3]), "the line 'a' has 2 points for 3 places"),
        (
            lambda: plots.transition_graph([[1]], ["a", "b"]),
            "2 states need a matrix of shape .2, 2., not .1, 1.",
        ),
    ],
)
def test_shapes_that_do_not_fit(draw, say):
    with pytest.raises(ValueError, match=say):
        draw()


def test_figures_go_where_they_are_told():
    _, (left, right) = plt.subplots(1, 2)
    assert plots.bars([1], ["a"], ax=left) is left and plots.heatmap([[1]], ["a"], ["b"], ax=right) is right


def test_the_font_files_come_with_the_wheel():
    files = [file for file in metadata.files("koreanize-matplotlib") if file.stem == "NanumGothic"]
    assert len(files) == 1 and Path(files[0].locate()).is_file()


def test_a_heatmap_frames_the_cells_that_are_asked_for():
    ax = plots.heatmap([[0.1, 0.9], [0.5, 0.5]], ["a", "b"], ["x", "y"], outlined=[(0, 1), (1, 0)], digits=0)
    assert [patch.get_xy() for patch in ax.patches] == [(1, 0), (0, 1)] and not ax.texts
    with pytest.raises(ValueError, match=r"no cell \(2, 0\) to outline in a matrix of shape \(2, 2\)"):
        plots.heatmap([[0.1, 0.9], [0.5, 0.5]], ["a", "b"], ["x", "y"], outlined=[(2, 0)])
