"""Gradebook file formats of the supported learning platforms."""

import re
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Platform:
    """How one platform writes and reads its gradebook."""

    name: str
    title: str
    names: tuple[str, ...]
    """columns with the names of people: shown, and no key to anything"""
    keys: tuple[str, ...]
    """columns by which a student is known, the one that is filled in without a roster first"""
    others: tuple[str, ...]
    """more columns that say whose row it is"""
    needed: tuple[str, ...]
    """it refuses a file without these"""
    bare: tuple[str, ...]
    """the columns to write where there is no roster"""
    column: re.Pattern[str]
    """a column of grades: the group ``title``, and ``points`` where it tells them"""
    ending: str = ".csv"
    delimiter: str = ","
    encoding: str = "utf-8"
    empty: str = ""
    """what it takes for no grade"""


CANVAS = Platform(
    name="canvas",
    title="Canvas",
    names=("Student", "LastName", "FirstName"),
    keys=("SIS Login ID", "SIS User ID", "ID", "Integration ID"),
    others=("Root Account", "Section"),
    needed=("ID", "Section"),
    bare=("Student", "ID", "SIS Login ID", "Section"),
    column=re.compile(r"(?P<title>.*) \(\d+\)"),
)


MOODLE = Platform(
    name="moodle",
    title="Moodle",
    names=("First name", "Last name", "Full name"),
    keys=("Username", "Email address", "ID number", "Identifier"),  # the last one: an assignment's grading worksheet
    others=(),
    needed=(),
    bare=("First name", "Last name", "Username"),
    column=re.compile(r"(?:[^:]+: )?(?P<title>.*) \(Real\)"),
    empty="-",  # a new column takes nothing at all for a zero
)


BLACKBOARD = Platform(
    name="blackboard",
    title="Blackboard",
    names=("Last Name", "First Name"),
    keys=("Username", "Student ID"),
    others=(),
    needed=("Username",),
    bare=("Last Name", "First Name", "Username"),
    column=re.compile(r"(?P<title>.*) \[Total Pts: (?:up to )?(?P<points>[\d.]+)\b[^]]*\] ?\|\d+"),
    ending=".xls",  # so it calls text with tabs
    delimiter="\t",
    encoding="utf-16",
)


PLATFORMS = {platform.name: platform for platform in (CANVAS, MOODLE, BLACKBOARD)}
