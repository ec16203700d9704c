"""A student's name becomes a folder's, and no name leaves its place."""

import pytest

from gradeprop.core.paths import student_key


@pytest.mark.parametrize("name", ["ada", 'O\'Neil, Jo "J"', "Zoë Ångström", "李小龍", "a.b", "ada@example.org"])
def test_an_ordinary_name_stays_as_it_is_but_for_quotes(name: str) -> None:
    assert student_key(name) == name.replace('"', "%22")


@pytest.mark.parametrize("name", ["a/b", "../up", "..", ".", "~root", "-rf", "a\0b", "a\nb", "/", "C:\\x", "100%", ""])
def test_a_dangerous_name_is_encoded_and_stays_its_own(name: str) -> None:
    key = student_key(name)
    assert not set(key) & set('/\\\0\n:*?"<>|')
    assert key not in (".", "..")
    assert not key.startswith((".", "~", "-"))
    assert key != student_key(name + "x")


def test_a_name_too_long_for_a_file_system_is_told_apart() -> None:
    first, second = student_key("ö" * 300), student_key("ö" * 301)
    assert first != second
    assert len(first.encode()) <= 120


@pytest.mark.parametrize(
    "name", ["grades.csv", "report.html", "REPORT.json", "report-anonymous.html", "unattributed.json"]
)
def test_no_student_has_the_place_of_a_file_of_ours(name: str) -> None:
    assert student_key(name).startswith("%")
