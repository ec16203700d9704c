"""What happens after every step of an optimizer: the learning rate's one cycle, and a moving average of the weights.

Both hang on the optimizer itself, so that your ``train_model`` need not know of them:

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
    """Let the learning rate rise to the optimizer's own ``lr`` in the first quarter of the steps, then fall to nothing.

    Source: Smith, Topin, "Super-convergence", 2018, arXiv:1708.07120.
    """
    highest = [group["lr"] for group in optimizer.param_groups]
    schedule = OneCycleLR(optimizer, highest, total_steps=steps + 1, pct_start=rise, cycle_momentum=False)
    optimizer.register_step_post_hook(lambda *_: schedule.step())
    return schedule


class MovingAverage:
    """A copy of a model whose weights follow slowly: a mean over about the last 1 / (1 - decay) steps.

    The steps of training jump to and fro around a good place; the mean lies nearer to it.

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
        decay = min(self.decay, self.steps / (10 + self.steps))  # at first, forget the random start fast
        now = self._source.state_dict()
        for name, mean in self.model.state_dict().items():
            if mean.is_floating_point():
                mean.lerp_(now[name], 1 - decay)
            else:
                mean.copy_(now[name])

    def measured(self, test_model: Callable[..., tuple[float, float]]) -> Callable[..., tuple[float, float]]:
        """A loop that measures the average where ``test_model`` would measure the model."""
        return lambda _model, loader, criterion: test_model(self.model, loader, criterion)
