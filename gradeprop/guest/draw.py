"""The second argument of a probe: random inputs, the submission's files, and helpers that many probes need.

The draws are the same for the same run seed and probe, and unknown before the run. A probe runs in the jail and can
import nothing of ours, so what probes share is here, as methods.
"""

import codecs
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn

from . import graph, networks


def values(seed: int, size: int, period: int | None = None) -> Tensor:
    """Draw values that depend on ``seed`` and ``size`` alone: float32 (size,), mean 0, standard deviation 1.

    Args:
        period: repeat the values after so many: drawing millions would take longer than everything else.
    """
    drawn = torch.randn(min(size, period or size), generator=torch.Generator().manual_seed(seed + size))
    return drawn if period is None else drawn.repeat(-(-size // period))[:size]


def decode(data: bytes) -> str:
    """Decode text: UTF-8, or UTF-16 with a byte order mark, and Latin-1 if it is neither."""
    encoding = "utf-16" if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)) else "utf-8-sig"
    try:
        return data.decode(encoding)
    except UnicodeDecodeError:
        return data.decode("latin-1")


class Draw:
    """Random inputs, held-out inputs, the submission's files and folders, for one probe.

    Attributes:
        seed: of this run and probe; a check that receives it can draw the same values again.
        submission: the folder of the submission.
    """

    def __init__(self, seed: int, probe: str, home: Path, inputs: dict[str, Tensor]) -> None:
        self.seed = seed
        self.generator = torch.Generator().manual_seed(seed)
        self.submission = home / "submission"
        self._folders, self._count, self._inputs = home / "draws" / probe, 0, inputs

    # ---- random inputs

    def normal(self, *shape: int) -> Tensor:
        """Draw float32 values with mean 0 and standard deviation 1."""
        return torch.randn(shape, generator=self.generator)

    def uniform(self, *shape: int) -> Tensor:
        """Draw float32 values in [0, 1)."""
        return torch.rand(shape, generator=self.generator)

    def integers(self, low: int, high: int, *shape: int) -> Tensor:
        """Draw int64 values from ``low`` to ``high`` - 1."""
        return torch.randint(low, high, shape, generator=self.generator)

    def choice(self, n: int, k: int) -> Tensor:
        """Draw k different numbers of 0 … n - 1, int64 (k,), in random order."""
        return torch.randperm(n, generator=self.generator)[:k]

    # ---- weights

    def values(self, size: int, offset: int = 0, period: int | None = None) -> Tensor:
        """Draw float32 (size,) that depends on ``seed + offset`` and ``size`` alone; see ``values``."""
        return values(self.seed + offset, size, period)

    def fill(self, model: nn.Module) -> nn.Module:
        """Give each parameter drawn values that depend on its size alone; return the model.

        For networks whose parameters all have different sizes, so that names and order do not matter, and which get
        narrower, so that a matrix (large, small) is taken for a transposed one. The values, ``values(seed, size) *
        size**-0.25``, are large enough for a missing non-linearity to show.
        """
        for parameter in model.parameters():
            size, shape = parameter.numel(), parameter.shape
            drawn = values(self.seed, size) * size**-0.25
            transposed = parameter.dim() == 2 and shape[0] > shape[1]
            parameter.data.copy_(drawn.reshape(shape[::-1]).T if transposed else drawn.reshape(shape))
        return model

    def fill_gradients(self, model: nn.Module) -> None:
        """Give each parameter a gradient of standard normal values."""
        for parameter in model.parameters():
            parameter.grad = self.normal(*parameter.shape)

    # ---- files

    def folder(self) -> Path:
        """Make a new, empty, writable folder."""
        self._count += 1
        folder = self._folders / str(self._count)
        folder.mkdir(parents=True)
        return folder

    @property
    def inputs(self) -> dict[str, Tensor]:
        """The held-out inputs: a copy, since a model may write into what it is given."""
        return {name: tensor.clone() for name, tensor in self._inputs.items()}

    def weights(self, name: str) -> dict[str, Tensor]:
        """Load a file of weights from the submission.

        Raises:
            FileNotFoundError: it is missing.
            ValueError: it is no safetensors file.
        """
        try:
            return load_file(self.submission / name)
        except SafetensorError as error:
            message = f"{name} is not a file of safetensors; save it with given.training.save_weights"
            raise ValueError(message) from error

    def history(self) -> list[dict[str, Any]]:
        """Return at most 8 tables with a "train_loss" of the submission's history.json, each with its ``name``."""
        return _curves(json.loads(self.text("history.json")))[:8]

    def text(self, name: str) -> str:
        """Read a text file of the submission in any encoding that editors write.

        Raises:
            FileNotFoundError: it is missing.
        """
        return decode((self.submission / name).read_bytes())

    def trained(
        self,
        model: nn.Module,
        name: str,
        prepare: Callable[[Tensor], Tensor],
        forward: Callable[[Tensor], Any] | None = None,
    ) -> dict[str, Any]:
        """Load the submission's weights into the model; return its graph, from which the judge computes its logits.

        Args:
            model: the network.
            name: the file of weights.
            prepare: turns the held-out ``images`` into what the model takes.
            forward: called on a batch instead of the model; returns the logits.

        Returns:
            What ``graph.record`` returns, and ``other_images`` with ``other_logits``, to see that the graph is the same
            for all images.
        """
        state, images = self.weights(name), prepare(self.inputs["images"])
        networks.initialize(model, images).load_state_dict(state)
        model.eval()
        other = self.normal(*images.shape)
        with torch.no_grad():
            logits = (forward or model)(other.clone())
        return {**graph.record(model, images, forward), "other_images": other, "other_logits": logits}

    # ---- helpers that draw nothing

    graph = staticmethod(graph.record)
    trace = networks.Trace
    initialize = staticmethod(networks.initialize)
    parameters = staticmethod(networks.parameters)
    left_out = staticmethod(networks.left_out)
    losses = staticmethod(networks.losses)
    another_default_decay = staticmethod(networks.another_default_decay)
    step_without_gradient = staticmethod(networks.step_without_gradient)
    repeats = staticmethod(networks.repeats)
    scalar = staticmethod(networks.scalar)
    floats = staticmethod(networks.floats)
    line = staticmethod(networks.line)


def _curves(table: Any, name: str = "") -> list[dict[str, Any]]:
    if not isinstance(table, dict):
        return []
    if "train_loss" in table:
        return [{"name": name, **{key: value for key, value in table.items() if isinstance(value, list)}}]
    return [curves for key, value in table.items() for curves in _curves(value, str(key))]
