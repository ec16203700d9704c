"""The same numbers in a text file get the same points, in whatever encoding an editor or a shell wrote them."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from gradeprop.core.models import GradeRecord
from gradeprop.course.config import read_assignment
from gradeprop.grading.grader import Grader, open_grader
from gradeprop.grading.settings import RunSettings
from gradeprop.grading.store import StudentFolders
from tests.conftest import REPOSITORY
from tests.factory import submission

MINIPLACES = read_assignment(REPOSITORY, "miniplaces_lenet")
RESULTS = (71.67, 84.5, 79, 36.5, 92.5, 81, 49.67)
BANDS = MINIPLACES.held_out["sample"].bands
HISTORY = {
    name: {"test_accuracy": [0.1, result / 100], "remark": ["é"]} for name, result in zip(BANDS, RESULTS, strict=True)
}


@pytest.fixture(scope="module")
def grader(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Grader]:
    settings = RunSettings(REPOSITORY, MINIPLACES, "sample", 5, tmp_path_factory.mktemp("results"))
    with open_grader(StudentFolders(settings)) as grader:
        yield grader


def graded(grader: Grader, folder: Path, encoding: str) -> GradeRecord:
    lines = "".join(f"{result:.2f}\r\n" for result in RESULTS).encode(encoding)
    history = json.dumps(HISTORY, ensure_ascii=False).encode(encoding)
    return grader.grade_one(submission(folder, "x = 1\n", {"results.txt": lines, "history.json": history}), "ada")


def test_no_encoding_costs_points(grader: Grader, tmp_path: Path) -> None:
    plain = graded(grader, tmp_path / "plain", "utf-8")
    assert next(question.points for question in plain.questions if question.name == "seven") == 8
    for encoding in ("utf-8-sig", "utf-16", "latin-1"):
        record = graded(grader, tmp_path / encoding, encoding)
        assert record.results == plain.results, encoding
        assert not [problem for problem in record.problems if "JSON" in problem], encoding
