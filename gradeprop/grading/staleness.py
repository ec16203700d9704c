"""Decide from plain values whether a grade record is stale; nothing here reads or writes a file.

reason_to_run     the code must run again, whatever the submission holds
is_as_seen        the submission need not even be read
is_resubmission   the submission is not the one that was graded
reason_to_check   the stored observations must be evaluated again
"""

from collections.abc import Mapping
from typing import Literal

from gradeprop.core.models import GradeRecord, Held, Submission
from gradeprop.grading.fingerprints import changes
from gradeprop.grading.settings import RunSettings

Need = Literal["nothing", "checks", "all"]
"""what one submission needs: keep its record, evaluate its stored observations, or run its code"""


def reason_to_run(
    old: GradeRecord, ran_with: Mapping[str, str], settings: RunSettings, observations_exist: bool
) -> str:
    """Say why the code must run again, as a clause; empty if it need not.

    The seed counts only if one was requested: each run draws its own, and a grade under an older one is as good.
    """
    if old.status == "needs_attention":
        return "it is graded as it is (--as-is)" if settings.as_is else ""
    if old.held and settings.as_is:
        return "the newer submission is graded as it is (--as-is)"
    if old.status == "not_graded":
        return "the machine had failed"
    if old.unsafe:
        return "it ran without a jail"
    if not observations_exist:
        return "its observations are missing"
    if old.dataset != settings.dataset:
        return f"the data set was {old.dataset or 'none'} and is {settings.dataset}"
    if settings.requested_seed is not None and old.seed != settings.requested_seed:
        return "another seed was requested"
    return changes(old.ran_with, ran_with)


def is_resubmission(old: GradeRecord, submission: Submission, ended: str) -> bool:
    """Return True if the bytes differ, or if intake reports other problems than when it was graded.

    Args:
        old: the grade, with the newer submission that needs attention, if there is one.
        submission: the submission as it is now.
        ended: the sentence on how the old run ended early; scoring adds it to the problems of intake.
    """
    known = old.held or old
    reason = known.reason if isinstance(known, Held) or known.status == "needs_attention" else ""
    return (submission.sha256, submission.attention) != (known.sha256, reason) or known.problems not in (
        submission.problems,
        (*submission.problems, ended),
    )


def is_as_seen(old: GradeRecord, seen: str) -> bool:
    """Return True if the submission is where it was, and nothing in it has changed."""
    return seen != "" and seen == (old.held or old).seen


def reason_to_check(old: GradeRecord, judged_with: Mapping[str, str]) -> str:
    """Say why the stored observations must be evaluated again, as a clause; empty if they need not."""
    if old.status == "needs_attention":
        return ""
    return changes(old.judged_with, judged_with) or ("it needed review" if old.status == "needs_review" else "")
