"""Decide which student a submission is of: from the account that owns it, the platform's id, and its name together.

A name alone is a claim: any account can create a folder or zip in another student's name. The kernel knows the owner,
and the platform writes its ids. If these contradict the name, a person decides.
"""

import contextlib
import os
import pwd
import unicodedata
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from pathlib import Path

from gradeprop.core.paths import student_key

RIVALS = "is not the only submission for {}: another account has one"
"""the doubt about submissions for one student that belong to several accounts"""
Claim = tuple[Path, str]
"""a folder or archive, and the student that it is named after"""
IdsOf = Callable[[Iterable[str]], Mapping[str, str]]
"""receives names of students; returns the gradebook's id for each that is named by another one"""
ARCHIVES = (".zip", ".rar", ".7z", ".tar", ".tgz", ".gz", ".xz", ".bz2")


def claimed_student(path: Path) -> str:
    """Return the name of the student that a folder or archive is named after."""
    name = os.fsencode(path.absolute().name).decode("utf-8", "backslashreplace")
    while is_archive(name):
        name = name[: name.rindex(".")]
    return unicodedata.normalize("NFC", name).strip()


def doubt_about_text(path: Path) -> str:
    """Say that a name is no text, as a clause; empty if it is: no record, page or table could name it."""
    try:
        str(path).encode()
    except UnicodeEncodeError:
        return "has a name that is not UTF-8 text; rename it"
    return ""


def no_ids(names: Iterable[str]) -> Mapping[str, str]:
    """Return no id: every student is named by the id in the gradebook."""
    return {}


def identified(claims: Sequence[Claim], ids: Mapping[str, str]) -> tuple[Claim, ...]:
    """Return the claims with the students' ids in the gradebook in place of other names.

    If two names would then be of the same student, they stay as they are.
    """
    counts = Counter(ids.get(name, name) for name in {student for _, student in claims})
    return tuple((path, ids[name] if name in ids and counts[ids[name]] == 1 else name) for path, name in claims)


def doubt_about_owner(
    names: Collection[str], owner: int, students: Collection[str] = (), collector: int | None = None
) -> str:
    """Say why a submission may not be the student's, as a clause; empty if nothing contradicts its name.

    A submission of this account or of root was put there by the instructor. An owner without an account of the
    student's name raises no doubt unless the owner is a student, too: a hub may write for everyone.

    Args:
        names: the name that the submission bears, and the student's id in the gradebook if that is another.
        owner: the user id that owns the folder or file.
        students: ids of the gradebook, and their parts before an @, in lower case.
        collector: the user id that owns the folder of the class, and may have put everything into it.
    """
    if owner in (0, os.geteuid(), collector):
        return ""
    account = account_name(owner)
    if account.casefold() in {student_key(part).casefold() for name in names for part in (name, local_part(name))}:
        return ""
    if account.casefold() in students or any(_user_id(name) is not None for name in names):
        return f"belongs to the account {account}, and not to {next(iter(names))}"
    return ""


def local_part(name: str) -> str:
    """Return the part of an e-mail address before the @; any other name as it is."""
    return name.partition("@")[0]


def are_rivals(owners: Collection[int]) -> bool:
    """Return True if a student's submissions belong to several accounts, not counting this one and root."""
    return len({*owners} - {0, os.geteuid()}) > 1


def is_archive(name: str) -> bool:
    """Return True if a file has the name of an archive, whether or not it is one that we can read."""
    return name.lower().endswith(ARCHIVES)


def account_name(user: int) -> str:
    """Return the name of an account; ``user 1234`` if the account no longer exists."""
    try:
        return pwd.getpwuid(user).pw_name
    except KeyError:
        return f"user {user}"


def _user_id(student: str) -> int | None:
    with contextlib.suppress(KeyError, ValueError):
        return pwd.getpwnam(student).pw_uid
    return None
