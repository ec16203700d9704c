"""State of what grading needs, besides the jail: Python and packages, data sets, gradebook, exchange."""

import importlib.metadata
import os
import platform
import sys
from collections.abc import Iterator
from pathlib import Path

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name

from gradeprop import __version__
from gradeprop.cli.reports import Finding
from gradeprop.core.errors import GradepropError
from gradeprop.core.paths import CoursePaths
from gradeprop.course import environment
from gradeprop.course.config import read_assignment, read_course

_MAIN_PACKAGES = ("torch", "nbgrader", "numpy")


def versions() -> Iterator[Finding]:
    """Yield the versions of this installation, and each package that is missing or of a version it does not take."""
    installed = {canonicalize_name(each.name): each.version for each in importlib.metadata.distributions() if each.name}
    shown = [f"{name} {version}" for name, version in installed.items() if name in _MAIN_PACKAGES]
    python = f"gradeprop {__version__}, Python {platform.python_version()}, {sys.platform}"
    yield Finding("versions", "ok", ", ".join([python, *shown]))
    for asked in _requirements():
        here = installed.get(canonicalize_name(asked.name))
        if here is None or not asked.specifier.contains(here, prereleases=True):
            found = f"{asked.name} is {here or 'not installed'}, and gradeprop needs {asked.specifier or 'it'}"
            yield Finding("versions", "problem", found, "pip install --upgrade 'gradeprop[grader]'")


def _requirements() -> Iterator[Requirement]:
    """Yield what the installed package and its extra grader ask for on this system; nothing in a plain source tree."""
    try:
        texts = importlib.metadata.requires("gradeprop") or []
    except importlib.metadata.PackageNotFoundError:
        return
    for text in texts:
        try:
            asked = Requirement(text)
        except InvalidRequirement:  # of a newer format than this packaging knows
            continue
        if asked.name != "gradeprop" and (not asked.marker or asked.marker.evaluate({"extra": "grader"})):
            yield asked


def course_findings(course: CoursePaths) -> Iterator[Finding]:
    """Yield what holds of a course on this machine."""
    looks = {"promises": _promises, "data sets": _datasets, "gradebook": _gradebook, "exchange": _exchange}
    for area, look in looks.items():
        try:
            yield from look(course)
        except GradepropError as error:
            yield Finding(area, "problem", str(error), "correct what the sentence names")


def _promises(course: CoursePaths) -> Iterator[Finding]:
    graders = [read_assignment(course, name).grader for name in read_course(course).assignments]
    told = "[grader] in source/course.toml tells students"
    for what in dict.fromkeys(each for grader in graders for each in environment.missing(grader)):
        found = f"{told} of {what}, which this machine lacks; it will not grade"
        yield Finding("promises", "problem", found, "install it, or correct [grader] and run gradeprop release")
    for clause in dict.fromkeys(each for grader in graders for each in environment.differences(grader)):
        yield Finding("promises", "note", f"{clause} ([grader] in source/course.toml)")


def _datasets(course: CoursePaths) -> Iterator[Finding]:
    from gradeprop.course.datasets import list_datasets

    for one in list_datasets(course):
        if one.folder is not None:
            yield Finding("data sets", "ok", f"{one.name} is in {one.folder}")
        else:
            needed = f"; grades of {', '.join(one.required_by)} require it" if one.required_by else ""
            yield Finding(
                "data sets", "note", f"{one.name} is not on this machine{needed}", f"gradeprop data {one.name}"
            )


def _gradebook(course: CoursePaths) -> Iterator[Finding]:
    from gradeprop.results import gradebook_db

    address = gradebook_db.url(course)
    shown = gradebook_db.hide_password(address)
    if not gradebook_db.exists(address):
        yield Finding("gradebook", "ok", f"{shown} does not exist yet; gradeprop grade creates it")
    else:
        yield Finding("gradebook", "ok", f"{shown} has {gradebook_db.count_students(address)} students")


def _exchange(course: CoursePaths) -> Iterator[Finding]:
    """Look at the folder of ``nbgrader collect``, as nbgrader_config.py of the course sets it."""
    from gradeprop.results import gradebook_db

    root, course_id = gradebook_db.exchange(course)
    if not root:
        yield Finding("exchange", "ok", "not set up in nbgrader_config.py: nbgrader collect is not used")
        return
    if not course_id:
        yield Finding("exchange", "problem", "c.CourseDirectory.course_id is not set", "set it in nbgrader_config.py")
    if not Path(root).is_dir():
        yield Finding("exchange", "problem", f"{root} does not exist", f"as root: install -d -m 1777 {root}")
    elif not os.access(root, os.R_OK | os.W_OK | os.X_OK):
        yield Finding("exchange", "problem", f"{root} cannot be written by this account", f"as root: chmod 1777 {root}")
    elif course_id:
        inbound = Path(root, course_id, "inbound")
        count = len(list(inbound.iterdir())) if inbound.is_dir() else 0
        yield Finding("exchange", "ok", f"{inbound} holds {count} submissions")
