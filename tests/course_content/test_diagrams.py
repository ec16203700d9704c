"""The diagrams of the notebooks: what the code draws, with the shapes that the reference solution has."""

import importlib
import itertools
import re
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from xml.etree import ElementTree

import nbformat
import pytest
import torch
from torch import nn

from gradeprop.course.config import read_course
from tests.conftest import REPOSITORY

FOLDER = REPOSITORY.source / "diagrams"
SVG = "{http://www.w3.org/2000/svg}"
LINK = re.compile(r"!\[([^\[\]]*)\]\(\.\./diagrams/([\w-]+)\.svg\)")
NAMES = sorted(file.stem for file in FOLDER.glob("*.svg"))


@pytest.fixture(scope="module")
def draw() -> ModuleType:
    """The module, with the reference solution; the stub of that name may have been imported before."""
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(REPOSITORY.source))
        patch.delitem(sys.modules, "student_code", raising=False)
        return importlib.import_module("diagrams.draw")


@pytest.fixture(scope="module")
def reference(draw: ModuleType) -> ModuleType:
    return draw.student_code


def texts(name: str) -> list[str]:
    """The texts of a committed diagram, in the order in which they are drawn."""
    return [node.text or "" for node in ElementTree.parse(FOLDER / f"{name}.svg").iter(f"{SVG}text")]


def title(name: str) -> str:
    return ElementTree.parse(FOLDER / f"{name}.svg").getroot().findtext(f"{SVG}title") or ""


def description(name: str) -> str:
    return ElementTree.parse(FOLDER / f"{name}.svg").getroot().findtext(f"{SVG}desc") or ""


def cells() -> list[str]:
    names = read_course(REPOSITORY).assignments
    notebooks = [nbformat.read(REPOSITORY.assignment(name).notebook, 4) for name in names]
    return [cell.source for notebook in notebooks for cell in notebook.cells if cell.cell_type == "markdown"]


def test_the_committed_diagrams_are_what_the_code_draws(draw: ModuleType, tmp_path: Path) -> None:
    draw.main(tmp_path)
    drawn, committed = ({f.name: f.read_bytes() for f in folder.glob("*.svg")} for folder in (tmp_path, FOLDER))
    assert drawn.keys() == committed.keys()
    assert [name for name in drawn if drawn[name] != committed[name]] == [], "run: make diagrams"


NETWORKS: dict[str, list[tuple[Callable[[ModuleType], nn.Module], tuple[int, ...]]]] = {
    "lenet5": [(lambda student: student.LeNet5(), (1, 32, 32))],
    "small_lenet": [(lambda student: student.SmallLeNet(), (1, 28, 28))],
    "pooling_lenet": [
        (lambda student: student.PoolingLeNet("avg"), (1, 28, 28)),
        (lambda student: student.PoolingLeNet("none"), (1, 28, 28)),
    ],
    "scene_lenet": [(lambda student: student.LeNet(), (3, 32, 32))],
    "caltech_lenet": [(lambda student: student.CaltechLeNet(), (3, 64, 64))],
    "resnet18": [(lambda student: student.ResNet18(), (3, 64, 64))],
}
LAYERS = ("Conv2d", "Linear", "MaxPool2d", "AvgPool2d", "BasicBlock")


def outputs(network: nn.Module, shape: tuple[int, ...]) -> list[str]:
    """The shapes of the input and of the output of each layer, of blocks as a whole, by a hook on each."""
    found = ["×".join(map(str, shape))]
    inner = {part for block in network.modules() if type(block).__name__ == "BasicBlock" for part in block.modules()}
    for layer in network.modules():
        if type(layer).__name__ in LAYERS and (layer not in inner or type(layer).__name__ == "BasicBlock"):
            layer.register_forward_hook(lambda _, __, out: found.append("×".join(map(str, out.shape[1:]))))
    network.eval()(torch.zeros(1, *shape))
    return found


@pytest.mark.parametrize("name", NETWORKS)
def test_each_shape_in_a_diagram_is_that_of_the_reference(name: str, reference: ModuleType) -> None:
    expected = [size for build, shape in NETWORKS[name] for size in outputs(build(reference), shape)]
    if name == "resnet18":
        expected.insert(-1, "512")  # the mean over each map, which is no layer
    drawn = [text for text in texts(name) if re.fullmatch(r"\d+(×\d+×\d+)?", text)]
    assert drawn == expected
    assert re.findall(r"\b\d+(?:×\d+×\d+)?(?=[;.])", description(name)) == expected


@pytest.mark.parametrize("name", [name for name in NETWORKS if name != "resnet18"])
def test_each_kernel_in_a_diagram_is_that_of_the_reference(name: str, reference: ModuleType) -> None:
    expected = []
    for build, _ in NETWORKS[name]:
        network = build(reference)
        kernels = [layer.kernel_size for layer in network.modules() if isinstance(layer, nn.Conv2d)]
        expected += ["×".join(map(str, kernel)) for kernel in kernels]
    assert [kernel for words, kernel in itertools.pairwise(texts(name)) if words == "conv"] == expected


def test_the_blocks_have_the_shapes_of_the_reference(reference: ModuleType) -> None:
    x = torch.zeros(1, 64, 16, 16)
    identity, projection = reference.BasicBlock(64, 64), reference.BasicBlock(64, 128, 2)
    sizes = ["×".join(map(str, block.eval()(x).shape[1:])) for block in (identity, projection)]
    drawn = texts("residual_blocks")
    assert (sizes[0], sizes[1]) == ("64×16×16", "128×8×8")
    assert [drawn.count(size) for size in sizes] == [3, 4]  # after each convolution, and at the end
    assert drawn.count("x: 64×16×16") == 2
    strides = [layer.stride for layer in projection.modules() if isinstance(layer, nn.Conv2d)]
    assert sum("stride 2" in text for text in drawn) == strides.count((2, 2)) == 2


def test_the_output_of_the_convolution_follows_from_its_numbers() -> None:
    drawn = texts("convolution")
    numbers = [int(text.replace("−", "-")) for text in drawn if re.fullmatch("−?\\d+", text)]
    padded, kernel, output = (torch.tensor(part) for part in (numbers[:49], numbers[49:58], numbers[58:67]))
    windows = padded.view(7, 7).unfold(0, 3, 2).unfold(1, 3, 2).reshape(9, 9)
    assert (windows * kernel).sum(1).tolist() == output.tolist()
    border = torch.ones(7, 7, dtype=torch.bool)
    border[1:-1, 1:-1] = False
    assert not padded.view(7, 7)[border].any()
    assert f"= {output[1]}" in drawn


@pytest.mark.parametrize("name", NAMES)
def test_a_diagram_can_be_read_without_seeing_it_and_on_any_page(name: str) -> None:
    root = ElementTree.parse(FOLDER / f"{name}.svg").getroot()
    assert (root.get("role"), root.get("aria-labelledby")) == ("img", "title desc")
    assert [root.find(f"{SVG}{tag}").get("id") for tag in ("title", "desc")] == ["title", "desc"]  # type: ignore[union-attr]
    panel = root.find(f"{SVG}rect")
    assert panel is not None
    behind = panel.get("fill", "")
    assert luminance(behind) > 0.9
    group = root.find(f"{SVG}g")
    assert group is not None
    colours = {group.get("fill", "")} | {
        node.get("fill", "") or group.get("fill", "") for node in root.iter(f"{SVG}text")
    }
    assert all((luminance(behind) + 0.05) / (luminance(colour) + 0.05) >= 4.5 for colour in colours), colours
    assert "href" not in (FOLDER / f"{name}.svg").read_text(encoding="utf-8")


def luminance(colour: str) -> float:
    """The relative luminance of #rrggbb, as WCAG 2 defines it."""
    parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def test_no_diagram_counts_what_students_are_to_count() -> None:
    for name in NAMES:
        assert not re.search(r"parameter|multipl|61,?706|9,?216|1,?024", " ".join(texts(name)))


def test_each_diagram_is_in_a_notebook_with_its_description_and_every_link_has_its_file() -> None:
    found = [link for cell in cells() for link in LINK.findall(cell)]
    assert {name for _, name in found} == set(NAMES)
    for text, name in found:
        assert text == f"{title(name)}. {description(name)}", f"the alternative text of {name}.svg"
    assert not any("../diagrams/" in LINK.sub("", cell) for cell in cells())
