"""The front door of a release: filled in from the course, for every assignment, and right about what it says."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from gradeprop.core.errors import CourseError
from gradeprop.core.paths import AssignmentPaths
from gradeprop.course.config import read_assignment, read_course
from gradeprop.course.front import front_files, schedule
from gradeprop.course.scaffold import new_assignment
from tests.conftest import REPOSITORY

NAMES = read_course(REPOSITORY).assignments


def filled(toy: AssignmentPaths, template: str, name: str = "README.md") -> str:
    toy.course.front.mkdir(parents=True, exist_ok=True)
    (toy.course.front / name).write_text(template)
    return front_files(read_assignment(toy.course, "toy"), toy.course)[name].decode()


def test_a_course_without_templates_has_none(toy: AssignmentPaths) -> None:
    assert front_files(read_assignment(toy.course, "toy"), toy.course) == {}


def test_a_template_knows_the_course_and_the_assignment(toy: AssignmentPaths) -> None:
    new_assignment(toy.course, "sizes")
    table = "[syllabus]\nweeks = 2\nweight = 3\nobjectives = ['double']\n\n[submission]"
    toy.toml.write_text(toy.toml.read_text().replace("[submission]", table))
    template = (
        "{{ title }}: {{ entry.number }}. {{ assignment.title }}, "
        "{{ assignment.possible }}, {{ entries[1].tasks[0] }}\n"
        "{% for each in entries %}\n{{ each.weeks }} {{ each.assignment.name }} {{ each.percent }}\n{% endfor %}\n"
    )
    assert filled(toy, template) == "A toy course for the tests: 1. Doubling, 15.0, 2.1\n1–2 toy 75.0\n3 sizes 25.0\n"


@pytest.mark.parametrize(
    ("template", "says"),
    [
        ("one\n{{ nosuch }}\n", r"front/README.md:2: 'nosuch' is undefined"),
        ("one\n\n{{ assignment.nosuch }}\n", r"front/README.md:3: .* has no attribute 'nosuch'"),
        ("one\n{% if %}\n", r"front/README.md:2: Expected an expression"),
    ],
)
def test_a_mistake_in_a_template_is_named_with_its_line(toy: AssignmentPaths, template: str, says: str) -> None:
    with pytest.raises(CourseError, match=says):
        filled(toy, template)


@pytest.mark.parametrize(
    ("policy", "says"),
    [
        ("", "Late work costs no points."),
        (
            "percent-per-day = 10\nfree-days = 3",
            "No grace after the due date\n- After that: 10 % of the score for each",
        ),
        ("percent-per-day = 10\nfree-days = 3", "Free late days: 3 for the whole course"),
        (
            "days = 2\ngrace-hours = 1.5",
            "1.5 hours after the due date: no penalty\n- After 2 days: no points\n- No free",
        ),
    ],
)
def test_the_syllabus_tells_the_late_policy_of_the_course(toy: AssignmentPaths, policy: str, says: str) -> None:
    toy.course.course_toml.write_text(toy.course.course_toml.read_text() + f"\n[late]\n{policy}\n")
    assert says in filled(toy, (REPOSITORY.front / "SYLLABUS.md").read_text())


def test_a_new_assignment_fills_in_the_templates_of_the_course(toy: AssignmentPaths) -> None:
    shutil.copytree(REPOSITORY.front, toy.course.front)
    grader = '[grader]\npython = "3.11"\nmodules = { torch = "2.15" }\n'
    toy.course.course_toml.write_text(f"{toy.course.course_toml.read_text()}\n{grader}")
    new_assignment(toy.course, "sizes")
    files = front_files(read_assignment(toy.course, "sizes"), toy.course)
    readme = files["README.md"].decode()
    assert all(
        part in readme for part in ("This assignment needs no data.", "`Task 2.1`", "15 points", "`sizes.ipynb`")
    )
    assert "| 2 | 2. The size of what a convolution gives | 15 | 5 | 50 % |" in files["SYLLABUS.md"].decode()


@pytest.fixture(scope="module", params=NAMES)
def real(request: pytest.FixtureRequest) -> tuple[str, dict[str, str]]:
    files = front_files(read_assignment(REPOSITORY, request.param), REPOSITORY)
    return request.param, {name: data.decode() for name, data in files.items()}


def test_every_release_has_its_front_door(real: tuple[str, dict[str, str]]) -> None:
    name, files = real
    assignment = read_assignment(REPOSITORY, name)
    assert set(files) == {"README.md", "SYLLABUS.md", "GLOSSARY.md", "AGENTS.md", "requirements.txt"}
    readme = files["README.md"]
    assert all(file in readme for file in assignment.asked_files)
    assert f"{assignment.possible:g} points" in readme
    assert assignment.syllabus.data.splitlines()[0] in readme
    assert ("bring_forward" in readme) == (name != NAMES[0])
    assert all(word in files["AGENTS.md"] for word in ("given.check", "hints in steps", "Do not write"))


def test_no_text_names_an_address_of_packages(real: tuple[str, dict[str, str]]) -> None:
    assert [name for name, text in real[1].items() if re.search(r"index-url|pypi|whl|simple/", text)] == []


def test_the_syllabus_tells_points_weights_and_objectives(real: tuple[str, dict[str, str]]) -> None:
    syllabus = real[1]["SYLLABUS.md"]
    rows = re.findall(r"^\| ([\d–]+) \| \d\. .* \| (\d+) \| (\d+) \| ([\d.]+) % \|$", syllabus, re.MULTILINE)
    every = [read_assignment(REPOSITORY, each) for each in NAMES]
    assert [(int(points), int(by_hand)) for _, points, by_hand, _ in rows] == [
        (one.possible, sum(question.points for question in one.questions if question.manual)) for one in every
    ]
    assert sum(float(weight) for *_, weight in rows) == 100
    assert all(objective in syllabus for one in every for objective in one.syllabus.objectives)
    assert all(len(one.syllabus.objectives) >= 3 and one.syllabus.prerequisites for one in every)


def test_the_requirements_are_the_versions_that_the_lock_pins(real: tuple[str, dict[str, str]]) -> None:
    lock = (REPOSITORY.root / "requirements.lock").read_text()
    pinned = re.findall(r"^([\w-]+)==([\d.]+)\.\*$", real[1]["requirements.txt"], re.MULTILINE)
    assert len(pinned) == len(read_assignment(REPOSITORY, real[0]).grader.modules)
    assert [name for name, version in pinned if not re.search(rf"(?im)^{name}=={version}(\.|\+|$)", lock)] == []


def test_the_first_task_of_the_schedule_is_the_first_of_the_stub() -> None:
    assert [entry.tasks[0] for entry in schedule(REPOSITORY)] == ["1.1.1", "2.1.1", "3.1.1", "4.1.1", "5.1"]


def test_a_course_with_a_repository_opens_on_colab(toy: AssignmentPaths, tmp_path: Path) -> None:
    """The command that students paste unpacks the folder of the release into the current one."""
    toml = toy.course.course_toml
    toml.write_text('repository = "owner/course"\n' + toml.read_text())
    read_me = filled(toy, "{% if repository %}{{ repository }}{% endif %}")
    assert read_me == "owner/course"
    template = (REPOSITORY.front / "README.md").read_text()
    command = re.search(r"\| (tar xz .*)", template)
    assert command
    (tmp_path / "course-1a2b" / "release" / "toy").mkdir(parents=True)
    (tmp_path / "course-1a2b" / "release" / "toy" / "toy.ipynb").write_text("{}")
    archive = shutil.make_archive(str(tmp_path / "HEAD"), "gztar", tmp_path, "course-1a2b")
    (tmp_path / "colab").mkdir()
    script = f"{command[1].replace('{{ assignment.name }}', 'toy')} -f {archive}"
    subprocess.run(["bash", "-c", script], cwd=tmp_path / "colab", check=True)
    assert [file.name for file in (tmp_path / "colab").iterdir()] == ["toy.ipynb"]
