"""Real Jupyter servers for the tests, on a copy of a course with an exchange of its own."""

import contextlib
import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

REPOSITORY = Path(__file__).parents[2]
PATIENCE_S = 120
TOKEN = "only-on-this-machine"


@dataclass(frozen=True, slots=True)
class Person:
    """Someone with a home folder, as nbgrader sees them."""

    name: str
    home: Path
    exchange: Path

    @property
    def environment(self) -> dict[str, str]:
        """Settings of their own, none of this machine's; programs and extensions of this interpreter and this tree."""
        path = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")])
        (self.home / ".tmp").mkdir(parents=True, exist_ok=True)
        mine = {"HOME": str(self.home), "TMPDIR": str(self.home / ".tmp")}
        jupyter = {
            "JUPYTER_CONFIG_DIR": str(self.home / ".jupyter"),
            "JUPYTER_DATA_DIR": str(self.home / ".local"),
            "JUPYTER_RUNTIME_DIR": str(self.home / ".runtime"),
            "JUPYTER_CONFIG_PATH": str(REPOSITORY / "etc" / "jupyter"),
            "IPYTHONDIR": str(self.home / ".ipython"),
            "MPLCONFIGDIR": str(self.home / ".matplotlib"),
        }
        course = {"GRADEPROP_DATASET": "sample", "GRADEPROP_EPOCHS": "1", "PATH": path}
        return {**os.environ, **mine, **jupyter, **course}

    def settle(self, extra: str = "") -> None:
        """Make the home folder, with nbgrader told where the exchange is."""
        (self.home / ".jupyter").mkdir(parents=True, exist_ok=True)
        told = f"c = get_config()\nc.Exchange.root = {str(self.exchange)!r}\nc.CourseDirectory.course_id = 'cnn'\n"
        told += "c.Execute.timeout = 600\n"
        (self.home / ".jupyter" / "nbgrader_config.py").write_text(told + extra)

    def nbgrader(self, *arguments: str, cwd: Path | None = None) -> "subprocess.CompletedProcess[str]":
        """One of nbgrader's commands, as this person."""
        command = [sys.executable, "-m", "nbgrader", *arguments]
        where = cwd or self.home
        return subprocess.run(command, cwd=where, env=self.environment, capture_output=True, text=True, check=False)


@dataclass(frozen=True, slots=True)
class Server:
    """A running Jupyter server."""

    url: str
    log: Path

    def ask(self, path: str, method: str = "GET", timeout_s: float = PATIENCE_S) -> tuple[int, str]:
        """The status and text of an answer."""
        request = urllib.request.Request(self.url + path, method=method, headers={"Authorization": f"token {TOKEN}"})
        try:
            with urllib.request.urlopen(request, timeout=timeout_s) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode()


@contextlib.contextmanager
def jupyter(person: Person, folder: Path, *options: str) -> Iterator[Server]:
    """A Jupyter server in ``folder``, as this person."""
    port, log = free_port(), person.home.with_name(f"{person.name}.log")
    settings = [f"--port={port}", "--ip=127.0.0.1", "--port-retries=0", f"--IdentityProvider.token={TOKEN}"]
    settings += ["--no-browser", "--allow-root", "--LabApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate"]
    settings += ["--LabApp.news_url=None"]
    command = [sys.executable, "-m", "jupyter", "lab", *settings, *options]
    with log.open("w") as said:
        process = subprocess.Popen(command, cwd=folder, env=person.environment, stdout=said, stderr=subprocess.STDOUT)
        try:
            server = Server(f"http://127.0.0.1:{port}", log)
            await_answer(process, server)
            yield server
        finally:
            process.terminate()
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def await_answer(process: "subprocess.Popen[bytes]", server: Server) -> None:
    """Wait until the server answers; what it said if it ends before."""
    deadline = time.monotonic() + PATIENCE_S
    while time.monotonic() < deadline:
        if process.poll() is not None:
            break
        with contextlib.suppress(OSError):
            if server.ask("/api/status", timeout_s=5)[0] == 200:
                return
        time.sleep(0.2)
    raise AssertionError(f"no server: {server.log.read_text()[-3000:]}")


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


def course_copy(root: Path) -> Path:
    """This course, as an instructor has it: without what has been generated."""
    root.mkdir(parents=True)
    for name in ("source", "grader_tests"):
        shutil.copytree(REPOSITORY / name, root / name, ignore=shutil.ignore_patterns("__pycache__", ".*"))
    for name in ("nbgrader_config.py", "student_code.py"):
        shutil.copyfile(REPOSITORY / name, root / name)
    return root


def exchange(root: Path) -> Path:
    """An exchange that all may write to, as nbgrader asks for."""
    root.mkdir(parents=True)
    root.chmod(0o777)
    return root
