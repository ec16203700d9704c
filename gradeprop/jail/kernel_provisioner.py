"""A Jupyter kernel in the jail, as jupyter_client starts one: a provisioner, for a kernel manager of ipc transport.

manager.transport = "ipc"    sockets in a folder that both sides see; the jail has no network
register(inmate)             every kernel of this process is then started by it
"""

import json
import os
import signal
import socket
import subprocess
import tempfile
from collections.abc import Mapping
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Any, ClassVar

import msgspec
from jupyter_client.provisioning.factory import KernelProvisionerFactory
from jupyter_client.provisioning.local_provisioner import LocalProvisioner

from gradeprop.core.errors import NoJailError
from gradeprop.core.models import Limits, Record
from gradeprop.guest import framing
from gradeprop.jail.jail import _BOOT
from gradeprop.jail.mounts import GUEST, python
from gradeprop.jail.plan import make_plan

NAME = "gradeprop-jail"
_WIRE = "/jail/wire"
"""where the jail sees the folder of the sockets"""


class KernelSandbox(Record, frozen=True, kw_only=True):
    """What a kernel gets to see."""

    files: dict[str, bytes]
    """below its working folder: relative name → content"""
    environment: dict[str, str]
    limits: Limits
    folders: dict[str, str]
    """to read: where it is seen → where it lies"""
    hide: tuple[str, ...]


def register(inmate: KernelSandbox) -> None:
    """Have jupyter_client start every kernel of this process in the jail, to see what ``inmate`` says."""
    JailProvisioner.inmate = inmate
    os.environ[KernelProvisionerFactory.default_provisioner_name_env] = NAME
    value = f"{__name__}:{JailProvisioner.__name__}"
    found = EntryPoint(NAME, value, KernelProvisionerFactory.GROUP_NAME)
    KernelProvisionerFactory.instance().provisioners[NAME] = found


class JailProvisioner(LocalProvisioner):
    """Starts what the command of a kernel would start, in the full tier of the jail."""

    inmate: ClassVar[KernelSandbox]

    async def pre_launch(self, **given: Any) -> dict[str, Any]:
        manager = self.parent
        self._plan = make_plan("full", map(Path, self.inmate.hide))
        self._wire = tempfile.TemporaryDirectory(prefix="gradeprop-kernel-")
        if self._plan.outer["uid"] is not None:
            os.chown(self._wire.name, self._plan.outer["uid"], self._plan.outer["uid"])
        manager.ip = f"{self._wire.name}/k"  # of the sockets: k-1, k-2, …
        return await super().pre_launch(**given)

    async def launch_kernel(self, cmd: list[str], **given: Any) -> Any:
        """``cmd`` is the kernel's own, outside: the jail knows what to start."""
        plan, inmate, info = self._plan, self.inmate, self.parent.get_connection_info()
        info["key"] = info["key"].decode() if isinstance(info["key"], bytes) else info["key"]
        info["ip"] = f"{_WIRE}/k"
        outer = plan.outer | {"main": "notebook_kernel", "shared": {_WIRE: self._wire.name}}
        outer["binds"] = outer["binds"] | inmate.folders
        setting = plan.zygote | {
            "sockets": [_WIRE],
            "limits": msgspec.to_builtins(inmate.limits),
            "environment": inmate.environment,
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
            self._control.send(json.dumps(outer).encode())
            self._control.send(json.dumps(setting).encode())
            socket.send_fds(self._control, [b"j"], [job.fileno()])
            job.close()
            _send(ours, inmate.files)
        self.connection_info = self.parent.get_connection_info()
        return self.connection_info

    async def send_signal(self, signum: int) -> None:
        """Whatever it is, the kernel ends, and all that it started: from outside, nobody asks it to be quick."""
        if signum in (signal.SIGKILL, signal.SIGTERM, signal.SIGINT):
            self._control.close()

    async def kill(self, restart: bool = False) -> None:
        self._control.close()

    async def terminate(self, restart: bool = False) -> None:
        self._control.close()

    async def cleanup(self, restart: bool = False) -> None:
        self._control.close()
        if self._plan.scratch is not None:
            self._plan.scratch.remove()
        self._wire.cleanup()


def _send(ours: socket.socket, files: Mapping[str, bytes]) -> None:
    header = json.dumps({"files": [(name, len(content)) for name, content in files.items()]}).encode()
    ours.settimeout(60.0)
    try:
        ours.sendall(framing.HEAD.pack(len(header), sum(map(len, files.values()))) + header)
        for content in files.values():
            ours.sendall(content)
    except OSError as error:
        raise NoJailError(f"no jail for a kernel can be made: {error}") from error
