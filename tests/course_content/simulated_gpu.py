"""A pretended graphics card: PyTorch's device ``card`` computes on the processor, and is as strict as a real one.

Importing this registers the device in this process; ``torch.device("card")`` then works wherever "cuda" would. As
there, an operation on tensors that lie apart is an error, and so is ``numpy()`` of one that lies on the card. What it
can't show: speed, memory, and operations that a real card lacks or computes in another order.

Source: PyTorch, test/test_privateuseone_python_backend.py, for the way to register a device from Python.
"""

from typing import Any

import torch
from torch.utils._pytree import tree_leaves, tree_map_only
from torch.utils.backend_registration import _setup_privateuseone_for_python_backend

aten = torch.ops.aten
MAY_LIE_APART = {aten.copy_.default, aten._to_copy.default, aten.index.Tensor, aten.index_put_.default}

_setup_privateuseone_for_python_backend("card")
CARD = torch.device("card", 0)
library = torch.library.Library("aten", "IMPL")


class OnCard(torch.Tensor):
    """A tensor that says it lies on the card; ``held`` has its numbers."""

    held: torch.Tensor

    @staticmethod
    def __new__(cls, held: torch.Tensor) -> "OnCard":
        """Around ``held``, whose memory it shares."""
        where = {"strides": held.stride(), "storage_offset": held.storage_offset(), "device": CARD}
        made = torch.Tensor._make_wrapper_subclass(cls, held.shape, dtype=held.dtype, **where)
        made.held = held
        return made

    @classmethod
    def __torch_dispatch__(cls, function: Any, types: Any, args: tuple = (), kwargs: dict | None = None) -> Any:
        """Do on the processor what the card is asked for."""
        kwargs = kwargs or {}
        tensors = [leaf for leaf in tree_leaves((args, kwargs)) if isinstance(leaf, torch.Tensor)]
        apart = any(tensor.dim() and not isinstance(tensor, OnCard) for tensor in tensors)
        if apart and function not in MAY_LIE_APART:
            raise RuntimeError(
                f"Expected all tensors to be on the same device, but {function} got some of cpu and card."
            )
        leaves = kwargs.get("device") is not None and torch.device(kwargs["device"]).type == "cpu"
        here, named = tree_map_only(OnCard, lambda tensor: tensor.held, (args, kwargs))
        result = function(*here, **on_processor(named))
        if leaves:
            return result
        changed = {id(tensor.held): tensor for tensor in tensors if isinstance(tensor, OnCard)}  # if in place
        return tree_map_only(torch.Tensor, lambda new: changed[id(new)] if id(new) in changed else OnCard(new), result)

    def tolist(self) -> list:
        """As of a tensor on any device; PyTorch refuses it to subclasses."""
        return self.held.tolist()


def on_processor(named: dict) -> dict:
    """The same arguments, asking for the processor where they ask for a device."""
    return named | {"device": "cpu"} if named.get("device") is not None else named


def copy(source: torch.Tensor, to: torch.Tensor, non_blocking: bool = False) -> torch.Tensor:
    """Into ``to``, wherever both lie."""
    (to.held if isinstance(to, OnCard) else to).copy_(source.held if isinstance(source, OnCard) else source)
    return to


for name, empty in {"empty.memory_format": aten.empty.memory_format, "empty_strided": aten.empty_strided}.items():
    make = lambda *sizes, empty=empty, **named: OnCard(empty(*sizes, **on_processor(named)))  # noqa: E731
    library.impl(name, make, "PrivateUse1")
library.impl("_copy_from", copy, "PrivateUse1")
