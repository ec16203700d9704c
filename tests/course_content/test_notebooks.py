"""The notebook of each assignment, as a student gets it, with the solution in place."""

import copy
import os
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import matplotlib
import nbformat
import pytest
from nbclient import NotebookClient

from benchmarks.notebooks import lay_out
from gradeprop.course.config import read_course
from tests.conftest import REPOSITORY

SOURCE = REPOSITORY.root / "source"
NAMES = read_course(REPOSITORY).assignments


@pytest.fixture(params=NAMES)
def name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def notebook(name: str) -> Any:
    return nbformat.read(SOURCE / name / f"{name}.ipynb", as_version=4)


@pytest.fixture
def toml(name: str) -> dict[str, Any]:
    return tomllib.loads((SOURCE / name / "assignment.toml").read_text(encoding="utf-8"))


@pytest.fixture
def folder(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder laid out as a release is, but with the solution."""
    lay_out(name, tmp_path)
    monkeypatch.setenv("MPLCONFIGDIR", matplotlib.get_cachedir())  # its list of fonts takes seconds to make again
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.delenv("GRADEPROP_DATA", raising=False)
    return tmp_path


def automatic(toml: dict[str, Any]) -> list[str]:
    return [question["name"] for question in toml["questions"] if not question.get("manual")]


def test_it_runs_from_top_to_bottom_on_the_sample(
    name: str, notebook: Any, toml: dict[str, Any], folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """For one epoch: the first assignment's, with its last check; where ``ALL_TESTS`` is set, all with all checks."""
    if "ALL_TESTS" not in os.environ and name != NAMES[0]:
        pytest.skip("make check runs it")
    monkeypatch.setenv("GRADEPROP_DATASET", "sample")
    monkeypatch.setenv("GRADEPROP_EPOCHS", "1")
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    left_out = set() if "ALL_TESTS" in os.environ else {f'check("{question}")' for question in automatic(toml)[:-1]}
    shortened = copy.deepcopy(notebook)
    shortened.cells = [cell for cell in notebook.cells if cell.source not in left_out]
    code = sum(cell.cell_type == "code" for cell in shortened.cells)
    NotebookClient(shortened, timeout=300, resources={"metadata": {"path": str(folder)}}, allow_errors=True).execute()
    errors = [
        (cell.id, output.ename, output.evalue)
        for cell in shortened.cells
        for output in cell.get("outputs", ())
        if output.output_type == "error"
    ]
    last = f'check("{automatic(toml)[-1]}")'  # weights of one epoch may not be good enough for it
    assert [error for error in errors if error[1] != "PublicChecksFailed"] == []
    assert "ALL_TESTS" not in os.environ or all(
        error[0] == next(cell.id for cell in notebook.cells if cell.source == last) for error in errors
    )
    assert sum(bool(cell.get("execution_count")) for cell in shortened.cells) == code
    handed_in = {file for file in toml["submission"] if not file.endswith((".ipynb", ".html", ".pdf"))}
    assert {file for file in handed_in if not (folder / file).is_file()} == set()


def test_all_of_it_runs_on_another_device_than_the_processor(
    name: str, notebook: Any, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On a pretended card, as strict as a real one about where tensors lie; for one epoch, without the checks."""
    if "ALL_TESTS" not in os.environ:
        pytest.skip("make check runs it")
    monkeypatch.setenv("GRADEPROP_DATASET", "sample")
    monkeypatch.setenv("GRADEPROP_EPOCHS", "1")
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    there = [
        f"import sys; sys.path.append({str(REPOSITORY.root)!r})",
        "import given.training",
        "from tests.course_content import simulated_gpu",
    ]
    first = nbformat.v4.new_code_cell("\n".join([*there, "given.training.device = lambda: simulated_gpu.CARD"]))
    last = nbformat.v4.new_code_cell(
        "networks = [value for value in globals().values() if isinstance(value, torch.nn.Module)]\n"
        "{str(parameter.device) for network in networks for parameter in network.parameters()}"
    )
    own = [cell for cell in notebook.cells if not cell.source.startswith("check(") and cell.id != "submit"]
    notebook.cells = [first, *own, last]
    NotebookClient(notebook, timeout=300, resources={"metadata": {"path": str(folder)}}).execute()
    assert (
        "'card:0'" in last.outputs[0].data["text/plain"]
    )  # some are made for a look only, and stay where they were made


def test_the_pretended_card_computes_the_same_and_is_strict() -> None:
    """In a process of its own, which knows the device from then on."""
    code = """
import torch
from tests.course_content import simulated_gpu

torch.manual_seed(0)
network, x = torch.nn.Sequential(torch.nn.Conv2d(1, 3, 3), torch.nn.BatchNorm2d(3)), torch.rand(4, 1, 6, 6)
twin = torch.nn.Sequential(torch.nn.Conv2d(1, 3, 3), torch.nn.BatchNorm2d(3)).to("card")
twin.load_state_dict(network.state_dict())
for one, place in ((network, "cpu"), (twin, "card")):
    optimizer = torch.optim.AdamW(one.parameters(), lr=0.1)
    one(x.to(place)).pow(2).sum().backward()
    optimizer.step()
assert all(torch.equal(a, b.cpu()) for a, b in zip(network.parameters(), twin.parameters(), strict=True))
for apart in (lambda: twin(x), lambda: twin(x.to("card")) + torch.ones(3, 4, 4), lambda: x.to("card").numpy()):
    try:
        apart()
    except RuntimeError as error:
        print(error)
"""
    done = subprocess.run([sys.executable, "-c", code], cwd=REPOSITORY.root, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert [line.split()[0] for line in done.stdout.splitlines()] == ["Expected", "Expected", ".numpy()"], done.stdout


def test_it_holds_no_outputs_and_its_ids_can_be_read(notebook: Any) -> None:
    for cell in notebook.cells:
        assert not cell.get("outputs")
        assert cell.get("execution_count") is None
        assert cell.id.replace("-", "").isalnum()
        assert not any(character.isdigit() for character in cell.id)  # a random id has digits
    assert (notebook.nbformat, notebook.nbformat_minor) == (4, 5)
    assert notebook.metadata.kernelspec.name == "python3"


def test_each_question_has_its_cell_with_its_points(notebook: Any, toml: dict[str, Any]) -> None:
    graded = {cell.metadata.nbgrader.grade_id: cell for cell in notebook.cells if "nbgrader" in cell.metadata}
    assert graded.keys() == {question["name"] for question in toml["questions"]}
    for question in toml["questions"]:
        cell, manual = graded[question["name"]], question.get("manual", False)
        assert cell.metadata.nbgrader.points == question["points"]
        assert (cell.cell_type, cell.metadata.nbgrader.solution) == ("markdown" if manual else "code", manual)
        assert manual or cell.source == f'check("{question["name"]}")'


def test_its_last_cell_packs_what_is_handed_in(notebook: Any) -> None:
    assert (notebook.cells[-1].id, notebook.cells[-1].source.splitlines()[-1]) == ("submit", "submit()")


def test_the_bars_it_tells_are_those_of_the_assignment(notebook: Any, toml: dict[str, Any]) -> None:
    """Those on the real data; the cell that tells them has the id ``bars-text``."""
    real = [table["bars"] for name, table in toml.get("held-out", {}).items() if name != "sample"]
    told = "".join(cell.source for cell in notebook.cells if cell.id == "bars-text")
    for bars in real:
        assert all(f"{bar} %" in told or f"{bar:g} %" in told for pair in bars.values() for bar in pair)


def test_the_points_it_tells_sum_up(notebook: Any, toml: dict[str, Any]) -> None:
    title = notebook.cells[0].source
    told = [int(line.split("|")[-2]) for line in title.splitlines() if line.startswith("| ") and "points" not in line]
    assert sum(told) == sum(question["points"] for question in toml["questions"])
