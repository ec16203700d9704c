"""Front door of a release: README, syllabus and what else source/given/front holds, each a jinja2 template."""

import itertools
import re
import traceback
from dataclasses import dataclass

import msgspec
from jinja2 import Environment, FileSystemLoader, StrictUndefined, TemplateError

from gradeprop.core.assignment import Assignment, LatePolicy
from gradeprop.core.errors import CourseError
from gradeprop.core.paths import CoursePaths, tree
from gradeprop.course.config import read_assignment, read_course
from gradeprop.course.known_answers import section

_TASK = re.compile(r"BEGIN SOLUTION Task ([\d.]*\d)")


@dataclass(frozen=True, slots=True)
class Entry:
    """One assignment in the schedule of the course."""

    number: int
    assignment: Assignment
    weeks: str
    """such as 3–4"""
    percent: float
    """share of the grade of the course"""
    tasks: tuple[str, ...]
    """ids of its stubs, such as 1.2.1"""


def front_files(assignment: Assignment, course: CoursePaths) -> dict[str, bytes]:
    """Fill in every template of source/given/front for one assignment: name → content; {} without that folder.

    Raises:
        CourseError: a template has a mistake, or names a value that does not exist.
    """
    if not course.front.is_dir():
        return {}
    environment = Environment(
        loader=FileSystemLoader(course.front),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    config, entries = read_course(course), schedule(course)
    values = {
        "title": config.title,
        "about": config.about,
        "readings": config.readings,
        "repository": config.repository,
        "late": msgspec.convert(config.late, LatePolicy),
        "grader": config.grader,
        "entries": entries,
        "entry": next(entry for entry in entries if entry.assignment.name == assignment.name),
        "assignment": assignment,
    }
    files = {}
    for file in tree(course.front):
        name = file.relative_to(course.front).as_posix()
        try:
            files[name] = environment.get_template(name).render(values).encode()
        except (TemplateError, UnicodeDecodeError) as error:
            frames = traceback.extract_tb(error.__traceback__)
            line = next((frame.lineno for frame in reversed(frames) if frame.filename == str(file)), None)
            raise CourseError(str(error), file, getattr(error, "lineno", line)) from error
    return files


def schedule(course: CoursePaths) -> list[Entry]:
    """Return the assignments of a course in their order, with weeks, share of the grade and tasks."""
    every = [read_assignment(course, name) for name in read_course(course).assignments]
    ends = list(itertools.accumulate(one.syllabus.weeks for one in every))
    whole = sum(one.syllabus.weight for one in every) or 1.0
    solution = course.solution.read_text(encoding="utf-8")
    return [
        Entry(
            number=number,
            assignment=one,
            weeks=f"{end - one.syllabus.weeks + 1}–{end}" if one.syllabus.weeks > 1 else f"{end}",
            percent=100 * one.syllabus.weight / whole,
            tasks=tuple(_TASK.findall(section(solution, one.name)[1])),
        )
        for number, (one, end) in enumerate(zip(every, ends, strict=True), 1)
    ]
