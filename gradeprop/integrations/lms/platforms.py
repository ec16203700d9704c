"""Gradebook file formats of the supported learning platforms: one record each.

Sources: for Canvas and Moodle their importers (lib/gradebook_importer.rb; grade/import/csv and, for the worksheet,
mod/assign/feedback/offline), for Blackboard and Brightspace their manuals.
"""

import csv
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

Rows = Sequence[Sequence[str]]


def as_they_are(header: Sequence[str], rows: Rows) -> Mapping[int, str]:
    """Recognise no column: the titles in the file are those of the record."""
    return {}


@dataclass(frozen=True, slots=True, kw_only=True)
class Platform:
    """The format of one file that a platform exports and imports."""

    name: str
    title: str
    name_columns: tuple[str, ...] = ()
    """the columns with people's names, which identify nobody"""
    id_columns: tuple[str, ...]
    """the columns that identify a student; without a roster, the first one is filled in"""
    id_prefix: str = ""
    """a pattern of what the platform writes before an id"""
    other_columns: tuple[str, ...] = ()
    """more columns that belong to the student and not to a grade"""
    required_columns: tuple[str, ...] = ()
    """the platform rejects a file without these"""
    default_columns: tuple[str, ...] = ()
    """the columns to write without a roster; none if the platform takes back its own file only"""
    grade_column: re.Pattern[str] = re.compile(r"(?P<title>.*)")
    """a column of grades: the group ``title``, and ``points`` if the header has them"""
    new_column: str = "{title}"
    """the header of a column that the roster does not have"""
    only_column: str = ""
    """the title of the only column of grades, whatever the assignment is called"""
    last_column: tuple[str, str] | None = None
    """header and cells of a column that the platform requires at the end"""
    points_column: str = ""
    """the column with the maximum points of the only column of grades"""
    points_row: str = ""
    """the first cell of a row with the maximum points; empty if there is none"""
    points_advice: str = "change it there, or use --out-of {theirs}"
    """what to do if the platform has other maximum points"""
    max_points: float | None = None
    """the platform rejects a file with more points than these, unless its settings allow it"""
    kept_cells: frozenset[str] = frozenset()
    """cells that stand for a decision made on the platform; a grade does not replace them"""
    keeps_all: bool = False
    """True if all rows and columns come back, not only those of students with a grade"""
    keeps_form: bool = False
    """True if the file comes back with the roster's own delimiter and encoding"""
    recognise: Callable[[Sequence[str], Rows], Mapping[int, str]] = as_they_are
    """finds columns by their content if the platform writes their titles in other languages: index → our title"""
    also: "tuple[Platform, ...]" = ()
    """other files of the platform that may serve as a roster, and come back"""
    file: str = ""
    """the file to write, if it is not called as the platform"""
    suffix: str = ".csv"
    delimiter: str = ","
    encoding: str = "utf-8"
    quoting: Literal[0, 1] = csv.QUOTE_MINIMAL
    no_grade: str = ""
    """the content of a cell without a grade"""
    excused: str = ""
    """the content of a cell of a student who need not submit; empty if the platform has no word for it"""

    @property
    def student_columns(self) -> frozenset[str]:
        """All columns that describe the student."""
        return frozenset((*self.name_columns, *self.id_columns, *self.other_columns))


_NUMBER, _NUMBERED = re.compile(r"\d+(?:[.,]\d+)?"), re.compile(r"\D*\d+")


def _all_match(pattern: str | re.Pattern[str], cells: Sequence[str]) -> bool:
    return bool(cells) and all(re.fullmatch(pattern, cell) for cell in cells)


def _mail_column(header: Sequence[str], rows: Rows) -> dict[int, str]:
    """Recognise the column with e-mail addresses, whose title is in the language of the platform."""
    columns = enumerate(zip(*rows, strict=True))
    found = {index: "Email address" for index, cells in columns if _all_match(r"[^@\s]+@[^@\s]+", cells)}
    return found if "Email address" not in header and len(found) == 1 else {}


def _worksheet_columns(header: Sequence[str], rows: Rows) -> dict[int, str]:
    """Recognise a grading worksheet in any language by its cells.

    The first column numbers the participants; the grade stands before a column with the same maximum in every row,
    after which a word says if it can be changed.
    """
    if "Identifier" in header:
        return {index: "Maximum grade" for index, title in enumerate(header) if title == "Maximum Grade"}  # before 4.0
    columns = list(zip(*rows, strict=True))
    if not columns or not _all_match(_NUMBERED, columns[0]):
        return {}
    for index in range(2, len(columns) - 1):
        grades, maxima, words = columns[index - 1 : index + 2]
        is_maximum = len({*maxima}) == 1 and _all_match(_NUMBER, maxima)
        has_words = len({*words}) <= 2 and _all_match(r"[^\d-]+", words)
        if is_maximum and has_words and _all_match(r"-?|\d+(?:[.,]\d+)?", grades):
            return {0: "Identifier", index - 1: "Grade", index: "Maximum grade"} | _mail_column(header, rows)
    return {}


def _usual_titles(header: Sequence[str], rows: Rows) -> Mapping[int, str]:
    """Recognise columns of any table by the words that are usual for them."""
    return {index: words for index, title in enumerate(header) if (words := re.sub(r"[\W_]+", "", title).lower())}


CANVAS = Platform(
    name="canvas",
    title="Canvas",
    name_columns=("Student", "LastName", "FirstName"),
    id_columns=("SIS Login ID", "SIS User ID", "ID", "Integration ID"),
    other_columns=("Root Account", "Section"),
    required_columns=("ID", "Section"),
    default_columns=("Student", "ID", "SIS Login ID", "Section"),
    grade_column=re.compile(r"(?P<title>.*) \(\d+\)"),
    points_row="    Points Possible",
    points_advice="the import changes it to {ours}; to keep it, use --out-of {theirs}",
    kept_cells=frozenset({"EX"}),
    excused="EX",
)


MOODLE_WORKSHEET = Platform(
    name="moodle",
    title="Moodle",
    name_columns=("Full name",),
    id_columns=("Identifier", "Username", "Email address", "ID number"),
    id_prefix=r"\D*(?=\d+$)",  # "Participant " in the language of the platform
    required_columns=("Identifier", "Grade"),
    grade_column=re.compile(r"(?P<title>Grade)"),
    only_column="Grade",
    points_column="Maximum grade",
    points_advice="Moodle takes grades out of {theirs}, and leaves out larger ones; use --out-of {theirs}",
    keeps_all=True,
    recognise=_worksheet_columns,
)


MOODLE = Platform(
    name="moodle",
    title="Moodle",
    name_columns=("First name", "Last name", "Full name"),
    id_columns=("Username", "Email address", "ID number"),
    default_columns=("First name", "Last name", "Username"),
    grade_column=re.compile(r"(?:[^:]+: )?(?P<title>.*) \((?!Percentage|Letter|Feedback)[^()]+\)"),
    max_points=100,
    recognise=_mail_column,
    also=(MOODLE_WORKSHEET,),
    no_grade="-",  # in a new column, Moodle imports an empty cell as zero
)


BLACKBOARD = Platform(
    name="blackboard",
    title="Blackboard",
    name_columns=("Last Name", "First Name"),
    id_columns=("Username", "Student ID"),
    required_columns=("Username",),
    default_columns=("Last Name", "First Name", "Username"),
    grade_column=re.compile(r"(?P<title>.*) \[Total Pts: (?:up to )?(?P<points>[\d.]+)\b[^]]*\] ?\|\d+"),
    keeps_form=True,
    suffix=".xls",  # its name for text with tabs
    delimiter="\t",
    encoding="utf-16",
    quoting=csv.QUOTE_ALL,
)


BRIGHTSPACE = Platform(
    name="brightspace",
    title="Brightspace",
    id_columns=("Username", "OrgDefinedId"),
    id_prefix="#",
    default_columns=("Username",),
    grade_column=re.compile(r"(?P<title>.*) Points Grade(?: <.*?MaxPoints:(?P<points>[\d.]+).*>)?"),
    new_column="{title} Points Grade",
    last_column=("End-of-Line Indicator", "#"),
)


GENERIC = Platform(
    name="csv",
    title="CSV",
    id_columns=("student", "username", "userid", "login", "studentid", "id", "email", "emailaddress", "matriculation"),
    default_columns=("student",),
    file="grades.csv",
    keeps_all=True,
    keeps_form=True,
    recognise=_usual_titles,
)


PLATFORMS = {platform.name: platform for platform in (CANVAS, MOODLE, BLACKBOARD, BRIGHTSPACE, GENERIC)}
