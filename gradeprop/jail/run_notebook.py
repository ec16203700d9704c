"""Run a notebook in the jail and keep what people may look at: text and pictures, never HTML, scripts or SVG.

python -m gradeprop.jail.run_notebook ORDER OUT    a process with limits of its own: a kernel is not trusted
order:  Order as msgpack               out: Shown as JSON, written anew after each cell, so that something is there
"""

import contextlib
import os
import resource
import signal
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import msgspec
import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellTimeoutError, DeadKernelError
from traitlets.config import Config

from gradeprop.core import sanitize, storage
from gradeprop.core.models import Record
from gradeprop.jail.kernel_provisioner import KernelSandbox, register

_MEMORY_BYTES = 2 * 2**30
_TEXT = 20_000
"""characters kept of what one cell printed"""
_OUT_BYTES = 64 * 2**20
_OUTPUTS = 40
"""of one cell"""
_ENDED = "The notebook was not run to its end: {}."


class ExecutionRequest(Record, frozen=True, kw_only=True):
    """What to run."""

    notebook: str
    inmate: KernelSandbox
    cell_s: float
    wall_s: float
    skip: tuple[str, ...]
    """ids of cells that are not run"""


class Output(Record, frozen=True, kw_only=True):
    """What one output shows."""

    text: str = ""
    pictures: dict[str, str] = {}  # noqa: RUF012  (msgspec copies defaults)
    """media type, PNG or JPEG → base64"""


class ExecutionResult(Record, frozen=True, kw_only=True):
    """What there is to look at; ``ended`` says why there is no more, or nothing."""

    cells: dict[str, list[Output]]
    ended: str = ""


def execute(order: ExecutionRequest) -> ExecutionResult:
    """Run a notebook; whatever happens to it, what was there by then is returned."""
    with tempfile.TemporaryDirectory() as folder:
        asked, out = Path(folder, "order"), Path(folder, "out")
        asked.write_bytes(msgspec.msgpack.encode(order))
        environment = os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path)), "JUPYTER_PLATFORM_DIRS": "1"}
        command = [sys.executable, "-P", "-m", "gradeprop.jail.run_notebook", str(asked), str(out)]
        process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
            env=environment, start_new_session=True,
        )  # fmt: skip
        why = ""
        try:
            status = process.wait(order.wall_s + 30)
            why = "" if status == 0 else "it sent more than can be kept, or its kernel could not be started"
        except subprocess.TimeoutExpired:
            why = f"it took more than {order.wall_s:g} s"
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
        return _read(out, why)


def _read(out: Path, why: str) -> ExecutionResult:
    try:
        shown = msgspec.json.decode(out.read_bytes(), type=ExecutionResult)
    except (OSError, msgspec.MsgspecError):
        shown = ExecutionResult(cells={})
    return msgspec.structs.replace(shown, ended=shown.ended or (_ENDED.format(why) if why else ""))


def put_in(notebook: Any, shown: ExecutionResult) -> None:
    """Show the outputs below the cells they came from."""
    for cell in notebook.cells:
        if cell.cell_type == "code" and cell.id in shown.cells:
            cell.outputs = [
                nbformat.v4.new_output("display_data", data=output.pictures)
                if output.pictures
                else nbformat.v4.new_output("stream", text=output.text)
                for output in shown.cells[cell.id]
            ]


def main(asked: Path, out: Path) -> None:
    """In the process of its own."""
    order = msgspec.msgpack.decode(asked.read_bytes(), type=ExecutionRequest)
    resource.setrlimit(resource.RLIMIT_DATA, (_MEMORY_BYTES, resource.RLIM_INFINITY))  # the kernel sets its own
    register(order.inmate)
    notebook = nbformat.reads(order.notebook, as_version=4)
    notebook.cells = [cell for cell in notebook.cells if cell.cell_type == "code" and cell.id not in order.skip]
    done: dict[str, list[Output]] = {}

    def keep(ended: str = "") -> None:
        data = msgspec.json.encode(ExecutionResult(cells=done, ended=ended))
        if len(data) <= _OUT_BYTES:
            storage.write_bytes(data, out)

    def after(cell: Any, **_: Any) -> None:
        done[cell.id] = _outputs(cell)
        keep()

    client = NotebookClient(
        notebook, timeout=order.cell_s, startup_timeout=120, allow_errors=True, kernel_name="python3",
        store_widget_state=False, on_cell_executed=after, config=Config({"KernelManager": {"transport": "ipc"}}),
    )  # fmt: skip
    try:
        client.execute()
    except CellTimeoutError:
        keep(_ENDED.format(f"a cell took more than {order.cell_s:g} s"))
    except DeadKernelError:
        keep(_ENDED.format("the process that ran it ended, or went beyond its limits"))


def _outputs(cell: Any) -> list[Output]:
    """Of a cell that was run; nothing but text and pictures of its outputs."""
    found, room = [], _TEXT
    for output in cell.outputs[:_OUTPUTS]:
        data = output.get("data", {})
        if pictures := sanitize.safe_pictures(data):
            found.append(Output(pictures=pictures))
            continue
        text = output.get("text") or data.get("text/plain") or ""
        if output.output_type == "error":
            text = f"{output.ename}: {output.evalue}"
        text = "".join(text)[:room]
        room -= len(text)
        found += [Output(text=text)] if text else []
    return found


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
