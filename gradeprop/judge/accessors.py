"""The observations of one submission as a hidden check reads them.

    seen = observed("forward")                      what the probe ``forward`` returned
    logits = seen.tensor("logits", shape=(7, 10))   type, shape and finiteness hold, or the check fails with a message

Observations are untrusted: an accessor returns a value of the type that it promises, or fails the check. Those of the
reference are ours: where they do not hold what a check asks for, the check is broken, and nobody loses points.
"""

import difflib
import functools
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NoReturn

import msgspec
import torch
from torch import Tensor

from gradeprop.core.models import ProbeResult, Verdict
from gradeprop.judge.assertions import CheckFailed, break_off, fail

_VERDICTS: dict[str, Verdict] = {"error": "error", "timeout": "timeout", "crash": "crash", "absent": "missing"}
_MAX_TEXT = 2_000
_MAX_ITEMS = 10_000
_MAX_NUMBER = 1e38  # so that a check can square it; float32 ends here, too
_MAX_INTEGER = 2**63 - 1
_NUMBER_WORDS = {"nan": math.nan, "inf": math.inf, "-inf": -math.inf}


class Seen:
    """The named values that one probe returned."""

    __slots__ = ("_fail", "_is_reference", "_known", "_tensors", "_values")

    def __init__(
        self,
        values: Mapping[str, object],
        tensors: Callable[[str], Tensor],
        known: Mapping[str, object] | None = None,
        is_reference: bool = False,
    ) -> None:
        """Take untrusted values.

        Args:
            tensors: returns the tensor with a name, or raises KeyError.
            known: what the reference returned; a check that asks for any other name is broken. None: not known.
            is_reference: these are the values of the reference itself.
        """
        self._values, self._tensors, self._known, self._is_reference = values, tensors, known, is_reference
        self._fail: Callable[[str], NoReturn] = break_off if is_reference else fail

    def has(self, name: str) -> bool:
        """Return True if the probe returned a value of that name that is not None."""
        return (self._values.get(name) if self._is_reference else self._value(name)) is not None

    def dtype(self, name: str) -> torch.dtype:
        """Return the type of a tensor as the probe returned it."""
        return self._stored(name, self._value(name)).dtype

    def tensor(self, name: str, shape: Sequence[int | None] | None = None, dtype: torch.dtype | None = None) -> Tensor:
        """Return a tensor with finite values.

        Args:
            shape: -1 or None in it stand for any size; None alone for any shape.
            dtype: exactly this type; without it any real type is accepted and becomes float32, so that a check can
                compute with it. Whole numbers of the reference stay what they are.
        """
        return self._tensor(name, self._value(name), shape, dtype)

    def tensors(self, name: str) -> dict[str, Tensor]:
        """Return a dict of tensors, in the student's order."""
        value = self._value(name)
        if not isinstance(value, dict) or "$tensor" in value or "$type" in value:
            self._fail(f"{name} should be a dict of tensors, and is {_kind(value)}.")
        return {key: self._tensor(f"{name}[{key!r}]", item, None, None) for key, item in value.items()}

    def number(self, name: str, low: float = -math.inf, high: float = math.inf) -> float:
        """Return a finite number from ``low`` to ``high``, both included."""
        return self._number(name, self._value(name), low, high)

    def numbers(self, name: str, length: int | None = None) -> list[float]:
        """Return a list of finite numbers."""
        return [self._number(f"{name}[{i}]", value) for i, value in enumerate(self._list(name, length))]

    def integer(self, name: str, low: float = -math.inf, high: float = math.inf) -> int:
        """Return a whole number from ``low`` to ``high``, both included."""
        value = self._value(name)
        if isinstance(value, dict) and "$tensor" in value:
            value = self._scalar(name, value)
        if isinstance(value, bool) or not isinstance(value, int):
            self._fail(f"{name} should be a whole number, and is {_kind(value)}.")
        self._number(name, value, max(low, -_MAX_INTEGER), min(high, _MAX_INTEGER))
        return value

    def flag(self, name: str) -> bool:
        """Return True or False."""
        value = self._value(name)
        if not isinstance(value, bool):
            self._fail(f"{name} should be True or False, and is {_kind(value)}.")
        return value

    def text(self, name: str) -> str:
        """Return a string, cut at 2,000 characters."""
        return self._text(name, self._value(name))

    def texts(self, name: str) -> list[str]:
        """Return a list of strings."""
        return [self._text(name, text) for text in self._list(name, None)]

    def items(self, name: str, length: int | None = None) -> list["Seen"]:
        """Return a list of dicts, each with these same accessors."""
        items = self._list(name, length)
        for item in items:
            if not isinstance(item, dict):
                self._fail(f"{name} should be a list of dicts, and holds {_kind(item)}.")
        known = _merged(self._known.get(name)) if self._known is not None else None
        return [Seen(item, self._tensors, known, self._is_reference) for item in items]

    def _value(self, name: str) -> object:
        """Return a value as it was decoded.

        Raises:
            BrokenCheck: the probe does not return that name for the reference.
        """
        if self._known is not None and name not in self._known:
            known = ", ".join(map(repr, self._known)) or "nothing"
            break_off(f"the probe does not return {name!r} for the reference; it returns {known}.")
        return self._values.get(name)

    def _text(self, name: str, value: object) -> str:
        if not isinstance(value, str):
            self._fail(f"{name} should be a string, and is {_kind(value)}.")
        return value[:_MAX_TEXT]

    def _list(self, name: str, length: int | None) -> list[Any]:
        value = self._value(name)
        if not isinstance(value, list):
            self._fail(f"{name} should be a list, and is {_kind(value)}.")
        if length is not None and len(value) != length:
            self._fail(f"{name} has {len(value)} entries; expected {length}.")
        if len(value) > _MAX_ITEMS:
            self._fail(f"{name} has {len(value)} entries; the maximum is {_MAX_ITEMS}.")
        return value

    def _number(self, name: str, value: object, low: float = -math.inf, high: float = math.inf) -> float:
        if isinstance(value, dict) and "$tensor" in value:
            value = self._scalar(name, value)
        if isinstance(value, str):
            value = _NUMBER_WORDS.get(value, value)
        if isinstance(value, bool) or not isinstance(value, int | float):
            self._fail(f"{name} should be a number, and is {_kind(value)}.")
        if isinstance(value, float) and not math.isfinite(value):
            self._fail(f"{name} is not a finite number.")
        if abs(value) > _MAX_NUMBER:
            self._fail(f"{name} is too large: it should be below {_MAX_NUMBER:g}.")
        number = float(value)
        if not low <= number <= high:
            self._fail(f"{name} is {number:.6g}; it should be between {low:g} and {high:g}.")
        return number

    def _scalar(self, name: str, value: object) -> float | int | bool:
        tensor = self._stored(name, value)
        if tensor.numel() != 1 or tensor.is_complex():
            self._fail(f"{name} should be one number, and is {_kind(value)} with {tensor.numel()} values.")
        return tensor.item()

    def _stored(self, name: str, value: object) -> Tensor:
        if not isinstance(value, dict) or not isinstance(number := value.get("$tensor"), str):
            self._fail(f"{name} should be a tensor, and is {_kind(value)}.")
        try:
            return self._tensors(number)
        except KeyError:
            self._fail(f"{name} should be a tensor, and was not returned.")

    def _tensor(
        self, name: str, value: object, shape: Sequence[int | None] | None, dtype: torch.dtype | None
    ) -> Tensor:
        tensor = self._stored(name, value)
        wanted = None if shape is None else [None if size in (None, -1) else size for size in shape]
        if wanted is not None and not _fits(list(tensor.shape), wanted):
            sizes = ", ".join("any" if size is None else str(size) for size in wanted)
            self._fail(f"{name} has the shape {list(tensor.shape)}; expected [{sizes}].")
        if dtype is not None and tensor.dtype != dtype:
            self._fail(f"{name} has the type {_short(tensor.dtype)}; expected {_short(dtype)}.")
        if tensor.is_complex():
            self._fail(f"{name} holds complex numbers; expected real ones.")
        stays = dtype is not None or (self._is_reference and not tensor.is_floating_point())
        tensor = tensor if stays else tensor.to(torch.float32)
        if not torch.isfinite(tensor.to(torch.float32)).all():
            self._fail(f"{name} holds NaN or infinite values.")
        return tensor


class Observed:
    """The observations of one submission: call it with the name of a probe."""

    def __init__(
        self,
        probes: Sequence[ProbeResult],
        values: Mapping[str, Mapping[str, msgspec.Raw]],
        tensors: Callable[[str], Tensor],
        ended: str = "",
        expected: "Expected | None" = None,
    ) -> None:
        """Take what one submission returned.

        Args:
            tensors: returns the tensor with the name ``probe/key``, or raises KeyError.
            ended: why the whole run ended early, for the student.
            expected: what the reference returned, by which an error of the instructor's is told from a student's.
        """
        self.probes = {probe.name: probe for probe in probes}
        self._values, self._tensors, self._ended, self._expected = values, tensors, ended, expected
        self.used: set[str] = set()

    def swapped(self, probe: str = "", key: str = "", value: msgspec.Raw | None = None) -> "Observed":
        """Return the same observations with no probe used yet, and one value replaced if ``value`` is given."""
        swap = {probe: {**self._values.get(probe, {}), key: value}} if value is not None else {}
        values = {**self._values, **swap}
        return Observed(tuple(self.probes.values()), values, self._tensors, self._ended, self._expected)

    def __call__(self, name: str) -> Seen:
        """Return the values of a probe; if the probe did not succeed, the check fails with the student's own error.

        Raises:
            BrokenCheck: there is no such probe, or it fails for the reference, too.
        """
        self.used.add(name)
        known = self._expected.known(name) if self._expected else None
        probe = self.probes.get(name)
        if probe is None:
            raise CheckFailed(self._ended or "Your code ended before it reached this check.", "crash")
        if probe.status != "ok":
            raise CheckFailed(probe.message or "Your code did not finish.", _VERDICTS[probe.status])
        return Seen(self.decoded(name), self.tensors_of(name), known)

    def decoded(self, name: str) -> dict[str, object]:
        """Return the values of a probe as they are."""
        return {key: _decode(raw) for key, raw in self._values.get(name, {}).items()}

    def tensors_of(self, name: str) -> Callable[[str], Tensor]:
        """Return the function that returns a tensor of a probe by its name."""
        return lambda number: self._tensors(f"{name}/{number}")


class Expected:
    """The observations of the reference: call it with the name of a probe."""

    def __init__(self, observed: Observed) -> None:
        self._observed = observed
        self._decoded = functools.cache(observed.decoded)

    def __call__(self, name: str) -> Seen:
        """Return the values of a probe for the reference.

        Raises:
            BrokenCheck: there is no such probe, it fails, or it needs files of a submission.
        """
        if (known := self.known(name)) is None:
            why = self._observed.probes[name].message
            break_off(f"expected({name!r}) does not exist, since the reference has no submitted files: {why}")
        return Seen(known, self._observed.tensors_of(name), known, is_reference=True)

    def known(self, name: str) -> Mapping[str, object] | None:
        """Return all that a probe returned for the reference; None if it needs files of a submission.

        Raises:
            BrokenCheck: there is no such probe, or it fails.
        """
        probe = self._observed.probes.get(name)
        if probe is None:
            break_off(f"there is no probe {name!r} in probes.py{suggestion(name, self._observed.probes)}.")
        if probe.status not in ("ok", "absent"):
            break_off(f"the probe {name!r} fails for the reference: {probe.message}")
        return self._decoded(name) if probe.status == "ok" else None

    @property
    def absent(self) -> frozenset[str]:
        """The probes that need files of a submission, which the reference does not have."""
        return frozenset(name for name, probe in self._observed.probes.items() if probe.status == "absent")


def suggestion(name: str, known: Iterable[str]) -> str:
    """Return "; did you mean …?" as the end of a sentence without a full stop; empty if nothing is similar."""
    similar = difflib.get_close_matches(name, list(known), n=1)
    return f"; did you mean {similar[0]!r}?" if similar else ""


def _merged(items: object) -> dict[str, object] | None:
    """Return all keys of a list of dicts, each with its last value; the entries of lists are joined."""
    found: dict[str, object] = {}
    for item in items if isinstance(items, list) else ():
        for key, value in item.items() if isinstance(item, dict) else ():
            before = found.get(key)
            found[key] = before + value if isinstance(before, list) and isinstance(value, list) else value
    return found or None


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
