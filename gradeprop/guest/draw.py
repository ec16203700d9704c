"""What a probe draws its inputs from: the same for the same run seed and probe, unknown before the run."""

import hashlib
from pathlib import Path

import torch
from torch import Tensor


class Draw:
    """Random inputs, held-out inputs and folders for one probe."""

    def __init__(self, run_seed: int, probe: str, home: Path, inputs: dict[str, Tensor]) -> None:
        self.seed = int.from_bytes(hashlib.sha256(f"{run_seed}:{probe}".encode()).digest()[:4])
        self.generator = torch.Generator().manual_seed(self.seed)
        self.submission = home / "submission"
        self._folders, self._made, self._inputs = home / "draws" / probe, 0, inputs

    def normal(self, *shape: int) -> Tensor:
        """float32, mean 0, standard deviation 1."""
        return torch.randn(shape, generator=self.generator)

    def uniform(self, *shape: int) -> Tensor:
        """float32 in [0, 1)."""
        return torch.rand(shape, generator=self.generator)

    def integers(self, low: int, high: int, *shape: int) -> Tensor:
        """int64 from ``low`` to ``high`` - 1."""
        return torch.randint(low, high, shape, generator=self.generator)

    def choice(self, n: int, k: int) -> Tensor:
        """k different numbers of 0 … n - 1, int64, in random order."""
        return torch.randperm(n, generator=self.generator)[:k]

    def folder(self) -> Path:
        """A new, empty, writable folder."""
        self._made += 1
        folder = self._folders / str(self._made)
        folder.mkdir(parents=True)
        return folder

    @property
    def inputs(self) -> dict[str, Tensor]:
        """The held-out inputs: a copy, since a model may write into what it is given."""
        return {name: tensor.clone() for name, tensor in self._inputs.items()}
