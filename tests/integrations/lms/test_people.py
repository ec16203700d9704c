"""Students from the files that platforms export, and from any CSV."""

from pathlib import Path

import pytest

from gradeprop.core.errors import CourseError
from gradeprop.core.paths import AssignmentPaths
from gradeprop.integrations.lms.people import read_people
from gradeprop.results import people
from gradeprop.results.people import Imported, Person

ADA = Person("ada", "Ada", "Lovelace")
FILES = {
    "canvas": (
        'Student,ID,SIS User ID,SIS Login ID,Section\n"    Points Possible",,,,\n\n"Lovelace, Ada",1001,u1,ada,S1\n'
        '"Student, Test",9,,x,S1\n',
        ADA._replace(lms_user_id="1001"),
    ),
    "moodle": (
        "First name,Last name,Username,Email address\nAda,Lovelace,ada,ada@uni.edu\n",
        ADA._replace(email="ada@uni.edu"),
    ),
    "moodle worksheet": (
        "Identifier,Full name,Email address,Status\nParticipant 31415,Ada Lovelace,ada@uni.edu,-\n",
        Person("31415", "Ada", "Lovelace", "ada@uni.edu", "31415"),
    ),
    "moodle in German": (
        "Vorname;Nachname;Anmeldename;E-Mail-Adresse\nAda;Lovelace;ada;ada@uni.edu\n",
        ADA._replace(email="ada@uni.edu"),
    ),
    "brightspace": (
        "OrgDefinedId,Username,Last Name,First Name\n#77,#ada,Lovelace,Ada\n",
        ADA._replace(lms_user_id="77"),
    ),
    "blackboard": ("Last Name\tFirst Name\tUsername\tStudent ID\nLovelace\tAda\tada\t77\n", ADA),
}


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_a_platform_s_file_gives_names_and_ids(name: str, encoding: str, tmp_path: Path) -> None:
    text, person = FILES[name]
    (tmp_path / "roster.csv").write_text(text, encoding=encoding, newline="\r\n")
    assert [one for one, _ in read_people(tmp_path / "roster.csv")] == [person]


def test_any_csv_is_read_with_the_names_of_its_columns(tmp_path: Path) -> None:
    (tmp_path / "list.csv").write_bytes("Matrikel;Wer\n007;Zoë Müller\n".encode("cp1252"))
    with pytest.raises(CourseError, match=r"--column id=TITLE\. The columns are: Matrikel, Wer"):
        read_people(tmp_path / "list.csv")
    ((person, _),) = read_people(tmp_path / "list.csv", {"id": "Matrikel", "name": "Wer"})
    assert person == Person("007", "Zoë", "Müller")
    with pytest.raises(CourseError, match="has no column 'Login'"):
        read_people(tmp_path / "list.csv", {"id": "Login"})


@pytest.mark.parametrize(("data", "says"), [(b"PK\3\4", "workbook"), (b"", "header"), (b"Username\n", "header")])
def test_what_is_no_roster_is_a_sentence(data: bytes, says: str, tmp_path: Path) -> None:
    (tmp_path / "roster.csv").write_bytes(data)
    with pytest.raises(CourseError, match=says):
        read_people(tmp_path / "roster.csv")


def test_a_roster_adds_and_completes_students_and_removes_nobody(toy: AssignmentPaths, tmp_path: Path) -> None:
    file = tmp_path / "roster.csv"
    file.write_text(FILES["canvas"][0])
    assert people.import_roster(toy.course, read_people(file)) == Imported(("ada",), (), (), ())
    file.write_text('Student,ID,SIS Login ID,Section\n"Byron, Ada",1001,ada2,S1\n"Babbage, C.",1002,bob,S1\n')
    assert people.import_roster(toy.course, read_people(file)) == Imported(("bob",), ("ada",), (), ())
    file.write_text("Username,First name\nbob,Charles\n")
    assert people.import_roster(toy.course, read_people(file)) == Imported((), ("bob",), (), ("ada",))
    assert [one.name for one in people.everyone(toy.course)] == ["Ada Byron", "Charles Babbage"]
    assert people.ids_of(toy.course, ["1001", "bob", "77"]) == {"1001": "ada"}
    for name in ("ada", "ADA BYRON", "byron, ada", "1001"):
        assert people.find(toy.course, name).id == "ada"
    with pytest.raises(CourseError, match="there is no student 'adda'; did you mean ada"):
        people.find(toy.course, "adda")


def test_a_submission_may_be_named_by_an_address_or_the_part_before_the_at_sign(toy: AssignmentPaths) -> None:
    found = (("ada@uni.example", "1"), ("bob@uni.example", "2"), ("bob@math.uni.example", "3"))
    people.import_roster(toy.course, [(Person(id, email=id, lms_user_id=lms), frozenset({id})) for id, lms in found])
    names = ["ada", "bob", "3", "bob@math.uni.example"]
    assert people.ids_of(toy.course, names) == {"ada": "ada@uni.example", "3": "bob@math.uni.example"}


def test_a_student_that_a_roster_has_twice_changes_nothing(toy: AssignmentPaths, tmp_path: Path) -> None:
    (tmp_path / "roster.csv").write_text("Username,Email\nada,a@b\nada,c@d\n")
    file = tmp_path / "roster.csv"
    with pytest.raises(CourseError, match="roster.csv: the roster has 'ada' twice"):
        people.import_roster(toy.course, read_people(file), file)
    assert people.everyone(toy.course) == []
