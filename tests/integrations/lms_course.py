"""A course with grades, and the files that platforms export of it."""

import csv
import io
from pathlib import Path
from typing import Any

from click.testing import CliRunner, Result
from nbgrader.api import Gradebook

from gradeprop.cli.main import main
from gradeprop.core.models import GradeRecord, QuestionScore
from gradeprop.core.paths import AssignmentPaths, student_key
from gradeprop.course.config import read_assignment
from gradeprop.integrations.lms.platforms import BRIGHTSPACE, CANVAS, GENERIC, MOODLE, Platform
from gradeprop.results import gradebook

PEOPLE = {"ada": 'Lovelace, Ada "Countess"', "bob": "=1+1", "李雷": "李, 雷", "zoë": "O'Neil\tZoë"}

CANVAS_FILE = "Student,ID,SIS User ID,SIS Login ID,Section,Notes,Doubling (77),Other (78),Current Score\n" + (
    ",,,,,,Manual Posting,,\n    Points Possible,,,,,,15,5,(read only)\n"
)
MOODLE_FILE = '"First name","Last name","ID number",Institution,"Email address","Assignment: Doubling (Real)","Last downloaded from this course"\n'  # noqa: E501
BLACKBOARD_FILE = '"Last Name"\t"First Name"\t"Username"\t"Student ID"\t"Last Access"\t"Availability"\t"Doubling [Total Pts: 15 Score] |4711"\n'  # noqa: E501

BRIGHTSPACE_FILE = "OrgDefinedId,Username,Last Name,Doubling Points Grade <Numeric MaxPoints:15 Weight:10 Category:Labs CategoryWeight:20>,Other Points Grade <Numeric MaxPoints:5>,End-of-Line Indicator\n"  # noqa: E501


def line(*cells: str, delimiter: str = ",") -> str:
    text = io.StringIO(newline="")
    csv.writer(text, delimiter=delimiter).writerow(cells)
    return text.getvalue()


def exported(platform: Platform, people: dict[str, str] = PEOPLE) -> bytes:
    """A class as a platform exports it, with a student who never handed in and what else is in such files."""
    everyone = list(enumerate([*people.items(), ("eve", "Eve")]))
    if platform is CANVAS:
        rows = [line(name, str(9 + n), f"S{n}", login, "A and B", "", "1", "4", "20") for n, (login, name) in everyone]
        return (CANVAS_FILE + "".join(rows) + line("Student, Test", "99", "", "a1b2", "A", "", "", "", "")).encode()
    if platform is MOODLE:
        rows = [line(name, "x", f"S{n}", "", f"{login}@uni.edu", "-", "1700") for n, (login, name) in everyone]
        return (MOODLE_FILE + "".join(rows)).encode()
    if platform is BRIGHTSPACE:
        rows = [line(f"#S{n}", f"#{login}", name, "", "4", "#") for n, (login, name) in everyone]
        return (BRIGHTSPACE_FILE + "".join(rows)).encode()
    if platform is GENERIC:
        rows = [line(name, login, "x", "", delimiter=";") for n, (login, name) in everyone]
        return ("Name;User-ID;Group;Doubling\n" + "".join(rows)).encode()
    rows = [line(name, "x", login, f"S{n}", "", "Yes", "", delimiter="\t") for n, (login, name) in everyone]
    return (BLACKBOARD_FILE + "".join(rows)).encode("utf-16")


def record(student: str, double: float, held: float, **more: Any) -> GradeRecord:
    points = {"double": (double, 6), "held": (held, 4)}
    scores = tuple(QuestionScore(name=n, title="", points=p, possible=m) for n, (p, m) in points.items())
    fields = {"status": "graded", "points": double + held, "possible": 10, "results": ()} | more
    return GradeRecord(
        gradeprop="0", assignment="toy", student=student, key=student_key(student), questions=scores, **fields
    )


def canvas_rows(*logins: str) -> bytes:
    """Return an export of Canvas with these logins."""
    return (
        CANVAS_FILE + "".join(line(login, str(n), "", login, "A", "", "", "", "") for n, login in enumerate(logins))
    ).encode()


class Course:
    """A toy course in which people have grades."""

    def __init__(self, paths: AssignmentPaths, folder: Path) -> None:
        self.paths, self.folder = paths.course, folder
        self.url = f"sqlite:///{self.paths.gradebook}"
        self.assignment = read_assignment(self.paths, "toy")

    def grade(self, *records: GradeRecord) -> None:
        gradebook.write(records, self.assignment, self.url)

    def by_hand(self, student: str, points: float, penalty: float = 0.0) -> None:
        """As formgrader and nbgrader's late plugin leave it."""
        with Gradebook(self.url) as book:
            grade = book.find_grade("written", "toy", "toy", student)
            grade.manual_score, grade.needs_manual_grade = points, False
            book.find_submission_notebook("toy", "toy", student).late_submission_penalty = penalty
            book.db.commit()

    def roster(self, platform: Platform, data: bytes | None = None) -> Path:
        file = self.folder / f"from_{platform.name}"
        file.write_bytes(exported(platform) if data is None else data)
        return file

    def export(self, platform: Platform, *options: str) -> Result:
        to = self.folder / f"to_{platform.name}"
        return CliRunner().invoke(
            main, ["--course", str(self.paths.root), "export", platform.name, "--to", str(to), *options]
        )

    def read(self, platform: Platform) -> list[dict[str, str]]:
        """Read the written file as the platform would."""
        text = (self.folder / f"to_{platform.name}").read_bytes().decode(platform.encoding)
        delimiter = ";" if platform is GENERIC else platform.delimiter
        return list(csv.DictReader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True))
