"""A notebook in the jail: what it shows, and what its cells cannot do; a grade never hangs on it."""

import os
from pathlib import Path

import nbformat
import pytest
from nbformat import v4 as nbf

from gradeprop.core.assignment import Limits
from gradeprop.jail.kernel_provisioner import KernelSandbox
from gradeprop.jail.run_notebook import ExecutionRequest, ExecutionResult, execute

LONG = pytest.mark.skipif("ALL_TESTS" not in os.environ, reason="takes long; make check runs it")
PLOT = "%matplotlib inline\nimport matplotlib.pyplot as plt\nplt.plot([1, 2])\nplt.show()"
ACTIVE = (
    "from IPython.display import HTML, SVG, Javascript\n"
    "display(HTML('<script>alert(1)</script>'), SVG('<svg/>'), Javascript('alert(1)'))"
)
ENVIRONMENT = (
    "import os, student_code\n"
    "print(student_code.answer, os.environ['GRADEPROP_EPOCHS'], 'JPY_PARENT_PID' in os.environ)"
)


def run(*cells: str, hide: tuple[str, ...] = (), cell_s: float = 20, **limits: float) -> ExecutionResult:
    book = nbf.new_notebook(cells=[nbf.new_code_cell(source, id=f"c{i}") for i, source in enumerate(cells)])
    sandbox = KernelSandbox(
        files={"student_code.py": b"answer = 42\n"},
        environment={"GRADEPROP_EPOCHS": "1"},
        limits=Limits(**{"wall_s": 60, "disk_mib": 16} | limits),
        folders={},
        hide=hide,
    )
    return execute(
        ExecutionRequest(notebook=nbformat.writes(book), sandbox=sandbox, cell_s=cell_s, wall_s=60, skip=("c99",))
    )


def text(shown: ExecutionResult, cell: int) -> str:
    return "".join(output.text for output in shown.cells[f"c{cell}"])


def test_text_and_pictures_are_kept_and_nothing_gets_out(tmp_path: Path) -> None:
    gradebook = tmp_path / "gradebook.db"
    gradebook.write_text("secret")
    shown = run(
        ENVIRONMENT,
        PLOT,
        ACTIVE,
        f"print(open({str(gradebook)!r}).read())",
        "import socket\nsocket.create_connection(('127.0.0.1', 22), 3)",
        "open('/jail/wire/file', 'w')",
        "open('/etc/passwd', 'a')",
        "import tempfile\ntempfile.TemporaryFile().write(b'x')\nraise SystemExit",
        hide=(str(tmp_path),),
    )
    assert text(shown, 0) == "42 1 False\n"
    assert [[*output.pictures] for output in shown.cells["c1"] if output.pictures] == [["image/png"]]
    assert not any(active in text(shown, 2) for active in ("<script", "<svg", "alert"))
    for cell, error in ((3, "FileNotFoundError"), (4, "OSError"), (5, "PermissionError")):
        assert error in text(shown, cell)
    # an ordinary user owns the jail's files: only the read-only mount stops them
    assert "PermissionError" in text(shown, 6) or "Read-only file system" in text(shown, 6)
    assert "secret" not in text(shown, 3)
    assert shown.ended == ""


def test_a_kernel_that_dies_leaves_what_there_was() -> None:
    shown = run("print(1)", "import os\nos._exit(0)", "print(2)")
    assert text(shown, 0) == "1\n"
    assert "c2" not in shown.cells
    assert "was not run to the end" in shown.ended


@LONG
@pytest.mark.parametrize(
    ("source", "limits"),
    [
        ("while True: pass", {"cell_s": 3}),
        ("import signal, time\nsignal.signal(signal.SIGTERM, signal.SIG_IGN)\ntime.sleep(1000)", {"cell_s": 3}),
        ("import os\nwhile True:\n    try: os.fork()\n    except OSError: pass", {"cell_s": 5, "processes": 16}),
        ("x = []\nwhile True: x.append(bytearray(2**24))", {"memory_mib": 256}),
        ("while True: print('x' * 10**6)", {"cell_s": 10}),
        (
            "from IPython.display import display\nwhile True: display({'text/plain': 'x' * 10**6}, raw=True)",
            {"cell_s": 10},
        ),
        ("while True: open('full', 'ab').write(bytes(2**20))", {"cell_s": 10}),
    ],
)
def test_cannot_hang_or_flood(source: str, limits: dict[str, float]) -> None:
    shown = run("print(1)", source, **limits)
    assert text(shown, 0) == "1\n"
    assert shown.ended or "Error" in text(shown, 1)
    assert len(text(shown, 1)) <= 20_000 if "c1" in shown.cells else True
