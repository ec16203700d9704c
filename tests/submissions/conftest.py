"""Submissions as folders and zips, and a short way to take one."""

import json
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
import torch
from safetensors.torch import save

from gradeprop.core.models import Assignment, Limits, Submission
from gradeprop.submissions import intake

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
