"""Intake: every submission becomes a safe copy with plain sentences, or a clear refusal."""

import contextlib
import os
import struct
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gradeprop.core.errors import JailError, SubmissionError
from gradeprop.submissions import entry, identity
from tests.factory import zip_of
from tests.submissions.conftest import ASKED, GOOD, Take, copied, folder, zipped


@pytest.mark.parametrize("make", [folder, zipped])
def test_a_good_submission_is_copied_whole_and_nothing_is_said(
    make: Callable[..., Path], take: Take, into: Path, tmp_path: Path
) -> None:
    got = take(make(tmp_path, GOOD | {"given/plots.py": b""}), ASKED)
    assert got.problems == ()
    assert got.student == got.key == "ada"
    assert copied(into) == GOOD | {"given/plots.py": b""}
    assert got.files == tuple(sorted(copied(into)))
    assert not any(file.name.startswith(".") for file in into.parent.iterdir())


def test_the_hash_is_of_names_and_contents_in_any_order_and_from_any_wrapping(take: Take, tmp_path: Path) -> None:
    hashes = [
        take(zipped(tmp_path, GOOD)).sha256,
        take(zipped(tmp_path, dict(reversed(GOOD.items())))).sha256,
        take(zipped(tmp_path, {f"ada/hw/{name}": data for name, data in GOOD.items()})).sha256,
        take(folder(tmp_path, GOOD)).sha256,
    ]
    assert len(set(hashes)) == 1
    other = take(zipped(tmp_path, GOOD | {"history.json": b"[]"})).sha256
    moved = take(zipped(tmp_path, {name + "x": data for name, data in GOOD.items()})).sha256
    assert len({hashes[0], other, moved}) == 3


def test_a_copy_holds_nothing_of_an_older_submission(take: Take, into: Path, tmp_path: Path) -> None:
    take(folder(tmp_path, {"old.py": b""}))
    take(zipped(tmp_path, {"new.py": b""}))
    assert set(copied(into)) == {"new.py"}
    (tmp_path / "ada.zip").write_bytes(b"no zip")
    with pytest.raises(SubmissionError):
        take(tmp_path / "ada.zip")
    assert not into.exists()


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("O'Neil, Zoë.zip", "O'Neil, Zoë"),
        ('say "hi".ZIP', 'say "hi"'),
        ("j.doe", "j.doe"),
        ("Zoe\u0308", "Zoë"),
        (os.fsdecode(b"\xff"), "\\xff"),
    ],
)
def test_a_folder_or_zip_is_named_for_its_student(path: str, name: str) -> None:
    assert identity.claimed_student(Path(path)) == name


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("../evil.py", "outside"),
        ("/etc/evil.py", "outside"),
        ("a/../../evil.py", "outside"),
        ("C:/evil.py", "outside"),
        ("..\\evil.py", "outside"),
        ("\\\\server\\evil.py", "outside"),
        ("a\nb.py", "odd name"),
        ("a\x1b[31m.py", "odd name"),
        ("a\u202eyp.exe", "odd name"),
        ("a//b.py", "odd name"),
        ("./a.py", "odd name"),
        ("con.py", "device"),
        ("a/NUL", "device"),
        ("x" * 256, "too long"),
        ("d/" * 20 + "x", "too long"),
    ],
)
def test_a_zip_cant_write_where_it_likes(name: str, why: str, take: Take, into: Path, tmp_path: Path) -> None:
    path = zipped(tmp_path, {"ok.py": b"", name: "evil"})
    (problem,) = take(path).problems
    assert why in problem
    assert problem.isprintable()
    assert set(copied(into)) == {"ok.py"}
    assert not list(tmp_path.rglob("*evil*"))


def test_a_name_cut_by_a_null_byte_is_refused(take: Take, into: Path, tmp_path: Path) -> None:
    path = zipped(tmp_path, {"student_code.py": b"", "evil.pyXtxt": b""})
    path.write_bytes(path.read_bytes().replace(b"evil.pyXtxt", b"evil.py\0txt"))
    assert "odd name" in take(path).problems[0]
    assert set(copied(into)) == {"student_code.py"}


def test_a_copy_that_cannot_be_written_is_ours_not_the_students(take: Take, into: Path, tmp_path: Path) -> None:
    into.parent.parent.mkdir()
    into.parent.write_text("a file where a folder should be")
    with pytest.raises(JailError, match="could not be copied to"):
        take(folder(tmp_path, GOOD))


def test_a_bomb_is_refused_by_what_it_claims(take: Take, into: Path, tmp_path: Path) -> None:
    path = zipped(tmp_path, {"bomb": bytes(50 * 2**20), "ok.py": b""}, compression=zipfile.ZIP_DEFLATED)
    assert take(path).problems == ("bomb makes the submission larger than is allowed, and was left out.",)
    assert set(copied(into)) == {"ok.py"}


def test_a_bomb_that_lies_about_its_size_gains_nothing(take: Take, into: Path, tmp_path: Path) -> None:
    path = zipped(tmp_path, {"bomb": bytes(50 * 2**20), "ok.py": b""}, compression=zipfile.ZIP_DEFLATED)
    path.write_bytes(path.read_bytes().replace(struct.pack("<I", 50 * 2**20), struct.pack("<I", 9)))
    assert "damaged" in take(path).problems[0]
    assert set(copied(into)) == {"ok.py"}


def bytes_read() -> int:
    """Return the bytes that this process has read so far."""
    return int(Path("/proc/self/io").read_text().split()[1])


def test_ten_gigabytes_in_a_folder_are_left_out_without_being_read(take: Take, into: Path, tmp_path: Path) -> None:
    path = folder(tmp_path, {"student_code.py": b"x = 1\n"})
    with (path / "aaa").open("wb") as file:
        file.truncate(10 * 2**30)
    before = bytes_read()
    assert "larger than is allowed" in take(path).problems[0]
    assert bytes_read() - before < 2**20
    assert set(copied(into)) == {"student_code.py"}


def test_a_file_that_grows_while_it_is_read_is_left_out(take: Take, into: Path) -> None:
    source = Endless()
    with pytest.raises(entry.Refused, match="larger"):
        entry.copy_file(entry.Entry("endless", 5, lambda: source), into / "endless", 2**20)
    assert copied(into) == {}
    assert source.given < 2 * 2**20


class Endless:
    given = 0

    def read(self, size: int, /) -> bytes:
        self.given += size
        return bytes(size)

    def close(self) -> None: ...


def test_what_is_asked_for_comes_first_when_there_is_too_much(take: Take, into: Path, tmp_path: Path) -> None:
    crowd = {f"digits/{i:05}_7.png": b"" for i in range(300)}
    got = take(folder(tmp_path, crowd | GOOD), ASKED)
    assert set(GOOD) <= set(copied(into))
    assert len(got.files) == 20
    assert got.problems == ("There are more than 20 files; 284 were left out, such as digits/00016_7.png.",)


def test_of_two_zips_that_differ_none_is_chosen(take: Take, tmp_path: Path) -> None:
    asked = {"student_code.py": "your code"}
    one, two = (zip_of({"student_code.py": text}) for text in ("x = 1", "x = 2"))
    got = take(folder(tmp_path, {"hw.zip": one, "hw (1).zip": two}), asked)
    assert (
        got.attention == "Several files could be student_code.py: hw (1).zip/student_code.py, hw.zip/student_code.py."
    )
    same = take(folder(tmp_path / "same", {"hw.zip": one, "hw (1).zip": one, "report.pdf": b"x"}), asked)
    assert (same.attention, same.problems) == ("", ())
    assert "student_code.py" in same.files
    deep = take(folder(tmp_path / "deep", {"a.zip": zip_of({"b.zip": zip_of({"hw/c.zip": one})})}), asked)
    assert (deep.attention, deep.files) == ("", ("student_code.py",))


def test_many_refusals_are_told_in_few_sentences(take: Take, tmp_path: Path) -> None:
    got = take(zipped(tmp_path, {f"../{i}": b"" for i in range(500)} | {"ok.py": b""}))
    assert len(got.problems) == 21
    assert got.problems[-1] == "480 more were left out."


def test_of_two_files_of_one_name_the_last_counts(take: Take, into: Path, tmp_path: Path) -> None:
    path = zipped(tmp_path, [("student_code.py", b"first"), ("student_code.py", b"last")])
    assert "more than once" in take(path).problems[0]
    assert copied(into) == {"student_code.py": b"last"}


def test_of_two_names_in_other_letters_the_one_asked_for_counts(take: Take, into: Path, tmp_path: Path) -> None:
    path = folder(tmp_path, {"Student_Code.py": b"A", "student_code.py": b"a"})
    got = take(path, {"student_code.py": "your code"})
    assert got.problems == ("Student_Code.py has the same name as student_code.py except for case, and was left out.",)
    assert copied(into) == {"student_code.py": b"a"}


def test_a_file_in_the_place_of_a_folder_is_left_out(take: Take, into: Path, tmp_path: Path) -> None:
    assert "also exists as a file" in take(zipped(tmp_path, {"a": b"", "a/b": b""})).problems[0]
    assert set(copied(into)) == {"a"}


def test_what_is_asked_for_as_one_of_two_is_not_crowded_out(take: Take, tmp_path: Path) -> None:
    many = {f"a{n}.txt": b"" for n in range(9)} | {"hw.pdf": b"x"}
    assert "hw.pdf" in take(folder(tmp_path, many), {"hw.html or hw.pdf": "a copy"}, files=3).files


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(cuts=st.lists(st.tuples(st.integers(0, 2000), st.binary(min_size=1, max_size=8)), min_size=1, max_size=6))
def test_no_altered_zip_ends_in_anything_but_a_copy_or_a_refusal(
    cuts: list[tuple[int, bytes]], take: Take, into: Path, tmp_path: Path
) -> None:
    path = zipped(tmp_path, GOOD, compression=zipfile.ZIP_DEFLATED)
    data = bytearray(path.read_bytes())
    for at, new in cuts:
        data[at % len(data) : at % len(data) + len(new)] = new
    path.write_bytes(data)
    with contextlib.suppress(SubmissionError):
        got = take(path, ASKED)
        assert set(got.files) == set(copied(into))
    assert {file.name for file in tmp_path.iterdir()} <= {"ada.zip", "autograded"}
    assert {file.name for file in into.parent.iterdir()} <= {"submitted"}
