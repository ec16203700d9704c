"""Validation: sentences on missing files and on notebooks and weights in a wrong format."""

import io
import struct
from pathlib import Path

import pytest
import torch

from tests.submissions.conftest import ASKED, GOOD, NOTEBOOK, Take, folder


def test_an_empty_folder_is_said_to_be_empty(take: Take, tmp_path: Path) -> None:
    got = take(folder(tmp_path, {}), ASKED)
    assert got.problems == ("The submission contains no usable file.",)
    assert got.files == ()


def test_each_file_that_is_missing_is_named(take: Take, tmp_path: Path) -> None:
    got = take(folder(tmp_path, {"x.pdf": b""}), ASKED)
    assert got.attention == "There is no student_code.py and no other Python file. The submission contains x.pdf."
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
    renamed = take(folder(tmp_path / "near", {name.upper(): b"x"}), asked)
    assert (renamed.files, renamed.problems) == ((name,), (f"{name.upper()} is graded as {name}.",))


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (b'{"cells": [],\n <<<<<<< HEAD', "not a notebook: it is not JSON (line 2, column 2)"),
        (NOTEBOOK[:-1], "not a notebook: it is not JSON (line 1,"),
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
    (problem,) = take(folder(tmp_path, GOOD | {"hw.ipynb": bytes(25 * 2**20)}), ASKED, mib=50).problems
    assert "25 MiB, which is too large" in problem


@pytest.mark.parametrize(
    "data", [b'{"loss": [NaN, -Infinity]}', b'\xef\xbb\xbf{"a": 1}', '{"a": "ü"}'.encode("utf-16")]
)
def test_json_as_python_reads_it_is_json(data: bytes, take: Take, tmp_path: Path) -> None:
    problems = take(folder(tmp_path, GOOD | {"history.json": data}), ASKED).problems
    assert not [problem for problem in problems if "converted to UTF-8" not in problem]


@pytest.mark.parametrize("data", [b"{", b"{'a': 1}", b"[" * 10**5, b'{"a": ' * 10**4, b"[" + b"[]," * 10**5])
def test_what_is_no_json_is_said_with_its_place(data: bytes, take: Take, tmp_path: Path) -> None:
    (problem,) = take(folder(tmp_path, GOOD | {"history.json": data}), ASKED).problems
    assert "history.json is not JSON (line 1, column " in problem


def test_json_of_many_lists_is_json(take: Take, tmp_path: Path) -> None:
    many = b"[" + b"[]," * 300_000
    assert take(folder(tmp_path / "a", GOOD | {"history.json": many + b"1]"}), ASKED).problems == ()
    (problem,) = take(folder(tmp_path / "b", GOOD | {"history.json": many + b"NaN"}), ASKED).problems
    assert "history.json is not JSON" in problem


def pickled() -> bytes:
    buffer = io.BytesIO()
    torch.save({"w": torch.ones(3)}, buffer)
    return buffer.getvalue()


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (pickled(), "is a pickle, as torch.save writes it"),
        (b"\x80\x04\x95cposix\nsystem", "is a pickle"),
        (GOOD["net.safetensors"][:-1], "12 bytes of weights, but there are 11"),
        (GOOD["net.safetensors"][:20], "truncated"),
        (b"", "truncated"),
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
