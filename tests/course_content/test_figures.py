"""Names, colours and alt texts of figures."""

import json
import sys
from html import unescape
from pathlib import Path

import matplotlib
import nbformat
import pytest
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from nbclient import NotebookClient
from nbconvert import HTMLExporter

from gradeprop.core.sanitize import safe_pictures
from gradeprop.course.config import read_course
from tests.conftest import REPOSITORY

SOURCE = REPOSITORY.root / "source"
sys.path.insert(0, str(SOURCE))

from given import alt_text, colours, figures  # noqa: E402


@pytest.mark.parametrize("assignment", read_course(REPOSITORY).assignments)
def test_each_model_of_an_assignment_has_a_name_and_a_colour_of_its_own(assignment: str) -> None:
    history = REPOSITORY.root / "grader_tests" / assignment / "reference" / "sample" / "history.json"
    models = json.loads(history.read_text(encoding="utf-8"))
    assert models.keys() <= colours.MODELS.keys()
    styles = colours.styles(models).values()
    assert len({name for name, _ in styles}) == len({to_rgb(colour) for _, colour in styles}) == len(models) >= 3


def test_a_model_that_is_not_listed_keeps_its_key_and_takes_a_free_colour() -> None:
    styles = colours.styles(["mine", "lenet5", "mlp"])
    assert styles["mine"] == ("mine", colours.GREEN)
    assert figures.named({"mine": 1, "lenet5": 2}) == {"mine": 1, "LeNet-5": 2}


def test_a_run_that_goes_on_where_another_ends_is_drawn_below_it_and_wider() -> None:
    ends = {"default": [0.1, 0.2, 0.3], "20 epochs": [0.1, 0.2, 0.3, 0.4], "5 epochs": [0.1, 0.2], "batch 8": [0.4]}
    figure = figures.runs({run: {"test_accuracy": values} for run, values in ends.items()}, dict.fromkeys(ends, 1))
    lines = {line.get_label(): line for line in figure.axes[0].lines}
    chain = [lines[name] for name in ("20 epochs", "default run", "5 epochs")]
    widths, orders = [line.get_linewidth() for line in chain], [line.get_zorder() for line in chain]
    assert widths == sorted(widths, reverse=True)
    assert orders == sorted(orders)
    assert len({*widths}) == len({*orders}) == 3
    assert lines["batch 8"].get_linewidth() == widths[-1]


def test_a_legend_covers_no_data() -> None:
    history = {f"{part}_{what}": [0.5, 0.7] for part in ("train", "test") for what in ("loss", "accuracy")}
    figure = figures.histories({"lenet": history, "resnet18": history}, held_out="validation")
    figure.canvas.draw()
    plot = figure.axes[1]
    legend = plot.get_legend()
    assert legend is not None
    assert legend.get_window_extent().x0 > plot.get_window_extent().x1
    assert legend.get_title().get_text() == "validation; training dashed"
    assert "on the validation images" in figure.get_supxlabel()


def test_a_figure_of_curves_is_described_by_where_they_end() -> None:
    figure = Figure()
    axis = figure.add_subplot(title="LeNet-5", xlabel="epoch", ylabel="loss")
    axis.plot([1, 2], [0.5, 0.25], label="training")
    axis.plot([1, 2], [0.6, 0.375], label="test")
    assert alt_text.describe(figure) == "LeNet-5, loss over epoch: training ends at 0.25, test ends at 0.375."


def test_a_figure_of_pictures_is_described_by_its_title_and_their_number() -> None:
    figure = Figure()
    figure.suptitle("Two maps")
    for axis in figure.subplots(1, 2):
        shown = axis.imshow([[0, 1]])
    figure.colorbar(shown, ax=figure.axes)
    assert alt_text.describe(figure) == "Two maps. 2 pictures."


OWN = """
figure, axis = plt.subplots()
axis.plot([1, 2], [3, 4], label="test")
axis.set(title="Mine", xlabel="step", ylabel="loss")
axis.legend();"""


def test_every_image_of_an_exported_notebook_has_an_alt_text(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", str(SOURCE))
    monkeypatch.setenv("MPLCONFIGDIR", matplotlib.get_cachedir())
    cells = [
        "%matplotlib inline\nimport matplotlib.pyplot as plt\nfrom given import figures",
        'figures.schedule(lambda step: 1.0, lambda step: 0.5, 3)  # "returned"',
        OWN,
        OWN + '\nfigures.show(figure, "validation")',
    ]
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in cells])
    NotebookClient(notebook, timeout=120, resources={"metadata": {"path": str(tmp_path)}}).execute()
    outputs = [output for cell in notebook.cells for output in cell.outputs if "data" in output]
    assert [safe_pictures(output.data).keys() for output in outputs] == [{"image/png"}] * 3
    page = unescape(HTMLExporter(template_name="lab").from_notebook_node(notebook)[0])
    assert page.count("<img ") == 3
    for alt in (
        "Learning rate and momentum: The learning rate goes from 1 to 1, the momentum from 0.5 to 0.5, over 3 steps.",
        "Mine, loss over step: test ends at 4.",
        "Mine, loss over step: validation ends at 4.",
    ):
        assert page.count(f'alt="{alt}"') == 1
