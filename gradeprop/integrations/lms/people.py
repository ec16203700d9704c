"""The students in a file that a platform exported, or in any CSV with a header: names, ids and e-mail addresses.

The gradebook's id of a student is the name of the folder with the submission. Downloads of Canvas and Moodle name a
student by the platform's own number, so that number is stored as well.
"""

import csv
import io
import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from gradeprop.core.errors import CourseError
from gradeprop.integrations.lms.roster import read_csv_bytes
from gradeprop.results.people import Person, fold

_COLUMNS: dict[str, tuple[str, ...]] = {
    "id": ("SIS Login ID", "Username", "Anmeldename", "Nom d'utilisateur", "Nombre de usuario", "Login", "Login ID",
           "SIS User ID", "Student ID", "ID number", "ID-Nummer", "OrgDefinedId", "SID", "ID", "Student", "Identifier",
           "ID/Kennung", "Email", "Email address", "E-Mail-Adresse", "Adresse de courriel"),
    "lms_user_id": ("ID", "Identifier", "ID/Kennung", "Identifiant", "OrgDefinedId"),
    "email": ("Email", "Email address", "E-mail", "E-Mail-Adresse", "Adresse de courriel", "Dirección de correo",
              "Mail"),
    "first_name": ("First name", "FirstName", "Vorname", "Prénom", "Nombre", "Given name"),
    "last_name": ("Last name", "LastName", "Nachname", "Nom", "Nom de famille", "Apellido(s)", "Surname",
                  "Family name"),
    "name": ("Full name", "Vollständiger Name", "Nom complet", "Nombre completo", "Name", "Student name", "Student"),
}  # fmt: skip
"""field → titles of its column, the first choice first; case and spaces do not count"""
_ID_COLUMNS = ("id", "lms_user_id", "email")
_NO_STUDENT = re.compile(r"\s*(points possible|(test )?student, test|student, test)\s*", re.IGNORECASE)


def read_people(file: Path, columns: Mapping[str, str] | None = None) -> list[tuple[Person, frozenset[str]]]:
    """Read each student, with all ids in the row.

    Args:
        file: CSV, separated by comma, semicolon or tab.
        columns: field of ``Person`` (or ``name``) → title of its column, where the usual titles do not fit.

    Raises:
        CourseError: the file cannot be read, or lacks a column that identifies students.
    """
    header, *rows = _table(file)
    titles = [fold(title) for title in header]
    chosen = {field: _indices(titles, known) for field, known in _COLUMNS.items()}
    for field, title in (columns or {}).items():
        if fold(title) not in titles:
            raise CourseError(f"has no column {title!r}; its columns are: {', '.join(filter(None, header))}", file)
        chosen[field] = [titles.index(fold(title))]
    if not chosen["id"]:
        message = "no column identifies the students; name it with --column id=TITLE. The columns are: "
        raise CourseError(message + ", ".join(filter(None, header)), file)
    people = []
    for row in rows:
        person = _person(row, chosen)
        if person.id and not _NO_STUDENT.fullmatch(_first(row, chosen["name"])):
            ids = {fold(_plain(row[index])) for field in _ID_COLUMNS for index in chosen[field] if index < len(row)}
            people.append((person, frozenset(ids - {"", fold(_first(row, chosen["name"]))}) | {fold(person.id)}))
    if not people:
        raise CourseError("has no student", file)
    return people


def _indices(titles: Sequence[str], known: Sequence[str]) -> list[int]:
    return [titles.index(fold(title)) for title in known if fold(title) in titles]


def _person(row: Sequence[str], chosen: Mapping[str, Sequence[int]]) -> Person:
    fields = {field: _first(row, indices) for field, indices in chosen.items()}
    name = fields.pop("name")
    if not (fields["first_name"] or fields["last_name"]) and name:
        last, comma, first = name.partition(", ")
        first, last = (first, last) if comma else ((*name.rsplit(" ", 1), "")[:2] if " " in name else ("", name))
        fields |= {"first_name": first, "last_name": last}
    return Person(**fields)


def _first(row: Sequence[str], indices: Sequence[int]) -> str:
    """Return the first cell that is not empty."""
    return next((text for index in indices if index < len(row) and (text := _plain(row[index]))), "")


def _plain(text: str) -> str:
    """Remove what platforms write before an id: Brightspace's #, Moodle's ``Participant``, a guard against formulas."""
    return re.sub(r"^(#|'(?=[=+@-])|Participant (?=\d)|Teilnehmer/in (?=\d))", "", text.strip())


def _table(file: Path) -> list[list[str]]:
    """Read a table with its header, whatever its separator and encoding."""
    text = _decoded(read_csv_bytes(file, "save the table as CSV"))
    first = text.split("\n", 1)[0]
    delimiter = max(",;\t", key=first.count)
    try:
        table = [row for row in csv.reader(io.StringIO(text, newline=""), delimiter=delimiter) if any(row)]
    except csv.Error as error:
        raise CourseError(f"is not a CSV: {error}", file) from error
    if len(table) < 2:
        raise CourseError("expected a header and a row for each student", file)
    return table


def _decoded(data: bytes) -> str:
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        return data.decode("utf-16", errors="replace")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        return data.decode("cp1252", errors="replace")
