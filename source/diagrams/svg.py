"""Primitives of the diagrams: text, box, arrow, grid of numbers, stack of maps; together they make one SVG.

A diagram brings its own light panel, so it is readable on white and on dark pages: an SVG inside ``<img>`` knows the
colour scheme of the operating system, but not that of JupyterLab.
"""

from collections.abc import Mapping, Sequence
from xml.sax.saxutils import escape

INK, MUTED, PANEL, EDGE = "#1d1d1b", "#595955", "#fbfbf8", "#b9b9b3"
BLUE, ORANGE, GREEN = "#0072b2", "#a65200", "#00704f"  # Okabe and Ito's, dark enough for text
PALE_BLUE, PALE_ORANGE, PALE_GREEN, PALE_GREY = "#d3e6f3", "#fbe3b5", "#cdeadf", "#ecece6"
CELL = 34  # side of a cell of a grid, in pixels
_OFFSET, _MAX_DRAWN = 3, 5  # pixels between the maps of a stack, and their number at most
_FONT = 'font-family="system-ui, Segoe UI, DejaVu Sans, sans-serif" font-size="14"'

_PLAIN: Mapping[tuple[int, int], str] = {}

Place = tuple[float, float]


class Drawing:
    """An SVG in the making; places are pixels from the upper left corner."""

    def __init__(self, width: int, height: int) -> None:
        self.width, self.height = width, height
        self._parts: list[str] = []

    def text(
        self, at: Place, words: str, anchor: str = "middle", colour: str = INK, size: int = 14, bold: bool = False
    ) -> None:
        """Write one line; ``at`` is on its base line, at its start, middle or end."""
        style = {"fill": colour if colour != INK else "", "font-size": str(size) if size != 14 else ""}
        style["font-weight"] = "600" if bold else ""
        self._add("text", {"x": at[0], "y": at[1], "text-anchor": anchor} | style, words)

    def lines(self, at: Place, lines: Sequence[str], colour: str = MUTED, size: int = 13) -> None:
        """Write centred lines, the last one at ``at``."""
        for i, words in enumerate(lines, start=1):
            self.text((at[0], at[1] - (size + 3) * (len(lines) - i)), words, colour=colour, size=size)

    def box(
        self,
        at: Place,
        width: float,
        height: float,
        fill: str = "none",
        edge: str = EDGE,
        line: float = 1,
        corner: int = 0,
    ) -> None:
        """Draw a rectangle from its upper left corner."""
        style = {"fill": fill, "stroke": edge, "stroke-width": line, "rx": corner or ""}
        self._add("rect", {"x": at[0], "y": at[1], "width": width, "height": height} | style)

    def labelled(self, at: Place, width: float, words: str, fill: str, height: float = 32) -> None:
        """Draw a box with a line of text in its middle."""
        self.box(at, width, height, fill, corner=6)
        self.text((at[0] + width / 2, at[1] + height / 2 + 5), words)

    def arrow(self, *points: Place, colour: str = MUTED, head: bool = True) -> None:
        """Draw a line through the points, with a head at its end."""
        style = {"fill": "none", "stroke": colour, "stroke-width": 1.6, "marker-end": "url(#head)" if head else ""}
        self._add("polyline", {"points": " ".join(f"{x:g},{y:g}" for x, y in points)} | style)

    def grid(
        self, at: Place, rows: Sequence[Sequence[str]], fill: str = PANEL, fills: Mapping[tuple[int, int], str] = _PLAIN
    ) -> None:
        """Draw a table of short texts, one cell each; ``fills`` colours single cells, by (row, column)."""
        for i, row in enumerate(rows):
            for j, words in enumerate(row):
                x, y = at[0] + CELL * j, at[1] + CELL * i
                self.box((x, y), CELL, CELL, fills.get((i, j), fill))
                self.text((x + CELL / 2, y + CELL / 2 + 5), words)

    def plus(self, middle: Place, radius: float) -> None:
        """Draw a sum: a circle with a plus in it."""
        (x, y), arm = middle, radius / 2
        self._add("circle", {"cx": x, "cy": y, "r": radius, "fill": PALE_GREY, "stroke": MUTED})
        self.arrow((x - arm, y), (x + arm, y), head=False)
        self.arrow((x, y - arm), (x, y + arm), head=False)

    def stack(self, at: Place, maps: int, side: float, fill: str) -> None:
        """Draw the maps of a layer, one behind the other and at most five; ``at`` is the middle of their left side."""
        width = stack_width(maps, side)
        for behind in range(min(maps, _MAX_DRAWN) - 1, -1, -1):
            at_left, at_top = at[0] + width - side - _OFFSET * behind, at[1] - width / 2 + _OFFSET * behind
            self.box((at_left, at_top), side, side, fill)

    def svg(self, title: str, description: str) -> str:
        """Return the file: the title and the description are for those who cannot see it."""
        start = (
            f'<svg xmlns="http://www.w3.org/2000/svg" width="{self.width}" height="{self.height}" '
            f'viewBox="0 0 {self.width} {self.height}" role="img" aria-labelledby="title desc">'
        )
        head = '<marker id="head" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="6" markerHeight="6" orient="auto">'
        panel = f'<rect x=".5" y=".5" width="{self.width - 1}" height="{self.height - 1}" rx="10"'
        body = [
            f'<title id="title">{escape(title)}</title>',
            f'<desc id="desc">{escape(description)}</desc>',
            f'<defs>{head}<path d="M0 0L8 4L0 8z" fill="{MUTED}"/></marker></defs>',
            f'{panel} fill="{PANEL}" stroke="{EDGE}"/>',
            f'<g {_FONT} fill="{INK}">',
        ]
        return "\n".join([start, *body, *self._parts, "</g>", "</svg>", ""])

    def _add(self, tag: str, attributes: Mapping[str, object], words: str = "") -> None:
        written = " ".join(
            f'{name}="{value:g}"' if isinstance(value, int | float) else f'{name}="{value}"'
            for name, value in attributes.items()
            if value != ""
        )
        self._parts.append(f"<{tag} {written}>{escape(words)}</{tag}>" if words else f"<{tag} {written}/>")


def stack_width(maps: int, side: float) -> float:
    """Return the width, and the height, of a stack of maps."""
    return side + _OFFSET * (min(maps, _MAX_DRAWN) - 1)
