"""Prove the checks of an assignment: each known answer gets exactly its known score, and junk breaks no check.

The reference must get all points, the stub none, each of wrong/ its points and its message, each of right/ all points.
The public checks run on them, too: they should show the mistakes of wrong/, and must accept what is right.
Then every value of the reference's observations is replaced by junk of every type, and no check may break on it.
"""

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import msgspec

from gradeprop.core import storage
from gradeprop.core.models import GradeRecord, JailRun, Record
from gradeprop.core.observations import unpack, write_run
from gradeprop.course import known_answers
from gradeprop.course.known_answers import KnownAnswer
from gradeprop.grading.grader import Grader
from gradeprop.grading.junk import JUNK, JUNK_TENSORS, fills, tensor_names, variants
from gradeprop.grading.public_checks import PublicChecks
from gradeprop.judge.protocol import Swap


class PublicResult(Record, frozen=True, kw_only=True):
    """The verdict of the public checks, which students run themselves, on a known answer."""

    passed: bool
    failures: tuple[str, ...]
    """the lines that they print on the checks that failed"""
    why: str
    """the reason in wrong.toml why they do not show the mistake"""


class CaseResult(Record, frozen=True, kw_only=True):
    """The result for one known answer, or for junk in one value; an empty ``wrong`` means that it passed."""

    name: str
    points: float
    expected: float
    wrong: str = ""
    """what differs from what is expected"""
    details: tuple[str, ...] = ()
    """if it did not pass: the messages of the checks that lost points, and the tracebacks of those that are broken"""
    public: PublicResult | None = None
    """None if they were not run"""

    @property
    def is_unseen(self) -> bool:
        """True for a wrong answer that passes the public checks though its wrong.toml does not say why."""
        return self.public is not None and self.public.passed and self.name.startswith("wrong/") and not self.public.why

    @property
    def is_refused(self) -> bool:
        """True for a right answer that does not pass the public checks."""
        return self.public is not None and not self.public.passed and not self.name.startswith("wrong/")


def verify(grader: Grader, only: str = "", every: int = 1) -> Iterator[CaseResult]:
    """Grade every known answer, then junk; yield the results as they come.

    Args:
        only: grade only known answers whose name contains this, and no junk.
        every: above 1, a sample: the reference, the stub, and one in ``every`` of the other answers and of the junk.
    """
    paths, dataset = grader.settings.paths, grader.settings.dataset
    cases = known_answers.read_known_answers(grader.settings.assignment, paths)
    left_out = {case.name for number, case in enumerate(cases[2:]) if number % every}
    chosen = [case for case in cases if only in case.name and case.name not in left_out]
    weights = known_answers.reference_weights(paths, dataset)
    with tempfile.TemporaryDirectory() as scratch, PublicChecks(paths) as public:
        with_public = public.exist and any(case.is_wrong for case in chosen)
        for number, case in enumerate(chosen):
            folder = known_answers.write_answer(case, paths, weights, Path(scratch) / str(number))
            *_, result = grade_case(grader, case, folder, public if with_public and case.is_complete else None)
            yield result
        if not only:
            yield from _junk(
                grader, known_answers.write_answer(cases[0], paths, weights, Path(scratch) / "junk"), every
            )


def grade_case(grader: Grader, case: KnownAnswer, folder: Path, public: PublicChecks | None) -> Iterator[CaseResult]:
    """Yield the result of a known answer; with ``public``, then the same with the verdict of the public checks.

    They run at the same time, on a copy.
    """
    if public:
        public.start(shutil.copytree(folder, folder.with_name(f"{folder.name}-public")))
    yield (result := compare(grader, case, grader.grade_one(folder, student_of(case))))
    if public:
        passed, said = public.finish()
        failures = tuple(line for line in said.splitlines() if line and not line.startswith("✓")) if not passed else ()
        verdict = PublicResult(passed=passed, failures=failures, why=case.unseen_by_public_checks)
        yield msgspec.structs.replace(result, public=verdict)


def student_of(case: KnownAnswer) -> str:
    """Return the name under which a known answer is graded."""
    return f"verify {case.name}"


def compare(grader: Grader, case: KnownAnswer, record: GradeRecord) -> CaseResult:
    """Compare a record with what its known answer must get; say why if it differs."""
    wrong = _difference(case, record)
    details = _details(grader, record) if wrong else ()
    return CaseResult(name=case.name, points=record.points, expected=case.points, wrong=wrong, details=details)


def _difference(case: KnownAnswer, record: GradeRecord) -> str:
    lost = {question.name: question.possible - question.points for question in record.questions}
    messages = "\n".join([*record.problems, *(result.message for result in record.results)])
    if record.status != "graded":
        return record.reason
    if case.message not in messages:
        return f"no message says {case.message!r}"
    if case.lost and {name: points for name, points in lost.items() if points} != case.lost:
        return f"lost {_listed(lost)}; expected {_listed(case.lost)}"
    return f"lost {_listed(lost)}" if record.points != case.points else ""


def _listed(lost: dict[str, float]) -> str:
    return ", ".join(f"{name} {points:g}" for name, points in sorted(lost.items()) if points) or "nothing"


def _details(grader: Grader, record: GradeRecord) -> tuple[str, ...]:
    """Return the message of each check that lost points, and the tracebacks of those that are broken."""
    lost = [result for result in record.results if result.points < result.possible or result.verdict == "broken"]
    messages = [f"{result.check.rpartition('::')[2]}: {result.message}" for result in lost]
    files = grader.folders.student(record.key)
    if record.status != "needs_review" or not files.run.is_file():
        return (*record.problems, *messages)
    return (*record.problems, *messages, *grader.judge.check(storage.read(JailRun, files.run), files).traces.values())


def _junk(grader: Grader, folder: Path, every: int) -> Iterator[CaseResult]:
    """Replace each value of each probe by each kind of junk; run the checks that use the probe."""
    files = grader.folders.student(grader.grade_one(folder, "verify junk").key)
    run, tensors = storage.read(JailRun, files.run), unpack(files.observations.read_bytes())
    used = grader.judge.check(run, files).used
    values = [(probe.name, key) for probe in run.probes for key in run.values[probe.name]]
    for number, (probe, key) in enumerate(values):
        value = msgspec.json.decode(run.values[probe][key])
        if junk := [*JUNK, *variants(value)][number % every :: every]:
            own = {name: tensors[f"{probe}/{name}"] for name in tensor_names(value)}
            more = {f"{probe}/{name}": tensor for name, tensor in (JUNK_TENSORS | fills(own)).items()}
            write_run(run, tensors | more, files)
            checks = tuple(check for check, probes in used.items() if probe in probes)
            swaps = tuple(Swap(probe=probe, key=key, value=msgspec.Raw(msgspec.json.encode(value))) for value in junk)
            response = grader.judge.check(run, files, checks, swaps)
            broken = [f"{each.check}: {each.message}" for each in response.results if each.verdict == "broken"]
            yield CaseResult(
                name=f"junk in {probe}.{key}",
                points=len(response.results) - len(broken),
                expected=len(checks) * len(swaps),
                wrong="; ".join(broken[:2]),
                details=(*dict.fromkeys(broken), *response.traces.values()),
            )
