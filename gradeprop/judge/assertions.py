"""How a hidden check says what it found: a failure with a message, a part of the points, exhibits.

    assert_close(logits, expected, hint="Is there a ReLU after each conv?")
    points.part(2, "The network learns, but only its last layer.")

A message may repeat values of a submission, so every text is capped and stripped of control characters.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import NoReturn

import torch
from torch import Tensor

from gradeprop.core.models import Curves, Table, Verdict

_MAX_MESSAGE = 5_000
_CONTROL = dict.fromkeys((*range(9), *range(11, 32), *range(127, 160)), "\ufffd")


class CheckFailed(AssertionError):
    """A check does not hold, because of the student's work; ``points`` of its points are awarded all the same."""

    def __init__(self, message: str, verdict: Verdict = "failed", points: float = 0) -> None:
        self.verdict, self.points = verdict, points
        super().__init__(printable(message))


class BrokenCheck(Exception):
    """An error of the instructor's in a check, such as the name of a probe that does not exist."""


def break_off(message: str) -> NoReturn:
    """End the check as broken; ``message`` tells the instructor why."""
    raise BrokenCheck(message)


def fail(message: str) -> NoReturn:
    """End the check as failed; ``message`` tells the student why."""
    raise CheckFailed(message)


def assert_equal(got: object, expected: object, what: str, hint: str = "") -> None:
    """Fail unless ``got == expected``; the message names both, so neither may be a secret."""
    if got != expected:
        fail(_join(f"{what} is {got}; expected {expected}.", hint))


def assert_close(
    got: Tensor | float, expected: Tensor | float, hint: str = "", tolerance: float = 1e-4, what: str = "the result"
) -> None:
    """Fail unless every element is within ``tolerance`` of the expected one; the tolerance is relative above 1.

    The message says how far off the values are, never what was expected. NaN is never close.
    """
    a, b = (torch.as_tensor(value, dtype=torch.float64) for value in (got, expected))
    if a.shape != b.shape:
        fail(_join(f"{what} has the shape {list(a.shape)}; expected {list(b.shape)}.", hint))
    far = ~((a - b).abs() <= tolerance * b.abs().clamp(min=1))
    if far.any():
        off = float((a - b).abs().max())
        share = f"{int(far.sum())} of {far.numel()} values of " if far.numel() > 1 else ""
        fail(_join(f"{share}{what} differ{'' if share else 's'} from what was expected, by up to {off:.3g}.", hint))


def letters(text: str) -> str:
    """Return the letters and digits of a text in lower case: case, spaces and punctuation are a matter of taste."""
    return "".join(letter for letter in text.casefold() if letter.isalnum())


def is_close(got: Tensor, expected: Tensor) -> bool:
    """Return True if shapes agree and all elements do within 1e-3, relative above 1: another order of additions.

    NaN is never close.
    """
    a, b = got.double(), expected.double()
    return a.shape == b.shape and bool(((a - b).abs() <= 1e-3 * b.abs().clamp(min=1)).all())


def same_values(got: Sequence[float], expected: Sequence[float]) -> bool:
    """Return True if the lists agree within 1e-4, as they are or with ``got`` in percent."""
    return len(got) == len(expected) and any(
        all(abs(a - scale * b) < 1e-4 * scale for a, b in zip(got, expected, strict=True)) for scale in (1, 100)
    )


class Points:
    """Lets a check award a part of its points."""

    def part(self, points: float, message: str) -> NoReturn:
        """End the check with ``points`` of its points; ``message`` tells the student what the rest requires."""
        raise CheckFailed(message, points=points)


class Show:
    """Puts what a check looked at on the student's feedback page."""

    def __init__(self) -> None:
        self.exhibits: list[Table | Curves] = []
        self.message = ""
        self.flagged = ""

    def flag(self, sentence: str) -> None:
        """Ask the instructor to look at something; the student does not see it, and it costs no points."""
        self.flagged = printable(sentence)

    def text(self, text: str) -> None:
        """Show a sentence to a student whose check passes, such as the accuracy that was measured."""
        self.message = printable(text)

    def table(self, caption: str, header: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
        """Show a table; every cell becomes text."""
        cells = tuple(tuple(printable(str(cell)) for cell in row) for row in rows)
        self.exhibits.append(Table(caption=caption, header=tuple(header), rows=cells))

    def curves(self, caption: str, x_label: str, y_label: str, series: Mapping[str, Sequence[float]]) -> None:
        """Show lines over x = 1, 2, …; the check fails if a value is not finite."""
        lines = {label: tuple(values) for label, values in series.items()}
        if not all(math.isfinite(value) for values in lines.values() for value in values):
            fail(f"{caption} cannot be drawn: not every value is finite.")
        self.exhibits.append(Curves(caption=caption, x_label=x_label, y_label=y_label, series=lines))


def printable(text: str) -> str:
    """Cap a text that may repeat values of a submission, and replace control characters."""
    return text[:_MAX_MESSAGE].translate(_CONTROL)


def _join(message: str, hint: str) -> str:
    return f"{message} {hint}".strip()
