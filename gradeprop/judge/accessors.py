"""What a hidden check sees of a submission, and how it says what is wrong.

    seen = observed("forward")                      what the probe ``forward`` sent back
    logits = seen.tensor("logits", shape=(7, 10))   type, shape and finiteness hold, or the check fails with a message
    assert_close(logits, expected, hint="Is there a ReLU after each conv?")

Nothing that comes from a submission is believed: whatever lies behind a name, an accessor returns a value of the type
it promises or fails the check.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NoReturn

import msgspec
import torch
from torch import Tensor

from gradeprop.core.models import Curves, ProbeResult, Table, Verdict

_FATE: dict[str, Verdict] = {"error": "error", "timeout": "timeout", "crash": "crash", "absent": "missing"}
_MOST_TEXT = 2_000
_MOST_ITEMS = 10_000
_MOST_MESSAGE = 5_000
_CONTROL = dict.fromkeys((*range(9), *range(11, 32), *range(127, 160)), "\ufffd")
_NUMBER_WORDS = {"nan": math.nan, "inf": math.inf, "-inf": -math.inf}


class CheckFailed(AssertionError):
    """The student's: a check did not hold. ``points`` of the check's points are kept."""

    def __init__(self, message: str, verdict: Verdict = "failed", points: float = 0) -> None:
        self.verdict, self.points = verdict, points
        super().__init__(_shown(message))


def fail(message: str) -> NoReturn:
    """End the check: it does not hold, and ``message`` tells the student why."""
    raise CheckFailed(message)


def assert_equal(got: object, expected: object, what: str, hint: str = "") -> None:
    """Fail unless ``got == expected``; the message names both, so neither may be a secret."""
    if got != expected:
        fail(_with(f"{what} is {got}; expected {expected}.", hint))


def assert_close(
    got: Tensor | float, expected: Tensor | float, hint: str = "", tolerance: float = 1e-4, what: str = "the result"
) -> None:
    """Fail unless every element lies within ``tolerance`` of the expected one, relative to its size where above 1.

    The message says how far off the values are, never what was expected. NaN is never close.
    """
    a, b = (torch.as_tensor(value, dtype=torch.float64) for value in (got, expected))
    if a.shape != b.shape:
        fail(_with(f"{what} has the shape {list(a.shape)}; expected {list(b.shape)}.", hint))
    far = ~((a - b).abs() <= tolerance * b.abs().clamp(min=1))
    if far.any():
        off = float((a - b).abs().max())
        share = f"{int(far.sum())} of {far.numel()} values of " if far.numel() > 1 else ""
        fail(_with(f"{share}{what} differ{'' if share else 's'} from what was expected, by up to {off:.3g}.", hint))


def _with(message: str, hint: str) -> str:
    return f"{message} {hint}".strip()


class Seen:
    """What one probe sent back: named values, none of them believed."""

    __slots__ = ("_tensors", "_values")

    def __init__(self, values: Mapping[str, object], tensors: Callable[[str], Tensor]) -> None:
        self._values, self._tensors = values, tensors

    def has(self, name: str) -> bool:
        """Whether a value of that name came back, and is not None."""
        return self._values.get(name) is not None

    def tensor(self, name: str, shape: Sequence[int | None] | None = None, dtype: torch.dtype | None = None) -> Tensor:
        """A tensor with finite values.

        Args:
            shape: -1 or None in it stand for any size; None alone for any shape.
            dtype: exactly this; without it any real type will do, and floats come as float32.
        """
        return self._tensor(name, self._values.get(name), shape, dtype)

    def tensors(self, name: str) -> dict[str, Tensor]:
        """A dict of tensors, in the student's order."""
        found = self._values.get(name)
        if not isinstance(found, dict) or "$tensor" in found or "$type" in found:
            fail(f"{name} should be a dict of tensors, and is {_kind(found)}.")
        return {key: self._tensor(f"{name}[{key!r}]", value, None, None) for key, value in found.items()}

    def number(self, name: str, low: float = -math.inf, high: float = math.inf) -> float:
        """A finite number between ``low`` and ``high``, both included."""
        return self._number(name, self._values.get(name), low, high)

    def numbers(self, name: str, length: int | None = None) -> list[float]:
        """A list of finite numbers."""
        return [self._number(f"{name}[{i}]", value) for i, value in enumerate(self._list(name, length))]

    def integer(self, name: str, low: float = -math.inf, high: float = math.inf) -> int:
        """A whole number between ``low`` and ``high``, both included."""
        found = self._values.get(name)
        if isinstance(found, dict) and "$tensor" in found:
            found = self._scalar(name, found)
        if isinstance(found, bool) or not isinstance(found, int):
            fail(f"{name} should be a whole number, and is {_kind(found)}.")
        self._number(name, found, low, high)
        return found

    def flag(self, name: str) -> bool:
        """True or False."""
        found = self._values.get(name)
        if not isinstance(found, bool):
            fail(f"{name} should be True or False, and is {_kind(found)}.")
        return found

    def text(self, name: str) -> str:
        """A string, cut at 2,000 characters."""
        found = self._values.get(name)
        if not isinstance(found, str):
            fail(f"{name} should be a string, and is {_kind(found)}.")
        return found[:_MOST_TEXT]

    def texts(self, name: str) -> list[str]:
        """A list of strings."""
        found = self._list(name, None)
        return [Seen({name: text}, self._tensors).text(name) for text in found]

    def items(self, name: str, length: int | None = None) -> list["Seen"]:
        """A list of dicts, each with these same accessors."""
        found = self._list(name, length)
        for item in found:
            if not isinstance(item, dict):
                fail(f"{name} should be a list of dicts, and holds {_kind(item)}.")
        return [Seen(item, self._tensors) for item in found]

    def _list(self, name: str, length: int | None) -> list[Any]:
        found = self._values.get(name)
        if not isinstance(found, list):
            fail(f"{name} should be a list, and is {_kind(found)}.")
        if length is not None and len(found) != length:
            fail(f"{name} has {len(found)} entries; expected {length}.")
        if len(found) > _MOST_ITEMS:
            fail(f"{name} has {len(found)} entries; that is more than can be looked at.")
        return found

    def _number(self, name: str, found: object, low: float = -math.inf, high: float = math.inf) -> float:
        if isinstance(found, dict) and "$tensor" in found:
            found = self._scalar(name, found)
        if isinstance(found, str):
            found = _NUMBER_WORDS.get(found, found)
        if isinstance(found, bool) or not isinstance(found, int | float):
            fail(f"{name} should be a number, and is {_kind(found)}.")
        value = float(found) if abs(found) < 1e300 else math.inf
        if not math.isfinite(value):
            fail(f"{name} is not a finite number.")
        if not low <= value <= high:
            fail(f"{name} is {value:.6g}; it should lie between {low:g} and {high:g}.")
        return value

    def _scalar(self, name: str, found: object) -> float | int | bool:
        tensor = self._tensor(name, found, None, None)
        if tensor.numel() != 1:
            fail(f"{name} should be one number, and is {_kind(found)} with {tensor.numel()} values.")
        return tensor.item()

    def _tensor(
        self, name: str, found: object, shape: Sequence[int | None] | None, dtype: torch.dtype | None
    ) -> Tensor:
        if not isinstance(found, dict) or not isinstance(number := found.get("$tensor"), str):
            fail(f"{name} should be a tensor, and is {_kind(found)}.")
        try:
            tensor = self._tensors(number)
        except KeyError:
            fail(f"{name} should be a tensor, and did not come back.")
        want = None if shape is None else [None if size in (None, -1) else size for size in shape]
        if want is not None and not _fits(list(tensor.shape), want):
            shown = ", ".join("any" if size is None else str(size) for size in want)
            fail(f"{name} has the shape {list(tensor.shape)}; expected [{shown}].")
        if dtype is not None and tensor.dtype != dtype:
            fail(f"{name} has the type {_short(tensor.dtype)}; expected {_short(dtype)}.")
        if tensor.is_complex():
            fail(f"{name} holds complex numbers; expected real ones.")
        if tensor.is_floating_point():
            tensor = tensor if dtype is not None else tensor.to(torch.float32)
            if not torch.isfinite(tensor.to(torch.float32)).all():
                fail(f"{name} holds NaN or infinite values.")
        return tensor


class Observed:
    """The observations of one submission: call it with the name of a probe."""

    def __init__(
        self,
        probes: Sequence[ProbeResult],
        values: Mapping[str, Mapping[str, msgspec.Raw]],
        tensors: Callable[[str], Tensor],
        ended: str = "",
    ) -> None:
        self._probes = {probe.name: probe for probe in probes}
        self._values, self._tensors, self._ended = values, tensors, ended
        self.used: set[str] = set()

    def swapped(self, probe: str = "", key: str = "", value: msgspec.Raw | None = None) -> "Observed":
        """The same observations, nothing used yet, with one value put in another's place."""
        swap = {probe: {**self._values.get(probe, {}), key: value}} if value is not None else {}
        return Observed(tuple(self._probes.values()), {**self._values, **swap}, self._tensors, self._ended)

    def __call__(self, name: str) -> Seen:
        """What the probe sent back; the check fails with the student's own message if it did not end well."""
        self.used.add(name)
        probe = self._probes.get(name)
        if probe is None:
            raise CheckFailed(self._ended or "Your code ended before it came to this.", "crash")
        if probe.status != "ok":
            raise CheckFailed(probe.message or "Your code did not come to an end.", _FATE[probe.status])
        values = {key: _decode(raw) for key, raw in self._values.get(name, {}).items()}
        return Seen(values, lambda number: self._tensors(f"{name}/{number}"))


class Points:
    """Lets a check keep a part of its points."""

    def part(self, points: float, message: str) -> NoReturn:
        """End the check with ``points`` of its points, and tell the student what the rest asks for."""
        raise CheckFailed(message, points=points)


class Show:
    """Puts what a check looked at on the student's feedback page."""

    def __init__(self) -> None:
        self.exhibits: list[Table | Curves] = []
        self.said = ""

    def text(self, text: str) -> None:
        """A sentence for a student whose check passes, such as the accuracy that was measured."""
        self.said = _shown(text)

    def table(self, caption: str, header: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
        """A table; every cell is shown as text."""
        shown = tuple(tuple(_shown(str(cell)) for cell in row) for row in rows)
        self.exhibits.append(Table(caption=caption, header=tuple(header), rows=shown))

    def curves(self, caption: str, x_label: str, y_label: str, series: Mapping[str, Sequence[float]]) -> None:
        """Lines over x = 1, 2, …; the values must be finite."""
        lines = {label: tuple(values) for label, values in series.items()}
        self.exhibits.append(Curves(caption=caption, x_label=x_label, y_label=y_label, series=lines))


def _shown(text: str) -> str:
    """A text that may repeat what came back: of bounded length, and it moves no cursor where it is printed."""
    return text[:_MOST_MESSAGE].translate(_CONTROL)


def _decode(raw: msgspec.Raw) -> object:
    try:
        return msgspec.json.decode(raw)
    except (msgspec.MsgspecError, ValueError, RecursionError):
        return {"$type": "something that cannot be read"}


def _fits(shape: list[int], want: list[int | None]) -> bool:
    return len(shape) == len(want) and all(w is None or s == w for s, w in zip(shape, want, strict=True))


def _short(dtype: torch.dtype) -> str:
    return str(dtype).removeprefix("torch.")


def _kind(found: object) -> str:
    """What a value is, in words for a student."""
    if isinstance(found, dict):
        if "$tensor" in found:
            return "a tensor"
        return f"a value of type {str(found['$type'])[:80]}" if "$type" in found else "a dict"
    if isinstance(found, str):
        return repr(found[:80])
    return {type(None): "None", bool: "a bool", int: "an int", float: "a float", list: "a list"}.get(
        type(found), "something else"
    )
