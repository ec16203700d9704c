"""What probes measure on networks, optimisers and figures."""

from pathlib import Path

import numpy as np
import pytest
import torch
from matplotlib import pyplot as plt
from torch import nn

from gradeprop.guest.draw import Draw

DRAW = Draw(1, "p", Path("nowhere"), {})


def test_a_trace_records_operations_and_shapes_up_to_its_limit() -> None:
    with DRAW.trace() as trace, torch.no_grad():
        torch.relu(torch.ones(2, 3)).add_(1)
    assert {"op": "relu", "shape": [2, 3]} in trace.steps
    assert trace.steps[-1]["op"] == "add", "an operation in place has the same name"
    with DRAW.trace(2) as short:
        for _ in range(5):
            torch.ones(1)
    assert len(short.steps) == 2


def test_lazy_layers_get_their_shapes_and_other_models_are_not_called() -> None:
    model = DRAW.initialize(nn.LazyLinear(3), torch.zeros(2, 5))
    assert model.weight.shape == (3, 5)
    assert model.weight.requires_grad
    assert DRAW.initialize(nn.Linear(2, 2), torch.zeros(1)).weight.shape == (2, 2)


def test_parameters_are_described_with_the_norm_of_their_gradient() -> None:
    model = nn.Linear(2, 1)
    model.weight.grad = torch.tensor([[3.0, 4.0]])
    assert DRAW.parameters(model) == [
        {"name": "weight", "shape": [1, 2], "gradient": 5.0},
        {"name": "bias", "shape": [1], "gradient": 0.0},
    ]


def test_a_line_is_where_its_ticks_say() -> None:
    figure, (plain, renamed, words) = plt.subplots(1, 3)
    plain.plot([3, 2, 1])
    renamed.plot([3, 2, 1])
    renamed.set_xticks([0, 2], ["1", "3"])
    words.plot(["1", "2", "3"], [3, 2, 1])
    found = [DRAW.line(axes.get_lines()[0], figure)["x"] for axes in (plain, renamed, words)]
    assert found == [[0, 1, 2], [1, 2, 3], [1, 2, 3]]


def test_parameters_that_the_optimiser_lacks_are_named() -> None:
    model = nn.Linear(2, 1)
    assert DRAW.left_out(torch.optim.SGD([model.weight], lr=1), model) == ["bias"]


def test_repeats_show_randomness_and_mixing_and_changes_in_place() -> None:
    images = torch.ones(3, 2)
    seen = DRAW.repeats(lambda x: x.add_(1), images)
    assert seen["changed"] == 2
    assert torch.equal(seen["alone"], torch.full((3, 2), 2.0))
    sizes = []
    DRAW.repeats(lambda x: (sizes.append(len(x)), x)[1], torch.ones(5, 1), size=2)
    assert sizes == [5, 5, 2, 2, 1]


def test_a_training_on_one_batch_returns_a_loss_for_each_step() -> None:
    model = nn.Linear(2, 2)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    images, labels = DRAW.normal(8, 2), DRAW.integers(0, 2, 8)
    losses = DRAW.losses(model, optimizer, nn.functional.cross_entropy, images, labels, 5, 1)
    assert losses == sorted(losses, reverse=True)
    assert len(set(losses)) == 5


@pytest.mark.parametrize(("decay", "shrinks"), [(0.0, False), (0.1, True), (1e-5, True)])
def test_a_step_without_gradient_shows_weight_decay(decay: float, shrinks: bool) -> None:
    model = nn.Linear(2, 2)
    seen = DRAW.step_without_gradient(model, torch.optim.SGD(model.parameters(), lr=1e-3, weight_decay=decay))
    assert (seen["after"] < seen["before"]) == shrinks


def test_scalars_lose_their_wrapping_and_others_stay() -> None:
    got = [DRAW.scalar(value) for value in (torch.tensor(2.5), np.float32(0.5), np.array(3), 4, "x", None)]
    assert got == [2.5, 0.5, 3, 4, "x", None]
    pair = torch.tensor([1.0, 2.0])
    assert DRAW.scalar(pair) is pair


def test_floats_are_capped_and_all_or_nothing() -> None:
    assert DRAW.floats(np.arange(60)) == [float(n) for n in range(50)]
    assert DRAW.floats([1, "a"]) == DRAW.floats(None) == []


def test_a_line_is_named_by_its_label_or_by_its_look() -> None:
    figure, (left, right) = plt.subplots(1, 2)
    for axes in (left, right):
        axes.plot([1], [2], "b-")
        axes.plot([1], [3], "r--", label="labelled")
    right.legend(["train", "test"])
    names = [[DRAW.line(line, figure)["called"] for line in axes.get_lines()] for axes in (left, right)]
    left.plot([1], [4], "g:")
    unnamed = DRAW.line(left.get_lines()[2], figure)["called"]
    plt.close(figure)
    assert names == [["train", "test"]] * 2, "one legend serves plots whose lines look the same"
    assert unnamed == ""


def test_a_line_comes_with_legend_and_labels_wherever_they_stand() -> None:
    figure, (left, right) = plt.subplots(1, 2, sharey=True)
    left.plot([1, 2], [3, 4], label="train")
    left.set_ylabel("loss")
    right.plot([1, 2], [5, 6])
    figure.supxlabel("epoch")
    figure.legend(["all"])
    lines = [DRAW.line(axes.get_lines()[0], figure) for axes in (left, right)]
    plt.close(figure)
    assert (lines[0]["x"], lines[0]["y"], lines[0]["label"]) == ([1, 2], [3, 4], "train")
    assert {line["called"] for line in lines} == {"all"}, "both look the same"
    assert {line["x_label"] for line in lines} == {"epoch"}
    assert {line["y_label"] for line in lines} == {"loss"}
