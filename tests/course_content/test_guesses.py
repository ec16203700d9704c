"""Guesses before an experiment: the first one stays, and its result is printed beside it."""

import importlib
import sys
from pathlib import Path

import pytest

from tests.conftest import REPOSITORY

sys.path.insert(0, str(REPOSITORY.source))
guesses = importlib.import_module("given.guesses")


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_a_guess_is_shown_beside_the_result(capsys: pytest.CaptureFixture[str]) -> None:
    guesses.guess("flips", 20)
    guesses.observed("flips", -37, "images")
    printed = capsys.readouterr().out
    assert "Your guess: 20.\n" in printed
    assert "Your guess: 20 images. Observed: -37 images. They differ by 57 images." in printed


def test_a_guess_can_change_until_the_result_is_shown(capsys: pytest.CaptureFixture[str]) -> None:
    for answer in (1, 2):
        guesses.guess("order", answer)
    guesses.observed("order", 3.25)
    guesses.guess("order", 3.25)
    printed = capsys.readouterr().out
    assert "They differ by 1.25." in printed
    assert printed.endswith("Your guess stays 2: you have seen the result.\n")


def test_without_a_guess_the_notebook_goes_on(capsys: pytest.CaptureFixture[str]) -> None:
    guesses.guess("winner", None)
    guesses.observed("winner", "no pooling")
    printed = capsys.readouterr().out
    assert "Replace None by your guess" in printed
    assert "Observed: no pooling. You made no guess." in printed


def test_words_are_compared_by_the_reader(capsys: pytest.CaptureFixture[str]) -> None:
    guesses.guess("winner", "max pooling")
    guesses.observed("winner", "no pooling")
    assert "Your guess: max pooling. Observed: no pooling. If they disagree" in capsys.readouterr().out


def test_a_broken_file_is_as_good_as_none(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "guesses.json").write_text("[1, 2")
    guesses.guess("winner", "max pooling")
    assert "Your guess: max pooling." in capsys.readouterr().out
