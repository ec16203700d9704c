"""Submission → observations: run the probes in the jail once, and store the result with the submission.

A check sees nothing but the stored observations, so a fixed check can be run again without student code.
"""

import msgspec

from gradeprop.core.assignment import Assignment
from gradeprop.core.errors import WireError
from gradeprop.core.models import JailRun, ProbeResult, Submission
from gradeprop.core.observations import RawTensor, write_run
from gradeprop.core.paths import AssignmentPaths, StudentPaths
from gradeprop.jail import wire
from gradeprop.jail.jail import Jail
from gradeprop.jail.job import Job, JobResult, probe_names


def observe(
    assignment: Assignment,
    paths: AssignmentPaths,
    submission: Submission,
    student_paths: StudentPaths,
    jail: Jail,
    probes: bytes,
    given: dict[str, bytes],
    inputs: bytes,
    seed: int,
    dataset: str,
) -> JailRun:
    """Run the probes on a submission in the jail, and store the observations at ``student_paths``.

    Args:
        assignment: its name and limits.
        paths: the folders of the assignment.
        submission: the safe copy, at ``student_paths.submitted``.
        student_paths: the folder of the submission.
        jail: runs the job.
        probes: the source of probes.py.
        given: given files, by name in the submission.
        inputs: held-out inputs as safetensors, never their labels.
        seed: seed of everything that the probes draw.
        dataset: name of the data set of ``inputs``.

    Raises:
        JailError: the machine failed; nothing is stored, and an earlier run stays as it was.
    """
    names = probe_names(probes, str(paths.probes))
    result = jail.run(
        Job(
            files={name: (student_paths.submitted / name).read_bytes() for name in submission.files},
            given=given,
            probes=probes,
            inputs=inputs,
            seed=seed,
            limits=assignment.limits,
        )
    )
    probe_results, values, tensors, ended = _decode(result, frozenset(names))
    run = JailRun(
        assignment=assignment.name,
        student=submission.student,
        seed=seed,
        dataset=dataset,
        tier=result.tier,
        probes=probe_results,
        values=values,
        output=result.output,
        ended=ended,
        wall_s=result.wall_s,
        cpu_s=result.cpu_s,
    )
    write_run(run, tensors, student_paths)
    return run


def record_without_run(
    assignment: Assignment, submission: Submission, student_paths: StudentPaths, reason: str, seed: int, dataset: str
) -> JailRun:
    """Store the run of a submission that contains nothing to run; every check shows ``reason``, a sentence."""
    run = JailRun(
        assignment=assignment.name,
        student=submission.student,
        seed=seed,
        dataset=dataset,
        tier="not run",
        probes=(),
        values={},
        ended=reason,
    )
    write_run(run, {}, student_paths)
    return run


def _decode(
    result: JobResult, names: frozenset[str]
) -> tuple[tuple[ProbeResult, ...], dict[str, dict[str, msgspec.Raw]], dict[str, RawTensor], str]:
    """Decode all frames: the first of each probe counts; one that breaks the protocol ends the reading."""
    probes: dict[str, ProbeResult] = {}
    values: dict[str, dict[str, msgspec.Raw]] = {}
    tensors: dict[str, RawTensor] = {}
    ended = result.ended
    for header, blob in result.frames:
        try:
            probe, probe_values, raw = wire.decode(header, blob, names)
        except WireError as error:
            ended = ended or f"The data that your code returned could not be read: {error}"
            break
        if probe.name not in probes:
            probes[probe.name] = probe
            values[probe.name] = probe_values
            tensors |= {f"{probe.name}/{name}": tensor for name, tensor in raw.items()}
    return tuple(probes.values()), values, tensors, ended
