"""Whatever is handed in becomes a safe copy and plain sentences, or a clear refusal."""

import contextlib
import io
import json
import os
import socket
import stat
import struct
import time
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from safetensors.torch import save

from gradeprop.core.errors import JailError, SubmissionError
from gradeprop.core.models import Assignment, Limits, Submission
from gradeprop.submissions import intake, reader

ASKED = {
    "hw.ipynb": "the notebook",
    "student_code.py": "your code",
    "net.safetensors": "the weights",
    "history.json": "the curves",
}
NOTEBOOK = json.dumps({"cells": [], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}).encode()
GOOD = {
    "hw.ipynb": NOTEBOOK,
    "student_code.py": b"x = 1\n",
    "net.safetensors": save({"w": torch.ones(3)}),
    "history.json": b"{}",
}
Take = Callable[..., Submission]


@pytest.fixture
def into(tmp_path: Path) -> Path:
    return tmp_path / "autograded" / "ada" / "submitted"


@pytest.fixture
def take(into: Path) -> Take:
    """Take a path in, with small limits; asked for nothing unless told."""

    def call(path: Path, asked: Mapping[str, str] = {}, files: int = 20, mib: int = 1) -> Submission:
        assignment = Assignment(
            name="hw",
            title="",
            questions=(),
            submission=dict(asked),
            given=(),
            limits=Limits(files=files, submission_mib=mib),
            held_out={},
            root="",
        )
        return intake.take(path, None, assignment, into)

    return call


def folder(parent: Path, files: Mapping[str, bytes], name: str = "ada") -> Path:
    for file, data in files.items():
        target = parent / name / file
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(data)
    (parent / name).mkdir(exist_ok=True)
    return parent / name


def zipped(parent: Path, files: Mapping[str, bytes], name: str = "ada.zip", **options: int) -> Path:
    with zipfile.ZipFile(parent / name, "w", **options) as archive:
        for file, data in files.items():
            archive.writestr(file, data)
    return parent / name


def copied(into: Path) -> dict[str, bytes]:
    return {str(file.relative_to(into)): file.read_bytes() for file in into.rglob("*") if not file.is_dir()}


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
    assert intake.student_name(Path(path)) == name


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
    path = zipped(tmp_path, {"ok.py": b""})
    with zipfile.ZipFile(path, "a") as archive:
        info = zipfile.ZipInfo("placeholder")
        info.filename = name
        archive.writestr(info, "evil")
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


def test_links_and_special_files_are_left_out(take: Take, into: Path, tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.mkdir()
    (secret / "labels").write_text("7")
    path = folder(tmp_path, {"ok.py": b""})
    (path / "link").symlink_to(secret / "labels")
    (path / "linked").symlink_to(secret)
    (path / "hard").hardlink_to(secret / "labels")
    os.mkfifo(path / "pipe")
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(path / "socket"))
        start = time.monotonic()
        got = take(path)
    assert time.monotonic() - start < 2
    assert set(copied(into)) == {"ok.py"}
    assert [problem.split(" ", 1)[0] for problem in got.problems] == ["hard", "link", "linked", "pipe", "socket"]


@pytest.mark.parametrize("kind", [stat.S_IFLNK, stat.S_IFIFO, stat.S_IFCHR])
def test_links_and_special_files_in_a_zip_are_left_out(kind: int, take: Take, into: Path, tmp_path: Path) -> None:
    path = zipped(tmp_path, {"ok.py": b""})
    with zipfile.ZipFile(path, "a") as archive:
        info = zipfile.ZipInfo("labels")
        info.external_attr = (kind | 0o777) << 16
        archive.writestr(info, "/etc/passwd")
    said = "is a link" if kind == stat.S_IFLNK else "something special"
    assert said in take(path).problems[0]
    assert set(copied(into)) == {"ok.py"}


def test_a_submission_that_is_a_link_itself_is_refused(take: Take, tmp_path: Path) -> None:
    (tmp_path / "eve").symlink_to(folder(tmp_path, GOOD))
    with pytest.raises(SubmissionError, match="link"):
        take(tmp_path / "eve")


def test_a_folder_swapped_for_a_link_while_it_is_walked_gains_nothing(into: Path, take: Take, tmp_path: Path) -> None:
    secret = folder(tmp_path, {"labels": b"7", "data/labels": b"7"}, "secret")
    path = folder(tmp_path, {"data/labels": b"mine", "notes": b"mine"})
    with reader.entries(path) as found:
        listed = {entry.name: entry for entry in found}
        (path / "data").rename(path / "aside")
        (path / "data").symlink_to(secret)
        (path / "notes").unlink()
        (path / "notes").symlink_to(secret / "labels")
        for entry in listed.values():
            with pytest.raises(reader.Refused, match="is a link"), entry.opened() as read:
                read(1)


def test_a_file_swapped_for_something_special_is_neither_read_nor_waited_for(tmp_path: Path) -> None:
    path = folder(tmp_path, {"pipe": b"", "hard": b""})
    (tmp_path / "labels").write_text("7")
    with reader.entries(path) as found:
        listed = list(found)
        for name in ("pipe", "hard"):
            (path / name).unlink()
        os.mkfifo(path / "pipe")
        (path / "hard").hardlink_to(tmp_path / "labels")
        for entry in listed:
            with pytest.raises(reader.Refused, match="special|hard link"), entry.opened() as read:
                read(1)


def test_a_folder_without_end_is_left_out(take: Take, into: Path, tmp_path: Path) -> None:
    path = folder(tmp_path, {"student_code.py": b"", "/".join("d" * 40) + "/deep.py": b""})
    assert "is nested too deeply" in take(path).problems[0]
    assert set(copied(into)) == {"student_code.py"}


def test_what_may_not_be_read_is_named(take: Take, into: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def denied(root: int, parts: tuple[str, ...]) -> int:
        if parts:
            raise PermissionError(13, "Permission denied")
        return descend(root, parts)

    descend = reader._descend
    path = folder(tmp_path, {"student_code.py": b"", "data/x": b""})
    monkeypatch.setattr(reader, "_descend", denied)
    assert take(path).problems == ("data cannot be read (Permission denied), and was left out.",)


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


def test_ten_gigabytes_in_a_folder_are_left_out_without_being_read(take: Take, into: Path, tmp_path: Path) -> None:
    path = folder(tmp_path, {"student_code.py": b"x = 1\n"})
    with (path / "aaa").open("wb") as file:
        file.truncate(10 * 2**30)
    start = time.monotonic()
    assert "larger than is allowed" in take(path).problems[0]
    assert time.monotonic() - start < 2
    assert set(copied(into)) == {"student_code.py"}


def test_a_file_that_grows_while_it_is_read_is_left_out(take: Take, into: Path) -> None:
    source = Endless()
    with pytest.raises(reader.Refused, match="larger"):
        intake.copy_file(reader.Entry("endless", 5, lambda: source), into / "endless", 2**20)
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


def test_many_refusals_are_told_in_few_sentences(take: Take, tmp_path: Path) -> None:
    got = take(zipped(tmp_path, {f"../{i}": b"" for i in range(500)} | {"ok.py": b""}))
    assert len(got.problems) == 21
    assert got.problems[-1] == "480 more were left out."


def test_of_two_files_of_one_name_the_last_counts(take: Take, into: Path, tmp_path: Path) -> None:
    path = zipped(tmp_path, {"student_code.py": b"first"})
    with zipfile.ZipFile(path, "a") as archive, pytest.warns(UserWarning, match="Duplicate"):
        archive.writestr("student_code.py", b"last")
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


def test_what_programs_leave_behind_is_left_out_without_a_word(take: Take, into: Path, tmp_path: Path) -> None:
    junk = {"__MACOSX/ada/._x": b"", "ada/.git/config": b"", "ada/__pycache__/x.pyc": b"", "ada/.DS_Store": b""}
    assert take(zipped(tmp_path, junk | {"ada/student_code.py": b""})).problems == ()
    assert set(copied(into)) == {"student_code.py"}


def test_an_encrypted_or_damaged_file_is_left_out_and_the_others_are_not(
    take: Take, into: Path, tmp_path: Path
) -> None:
    path = zipped(tmp_path, {"bad.py": b"0123456789abcdef", "ok.py": b"", "secret.py": b""})
    data = bytearray(path.read_bytes().replace(b"0123456789", b"9876543210"))
    data[data.rindex(b"PK\x01\x02") + 8] |= 1  # the flag of the last entry, secret.py
    path.write_bytes(data)
    damaged, encrypted = sorted(take(path).problems)
    assert damaged == "bad.py is damaged in the zip, and was left out."
    assert encrypted == "secret.py is encrypted, and was left out."
    assert set(copied(into)) == {"ok.py"}


def test_an_unusual_compression_is_refused(take: Take, tmp_path: Path) -> None:
    path = zipped(tmp_path, {"a.py": b"a" * 99, "ok.py": b""}, compression=zipfile.ZIP_LZMA)
    assert "unusual way" in take(path).problems[0]


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (b"", "not a zip"),
        (b"hello", "not a zip"),
        (b"Rar!\x1a\x07", "RAR archive"),
        (b"\x1f\x8b\x08\x00", "gzip archive"),
        (b"7z\xbc\xaf\x27\x1c", "7z archive"),
    ],
)
def test_what_is_no_zip_is_refused_as_a_whole(data: bytes, says: str, take: Take, tmp_path: Path) -> None:
    (tmp_path / "ada.zip").write_bytes(data)
    with pytest.raises(SubmissionError, match=says):
        take(tmp_path / "ada.zip")


def test_a_zip_cut_short_is_refused_as_a_whole(take: Take, tmp_path: Path) -> None:
    path = zipped(tmp_path, GOOD)
    path.write_bytes(path.read_bytes()[:-30])
    with pytest.raises(SubmissionError, match="cut short"):
        take(path)


def test_a_zip_of_a_million_names_is_refused_before_they_are_read(take: Take, tmp_path: Path) -> None:
    path = zipped(tmp_path, {"x" * 200 + f"{i}": b"" for i in range(20_000)})
    with pytest.raises(SubmissionError, match="far more files"):
        take(path)


def test_what_is_not_there_is_said(take: Take, tmp_path: Path) -> None:
    with pytest.raises(SubmissionError, match="No such file"):
        take(tmp_path / "nobody")
    os.mkfifo(tmp_path / "pipe.zip")
    with pytest.raises(SubmissionError, match="something special"):
        take(tmp_path / "pipe.zip")


def test_an_empty_folder_is_said_to_be_empty(take: Take, tmp_path: Path) -> None:
    got = take(folder(tmp_path, {}), ASKED)
    assert got.problems == ("The submission contains no usable file.",)
    assert got.files == ()


def test_each_file_that_is_missing_is_named(take: Take, tmp_path: Path) -> None:
    got = take(folder(tmp_path, {"x.py": b""}), ASKED)
    assert got.problems == (
        "hw.ipynb is missing (the notebook).",
        "student_code.py is missing (your code).",
        "net.safetensors is missing (the weights).",
        "history.json is missing (the curves).",
    )


@pytest.mark.parametrize("name", ["hw.html", "hw.pdf"])
def test_one_of_two_is_enough(take: Take, tmp_path: Path, name: str) -> None:
    asked = {"hw.html or hw.pdf": "a copy"}
    assert take(folder(tmp_path, {name: b"x"}), asked).problems == ()
    assert take(folder(tmp_path / "none", {"x.py": b""}), asked).problems == ("hw.html or hw.pdf is missing (a copy).",)
    (problem,) = take(folder(tmp_path / "near", {name.upper(): b"x"}), asked).problems
    assert (
        problem
        == f"hw.html or hw.pdf is missing (a copy). There is {name.upper()!r}: if that is it, rename it to {name}."
    )


def test_what_is_asked_for_as_one_of_two_is_not_crowded_out(take: Take, tmp_path: Path) -> None:
    many = {f"a{n}.txt": b"" for n in range(9)} | {"hw.pdf": b"x"}
    assert "hw.pdf" in take(folder(tmp_path, many), {"hw.html or hw.pdf": "a copy"}, files=3).files


@pytest.mark.parametrize(
    "name", ["Student_Code.py", "student_code (1).py", "student-code.py", "studentcode.py", "student_code.py.txt"]
)
def test_a_similar_name_is_pointed_out(name: str, take: Take, tmp_path: Path) -> None:
    (problem,) = take(folder(tmp_path, {name: b"", "x.py": b""}), {"student_code.py": "your code"}).problems
    assert f"There is {name!r}: if that is it, rename it to student_code.py" in problem


def test_a_file_in_the_wrong_folder_is_pointed_out(take: Take, tmp_path: Path) -> None:
    (problem,) = take(
        folder(tmp_path, {"src/student_code.py": b"", "x": b""}), {"student_code.py": "your code"}
    ).problems
    assert "There is src/student_code.py: move it to the top" in problem


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (b'{"cells": [],\n <<<<<<< HEAD', "not a notebook: it is not JSON (line 2, column 2)"),
        (NOTEBOOK[:-1], "not a notebook: it is not JSON (line 1,"),
        (b"\xff\xfe", "not JSON (line 1, column 1)"),
        (b"", "not JSON (line 1, column 1)"),
        (b"[" * 100_000, "not a notebook"),
        (b'{"cells": ' + b"[" * 100_000, "not a notebook"),
        (b'{"a": 1}', "is not a notebook: Object missing required field"),
        (b'{"cells": {}, "nbformat": 4}', "is not a notebook: it has no list of cells"),
    ],
)
def test_a_notebook_that_is_none_is_said_with_its_place(data: bytes, says: str, take: Take, tmp_path: Path) -> None:
    (problem,) = take(folder(tmp_path, GOOD | {"hw.ipynb": data}), ASKED).problems
    assert says in problem


def test_a_huge_notebook_is_not_looked_at(take: Take, tmp_path: Path) -> None:
    (problem,) = take(folder(tmp_path, GOOD | {"hw.ipynb": bytes(17 * 2**20)}), ASKED, mib=50).problems
    assert "17 MiB large" in problem


def pickled() -> bytes:
    buffer = io.BytesIO()
    torch.save({"w": torch.ones(3)}, buffer)
    return buffer.getvalue()


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (pickled(), "is a pickle, as torch.save writes it"),
        (b"\x80\x04\x95cposix\nsystem", "is a pickle"),
        (GOOD["net.safetensors"][:-1], "12 bytes of weights, and 11 are there"),
        (GOOD["net.safetensors"][:20], "cut short"),
        (b"", "cut short"),
        (b"\xff" * 100, "another format"),
        (struct.pack("<Q", 4) + b"null", "its header cannot be read"),
        (struct.pack("<Q", 50_000) + b"[" * 50_000, "its header cannot be read"),
        (struct.pack("<Q", 9) + b'{"a": -1}', "its header cannot be read"),
    ],
)
def test_weights_that_are_no_safetensors_are_said_with_what_to_do(
    data: bytes, says: str, take: Take, tmp_path: Path
) -> None:
    (problem,) = take(folder(tmp_path, GOOD | {"net.safetensors": data}), ASKED).problems
    assert says in problem
    assert "save_weights" in problem


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
