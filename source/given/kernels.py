"""A kernel of 5×5 weights, moved over an image by hand: the patch below it, the products, their sum, the map so far.

Jupyter draws what ``explore`` returns, if it is the last line of a cell: with a slider where scripts run, also without
a network and in an exported HTML file, and else as a picture.
"""

import base64
import io
import json
from collections.abc import Mapping
from html import escape
from uuid import uuid4

import numpy as np
import torch
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from torch import Tensor, nn

from given.colours import RED

SIDE = 5

_STEP = torch.tensor([-1.0, -1.0, 0.0, 1.0, 1.0])
_ONE = nn.functional.one_hot(torch.tensor(12), SIDE * SIDE).float().view(SIDE, SIDE)  # 1 in the middle
HAND_MADE = {
    "vertical edge": _STEP.repeat(SIDE, 1),
    "horizontal edge": _STEP.repeat(SIDE, 1).T,
    "diagonal stroke": torch.eye(SIDE) - 1 / SIDE,
    "blur": torch.full((SIDE, SIDE), 1 / SIDE**2),
    "sharpen": 2 * _ONE - 1 / SIDE**2,
    "shift by two": _ONE.roll(2, dims=1),
}


def first_layer(model: nn.Module) -> dict[str, Tensor]:
    """The kernels of a network's first convolution for its first channel, by name; biases are left out."""
    weights = next(layer.weight for layer in model.modules() if isinstance(layer, nn.Conv2d))
    return {f"filter {number}": kernel[0].detach().cpu() for number, kernel in enumerate(weights, start=1)}


def explore(
    image: np.ndarray | Tensor, kernels: Mapping[str, Tensor] = HAND_MADE, at: tuple[int, int] | None = None
) -> "Explorer":
    """Move a kernel over an image.

    Args:
        image: (h, w); the lowest value is drawn white.
        kernels: (5, 5) each, by name; the first is chosen at the beginning.
        at: row and column of the window's upper left corner at the beginning; None puts it in the middle.
    """
    pixels = torch.as_tensor(np.asarray(image), dtype=torch.float32)
    maps = {name: convolve(pixels, kernel) for name, kernel in kernels.items()}
    rows, columns = pixels.shape
    return Explorer(pixels, dict(kernels), maps, at or ((rows - SIDE) // 2, (columns - SIDE) // 2))


def convolve(image: Tensor, kernel: Tensor) -> Tensor:
    """The map that a kernel makes of an image (h, w): at each place the sum of patch times kernel. No padding."""
    return nn.functional.conv2d(image[None, None], kernel[None, None])[0, 0]


class Explorer:
    """An image, kernels by name, and the map of each; Jupyter draws it as HTML or as a picture."""

    def __init__(self, image: Tensor, kernels: dict[str, Tensor], maps: dict[str, Tensor], at: tuple[int, int]) -> None:
        self.image, self.kernels, self.maps, self.at = image, kernels, maps, at

    def _repr_mimebundle_(self, **_: object) -> dict[str, str]:
        buffer = io.BytesIO()
        self.figure().savefig(buffer, format="png", dpi=80)
        picture = base64.b64encode(buffer.getvalue()).decode()
        return {"text/html": self.html(picture), "image/png": picture, "text/plain": self.sentence()}

    def sentence(self) -> str:
        """What the picture shows, for those who cannot see it."""
        (name, values), (row, column) = next(iter(self.maps.items())), self.at
        size, map_size = (f"{rows.shape[0]}×{rows.shape[1]}" for rows in (self.image, values))
        place = f"at row {row}, column {column} its products with the patch add up to {values[row, column]:.2f}"
        return f"The kernel {name!r} over an image of {size} pixels gives a map of {map_size} values; {place}."

    def figure(self) -> Figure:
        """The picture without a slider: image, patch and kernel at the first place, and the whole map."""
        (name, kernel), (row, column) = next(iter(self.kernels.items())), self.at
        values, patch = self.maps[name], self.image[row : row + SIDE, column : column + SIDE]
        figure, low, high = Figure(figsize=(11, 3.2), layout="constrained"), self.image.min(), self.image.max()
        panels = {"image": (self.image, low, high), "patch": (patch, low, high)}
        panels |= {
            title: (rows, -abs(rows).max(), abs(rows).max()) for title, rows in (("kernel", kernel), ("map", values))
        }
        for axis, (title, (rows, least, most)) in zip(figure.subplots(1, 4), panels.items(), strict=True):
            cmap = "gray_r" if title in ("image", "patch") else "PuOr"
            axis.imshow(rows.numpy(), cmap=cmap, vmin=least.item(), vmax=most.item())
            axis.set(title=title, xticks=[], yticks=[])
            for (i, j), value in np.ndenumerate(rows.numpy()) if title in ("patch", "kernel") else ():
                colour = "w" if abs(value) > 0.6 * most else "k"
                axis.text(j, i, f"{round(float(value), 2) + 0:g}", ha="center", va="center", fontsize=8, color=colour)
        for axis, size in ((figure.axes[0], SIDE), (figure.axes[3], 1)):
            frame = Rectangle((column - 0.5, row - 0.5), size, size, fill=False, edgecolor=RED, linewidth=2)
            axis.add_patch(frame)
        figure.supxlabel(self.sentence(), fontsize=9, color="0.3")
        return figure

    def html(self, picture: str) -> str:
        """The picture, as base64 of a PNG, and a script that puts sliders and numbers in its place."""
        parts = {"kernels": self.kernels, "maps": self.maps}
        data = {name: {key: _rounded(rows) for key, rows in part.items()} for name, part in parts.items()}
        data |= {"image": _rounded(self.image), "at": self.at}
        identity = f"kernels-{uuid4().hex}"
        image = f'<img alt="{escape(self.sentence())}" src="data:image/png;base64,{picture}">'
        script = (
            _SCRIPT.replace("IDENTITY", identity)
            .replace("RED", RED)
            .replace("DATA", json.dumps(data, separators=(",", ":")))
        )
        return f'<div id="{identity}">{image}</div>\n<script>{script}</script>'


def _rounded(rows: Tensor) -> list[list[float]]:
    return [[round(value, 3) for value in row] for row in rows.tolist()]


_SCRIPT = """(() => {
  const root = document.getElementById("IDENTITY"), {image, kernels, maps, at} = DATA;
  const names = Object.keys(kernels), side = 5, width = image[0].length - side + 1, zoom = 5;
  const low = Math.min(...image.flat()), high = Math.max(...image.flat());
  const limit = rows => Math.max(...rows.flat().map(Math.abs)) || 1;
  const ink = part => part > 0.55 ? "#fff" : "#1d1d1b";
  const mix = (part, ends) => `rgb(${ends.map(end => Math.round(255 + (end - 255) * part))})`;
  const grey = value => [(value - low) / (high - low || 1), [0, 0, 0]];
  const signed = most => value => [Math.abs(value) / most, value < 0 ? [179, 88, 6] : [84, 39, 136]];
  const number = value => String(Math.round(100 * value) / 100 || 0).replace("-", "−");
  root.style.cssText = "color-scheme:light;background:#fbfbf8;color:#1d1d1b;border:1px solid #b9b9b3;" +
    "border-radius:10px;padding:12px;font:14px system-ui,sans-serif;max-width:900px";
  root.innerHTML = `<div style="display:flex;gap:20px;align-items:center;flex-wrap:wrap">
    <label>Kernel <select>${names.map(name => `<option>${name}</option>`)}</select></label>
    <label style="flex:1;display:flex;gap:8px">Position <input type="range" min="0" style="flex:1"
      max="${maps[names[0]].length * width - 1}" value="${at[0] * width + at[1]}"></label></div>
    <p aria-live="polite" style="margin:10px 0"></p><div style="display:flex;gap:14px;flex-wrap:wrap">${
    ["image", "patch", "kernel", "products", "map so far"].map(title =>
    `<div><div style="font-weight:600;margin-bottom:6px">${title}</div><div></div></div>`).join("")}</div>`;
  const [choice, slider, line] = root.querySelectorAll("select, input, p");
  const places = [...root.lastChild.children].map(box => box.lastChild);
  const canvas = (place, rows, colour, until, [row, column, size]) => {
    const drawn = document.createElement("canvas"), pen = drawn.getContext("2d");
    [drawn.width, drawn.height] = [rows[0].length * zoom, rows.length * zoom];
    drawn.style.border = "1px solid #b9b9b3";
    rows.flat().slice(0, until).forEach((value, i) => {
      pen.fillStyle = mix(...colour(value));
      pen.fillRect(i % rows[0].length * zoom, Math.floor(i / rows[0].length) * zoom, zoom, zoom);
    });
    [pen.strokeStyle, pen.lineWidth] = ["RED", 2];
    pen.strokeRect(column * zoom, row * zoom, size * zoom, size * zoom);
    place.replaceChildren(drawn);
  };
  const table = (place, rows, colour) => {
    place.style.cssText = `display:grid;grid-template-columns:repeat(${side},31px);grid-auto-rows:31px`;
    place.innerHTML = rows.flat().map(value => `<span style="font-size:10px;display:grid;place-items:center;` +
      `border:1px solid #b9b9b3;background:${mix(...colour(value))};color:${ink(colour(value)[0])}">` +
      `${number(value)}</span>`).join("");
  };
  const update = () => {
    const kernel = kernels[choice.value], map = maps[choice.value], position = Number(slider.value);
    const [row, column] = [Math.floor(position / width), position % width];
    const patch = image.slice(row, row + side).map(values => values.slice(column, column + side));
    const products = patch.map((values, i) => values.map((value, j) => value * kernel[i][j]));
    canvas(places[0], image, grey, Infinity, [row, column, side]);
    table(places[1], patch, grey);
    table(places[2], kernel, signed(limit(kernel)));
    table(places[3], products, signed(limit(products)));
    canvas(places[4], map, signed(limit(map)), position + 1, [row, column, 1]);
    line.textContent = `row ${row}, column ${column}: the products add up to ${number(map[row][column])}`;
  };
  choice.oninput = slider.oninput = update;
  update();
})();"""
