"""Start-up plan of a jail: the settings of its two processes."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gradeprop.core.errors import NoJailError
from gradeprop.core.scratch import ScratchDir
from gradeprop.core.warm import GUEST, python
from gradeprop.guest import syscalls
from gradeprop.jail.mounts import View, is_open_to_others, make_view, readable_by_others
from gradeprop.jail.seccomp import compile_filter

_SPARE_UIDS = 64000, 1000  # first and number; they belong to nobody


@dataclass(frozen=True, slots=True)
class Plan:
    """The settings of a jail that can be started."""

    tier: str
    """full name of the tier, as stored in records"""
    bootstrap: dict[str, Any]
    """settings for guest/bootstrap.py"""
    zygote: dict[str, Any]
    """settings for guest/zygote.py"""
    scratch: ScratchDir | None
    """folder for jobs without a file system of their own; to be removed after use"""


def make_plan(tier: str, hide: Sequence[Path]) -> Plan:
    """Plan a jail of a tier.

    Raises:
        NoJailError: this machine lacks a feature of the tier, or Python is in a folder that must stay invisible.
    """
    full, code = tier == "full", compile_filter(namespaces=tier == "full")
    view, landlock = make_view(hide), syscalls.landlock_version() > 0 and tier in ("full", "restricted")
    if tier == "restricted" and not landlock:
        raise NoJailError("it needs Landlock (Linux 5.13 or newer, with lsm=landlock), which is missing")
    if tier in ("restricted", "own-user") and not code:
        raise NoJailError("it needs libseccomp, which is missing (install libseccomp2)")
    if tier == "own-user":
        _check_own_user(view, hide)
    # root uses a spare user: limits on processes bind it, and root's files are not its own
    apart = os.getuid() == 0 and (full or readable_by_others(view))
    uid = _SPARE_UIDS[0] + os.getpid() % _SPARE_UIDS[1] if apart else None
    scratch = None if full else ScratchDir()
    if scratch and uid:
        os.chown(scratch.path, uid, uid)
    home = str(scratch.path if scratch else "/jail/home")  # not /tmp: Python may be there
    bootstrap = {
        "tier": tier,
        "python": str(python()),
        "uid": uid,
        "home": home,
        "guest": "/jail" if full else str(GUEST.parent),
        "binds": {str(path): str(path) for path in view.paths} | {"/jail/guest": str(GUEST)},
        "links": view.links | {"/dev/shm": f"{home}/shm", "/dev/fd": "/proc/self/fd"},
        "hide": [str(path) for path in view.hidden],
    }
    read, names = (["/"], []) if full else view.landlock_paths()
    zygote = {
        "tier": tier,
        "path": view.libraries,
        "home": home,
        "filter": code.hex(),
        "landlock": landlock,
        "read": read,
        "names": names,
        "write": ["/dev/null"],  # not /dev/zero: mapped, it is memory that no process is seen to have
    }
    return Plan(_full_name(tier, bool(code), landlock), bootstrap, zygote, scratch)


def _check_own_user(view: View, hide: Sequence[Path]) -> None:
    """Check that permissions alone keep a user without rights out of the folders in ``hide``."""
    if os.getuid() != 0:
        raise NoJailError("it needs root, to give student code a user of its own")
    if not readable_by_others(view):
        raise NoJailError("other users cannot read Python")
    if open_to := [str(folder) for folder in hide if is_open_to_others(folder)]:
        raise NoJailError(f"all users can enter {', '.join(open_to)}; close it with chmod go=")


def _full_name(tier: str, filtered: bool, landlock: bool) -> str:
    if tier == "none":
        return "none (unsafe)"
    lacking = [what for what, there in (("libseccomp", filtered), ("Landlock", landlock)) if not there]
    return f"{tier}, without {' and '.join(lacking)}" if lacking else tier
