"""Warm process: import torch once, then fork what needs it: zygotes, which enter a jail, and the judge.

It is the grader's child, has one thread and a clean environment, and never holds a byte of a course or a submission.
The kernel makes its forks children of the grader.

in:  the control socket, Python's folders of installed packages;
     for each fork four descriptors: where to report; a file that only the fork reads, {"name": of the process,
     "call": "module:function", "arguments": [...], "path": [...], "sites": [...], "environment": {...}}; stderr; and a
     channel, its descriptor 3
out: for each fork, where to report: the pid, or a sentence on why there is none
"""

import contextlib
import importlib
import importlib.util
import io
import json
import os
import random
import site
import socket
import sys
import tempfile
import time
import traceback
from typing import NoReturn
from unittest import mock

from . import syscalls
from .bootstrap import CHANNEL


def main(control: socket.socket, packages: list[str]) -> None:
    """Warm up, then fork until the grader closes the control socket."""
    syscalls.set_name("gradeprop-warm")
    control.set_inheritable(False)
    sys.path += packages
    _import_torch()
    _import_matplotlib()
    from . import zygote  # noqa: F401  (inside a root they could not be imported)

    syscalls.prepare_to_fork()
    while (received := socket.recv_fds(control, 1, 4))[0]:
        report, message, errors, channel = received[1]
        try:
            require_one_thread()
            pid = syscalls.fork_into(syscalls.SIBLING)
            if pid == 0:
                _become(message, errors, channel)
            answer = str(pid)
        except (OSError, RuntimeError) as error:
            answer = str(error)
        with contextlib.suppress(OSError):  # the grader is gone
            os.write(report, answer.encode())
        for descriptor in received[1]:
            os.close(descriptor)
    os._exit(0)  # tearing down torch takes seconds


def require_one_thread() -> None:
    """Wait until all other threads have ended, since a fork would lose them.

    Raises:
        RuntimeError: one is still there after 10 s.
    """
    deadline = time.monotonic() + 10
    while len(threads := os.listdir("/proc/self/task")) > 1:  # noqa: PTH208
        if time.monotonic() > deadline:
            raise RuntimeError(f"{len(threads)} threads; a fork would lose all but one")
        time.sleep(0.01)


def _import_matplotlib() -> None:
    """Import and use matplotlib as if this machine had no fonts, and its user no settings: a jail has neither."""
    spec, walk = importlib.util.find_spec("matplotlib"), os.walk
    own = tuple(spec.submodule_search_locations or ()) if spec else ()
    with (
        tempfile.TemporaryDirectory() as folder,
        mock.patch.dict(os.environ, PATH="", MPLCONFIGDIR=folder),
        mock.patch(
            "os.walk", lambda top, *more, **given: walk(top, *more, **given) if str(top).startswith(own) else ()
        ),
    ):
        import matplotlib as mpl
        import matplotlib.pyplot as plt

        figure, axis = plt.subplots()
        axis.plot([1, 2], label="a")
        axis.legend()
        figure.savefig(io.BytesIO(), format="png")
        plt.close("all")
    tempfile.tempdir = None  # a fork has another
    mpl.get_configdir = mpl.get_cachedir = lambda: os.environ.get("MPLCONFIGDIR", tempfile.gettempdir())


def _import_torch() -> None:
    """Import and use torch, and what belongs to it."""
    import torch

    torch.set_num_threads(1)  # before any operation
    from . import lazy_dynamo

    lazy_dynamo.stub_torch_dynamo()
    import safetensors.torch
    from PIL import Image
    from torch.utils.data import DataLoader, TensorDataset

    with contextlib.suppress(ImportError):  # they are optional
        import pandas  # type: ignore[import-untyped]  # noqa: F401
        import tqdm.auto  # type: ignore[import-untyped]

        tqdm.auto.tqdm.monitor_interval = 0  # else its first progress bar starts a thread
    Image.new("L", (4, 4)).save(io.BytesIO(), "png")
    layers = (
        torch.nn.Conv2d(1, 2, 3),
        torch.nn.BatchNorm2d(2),
        torch.nn.ReLU(),
        torch.nn.MaxPool2d(2),
        torch.nn.Flatten(),
    )
    model = torch.nn.Sequential(*layers, torch.nn.Dropout(0.1), torch.nn.Linear(18, 2))
    for kind in (torch.optim.SGD, torch.optim.AdamW):
        optimizer = kind(model.parameters(), lr=0.1)
        for images, labels in DataLoader(TensorDataset(torch.rand(4, 1, 8, 8), torch.zeros(4).long()), 2, shuffle=True):
            optimizer.zero_grad()
            torch.nn.functional.cross_entropy(model(images), labels).backward()  # type: ignore[no-untyped-call]
            optimizer.step()
    torch.manual_seed(0)  # the first call reads the source of half a dozen files
    safetensors.torch.save({"weight": layers[0].weight.detach()})


def _become(file: int, errors: int, channel: int) -> NoReturn:
    """In the fork: keep the standard streams and the channel, then call the function; never return."""
    status = 1
    try:
        os.setsid()
        os.dup2(errors, 2)
        message = json.loads(os.pread(file, 1 << 22, 0))
        syscalls.set_name(message["name"])
        if channel != CHANNEL:
            os.dup2(channel, CHANNEL)
        os.closerange(CHANNEL + 1, 1 << 16)
        _seed()
        if "environment" in message:
            os.environ.clear()
            os.environ.update(message["environment"])
        for folder in reversed(message.get("path", ())):
            sys.path.insert(0, folder)
        for folder in message.get("sites", ()):
            site.addsitedir(folder)  # reads .pth files, as Python does at its start
        module, function = message["call"].split(":")
        status = getattr(importlib.import_module(module), function)(*message["arguments"]) or 0
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stderr.flush()
        os._exit(status)


def _seed() -> None:
    """Give this fork random states of its own: what a jail could read must not tell those of the judge."""
    import numpy as np

    random.seed()
    np.random.seed()
