"""Serializer of probe results: JSON and tensors."""

import math
from typing import Any

import numpy as np
import torch
from torch import Tensor

MAX_DEPTH = 16
MAX_TENSORS = 2000
_INT = 1 << 63
DTYPES = {
    torch.float32, torch.float64, torch.float16, torch.bfloat16, torch.bool,
    torch.uint8, torch.int8, torch.int16, torch.int32, torch.int64,
}  # fmt: skip


def _utf8(text: str) -> str:
    """Replace halves of surrogate pairs, which JSON cannot represent."""
    return str(text).encode(errors="replace").decode()


class TooLarge(Exception):
    """The result is larger than the limit."""


class Packer:
    """Serializer that collects the tensors of one probe."""

    def __init__(self, budget: int) -> None:
        """Start with a budget in bytes for all tensors."""
        self.tensors: dict[str, Tensor] = {}
        self._left = budget

    def pack(self, value: Any, depth: int = 0) -> Any:
        """Convert a value to JSON; a tensor becomes {"$tensor": name}, an unsupported object {"$type": its class}."""
        if isinstance(value, np.generic):
            value = value.item()
        if value is None or isinstance(value, bool):
            return value
        if isinstance(value, int) and -_INT <= value < _INT:
            return int(value)
        if isinstance(value, float):
            return float(value) if math.isfinite(value) else str(float(value))
        if isinstance(value, str):
            return _utf8(value)
        if isinstance(value, Tensor) and value.layout == torch.strided and value.dtype in DTYPES:
            return self._tensor(value)
        if isinstance(value, list | tuple) and depth < MAX_DEPTH:
            return [self.pack(item, depth + 1) for item in value]
        if isinstance(value, dict) and depth < MAX_DEPTH and all(isinstance(key, str | int) for key in value):
            return {_utf8(str(key)): self.pack(item, depth + 1) for key, item in value.items()}
        return {"$type": type(value).__name__}

    def _tensor(self, value: Tensor) -> dict[str, str]:
        # before a copy: an expanded tensor is larger than its memory
        self._left -= value.numel() * value.element_size()
        if self._left < 0 or len(self.tensors) == MAX_TENSORS:
            raise TooLarge
        name = str(len(self.tensors))
        plain = value.as_subclass(Tensor).detach().cpu()
        self.tensors[name] = plain.clone(memory_format=torch.contiguous_format)
        return {"$tensor": name}
