"""The sample class has right, wrong, broken and hostile submissions."""

import zipfile

from gradeprop.core.assignment import Assignment
from gradeprop.core.paths import AssignmentPaths
from gradeprop.course.demo import demo_class
from gradeprop.submissions.discovery import find_submissions


def test_the_sample_class_has_every_kind_of_submission(toy: AssignmentPaths, toy_assignment: Assignment) -> None:
    toy.notebook.write_text("{}")
    folder = demo_class(toy_assignment, toy, "sample")
    names = {name for _, name in find_submissions([folder], toy_assignment).submissions}
    assert {"reference", "stub", "empty folder", "syntax error", "hostile", "pickled weights", "zipped"} <= names
    assert any(name.startswith("wrong ") for name in names)
    assert any(name.startswith("right ") for name in names)
    assert list((folder / "empty folder").iterdir()) == []
    with zipfile.ZipFile(folder / "zipped.zip") as archive:
        assert archive.read("student_code.py") == (folder / "reference" / "student_code.py").read_bytes()


def test_the_sample_class_is_made_again_from_scratch(toy: AssignmentPaths, toy_assignment: Assignment) -> None:
    toy.notebook.write_text("{}")
    (demo_class(toy_assignment, toy, "sample") / "left over").mkdir()
    assert not (demo_class(toy_assignment, toy, "sample") / "left over").exists()
