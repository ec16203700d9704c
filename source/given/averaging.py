"""Hooks that run after every step of an optimizer: a one-cycle learning rate, and a moving average of the weights.

They are attached to the optimizer itself, so your ``train_model`` stays as it is:

    one_cycle(optimizer, steps=epochs * len(train_loader))
    average = MovingAverage(model, optimizer)
    …                                    train as always
    test_model(average.model, …)         measure, and save, the average
"""

from collections.abc import Callable
from copy import deepcopy

import torch
from torch import nn
from torch.optim.lr_scheduler import OneCycleLR


def one_cycle(optimizer: torch.optim.Optimizer, steps: int, rise: float = 0.25) -> OneCycleLR:
    """Raise the learning rate to the optimizer's own ``lr`` in the first quarter of the steps, then lower it to zero.

    Source: Smith, Topin, "Super-convergence", 2018, arXiv:1708.07120.
    """
    highest = [group["lr"] for group in optimizer.param_groups]
    schedule = OneCycleLR(optimizer, highest, total_steps=steps + 1, pct_start=rise, cycle_momentum=False)
    optimizer.register_step_post_hook(lambda *_: schedule.step())
    return schedule


class MovingAverage:
    """A copy of a model whose weights follow slowly: a mean over about the last 1 / (1 - decay) steps.

    Training steps scatter around a good point; their mean is closer to it.

    Source: Polyak, Juditsky, "Acceleration of stochastic approximation by averaging", 1992.
    """

    def __init__(self, model: nn.Module, optimizer: torch.optim.Optimizer, decay: float = 0.995) -> None:
        self.model = deepcopy(model).requires_grad_(False)
        self.steps, self.decay = 0, decay
        self._source = model
        optimizer.register_step_post_hook(lambda *_: self.follow())

    @torch.no_grad()
    def follow(self) -> None:
        """Move a little towards the model's weights, and towards the statistics of its BatchNorms."""
        self.steps += 1
        decay = min(self.decay, self.steps / (10 + self.steps))  # at first, forget the random start quickly
        now = self._source.state_dict()
        for name, mean in self.model.state_dict().items():
            if mean.is_floating_point():
                mean.lerp_(now[name], 1 - decay)
            else:
                mean.copy_(now[name])

    def measured(self, test_model: Callable[..., tuple[float, float]]) -> Callable[..., tuple[float, float]]:
        """Return a loop that works like ``test_model``, but measures the average."""
        return lambda _model, loader, criterion: test_model(self.model, loader, criterion)
