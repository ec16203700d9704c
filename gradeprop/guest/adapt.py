"""Libraries adapted to the jail: what submissions ask for and the jail does not have must not cost points."""

import functools
import inspect
from collections.abc import Callable
from typing import Any


def keep_figures_in_memory() -> None:
    """Keep matplotlib's backend Agg, whatever other is asked for: nobody sees a window here."""
    import matplotlib as mpl
    import matplotlib.pyplot as plt

    def stay(*args: Any, **given: Any) -> None:
        """Do nothing."""

    plt.switch_backend("agg")
    mpl.use = plt.switch_backend = stay


def call_instead_of_compiling() -> None:
    """Make torch.compile return its argument: compiling takes longer than a probe may."""
    import torch

    def compile(model: Callable[..., Any] | None = None, **given: Any) -> Callable[..., Any]:
        return model if model is not None else lambda function: function

    torch.compile = compile


def load_in_one_process() -> None:
    """Make every DataLoader load in its own process, where no other can be started; the batches stay the same."""
    from torch.utils.data import DataLoader

    original = DataLoader.__init__
    parameters = inspect.signature(original)
    alone = {
        "num_workers": 0,
        "timeout": 0,
        "persistent_workers": False,
        "prefetch_factor": None,
        "multiprocessing_context": None,
    }

    @functools.wraps(original)
    def init(*args: Any, **given: Any) -> None:
        asked = parameters.bind(*args, **given)
        asked.arguments |= {name: alone[name] for name in asked.arguments.keys() & alone}
        original(*asked.args, **asked.kwargs)

    DataLoader.__init__ = init  # type: ignore[method-assign]
