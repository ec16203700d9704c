"""Every assignment of the course is proven: known answers get exactly what they must, and junk breaks no check.

``make check`` (``ALL_TESTS``) takes all; ``make test`` one known answer in 200 and one kind of junk in 200, of
the first assignment.
"""

import os
import runpy
import sys
from pathlib import Path
from unittest import mock

import pytest
import torch

from gradeprop.course.config import read_assignment, read_course
from gradeprop.course.known_answers import code_of, read_known_answers
from gradeprop.grading.grader import open_grader
from gradeprop.grading.settings import RunSettings
from gradeprop.grading.store import StudentFolders
from gradeprop.grading.verify import verify
from tests.conftest import REPOSITORY

ALL = "ALL_TESTS" in os.environ
EVERY = 1 if ALL else 200
NAMES = read_course(REPOSITORY).assignments


@pytest.mark.parametrize("name", NAMES if ALL else NAMES[:1])
def test_every_assignment_of_the_course_is_proven(name: str, tmp_path: Path) -> None:
    assignment = read_assignment(REPOSITORY, name)
    folders = StudentFolders(RunSettings(REPOSITORY, assignment, "sample", 20261121, tmp_path))
    with open_grader(folders) as grader:
        verdicts = list(verify(grader, every=EVERY))
    assert [f"{verdict.name}: {verdict.wrong}" for verdict in verdicts if verdict.wrong] == []
    assert sum(verdict.name.startswith("junk") for verdict in verdicts) >= (20 if ALL else 5)


@pytest.mark.parametrize("name", NAMES)
def test_every_assignment_brings_enough_known_answers(name: str) -> None:
    names = [case.name for case in read_known_answers(read_assignment(REPOSITORY, name), REPOSITORY.assignment(name))]
    assert sum(name.startswith("wrong/") for name in names) >= 30
    assert sum(name.startswith("right/") for name in names) >= 8


@pytest.mark.parametrize("name", NAMES)
def test_every_known_answer_fits_the_solution_as_it_is(name: str) -> None:
    """An old text that the solution no longer contains is an error with the file's name."""
    paths = REPOSITORY.assignment(name)
    for answer in read_known_answers(read_assignment(REPOSITORY, name), paths):
        compile(code_of(answer, paths), answer.name, "exec")


@pytest.mark.parametrize("name", NAMES)
def test_the_judge_normalises_images_as_the_probes_do(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Accuracy is measured on images that no probe has seen, so each side has a function of its own."""
    monkeypatch.setattr(sys, "path", [str(REPOSITORY.source), *sys.path])
    monkeypatch.setattr(pytest, "mark", mock.MagicMock())  # pytest here knows no marker of points
    paths = REPOSITORY.assignment(name)
    files = [path for path in paths.tests.glob("*.py") if "\ndef normalized(" in path.read_text()]
    images = torch.arange(256, dtype=torch.uint8).repeat(12).reshape(1, 3, 32, 32)
    images = images[:, 0] if name.startswith("mnist") else images
    results = [runpy.run_path(str(path))["normalized"](images) for path in files]
    assert len(results) == 2
    torch.testing.assert_close(*results)
