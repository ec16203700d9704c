"""Known answers: what they change in the reference submission, what they must score, and their weights."""

from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from gradeprop.core.assignment import Assignment
from gradeprop.core.errors import CourseError
from gradeprop.core.paths import AssignmentPaths
from gradeprop.course import known_answers
from gradeprop.course.known_answers import KnownAnswer, read_known_answers, write_answer


def test_a_stale_known_answer_is_reported(toy: AssignmentPaths, tmp_path: Path) -> None:
    stale = KnownAnswer(name="wrong/x", points=0, replace=(("no such line", ""),), folder=str(toy.wrong / "halves"))
    with pytest.raises(CourseError, match="occurs 0 times"):
        write_answer(stale, toy, tmp_path, tmp_path / "new")


def test_a_known_answer_changes_the_section_of_its_assignment(toy: AssignmentPaths, tmp_path: Path) -> None:
    rule = "# " + 64 * "-"
    sections = [f"{rule} {name}\nvalue = 1\n" for name in ("before", "toy", "after")]
    toy.course.solution.write_text("import math\n" + "".join(sections))
    toy.notebook.write_text("{}")
    both = (("value = 1", "value = 2"), ("import math", "import cmath"))
    code = write_answer(
        KnownAnswer(name="right/x", points=0, weights="none", replace=both), toy, tmp_path, tmp_path / "new"
    )
    assert (code / "student_code.py").read_text() == "import cmath\n" + "".join(sections).replace(
        "toy\nvalue = 1", "toy\nvalue = 2"
    )


def test_a_known_answer_gets_what_it_does_not_lose(toy: AssignmentPaths, toy_assignment: Assignment) -> None:
    (toy.wrong / "halves" / "wrong.toml").write_text("lost = { double = 1.5 }")
    (case,) = (case for case in read_known_answers(toy_assignment, toy) if case.name == "wrong/halves")
    assert case.points == toy_assignment.points - 1.5
    (toy.wrong / "halves" / "wrong.toml").write_text("lost = { double = 'all' }")
    with pytest.raises(CourseError, match="wrong.toml"):
        read_known_answers(toy_assignment, toy)


def test_a_known_answer_without_its_toml_or_with_a_slip_is_told(
    toy: AssignmentPaths, toy_assignment: Assignment
) -> None:
    (toy.wrong / "empty").mkdir()
    with pytest.raises(CourseError, match="wrong.toml is missing"):
        read_known_answers(toy_assignment, toy)
    (toy.wrong / "empty" / "wrong.toml").write_text("poinst = 3")
    with pytest.raises(CourseError, match="wrong.toml"):
        read_known_answers(toy_assignment, toy)


def test_reference_weights_are_trained_once(toy: AssignmentPaths) -> None:
    reference = toy.source / "reference.py"
    reference.write_text("def train(dataset, folder):\n    (folder / 'history.json').write_text(dataset)\n")
    assert (known_answers.reference_weights(toy, "sample") / "history.json").read_text() == "sample"
    reference.unlink()
    assert known_answers.reference_weights(toy, "sample").is_dir()


def test_reference_weights_of_the_course_are_not_trained_again(toy: AssignmentPaths) -> None:
    (kept := toy.reference / "sample").mkdir(parents=True)
    (kept / "history.json").write_text("{}")
    assert known_answers.reference_weights(toy, "sample") == kept


def test_a_known_answer_may_say_how_the_weights_fit_its_network(toy: AssignmentPaths, tmp_path: Path) -> None:
    (toy.source / "reference.py").write_text("MODELS = {'net': None}")
    toy.notebook.write_text("{}")
    (reference := tmp_path / "reference").mkdir()
    save_file({"old": torch.ones(2)}, reference / "net.safetensors")
    (folder := tmp_path / "case").mkdir()
    (folder / "convert.py").write_text("def convert(name, tensors):\n    return {f'{name}.new': tensors['old'] + 1}\n")
    made = write_answer(
        KnownAnswer(name="x", points=0, weights="convert", folder=str(folder)), toy, reference, tmp_path / "new"
    )
    assert load_file(made / "net.safetensors")["net.new"].tolist() == [2, 2]
    assert not (made / "convert.py").exists()


def test_an_assignment_without_a_reference_to_train_has_no_weights(toy: AssignmentPaths) -> None:
    assert list(known_answers.reference_weights(toy, "sample").iterdir()) == []


def test_reference_weights_that_cannot_be_made_are_the_instructors(toy: AssignmentPaths) -> None:
    (toy.source / "reference.py").write_text("import nothing_of_this_name\n")
    with pytest.raises(CourseError, match="reference.py"):
        known_answers.reference_weights(toy, "sample")
