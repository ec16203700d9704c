"""Files of this machine that the jail can see: what Python needs, and nothing that lies beside it."""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from gradeprop.core.errors import NoJailError
from gradeprop.jail import Jail, open_jail
from tests.jail.conftest import HIDDEN, ONE, PLANTED, ROOT, SITE, ask


def test_a_course_is_not_seen_wherever_it_is_on_this_machine(planted: list[str], jail: Jail) -> None:
    code = f"""
        import os
        def it(draw):
            seen = []
            for folder in {planted}:
                for path in (folder, f"{{folder}}/gradebook.db", f"{{folder}}/exchange/cs/inbound/ada.py"):
                    if {jail.tier == "full"} and os.path.lexists(path):
                        seen.append(f"exists: {{path}}")
                    try:
                        seen.append(f"is a file: {{path}} {{open(path).read()}}")
                    except OSError:
                        pass
                for listed in (folder, os.path.dirname(folder)):
                    try:
                        seen += [f"in {{listed}}: {{name}}" for name in os.listdir(listed) if "planted" in name]
                    except OSError:
                        pass
                try:
                    os.chdir(folder)
                    seen += [f"in {{folder}}: {{name}}" for name in os.listdir()]
                except OSError:
                    pass
            for parent, folders, files in os.walk("/"):
                folders[:] = [name for name in folders if f"{{parent}}/{{name}}" not in ("//proc", "//sys")]
                seen += [f"found: {{parent}}/{{name}}" for name in folders + files if "planted" in name]
            return seen
    """
    assert len(planted) > (10 if PLANTED in os.environ or os.getuid() == 0 else 1)
    assert all(Path(folder, "gradebook.db").read_text() == "# planted" for folder in planted)
    assert ask(jail, code) == ("ok", "", [])


def test_the_default_exchange_of_nbgrader_is_not_seen(jail: Jail) -> None:
    code = """
        import os
        def it(draw):
            seen = []
            for folder in ("/usr/local/share/nbgrader/exchange", "/usr/local/share/nbgrader", "/usr/local/share"):
                try:
                    seen += os.listdir(folder)
                except OSError:
                    pass
            return seen
    """
    assert ask(jail, code).it == []


def test_folders_of_the_system_hold_what_python_needs_and_nothing_else(jail: Jail) -> None:
    code = """
        import os
        def it(draw):
            seen = []
            for folder in "/etc /var /home /opt /srv /mnt /run /usr/share /usr/local /usr/src".split():
                try:
                    seen += [f"{folder}/{name}" for name in os.listdir(folder)]
                except OSError:
                    pass
            return sorted(seen)
    """
    around_python = {str(folder) for prefix in (sys.prefix, sys.base_prefix) for folder in Path(prefix).parents}
    assert set(ask(jail, code).it) <= {"/etc/ld.so.cache", "/etc/passwd", "/usr/share/zoneinfo"} | around_python


def test_python_beside_a_course_is_seen_and_the_course_is_not() -> None:
    with open_jail(Path(sys.base_prefix), tier="full") as jail:
        code = f"import os\ndef it(draw): return os.path.exists({str(Path(sys.base_prefix, 'share'))!r})"
        assert ask(jail, code).it is False


def test_a_course_around_a_library_is_refused() -> None:
    with pytest.raises(NoJailError, match="a separate folder"), open_jail(Path(os.__file__).parent, tier="full"):
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


CODE = """
import ctypes, json, multiprocessing, sqlite3, ssl, subprocess, sys, tempfile, zoneinfo
import matplotlib, numpy, pandas, scipy.linalg, sklearn.linear_model, torch, torchvision
{more}
def it(draw):
    tempfile.mkstemp()
    zoneinfo.ZoneInfo("Europe/Berlin")
    ctypes.CDLL("libm.so.6")
    said = subprocess.check_output([sys.executable, "-ISc", "import ssl; print(ssl.OPENSSL_VERSION)"], text=True)
    return [sys.executable, said == ssl.OPENSSL_VERSION + chr(10)]
"""
GRADER = """
import sys
from gradeprop.jail import Job, open_jail
from gradeprop.core.assignment import Limits
with open_jail(tier="full") as jail:
    print(jail.run(Job({{"student_code.py": {code!r}.encode()}}, {{}}, {probes!r}, b"", 1, Limits(probe_s=120))).frames)
"""


def graded_by(python: Path | str, *search: Path | str, more: str = "") -> str:
    """Run CODE in the jail of a grader of another Python; return what came back."""
    script = GRADER.format(code=CODE.format(more=more), probes=ONE.encode())
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(map(str, (*search, ROOT, SITE)))}
    done = subprocess.run([python, "-c", script], capture_output=True, text=True, env=environment, check=False)
    if "No jail can be started" in done.stderr:
        pytest.skip("no full tier on this machine")
    return done.stdout + done.stderr


def test_a_library_below_tmp_and_a_package_that_is_a_link_are_seen() -> None:
    """Some installers make links to packages that lie elsewhere."""
    with tempfile.TemporaryDirectory(dir="/tmp") as folder:
        library, elsewhere = Path(folder, "a b", "site-packages"), Path(folder, "cache", "linked")
        for made in (library, elsewhere):
            made.mkdir(parents=True)
        Path(folder).chmod(0o755)
        (library / "below_tmp.py").write_text("x = 1")
        (elsewhere / "__init__.py").write_text("x = 1")
        (library / "linked").symlink_to(elsewhere)
        assert f'"it": ["{Path(sys.executable).resolve()}", true]' in graded_by(
            sys.executable, library, more="import below_tmp, linked"
        )


SYSTEM = Path("/usr/bin/python3")
_version = f"import sys; sys.exit(sys.version_info[:2] != {tuple(sys.version_info[:2])})"
OTHER = pytest.mark.skipif(
    not SYSTEM.exists() or subprocess.run([SYSTEM, "-c", _version], check=False).returncode != 0,
    reason="the system has no Python of this version, which could import our packages",
)


@OTHER
def test_the_python_of_the_system_is_seen() -> None:
    assert f'"it": ["{SYSTEM.resolve()}", true]' in graded_by(SYSTEM)


@OTHER
@pytest.mark.skipif("ALL_TESTS" not in os.environ, reason="takes long; make check runs it")
def test_a_virtual_environment_in_the_system_s_packages_is_seen(tmp_path: Path) -> None:
    made = subprocess.run(
        [SYSTEM, "-m", "venv", "--without-pip", "--system-site-packages", tmp_path / "my env"],
        capture_output=True,
        check=False,
    )
    if made.returncode:
        pytest.skip("the system's Python cannot make virtual environments")
    assert f'"it": ["{SYSTEM.resolve()}", true]' in graded_by(tmp_path / "my env" / "bin" / "python")
