"""Guess before you look: ``guess("flips", 20)`` before an experiment, ``observed("flips", -37)`` after it.

Guesses earn no points. A result that differs from your guess shows you what to think about. ``guesses.json`` beside the
notebook keeps both, so that a guess cannot change once the result was shown.
"""

import json
from pathlib import Path

FILE = Path("guesses.json")
Answer = int | float | str


def guess(name: str, answer: Answer | None) -> None:
    """Record the answer that you expect: a number or a few words. With None, only say that a guess is missing.

    The first guess stays as soon as the result has been shown.
    """
    entries = _read()
    entry = entries.setdefault(name, {})
    if "observed" in entry and "guess" in entry:
        print(f"Your guess stays {_text(entry['guess'])}: you have seen the result.")
    elif answer is None:
        print("No guess yet. Replace None by your guess and run this cell before the experiment.")
    else:
        entry["guess"] = answer
        _write(entries)
        print(f"Your guess: {_text(answer)}.")


def observed(name: str, answer: Answer, unit: str = "") -> None:
    """Print your guess beside what the experiment gave; for two numbers, print how far apart they are."""
    entries = _read()
    entry = entries.setdefault(name, {})
    entry["observed"] = answer
    _write(entries)
    unit = f" {unit}".rstrip()
    if "guess" not in entry:
        print(f"Observed: {_text(answer)}{unit}. You made no guess.")
        return
    line = f"Your guess: {_text(entry['guess'])}{unit}. Observed: {_text(answer)}{unit}."
    if isinstance(answer, int | float) and isinstance(entry["guess"], int | float):
        line += f" They differ by {_text(abs(answer - entry['guess']))}{unit}."
    print(f"{line} If they disagree, what did you not think of?")


def _text(answer: Answer) -> str:
    """Write a number with thousands separators and at most five digits of a fraction; words as they are."""
    return f"{answer:,.5g}" if isinstance(answer, float) else f"{answer:,}" if isinstance(answer, int) else answer


def _read() -> dict[str, dict[str, Answer]]:
    """Read the guesses made so far; none if there is no file, or not one of ours."""
    try:
        entries = json.loads(FILE.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return entries if isinstance(entries, dict) else {}


def _write(entries: dict[str, dict[str, Answer]]) -> None:
    FILE.write_text(json.dumps(entries, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
