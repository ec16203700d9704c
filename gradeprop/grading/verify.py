"""Proof that the checks are right: every known answer gets exactly what it must, and junk breaks nothing.

The reference gets all points, the stub none, each of wrong/ its points and its message, each of right/ all points; then
every value of the reference's observations is replaced by junk of every type, and no check may break on it.
"""

import tempfile
from collections.abc import Iterator
from pathlib import Path

import msgspec

from gradeprop.core import storage
from gradeprop.core.models import GradeRecord, JailRun, Record
from gradeprop.core.observations import RawTensor, unpack, write_run
from gradeprop.course import known_answers
from gradeprop.course.known_answers import KnownAnswer
from gradeprop.grading.grader import Grader
from gradeprop.judge.protocol import Swap

_JUNK: tuple[object, ...] = (
    None, True, -1, 10**30, 1.5, "nan", "-inf", "text", "", [], [None] * 3, [[1]], {}, {"a": 1}, {"$type": "Evil"},
    {"$tensor": "no such"}, {"$tensor": 7}, "x" * 5_000, [1.0] * 20_000, "<script>alert(1)</script>",
    {"$tensor": "junk-f32"}, {"$tensor": "junk-nan"}, {"$tensor": "junk-empty"}, {"$tensor": "junk-bool"},
    {"$tensor": "junk-i64"}, {"$tensor": "junk-f16"}, {"$tensor": "junk-scalar"}, {"weight": {"$tensor": "junk-f32"}},
)  # fmt: skip
_RAW_JUNK = tuple(msgspec.Raw(msgspec.json.encode(junk)) for junk in _JUNK)
_JUNK_TENSORS = {
    "junk-f32": RawTensor("F32", (2, 3), b"\0" * 24),
    "junk-nan": RawTensor("F32", (2,), b"\xff" * 8),
    "junk-empty": RawTensor("F32", (0, 4), b""),
    "junk-bool": RawTensor("BOOL", (3,), b"\1\0\1"),
    "junk-i64": RawTensor("I64", (2,), b"\x7f" * 16),
    "junk-f16": RawTensor("F16", (2,), b"\0" * 4),
    "junk-scalar": RawTensor("F64", (), b"\0" * 8),
}


class CaseResult(Record, frozen=True, kw_only=True):
    """What verify says of one case: no ``wrong`` sentence means that it holds."""

    name: str
    points: float
    expected: float
    wrong: str = ""


def verify(grader: Grader, only: str = "", every: int = 1) -> Iterator[CaseResult]:
    """Prove every case, then junk, or the cases whose name contains ``only``; a verdict each, as they come.

    With ``every`` above 1, a sample: the reference, the stub, and one in so many of the others and of the junk.
    """
    all_cases = known_answers.read_known_answers(grader.assignment, grader.paths)
    left_out = {case.name for number, case in enumerate(all_cases[2:]) if number % every}
    reference = known_answers.reference_weights(grader.paths, grader.dataset)
    with tempfile.TemporaryDirectory() as scratch:
        for number, case in enumerate(all_cases):
            if only in case.name and case.name not in left_out:
                folder = known_answers.write_answer(case, grader.paths, reference, Path(scratch) / str(number))
                yield judge_case(case, grader.grade_one(folder, f"verify {case.name}"))
        if not only:
            yield from _junk(
                grader, known_answers.write_answer(all_cases[0], grader.paths, reference, Path(scratch) / "junk"), every
            )


def judge_case(case: KnownAnswer, record: GradeRecord) -> CaseResult:
    """Hold a record against what its case must get."""
    lost = {question.name: question.possible - question.points for question in record.questions}
    messages = "\n".join([*record.problems, *(result.message for result in record.results)])
    wrong = ""
    if record.status != "graded":
        wrong = record.reason
    elif case.message not in messages:
        wrong = f"no message says {case.message!r}"
    elif case.lost and {name: points for name, points in lost.items() if points} != case.lost:
        wrong = f"lost {_shown(lost)}; expected {_shown(case.lost)}"
    elif record.points != case.points:
        wrong = f"lost {_shown(lost)}"
    return CaseResult(name=case.name, points=record.points, expected=case.points, wrong=wrong)


def _shown(lost: dict[str, float]) -> str:
    return ", ".join(f"{name} {points:g}" for name, points in sorted(lost.items()) if points) or "nothing"


def _junk(grader: Grader, folder: Path, every: int) -> Iterator[CaseResult]:
    """Replace each value of each probe by each kind of junk; judge the checks that look at the probe."""
    kept = grader.kept(grader.grade_one(folder, "verify junk").key)
    run, tensors = storage.read(JailRun, kept.run), unpack(kept.observations.read_bytes())
    used = grader.judge.check(run, kept).used
    junk_of = {f"{probe.name}/{name}": tensor for probe in run.probes for name, tensor in _JUNK_TENSORS.items()}
    write_run(run, tensors | junk_of, kept)
    seen = [(probe.name, key) for probe in run.probes for key in run.values[probe.name]]
    for number, (probe, key) in enumerate(seen):
        if junk := _RAW_JUNK[number % every :: every]:
            checks = tuple(check for check, probes in used.items() if probe in probes)
            swaps = tuple(Swap(probe=probe, key=key, value=value) for value in junk)
            results = grader.judge.check(run, kept, checks, swaps).results
            broken = [f"{result.check}: {result.message}" for result in results if result.verdict == "broken"]
            yield CaseResult(
                name=f"junk in {probe}.{key}",
                points=len(results) - len(broken),
                expected=len(checks) * len(swaps),
                wrong="; ".join(broken[:2]),
            )
