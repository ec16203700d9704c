"""Turn what a probe returns into JSON and tensors."""

import math
from typing import Any

import numpy as np
import torch
from torch import Tensor

DEPTH = 16
TENSORS = 2000
_INT = 1 << 63
SENDABLE = {
    torch.float32, torch.float64, torch.float16, torch.bfloat16, torch.bool,
    torch.uint8, torch.int8, torch.int16, torch.int32, torch.int64,
}  # fmt: skip


def _whole(text: str) -> str:
    """JSON has no half of a surrogate pair."""
    return str(text).encode(errors="replace").decode()


class TooLarge(Exception):
    """More than may be sent."""


class Packer:
    """Collects the tensors of one probe; ``budget`` is what they may take, in bytes."""

    def __init__(self, budget: int) -> None:
        self.tensors: dict[str, Tensor] = {}
        self._left = budget

    def pack(self, value: Any, depth: int = 0) -> Any:
        """``value`` as JSON; a tensor becomes {"$tensor": name}, what cannot be sent {"$type": its class}."""
        if isinstance(value, np.generic):
            value = value.item()
        if value is None or isinstance(value, bool):
            return value
        if isinstance(value, int) and -_INT <= value < _INT:
            return int(value)
        if isinstance(value, float):
            return float(value) if math.isfinite(value) else str(float(value))
        if isinstance(value, str):
            return _whole(value)
        if isinstance(value, Tensor) and value.layout == torch.strided and value.dtype in SENDABLE:
            return self._tensor(value)
        if isinstance(value, list | tuple) and depth < DEPTH:
            return [self.pack(item, depth + 1) for item in value]
        if isinstance(value, dict) and depth < DEPTH and all(isinstance(key, str | int) for key in value):
            return {_whole(str(key)): self.pack(item, depth + 1) for key, item in value.items()}
        return {"$type": type(value).__name__}

    def _tensor(self, value: Tensor) -> dict[str, str]:
        self._left -= (
            value.numel() * value.element_size()
        )  # before a copy: an expanded tensor is larger than its memory
        if self._left < 0 or len(self.tensors) == TENSORS:
            raise TooLarge
        name = str(len(self.tensors))
        plain = value.as_subclass(Tensor).detach().cpu()
        self.tensors[name] = plain.clone(memory_format=torch.contiguous_format)
        return {"$tensor": name}
