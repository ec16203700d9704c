"""The system call filter, and the tier that remains if namespaces are refused."""

import subprocess
import sys

from gradeprop.jail.seccomp import compile_filter
from tests.jail.conftest import ROOT


def test_where_namespaces_are_refused_the_restricted_tier_is_chosen() -> None:
    """As a container does it: a filter that refuses unshare, mount and clone with new namespaces."""
    code = f"""
import sys
from gradeprop.guest import syscalls
from gradeprop.jail import open_jail
syscalls.no_new_privileges()
syscalls.filter_calls(bytes.fromhex({compile_filter(namespaces=True).hex()!r}))
with open_jail() as jail:
    print(jail.tier)
"""
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, cwd=ROOT)
    assert ran.stdout == "restricted\n", ran.stderr
