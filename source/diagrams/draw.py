"""The table of all diagrams; ``python source/diagrams/draw.py`` writes their SVG files."""

import sys
from collections.abc import Callable
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))

import student_code  # noqa: E402
from diagrams.networks import Diagram, Row, chain, residual_blocks, resnet18  # noqa: E402
from diagrams.operations import convolution, modes, pooling, splits  # noqa: E402

_POOL = (("max pool", "pool"),)

DIAGRAMS: dict[str, Callable[[], Diagram]] = {
    "convolution": convolution,
    "pooling": pooling,
    "modes": modes,
    "splits": splits,
    "residual_blocks": residual_blocks,
    "resnet18": resnet18,
    "lenet5": lambda: chain("LeNet-5", Row(student_code.LeNet5(), (1, 32, 32))),
    "small_lenet": lambda: chain("LeNet for 28×28 pixels", Row(student_code.SmallLeNet(), (1, 28, 28))),
    "pooling_lenet": lambda: chain(
        "LeNet with and without pooling",
        Row(student_code.PoolingLeNet("max"), (1, 28, 28), "With average or max pooling", _POOL),
        Row(student_code.PoolingLeNet("none"), (1, 28, 28), "Without pooling"),
    ),
    "scene_lenet": lambda: chain("LeNet for scenes", Row(student_code.LeNet(), (3, 32, 32))),
    "caltech_lenet": lambda: chain("LeNet for Caltech-101", Row(student_code.CaltechLeNet(), (3, 64, 64))),
}


def main(folder: Path = HERE) -> None:
    """Write every diagram as an SVG file."""
    for name, draw in DIAGRAMS.items():
        title, description, drawing = draw()
        (folder / f"{name}.svg").write_text(drawing.svg(title, description), encoding="utf-8")


if __name__ == "__main__":
    main()
