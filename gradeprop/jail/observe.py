"""Submission → observations: one run in the jail, kept beside the submission.

What is kept is all that a check will ever see, so a mended check can be run again without running student code.
"""

import msgspec

from gradeprop.core import observations
from gradeprop.core.errors import WireError
from gradeprop.core.models import Assignment, JailRun, ProbeResult, Submission
from gradeprop.core.observations import keep
from gradeprop.core.paths import AssignmentPaths, StudentPaths
from gradeprop.jail import Jail, Job, JobResult, probe_names, wire


def observe(
    assignment: Assignment,
    paths: AssignmentPaths,
    submission: Submission,
    kept: StudentPaths,
    jail: Jail,
    probes: bytes,
    given: dict[str, bytes],
    inputs: bytes,
    seed: int,
    dataset: str,
) -> JailRun:
    """Run the probes on a submission in the jail, and keep what came back at ``kept``.

    Args:
        probes: the source of probes.py.
        given: helpers that are handed out with the assignment, by name in the submission.
        inputs: the held-out inputs, as safetensors; never their answers.
        seed: for all that the probes draw.

    Raises:
        JailError: the machine failed; nothing is kept, and an earlier run is left as it was.
    """
    names = probe_names(probes, str(paths.probes))
    answer = jail.run(
        Job(
            files={name: (kept.submitted / name).read_bytes() for name in submission.files},
            given=given,
            probes=probes,
            inputs=inputs,
            seed=seed,
            limits=assignment.limits,
        )
    )
    ran, values, tensors, ended = _decode(answer, frozenset(names))
    run = JailRun(
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
) -> JailRun:
    """The run of a submission that holds nothing to run; ``reason`` is the sentence that every check shows."""
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
    keep(run, {}, kept)
    return run


def _decode(
    answer: JobResult, names: frozenset[str]
) -> tuple[tuple[ProbeResult, ...], dict[str, dict[str, msgspec.Raw]], dict[str, observations.RawTensor], str]:
    """All frames of an answer: the first of each probe counts; one that breaks the protocol ends the reading."""
    probes: dict[str, ProbeResult] = {}
    values: dict[str, dict[str, msgspec.Raw]] = {}
    tensors: dict[str, observations.RawTensor] = {}
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
