"""The values that a probe returned, as a hidden check reads them.

    seen = observed("forward")                      what the probe ``forward`` returned
    logits = seen.tensor("logits", shape=(7, 10))   type, shape and finiteness hold, or the check fails with a message

Observations are untrusted: an accessor returns a value of the type that it promises, or fails the check. Those of the
reference are ours: where they do not hold what a check asks for, the check is broken, and nobody loses points.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NoReturn

import torch
from torch import Tensor

from gradeprop.judge.assertions import break_off, fail

Shape = Sequence[int | None]
"""sizes; None or -1 for any"""

_Type = torch.dtype | None
_ANY = (None, -1)
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
        """Take values; any name that is not in ``known``, the values of the reference, breaks a check."""
        self._values, self._tensors, self._known, self._is_reference = values, tensors, known, is_reference
        self._fail: Callable[[str], NoReturn] = break_off if is_reference else fail

    def has(self, name: str) -> bool:
        """Return True if the probe returned a value of that name that is not None."""
        return (self._values.get(name) if self._is_reference else self._value(name)) is not None

    def dtype(self, name: str) -> torch.dtype:
        """Return the type of a tensor as the probe returned it."""
        return self._stored(name, self._value(name)).dtype

    def tensor(self, name: str, shape: Shape | None = None, dtype: torch.dtype | None = None) -> Tensor:
        """Return a tensor with finite values, as float32, so that a check can compute with it.

        Args:
            shape: -1 or None in it stand for any size; None alone for any shape.
            dtype: exactly this type, which it keeps; without it any real type is accepted, and whole numbers of the
                reference stay whole.
        """
        return self._tensor(name, self._value(name), shape, dtype)

    def tensors(self, name: str, as_stored: bool = False) -> dict[str, Tensor]:
        """Return a dict of tensors; ``as_stored`` keeps types, and values such as the -inf of an attention mask."""
        value = self._value(name)
        if not isinstance(value, dict) or "$tensor" in value or "$type" in value:
            self._fail(f"{name} should be a dict of tensors, and is {_kind(value)}.")
        return {key: self._tensor(f"{name}[{key!r}]", item, as_stored=as_stored) for key, item in value.items()}

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

    def flags(self, name: str) -> list[bool]:
        """Return a list of True and False."""
        return [Seen({name: value}, self._tensors).flag(name) for value in self._list(name, None)]

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
        """Return a value as it was decoded; a name that the reference does not have breaks the check."""
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
        if len(value) > _MAX_ITEMS or length not in (None, len(value)):
            wanted = f"the maximum is {_MAX_ITEMS}" if length is None else f"expected {length}"
            self._fail(f"{name} has {len(value)} entries; {wanted}.")
        return value

    def _number(self, name: str, value: object, low: float = -math.inf, high: float = math.inf) -> float:
        if isinstance(value, dict) and "$tensor" in value:
            value = self._scalar(name, value)
        if isinstance(value, str):
            value = _NUMBER_WORDS.get(value, value)
        if isinstance(value, bool) or not isinstance(value, int | float):
            self._fail(f"{name} should be a number, and is {_kind(value)}.")
        if not abs(value) <= _MAX_NUMBER:
            self._fail(f"{name} is not a finite number below {_MAX_NUMBER:g}.")
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
        self, name: str, value: object, shape: Shape | None = None, dtype: _Type = None, as_stored: bool = False
    ) -> Tensor:
        tensor = self._stored(name, value)
        flaw = _flaw(tensor, shape, dtype)
        if not flaw and not as_stored and not torch.isfinite(tensor.to(torch.float32)).all():
            flaw = "holds NaN or infinite values"
        if flaw:
            self._fail(f"{name} {flaw}.")
        keep = as_stored or dtype is not None or (self._is_reference and not tensor.is_floating_point())
        return tensor if keep else tensor.to(torch.float32)


def _flaw(tensor: Tensor, shape: Shape | None, dtype: torch.dtype | None) -> str:
    """Say what is wrong with a tensor, as a clause; empty if nothing is."""
    if shape is not None and not _fits(tensor.shape, shape):
        sizes = ", ".join("any" if size in _ANY else str(size) for size in shape)
        return f"has the shape {list(tensor.shape)}; expected [{sizes}]"
    if dtype is not None and tensor.dtype != dtype:
        return f"has the type {_short(tensor.dtype)}; expected {_short(dtype)}"
    return "holds complex numbers; expected real ones" if tensor.is_complex() else ""


def _merged(items: object) -> dict[str, object] | None:
    """Return all keys of a list of dicts, each with its last value; the entries of lists are joined."""
    found: dict[str, object] = {}
    for item in items if isinstance(items, list) else ():
        for key, value in item.items() if isinstance(item, dict) else ():
            before = found.get(key)
            found[key] = before + value if isinstance(before, list) and isinstance(value, list) else value
    return found or None


def _fits(shape: Sequence[int], wanted: Sequence[int | None]) -> bool:
    return len(shape) == len(wanted) and all(w in _ANY or s == w for s, w in zip(shape, wanted, strict=True))


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
