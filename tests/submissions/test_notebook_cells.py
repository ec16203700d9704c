"""Cells of a submitted notebook: an odd value costs one cell at most, and no notebook costs much."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from gradeprop.submissions import notebook_cells
from tests.autograding.course import RIGHT, make_course
from tests.conftest import REPOSITORY
from tests.factory import zip_file

ANSWER = {
    "cell_type": "markdown",
    "id": "a",
    "metadata": {"nbgrader": {"grade_id": "why", "points": 5}, "tags": ["t"]},
    "source": ["Be", "cause."],
}
PLAIN = json.dumps(ANSWER)


def write(tmp_path: Path, *cells: str, rest: str = '"nbformat": 4') -> Path:
    (tmp_path / "hw.ipynb").write_text(f'{{"cells": [{", ".join(cells)}], {rest}}}')
    return tmp_path / "hw.ipynb"


def test_a_cell_is_read_with_its_claims(tmp_path: Path) -> None:
    (cell,) = notebook_cells.read(write(tmp_path, PLAIN)).cells
    assert (cell.number, cell.id, cell.name, cell.cell_type, cell.source) == (1, "a", "why", "markdown", "Because.")
    assert (cell.tags, cell.flags) == (("t",), {"points": 5})


@pytest.mark.parametrize(
    "odd",
    [
        '{"cell_type": "code", "outputs": [{"data": {"application/json": {"loss": NaN}}}], "source": "x"}',
        '{"cell_type": "code", "outputs": [{"text": [-Infinity]}], "source": "x"}',
        '{"cell_type": "code", "execution_count": Infinity, "source": "x"}',
        '{"cell_type": "markdown", "id": "\\ud83d", "source": "x", "metadata": {"\\ude00": "\\ud83d"}}',
        '{"cell_type": "markdown", "source": "x", "metadata": {"a": "\x00\x1b"}}',
        '{"cell_type": "markdown", "source": "x", "metadata": null}',
        '{"cell_type": "markdown", "source": "x", "metadata": {"nbgrader": [1], "tags": {"a": 1}}}',
        '{"cell_type": "markdown", "source": "x", "metadata": {"nbgrader": {"grade_id": 7}}}',
        '{"cell_type": "markdown", "source": "x", "attachments": {"a": "b"}}',
        '{"cell_type": 1, "source": "x", "id": 2}',
        '{"cell_type": "code", "source": "x", "outputs": 1e999, "n": 123456789012345678901234567890}',
    ],
)
def test_an_odd_value_costs_nothing(tmp_path: Path, odd: str) -> None:
    notebook = notebook_cells.read(write(tmp_path, PLAIN, odd, PLAIN))
    assert [cell.source for cell in notebook.cells] == ["Because.", "x", "Because."]
    assert notebook.problems == []


@pytest.mark.parametrize(
    ("text", "shown"),
    [("half an emoji: \\ud83d", "half an emoji: \ufffd"), ("a\x01b\tc\nd", "a b c\nd"), ("gr\\u00fcn", "grün")],
)
def test_an_odd_character_costs_itself(tmp_path: Path, text: str, shown: str) -> None:
    notebook = notebook_cells.read(write(tmp_path, f'{{"cell_type": "markdown", "source": "{text}"}}'))
    assert [cell.source for cell in notebook.cells] == [shown]
    assert notebook.problems == []


@pytest.mark.parametrize(
    "lost",
    [
        '{"cell_type": "markdown", "source": 7, "metadata": {"nbgrader": {"grade_id": "why"}}}',
        '{"source": ["a", 1], "metadata": {"nbgrader": {"grade_id": "why"}}}',
        '{"source": "x", "metadata": {"nbgrader": {"grade_id": "why"}}, "outputs": ' + "[" * 10**4 + "]" * 10**4 + "}",
        '{"source": "x" "y", "metadata": {"nbgrader": {"grade_id": "why"}}}',
    ],
)
def test_a_cell_that_cannot_be_read_is_named_and_costs_no_other(tmp_path: Path, lost: str) -> None:
    notebook = notebook_cells.read(write(tmp_path, PLAIN, lost, PLAIN))
    assert [cell.number for cell in notebook.cells] == [1, 3]
    (problem,) = notebook.problems
    assert problem.startswith("Cell 2 (why) of hw.ipynb cannot be read: ")


def test_many_cells_that_cannot_be_read_are_counted(tmp_path: Path) -> None:
    notebook = notebook_cells.read(write(tmp_path, *(["7"] * 100), PLAIN))
    assert [cell.number for cell in notebook.cells] == [101]
    assert notebook.problems[0] == "Cell 1 of hw.ipynb cannot be read: Expected `object`, got `int`."
    assert notebook.problems[5:] == ["100 cells of hw.ipynb cannot be read."]


@pytest.mark.parametrize(
    ("rest", "problem"),
    [
        ('"nbformat": 4, "metadata": {"widgets": {"x": NaN}}', None),
        ('"metadata": {}', "is not a notebook: Object missing required field `nbformat`."),
        ('"nbformat": 4, "metadata": {', f"is not a notebook: it is not JSON (line 1, column {len(PLAIN) + 44})."),
        ("<<<<<<< HEAD", f"is not a notebook: it is not JSON (line 1, column {len(PLAIN) + 15})."),
    ],
)
def test_the_cells_of_a_damaged_notebook_are_read(tmp_path: Path, rest: str, problem: str | None) -> None:
    notebook = notebook_cells.read(write(tmp_path, PLAIN, rest=rest))
    assert [cell.source for cell in notebook.cells] == ["Because."]
    assert bool(notebook.problems) == bool(problem)
    assert problem is None or problem in notebook.problems[0]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_a_notebook_in_another_encoding_is_read(tmp_path: Path, encoding: str) -> None:
    file = write(tmp_path, '{"source": "grün"}')
    file.write_bytes(file.read_text().encode(encoding))
    assert [cell.source for cell in notebook_cells.read(file).cells] == ["grün"]


@pytest.mark.parametrize("text", ["", "{", "[" * 10**5, '{"cells": 3}', '{"cells": [7, {"cell_type": 1', "\x00"])
def test_what_is_no_notebook_has_no_cells_and_a_sentence(tmp_path: Path, text: str) -> None:
    (tmp_path / "hw.ipynb").write_text(text)
    notebook = notebook_cells.read(tmp_path / "hw.ipynb")
    assert notebook.cells == []
    assert "hw.ipynb is not a notebook" in notebook.problems[-1]
    assert "No such file" in notebook_cells.read(tmp_path / "none.ipynb").problems[0]


def test_the_text_of_outputs_is_kept_and_nothing_else(tmp_path: Path) -> None:
    outputs: list[Any] = [
        {"output_type": "stream", "text": ["a\n", "b\n"]},
        {"output_type": "display_data", "data": {"text/plain": "c", "text/html": "<b>", "image/png": "x"}},
        {"output_type": "error", "ename": "ValueError", "evalue": "d", "traceback": ["e"]},
        7,
        {"data": {"text/html": "<b>", "application/json": float("nan")}},
    ]
    (cell,) = notebook_cells.read(write(tmp_path, json.dumps({"source": "x", "outputs": outputs}))).cells
    assert notebook_cells.output_text(cell) == "a\nb\nc\nValueError: d"
    (cell,) = notebook_cells.read(write(tmp_path, json.dumps({"source": "x", "outputs": [1] * 10**5}))).cells
    assert notebook_cells.output_text(cell) == "(These outputs are too large to be shown.)"


def test_too_little_memory_is_a_sentence(tmp_path: Path) -> None:
    file = write(tmp_path, json.dumps({"source": "x" * 20 * 2**20}))
    code = (
        "import resource, sys; from pathlib import Path; from gradeprop.submissions import notebook_cells\n"
        "used = int(Path('/proc/self/statm').read_text().split()[0]) * resource.getpagesize()\n"
        "resource.setrlimit(resource.RLIMIT_AS, (used + 60 * 2**20,) * 2)\n"
        "print(*notebook_cells.read(Path(sys.argv[1])).problems)"
    )
    done = subprocess.run([sys.executable, "-c", code, str(file)], capture_output=True, text=True, check=False)
    assert done.stdout == "hw.ipynb needs too much memory to be read; clear its outputs.\n", done.stderr


HEAD = b'{"nbformat": 4, "cells": ['
TINY = b'{"cell_type":"code","source":[],"id":"cell-3"},'
EXPENSIVE = {
    "cells": (HEAD, TINY, TINY[:-1] + b"]}", 23, "has more than 2,000 cells; only its first 2,000 cells are used."),
    "larger": (HEAD, TINY, TINY[:-1] + b"]}", 60, "has 60 MiB, which is too large to be read; clear its outputs."),
    "larger still": (
        HEAD,
        TINY,
        TINY[:-1] + b"]}",
        80,
        "has 80 MiB, which is too large to be read; clear its outputs.",
    ),
    "large and good": (HEAD + b'{"source": "', b"A", b'"}]}', 60, "None of the cells"),
    "empty": (HEAD, b"{},", b"{}]}", 23, "has more than 2,000 cells"),
    "numbers": (HEAD, b"1,", b"1]}", 23, ""),
    "lists": (HEAD + b'{"outputs": [', b"[],", b"[]]}]}", 23, "has more than 300,000 strings"),
    "depth": (HEAD + b'{"outputs": ', b"[", b"", 23, "has more than 300,000 strings"),
    "strings": (HEAD + b'{"source": [', b'"ab",', b'"c"]}]}', 23, "has more than 300,000 strings"),
    "escapes": (HEAD + b'{"source": "', b'\\"', b"", 23, "has more than 300,000 strings"),
    "lines": (HEAD + b'{"source": "', b"a\\n", b'"}]}', 23, "has more than 200,000 lines"),
    "odd values": (HEAD + b'{"x": [', b"NaN,", b'1], "source": ""}]}', 23, ""),
    "a long word": (HEAD + b'{"source": "', b"A", b'"}]}', 23, ""),
    "words": (HEAD + b'{"source": "', b"a ", b'"}]}', 23, ""),
    "no text": (b"", b"\x00", b"", 23, "is not a notebook"),
    "metadata": (b'{"nbformat": 4, "cells": [], "metadata": {"x": [', b'{"a":1},', b"1]}}", 23, "300,000 strings"),
}
KINDS = list(EXPENSIVE)[:: 1 if "ALL_TESTS" in os.environ else 3]
TAKE = """
import os, resource, sys, time
from pathlib import Path
from gradeprop.core.paths import CoursePaths
from gradeprop.course.config import read_assignment
from gradeprop.grading.jobs import take
from gradeprop.grading.settings import RunSettings, Sources

def measure(submission):
    before, start = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, time.process_time()
    problems = take(settings, sources, submission, "eve", submission.with_suffix("")).problems
    after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    text = "\\n".join([str((after - before) // 1024), str(time.process_time() - start), *problems])
    submission.with_suffix(".txt").write_text(text)

course = CoursePaths(Path(sys.argv[1]))
settings = RunSettings(course, read_assignment(course, "toy"), "sample")
sources = Sources.read(settings)
for submission in sorted(Path(sys.argv[2]).glob("*.zip")):
    if not (child := os.fork()):
        measure(submission)
        os._exit(0)
    os.waitpid(child, 0)
"""


@pytest.fixture(scope="module")
def costs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[int, float, list[str]]]:
    """MiB of memory and seconds of one process that takes a submission, and what it says of it."""
    folder = tmp_path_factory.mktemp("expensive")
    toy = make_course(folder / "course")
    for kind in KINDS:
        start, unit, end, mib, _ = EXPENSIVE[kind]
        data = start + unit * ((mib << 20) // len(unit)) + end
        submission = zip_file(folder / f"{kind}.zip", {"toy.ipynb": data, "student_code.py": RIGHT})
        assert submission.stat().st_size < 300_000
    command = [sys.executable, "-c", TAKE, str(toy.course.root), str(folder)]
    subprocess.run(command, check=True, cwd=REPOSITORY.root)
    found = {kind: (folder / f"{kind}.txt").read_text().split("\n") for kind in KINDS}
    return {kind: (int(memory), float(seconds), rest) for kind, (memory, seconds, *rest) in found.items()}


@pytest.mark.parametrize("kind", KINDS)
def test_the_intake_of_no_notebook_costs_much(costs: dict[str, tuple[int, float, list[str]]], kind: str) -> None:
    memory_mib, cpu_s, problems = costs[kind]
    assert memory_mib < 200
    assert cpu_s < 4, "a multiple of what is usual"
    assert EXPENSIVE[kind][4] in "\n".join(problems)
    assert len(problems) <= 20
