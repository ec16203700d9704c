"""Diagrams of operations on numbers; torch computes every number that they show."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

from diagrams.networks import Diagram
from diagrams.svg import BLUE, CELL, MUTED, ORANGE, PALE_BLUE, PALE_GREEN, PALE_GREY, PALE_ORANGE, Drawing

_IMAGE = torch.tensor([[1, 2, 2, 1, 0], [2, 1, 3, 0, 1], [0, 2, 1, 1, 3], [1, 0, 0, 2, 1], [3, 1, 2, 0, 0]])
_KERNEL = torch.tensor([[1, 0, -1], [2, 0, -2], [1, 0, -1]])
_PADDING, _STRIDE, _AT = 1, 2, (0, 1)  # the output value that is computed in full


def convolution() -> Diagram:
    """Draw a convolution with padding and stride, and where one value of its output comes from."""
    padded, (row, column) = functional.pad(_IMAGE, [_PADDING] * 4), _AT
    image, weight = _IMAGE[None, None].float(), _KERNEL[None, None].float()
    out = functional.conv2d(image, weight, stride=_STRIDE, padding=_PADDING)[0, 0]
    side, kernel, top, left = len(_IMAGE), len(_KERNEL), _STRIDE * row, _STRIDE * column
    patch = padded[top : top + kernel, left : left + kernel]
    drawing, x, y = Drawing(760, 370), 34, 64
    fills = {(i, j): PALE_GREY for i in range(len(padded)) for j in range(len(padded)) if not _inside(i, j, side)}
    fills |= {(top + i, left + j): PALE_ORANGE for i in range(kernel) for j in range(kernel)}
    drawing.grid((x, y), _texts(padded), fills=fills)
    for at, colour in ((left - _STRIDE, BLUE), (left, ORANGE)):
        drawing.box((x + CELL * at, y + CELL * top), CELL * kernel, CELL * kernel, edge=colour, line=2.5)
    drawing.grid((336, y), _texts(_KERNEL), PALE_BLUE)
    drawing.grid((504, y), _texts(out), fills={_AT: PALE_ORANGE})
    for at, sign in ((304, "∗"), (471, "=")):
        drawing.text((at, y + CELL * 1.5 + 8), sign, size=24)
    size = f"({side} + 2·{_PADDING} − {kernel}) / {_STRIDE} + 1 = {len(out)}"
    lines = [
        " + ".join(f"{value}·{_factor(weight)}" for value, weight in zip(*rows, strict=True))
        for rows in zip(patch.tolist(), _KERNEL.tolist(), strict=True)
    ]
    titles = ((x, f"input {side}×{side}, padding {_PADDING}"), (336, f"kernel {kernel}×{kernel}"))
    for at, words in (*titles, (504, f"output {len(out)}×{len(out)}")):
        drawing.text((at, 42), words, "start", bold=True)
    drawing.text((x, y + CELL * len(padded) + 28), f"stride {_STRIDE}: blue window, then orange", "start", MUTED)
    drawing.text((504, y + CELL * len(out) + 26), f"side: {size}", "start", MUTED)
    drawing.text((336, 240), "the orange value, product by product", "start", bold=True)
    for i, line in enumerate(lines):
        drawing.text((336, 266 + 24 * i), f"{'+ ' if i else ''}{line}", "start")
    drawing.text((336, 266 + 24 * len(lines)), f"= {_number(out[_AT])}", "start", ORANGE, bold=True)
    description = (
        f"Input {side}×{side} with padding {_PADDING}, kernel {kernel}×{kernel}, stride {_STRIDE}. The output has "
        f"{len(out)}×{len(out)} values: {size}. One of them is a sum of nine products, value times weight: "
        f"{' + '.join(lines)} = {_number(out[_AT])}."
    )
    return "A convolution with padding and stride", description, drawing


def pooling() -> Diagram:
    """Draw the maximum and the average of the same four windows."""
    values, tints = torch.tensor([[1, 3, 0, 2], [5, 1, 2, 0], [0, 2, 4, 4], [2, 0, 6, 2]]), _TINTS
    drawing, sentences, y = Drawing(760, 226), [], 60
    drawing.text((312, 40), "input 4×4", "start", bold=True)
    drawing.grid((312, y), _texts(values), fills={(i, j): tints[i // 2][j // 2] for i in range(4) for j in range(4)})
    ways = (
        ("max pool 2×2", functional.max_pool2d, 90, 300, 170),
        ("average pool 2×2", functional.avg_pool2d, 580, 460, 568),
    )
    for name, pool, x, start, end in ways:
        pooled = pool(values[None, None].float(), 2)[0, 0]
        drawing.text((x, 40), name, "start", bold=True)
        drawing.grid((x, y + CELL), _texts(pooled), fills={(i, j): tints[i][j] for i in range(2) for j in range(2)})
        drawing.arrow((start, y + 2 * CELL), (end, y + 2 * CELL))
        sentences.append(f"{name.capitalize()}: {_listed(pooled)}")
    sentences.append("Each 2×2 window, drawn in one colour, becomes one value.")
    return "Max pooling and average pooling", f"Input, row by row: {_listed(values)}. {'. '.join(sentences)}", drawing


_TINTS = ((PALE_BLUE, PALE_ORANGE), (PALE_GREEN, PALE_GREY))
_MODES = (("training mode", PALE_BLUE), ("evaluation mode", PALE_GREEN))


def modes() -> Diagram:
    """Draw what dropout and batch normalisation make of the same values in training and in evaluation mode."""
    drawing, sentences, values = Drawing(900, 420), [], torch.tensor([2.0, 4, 5, 6, 8])
    for i, (layer, title, words, effects) in enumerate(_mode_layers(values)):
        y = 40 + 194 * i
        drawing.text((34, y), title, "start", BLUE, bold=True)
        drawing.text((34, y + 72), words, "start", MUTED, 13)
        drawing.grid((34, y + 82), _texts(values[None]), PALE_GREY)
        sentences.append(f"{title}; {words}: {_listed(values[None])}")
        for k, ((mode, fill), line) in enumerate(zip(_MODES, effects, strict=True)):
            torch.manual_seed(8)
            result, at = layer.train(not k)(values[:, None]).detach().T, y + 38 + 82 * k
            drawing.arrow((218, y + 82 + CELL / 2), (330, at + CELL / 2))
            drawing.text((344, at - 9), f"{mode}: {line}", "start", size=13)
            drawing.grid((344, at), _texts(result), fill)
            sentences.append(f"In {mode}, {line}: {_listed(result)}")
    return "Training mode and evaluation mode", ". ".join(sentences) + ".", drawing


def _mode_layers(batch: Tensor) -> Sequence[tuple[nn.Module, str, str, tuple[str, str]]]:
    """List layers, with a title, what enters them, and what they do in the two modes."""
    norm = nn.BatchNorm1d(1, momentum=0)  # the running averages stay as they are set here
    norm.running_mean, norm.running_var = mean, variance = torch.tensor([4.0]), torch.tensor([4.0])
    effects = (
        f"mean {_number(batch.mean())} and variance {_number(batch.var(correction=0))} of this batch become 0 and 1",
        f"the running averages, mean {_number(mean)} and variance {_number(variance)}, take their place",
    )
    return (
        (nn.Dropout(0.5), "Dropout, p = 0.5", "five hidden values", _DROPOUT),
        (norm, "Batch normalisation", "one channel, a batch of five", effects),
    )


_DROPOUT = ("some values become 0, the others are divided by 1 − p", "every value stays as it is")
_PARTS = (
    ("training", 100_000, PALE_BLUE, "fit the weights"),
    ("validation", 10_000, PALE_ORANGE, "compare and choose (epoch, settings, network)"),
    ("test", 10_000, PALE_GREEN, "measure once, when all is chosen"),
)


def splits() -> Diagram:
    """Draw the three parts of a data set to scale, with what each is for."""
    drawing, x, sentences, whole = Drawing(760, 210), 34.0, [], sum(part[1] for part in _PARTS)
    for i, (name, images, fill, use) in enumerate(_PARTS):
        width = (760 - 68) * images / whole
        drawing.box((x, 56), width, 50, fill)
        low = 140 + 22 * i
        drawing.box((34, low - 13), 16, 16, fill)
        drawing.text((60, low), f"{name}, {images:,} images", "start", bold=True)
        drawing.text((294, low), use, "start")
        sentences.append(f"{name.capitalize()}, {images:,} images: {use}.")
        x += width
    drawing.text((34, 40), "MiniPlaces", "start", BLUE, bold=True)
    return "Training, validation and test images", f"MiniPlaces has three parts. {' '.join(sentences)}", drawing


def _inside(i: int, j: int, side: int) -> bool:
    return _PADDING <= i < side + _PADDING and _PADDING <= j < side + _PADDING


def _factor(weight: int) -> str:
    return f"({_number(weight)})" if weight < 0 else str(weight)


def _number(value: float | Tensor) -> str:
    return f"{round(float(value), 2) + 0:g}".replace("-", "−")


def _texts(values: Tensor) -> list[list[str]]:
    return [[_number(value) for value in row] for row in values]


def _listed(values: Tensor) -> str:
    return " / ".join(", ".join(row) for row in _texts(values))
