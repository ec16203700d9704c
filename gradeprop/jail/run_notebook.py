"""Notebook execution in the jail; only text and pictures of the outputs are kept, never HTML, scripts or SVG.

``python -m gradeprop.jail.run_notebook REQUEST RESULT`` is a separate process with its own limits, since a kernel is
untrusted.

in:  REQUEST: ``ExecutionRequest`` as msgpack
out: RESULT: ``ExecutionResult`` as JSON, rewritten after each cell, so that it exists even if the process is killed
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
_MAX_CHARACTERS = 20_000
"""characters kept of one cell's text output"""
_MAX_RESULT_BYTES = 64 * 2**20
_MAX_OUTPUTS = 40
"""outputs kept of one cell"""
_STOPPED = "The notebook was not run to the end: {}."


class ExecutionRequest(Record, frozen=True, kw_only=True):
    """A notebook to run, and how."""

    notebook: str
    sandbox: KernelSandbox
    cell_s: float
    wall_s: float
    skip: tuple[str, ...]
    """ids of cells that are not run"""


class Output(Record, frozen=True, kw_only=True):
    """One output of a cell."""

    text: str = ""
    pictures: dict[str, str] = {}  # noqa: RUF012  (msgspec copies defaults)
    """media type, PNG or JPEG → base64"""


class ExecutionResult(Record, frozen=True, kw_only=True):
    """Outputs by cell id; ``ended`` is a sentence if the run was ended early."""

    cells: dict[str, list[Output]]
    ended: str = ""


def execute(request: ExecutionRequest) -> ExecutionResult:
    """Run a notebook; whatever happens, return the outputs up to that moment."""
    with tempfile.TemporaryDirectory() as folder:
        request_file, result_file = Path(folder, "request"), Path(folder, "result_file")
        request_file.write_bytes(msgspec.msgpack.encode(request))
        environment = os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path)), "JUPYTER_PLATFORM_DIRS": "1"}
        command = [sys.executable, "-P", "-m", "gradeprop.jail.run_notebook", str(request_file), str(result_file)]
        process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
            env=environment, start_new_session=True,
        )  # fmt: skip
        why = ""
        try:
            status = process.wait(request.wall_s + 30)
            why = "" if status == 0 else "it produced too much output, or its kernel could not be started"
        except subprocess.TimeoutExpired:
            why = f"it took more than {request.wall_s:g} s"
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
        return _read(result_file, why)


def _read(result_file: Path, why: str) -> ExecutionResult:
    try:
        result = msgspec.json.decode(result_file.read_bytes(), type=ExecutionResult)
    except (OSError, msgspec.MsgspecError):
        result = ExecutionResult(cells={})
    return msgspec.structs.replace(result, ended=result.ended or (_STOPPED.format(why) if why else ""))


def insert_outputs(notebook: Any, result: ExecutionResult) -> None:
    """Insert the outputs into the cells that produced them."""
    for cell in notebook.cells:
        if cell.cell_type == "code" and cell.id in result.cells:
            cell.outputs = [
                nbformat.v4.new_output("display_data", data=output.pictures)
                if output.pictures
                else nbformat.v4.new_output("stream", text=output.text)
                for output in result.cells[cell.id]
            ]


def main(request_file: Path, result_file: Path) -> None:
    """Run a notebook, in the separate process."""
    request = msgspec.msgpack.decode(request_file.read_bytes(), type=ExecutionRequest)
    resource.setrlimit(resource.RLIMIT_DATA, (_MEMORY_BYTES, resource.RLIM_INFINITY))  # the kernel sets its own limits
    register(request.sandbox)
    notebook = nbformat.reads(request.notebook, as_version=4)
    notebook.cells = [cell for cell in notebook.cells if cell.cell_type == "code" and cell.id not in request.skip]
    outputs: dict[str, list[Output]] = {}

    def store(ended: str = "") -> None:
        data = msgspec.json.encode(ExecutionResult(cells=outputs, ended=ended))
        if len(data) <= _MAX_RESULT_BYTES:
            storage.write_bytes(data, result_file)

    def after(cell: Any, **_: Any) -> None:
        outputs[cell.id] = _outputs(cell)
        store()

    client = NotebookClient(
        notebook, timeout=request.cell_s, startup_timeout=120, allow_errors=True, kernel_name="python3",
        store_widget_state=False, on_cell_executed=after, config=Config({"KernelManager": {"transport": "ipc"}}),
    )  # fmt: skip
    try:
        client.execute()
    except CellTimeoutError:
        store(_STOPPED.format(f"a cell took more than {request.cell_s:g} s"))
    except DeadKernelError:
        store(_STOPPED.format("its process ended, or exceeded its limits"))


def _outputs(cell: Any) -> list[Output]:
    """Keep text and pictures of a cell's outputs, and nothing else."""
    found, room = [], _MAX_CHARACTERS
    for output in cell.outputs[:_MAX_OUTPUTS]:
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
