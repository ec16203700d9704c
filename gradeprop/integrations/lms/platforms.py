"""Gradebook file formats of the supported learning platforms."""

import re
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Platform:
    """The format in which one platform exports and imports its gradebook."""

    name: str
    title: str
    name_columns: tuple[str, ...]
    """the columns with people's names, which identify nobody"""
    id_columns: tuple[str, ...]
    """the columns that identify a student; without a roster, the first one is filled in"""
    other_columns: tuple[str, ...]
    """more columns that belong to the student and not to a grade"""
    required_columns: tuple[str, ...]
    """the platform rejects a file without these"""
    default_columns: tuple[str, ...]
    """the columns to write without a roster"""
    grade_column: re.Pattern[str]
    """a column of grades: the group ``title``, and ``points`` if the header has them"""
    suffix: str = ".csv"
    delimiter: str = ","
    encoding: str = "utf-8"
    no_grade: str = ""
    """the content of a cell without a grade"""

    @property
    def student_columns(self) -> frozenset[str]:
        """All columns that describe the student."""
        return frozenset((*self.name_columns, *self.id_columns, *self.other_columns))


CANVAS = Platform(
    name="canvas",
    title="Canvas",
    name_columns=("Student", "LastName", "FirstName"),
    id_columns=("SIS Login ID", "SIS User ID", "ID", "Integration ID"),
    other_columns=("Root Account", "Section"),
    required_columns=("ID", "Section"),
    default_columns=("Student", "ID", "SIS Login ID", "Section"),
    grade_column=re.compile(r"(?P<title>.*) \(\d+\)"),
)


MOODLE = Platform(
    name="moodle",
    title="Moodle",
    name_columns=("First name", "Last name", "Full name"),
    id_columns=("Username", "Email address", "ID number", "Identifier"),  # the last is in grading worksheets alone
    other_columns=(),
    required_columns=(),
    default_columns=("First name", "Last name", "Username"),
    grade_column=re.compile(r"(?:[^:]+: )?(?P<title>.*) \(Real\)"),
    no_grade="-",  # in a new column, Moodle imports an empty cell as zero
)


BLACKBOARD = Platform(
    name="blackboard",
    title="Blackboard",
    name_columns=("Last Name", "First Name"),
    id_columns=("Username", "Student ID"),
    other_columns=(),
    required_columns=("Username",),
    default_columns=("Last Name", "First Name", "Username"),
    grade_column=re.compile(r"(?P<title>.*) \[Total Pts: (?:up to )?(?P<points>[\d.]+)\b[^]]*\] ?\|\d+"),
    suffix=".xls",  # its name for text with tabs
    delimiter="\t",
    encoding="utf-16",
)


PLATFORMS = {platform.name: platform for platform in (CANVAS, MOODLE, BLACKBOARD)}
