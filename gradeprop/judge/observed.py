"""The observations that a hidden check asks for by the name of a probe: of one submission, and of the reference.

An error of the instructor's is told from a student's by the reference: a probe that fails for the reference, too, or a
name that does not exist there, breaks the check.
"""

import difflib
import functools
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import msgspec
from safetensors.torch import load
from torch import Tensor

from gradeprop.core.models import ProbeResult, ProbeStatus, Verdict
from gradeprop.judge.accessors import Seen
from gradeprop.judge.assertions import CheckFailed, break_off

RanProbe = tuple[ProbeStatus, str, dict[str, Any], bytes]
"""status, message, values as JSON has them, tensors as safetensors"""
_VERDICTS: dict[str, Verdict] = {"error": "error", "timeout": "timeout", "crash": "crash", "absent": "missing"}


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

    def __init__(self, observed: Observed, run: Callable[[str], RanProbe] | None = None) -> None:
        """Take the observations under one seed; ``run`` runs a probe under the seed that counts, if that is another."""
        self._observed = observed
        self._decoded = functools.cache(observed.decoded)
        self._run = run and functools.cache(run)

    def under(self, run: Callable[[str], RanProbe]) -> "Expected":
        """Return the observations under another seed, of which ``run`` makes those that are asked for."""
        return Expected(self._observed, run)

    def __call__(self, name: str) -> Seen:
        """Return the values of a probe for the reference.

        Raises:
            BrokenCheck: there is no such probe, it fails, or it needs files of a submission.
        """
        if (known := self.known(name)) is None:
            why = self._observed.probes[name].message
            break_off(f"expected({name!r}) does not exist, since the reference has no submitted files: {why}")
        if self._run is None:
            return Seen(known, self._observed.tensors_of(name), known, is_reference=True)
        status, message, values, blob = self._run(name)
        if status != "ok":
            break_off(f"the probe {name!r} fails for the reference: {message}")
        tensors = load(blob) if blob else {}
        return Seen(values, tensors.__getitem__, values, is_reference=True)

    def known(self, name: str) -> Mapping[str, object] | None:
        """Return all that a probe returned for the reference; None if it needs files of a submission.

        Raises:
            BrokenCheck: there is no such probe, or it fails.
        """
        probe = self._observed.probes.get(name)
        if probe is None:
            break_off(f"there is no probe {name!r} in probes.py{_suggestion(name, self._observed.probes)}")
        if probe.status not in ("ok", "absent"):
            break_off(f"the probe {name!r} fails for the reference: {probe.message}")
        return self._decoded(name) if probe.status == "ok" else None

    @property
    def absent(self) -> frozenset[str]:
        """The probes that need files of a submission, which the reference does not have."""
        return frozenset(name for name, probe in self._observed.probes.items() if probe.status == "absent")


def _suggestion(name: str, known: Iterable[str]) -> str:
    """Return the end of a sentence: "; did you mean …?", or a full stop if nothing is similar."""
    similar = difflib.get_close_matches(name, list(known), n=1)
    return f"; did you mean {similar[0]!r}?" if similar else "."


def _decode(raw: msgspec.Raw) -> object:
    try:
        return msgspec.json.decode(raw)
    except (msgspec.MsgspecError, ValueError, RecursionError):
        return {"$type": "something that cannot be read"}
