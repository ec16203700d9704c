"""The notebook of the first assignment, as a student gets it, with the solution in place."""

import copy
import json
import shutil
import tomllib
from pathlib import Path

import matplotlib
import nbformat
import pytest
from nbclient import NotebookClient

SOURCE = Path(__file__).parents[1] / "source"
HOMEWORK = SOURCE / "mnist_lenet"
NOTEBOOK = nbformat.read(HOMEWORK / "mnist_lenet.ipynb", as_version=4)
TOML = tomllib.loads((HOMEWORK / "assignment.toml").read_text(encoding="utf-8"))


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder laid out as a release is, but with the solution."""
    for file in (SOURCE / "student_code.py", HOMEWORK / "public_checks.py"):
        shutil.copy(file, tmp_path)
    for name in TOML["given"]:
        (tmp_path / "given").mkdir(exist_ok=True)
        shutil.copy(SOURCE / "given" / name, tmp_path / "given")
    monkeypatch.setenv("MPLCONFIGDIR", matplotlib.get_cachedir())  # its list of fonts takes seconds to make again
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path


@pytest.mark.slow
def test_it_runs_from_top_to_bottom_on_the_sample(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GRADEPROP_DATASET", "sample")
    monkeypatch.setenv("GRADEPROP_EPOCHS", "4")
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    notebook = copy.deepcopy(NOTEBOOK)
    # each check imports torch anew, and tests/test_public_checks.py runs them all: the first and the last will do here
    between = {question["name"] for question in TOML["questions"]} - {"dataset", "accuracy"}
    notebook.cells = [cell for cell in notebook.cells if cell.source not in {f'check("{name}")' for name in between}]
    NotebookClient(notebook, timeout=300, resources={"metadata": {"path": str(folder)}}).execute()
    assert {"lenet5.safetensors", "lenet5_regularised.safetensors", "history.json"} <= {
        f.name for f in folder.iterdir()
    }
    history = json.loads((folder / "history.json").read_text(encoding="utf-8"))
    assert history.keys() == {"lenet5", "mlp", "lenet5_regularised"}
    assert all(len(values) == 4 for model in history.values() for values in model.values())


def test_it_holds_no_outputs_and_its_ids_can_be_read() -> None:
    for cell in NOTEBOOK.cells:
        assert not cell.get("outputs")
        assert cell.get("execution_count") is None
        assert cell.id.replace("-", "").isalnum()
        assert not any(character.isdigit() for character in cell.id)  # a random id has digits
    assert (NOTEBOOK.nbformat, NOTEBOOK.nbformat_minor) == (4, 5)
    assert NOTEBOOK.metadata.kernelspec.name == "python3"


def test_each_question_has_its_cell_with_its_points() -> None:
    graded = {cell.metadata.nbgrader.grade_id: cell for cell in NOTEBOOK.cells if "nbgrader" in cell.metadata}
    assert graded.keys() == {question["name"] for question in TOML["questions"]}
    for question in TOML["questions"]:
        cell, manual = graded[question["name"]], question.get("manual", False)
        assert cell.metadata.nbgrader.points == question["points"]
        assert (cell.cell_type, cell.metadata.nbgrader.solution) == ("markdown" if manual else "code", manual)
        assert manual or cell.source == f'check("{question["name"]}")'


def test_the_bars_it_tells_are_those_of_the_assignment() -> None:
    told = next(cell.source for cell in NOTEBOOK.cells if cell.id == "bars-text")
    for bars in TOML["held-out"]["mnist"]["bars"].values():
        assert all(f"{bar} %" in told for bar in bars)


def test_the_points_it_tells_sum_up() -> None:
    title = NOTEBOOK.cells[0].source
    told = [int(line.split("|")[-2]) for line in title.splitlines() if line.startswith("| ") and "points" not in line]
    assert sum(told) == sum(question["points"] for question in TOML["questions"])
