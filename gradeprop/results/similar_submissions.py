"""The code and weights of a class, compared with each other and with those of former years."""

import difflib
import itertools
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path

from gradeprop.core import storage
from gradeprop.core.errors import CourseError
from gradeprop.core.models import GradeRecord
from gradeprop.core.own_modules import own_modules
from gradeprop.core.paths import SHARED, STUDENT_CODE, AssignmentPaths, StudentPaths
from gradeprop.core.sanitize import for_terminal
from gradeprop.results import similarity

_MAX_LINES, _MAX_COLUMNS = 3_000, 500
"""of the code of one student that are shown"""
_PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<title>Similar code</title>
<style>
body {{ font: 13px/1.4 ui-monospace, monospace; }}
table {{ border-collapse: collapse; table-layout: fixed; width: 100%; }}
th, td {{ text-align: left; vertical-align: top; padding: 0 .4rem; white-space: pre-wrap; overflow-wrap: anywhere; }}
th {{ position: sticky; top: 0; background: #fff; }} tr > :nth-child(odd) {{ width: 3rem; color: #777; }}
.replace {{ background: #fff3c4; }} .delete, .insert {{ background: #e2ecf7; }}
</style>
</head>
<body>
<table><thead><tr>{names}</tr></thead><tbody>
{rows}
</tbody></table>
</body>
</html>
"""


@dataclass(frozen=True, slots=True)
class SubmittedCode:
    """The code and weights of one student, in our own copy."""

    student: str
    folder: Path
    files: tuple[str, ...]

    def texts(self) -> list[str]:
        """Return the text of student_code.py and of each own module that it imports."""
        existing = [name for name in self.files if (self.folder / name).is_file()]
        return [_text(self.folder / name) for name in (STUDENT_CODE, *sorted(own_modules(self.folder, existing)))]

    def weights(self) -> list[Path]:
        """Return the files of weights."""
        files = [self.folder / name for name in self.files if name.endswith(".safetensors")]
        return [file for file in files if file.is_file()]


def submitted_code(records: Iterable[GradeRecord], autograded: Path) -> list[SubmittedCode]:
    """Return the code and weights of the students of these records."""
    return [
        SubmittedCode(record.student, StudentPaths(autograded / record.key).submitted, record.files)
        for record in records
    ]


def earlier_code(autograded: Path) -> list[SubmittedCode]:
    """Return what a former class submitted; its students are called "earlier: …".

    Args:
        autograded: the folder autograded/<hw> of that course.

    Raises:
        CourseError: there are no records, or one cannot be read.
    """
    records = [storage.read(GradeRecord, file) for file in sorted(autograded.glob("*/record.json"))]
    if not records:
        raise CourseError(
            "has no graded submissions; name the folder autograded/ASSIGNMENT of a former year", autograded
        )
    return [
        SubmittedCode(f"earlier: {each.student}", each.folder, each.files)
        for each in submitted_code(records, autograded)
    ]


def stub_code(paths: AssignmentPaths) -> str:
    """Return the code that everybody was given: the stub, and solutions that were handed out after a deadline."""
    given = [paths.course.stub, paths.release / STUDENT_CODE, *sorted(paths.release.glob(f"*{SHARED}.py"))]
    return "\n".join(map(_text, given))


def find_similar(
    present: Sequence[SubmittedCode], earlier: Sequence[SubmittedCode], stub: str
) -> tuple[list[similarity.IdenticalGroup], list[similarity.SimilarGroup]]:
    """Return the groups of students with identical files or code, and with similar code, the largest or closest first.

    Groups of former students alone are left out.
    """
    every = [*present, *earlier]
    names = {each.student for each in present}
    code = {each.student: similarity.tokenize_files(each.texts(), stub) for each in every}
    files = similarity.identical_files({each.student: each.weights() for each in every})
    identical = similarity.merge([*files, *similarity.identical_code(code)])
    pairs = [pair for pair in similarity.similar_code(code) if names & {pair.first, pair.second}]
    return [group for group in identical if names & set(group.students)], similarity.group(pairs)


def side_by_side(one: SubmittedCode, other: SubmittedCode) -> str:
    """Return a page with the code of two students side by side; every text of theirs is escaped.

    Whole lines are compared: ``difflib.HtmlDiff`` takes hours for a thousand lines that differ a little.
    """
    first, second = (_lines("\n".join(each.texts())) for each in (one, other))
    rows = list[str]()
    for kind, a, a_end, b, b_end in difflib.SequenceMatcher(None, first, second).get_opcodes():
        pairs = itertools.zip_longest(range(a, a_end), range(b, b_end))
        rows += [f"<tr class={kind}>{_cells(first, i)}{_cells(second, j)}</tr>" for i, j in pairs]
    names = "".join(f"<th></th><th>{escape(each.student)}</th>" for each in (one, other))
    return _PAGE.format(names=names, rows="\n".join(rows))


def _lines(text: str) -> list[str]:
    """Cut a text into its lines, as many and as long as a person would read; what cannot be seen is marked."""
    lines = [for_terminal(line[:_MAX_COLUMNS].expandtabs(4)) for line in text.splitlines()]
    return [*lines[:_MAX_LINES], *([f"({len(lines) - _MAX_LINES} more lines)"] if len(lines) > _MAX_LINES else [])]


def _cells(lines: Sequence[str], number: int | None) -> str:
    if number is None:
        return "<td></td><td></td>"
    return f"<td>{number + 1}</td><td>{escape(lines[number])}</td>"


def _text(file: Path) -> str:
    return file.read_text(errors="replace") if file.is_file() else ""
