"""Lazy stub of torch._dynamo, which optimisers import without using it.

The import costs 2 s and 150 MiB in the judge, 3 s and 90 MiB in the jail. The stub answers the two calls of an
optimiser as the real module does outside of ``torch.compile``. The first use of anything else, such as an import of
torchvision, loads the real module.
"""

import importlib
import sys
from collections.abc import Callable
from types import ModuleType
from typing import Any

_NAME = "torch._dynamo"


class _LazyDynamo(ModuleType):
    """The stub."""

    def graph_break(self, msg: str = "") -> None:
        """Do nothing, since no graph is compiled."""

    def disable(self, fn: Callable[..., Any], recursive: bool = True, **more: Any) -> Callable[..., Any]:
        """Return ``fn`` unchanged, since nothing compiles it."""
        return fn

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__") and name != "__path__":  # the import system looks these up in any module
            raise AttributeError(name)
        if sys.modules.get(_NAME) is self:
            del sys.modules[_NAME]
        return getattr(importlib.import_module(_NAME), name)


def stub_torch_dynamo() -> None:
    """Install the stub; call this after ``import torch``. A module that is already loaded stays."""
    import torch

    if _NAME not in sys.modules:
        torch._dynamo = sys.modules[_NAME] = _LazyDynamo(_NAME)
