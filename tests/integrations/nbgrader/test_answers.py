"""What a student wrote is in the notebook that people grade: sanitized, labelled, never run, and never worth points."""

import base64
import json
from pathlib import Path
from typing import Any

import nbformat
import pytest
from nbformat import v4 as nbf

from gradeprop.integrations.nbgrader import answers
from gradeprop.submissions import notebook_cells
from tests.core.markdown import ATTACKS, active
from tests.core.test_sanitize import rendered
from tests.submissions.test_notebook_answers import (
    ASKED,
    CHECK,
    CODE,
    HOW,
    LAST,
    QUESTION,
    RELEASED,
    STUB,
    TRAIN,
    WHY,
    changed,
    code,
    inserted,
    md,
    nameless,
    released,
)

PNG = base64.b64encode(b"\x89PNG\r\n\x1a\n" + bytes(20)).decode()
LABEL = "**Outside the answer cells:** "


def insert(tmp_path: Path, submitted: list[dict[str, Any]], kind: str = "markdown") -> Any:
    """The notebook that people grade."""
    file = tmp_path / "hw.ipynb"
    file.write_text(json.dumps({"cells": submitted, "metadata": {}, "nbformat": 4, "nbformat_minor": 5}))
    notebook = nbf.new_notebook(cells=[nbformat.from_dict({**cell}) for cell in RELEASED])
    if kind == "code":
        notebook.cells[WHY] = nbformat.from_dict({**code(STUB), "metadata": RELEASED[WHY]["metadata"], "id": "cell-5"})
    answers.insert(notebook, notebook_cells.read(file), "autograded/hw/ada/submitted/hw.ipynb")
    nbformat.validate(notebook)
    return notebook


def outside(notebook: Any) -> list[tuple[int, str]]:
    """Each cell that was put in: the index of the released cell above it, and its text."""
    above, texts = -1, []
    for cell in notebook.cells:
        if cell.id.startswith("outside-"):
            assert cell.cell_type == "markdown"
            assert cell.metadata == {}
            assert cell.source.startswith(LABEL)
            texts.append((above, cell.source.removeprefix(LABEL)))
        else:
            above += 1
    return texts


def answer(notebook: Any) -> str:
    return str(next(cell.source for cell in notebook.cells if cell.id == "cell-5"))


@pytest.mark.parametrize(
    ("submitted", "expected"),
    [
        (released("Because."), []),
        (inserted(WHY + 1, md("conv3.")), [(WHY, "text that the student wrote in a new cell\n\nconv3.")]),
        (changed(ASKED, f"{QUESTION}\n\nconv3."), [(ASKED, "text that the student added to the cell above\n\nconv3.")]),
        (
            changed(CHECK, 'check("lenet")\n# no'),
            [(CHECK, "code that the student added to the cell above; it was not run\n\n```python\n# no\n```")],
        ),
        (
            changed(TRAIN, CODE.replace("3", "1")),
            [(TRAIN, "code that the student added to the cell above; it was not run\n\n```python\n"
              "EPOCHS = 1  # more is better\n```")],
        ),
        (
            [md("Ada"), *released(), {**code("1 / 0"), "outputs": [{"text": "no\n"}, {"ename": "E", "evalue": "x"}]}],
            [(-1, "text that the student wrote in a new cell\n\nAda"),
             (LAST, "code that the student wrote in a new cell; it was not run\n\n```python\n1 / 0\n```\n\n"
              "Its output, as submitted:\n\n```\nno\nE: x\n```")],
        ),
        (
            inserted(WHY + 1, {**md("a\n```\nb"), "cell_type": "raw"}),
            [(WHY, "text that the student wrote in a new cell\n\n````\na\n```\nb\n````")],
        ),
        (nameless([md("x")]), [(-1, "text that the student wrote in a new cell\n\nx")]),
    ],
)  # fmt: skip
def test_text_outside_the_answers_stands_where_it_was_written(
    tmp_path: Path, submitted: list[dict[str, Any]], expected: list[tuple[int, str]]
) -> None:
    notebook = insert(tmp_path, submitted)
    assert outside(notebook) == expected
    assert [cell.id for cell in notebook.cells if not cell.id.startswith("outside-")] == [c["id"] for c in RELEASED]


@pytest.mark.parametrize(
    ("kind", "copies", "expected"),
    [
        ("markdown", ["Because."], "Because."),
        ("markdown", [STUB, "Because."], "Because."),
        ("markdown", ["First.", STUB, "Second.", "First."], "First.\n\n---\n\nSecond."),
        ("markdown", [STUB], STUB),
        ("markdown", [" "], STUB),
        ("code", ["x = 1", "x = 2"], "x = 1\n\n# ----\n\nx = 2"),
        ("code", ["if a <b: x[0](y) \x00"], "if a <b: x[0](y) \ufffd"),
    ],
)
def test_all_answers_are_inserted(tmp_path: Path, kind: str, copies: list[str], expected: str) -> None:
    assert answer(insert(tmp_path, [*released(copies[0]), *(md(text, "why") for text in copies[1:])], kind)) == expected


def test_pictures_come_with_their_text(tmp_path: Path) -> None:
    uri = f"![p](data:image/png;base64,{PNG}) What I conclude: conv3."
    attached = {"attachments": {"Bild 1.png": {"image/png": PNG}}}
    submitted = inserted(WHY + 1, md("![q](attachment:Bild%201.png)", **attached), answers=[uri])
    notebook = insert(tmp_path, submitted)
    assert answer(notebook).endswith("What I conclude: conv3.")
    with_pictures = [cell for cell in notebook.cells if cell.get("attachments")]
    assert [cell.id for cell in with_pictures] == ["cell-5", "outside-1"]
    for cell in with_pictures:
        ((name, picture),) = cell.attachments.items()
        assert picture == {"image/png": PNG}
        assert f"](attachment:{name})" in cell.source


def test_an_answer_that_is_only_a_picture_is_an_answer(tmp_path: Path) -> None:
    notebook = insert(tmp_path, [*released(), md(STUB, "why", attachments={"p.png": {"image/png": PNG}})])
    assert "](attachment:picture-" in answer(notebook)


def test_two_pictures_of_one_name_are_both_shown(tmp_path: Path) -> None:
    other = base64.b64encode(b"GIF89a" + bytes(20)).decode()
    copies = [
        md("![](attachment:image.png) 1", "why", attachments={"image.png": {"image/png": PNG}}),
        md("![](attachment:image.png) 2", "why", attachments={"image.png": {"image/gif": other}}),
    ]
    notebook = insert(tmp_path, copies)
    (cell,) = [cell for cell in notebook.cells if cell.get("attachments")]
    assert cell.source.count("![](attachment:picture-") == len(cell.attachments) == 2


@pytest.mark.parametrize("kind", ["markdown", "code"])
def test_a_long_answer_is_cut_with_a_sentence(tmp_path: Path, kind: str) -> None:
    text = answer(insert(tmp_path, released("x" * 123_456), kind))
    assert text.startswith("x" * 100_000)
    assert "23,456 more characters are in autograded/hw/ada/submitted/hw.ipynb" in text.replace("\\", "")
    assert len(text) < 101_000


def test_much_text_outside_is_cut_with_a_sentence(tmp_path: Path) -> None:
    notebook = insert(tmp_path, inserted(HOW, *(md(f"{i}" * 30_000) for i in range(1, 8)), code("x" * 9)))
    texts = outside(notebook)
    assert len(texts) == 5
    assert "20,000 more characters are in autograded/hw/ada" in texts[3][1]
    assert texts[4] == (LAST, "4 more cells with 90,009 characters are in autograded/hw/ada/submitted/hw.ipynb")


def test_many_cells_outside_are_cut_with_a_sentence(tmp_path: Path) -> None:
    texts = outside(insert(tmp_path, inserted(HOW, *(md(f"{i}") for i in range(150)))))
    assert len(texts) == 101
    assert texts[100][1].startswith("50 more cells with 150 characters are in ")


def test_a_long_output_is_cut_with_a_sentence(tmp_path: Path) -> None:
    (text,) = outside(insert(tmp_path, [*released(), {**code("x"), "outputs": [{"text": "y" * 5_000}]}]))
    assert text[1].count("y") < 2_020
    assert "3,000 more characters are in " in text[1]


@pytest.mark.parametrize("where", ["answer", "question", "cell", "code", "raw", "output"])
def test_nothing_of_a_student_acts_in_the_browser(tmp_path: Path, where: str) -> None:
    for attack in ATTACKS:
        submitted = {
            "answer": released(attack),
            "question": changed(ASKED, f"{QUESTION}\n\n{attack}"),
            "cell": inserted(WHY + 1, md(attack)),
            "code": inserted(WHY + 1, code(attack)),
            "raw": inserted(WHY + 1, {**md(attack), "cell_type": "raw"}),
            "output": inserted(WHY + 1, {**code("x"), "outputs": [{"text": f"```\n{attack}"}]}),
        }[where]
        notebook = insert(tmp_path, submitted)
        for cell in notebook.cells:
            if cell.cell_type == "markdown":
                assert active(rendered(cell.source)) == [], (attack, cell.source)


def test_an_inserted_cell_claims_nothing(tmp_path: Path) -> None:
    mine = md("10 points, please.", "lenet_bonus")
    forged = {**code("pass", "lenet"), "metadata": {"nbgrader": {"grade_id": "x", "points": 1000, "grade": True}}}
    notebook = insert(tmp_path, inserted(WHY + 1, mine, forged))
    assert len(outside(notebook)) == 2
    points = [cell.metadata.nbgrader.get("points", 0) for cell in notebook.cells if "nbgrader" in cell.metadata]
    assert sum(points) == 13
