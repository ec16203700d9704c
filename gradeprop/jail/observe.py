"""Submission → observations: one run in the jail, kept beside the submission.

What is kept is all that a check will ever see, so a mended check can be run again without running student code.
"""

from pathlib import Path

import msgspec

from gradeprop.core import models
from gradeprop.core.errors import CourseError, WireError
from gradeprop.core.models import Assignment, Probe, Run, Submission
from gradeprop.core.paths import GIVEN, AssignmentPaths, StudentPaths
from gradeprop.jail import Answer, Jail, Job, probe_names, wire


def observe(
    assignment: Assignment,
    paths: AssignmentPaths,
    submission: Submission,
    kept: StudentPaths,
    jail: Jail,
    inputs: bytes,
    seed: int,
    dataset: str,
) -> Run:
    """Run the probes on a submission in the jail, and keep what came back at ``kept``.

    Args:
        inputs: the held-out inputs, as safetensors; never their answers.
        seed: for all that the probes draw.

    Raises:
        JailError: the machine failed; nothing is kept, and an earlier run is left as it was.
    """
    probes = read_probes(paths.probes)
    names = probe_names(probes, str(paths.probes))
    answer = jail.run(
        Job(
            files={name: (kept.submitted / name).read_bytes() for name in submission.files},
            given=given_files(paths, assignment.given),
            probes=probes,
            inputs=inputs,
            seed=seed,
            limits=assignment.limits,
        )
    )
    ran, values, tensors, ended = _decode(answer, frozenset(names))
    run = Run(
        assignment=assignment.name,
        student=submission.student,
        seed=seed,
        dataset=dataset,
        tier=answer.tier,
        probes=ran,
        values=values,
        output=answer.output,
        ended=ended,
        wall_s=answer.wall_s,
        cpu_s=answer.cpu_s,
    )
    keep(run, tensors, kept)
    return run


def not_run(
    assignment: Assignment, submission: Submission, kept: StudentPaths, reason: str, seed: int, dataset: str
) -> Run:
    """The run of a submission that holds nothing to run; ``reason`` is the sentence that every check shows."""
    run = Run(
        assignment=assignment.name,
        student=submission.student,
        seed=seed,
        dataset=dataset,
        tier="not run",
        probes=(),
        values={},
        ended=reason,
    )
    keep(run, {}, kept)
    return run


def keep(run: Run, tensors: dict[str, wire.RawTensor], kept: StudentPaths) -> None:
    """Write a run and its tensors, each whole or not at all; the run last, since it says that both are there."""
    models.write_bytes(wire.pack(tensors), kept.observations)
    models.write(run, kept.run)


def read_probes(file: Path) -> bytes:
    """The source of the probes.

    Raises:
        CourseError: the file is missing.
    """
    try:
        return file.read_bytes()
    except FileNotFoundError:
        raise CourseError("the file is not there; it calls what students write", file) from None


def given_files(paths: AssignmentPaths, names: tuple[str, ...]) -> dict[str, bytes]:
    """The helpers of source/given that belong to an assignment, by their name in a submission.

    Raises:
        CourseError: one is missing.
    """
    try:
        return {f"{GIVEN}/{name}": (paths.bundle.given / name).read_bytes() for name in names}
    except FileNotFoundError as error:
        raise CourseError(
            f"given names {Path(str(error.filename)).name}, which is not in source/given", paths.toml
        ) from None


def _decode(
    answer: Answer, names: frozenset[str]
) -> tuple[tuple[Probe, ...], dict[str, dict[str, msgspec.Raw]], dict[str, wire.RawTensor], str]:
    """All frames of an answer: the first of each probe counts; one that breaks the protocol ends the reading."""
    probes: dict[str, Probe] = {}
    values: dict[str, dict[str, msgspec.Raw]] = {}
    tensors: dict[str, wire.RawTensor] = {}
    ended = answer.ended
    for header, blob in answer.frames:
        try:
            probe, found, raw = wire.decode(header, blob, names)
        except WireError as error:
            ended = ended or f"What came back from your code could not be read: {error}"
            break
        if probe.name not in probes:
            probes[probe.name] = probe
            values[probe.name] = found
            tensors |= {f"{probe.name}/{name}": tensor for name, tensor in raw.items()}
    return tuple(probes.values()), values, tensors, ended
