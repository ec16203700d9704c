"""Jupyter kernel provisioner: jupyter_client starts its kernels in the jail; for a kernel manager with ipc transport.

manager.transport = "ipc"    sockets in a folder that both sides see; the jail has no network
register(sandbox)            from then on every kernel of this process starts in the jail
"""

import json
import os
import signal
import socket
import subprocess
from collections.abc import Mapping
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Any, ClassVar

import msgspec
from jupyter_client.provisioning.factory import KernelProvisionerFactory
from jupyter_client.provisioning.local_provisioner import LocalProvisioner

from gradeprop.core.assignment import Limits
from gradeprop.core.errors import NoJailError
from gradeprop.core.models import Record
from gradeprop.core.scratch import ScratchDir
from gradeprop.core.warm import GUEST, python
from gradeprop.guest import framing
from gradeprop.jail.plan import make_plan

NAME = "gradeprop-jail"
_BOOT = "import sys; sys.path.insert(0, sys.argv[2]); from guest import bootstrap; bootstrap.main(int(sys.argv[1]))"
_SOCKETS = "/jail/wire"
"""path in the jail of the folder with the sockets"""


class KernelSandbox(Record, frozen=True, kw_only=True):
    """Everything that a kernel can see."""

    files: dict[str, bytes]
    """files in its working folder: relative name → content"""
    environment: dict[str, str]
    limits: Limits
    folders: dict[str, str]
    """read-only folders: path in the jail → path on this machine"""
    hide: tuple[str, ...]


def register(sandbox: KernelSandbox) -> None:
    """Make jupyter_client start every kernel of this process in the jail."""
    JailProvisioner.sandbox = sandbox
    os.environ[KernelProvisionerFactory.default_provisioner_name_env] = NAME
    value = f"{__name__}:{JailProvisioner.__name__}"
    entry_point = EntryPoint(NAME, value, KernelProvisionerFactory.GROUP_NAME)
    KernelProvisionerFactory.instance().provisioners[NAME] = entry_point


class JailProvisioner(LocalProvisioner):
    """A provisioner that starts kernels in the full tier of the jail."""

    sandbox: ClassVar[KernelSandbox]

    async def pre_launch(self, **given: Any) -> dict[str, Any]:
        """Plan the jail, and make the folder for the sockets."""
        manager = self.parent
        self._plan = make_plan("full", [*map(Path, self.sandbox.hide)])
        self._sockets = ScratchDir()
        if self._plan.bootstrap["uid"] is not None:
            os.chown(self._sockets.path, self._plan.bootstrap["uid"], self._plan.bootstrap["uid"])
        manager.ip = f"{self._sockets.path}/k"  # of the sockets: k-1, k-2, …
        return await super().pre_launch(**given)

    async def launch_kernel(self, cmd: list[str], **given: Any) -> Any:
        """Start the kernel in the jail, which ignores ``cmd``: it knows what to start."""
        plan, sandbox, info = self._plan, self.sandbox, self.parent.get_connection_info()
        info["key"] = info["key"].decode() if isinstance(info["key"], bytes) else info["key"]
        info["ip"] = f"{_SOCKETS}/k"
        bootstrap = plan.bootstrap | {"main": "notebook_kernel", "shared": {_SOCKETS: str(self._sockets.path)}}
        bootstrap["binds"] = bootstrap["binds"] | sandbox.folders
        setting = plan.zygote | {
            "sockets": [_SOCKETS],
            "limits": msgspec.to_builtins(sandbox.limits),
            "environment": sandbox.environment,
            "connection": json.dumps(info),
        }
        self._control, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        ours, job = socket.socketpair()
        with theirs, ours, job:
            argv = [str(python()), "-ISB", "-c", _BOOT, str(theirs.fileno()), str(GUEST.parent)]
            self.process = subprocess.Popen(
                argv, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env={},
                cwd="/", pass_fds=[theirs.fileno()], start_new_session=True,
            )  # fmt: skip
            self.pid, self.pgid, self.ip = self.process.pid, None, None
            theirs.close()
            self._control.send(json.dumps(bootstrap).encode())
            self._control.send(json.dumps(setting).encode())
            socket.send_fds(self._control, [b"j"], [job.fileno()])
            job.close()
            _send(ours, sandbox.files)
        self.connection_info = self.parent.get_connection_info()
        return self.connection_info

    async def send_signal(self, signum: int) -> None:
        """End the kernel and all that it started on any ending signal: a polite request would depend on the kernel."""
        if signum in (signal.SIGKILL, signal.SIGTERM, signal.SIGINT):
            self._control.close()

    async def kill(self, restart: bool = False) -> None:
        self._control.close()

    async def terminate(self, restart: bool = False) -> None:
        self._control.close()

    async def cleanup(self, restart: bool = False) -> None:
        self._control.close()
        self._sockets.remove()


def _send(ours: socket.socket, files: Mapping[str, bytes]) -> None:
    header = json.dumps({"files": [(name, len(content)) for name, content in files.items()]}).encode()
    ours.settimeout(60.0)
    try:
        ours.sendall(framing.HEAD.pack(len(header), sum(map(len, files.values()))) + header)
        for content in files.values():
            ours.sendall(content)
    except OSError as error:
        raise NoJailError(f"the jail for a kernel could not be started: {error}") from error
