"""What students get holds nothing hidden, is the same each time, and a slip in the source changes nothing."""

import ast
import base64
import fnmatch
import hashlib
import itertools
import json
import os
import re
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Callable
from pathlib import Path

import nbformat
import pytest
from nbconvert import HTMLExporter
from traitlets.config import Config

from gradeprop.core.errors import CourseError
from gradeprop.core.paths import STUDENT_CODE, AssignmentPaths
from gradeprop.course import environment
from gradeprop.course.config import load_module, read_assignment, read_course
from gradeprop.course.release import build_release, check_release, release
from gradeprop.course.solutions import without_markers
from tests.conftest import REPOSITORY
from tests.course.test_notebook import cell, write_notebook

AUTOMATIC = {"grade": True, "locked": True}
WRITTEN = {"grade": True, "solution": True}
CELLS = (
    cell("# Doubling\nfour times two → eight", "markdown"),
    cell("### BEGIN SOLUTION\nsecret_of_the_notebook = 8\n### END SOLUTION\nprint(8)", grade_id="try", solution=True),
    cell(
        "check('double')\n### BEGIN HIDDEN TESTS\nassert hidden_test\n### END HIDDEN TESTS",
        grade_id="double",
        points=6,
        **AUTOMATIC,
    ),
    cell("check('held')", grade_id="held", points=4, **AUTOMATIC),
    cell("model answer of the instructor", "markdown", grade_id="written", points=5, **WRITTEN),
)


@pytest.fixture
def course(toy: AssignmentPaths) -> AssignmentPaths:
    """The toy course with a notebook, public checks, helpers, and things to be kept back."""
    write_notebook(toy.notebook, *CELLS)
    toy.public_checks.write_text("def test_double():\n    pass\n")
    toy.course.given.mkdir(exist_ok=True)
    for name in ("plots.py", "other.py"):
        (toy.course.given / name).write_text(f"# {name}\n")
    toy.toml.write_text(re.sub(r"given = .*", 'given = ["plots.py"]', toy.toml.read_text()))
    for name in ("reference.py", "instructor.md"):
        (toy.source / name).write_text("hidden")
    toy.course.front.mkdir()
    (toy.course.front / "README.md").write_text("{{ assignment.title }}: {{ assignment.possible }} points\n")
    return toy


def make(course: AssignmentPaths) -> Path:
    return release(read_assignment(course.course, "toy"), course.course)


def contents(folder: Path) -> dict[str, bytes]:
    return {str(file.relative_to(folder)): file.read_bytes() for file in sorted(folder.rglob("*")) if file.is_file()}


def test_a_release_holds_what_is_listed_and_nothing_else(course: AssignmentPaths) -> None:
    names = {"README.md", "toy.ipynb", "student_code.py", "public_checks.py", "given/plots.py"}
    assert set(contents(make(course))) == names
    assert course.course.stub.read_bytes() == (course.release / "student_code.py").read_bytes()


@pytest.mark.parametrize("statement", ["from .other import x", "from given.other import (\n    x,\n)"])
def test_a_given_file_needs_those_that_it_imports(course: AssignmentPaths, statement: str) -> None:
    (course.course.given / "plots.py").write_text(statement)
    with pytest.raises(CourseError, match=r"given lists plots.py, but not other.py, which it imports"):
        make(course)


def test_nothing_hidden_is_in_a_release(course: AssignmentPaths) -> None:
    everything = b"".join(contents(make(course)).values())
    for hidden in (b"secret_of_the_notebook", b"hidden_test", b"model answer", b"return 2 * x", b"SOLUTION", b"HIDDEN"):
        assert hidden not in everything
    assert b"YOUR ANSWER HERE" in everything
    assert b"# YOUR CODE HERE" in everything


def test_a_linked_diagram_is_in_the_notebook_itself(course: AssignmentPaths) -> None:
    """Also if the notebook is opened without its folder; the text for those who cannot see it stays."""
    svg = '<svg xmlns="http://www.w3.org/2000/svg"/>'
    (course.course.source / "diagrams").mkdir()
    (course.course.source / "diagrams" / "a-b.svg").write_text(svg)
    code = "print('![code](../diagrams/a-b.svg)')"
    shown = cell('Look:\n![1 < 2, "quoted"](../diagrams/a-b.svg)\nand `x`', "markdown")
    write_notebook(course.notebook, *CELLS, shown, cell(code))
    notebook = nbformat.read(make(course) / "toy.ipynb", 4)
    data = base64.b64encode(svg.encode()).decode()
    image = f'<img alt="1 &lt; 2, &quot;quoted&quot;" src="data:image/svg+xml;base64,{data}">'
    assert [cell.source for cell in notebook.cells[-2:]] == [f"Look:\n{image}\nand `x`", code]
    assert f'src="data:image/svg+xml;base64,{data}"' in HTMLExporter().from_notebook_node(notebook)[0]


def test_twice_gives_identical_bytes_whatever_was_run_meanwhile(course: AssignmentPaths) -> None:
    first = contents(make(course))
    ran = json.loads(course.notebook.read_text())
    ran["cells"][1] |= {"execution_count": 3, "outputs": [{"output_type": "stream", "name": "stdout", "text": "8"}]}
    ran["metadata"] = {"language_info": {"name": "python", "version": "3.99"}}
    course.notebook.write_text(json.dumps(ran))
    (course.release / "__pycache__").mkdir()
    assert contents(make(course)) == first


def test_the_notebook_is_one_that_nbgrader_takes(course: AssignmentPaths) -> None:
    notebook = nbformat.read(make(course) / "toy.ipynb", 4)
    nbformat.validate(notebook)
    meta = {c.metadata.nbgrader.grade_id: c.metadata for c in notebook.cells if "nbgrader" in c.metadata}
    assert {name: m.nbgrader.get("points") for name, m in meta.items()} == {
        "try": None,
        "double": 6,
        "held": 4,
        "written": 5,
    }
    assert all(m.deletable is False and m.nbgrader.checksum for m in meta.values())
    assert meta["double"].editable is False


def test_a_release_equal_to_its_source_passes_and_any_change_is_named(course: AssignmentPaths) -> None:
    assignment = read_assignment(course.course, "toy")
    make(course)
    check_release(assignment, course.course)
    kept = contents(course.course.root)
    for name in ("release/toy/toy.ipynb", "release/toy/given/plots.py", "student_code.py", "release/toy/new.txt"):
        with (course.course.root / name).open("ab") as file:
            file.write(b"#")
        with pytest.raises(CourseError, match=re.escape(f"{name}: differs from its source; run: gradeprop release")):
            check_release(assignment, course.course)
        (course.course.root / name).unlink()
        if name in kept:
            with pytest.raises(CourseError, match=re.escape(f"{name}: differs from")):
                check_release(assignment, course.course)
            (course.course.root / name).write_bytes(kept[name])


def edit(old: str, new: str) -> Callable[[AssignmentPaths], None]:
    def change(course: AssignmentPaths) -> None:
        text = course.notebook.read_text()
        assert old in text
        course.notebook.write_text(text.replace(old, new))

    return change


def edit_toml(old: str, new: str) -> Callable[[AssignmentPaths], None]:
    return lambda course: course.toml.write_text(course.toml.read_text().replace(old, new)) and None


def write(name: str, text: str) -> Callable[[AssignmentPaths], None]:
    return lambda course: (course.course.source / name).write_text(text) and None


SLIPS = {
    "notes of the name of a file that students receive": (write("toy/README.md", "x"), r"toy/README.md: is unknown"),
    "an unknown file": (write("toy/solutions.py", "x"), r"source/toy/solutions.py: is unknown; source/toy"),
    "a marker not closed": (edit("### END SOLUTION\\n", "\\n"), r"toy.ipynb:\d+: cell 2 \(try\): BEGIN SOLUTION is ne"),
    "hidden tests not closed": (edit("### END HIDDEN TESTS", ""), r"toy.ipynb:\d+: cell 3 \(double\): BEGIN HIDDEN TE"),
    "a solution nobody would strip": (
        edit('"grade_id": "try"', '"x": 1'),
        r"toy.ipynb: nbgrader: .*'x' was unexpected",
    ),
    "a solution in a plain cell": (
        lambda course: write_notebook(course.notebook, CELLS[1] | {"metadata": {}}, *CELLS[2:]) and None,
        r"toy.ipynb:\d+: cell 1: has a solution, but nbgrader does not mark it",
    ),
    "a grade cell without points": (
        edit('"points": 6', '"points": 0'),
        r"toy.ipynb:\d+: cell 3 \(double\) is graded, but",
    ),
    "points that are text": (
        edit('"points": 6', '"points": "6"'),
        r"toy.ipynb:\d+: cell 3 \(double\) is graded, but has",
    ),
    "points that differ": (edit('"points": 6', '"points": 7'), r"toy.ipynb:\d+: cell 3 \(double\) has 7 points, but 6"),
    "a cell without a question": (
        edit('"held"', '"heldd"'),
        r"toy.ipynb:\d+: cell 4 \(heldd\) has 4 points, but is not a",
    ),
    "a question without a cell": (
        lambda course: write_notebook(course.notebook, *CELLS[:3], CELLS[4]) and None,
        r"assignment.toml:13: the question 'held' has no cell in toy.ipynb",
    ),
    "two cells of a question": (
        lambda course: write_notebook(course.notebook, *CELLS, CELLS[3]) and None,
        r"toy.ipynb:\d+: cell 6 \(held\) has the same grade_id as cell 4",
    ),
    "by hand here and automatic there": (
        edit_toml("manual = true", ""),
        r"toy.ipynb:\d+: cell 5 \(written\) is graded by hand, but not according to assignment.toml",
    ),
    "metadata nbgrader refuses": (
        edit('"schema_version": 3', '"schema_version": 2'),
        r"toy.ipynb: nbgrader: .* use an old version of",
    ),
    "a notebook cut short": (
        lambda c: c.notebook.write_text(c.notebook.read_text()[:-9]) and None,
        r"toy.ipynb:\d+: is not JSON",
    ),
    "a diagram that is not there": (
        edit("model answer", "![x](../diagrams/none.svg)"),
        r"toy.ipynb: shows ../diagrams/none.svg, which cannot be read: No such file",
    ),
    "no notebook": (lambda course: course.notebook.unlink(), r"toy.ipynb: cannot be read"),
    "a solution not closed": (write("student_code.py", "### BEGIN SOLUTION x\n"), r"student_code.py:1: BEGIN SOLUTION"),
    "a stub that fails": (
        write("student_code.py", "import nonsense\n"),
        r"student_code.py: .*No module named 'nonsense'",
    ),
    "a solution in a helper": (
        write("given/plots.py", "\n### BEGIN SOLUTION x\n### END SOLUTION\n"),
        r"plots.py:2: students receive this file unchanged",
    ),
    "a helper that is not there": (edit_toml('"plots.py"', '"plotz.py"'), r"assignment.toml: given lists plotz.py"),
    "public checks that are not Python": (
        lambda c: c.public_checks.write_text("import pytest\n\ndeff test_double():\n    pass\n") and None,
        r"public_checks.py:3: is not Python: invalid syntax",
    ),
    "no public checks": (
        lambda course: course.public_checks.unlink(),
        r"public_checks.py: cannot be read: No such file or directory$",
    ),
}


@pytest.mark.parametrize("slip", SLIPS)
def test_a_slip_names_file_and_line_and_nothing_is_written(
    slip: str, course: AssignmentPaths, capfd: pytest.CaptureFixture[str]
) -> None:
    make(course)
    change, says = SLIPS[slip]
    change(course)
    before = contents(course.course.root)
    with pytest.raises(CourseError, match=says):
        make(course)
    assert contents(course.course.root) == before
    assert capfd.readouterr() == ("", "")


def test_a_first_release_that_fails_leaves_no_folder(course: AssignmentPaths) -> None:
    SLIPS["a stub that fails"][0](course)
    with pytest.raises(CourseError):
        make(course)
    assert not course.release.exists()
    assert not course.course.stub.exists()


def test_nbgrader_itself_leaks_no_solution_with_our_configuration(course: AssignmentPaths) -> None:
    config = (REPOSITORY.root / "nbgrader_config.py").read_text()
    (course.course.root / "nbgrader_config.py").write_text(config)
    (course.source / "reference.py").write_text("secret = 1\n")
    make(course)
    whole = contents(course.release)
    shutil.rmtree(course.release)
    generate_assignment(course, fails=False)
    assert contents(course.release) == whole
    assert (course.course.root / "gradebook.db").is_file()
    shutil.rmtree(course.release)
    (course.source / "my_answers.py").write_text("secret = 1\n")
    generate_assignment(course, fails=True)
    assert not course.release.exists()


def test_nbgraders_exchange_hands_out_every_file(real: tuple[AssignmentPaths, dict[str, bytes]]) -> None:
    """It leaves out what matches ``c.CourseDirectory.ignore``, in every folder."""
    settings = Config()
    config = (REPOSITORY.root / "nbgrader_config.py").read_text()
    exec(config, {"__file__": str(REPOSITORY.root / "nbgrader_config.py"), "get_config": lambda: settings})
    patterns = settings.CourseDirectory.ignore
    names = {part for file in [*real[1], "mnist_lenet_shared.py"] for part in Path(file).parts}
    assert "README.md" in names
    assert [name for name in names if any(fnmatch.fnmatch(name, pattern) for pattern in patterns)] == []


def generate_assignment(course: AssignmentPaths, fails: bool) -> None:
    command = [sys.executable, "-m", "nbgrader", "generate_assignment", "toy"]
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"  # nbgrader starts alembic by name
    environment = os.environ | {"PATH": path, "PYTHONPATH": str(REPOSITORY.root)}
    done = subprocess.run(command, cwd=course.course.root, capture_output=True, env=environment, check=False)
    assert bool(done.returncode) == fails, done.stderr


@pytest.fixture(scope="module", params=read_course(REPOSITORY).assignments)
def real(request: pytest.FixtureRequest) -> tuple[AssignmentPaths, dict[str, bytes]]:
    assignment = read_assignment(REPOSITORY, request.param)
    return REPOSITORY.assignment(request.param), build_release(assignment, REPOSITORY)


def test_the_release_in_the_repository_is_what_its_source_makes() -> None:
    for name in read_course(REPOSITORY).assignments:
        check_release(read_assignment(REPOSITORY, name), REPOSITORY)


def test_no_hidden_line_of_the_course_is_in_its_release(real: tuple[AssignmentPaths, dict[str, bytes]]) -> None:
    """Nor two of them, one after the other, in what is handed out as it is: a single one, anybody may write again."""
    paths, files = real
    hidden = hidden_lines(paths)
    for name, data in files.items():
        lines = [line.strip() for line in readable(data)]
        found = [line for line in lines if line in hidden]
        if name in (paths.notebook.name, "student_code.py"):
            assert not found, name
        else:
            pairs = [pair for pair in itertools.pairwise(filter(None, lines)) if hidden.issuperset(pair)]
            assert not pairs, name


def test_solutions_are_handed_out_on_request_alone_and_only_those_that_are_shared() -> None:
    """Every other file of the release is the same, byte by byte."""
    paths = REPOSITORY.assignment("mnist_pooling")
    assignment = read_assignment(REPOSITORY, paths.name)
    plain = build_release(assignment, REPOSITORY)
    files = build_release(assignment, REPOSITORY, ["mnist_lenet"])
    handed_out = files.pop("mnist_lenet_shared.py").decode()
    assert files == plain
    solution = without_markers(REPOSITORY.solution.read_text(), REPOSITORY.solution)
    kept = {line.strip() for line in handed_out.splitlines()} & hidden_lines(paths)
    functions = {node.name: node for node in ast.parse(solution).body if isinstance(node, ast.FunctionDef)}
    shared = read_assignment(REPOSITORY, "mnist_lenet").shared
    allowed = "\n".join(ast.get_source_segment(solution, functions[name]) or "" for name in shared)
    assert len(kept) >= 10
    assert [line for line in kept if line not in allowed] == []


def test_the_packer_is_told_what_is_handed_in_and_no_more(real: tuple[AssignmentPaths, dict[str, bytes]]) -> None:
    paths, files = real
    assignment = read_assignment(REPOSITORY, paths.name)
    assert json.loads(files["given/submission.json"]) == {
        "schema": 1,
        "assignment": paths.name,
        "files": assignment.submission,
        "submission_mib": assignment.limits.submission_mib,
        "max_files": assignment.limits.files,
        "stub_sha256": hashlib.sha256(files["student_code.py"]).hexdigest(),
    }


def test_students_are_told_what_runs_their_code(real: tuple[AssignmentPaths, dict[str, bytes]]) -> None:
    paths, files = real
    told = json.loads(files["given/grader.json"])
    assert told == {"schema": 1, **tomllib.loads(REPOSITORY.course_toml.read_text())["grader"]}
    assert list(environment.missing(read_assignment(REPOSITORY, paths.name).grader)) == []


def test_a_course_that_does_not_say_what_grades_tells_nothing(course: AssignmentPaths) -> None:
    assert "given/grader.json" not in contents(make(course))


def readable(data: bytes) -> list[str]:
    """The lines of a file, those of a notebook's cells as they read."""
    text = data.decode()
    if text.startswith("{") and '"cells"' in text:
        text = "\n".join("".join(c["source"]) for c in json.loads(text)["cells"])
    return text.splitlines()


def hidden_lines(paths: AssignmentPaths) -> set[str]:
    """Every line of a solution or a hidden check that says something and is not said in public too."""
    hidden, public = set[str](), set[str]()
    source = [paths.course.solution.read_text(), "\n".join(readable(paths.notebook.read_bytes()))]
    for text in source:
        regions = r"### BEGIN (SOLUTION|HIDDEN TESTS|MARK SCHEME)[^\n]*\n.*?### END"
        hidden |= {
            line.strip() for match in re.finditer(regions, text, re.DOTALL) for line in match[0].splitlines()[1:]
        }
        public |= {line.strip() for line in re.sub(regions, "", text, flags=re.DOTALL).splitlines()}
    for file in paths.tests.rglob("*.py"):
        hidden |= {line.strip() for line in file.read_text().splitlines()}
    for file in (paths.public_checks, *paths.course.given.glob("*.py")):
        public |= {line.strip() for line in file.read_text().splitlines() if line.startswith(("import ", "from "))}
    # a docstring is what students read in their feedback; shorter lines anybody would write
    return {line for line in hidden if len(line) > 30 and not line.startswith(("#", '"""'))} - public


def test_the_stub_is_the_solution_without_solutions_and_has_its_names() -> None:
    stub, solution = (
        {name for name in dir(load_module(folder / STUDENT_CODE, "loaded")) if not name.startswith("_")}
        for folder in (REPOSITORY.root, REPOSITORY.source)
    )
    assert stub == solution
    assert "LeNet5" in stub


def test_the_stub_is_clean() -> None:
    for command in (["check"], ["format", "--check"]):
        subprocess.run([sys.executable, "-m", "ruff", *command, "student_code.py"], cwd=REPOSITORY.root, check=True)
