"""Diagrams of networks: every shape and every setting is read from the reference solution while it computes."""

from dataclasses import dataclass
from math import log2, sqrt

from torch import nn

import student_code
from diagrams.steps import Step, size, trace
from diagrams.svg import (
    BLUE,
    GREEN,
    INK,
    MUTED,
    ORANGE,
    PALE_BLUE,
    PALE_GREEN,
    PALE_GREY,
    PALE_ORANGE,
    Drawing,
    stack_width,
)

Diagram = tuple[str, str, Drawing]  # title, description, drawing

_MARGIN, _ROW = 34, 172


@dataclass(frozen=True)
class Row:
    """A network to draw, one layer after the other."""

    network: nn.Module
    shape: tuple[int, ...]
    caption: str = ""
    names: tuple[tuple[str, str], ...] = ()
    """(name of an operation in PyTorch, name in the diagram)"""


def chain(title: str, *rows: Row) -> Diagram:
    """Draw networks below each other: the output of each layer, and between two of them the operation."""
    captions = [30 if row.caption else 0 for row in rows]
    drawing, sentences = Drawing(900, _ROW * len(rows) + sum(captions)), []
    for i, row in enumerate(rows):
        layers = _layers(trace(row.network, row.shape), row.names)
        top = _ROW * i + sum(captions[:i])
        drawing.text((_MARGIN, top + 32), row.caption, "start", BLUE, bold=True)
        _draw_chain(drawing, [Step("input", (), row.shape), *layers], top + captions[i] + 82)
        parts = [f"{', '.join([layer.operation, *layer.settings])}: {layer.size}" for layer in layers]
        begin = f"{row.caption}: input" if row.caption else "Input"
        sentences.append(f"{begin} {size(row.shape)}; {'; '.join(parts)}.")
    return title, " ".join(sentences), drawing


def _layers(steps: list[Step], names: tuple[tuple[str, str], ...]) -> list[Step]:
    """Add each ReLU to the layer before it, leave out the flattening, and rename operations."""
    layers: list[Step] = []
    for step in steps:
        if step.operation == "ReLU":
            layers[-1] = Step(layers[-1].operation, (*layers[-1].settings, "ReLU"), step.shape)
        elif step.operation != "flatten":
            name = step.operation
            for old, new in names:
                name = name.replace(old, new)
            layers.append(Step(name, step.settings, step.shape))
    return layers


def _draw_chain(drawing: Drawing, layers: list[Step], middle: float) -> None:
    sizes = [_extent(layer.shape) for layer in layers]
    gap = (drawing.width - 2 * _MARGIN - sum(width for width, _ in sizes)) / (len(layers) - 1)
    x, tallest = float(_MARGIN), max(height for _, height in sizes)
    for i, (layer, (width, height)) in enumerate(zip(layers, sizes, strict=True)):
        if i:
            drawing.arrow((x - gap + 6, middle), (x - 6, middle))
            drawing.lines((x - gap / 2, middle - 9), layer.operation.rsplit(" ", 1))
            for k, words in enumerate(layer.settings):
                drawing.text((x - gap / 2, middle + 20 + 16 * k), words, colour=_COLOURS.get(words, ORANGE), size=13)
        if layer.shape[1:]:
            drawing.stack((x, middle), layer.shape[0], _side(layer.shape), PALE_BLUE if i else PALE_GREY)
        else:
            drawing.box((x, middle - height / 2), width, height, PALE_ORANGE)
        drawing.text((x + width / 2, middle + tallest / 2 + 20), layer.size, size=13, bold=True)
        x += width + gap
    for place, words in ((_MARGIN + sizes[0][0] / 2, "input"), (drawing.width - _MARGIN - sizes[-1][0] / 2, "logits")):
        height = sizes[0][1] if words == "input" else sizes[-1][1]
        drawing.text((place, middle - height / 2 - 10), words, colour=MUTED, size=13)


_COLOURS = {"ReLU": GREEN}


def _side(shape: tuple[int, ...]) -> float:
    return 9 * sqrt(shape[1])


def _extent(shape: tuple[int, ...]) -> tuple[float, float]:
    """Return width and height of the output of a layer: an area in proportion to a map, a bar for a vector."""
    if shape[1:]:
        return (stack_width(shape[0], _side(shape)),) * 2
    return 14, 11 * log2(shape[0])


_BLOCK = (64, 16, 16)  # what enters the two blocks


def residual_blocks() -> Diagram:
    """Draw a block whose shortcut is the identity, and one whose shortcut is a projection."""
    drawing, sentences = Drawing(900, 476), []
    blocks = (
        ("Identity shortcut: the shapes agree", student_code.BasicBlock(64, 64), 60),
        ("Projection shortcut: the shapes differ", student_code.BasicBlock(64, 128, stride=2), 470),
    )
    for words, block, x in blocks:
        steps = trace(block, _BLOCK)
        end = [step.operation for step in steps].index("+")
        short = next((i for i in range(end) if steps[i].operation == "conv 1×1"), end)
        drawing.text((x, 36), words, "start", BLUE, bold=True)
        _draw_block(drawing, x, steps[:short], steps[short:end], steps[end:])
        shortcut = _describe(steps[short:end]) or "the input"
        sentences.append(f"{words}. Input {size(_BLOCK)}; {_describe(steps[:short])}; added to this: {shortcut};")
        sentences.append(f"then {steps[-1].operation}: {steps[-1].size}.")
    return "Two residual blocks", " ".join(sentences), drawing


def _draw_block(drawing: Drawing, x: float, main: list[Step], short: list[Step], end: list[Step]) -> None:
    middle, right, top = x + 100, x + 304, 84
    low = top + 56 * len(main) + 22
    drawing.text((middle, top - 16), f"x: {size(_BLOCK)}", bold=True)
    drawing.arrow((middle, top - 8), (middle, low - 16))
    drawing.arrow((middle, top), (right, top), (right, low), (middle + 16, low), colour=BLUE)
    for column, width, first, steps in ((middle, 200, top + 14, main), (right, 160, top + 98, short)):
        for i, step in enumerate(steps):
            words, y = _words(step, ", "), first + 56 * i
            drawing.labelled((column - width / 2, y), width, words, _FILLS[step.operation.split()[0]])
            if "conv" in step.operation:
                drawing.text((column + 8, y + 48), step.size, "start", MUTED, 12)
    drawing.plus((middle, low), 16)
    drawing.arrow((middle, low + 16), (middle, low + 52))
    drawing.text((middle + 14, low + 38), end[-1].operation, "start", GREEN)
    drawing.text((middle, low + 70), end[-1].size, bold=True)


def _words(step: Step, between: str) -> str:
    """Write an operation with its stride: the padding keeps the size, and is not shown."""
    return between.join([step.operation, *(words for words in step.settings if words.startswith("stride"))])


_FILLS = {"conv": PALE_BLUE, "BatchNorm": PALE_ORANGE, "ReLU": PALE_GREEN}


def _describe(steps: list[Step]) -> str:
    return ", ".join(
        f"{', '.join([step.operation, *step.settings])}: {step.size}" if step.settings else step.operation
        for step in steps
    )


@dataclass(frozen=True)
class Box:
    """A part of ResNet-18: its lines of text, the shape of its output, its stage, and its shortcut if it has one."""

    lines: tuple[str, ...]
    size: str
    fill: str
    stage: str = ""
    shortcut: str = ""


_COLUMN, _BOX, _TALL = 123, 92, 68


def resnet18() -> Diagram:
    """Draw ResNet-18 in two rows of boxes, one for each block, with the shortcuts above them."""
    shape = (3, 64, 64)
    boxes = [Box(("input",), size(shape), PALE_GREY), *_boxes(trace(student_code.ResNet18(), shape))]
    drawing = Drawing(900, 416)
    for i, box in enumerate(boxes):
        x, y = 30 + _COLUMN * (i % 7), 84 + 194 * (i // 7)
        middle, out = y + _TALL / 2, x + _BOX + 10
        if i % 7:
            drawing.arrow((x - _COLUMN + _BOX, middle), (x, middle))
        elif i:
            end, turn = 30 + _COLUMN * 6 + _BOX + 10, y - 72
            drawing.arrow((end, turn - 88), (end, turn), (14, turn), (14, middle), (x, middle))
        drawing.box((x, y), _BOX, _TALL, box.fill, corner=6)
        drawing.lines((x + _BOX / 2, y + 31 + 8 * len(box.lines)), box.lines, INK)
        drawing.text((x + _BOX / 2, y + 88), box.size, size=13, bold=True)
        if box.shortcut:
            colour = BLUE if box.shortcut == "identity" else ORANGE
            drawing.arrow((x - 10, middle), (x - 10, y - 20), (out, y - 20), (out, middle - 8), colour=colour)
            drawing.plus((out, middle), 8)
            if box.stage != boxes[i - 1].stage:
                drawing.text((x + (_COLUMN + _BOX) / 2, y - 32), box.stage, size=13, colour=MUTED)
    drawing.text((30, 398), "blue: identity shortcut", "start", BLUE, 13)
    drawing.text((230, 398), "orange: projection shortcut", "start", ORANGE, 13)
    parts = [[box.stage, ", ".join(box.lines), box.shortcut and f"with {box.shortcut} shortcut"] for box in boxes]
    named = zip((" ".join(filter(None, part)) for part in parts), boxes, strict=True)
    description = "; ".join(f"{name}: {box.size}" for name, box in named)
    return "ResNet-18", f"{description[0].upper()}{description[1:]}.", drawing


def _boxes(steps: list[Step]) -> list[Box]:
    """Group the operations of ResNet-18: first convolution, max pool, one box for each block, mean, last layer."""
    names = [step.operation for step in steps]
    pool, mean = names.index("max pool 3×3"), names.index("mean")
    boxes, begin = [_box(steps[0], PALE_BLUE), _box(steps[pool], PALE_GREEN)], pool + 1
    shapes = list(dict.fromkeys(step.size for step in steps[pool:mean]))  # one for each stage
    for end in [i + 1 for i, name in enumerate(names) if name == "+"]:
        convs = [step for step in steps[begin:end] if step.operation == "conv 3×3"]
        lines = tuple(_words(step, " ").removeprefix("conv ") for step in convs)
        shortcut = "projection" if "conv 1×1" in names[begin:end] else "identity"
        boxes.append(Box(lines, convs[-1].size, PALE_BLUE, f"conv_{2 + shapes.index(convs[-1].size)}", shortcut))
        begin = end
    average = Box(("average pool", "of each map"), steps[mean].size, PALE_GREEN)
    return [*boxes, average, _box(steps[-1], PALE_ORANGE)]


def _box(step: Step, fill: str) -> Box:
    name, *kernel = step.operation.rsplit(" ", 1)
    lines = name, " ".join([*kernel, *step.settings[:1]]), *step.settings[1:]
    return Box(tuple(filter(None, lines)), step.size, fill)
