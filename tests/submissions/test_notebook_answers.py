"""A submitted notebook is compared with the whole release: nothing that a student wrote is lost without a word."""

import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import nbformat
import pytest
from nbformat import v4 as nbf

from gradeprop.course.config import read_course
from gradeprop.course.notebook import Cell, read_cells
from gradeprop.submissions import notebook_answers, notebook_cells
from gradeprop.submissions.notebook_answers import from_course, from_notebook
from tests.conftest import REPOSITORY

META = {"schema_version": 3, "grade": False, "locked": False, "task": False}
QUESTION = "### Where the parameters are (10 points)\n\n1. Which layer of LeNet-5 holds most of its parameters?"
OTHER = "### Do the regularisers help? (10 points)\n\nName them, and say in a sentence each what they do."
CODE = "train_loader = digits.in_memory(train_set, batch_size=64)\nEPOCHS = 3  # more is better"
STUB = "YOUR ANSWER HERE"


def md(text: str, name: str = "", number: int = 0, **more: Any) -> dict[str, Any]:
    """A Markdown cell; with a name, one for an answer."""
    meta = {"nbgrader": {**META, "solution": True, "grade": True, "points": 5, "grade_id": name}} if name else {}
    cell_id = {"id": f"cell-{number}"} if number else {}
    return {"cell_type": "markdown", "metadata": meta, "source": text, **cell_id, **more}


def code(text: str, name: str = "", number: int = 0) -> dict[str, Any]:
    """A code cell; with a name, one with checks."""
    meta = {"nbgrader": {**META, "solution": False, "grade": True, "points": 3, "locked": True, "grade_id": name}}
    cell_id = {"id": f"cell-{number}"} if number else {}
    plain = {"cell_type": "code", "source": text, "outputs": [], "execution_count": None}
    return {**plain, "metadata": meta if name else {}, **cell_id}


RELEASED = [
    md("# LeNet-5", "", 1),
    code(CODE, "", 2),
    code('check("lenet")', "lenet", 3),
    md(QUESTION, "", 4),
    md(STUB, "why", 5),
    md(OTHER, "", 6),
    md(STUB, "how", 7),
    md("---\n\n**Before you hand in:** restart the kernel, and run all cells.", "", 8),
]
TITLE, TRAIN, CHECK, ASKED, WHY, ASKED_TOO, HOW, LAST = range(8)


def released(*answers: str) -> list[dict[str, Any]]:
    """The released notebook, with answers."""
    cells = [dict(cell) for cell in RELEASED]
    for index, answer in zip((WHY, HOW), answers, strict=False):
        cells[index]["source"] = answer
    return cells


def nameless(cells: Sequence[dict[str, Any]], *keep: str) -> list[dict[str, Any]]:
    """The cells without metadata, and without ids unless ``keep`` names them."""
    return [{k: v for k, v in cell.items() if k in ("cell_type", "source", *keep)} | {"metadata": {}} for cell in cells]


@pytest.fixture(scope="module")
def cells(tmp_path_factory: pytest.TempPathFactory) -> tuple[Cell, ...]:
    """The instructor's cells."""
    file = tmp_path_factory.mktemp("source") / "hw.ipynb"
    file.write_text(nbformat.writes(nbf.new_notebook(cells=[nbformat.from_dict(cell) for cell in RELEASED])))
    return read_cells(file)


def submit(tmp_path: Path, submitted: Sequence[dict[str, Any]]) -> notebook_cells.SubmittedNotebook:
    file = tmp_path / "hw.ipynb"
    file.write_text(json.dumps({"cells": submitted, "metadata": {}, "nbformat": 4, "nbformat_minor": 5}))
    return notebook_cells.read(file)


Found = dict[int, list[str]]


def found(tmp_path: Path, cells: Sequence[Cell], submitted: Sequence[dict[str, Any]]) -> tuple[Found, Found]:
    """The answers by the index of their cell, and the text outside by the index of the cell that it follows."""
    result = notebook_answers.compare(from_course(cells), submit(tmp_path, submitted))
    answers = {i: [copy.source for copy in result.copies.get(i, []) if copy.source != STUB] for i in (WHY, HOW)}
    outside = {index: [each.text for each in texts] for index, texts in result.outside.items()}
    return {index: texts for index, texts in answers.items() if texts}, outside


def changed(index: int, source: str, *answers: str) -> list[dict[str, Any]]:
    cells = released(*answers)
    cells[index] = {**cells[index], "source": source}
    return cells


def inserted(at: int, *more: dict[str, Any], answers: Sequence[str] = ()) -> list[dict[str, Any]]:
    cells = released(*answers)
    return [*cells[:at], *more, *cells[at:]]


BOTH = {WHY: ["Because."], HOW: ["So."]}
GIVEN = ("Because.", "So.")
NEW = md("conv3 holds 48,120 of them.")
CASES: dict[str, tuple[list[dict[str, Any]], Found, Found]] = {
    "as released": (released(), {}, {}),
    "answered": (released(*GIVEN), BOTH, {}),
    "in a new cell below": (inserted(WHY + 1, NEW), {}, {WHY: [NEW["source"]]}),
    "in a new cell above": (inserted(WHY, NEW), {}, {ASKED: [NEW["source"]]}),
    "in a new code cell": (inserted(WHY + 1, code("# conv3")), {}, {WHY: ["# conv3"]}),
    "in a raw cell": (inserted(WHY + 1, {**NEW, "cell_type": "raw"}), {}, {WHY: [NEW["source"]]}),
    "in several cells": (
        inserted(WHY + 1, NEW, md("And more."), answers=GIVEN), BOTH, {WHY: [NEW["source"], "And more."]},
    ),
    "at the top and the end": (
        [md("Ada Lovelace"), *released(), md("Done.")], {}, {-1: ["Ada Lovelace"], LAST: ["Done."]},
    ),
    "in the question's cell": (
        changed(ASKED, f"{QUESTION}\n\nAnswer: conv3.\n\nSure."), {}, {ASKED: ["Answer: conv3.\n\nSure."]},
    ),
    "between the lines of the question": (
        changed(ASKED, QUESTION.replace("\n\n1", "\n\nconv3\n\n1"), *GIVEN), BOTH, {ASKED: ["conv3"]},
    ),
    "at the end of a line of the question": (changed(ASKED, f"{QUESTION} It is conv3."), {}, {ASKED: ["It is conv3."]}),
    "in the last cell": (changed(LAST, f"{LAST and RELEASED[LAST]['source']}\nThanks!"), {}, {LAST: ["Thanks!"]}),
    "code that was changed": (changed(TRAIN, CODE.replace("3", "30")), {}, {TRAIN: ["EPOCHS = 30  # more is better"]}),
    "in the cell of a check": (changed(CHECK, 'check("lenet")\n# it fails!'), {}, {CHECK: ["# it fails!"]}),
    "only spaces changed": (changed(ASKED, QUESTION.replace("\n\n", "\n \n").replace(" ", "  ")), {}, {}),
    "wrapped again": (changed(ASKED, QUESTION.replace(" ", "\n")), {}, {}),
    "text deleted": (changed(ASKED, QUESTION.splitlines()[0]), {}, {}),
    "blank cells": (inserted(WHY + 1, md(" \n"), code("")), {}, {}),
    "names lost": (nameless(released(*GIVEN), "id"), BOTH, {}),
    "names and ids lost": (nameless(released(*GIVEN)), BOTH, {}),
    "names lost, ids counted from 0": (
        [{**cell, "id": f"cell-{i}"} for i, cell in enumerate(nameless(released(*GIVEN)))], BOTH, {},
    ),
    "names and ids lost, a cell added": (nameless(inserted(WHY + 1, NEW, answers=GIVEN)), BOTH, {WHY: [NEW["source"]]}),
    "names and ids lost, the question changed": (
        nameless(changed(ASKED, f"{QUESTION}\nHm.", *GIVEN)), BOTH, {ASKED: ["Hm."]},
    ),
    "only headings and answers left": (
        [md(QUESTION.splitlines()[0]), md("Because."), md(OTHER.splitlines()[0]), md("So.")], BOTH, {},
    ),
    "found by what stands after it": (nameless([md("So."), RELEASED[LAST]]), {HOW: ["So."]}, {}),
    "an answer without its question": ([md("Because.")], {}, {-1: ["Because."]}),
    "twice": ([*released("Because."), md("Again.", "why")], {WHY: ["Because.", "Again."]}, {}),
    "an answer as code": (
        [{**cell, "cell_type": "code"} if i == WHY else cell for i, cell in enumerate(released(*GIVEN))], BOTH, {},
    ),
    "an unknown name": (inserted(WHY + 1, md("Look.", "bonus")), {}, {WHY: ["Look."]}),
    "another notebook": ([md("# Physics"), code("g = 9.81")], {}, {-1: ["# Physics", "g = 9.81"]}),
    "the other way round": (released(*GIVEN)[::-1], BOTH, {}),
    "merged with its question": (
        [cell for cell in changed(ASKED, f"{QUESTION}\n\nconv3") if cell != RELEASED[WHY]], {}, {ASKED: ["conv3"]},
    ),
    "a long cell": (inserted(WHY + 1, md("x " * 150_000)), {}, {WHY: [("x " * 150_000).strip()]}),
    "the question with a long text": (
        changed(ASKED, QUESTION + "x " * 150_000), {}, {CHECK: [(QUESTION + "x " * 150_000).strip()]},
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_everything_is_found(tmp_path: Path, cells: Sequence[Cell], case: str) -> None:
    submitted, answers, outside = CASES[case]
    assert found(tmp_path, cells, submitted) == (answers, outside)


def test_the_released_notebook_and_the_instructors_are_compared_alike(cells: Sequence[Cell]) -> None:
    notebook = nbf.new_notebook(cells=[nbformat.from_dict(cell) for cell in RELEASED])
    assert from_notebook(notebook) == from_course(cells)


SENTENCES = {
    "as released": [],
    "answered": [],
    "in a new code cell": [],
    "code that was changed": [],
    "in a new cell below": [
        "The notebook has text outside the answer cells, in 1 place; the person who grades sees it. "
        "The first is below why: “conv3 holds 48,120 of them.”"
    ],
    "in the question's cell": [
        "The notebook has text outside the answer cells, in 1 place; the person who grades sees it. "
        "The first is below “### Where the parameters are (10 points)”: “Answer: conv3.”"
    ],
    "at the top and the end": [
        "The notebook has text outside the answer cells, in 2 places; the person who grades sees it. "
        "The first is below the top of the notebook: “Ada Lovelace”"
    ],
    "names and ids lost": [
        "Cells that have lost their names, as some editors cause, were found by id, text or position: lenet, why, how."
    ],
    "twice": ["Cell why occurs 2 times in the notebook; all answers in it are used."],
    "in the cell of a check": ["Cell lenet of the notebook was changed; the original is used."],
    "an answer as code": ["The metadata of cell why was changed (cell_type); the original metadata is used."],
    "the other way round": [
        "The cells of the notebook are in a different order than in the original; the order is ignored."
    ],
    "another notebook": [
        "None of the cells of the released notebook was found in hw.ipynb; the person who grades sees its text.",
        "Cell lenet of the notebook is missing; it was restored.",
        "Cell why of the notebook is missing; it was restored without an answer.",
        "Cell how of the notebook is missing; it was restored without an answer.",
    ],
}


@pytest.mark.parametrize("case", SENTENCES)
def test_the_student_is_told_what_is_unusual(tmp_path: Path, cells: Sequence[Cell], case: str) -> None:
    notebook = submit(tmp_path, CASES[case][0])
    assert notebook_answers.find_problems(cells, notebook) == SENTENCES[case]


def test_an_unknown_name_is_ignored_aloud(tmp_path: Path, cells: Sequence[Cell]) -> None:
    sentences = notebook_answers.find_problems(cells, submit(tmp_path, CASES["an unknown name"][0]))
    assert "a cell named bonus that is not in the original; its name is ignored." in sentences[-1]


def test_the_sentences_are_limited(tmp_path: Path, cells: Sequence[Cell]) -> None:
    odd = [md(f"text {i}", f"name {i}") for i in range(100)]
    sentences = notebook_answers.find_problems(cells, submit(tmp_path, odd))
    assert len(sentences) == 13
    assert sentences[-1].endswith("more cells of the notebook were changed.")


def test_without_cells_there_is_nothing_to_say(tmp_path: Path, cells: Sequence[Cell]) -> None:
    assert notebook_answers.find_problems(cells, submit(tmp_path, [])) == []
    assert notebook_answers.find_problems([], submit(tmp_path, released())) == []


@pytest.mark.parametrize("name", read_course(REPOSITORY).assignments)
def test_a_notebook_as_it_is_handed_out_has_nothing_unusual(name: str, tmp_path: Path) -> None:
    """Nor has one with an older drawing of a diagram; what is added beside one counts."""
    paths = REPOSITORY.assignment(name)
    cells, text = read_cells(paths.notebook), (paths.release / paths.notebook.name).read_text(encoding="utf-8")
    assert "data:image/svg+xml;base64," in text
    (tmp_path / "older.ipynb").write_text(re.sub("(svg\\+xml;base64,)[^\\\\]+", r"\1QUJD", text), encoding="utf-8")
    (tmp_path / "added.ipynb").write_text(re.sub("(<img alt=)", r"My answer is here. \1", text, count=1), "utf-8")
    for file in (paths.release / paths.notebook.name, tmp_path / "older.ipynb"):
        assert notebook_answers.find_problems(cells, notebook_cells.read(file)) == []
    (sentence,) = notebook_answers.find_problems(cells, notebook_cells.read(tmp_path / "added.ipynb"))
    assert "My answer is here." in sentence
