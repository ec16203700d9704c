"""The figures of the pooling assignment."""

import pytest
import torch
from torch import nn

from tests.conftest import REPOSITORY


@pytest.fixture(autouse=True)
def source(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(REPOSITORY.root / "source"))


class Leftmost(nn.Module):
    """Sees only the first column: a digit moved aside is lost to it."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.stack([-x[:, 0, 0, 0], x[:, 0, 0, 0]], dim=1)


def test_digits_moved_aside_are_drawn_for_each_model(capsys: pytest.CaptureFixture[str]) -> None:
    from given import figures

    images = torch.full((5, 1, 8, 8), -1.0)
    images[..., 0] = 1.0
    figure = figures.shifted_accuracy({"one": Leftmost(), "two": Leftmost()}, images, torch.ones(5, dtype=int), most=2)
    assert [list(line.get_ydata()) for line in figure.axes[0].lines] == [[100, 0, 0], [100, 0, 0]]
    assert "one 100.0 %, 0.0 %, 0.0 %" in capsys.readouterr().out


def test_a_schedule_is_drawn_over_its_steps(capsys: pytest.CaptureFixture[str]) -> None:
    from given import figures

    figure = figures.schedule(lambda step: 0.5 ** (step // 10), lambda step: step / 100, 30)
    rate, momentum = (axis.lines[0].get_ydata() for axis in figure.axes)
    assert (rate[9], rate[10], momentum[29]) == (1.0, 0.5, 0.29)
    assert "from 1 to 0.25, the momentum from 0 to 0.29, over 30 steps" in capsys.readouterr().out
