"""Prove the checks of an assignment: each known answer gets exactly its known score, and junk breaks no check.

The reference must get all points, the stub none, each of wrong/ its points and its message, each of right/ all points.
Then every value of the reference's observations is replaced by junk of every type, and no check may break on it.
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
    """The result for one known answer, or for one kind of junk; an empty ``wrong`` means that it passed."""

    name: str
    points: float
    expected: float
    wrong: str = ""
    """what differs from what is expected"""


def verify(grader: Grader, only: str = "", every: int = 1) -> Iterator[CaseResult]:
    """Grade every known answer, then junk; yield the results as they come.

    Args:
        only: grade only known answers whose name contains this, and no junk.
        every: above 1, a sample: the reference, the stub, and one in ``every`` of the other answers and of the junk.
    """
    paths, dataset = grader.settings.paths, grader.settings.dataset
    cases = known_answers.read_known_answers(grader.settings.assignment, paths)
    left_out = {case.name for number, case in enumerate(cases[2:]) if number % every}
    weights = known_answers.reference_weights(paths, dataset)
    with tempfile.TemporaryDirectory() as scratch:
        for number, case in enumerate(cases):
            if only in case.name and case.name not in left_out:
                folder = known_answers.write_answer(case, paths, weights, Path(scratch) / str(number))
                yield compare(case, grader.grade_one(folder, f"verify {case.name}"))
        if not only:
            yield from _junk(
                grader, known_answers.write_answer(cases[0], paths, weights, Path(scratch) / "junk"), every
            )


def compare(case: KnownAnswer, record: GradeRecord) -> CaseResult:
    """Compare a record with what its known answer must get."""
    lost = {question.name: question.possible - question.points for question in record.questions}
    messages = "\n".join([*record.problems, *(result.message for result in record.results)])
    wrong = ""
    if record.status != "graded":
        wrong = record.reason
    elif case.message not in messages:
        wrong = f"no message says {case.message!r}"
    elif case.lost and {name: points for name, points in lost.items() if points} != case.lost:
        wrong = f"lost {_listed(lost)}; expected {_listed(case.lost)}"
    elif record.points != case.points:
        wrong = f"lost {_listed(lost)}"
    return CaseResult(name=case.name, points=record.points, expected=case.points, wrong=wrong)


def _listed(lost: dict[str, float]) -> str:
    return ", ".join(f"{name} {points:g}" for name, points in sorted(lost.items()) if points) or "nothing"


def _junk(grader: Grader, folder: Path, every: int) -> Iterator[CaseResult]:
    """Replace each value of each probe by each kind of junk; run the checks that use the probe."""
    files = grader.folders.student(grader.grade_one(folder, "verify junk").key)
    run, tensors = storage.read(JailRun, files.run), unpack(files.observations.read_bytes())
    used = grader.judge.check(run, files).used
    junk_tensors = {f"{probe.name}/{name}": tensor for probe in run.probes for name, tensor in _JUNK_TENSORS.items()}
    write_run(run, tensors | junk_tensors, files)
    values = [(probe.name, key) for probe in run.probes for key in run.values[probe.name]]
    for number, (probe, key) in enumerate(values):
        if junk := _RAW_JUNK[number % every :: every]:
            checks = tuple(check for check, probes in used.items() if probe in probes)
            swaps = tuple(Swap(probe=probe, key=key, value=value) for value in junk)
            results = grader.judge.check(run, files, checks, swaps).results
            broken = [f"{result.check}: {result.message}" for result in results if result.verdict == "broken"]
            yield CaseResult(
                name=f"junk in {probe}.{key}",
                points=len(results) - len(broken),
                expected=len(checks) * len(swaps),
                wrong="; ".join(broken[:2]),
            )
