"""Train for many epochs with your two loops, and save the results."""

import contextlib
import ctypes
import json
import os
import platform
import time
from collections.abc import Callable
from pathlib import Path

import torch
from safetensors.torch import load_file, save
from torch import nn

History = dict[str, list[float]]  # train_loss, test_loss, train_accuracy, test_accuracy: one value per epoch


def device() -> torch.device:
    """Return the fastest device to train on: a GPU (cuda, mps) if there is one, else the CPU with free processors."""
    keep_memory()
    if torch.cuda.is_available():
        kind, why = "cuda", f"a GPU, {torch.cuda.get_device_name()}"
    elif torch.backends.mps.is_available():
        kind, why = "mps", "the GPU of an Apple processor"
    else:
        if "OMP_NUM_THREADS" not in os.environ:  # else you, or the hub, chose the number of threads
            torch.set_num_threads(min(torch.get_num_threads(), free_processors()))
        threads = torch.get_num_threads()
        kind, why = "cpu", f"{threads} thread{'s' * (threads > 1)}; no GPU was found"
    print(f"Training on {kind}: {why}.")
    return torch.device(kind)


def free_processors(cgroup: Path = Path("/sys/fs/cgroup")) -> int:
    """Count the processors that this process may use and that no other program keeps busy; at least 1.

    On a shared server, torch starts a thread for each processor of the machine, even if this process may use only one
    or two of them. Threads that wait for each other's turn make training several times slower than one thread.

    Source: the Linux kernel's documentation of control groups, file cpu.max; JupyterHub's variable CPU_LIMIT.
    """
    processors = os.cpu_count() or 1
    limits = [len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else processors]
    with contextlib.suppress(OSError, ValueError):  # no control groups, or no limit in them ("max")
        quota, period = (cgroup / "cpu.max").read_text().split()
        limits.append(int(quota) / int(period))
    with contextlib.suppress(ValueError):
        limits.append(float(os.environ.get("CPU_LIMIT") or "inf"))
    with contextlib.suppress(ImportError, OSError):
        import psutil  # Jupyter's kernel brings it along

        limits.append(processors * (1 - psutil.cpu_percent(interval=0.5) / 100))
    return max(1, round(min(limits)))


def keep_memory() -> None:
    """Let this process keep the memory that a training step frees, for the next step.

    Otherwise the operating system takes large blocks back and clears them again each time; on a CPU, large batches and
    pictures then take up to 1.6 times as long. Works with glibc, the C library of most Linux systems; does nothing
    elsewhere.

    Source: the GNU C Library, manual page mallopt(3), M_MMAP_MAX and M_TRIM_THRESHOLD.
    """
    if platform.libc_ver()[0] == "glibc":
        libc = ctypes.CDLL(None)
        libc.mallopt(-4, 0)  # M_MMAP_MAX: no block has its own mapping
        libc.mallopt(-1, 10**9)  # M_TRIM_THRESHOLD, in bytes: keep this much free memory


def fit(
    model: nn.Module,
    loaders: tuple,
    optimizer: torch.optim.Optimizer,
    criterion: Callable,
    epochs: int,
    train_model: Callable,
    test_model: Callable,
    scheduler: torch.optim.lr_scheduler.LRScheduler | None = None,
    held_out: str = "test",
) -> History:
    """Train for some epochs, measure after each, and print one line per epoch.

    Args:
        loaders: (train_loader, test_loader).
        train_model, test_model: your loops.
        scheduler: changes the learning rate after each epoch.
        held_out: printed name of the images of the second loader, "test" or "validation".

    Returns:
        Four lists, ``train_loss``, ``test_loss``, ``train_accuracy`` and ``test_accuracy``, one value per epoch. The
        training values are averages *during* the epoch, the test values belong to the weights at its end.
    """
    history: History = {"train_loss": [], "test_loss": [], "train_accuracy": [], "test_accuracy": []}
    train_loader, test_loader = loaders
    for epoch in range(1, epochs + 1):
        start = time.perf_counter()
        train = train_model(model, train_loader, optimizer, criterion, epoch)
        test = test_model(model, test_loader, criterion)
        if scheduler is not None:
            scheduler.step()
        for part, (loss, accuracy) in {"train": train, "test": test}.items():
            history[f"{part}_loss"].append(float(loss))
            history[f"{part}_accuracy"].append(float(accuracy))
        print(
            f"epoch {epoch:>2}/{epochs}   loss: train {train[0]:.4f}, {held_out} {test[0]:.4f}   "
            f"accuracy: train {train[1]:.2%}, {held_out} {test[1]:.2%}   {time.perf_counter() - start:.1f} s"
        )
    return history


def save_weights(model: nn.Module, path: str | Path, dataset: str = "") -> None:
    """Save the weights as safetensors: names and numbers, no code, so that anyone may open the file safely.

    Args:
        dataset: what they were trained on, kept in the file; ``check`` and ``submit`` say when it is the sample.
    """
    path = Path(path)
    part = path.with_name(f"{path.name}.part")  # renamed when complete
    weights = {name: tensor.detach().cpu().clone() for name, tensor in model.state_dict().items()}
    part.write_bytes(save(weights, {"dataset": dataset} if dataset else None))
    part.replace(path)


def load_weights(model: nn.Module, path: str | Path) -> nn.Module:
    """Load saved weights into a model with the same layers, and return it.

    Raises:
        RuntimeError: names or shapes in the file differ from those of the model.
    """
    model.load_state_dict(load_file(path))
    return model


def save_history(history_by_model: dict[str, History], path: str | Path) -> None:
    """Save the histories of several models as JSON, by the name of the model."""
    path = Path(path)
    part = path.with_name(f"{path.name}.part")
    part.write_text(json.dumps(history_by_model, indent=1) + "\n", encoding="utf-8")
    part.replace(path)
