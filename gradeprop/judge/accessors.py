"""The observations of one submission as a hidden check reads them.

    seen = observed("forward")                      what the probe ``forward`` returned
    logits = seen.tensor("logits", shape=(7, 10))   type, shape and finiteness hold, or the check fails with a message

Observations are untrusted: an accessor returns a value of the type that it promises, or fails the check.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import msgspec
import torch
from torch import Tensor

from gradeprop.core.models import ProbeResult, Verdict
from gradeprop.judge.assertions import CheckFailed, fail

_VERDICTS: dict[str, Verdict] = {"error": "error", "timeout": "timeout", "crash": "crash", "absent": "missing"}
_MAX_TEXT = 2_000
_MAX_ITEMS = 10_000
_NUMBER_WORDS = {"nan": math.nan, "inf": math.inf, "-inf": -math.inf}


class Seen:
    """The named values that one probe returned; all of them are untrusted."""

    __slots__ = ("_tensors", "_values")

    def __init__(self, values: Mapping[str, object], tensors: Callable[[str], Tensor]) -> None:
        self._values, self._tensors = values, tensors

    def has(self, name: str) -> bool:
        """Return True if the probe returned a value of that name that is not None."""
        return self._values.get(name) is not None

    def tensor(self, name: str, shape: Sequence[int | None] | None = None, dtype: torch.dtype | None = None) -> Tensor:
        """Return a tensor with finite values.

        Args:
            shape: -1 or None in it stand for any size; None alone for any shape.
            dtype: exactly this type; without it any real type is accepted, and floats become float32.
        """
        return self._tensor(name, self._values.get(name), shape, dtype)

    def tensors(self, name: str) -> dict[str, Tensor]:
        """Return a dict of tensors, in the student's order."""
        value = self._values.get(name)
        if not isinstance(value, dict) or "$tensor" in value or "$type" in value:
            fail(f"{name} should be a dict of tensors, and is {_kind(value)}.")
        return {key: self._tensor(f"{name}[{key!r}]", item, None, None) for key, item in value.items()}

    def number(self, name: str, low: float = -math.inf, high: float = math.inf) -> float:
        """Return a finite number from ``low`` to ``high``, both included."""
        return self._number(name, self._values.get(name), low, high)

    def numbers(self, name: str, length: int | None = None) -> list[float]:
        """Return a list of finite numbers."""
        return [self._number(f"{name}[{i}]", value) for i, value in enumerate(self._list(name, length))]

    def integer(self, name: str, low: float = -math.inf, high: float = math.inf) -> int:
        """Return a whole number from ``low`` to ``high``, both included."""
        value = self._values.get(name)
        if isinstance(value, dict) and "$tensor" in value:
            value = self._scalar(name, value)
        if isinstance(value, bool) or not isinstance(value, int):
            fail(f"{name} should be a whole number, and is {_kind(value)}.")
        self._number(name, value, low, high)
        return value

    def flag(self, name: str) -> bool:
        """Return True or False."""
        value = self._values.get(name)
        if not isinstance(value, bool):
            fail(f"{name} should be True or False, and is {_kind(value)}.")
        return value

    def flags(self, name: str) -> list[bool]:
        """Return a list of True and False."""
        return [Seen({name: value}, self._tensors).flag(name) for value in self._list(name, None)]

    def text(self, name: str) -> str:
        """Return a string, cut at 2,000 characters."""
        value = self._values.get(name)
        if not isinstance(value, str):
            fail(f"{name} should be a string, and is {_kind(value)}.")
        return value[:_MAX_TEXT]

    def texts(self, name: str) -> list[str]:
        """Return a list of strings."""
        return [Seen({name: text}, self._tensors).text(name) for text in self._list(name, None)]

    def items(self, name: str, length: int | None = None) -> list["Seen"]:
        """Return a list of dicts, each with these same accessors."""
        items = self._list(name, length)
        for item in items:
            if not isinstance(item, dict):
                fail(f"{name} should be a list of dicts, and holds {_kind(item)}.")
        return [Seen(item, self._tensors) for item in items]

    def _list(self, name: str, length: int | None) -> list[Any]:
        value = self._values.get(name)
        if not isinstance(value, list):
            fail(f"{name} should be a list, and is {_kind(value)}.")
        if length is not None and len(value) != length:
            fail(f"{name} has {len(value)} entries; expected {length}.")
        if len(value) > _MAX_ITEMS:
            fail(f"{name} has {len(value)} entries; the maximum is {_MAX_ITEMS}.")
        return value

    def _number(self, name: str, value: object, low: float = -math.inf, high: float = math.inf) -> float:
        if isinstance(value, dict) and "$tensor" in value:
            value = self._scalar(name, value)
        if isinstance(value, str):
            value = _NUMBER_WORDS.get(value, value)
        if isinstance(value, bool) or not isinstance(value, int | float):
            fail(f"{name} should be a number, and is {_kind(value)}.")
        number = float(value) if abs(value) < 1e300 else math.inf
        if not math.isfinite(number):
            fail(f"{name} is not a finite number.")
        if not low <= number <= high:
            fail(f"{name} is {number:.6g}; it should be between {low:g} and {high:g}.")
        return number

    def _scalar(self, name: str, value: object) -> float | int | bool:
        tensor = self._tensor(name, value, None, None)
        if tensor.numel() != 1:
            fail(f"{name} should be one number, and is {_kind(value)} with {tensor.numel()} values.")
        return tensor.item()

    def _tensor(
        self, name: str, value: object, shape: Sequence[int | None] | None, dtype: torch.dtype | None
    ) -> Tensor:
        if not isinstance(value, dict) or not isinstance(number := value.get("$tensor"), str):
            fail(f"{name} should be a tensor, and is {_kind(value)}.")
        try:
            tensor = self._tensors(number)
        except KeyError:
            fail(f"{name} should be a tensor, and was not returned.")
        wanted = None if shape is None else [None if size in (None, -1) else size for size in shape]
        if wanted is not None and not _fits(list(tensor.shape), wanted):
            sizes = ", ".join("any" if size is None else str(size) for size in wanted)
            fail(f"{name} has the shape {list(tensor.shape)}; expected [{sizes}].")
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
        """Take what one submission returned.

        Args:
            tensors: returns the tensor with the name ``probe/key``, or raises KeyError.
            ended: why the whole run ended early, for the student.
        """
        self._probes = {probe.name: probe for probe in probes}
        self._values, self._tensors, self._ended = values, tensors, ended
        self.used: set[str] = set()

    def swapped(self, probe: str = "", key: str = "", value: msgspec.Raw | None = None) -> "Observed":
        """Return the same observations with no probe used yet, and one value replaced if ``value`` is given."""
        swap = {probe: {**self._values.get(probe, {}), key: value}} if value is not None else {}
        return Observed(tuple(self._probes.values()), {**self._values, **swap}, self._tensors, self._ended)

    def __call__(self, name: str) -> Seen:
        """Return the values of a probe; if the probe did not succeed, the check fails with the student's own error."""
        self.used.add(name)
        probe = self._probes.get(name)
        if probe is None:
            raise CheckFailed(self._ended or "Your code ended before it reached this check.", "crash")
        if probe.status != "ok":
            raise CheckFailed(probe.message or "Your code did not finish.", _VERDICTS[probe.status])
        values = {key: _decode(raw) for key, raw in self._values.get(name, {}).items()}
        return Seen(values, lambda number: self._tensors(f"{name}/{number}"))


def _decode(raw: msgspec.Raw) -> object:
    try:
        return msgspec.json.decode(raw)
    except (msgspec.MsgspecError, ValueError, RecursionError):
        return {"$type": "something that cannot be read"}


def _fits(shape: list[int], wanted: list[int | None]) -> bool:
    return len(shape) == len(wanted) and all(w is None or s == w for s, w in zip(shape, wanted, strict=True))


def _short(dtype: torch.dtype) -> str:
    return str(dtype).removeprefix("torch.")


def _kind(value: object) -> str:
    """Name the type of a value, in words for a student."""
    if isinstance(value, dict):
        if "$tensor" in value:
            return "a tensor"
        return f"a value of type {str(value['$type'])[:80]}" if "$type" in value else "a dict"
    if isinstance(value, str):
        return repr(value[:80])
    return {type(None): "None", bool: "a bool", int: "an int", float: "a float", list: "a list"}.get(
        type(value), "something else"
    )
