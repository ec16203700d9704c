"""Submissions as folders and zips, and a short way to take one."""

import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
import torch
from safetensors.torch import save

from gradeprop.core.assignment import Assignment, Limits
from gradeprop.core.models import Submission
from gradeprop.submissions import intake
from tests.factory import Files, Pairs, notebook, write_files, zip_file

ASKED = {
    "hw.ipynb": "the notebook",
    "student_code.py": "your code",
    "net.safetensors": "the weights",
    "history.json": "the curves",
}
NOTEBOOK = notebook()
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
    """Return a function that takes a path with small limits, and by default requires no file."""

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
        return intake.take(path, "ada", assignment, into)

    return call


def folder(parent: Path, files: Mapping[str, bytes], name: str = "ada") -> Path:
    return write_files(parent / name, files)


def zipped(
    parent: Path, files: Files | Pairs, name: str = "ada.zip", compression: int = zipfile.ZIP_STORED, **modes: int
) -> Path:
    """Write a zip; ``modes`` are those of its entries, by name."""
    return zip_file(parent / name, files, compression=compression, modes=modes)


def copied(into: Path) -> dict[str, bytes]:
    return {str(file.relative_to(into)): file.read_bytes() for file in into.rglob("*") if not file.is_dir()}
