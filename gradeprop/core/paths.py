"""All file and folder names of a course.

<root>/source/…                course material, written by instructors
<root>/grader_tests/…          hidden checks, which never leave the grader
<root>/release/<hw>/…          files for students
<root>/autograded/.exported/   last export for each platform
<root>/autograded/.arrivals/   when each submission arrived
<root>/autograded/<hw>/        grades.csv, report.html, report.json, unattributed.json, .pushed/ (what was sent to
                               platforms), .lock (held by the grader that runs), .grading-<pid>…/ (one submission in
                               progress), and for each student:
    <key>/submitted/…          safe copy of the submission
    <key>/run.json, observations.safetensors
    <key>/record.json, feedback.html
"""

import hashlib
import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from gradeprop.core.errors import CourseError

STUDENT_CODE = "student_code.py"
PUBLIC_CHECKS = "public_checks.py"
GIVEN = "given"
SHARED = "_shared"  # ends the name of a module with handed-out solutions
PACKER = "submit.py"
ASKED, GRADER = "submission.json", "grader.json"
GRADES = "grades.csv"
REPORT, REPORT_JSON, ANONYMOUS_REPORT = "report.html", "report.json", "report-anonymous.html"
UNATTRIBUTED = "unattributed.json"

_OURS = frozenset({GRADES, REPORT, REPORT_JSON, ANONYMOUS_REPORT, UNATTRIBUTED})
_ODD = "?[]$"  # an address of SQLite ends at ?, pytest takes [] for parameters, and nbgrader fills in $NAME
_MAX_KEY_BYTES = 120  # file systems allow 255; nbgrader and we append to it


def student_key(student: str) -> str:
    """Convert a student's name to a folder name; a safe name stays as it is.

    Separators, control characters, a leading dot and ``%`` are percent-encoded, and so are the names of our own files
    beside these folders. A name too long for a file system is cut, and a hash makes it unique. The result is never
    empty, so each student has a folder of their own.
    """
    key = "".join(quote(c, safe="") if c in '/\\%:*?"<>|' or not c.isprintable() else c for c in student)
    if key.startswith((".", "~", "-")) or key.casefold() in _OURS:
        key = f"%{ord(key[0]):02X}{key[1:]}"
    if len(key.encode()) > _MAX_KEY_BYTES:
        stem = key.encode()[: _MAX_KEY_BYTES - 13].decode(errors="ignore")
        key = f"{stem}~{hashlib.sha256(student.encode()).hexdigest()[:12]}"
    return key or "%"


@dataclass(frozen=True, slots=True)
class CoursePaths:
    """Paths in the folder of a course."""

    root: Path

    def owns(self, path: Path) -> bool:
        """Return True within a folder of what instructors write, or of what is made from it: no submission is there."""
        folders = (self.root / name for name in ("source", "grader_tests", "release", "autograded"))
        return any(path.resolve().is_relative_to(folder) for folder in folders)

    @classmethod
    def find(cls, start: Path) -> "CoursePaths":
        """Find the course that contains the folder ``start``.

        Raises:
            CourseError: neither ``start`` nor a folder above it contains source/course.toml, or its path is odd.
        """
        for folder in (start.resolve(), *start.resolve().parents):
            if (folder / "source" / "course.toml").is_file():
                refuse_odd_path(folder)
                return cls(folder)
        message = "neither this folder nor one above it contains source/course.toml; is this a course?"
        raise CourseError(message, start.resolve())

    @property
    def source(self) -> Path:
        return self.root / "source"

    @property
    def course_toml(self) -> Path:
        return self.source / "course.toml"

    @property
    def solution(self) -> Path:
        """The reference solution of the whole course, with its markers."""
        return self.source / STUDENT_CODE

    @property
    def stub(self) -> Path:
        """The stub of the whole course, generated from the solution."""
        return self.root / STUDENT_CODE

    @property
    def given(self) -> Path:
        return self.source / GIVEN

    @property
    def front(self) -> Path:
        """Templates of the files that every release begins with: README, syllabus, requirements."""
        return self.given / "front"

    @property
    def cache(self) -> Path:
        """Generated files that can be deleted, such as trained reference weights."""
        return self.root / ".cache"

    @property
    def downloads(self) -> Path:
        """The folder of the user that notebooks download data sets to, and keep what they computed from them in."""
        return self.root / (os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "gradeprop"

    def data_places(self, name: str) -> list[Path]:
        """List the folders that a data set may be in, the first choice first.

        ``$GRADEPROP_DATA/<name>``, ``data/<name>`` in the course, and ``<name>`` among the downloads. Relative paths
        start at the root of the course. ``source/given/data.py`` has the same rule, for students.
        """
        given = os.environ.get("GRADEPROP_DATA")
        return [*([self.root / given / name] if given else []), self.root / "data" / name, self.downloads / name]

    def data_folder(self, name: str, files: Iterable[str] = ()) -> Path:
        """Return the first place of a data set that holds one of ``files``, or exists if none is named; else the last.

        The last is where it would be downloaded to.
        """
        places, files = self.data_places(name), tuple(files)
        return next((place for place in places if holds_any(place, files)), places[-1])

    @property
    def gradebook(self) -> Path:
        return self.root / "gradebook.db"

    def exported(self, platform: str) -> Path:
        """Return the file that stores the last export for a platform."""
        return self.root / "autograded" / ".exported" / f"{platform}.json"

    @property
    def push_toml(self) -> Path:
        """The file that says where the course is on its platform."""
        return self.root / "push.toml"

    def assignment(self, name: str) -> "AssignmentPaths":
        return AssignmentPaths(self, name)


def refuse_odd_path(folder: Path) -> None:
    """Raise a CourseError for the path of a course that SQLite, pytest or nbgrader would read otherwise."""
    if odd := [char for char in _ODD if char in str(folder)]:
        raise CourseError(f"the path of a course must not contain {' '.join(odd)}; rename or move the folder", folder)


def holds_any(folder: Path, files: Iterable[str]) -> bool:
    """Return True if one of the files is in the folder, or if no file is named and the folder exists."""
    return any(os.path.exists(folder / file) for file in tuple(files) or ("",))  # noqa: PTH110  (unreadable: False)


def tree(folder: Path) -> Iterator[Path]:
    """Yield every file below a folder in order of name, without caches and hidden files."""
    for file in sorted(folder.rglob("*")):
        inner = file.relative_to(folder).parts
        if file.is_file() and file.suffix != ".pyc" and not any(part.startswith((".", "__pyc")) for part in inner):
            yield file


@dataclass(frozen=True, slots=True)
class AssignmentPaths:
    """Paths in the folders of one assignment."""

    course: CoursePaths
    name: str

    @property
    def source(self) -> Path:
        return self.course.source / self.name

    @property
    def toml(self) -> Path:
        return self.source / "assignment.toml"

    @property
    def notebook(self) -> Path:
        return self.source / f"{self.name}.ipynb"

    @property
    def public_checks(self) -> Path:
        return self.source / PUBLIC_CHECKS

    @property
    def tests(self) -> Path:
        """The hidden folder: probes, checks, known wrong and right answers."""
        return self.course.root / "grader_tests" / self.name

    @property
    def probes(self) -> Path:
        return self.tests / "probes.py"

    @property
    def held_out(self) -> Path:
        """The module that makes the held-out inputs, which enter the jail, and their labels, which do not."""
        return self.tests / "held_out.py"

    @property
    def wrong(self) -> Path:
        return self.tests / "wrong"

    @property
    def reference(self) -> Path:
        """Trained weights and histories of the reference, a folder per data set."""
        return self.tests / "reference"

    @property
    def right(self) -> Path:
        return self.tests / "right"

    @property
    def release(self) -> Path:
        return self.course.root / "release" / self.name

    @property
    def autograded(self) -> Path:
        return self.course.root / "autograded" / self.name

    @property
    def grades_csv(self) -> Path:
        return self.autograded / GRADES

    @property
    def report(self) -> Path:
        return self.autograded / REPORT

    @property
    def anonymous_report(self) -> Path:
        return self.autograded / ANONYMOUS_REPORT

    @property
    def report_json(self) -> Path:
        return self.autograded / REPORT_JSON

    @property
    def similar(self) -> Path:
        """The folder of pages with similar code side by side."""
        return self.autograded / ".similar"

    @property
    def unattributed(self) -> Path:
        """The list of files and folders that may be submissions, but cannot be assigned to a student."""
        return self.autograded / UNATTRIBUTED

    def pushed(self, what: str) -> Path:
        """Return the folder that remembers what was sent to a platform."""
        return self.autograded / ".pushed" / what

    def notebook_feedback(self, student: str) -> Path:
        """Return nbgrader's feedback page: the notebook of a student of the gradebook, with people's comments."""
        return self.course.root / "feedback" / student / self.name / f"{self.name}.html"

    def arrival(self, student: str) -> Path:
        """Return the file that stores when a student's submission arrived."""
        return self.course.root / "autograded" / ".arrivals" / self.name / student_key(student)

    def student(self, key: str) -> "StudentPaths":
        return StudentPaths(self.autograded / key)


@dataclass(frozen=True, slots=True)
class StudentPaths:
    """Paths in the folder of one graded submission."""

    folder: Path

    @property
    def submitted(self) -> Path:
        return self.folder / "submitted"

    @property
    def held(self) -> Path:
        """The safe copy of a newer submission that needs attention."""
        return self.folder / "held"

    @property
    def run(self) -> Path:
        return self.folder / "run.json"

    @property
    def observations(self) -> Path:
        return self.folder / "observations.safetensors"

    @property
    def record(self) -> Path:
        return self.folder / "record.json"

    @property
    def feedback(self) -> Path:
        return self.folder / "feedback.html"
