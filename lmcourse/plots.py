"""Figures in one style: few inks, labels beside what they name, Hangul that always shows.

The ink is a middle grey and the background is left out, so that a figure reads as well on a dark page as on a
light one. Every function takes plain numbers and strings, draws on ``ax`` (or on a new figure) and returns
the axes.
"""

import warnings
from importlib import metadata

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
from matplotlib import font_manager
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.patches import Circle, Polygon

INK = "#808080"
# After Okabe and Ito: told apart by every kind of colour vision, and 3.5:1 or more on white and on black.
PALETTE = ("#1a80c2", "#d55e00", "#0a9468", "#bb62a2", "#8f7a00", "#808080")
SHADES = LinearSegmentedColormap.from_list("lmcourse", ["#e6eef4", "#6aa9d2", "#0a5c94", "#06304f"])
KOREAN = (
    "NanumGothic",
    "Noto Sans CJK KR",
    "Noto Sans KR",
    "Apple SD Gothic Neo",
    "AppleGothic",
    "Malgun Gothic",
    "NanumBarunGothic",
    "Noto Sans CJK JP",
)


def use_style():
    """Set matplotlib's defaults for the figures of the course, with a font that has Hangul."""
    font = _korean_font()
    if font is None:
        warnings.warn(
            "no Korean font was found, so Hangul will show as boxes: pip install koreanize-matplotlib",
            stacklevel=2,
        )
    clear = (1, 1, 1, 0)
    mpl.rcParams.update(
        {
            # DejaVu first: it has the minus sign that exponents need; Hangul falls to the Korean font.
            "font.family": [name for name in ("DejaVu Sans", font) if name],
            "font.size": 11,
            "axes.unicode_minus": True,
            "axes.titlesize": 12,
            "axes.titlelocation": "left",
            "axes.titlepad": 10,
            "axes.titlecolor": INK,
            "axes.labelcolor": INK,
            "axes.edgecolor": INK,
            "axes.linewidth": 0.8,
            "axes.facecolor": clear,
            "axes.spines.top": False,
            "axes.spines.right": False,
            "axes.prop_cycle": mpl.cycler(color=PALETTE),
            "text.color": INK,
            "xtick.color": INK,
            "ytick.color": INK,
            "lines.linewidth": 2,
            "lines.solid_capstyle": "round",
            "legend.frameon": False,
            "figure.figsize": (6, 3.4),
            "figure.dpi": 100,
            "figure.facecolor": clear,
            "savefig.facecolor": clear,
            "savefig.bbox": "tight",
            "savefig.dpi": 200,
        }
    )
    try:
        from IPython import get_ipython
        from matplotlib_inline.backend_inline import set_matplotlib_formats
    except ImportError:
        return
    if get_ipython() is not None:
        set_matplotlib_formats("retina")


def _korean_font():
    """The name of a font with Hangul: the one that an installed wheel carries, or one of the system."""
    installed = {font.name for font in font_manager.fontManager.ttflist}
    if "NanumGothic" not in installed:
        try:  # only its files: the package itself cannot be imported on Python 3.12
            files = metadata.files("koreanize-matplotlib") or []
        except metadata.PackageNotFoundError:
            files = []
        for file in files:
            if file.suffix == ".ttf" and file.stem in ("NanumGothic", "NanumGothicBold"):
                font_manager.fontManager.addfont(str(file.locate()))
                installed.add("NanumGothic")
    return next((name for name in KOREAN if name in installed), None)


def _axes(ax, size=None):
    return plt.subplots(figsize=size)[1] if ax is None else ax


def bars(probabilities, labels, *, highlight=None, title=None, ax=None):
    """Horizontal bars of probabilities, each with its label on the left and its number at the end.

    Args:
        probabilities: N numbers, in the order to show them from the top.
        labels: N strings.
        highlight: a label (or several) to draw in the second colour.
        title: a line above.
        ax: where to draw.
    """
    values = np.asarray(probabilities, float)
    if values.ndim != 1 or len(values) != len(labels):
        raise ValueError(f"bars needs as many labels as probabilities, not {len(labels)} and shape {values.shape}")
    ax = _axes(ax, (5, 0.6 + 0.34 * len(values)))
    chosen = {highlight} if isinstance(highlight, str) else set(highlight or ())
    rows = np.arange(len(values))
    ax.barh(rows, values, height=0.62, color=[PALETTE[label in chosen] for label in labels])
    room = 0.01 * max(values.max(initial=0), 1e-12)
    for row, value in zip(rows, values, strict=True):
        ax.text(value + room, row, f" {value:.1e}" if 0 < value < 0.0005 else f" {value:.3f}", va="center")
    ax.set_yticks(rows, labels)
    ax.invert_yaxis()
    ax.set_xticks([])
    ax.tick_params(length=0)
    ax.spines[:].set_visible(False)
    ax.set(title=title or "")
    return ax


def heatmap(
    matrix, rows, columns, *, outlined=(), title=None, row_title=None, column_title=None, digits=2, ax=None
):  # fmt: skip
    """A matrix as shaded cells, with its numbers in them when there are at most 200.

    Args:
        matrix: numbers, of shape (rows, columns).
        rows: names of the rows, on the left.
        columns: names of the columns, above.
        outlined: cells to draw a frame around, pairs (row, column), such as the right answers.
        title, row_title, column_title: what the whole, the rows and the columns are.
        digits: how many decimals; with 0, only the shades are shown.
        ax: where to draw.
    """
    values = np.asarray(matrix, float)
    if values.shape != (len(rows), len(columns)):
        raise ValueError(
            f"heatmap got {len(rows)} rows and {len(columns)} columns for a matrix of shape {values.shape}"
        )
    ax = _axes(ax, (1.2 + 0.62 * len(columns), 0.8 + 0.5 * len(rows)))
    low, high = min(0.0, values.min(initial=0)), values.max(initial=0) or 1.0
    ax.pcolormesh(values, cmap=SHADES, vmin=low, vmax=high, edgecolors="none")
    if values.size <= 200 and digits:
        for (row, column), value in np.ndenumerate(values):
            ink = "white" if (value - low) / (high - low) > 0.45 else "#1a2733"
            ax.text(column + 0.5, row + 0.5, f"{value:.{digits}f}", ha="center", va="center", color=ink)
    for row, column in outlined:
        if not (0 <= row < len(rows) and 0 <= column < len(columns)):
            raise ValueError(f"there is no cell ({row}, {column}) to outline in a matrix of shape {values.shape}")
        ax.add_patch(mpl.patches.Rectangle((column, row), 1, 1, fill=False, edgecolor=PALETTE[1], linewidth=2.2))
    ax.set_xticks(np.arange(len(columns)) + 0.5, columns)
    ax.set_yticks(np.arange(len(rows)) + 0.5, rows)
    ax.xaxis.set_label_position("top")
    ax.tick_params(length=0, labeltop=True, labelbottom=False)
    ax.spines[:].set_visible(False)
    ax.invert_yaxis()
    ax.set(title=title or "", xlabel=column_title or "")
    ax.set_ylabel(row_title or "", rotation=0, ha="right", va="center")  # upright, for Hangul
    return ax


def curves(
    series,
    x=None,
    *,
    floor=None,
    floor_label="floor",
    targets=None,
    title=None,
    xlabel="",
    ylabel="",
    ylim=None,
    log=False,
    ax=None,
):
    """Lines with their names at their right ends, and a dashed line for what none of them can cross.

    Args:
        series: a dict from names to lists of numbers; ``None`` or NaN leaves a gap.
        x: where the numbers stand, the same for all; 0, 1, 2, ... when left out.
        floor: the height of a dashed line, such as an entropy, with its ``floor_label``.
        targets: a dict from names to the height that the line should come to, drawn dotted in its colour.
        title, xlabel, ylabel: what the whole and the axes are.
        ylim: the lowest and the highest height shown; the labels are placed by it, so set it here.
        log: show powers of ten at equal steps; for the same reason set it here.
        ax: where to draw.
    """
    ax = _axes(ax)
    ends = []
    for number, (name, heights) in enumerate(series.items()):
        heights = np.asarray(heights, float)
        places = np.arange(len(heights)) if x is None else np.asarray(x, float)
        if places.shape != heights.shape:
            raise ValueError(f"the line {name!r} has {len(heights)} points for {len(places)} places on the x axis")
        color = PALETTE[number % len(PALETTE)]
        ax.plot(places, heights, color=color, marker="o" if len(heights) <= 12 else None, markersize=4.5, zorder=3)
        if targets and name in targets:
            ax.axhline(targets[name], color=color, linewidth=1, linestyle=(0, (1, 2)))
        real = np.flatnonzero(np.isfinite(heights))
        if len(real):
            ends.append([heights[real[-1]], name, color])
    if floor is not None:
        ax.axhline(floor, color=INK, linewidth=1.2, linestyle=(0, (5, 3)))
        ends.append([floor, floor_label, INK])
    ax.set(xlabel=xlabel)
    ax.set_title(title or "", pad=24 if ylabel else None)
    if ylabel:
        ax.text(0, 1.03, ylabel, transform=ax.transAxes, va="bottom", fontsize=10)  # upright, above its axis
    ax.xaxis.set_major_locator(mpl.ticker.MaxNLocator(integer=True))
    ax.margins(x=0.03)
    if log:
        ax.set_yscale("log")
    if ylim:
        ax.set_ylim(*ylim)
    _label_ends(ax, ends)
    return ax


def _label_ends(ax, ends):
    """Names right of the axes at the heights where their lines end, moved apart where they would touch."""
    low, high = ax.transData.transform([(0, height) for height in ax.get_ylim()])[:, 1]
    points = ax.get_window_extent().height * 72 / ax.figure.dpi
    step = 1.25 * mpl.rcParams["font.size"] / points  # as a part of the height of the axes
    ends = sorted(ends, key=lambda end: end[0])
    wanted = (ax.transData.transform([(0, height) for height, _, _ in ends])[:, 1] - low) / (high - low)
    places = _apart(wanted, step)
    for place, (_, name, color) in zip(places, ends, strict=True):
        ax.text(1.02, place, name, color=color, transform=ax.transAxes, va="center", ha="left")


def _apart(wanted, step):
    """Sorted places as near as can be to the wanted ones, with at least ``step`` between neighbours."""
    groups = []  # [sum of (wanted - offset), count]: neighbours that touch move as one
    for index, place in enumerate(wanted):
        groups.append([place - index * step, 1])
        while len(groups) > 1 and groups[-2][0] / groups[-2][1] > groups[-1][0] / groups[-1][1]:
            total, count = groups.pop()
            groups[-1][0] += total
            groups[-1][1] += count
    starts = [total / count for total, count in groups for _ in range(count)]
    return [start + index * step for index, start in enumerate(starts)]


def transition_graph(matrix, states, *, title=None, least=0.005, numbered=None, ax=None):
    """A Markov chain: a circle for each state, and arrows as wide as their probability.

    Args:
        matrix: probabilities of shape (N, N); row i says where state i leads.
        states: N names.
        title: a line above.
        least: arrows of a smaller probability are left out.
        numbered: arrows of a smaller probability carry no number; ``None`` numbers all arrows of up to four
            states, and those from 0.1 of more.
        ax: where to draw.
    """
    values = np.asarray(matrix, float)
    count = len(states)
    if values.shape != (count, count):
        raise ValueError(f"{count} states need a matrix of shape ({count}, {count}), not {values.shape}")
    ax = _axes(ax, (5.2, 5.2) if count < 5 else (6, 6))
    numbered = (0 if count < 5 else 0.1) if numbered is None else numbered
    size = min(0.3, 1.8 / (count + 2))
    angles = np.pi / 2 - 2 * np.pi * np.arange(count) / count  # clockwise from the top
    centres = np.c_[np.cos(angles), np.sin(angles)] * (count > 1)
    shown = [(i, j) for i in range(count) for j in range(count) if values[i, j] >= least]
    lines = {(i, j): _loop(centres[i], size) if i == j else _arc(centres[i], centres[j], size) for i, j in shown}
    taken = [(centre, 0.8 * size) for centre in centres]
    taken += [(point, 0.05) for pair in shown if values[pair] >= numbered for point in lines[pair][0][::4]]
    for i, j in sorted(shown, key=lambda pair: -values[pair]):
        line, out = lines[i, j]
        color = PALETTE[i % len(PALETTE)]
        _arrow(ax, line, values[i, j], color, alpha=1 if values[i, j] >= numbered else 0.4)
        if values[i, j] >= numbered:
            place = _free_place(line, out, taken, alone=i == j)
            taken.append((place, 0.2))
            ax.text(*place, f"{values[i, j]:.2f}", color=color, ha="center", va="center", fontsize=10)
    for i, (centre, state) in enumerate(zip(centres, states, strict=True)):
        ax.add_patch(Circle(centre, size, facecolor=PALETTE[i % len(PALETTE)], edgecolor="none", zorder=3))
        ax.text(*centre, state, color="white", ha="center", va="center", fontsize=12, zorder=4)
    (left, bottom), (right, top) = centres.min(0) - 2.8 * size, centres.max(0) + 2.8 * size
    ax.set(xlim=(left, right), ylim=(bottom, top), aspect="equal", title=title or "")
    ax.axis("off")
    return ax


def _free_place(line, out, taken, alone):
    """Where the number of an arrow stands: beside the line, as far from everything else as can be."""
    beside = out * (0.09 + 0.11 * abs(out[0]))
    steps = [len(line) // 2] if alone else range(len(line) // 5, 3 * len(line) // 4, 8)
    places = [(line[n] + way * beside, way) for way in ((1,) if alone else (1, -1)) for n in steps]
    points, radii = np.array([point for point, _ in taken]), np.array([radius for _, radius in taken])

    def room(candidate):  # a number is twice as wide as high, and better outside the bend
        place, way = candidate
        return np.min(np.hypot(*((points - place) * (0.55, 1)).T) - radii) + 0.04 * way

    return max(places, key=room)[0]


def _arc(start, end, size):
    """Points of a bent line between two circles, and the direction to the outer side of the bend."""
    side = np.array([end[1] - start[1], start[0] - end[0]])  # as long as the line
    t = np.linspace(0, 1, 201)[:, None]
    points = (1 - t) ** 2 * start + 2 * t * (1 - t) * ((start + end) / 2 + 0.17 * side) + t**2 * end
    apart = np.minimum(np.linalg.norm(points - start, axis=1), np.linalg.norm(points - end, axis=1))
    return points[apart > 1.08 * size], side / np.linalg.norm(side)


def _loop(centre, size):
    """Points of a round loop on the outer side of a circle, and the direction to that side."""
    out = centre / np.linalg.norm(centre) if centre.any() else np.array([0.0, 1.0])
    far, radius, gap = 1.3 * size, 0.62 * size, 1.08 * size
    meet = np.arccos((far**2 + radius**2 - gap**2) / (2 * far * radius))
    turn = np.arctan2(-out[1], -out[0]) - np.linspace(meet, 2 * np.pi - meet, 101)
    return centre + far * out + radius * np.c_[np.cos(turn), np.sin(turn)], out


def _arrow(ax, points, weight, color, alpha):
    """A line along the points with a head at its end, in widths that grow with the weight."""
    line, style = 0.8 + 5 * weight, {"color": color, "alpha": alpha, "zorder": 1 + weight}
    length, half = 0.07 + 0.07 * weight, 0.028 + 0.055 * weight
    body = points[np.linalg.norm(points - points[-1], axis=1) > 0.8 * length]
    ax.plot(*body.T, linewidth=line, solid_capstyle="butt", **style)
    along = points[-1] - body[-1]
    along = along / np.linalg.norm(along)
    across = np.array([-along[1], along[0]]) * half
    foot = points[-1] - along * length
    ax.add_patch(Polygon([points[-1], foot + across, foot - across], linewidth=0, **style))
