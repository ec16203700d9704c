"""A description of each figure in a notebook, for those who cannot see it: the alt text of its image in exported HTML.

A figure of the course has its sentence as label; any other, such as one that you draw, is described by its titles, its
axes, and where its curves end.
"""

from html import escape
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure


def describe(figure: Figure) -> str:
    """Return the label of a figure, or a description made from what is drawn in it."""
    if label := str(figure.get_label()):
        return label
    plots = [axis for axis in figure.axes if not hasattr(axis, "_colorbar")]
    maps = sum(len(axis.images) + len(axis.collections) for axis in plots)
    parts = [text.get_text() for text in figure.texts]  # the title first
    parts += [f"{maps} picture{'s' * (maps > 1)}"] * (maps > 0)
    parts += [_curves(axis) for axis in plots if axis.lines]
    return ". ".join(part.rstrip(".") for part in parts if part) + "."


def _curves(axis: Axes) -> str:
    about = ", ".join(text for text in (axis.get_title(), axis.get_ylabel()) if text)
    ends = [
        f"{line.get_label()} ends at {float(line.get_ydata()[-1]):.4g}" for line in axis.lines if len(line.get_ydata())
    ]
    return f"{about} over {axis.get_xlabel()}: {', '.join(ends)}"


def register() -> None:
    """Let Jupyter show each figure as HTML with an alt text, beside the picture that it shows anyway.

    nbconvert's page for JupyterLab ignores the metadata of a picture, so the alt text must be in the HTML.
    """
    try:
        from IPython import get_ipython
    except ImportError:  # in a shell
        return
    if (shell := get_ipython()) is not None:
        formatter = shell.display_formatter
        draw = formatter.formatters["image/png"]
        formatter.mimebundle_formatter.for_type(Figure, lambda figure: _bundle(figure, draw(figure)))


def _bundle(figure: Figure, drawn: Any) -> tuple[dict[str, str], dict[str, Any]]:
    """Return the outputs of a figure and their metadata, of a picture in base64, or with its own metadata in a pair."""
    if drawn is None:  # no format is set: without %matplotlib inline
        return {}, {}
    png, metadata = drawn if isinstance(drawn, tuple) else (drawn, {})
    size = "".join(f' {side}="{metadata[side]}"' for side in ("width", "height") if side in metadata)
    html = f'<img alt="{escape(describe(figure))}"{size} src="data:image/png;base64,{png.strip()}">'
    return {"image/png": png, "text/html": html}, {"image/png": metadata}
