"""Configuration of a course: course.toml and assignment.toml, read into records."""

import importlib.util
import tomllib
import zoneinfo
from pathlib import Path
from types import ModuleType
from typing import Annotated, Any, TypeVar

import msgspec

from gradeprop.core.assignment import Assignment, GraderEnvironment, LatePolicy, Limits
from gradeprop.core.errors import CourseError
from gradeprop.core.models import Record
from gradeprop.core.paths import CoursePaths, holds_any

T = TypeVar("T")


class CourseConfig(Record, frozen=True, kw_only=True):
    """The content of source/course.toml."""

    title: str
    """title of the course, in the syllabus"""
    assignments: tuple[str, ...]
    """folders of the assignments below source/, in the order of the course"""
    about: str = ""
    """what the course is for, in the syllabus; Markdown"""
    readings: tuple[str, ...] = ()
    """of the whole course, in the syllabus; Markdown"""
    repository: Annotated[str, msgspec.Meta(pattern=r"^([\w.-]+/[\w.-]+)?$")] = ""
    """owner/name on GitHub where students find ``release/``, for links that open it on Colab"""
    limits: dict[str, Any] = {}  # noqa: RUF012  (msgspec copies defaults)
    """limits of every assignment"""
    late: dict[str, Any] = {}  # noqa: RUF012
    """late policy of every assignment"""
    grader: GraderEnvironment = GraderEnvironment()
    """what runs the submissions of every assignment"""


def read_course(course: CoursePaths) -> CourseConfig:
    """Read source/course.toml.

    Raises:
        CourseError: the file is missing, is not TOML, or lists an assignment that has no folder.
    """
    config = _convert(_toml(course.course_toml), CourseConfig, course.course_toml)
    for part, values, kind in (("limits", config.limits, Limits), ("late", config.late, LatePolicy)):
        _convert(values, kind, course.course_toml, part)  # here, so that a mistake names the file that has it
    for name in config.assignments:
        if config.assignments.count(name) > 1:
            raise CourseError(f"lists the assignment {name!r} twice", course.course_toml)
        if not course.assignment(name).toml.is_file():
            message = f"lists the assignment {name!r}, but source/{name}/assignment.toml does not exist"
            raise CourseError(message, course.course_toml)
    return config


def read_assignment(course: CoursePaths, name: str) -> Assignment:
    """Read source/<name>/assignment.toml; limits, late policy and grader that it does not set are those of course.toml.

    Raises:
        CourseError: a file is missing, is not TOML, or has an invalid value.
    """
    config = read_course(course)
    where = course.assignment(name).toml
    if name not in config.assignments:
        known = ", ".join(config.assignments) or "none yet; gradeprop new NAME creates one"
        message = f"there is no assignment {name!r} in this course; it has: {known}"
        if where.is_file() and where.parent.parent == course.source:
            message = f"source/{name} is there, but assignments does not list it; it lists: {known}"
        raise CourseError(message, course.course_toml)
    table = _toml(where)
    table["limits"] = config.limits | table.get("limits", {})
    table["late"] = config.late | table.get("late", {})
    table["grader"] = msgspec.to_builtins(config.grader) | table.get("grader", {})
    return _validated(_convert(table | {"name": name, "root": str(course.root)}, Assignment, where), where)


def resolve_dataset(assignment: Assignment, asked: str) -> str:
    """Return the name of the held-out data set: ``asked``, or for "auto" the first that is on this machine.

    The sample always is; an assignment without held-out data has "".

    Raises:
        CourseError: the assignment has no such data set.
    """
    known = assignment.held_out
    if asked == "auto":
        return next((name for name in known if name == "sample" or holds_any(*_folder_and_files(assignment, name))), "")
    if asked not in known:
        message = f"no bars for the data set {asked!r}, only for: {', '.join(known) or 'none'}"
        raise CourseError(message, assignment.name)
    return asked


def require_dataset(assignment: Assignment, asked: str) -> str:
    """Return the name of the held-out data set that a grade is measured on.

    Raises:
        CourseError: the assignment has no such data set; or it requires one that is not on this machine, and ``asked``
            is "auto".
    """
    required = {name: about for name, about in assignment.held_out.items() if about.required}
    if asked != "auto" or not required:
        return resolve_dataset(assignment, asked)
    for name, about in required.items():
        if holds_any(data_folder(assignment, name), about.files):
            return name
    name = next(iter(required))
    other = next((name for name in assignment.held_out if name not in required), "sample")
    raise CourseError(
        f"is graded on {' or '.join(required)}, which is not on this machine: run gradeprop data {name}. "
        f"To grade on {other}, whose bars are its own and say nothing about {name}, give --data {other} "
        f"(for nbgrader: set GRADEPROP_DATASET={other})",
        assignment.name,
    )


def data_folder(assignment: Assignment, dataset: str) -> Path:
    """Return the folder of a data set, which may not exist yet."""
    return _folder_and_files(assignment, dataset)[0]


def label_folders(assignment: Assignment) -> list[Path]:
    """List the folders that hold answers, for the jail to hide: every place of its data sets, downloads, the sample.

    The sample of the digits comes with scikit-learn, among the libraries that the jail shows.
    """
    course = CoursePaths(Path(assignment.root))
    found = importlib.util.find_spec("sklearn")
    libraries = (found.submodule_search_locations or ()) if found else ()
    places = [place for name in assignment.held_out for place in course.data_places(name)]
    return [*(Path(place) / "datasets" / "data" for place in libraries), *places, course.downloads]


def _folder_and_files(assignment: Assignment, dataset: str) -> tuple[Path, tuple[str, ...]]:
    files = assignment.held_out[dataset].files if dataset in assignment.held_out else ()
    return CoursePaths(Path(assignment.root)).data_folder(dataset, files), files


def load_module(file: Path, name: str) -> ModuleType:
    """Import one file of the course under a module name that we choose."""
    spec = importlib.util.spec_from_file_location(name, file)
    assert spec is not None, file
    assert spec.loader is not None, file
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def _toml(file: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(file.read_text(encoding="utf-8-sig"))
    except FileNotFoundError:
        raise CourseError("the file does not exist", file) from None
    except UnicodeDecodeError as error:
        raise CourseError("is not UTF-8 text; save it as UTF-8", file) from error
    except tomllib.TOMLDecodeError as error:
        raise CourseError(f"is not TOML: {error}", file) from error


def _convert(table: dict[str, Any], kind: type[T], where: Path, part: str = "") -> T:
    """Convert a table, or the ``part`` of a file that it is."""
    try:
        return msgspec.convert(table, kind)
    except msgspec.ValidationError as error:
        message = str(error).replace("Object contains unknown field", "there is no setting")
        message = message.replace("Object missing required field", "lacks the setting")
        if part:
            message = message.replace("`$.", f"`$.{part}.") if "`$." in message else f"{message} - at `$.{part}`"
        raise CourseError(message, where) from error


def _validated(assignment: Assignment, where: Path) -> Assignment:
    names = [question.name for question in assignment.questions]
    for name in names:
        if names.count(name) > 1:
            raise CourseError(f"the question {name!r} occurs twice", where)
    for question in assignment.questions:
        if question.points <= 0:
            raise CourseError(f"the question {question.name!r} has {question.points:g} points, but needs some", where)
        if question.rubric and not question.manual:
            raise CourseError(f"the question {question.name!r} has a rubric, but is not manual", where)
        if wrong := [level.points for level in question.rubric if not 0 <= level.points <= question.points]:
            message = f"the rubric of {question.name!r} has a level of {wrong[0]:g} points, of 0 to {question.points:g}"
            raise CourseError(message, where)
    if (zone := assignment.late.timezone) and zone not in zoneinfo.available_timezones():
        raise CourseError(f"late: there is no time zone {zone!r}; an example is Europe/Berlin", where)
    for dataset, held in assignment.held_out.items():
        for weights, (low, full) in held.bars.items():
            if not 0 <= low <= full <= 100:
                raise CourseError(f"held-out.{dataset}: the bars of {weights} are not 0 ≤ pass ≤ full ≤ 100", where)
        for run, (low, high) in held.bands.items():
            if not 0 <= low <= high <= 100:
                raise CourseError(f"held-out.{dataset}: the band of {run} is not 0 ≤ lowest ≤ highest ≤ 100", where)
    return assignment
