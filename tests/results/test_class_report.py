"""The class report says what the records say, escapes what students wrote, and stays readable and quick."""

import json
import os
import re
import time
from datetime import datetime, timedelta
from html.parser import HTMLParser
from pathlib import Path

import msgspec
import pytest
from click.testing import CliRunner
from nbgrader.api import Gradebook

from gradeprop.cli.main import main
from gradeprop.core import storage
from gradeprop.core.models import CheckResult, GradeRecord, QuestionScore
from gradeprop.core.paths import AssignmentPaths, student_key
from gradeprop.course.config import read_assignment
from gradeprop.grading.scoring import find_causes
from gradeprop.results import gradebook, people
from gradeprop.results.class_report import page, write_class_report
from gradeprop.results.class_summary import summarize
from gradeprop.results.similar_submissions import SubmittedCode, side_by_side
from tests.conftest import copy_toy
from tests.factory import write_files

LONG = pytest.mark.skipif("ALL_TESTS" not in os.environ, reason="takes long; make check runs it")
CHROMIUM = Path("/usr/bin/chromium")
CHROMIUM_OPTIONS = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking"]
EVIL = "<img src=x onerror=document.title='owned'>&\"'\x1b"
STUB = 'def double(x):\n    """Twice x."""\n    ### YOUR CODE HERE\n    raise NotImplementedError\n'


def answer(number: int) -> str:
    """A long answer, another for each number."""
    lines = [
        f"    total = total {'+-*'[number * 7 % (k + 2) % 3]} x[{(number * k) % 11}] ** {k % 5}" for k in range(30)
    ]
    return f"def double(x):\n    total = {number}\n" + "\n".join(lines) + "\n    return total\n"


def add(paths: AssignmentPaths, student: str, number: int, code: str = "", **more: object) -> None:
    """A record, and what it is of."""
    points = 4 * (number % 2)
    wrong = "" if points else f"the result is off by 2; expected {EVIL} for {number % 3}"
    result = CheckResult(
        check="test_toy.py::test_doubles", question="double", line="A number is doubled.",
        verdict="failed" if wrong else "passed", points=points, possible=4, message=wrong,
    )  # fmt: skip
    scores = (
        QuestionScore(name="double", title="Twice as much", points=points, possible=6),
        QuestionScore(name="held", title="On held-out numbers", points=number % 5, possible=4),
    )
    fields = {
        "status": "graded", "reason": "", "wall_s": 0.05 + number % 7 / 100,
        "files": ("net.safetensors", "student_code.py"),
    } | more  # fmt: skip
    kept = paths.student(student_key(student))
    kept.submitted.mkdir(parents=True)
    (kept.submitted / "student_code.py").write_text(code or answer(number))
    (kept.submitted / "net.safetensors").write_bytes(b"weights" if number < 2 else str(number).encode())
    record = GradeRecord(
        gradeprop="0", assignment="toy", student=student, key=student_key(student), points=points + number % 5,
        possible=10, questions=scores, results=(result,), **fields,
    )  # fmt: skip
    storage.write(record, kept.record)


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> tuple[AssignmentPaths, str]:
    toy = copy_toy(tmp_path_factory.mktemp("course"))
    toy.course.stub.write_text(STUB)
    for number in range(12):
        add(toy, f"student{number}", number)
    add(toy, EVIL, 12)
    add(toy, "copy", 14, re.sub("total", "mine", answer(3)) + "# my own work\n")
    add(toy, "near", 15, answer(5).replace("+", "-", 1))
    add(toy, "stub", 16, STUB)
    add(toy, "held", 17, status="needs_review", reason=f"{EVIL} test_toy.py:9: ZeroDivisionError")
    return toy, page_of(toy)


def page_of(toy: AssignmentPaths) -> str:
    status = CliRunner().invoke(main, ["--course", str(toy.course.root), "report", "toy"])
    assert status.exit_code == 0, status.output
    return toy.report.read_text()


class Text(HTMLParser):
    """The text of a page, and its elements."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.texts, self.tags, self.attributes = list[str](), set[str](), set[str]()
        self.feed(html)
        self.text = " ".join(" ".join(self.texts).split())

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes |= {name for name, _ in attrs}

    def handle_data(self, data: str) -> None:
        self.texts.append(data)


def test_it_says_what_the_records_say(written: tuple[AssignmentPaths, str]) -> None:
    text = Text(written[1]).text
    assert "17 submissions: 16 graded, 0 need attention, 1 to review, 0 not graded" in text
    assert "Twice as much 6" in text
    assert "9 A number is doubled. (Twice as much)" in text, "of 16 graded nine have an even number"
    assert re.search(r"held needs review .* test_toy\.py:9: ZeroDivisionError", text)
    assert "3 of 9 with this message, the most frequent one" in text
    assert re.search(r"Median: [\d.]+ s\. 95th percentile: [\d.]+ s\. Maximum: 0\.11 s\.", text)


def test_what_a_person_should_look_at_costs_no_points_and_is_listed(toy: AssignmentPaths) -> None:
    add(toy, "ada", 1)
    kept = toy.student("ada").record
    record = storage.read(GradeRecord, kept)
    flagged = msgspec.structs.replace(record.results[0], flag="Was the network trained on the test set?")
    storage.write(msgspec.structs.replace(record, results=(flagged,)), kept)
    text = Text(page_of(toy)).text
    assert "1 graded" in text
    assert "These grades stand" in text
    assert "ada Was the network trained on the test set?" in text


def test_submissions_without_code_are_one_entry(toy: AssignmentPaths) -> None:
    """Twelve students without code, and one whose check fails for another reason."""
    missing = "student_code.py is missing (your ``code``).\nThere is 'code (1).py'."
    for number in range(12):
        add_failures(toy, f"empty{number}", [missing] * 50)
    add_failures(toy, "bob", [f"wrong by ``{number}``" for number in range(2)])
    html = page_of(toy)
    text = Text(html).text
    assert html.count("is missing") == 1
    assert "12 student_code.py is missing (your code ). (50 checks could not run) −600" in text
    assert text.count("1 of 1 with this message") == 2
    assert "``" not in html
    assert re.search(r">empty3<.*>empty11<", html) or re.search(r">empty11<.*>empty3<", html)


def add_failures(paths: AssignmentPaths, student: str, messages: list[str]) -> None:
    """A record of one point for each message; the same message twice is of a run that did not reach the checks."""
    results = tuple(
        CheckResult(
            check=f"test_toy.py::test_{number}", question="double", line=f"Check ``{number}``.",
            verdict="missing" if len(set(messages)) == 1 else "failed", points=0, possible=1, message=message,
        )
        for number, message in enumerate(messages)
    )  # fmt: skip
    score = QuestionScore(name="double", title="Twice as much", points=0, possible=len(messages))
    record = GradeRecord(
        gradeprop="0", assignment="toy", student=student, key=student, status="graded", points=0,
        possible=len(messages), questions=(score,), results=results, causes=find_causes(results),
        files=("student_code.py",),
    )  # fmt: skip
    storage.write(record, paths.student(student).record)


def test_a_grade_without_code_counts_apart(toy: AssignmentPaths) -> None:
    add(toy, "ada", 1)
    add(toy, "bob", 2, files=("net.safetensors",))
    text = Text(page_of(toy)).text
    assert "2 submissions: 1 graded" in text
    assert "Without student_code.py, and not counted below: bob" in text


def test_who_is_late_and_who_is_missing(toy: AssignmentPaths) -> None:
    due, url = datetime(2026, 5, 1, 12), f"sqlite:///{toy.course.gradebook}"
    assignment = read_assignment(toy.course, "toy")
    gradebook.register_submissions({"ada": due + timedelta(days=2), "bob": due}, assignment, [], url)
    with Gradebook(url) as book:
        book.update_or_create_assignment("toy", duedate=due)
        for student, name in (("ada", "Ada"), ("eve", "Eve"), ("ill", "Ill"), ("gone", "Gone")):
            book.update_or_create_student(student, first_name=name)
    people.decide(toy.course, "excused", ["ill"], "toy")
    people.decide(toy.course, "withdrawn", ["gone"])
    for student in ("ada", "bob"):
        add(toy, student, 1)
    section = Text(page_of(toy)).text.rpartition("Late and missing")[2].partition("To review")[0]
    assert " ".join(section.split()) == (
        "1 late, 1 missing student late penalty Ada (ada) 2 days late 0 In the gradebook, neither excused nor "
        "withdrawn, and without a submission: Eve (eve)."
    )
    data = json.loads(toy.report_json.read_bytes())
    assert (data["late"], data["missing"]) == (["ada"], ["eve"])


def test_a_page_for_a_lecture_has_no_names(written: tuple[AssignmentPaths, str]) -> None:
    toy, _ = written
    status = CliRunner().invoke(main, ["--course", str(toy.course.root), "report", "toy", "--anonymous"])
    assert status.exit_code == 0, status.output
    html = toy.anonymous_report.read_text()
    assert "A number is doubled." in html
    for record in toy.autograded.glob("*/record.json"):
        assert f"{record.parent.name}/" not in html
    assert "student3" not in html
    assert not re.search(r"\bcopy\b", Text(html).text)


def test_the_numbers_are_there_for_programs(written: tuple[AssignmentPaths, str]) -> None:
    data = json.loads(written[0].report_json.read_bytes())
    assert data["schema"] == 1
    assert len(data["graded"]) == 16
    (check,) = data["checks"]
    assert check["line"] == "A number is doubled."
    assert check["mean"] == pytest.approx(7 / 16)
    assert data["mistakes"][0]["students"]
    assert {pair["closest"]["first"] for pair in data["similar"]} == {"near"}


def test_similar_code_is_shown_side_by_side_and_as_text(written: tuple[AssignmentPaths, str]) -> None:
    page = (written[0].similar / "1.html").read_text()
    assert "near" in page
    assert "student5" in page
    assert not Text(page).tags & {"img", "script", "iframe", "object", "link", "base", "form"}


def test_code_that_is_slow_to_compare_is_shown_in_time(tmp_path: Path) -> None:
    """Thousands of lines that differ a little, one endless line, and letters that turn the order of others round."""
    codes = []
    for name in ("eve", "max"):
        lines = [f"x{i} = f({i}, {name!r}, {i * 7919 % 5000})" for i in range(5000)]
        write_files(tmp_path / name, {"student_code.py": "\n".join([f"'{name * 10**6}'", "a = '\u202eb<i>'", *lines])})
        codes.append(SubmittedCode(name, tmp_path / name, ("student_code.py",)))
    began = time.process_time()
    page = side_by_side(*codes)
    assert time.process_time() - began < 5
    assert len(page) < 10**6
    assert "a = &#x27;\ufffdb&lt;i&gt;" in page


def test_code_of_a_former_year_is_compared(toy: AssignmentPaths, tmp_path: Path) -> None:
    toy.course.stub.write_text(STUB)
    former = copy_toy(tmp_path / "former")
    for student, number in (("zoe", 3), ("max", 3)):
        add(former, student, number)
    add(toy, "ada", 3)
    add(toy, "bob", 4)
    status = CliRunner().invoke(
        main, ["--course", str(toy.course.root), "report", "toy", "--earlier", str(former.autograded)]
    )
    assert status.exit_code == 0, status.output
    text = Text(toy.report.read_text()).text
    assert "show ada , earlier: max, earlier: zoe" in text
    other = CliRunner().invoke(main, ["--course", str(toy.course.root), "report", "toy", "--earlier", str(tmp_path)])
    assert other.exit_code == 1
    assert f"{tmp_path}: has no graded submissions; name the folder autograded/ASSIGNMENT" in other.output


def test_own_modules_are_compared_too(toy: AssignmentPaths) -> None:
    toy.course.stub.write_text(STUB)
    for student, number, name in (("ada", 1, "mine"), ("copy", 1, "other"), ("bob", 9, "mine")):
        add(toy, student, 4, f"from {name} import *\n", files=("student_code.py", f"{name}.py"))
        (toy.student(student).submitted / f"{name}.py").write_text(answer(number))
    text = Text(page_of(toy)).text
    assert "code, ignoring names and comments 2 show ada , copy" in text
    assert not re.search(r"bob , |, bob\b", text.rpartition("Similar submissions")[2])


def test_solutions_that_were_handed_out_are_not_compared(toy: AssignmentPaths) -> None:
    toy.course.stub.write_text(STUB)
    solutions = "".join(answer(number) for number in (1, 2, 5, 6, 8))
    for student, number in (("ada", 3), ("bob", 4)):
        code = "from earlier_shared import *\n" + answer(number)
        add(toy, student, number, code, files=("student_code.py", "earlier_shared.py"))
        (toy.student(student).submitted / "earlier_shared.py").write_text(solutions)
    assert "ada , bob" in Text(page_of(toy)).text.rpartition("Similar submissions")[2]
    toy.release.mkdir(parents=True)
    (toy.release / "earlier_shared.py").write_text(solutions)
    assert "No two submissions are similar." in Text(page_of(toy)).text


def test_similar_submissions_are_named_and_the_stub_is_not(written: tuple[AssignmentPaths, str]) -> None:
    text = Text(written[1]).text
    assert "net.safetensors 2 show student0 , student1" in text
    assert "code, ignoring names and comments 2 show copy , student3" in text
    assert re.search(r"near , student5 2 \d\d\.\d %", text)
    assert not re.search(r"stub , |, stub\b", text.rpartition("Similar submissions")[2])


def test_nothing_of_a_student_is_more_than_text(written: tuple[AssignmentPaths, str]) -> None:
    toy, html = written
    found = Text(html)
    assert "onerror=document.title" in found.text
    assert not found.tags & {"img", "script", "iframe", "object", "link", "base", "form"}
    assert not {name for name in found.attributes if name.startswith("on")}
    assert "://" not in re.sub(r'http://(www\.w3\.org|purl\.org|creativecommons\.org)[^"]*', "", html)
    assert html == page_of(toy), "the same records give the same page"


@LONG
@pytest.mark.wall_clock
def test_a_class_of_a_thousand_takes_seconds_and_stays_readable(tmp_path: Path) -> None:
    toy = copy_toy(tmp_path / "course")
    for number in range(1000):
        add(toy, f"student{number:04}", number)
    began = time.monotonic()
    write_class_report(read_assignment(toy.course, "toy"), toy)
    assert time.monotonic() - began < 60
    assert toy.report.stat().st_size < 500_000
    assert "and 200 more (grades.csv lists everyone)" in Text(toy.report.read_text()).text


@pytest.mark.skipif(not CHROMIUM.exists(), reason="needs a browser: apt-get install chromium")
def test_a_browser_shows_it_whole_on_a_desk_and_on_a_telephone(written: tuple[AssignmentPaths, str]) -> None:
    sync = pytest.importorskip("playwright.sync_api", reason="needs Playwright: pip install playwright")
    with sync.sync_playwright() as play:
        browser = play.chromium.launch(executable_path=str(CHROMIUM), args=CHROMIUM_OPTIONS)
        complaints: list[str] = []
        for width in (1200, 390):
            tab = browser.new_page(viewport={"width": width, "height": 900})
            tab.on("console", lambda message: complaints.append(message.text))
            tab.on("request", lambda request: complaints.append(request.url) if "file:" not in request.url else None)
            tab.goto(written[0].report.as_uri())
            assert tab.title() == "toy: class report"
            assert tab.evaluate("document.documentElement.scrollWidth") <= width
            assert tab.locator("figure svg").count() == 3
            boxes = tab.locator("figure svg").evaluate_all("all => all.map(e => e.getBoundingClientRect().width)")
            assert min(boxes) > 250
            tab.get_by_role("link", name="Mistakes").click()
            tab.locator("#mistakes summary").first.click()
            assert tab.locator("#mistakes details p").first.is_visible()
            tab.screenshot(path=str(written[0].autograded / f"report-{width}.png"), full_page=True)
        browser.close()
    assert complaints == []


def test_nothing_graded_and_a_class_that_waits_are_pages_too(toy: AssignmentPaths) -> None:
    said = CliRunner().invoke(main, ["--course", str(toy.course.root), "report", "toy"])
    assert said.exit_code == 1
    assert "nothing has been graded yet" in said.output
    add(toy, "ada", 1, status="not_graded", reason="The machine failed", wall_s=0.0)
    assignment = read_assignment(toy.course, "toy")
    assert "Nothing is graded yet." in page(assignment, summarize(assignment, [], toy))
    assert "The machine failed" in page_of(toy)
