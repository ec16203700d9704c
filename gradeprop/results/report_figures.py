"""Figures of the class report, as inline SVG; a table beside each holds the same numbers."""

import io
from collections.abc import Sequence
from typing import TYPE_CHECKING

from markupsafe import Markup

from gradeprop.results.class_summary import ClassSummary

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_BARS = (
    ("full points", "#0072b2", lambda share: share >= 100),
    ("partial points", "#8fc1e3", lambda share: 0 < share < 100),
    ("no points", "#d9dee6", lambda share: share <= 0),
)


def draw_figures(summary: ClassSummary) -> dict[str, Markup]:
    """Draw the figures of a class by name: ``totals``, ``questions`` and, if code ran, ``wall_s``."""
    if not summary.points:
        return {}
    figures = {"totals": _histogram(summary.points, summary.possible, "points"), "questions": _bars(summary.shares)}
    if wall_s := [record.wall_s for record in summary.records if record.wall_s]:
        figures["wall_s"] = _histogram(wall_s, max(wall_s), "seconds")
    return figures


def _histogram(values: Sequence[float], maximum: float, label: str) -> Markup:
    from matplotlib.figure import Figure  # takes a second, which no other command should wait for

    figure = Figure(figsize=(7.2, 2.4), layout="constrained")
    axes = figure.subplots()
    axes.hist(values, bins=20, range=(0, maximum or 1), color="#0072b2", edgecolor="white")
    axes.set_xlabel(label)
    axes.set_ylabel("submissions")
    return _svg(figure)


def _bars(shares: dict[str, list[float]]) -> Markup:
    """Draw a bar for each question: the percentage of the class with full, partial and no points.

    Args:
        shares: the score of each submission in percent, by title of the question.
    """
    from matplotlib.figure import Figure  # as above

    figure = Figure(figsize=(7.2, 0.9 + 0.34 * len(shares)), layout="constrained")
    axes, left = figure.subplots(), [0.0] * len(shares)
    titles = [title if len(title) <= 40 else f"{title[:39]}…" for title in shares]
    for label, colour, belongs in _BARS:
        width = [100 * sum(map(belongs, each)) / len(each) for each in shares.values()]
        axes.barh(titles, width, left=left, color=colour, label=label, edgecolor="white")
        left = [a + b for a, b in zip(left, width, strict=True)]
    axes.invert_yaxis()
    axes.set_xlim(0, 100)
    axes.set_xlabel("percentage of the class")
    axes.legend(ncols=3, loc="lower center", bbox_to_anchor=(0.5, 1.0), frameon=False)
    return _svg(figure)


def _svg(figure: "Figure") -> Markup:
    """Return a figure as SVG that is the same in every run; text becomes paths, so neither ``$`` nor fonts matter."""
    import matplotlib

    with matplotlib.rc_context({"svg.hashsalt": "gradeprop", "svg.fonttype": "path", "text.parse_math": False}):
        data = io.StringIO()
        for axes in figure.axes:
            axes.spines[["top", "right"]].set_visible(False)
        figure.savefig(data, format="svg", metadata={"Date": None, "Creator": None})
    text = data.getvalue()
    return Markup(text[text.index("<svg") :])  # drawn here, from numbers and the course's own titles
