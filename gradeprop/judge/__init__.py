"""The judge: observations of a submission → check results, in a trusted process where student code never runs.

client      Judge: starts the process, and asks it; imports no torch
    protocol    the messages between client and server
server      the process: a socket loop that forks for each submission
    plugin      the pytest plugin: collects checks, offers fixtures, runs one check
    results     how a check ended → CheckResult
    reference   the reference solution, the held-out data, and the observations of the reference
observed    the observations that a check asks for by the name of a probe
self_test   errors of the instructor's that show on the reference
questions   the questions of assignment.toml against those of the checks
accessors, assertions, trained_weights, networks     what hidden checks call, through ``gradeprop.check``
"""

from gradeprop.judge.client import Judge
from gradeprop.judge.protocol import Swap

__all__ = ["Judge", "Swap"]
