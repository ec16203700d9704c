"""Files of this machine that the jail can see."""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from gradeprop.core.errors import NoJailError
from gradeprop.jail import Jail, open_jail
from tests.jail.conftest import HIDDEN, ONE, ask


def test_python_inside_the_course_is_refused() -> None:
    with pytest.raises(NoJailError, match="a separate folder"), open_jail(Path(sys.base_prefix), tier="full"):
        pass


def test_what_is_hidden_is_not_seen(jail: Jail) -> None:
    code = f"""
        def it(draw):
            open({str(HIDDEN.parent / "__init__.py")!r}).close()
            try:
                open({str(HIDDEN / "digits.csv.gz")!r}).close()
            except OSError:
                return "hidden"
    """
    assert (HIDDEN / "digits.csv.gz").exists()
    assert ask(jail, code).it == "hidden"


def test_a_library_below_tmp_is_seen() -> None:
    with tempfile.TemporaryDirectory(dir="/tmp") as folder:
        library = Path(folder, "site-packages")
        library.mkdir()
        library.parent.chmod(0o755)
        (library / "below_tmp.py").write_text("x = 1")
        code = f"""
from gradeprop.jail import Job, open_jail
from gradeprop.core.models import Limits
with open_jail() as jail:
    code = b"import below_tmp, tempfile\\ndef it(draw):\\n    tempfile.mkstemp()\\n    return below_tmp.x"
    print(jail.run(Job({{"student_code.py": code}}, {{}}, {ONE.encode()!r}, b"", 1, Limits())).frames)
"""
        search = os.pathsep.join([str(library), *sys.path])
        done = subprocess.run(
            [sys.executable, "-c", code], capture_output=True, text=True, env={**os.environ, "PYTHONPATH": search}
        )
    assert '"it": 1' in done.stdout or "No jail can be started" in done.stderr, done.stdout + done.stderr
