"""Each student gets their own pages, whole, and nothing of anybody else's."""

import csv
import io
import re
import zipfile
from pathlib import Path

import msgspec
import pytest
from click.testing import CliRunner, Result

from gradeprop.cli.main import main
from gradeprop.core import storage
from gradeprop.core.models import CheckResult, Curves, GradeRecord
from gradeprop.results.feedback import write_feedback
from tests.integrations.lms_course import Course, line, record
from tests.integrations.push.platforms import FakeCanvas, FakeGithub, FakePlatform

STUDENTS = ["ada", "bob", "zoë", "501", "a_b"]
PLOT = Curves(caption="accuracy", x_label="epoch", y_label="%", series={"yours": (1.0, 2.0)})


def canary(student: str) -> str:
    return f"canary-of-{student.encode().hex()}"


@pytest.fixture
def graded(course: Course) -> Course:
    """A course with pages: each has a figure, a text that nobody else's has, and for Ada a commented notebook."""
    paths = course.paths.assignment("toy")
    for name in [*STUDENTS, "held"]:
        check = CheckResult(
            check="c", question="double", line="Doubles.", verdict="failed", points=1, possible=6,
            message=canary(name), exhibits=(PLOT,),
        )  # fmt: skip
        status = "needs_review" if name == "held" else "graded"
        one = record(name, 1, 2, results=(check,), status=status)
        storage.write(one, paths.student(one.key).record)
        write_feedback(course.assignment, one, paths.student(one.key).feedback)
        if status == "graded":
            course.grade(one)
    notebook = paths.notebook_feedback("ada")
    notebook.parent.mkdir(parents=True)
    notebook.write_text(f"<p>Well argued. {canary('ada')}</p>")
    return course


def feedback(course: Course, *words: str) -> Result:
    line = ["--course", str(course.paths.root), "feedback", *words]
    return CliRunner().invoke(main, line, env={"CANVAS_TOKEN": "secret", "STUDENTS_TOKEN": "secret", "COLUMNS": "200"})


def check_pages(delivered: dict[str, list[bytes]]) -> None:
    """Everybody has their own page with its figure, and no text of anybody else's."""
    assert set(delivered) == set(STUDENTS)
    for student, pages in delivered.items():
        assert len(pages) == (2 if student == "ada" else 1)
        page = max(pages, key=len).decode()
        assert "<svg" in page
        assert "src=" not in page
        for name in [*STUDENTS, "held"]:
            assert any(canary(name).encode() in each for each in pages) == (name == student)


def test_moodle_puts_each_page_into_the_right_submission(graded: Course) -> None:
    """Read back by the rule of Moodle's importziplib.php: parts between underscores of each folder's name."""
    numbers = dict(zip(STUDENTS, ["31411", "31412", "31413", "501", "31414"], strict=True))
    header = line("Identifier", "Email address", "Status", "Grade", "Maximum grade")
    rows = [line(f"Participant {number}", f"{name}@uni.edu", "", "", "15.00") for name, number in numbers.items()]
    worksheet = graded.folder / "worksheet.csv"
    worksheet.write_text(header + "".join(rows))
    to = graded.folder / "feedback.zip"
    done = feedback(graded, "moodle", "toy", "--roster", str(worksheet), "--to", str(to))
    assert done.exit_code == 0, done.output
    assert "On hold, so left out: held." in done.output
    delivered: dict[str, list[bytes]] = {}
    people = {number: name for name, number in numbers.items()}
    with zipfile.ZipFile(to) as archive:
        for name in archive.namelist():
            folder, file = name.split("/")
            info = folder.split("_", 4)
            assert len(info) >= 4
            assert (info[2], info[3]) == ("assignfeedback", "file")
            assert not file.startswith((".", "~"))
            delivered.setdefault(people[info[1]], []).append(archive.read(name))
    check_pages(delivered)


def test_moodle_needs_no_worksheet_for_students_of_its_own_download(graded: Course) -> None:
    to = str(graded.folder / "feedback.zip")
    done = feedback(graded, "moodle", "toy", "--to", to)
    assert "'a_b' is not a participant number of Moodle's; download the grading worksheet" in done.output
    others = [word for name in STUDENTS if name != "501" for word in ("--leave-out", name)]
    assert feedback(graded, "moodle", "toy", "--to", to, *others).exit_code == 0
    with zipfile.ZipFile(to) as archive:
        assert archive.namelist() == ["Participant_501_assignfeedback_file_/feedback.html"]
    wrong = graded.folder / "gradebook.csv"
    wrong.write_text("First name,Email address\nAda,ada@uni.edu\n")
    done = feedback(graded, "moodle", "toy", "--to", to, "--roster", str(wrong))
    assert "is not a grading worksheet; the gradebook's export has no participant numbers" in done.output


def test_a_folder_has_a_table_for_a_mail_merge(graded: Course) -> None:
    done = feedback(graded, "folder", "toy", "--to", str(graded.folder / "out"))
    assert done.exit_code == 0, done.output
    table = (graded.folder / "out" / "students.csv").read_text(encoding="utf-8-sig")
    rows = {row["student"]: row["files"].split("; ") for row in csv.DictReader(io.StringIO(table))}
    check_pages({name: [(graded.folder / "out" / file).read_bytes() for file in files] for name, files in rows.items()})


def set_up(course: Course, platform: FakePlatform) -> None:
    course.paths.push_toml.write_text(platform.settings)  # type: ignore[attr-defined]


def test_canvas_gets_a_comment_with_each_page_once(graded: Course) -> None:
    with FakeCanvas(STUDENTS) as platform:
        set_up(graded, platform)
        assert "to send" in feedback(graded, "canvas", "toy", "--dry-run").output
        assert not any(platform.comments.values())
        done = feedback(graded, "canvas", "toy")
        assert done.exit_code == 0, done.output
        again = feedback(graded, "canvas", "toy")
        assert "     6  there already" in again.output
    check_pages(
        {
            platform.students[user]: [platform.files[file][1] for file in files]
            for user, files in platform.comments.items()
        }
    )
    assert all(re.fullmatch(r"toy-(feedback|toy)-[0-9a-f]{8}\.html", name) for name, _ in platform.files.values())


def test_a_page_that_canvas_stored_and_did_not_confirm_is_not_sent_again(graded: Course) -> None:
    with FakeCanvas(STUDENTS) as platform:
        set_up(graded, platform)
        platform.after_each = lambda count: (_ for _ in ()).throw(ConnectionResetError) if count == 3 else None
        done = feedback(graded, "canvas", "toy")
        assert done.exit_code == 1
        assert "the same command goes on from there" in done.output
        platform.after_each = lambda count: None
        assert feedback(graded, "canvas", "toy").exit_code == 0
        assert sorted(map(len, platform.comments.values())) == [1, 1, 1, 1, 2]


def test_github_gets_each_page_on_a_branch_of_the_students_repository(graded: Course) -> None:
    with FakeGithub([f"toy-{name}" for name in STUDENTS if name not in ("zoë", "a_b", "501")]) as platform:
        set_up(graded, platform)
        done = feedback(graded, "github", "toy")
        assert done.exit_code == 1, done.output
        assert "501" in done.output  # has no repository
        assert "not on the platform" in done.output  # zoë and a_b are no accounts
        again = feedback(graded, "github", "toy")
        assert "     3  there already" in again.output
        for name in ("ada", "bob"):
            branches = platform.branches[f"toy-{name}"]
            assert branches["main"] == {"a.py": b""}
            pages = {file: data for file, data in branches["feedback"].items() if file.startswith("feedback/toy/")}
            assert set(pages) == {
                f"feedback/toy/{each}.html" for each in ["feedback", "toy"][: 2 if name == "ada" else 1]
            }
            for student in STUDENTS:
                assert any(canary(student).encode() in data for data in pages.values()) == (student == name)
        file = graded.paths.assignment("toy").student("bob").record
        one = storage.read(GradeRecord, file)
        check = msgspec.structs.replace(one.results[0], message="A new message.")
        storage.write(msgspec.structs.replace(one, results=(check,)), file)
        feedback(graded, "github", "toy")
        assert b"A new message." in platform.branches["toy-bob"]["feedback"]["feedback/toy/feedback.html"]


def test_pages_of_nobody_are_a_sentence(course: Course) -> None:
    done = feedback(course, "folder", "toy")
    assert done.exit_code == 1
    assert "nobody has a grade yet, so there are no feedback pages" in done.output
    assert not Path("toy-feedback").exists()
