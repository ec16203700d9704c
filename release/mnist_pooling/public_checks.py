"""The checks of this assignment that you can run yourself: plain pytest, a few per question, each very fast.

Run them with ``check("networks")`` in the notebook or ``python -m given.check networks`` in a terminal. They find
common mistakes; the graded checks use other inputs and test more.
"""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from given import digits
from given.fingerprint import fingerprint, name_of
from given.training import load_weights
from matplotlib.legend import Legend
from matplotlib.text import Text
from torch import nn
from torch.nn.functional import cross_entropy
from torch.utils.data import DataLoader, TensorDataset

import student_code

PARAMETERS = {"avg": 61_706, "max": 61_706, "none": 1_119_626}


@pytest.fixture(autouse=True)
def seeded():
    """Set the same seed before every check, so that it gives the same result each time."""
    torch.manual_seed(0)


# ---------------------------------------------------------------- networks


@pytest.mark.question("networks")
def test_each_network_has_its_parameters():
    """Each network returns ten logits per image and has the parameters of its docstring; all of them learn."""
    for pooling, right in PARAMETERS.items():
        assert_parameters(pooling, right)


def assert_parameters(pooling, right):
    """Check this for one network."""
    model = student_code.PoolingLeNet(pooling)
    logits = model(torch.randn(7, 1, 28, 28))
    assert list(logits.shape) == [7, 10], f"7 images gave the shape {list(logits.shape)}; it should be [7, 10]."
    n = sum(p.numel() for p in model.parameters())
    assert n == right, f'PoolingLeNet("{pooling}") has {n:,} parameters, {n - right:+,} from {right:,}.'
    cross_entropy(logits, torch.arange(7)).backward()
    for name, p in model.named_parameters():
        moved = p.grad is not None and p.grad.abs().sum() > 0
        assert moved, f"{name} gets no gradient: is this layer used in forward()?"


# for weights and an image that are always the same: what the logits come to, and what they come to with a usual mistake
FINGERPRINTS = {
    "avg": {
        "": 12.1406,
        "The pooling takes the maximum.": 48.6051,
        "There is no ReLU after the first convolution.": 39.971,
        "There is no ReLU after the second convolution.": 34.3294,
        "There is no ReLU after the first linear layer.": -14.8684,
        "There is no ReLU after the second linear layer.": -4.45567,
        "There is no ReLU anywhere.": -96.2599,
        "The non-linearity is tanh, not ReLU.": -22.006,
        "ReLU comes after the pooling, not before.": 9.28901,
    },
    "max": {
        "": 48.6051,
        "The pooling takes the average.": 12.1406,
        "There is no ReLU after the first convolution.": 57.9087,
        "There is no ReLU after the second convolution.": 59.8308,
        "There is no ReLU after the first linear layer.": -106.165,
        "There is no ReLU after the second linear layer.": -46.3253,
        "There is no ReLU anywhere.": -340.285,
        "The non-linearity is tanh, not ReLU.": -28.5781,
    },
    "none": {"": 15.4946, "There is no ReLU anywhere.": -396.607, "The non-linearity is tanh, not ReLU.": -23.259},
}


@pytest.mark.question("networks")
def test_each_network_computes_what_the_table_says():
    """With the same weights, each network returns the same logits as the one in the docstring, in training mode too."""
    for pooling, numbers in FINGERPRINTS.items():
        model, x = student_code.PoolingLeNet(pooling), torch.randn(7, 1, 28, 28)
        first = model(x)
        for rows in (first, first.exp()):  # of a softmax, and of a log-softmax
            sums_to_one = torch.allclose(rows.sum(1), torch.ones(7), atol=1e-4)
            assert not sums_to_one, "Each row sums to 1: return the logits; the loss applies the softmax itself."
        assert torch.allclose(first, model(x)), "The same images got other logits the second time: is anything random?"
        name = name_of(fingerprint(model, (1, 28, 28)), numbers)
        message = f'With the same weights, PoolingLeNet("{pooling}") gives other logits than the docstring\'s.'
        assert name == "", f"{message} {name or 'Compare the layers with the table.'}"


@pytest.mark.question("networks")
def test_another_pooling_is_refused():
    """Any other pooling raises a ValueError."""
    with pytest.raises(ValueError, match=r"."):
        student_code.PoolingLeNet("median")


# ---------------------------------------------------------------- multiply_adds


@pytest.mark.question("multiply_adds")
def test_multiply_adds_are_counted():
    """A convolution uses its weights at every position of its output, a linear layer once."""
    conv = student_code.count_multiply_adds(nn.Conv2d(2, 3, 3), (2, 6, 5))
    assert conv != 54, "54 was returned: the weights. Each of them is used at all 4 × 3 positions of the output."
    assert conv == 648, f"A 3×3 convolution from 2 to 3 maps of 4×3 does 2·3·3 · 3 · 4·3 = 648; it gives {conv}."
    linear = student_code.count_multiply_adds(nn.Sequential(nn.Flatten(), nn.Linear(12, 5)), (1, 3, 4))
    assert linear == 60, f"A linear layer from 12 to 5 does 60; it gives {linear}."
    groups = student_code.count_multiply_adds(nn.Conv2d(4, 6, 3, groups=2), (4, 6, 5))
    assert groups == 1296, f"With two groups a filter sees 4 / 2 maps: 2·3·3 · 6 · 4·3 = 1,296; it gives {groups:,}."
    unused = nn.Sequential(nn.Flatten(), nn.Linear(12, 5))
    unused[1].never_used = nn.Linear(7, 7)
    found = student_code.count_multiply_adds(unused, (1, 3, 4))
    assert found == 60, f"A layer that the network holds and never uses was counted: {found} instead of 60."


@pytest.mark.question("multiply_adds")
def test_counting_twice_gives_the_same():
    """Counting leaves no hook behind in the network."""
    model = nn.Conv2d(1, 2, 3)
    first, again = (student_code.count_multiply_adds(model, (1, 5, 5)) for _ in range(2))
    assert first == again, f"The same network gave {first}, then {again}."
    assert not model._forward_hooks, "A hook is still in the network: remove() it at the end."


# ---------------------------------------------------------------- schedule


@pytest.mark.question("schedule")
def test_the_learning_rate_is_halved_every_ten_thousand_steps():
    """0.05 for the first 10,000 steps, then half of it, and so on."""
    for step, right in {0: 0.05, 5_000: 0.05, 9_999: 0.05, 10_000: 0.025, 25_000: 0.0125}.items():
        found = student_code.learning_rate(step)
        assert found == pytest.approx(right), f"After {step:,} steps it should be {right}; it is {found}."


@pytest.mark.question("schedule")
def test_the_momentum_rises_every_two_thousand_steps():
    """0.5 for the first 2,000 steps, 0.545 for the next, …, 0.95 from step 20,000 on."""
    for step, right in {0: 0.5, 1_999: 0.5, 2_000: 0.545, 11_000: 0.725, 20_000: 0.95, 29_000: 0.95}.items():
        found = student_code.momentum(step)
        assert found == pytest.approx(right), f"After {step:,} steps it should be {right}; it is {found}."


# ---------------------------------------------------------------- weight_norm


@pytest.mark.question("weight_norm")
def test_long_units_are_shortened():
    """Rows of a linear layer with a norm greater than 3.5 are scaled to 3.5; others, and biases, do not change."""
    layer = nn.Linear(2, 3)
    with torch.no_grad():
        layer.weight.copy_(torch.tensor([[6.0, 8.0], [0.3, 0.4], [3.0, 0.0]]))
        layer.bias.fill_(9.0)
    student_code.limit_weight_norm(nn.Sequential(layer))
    right = torch.tensor([[2.1, 2.8], [0.3, 0.4], [3.0, 0.0]])
    found = [[round(value, 3) for value in row] for row in layer.weight.tolist()]
    assert torch.allclose(layer.weight, right), f"[[6, 8], [.3, .4], [3, 0]] became {found}, not {right.tolist()}."
    assert (layer.bias == 9).all(), "The biases were changed; only weights are limited."
    with torch.no_grad():
        layer.weight.copy_(torch.tensor([[6.0, 8.0], [3.0, 4.0], [3.0, 0.0]]))
    student_code.limit_weight_norm(nn.Sequential(layer), 7.0)
    lengths = layer.weight.norm(dim=1)
    assert torch.allclose(lengths, torch.tensor([7.0, 5.0, 3.0])), (
        f"With the limit 7, rows of the lengths 10, 5, 3 became {[round(n, 3) for n in lengths.tolist()]}, not 7, 5, 3."
    )


@pytest.mark.question("weight_norm")
def test_a_filter_is_one_unit():
    """All weights of a filter are one vector."""
    conv = nn.Conv2d(2, 1, 2)
    with torch.no_grad():
        conv.weight.fill_(2.0)  # eight weights: the norm is 5.66
    student_code.limit_weight_norm(conv)
    found = conv.weight.norm().item()
    assert found == pytest.approx(3.5, abs=1e-3), (
        f"A filter of 8 weights of 2.0 should get the norm 3.5, not {found:.3g}."
    )


# ---------------------------------------------------------------- optimizer


@pytest.mark.question("optimizer")
def test_the_last_layer_alone_is_penalised():
    """With zero gradients, only the last layer shrinks."""
    model = student_code.PoolingLeNet("avg")
    model(torch.zeros(2, 1, 28, 28))  # lazy layers have no weights before
    optimizer = student_code.pooling_optimizer(model)
    for group in optimizer.param_groups:
        starts = group["lr"], group.get("momentum")
        assert starts == pytest.approx((0.05, 0.5)), f"Rate and momentum start as {starts}; (0.05, 0.5) is right."
    before = {name: p.detach().clone() for name, p in model.named_parameters()}
    for p in model.parameters():
        p.grad = torch.zeros_like(p)
    for group in optimizer.param_groups:
        group["lr"] = 1.0
    optimizer.step()
    for name, p in model.named_parameters():
        share = 1 - (p.detach().norm() / before[name].norm()).item()
        if p.numel() == 840:
            assert share == pytest.approx(0.001, abs=1e-5), f"{name} should lose 0.001 of itself; it lost {share:.2g}."
        elif p.numel() != 10:
            assert share == pytest.approx(0, abs=1e-6), f"{name} is not of the last layer, and lost {share:.2g}."


# ---------------------------------------------------------------- steps


class Watch(torch.optim.SGD):
    """SGD that records the learning rate, the momentum and the norm of the gradient at each step."""

    def step(self, closure=None):
        """Record, after the closure that computes the gradients if there is one, then step."""
        loss = None if closure is None else closure()
        group = self.param_groups[0]
        length = sum(float(p.grad.pow(2).sum()) for g in self.param_groups for p in g["params"]) ** 0.5
        self.seen = [*getattr(self, "seen", []), (group["lr"], group["momentum"], length)]
        super().step()
        return loss


def small(*more, bias=True):
    """Return a network of one linear layer for images of 8×8, followed by other modules."""
    return nn.Sequential(nn.Flatten(), nn.Linear(64, 10, bias=bias), *more)


def blank():
    """Return a loader of two black images of class 0, one per batch."""
    return DataLoader(TensorDataset(torch.zeros(2, 1, 8, 8), torch.zeros(2, dtype=torch.int64)))


def train(steps, scale=1.0, record_every=2, limit_every=100, model=None):
    """Train a small network for a few steps; return what the optimizer recorded, and the history."""
    model = model or small()
    images, labels = scale * torch.randn(10, 1, 8, 8), torch.randint(0, 10, (10,))
    loader = DataLoader(TensorDataset(images, labels), batch_size=4)  # three batches, the last of 2
    optimizer = Watch(model.parameters(), lr=0.1)
    history = student_code.train_steps(
        model, (loader, loader), optimizer, lambda step: (0.01 + step, 0.1), steps, record_every, limit_every
    )
    return getattr(optimizer, "seen", []), history


@pytest.mark.question("steps")
def test_as_many_steps_are_made_as_asked():
    """With three batches, seven steps are made: a new iterator is created when the loader is exhausted."""
    seen, _ = train(7)
    assert len(seen) == 7, f"7 steps were asked for; the optimizer made {len(seen)}."
    model = small()
    optimizer = torch.optim.SGD([{"params": [each]} for each in model.parameters()], lr=0.1)
    batches = blank()
    student_code.train_steps(model, (batches, batches), optimizer, lambda step: (0.01 + step, 0.1), 2, 2, 100)
    last = [group["lr"] for group in optimizer.param_groups]
    assert last == pytest.approx([1.01, 1.01]), f"The groups of the optimizer ended with {last}: set every group."
    rates = [round(rate, 4) for rate, _, _ in seen]
    right = [0.01 + step for step in range(7)]
    assert rates == right, f"The learning rates at the steps were {rates}; schedule(0), schedule(1), … give {right}."


class Modes(nn.Module):
    """Records the mode at each forward pass that is followed by a backward pass."""

    def __init__(self):
        super().__init__()
        self.trained = []

    def forward(self, x):
        """Return the input."""
        training = self.training
        if x.requires_grad:
            x.register_hook(lambda _: self.trained.append(training))
        return x


@pytest.mark.question("steps")
def test_every_step_is_made_in_training_mode():
    """The model trains in training mode, also after it has been measured."""
    modes = Modes()
    train(7, model=small(modes).eval())
    assert all(modes.trained), f"The steps were made in these modes (True is training): {modes.trained}."


class Numbered:
    """A loader with new batches in each epoch: all pixels of an image are its number."""

    def __init__(self):
        self.next = 1

    def __len__(self):
        return 3

    def __iter__(self):
        """Yield three batches of one image each, with the next numbers."""
        numbers = range(self.next, self.next + 3)
        self.next += 3
        return iter([(torch.full((1, 1, 8, 8), float(number)), torch.tensor([0])) for number in numbers])


@pytest.mark.question("steps")
def test_each_epoch_has_batches_of_its_own():
    """When the training loader is exhausted, a new iterator is created, so that it can shuffle."""
    model, seen = small(), []
    model.register_forward_hook(lambda model, given, _: seen.append(int(given[0].flatten()[0])))
    test = blank()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01)
    student_code.train_steps(model, (Numbered(), test), optimizer, lambda step: (0.01, 0.0), 7, 100, 100)
    numbers = list(dict.fromkeys(number for number in seen if number))
    right = list(range(1, 8))
    assert numbers == right, f"Seven steps on epochs of three new batches each used the batches {numbers}, not {right}."


@pytest.mark.question("steps")
def test_long_gradients_are_clipped():
    """A gradient with a norm greater than 20 is scaled to 20 before the step."""
    seen, _ = train(1, scale=100.0)
    length = seen[0][2]
    assert length == pytest.approx(20, abs=0.01), (
        f"The gradient had the norm {length:.4g} at the step; it should be 20."
    )


@pytest.mark.question("steps")
def test_each_step_has_the_gradient_of_its_batch():
    """The same batch with constant weights gives the same gradient at every step."""
    model = small()
    loader = DataLoader(TensorDataset(0.1 * torch.randn(4, 1, 8, 8), torch.tensor([0, 1, 2, 3])), batch_size=4)
    optimizer = Watch(model.parameters(), lr=0.1)
    student_code.train_steps(model, (loader, loader), optimizer, lambda step: (0.0, 0.0), 3, 100, 100)
    lengths = [round(length, 4) for _, _, length in optimizer.seen]
    assert max(lengths) < 1.01 * min(lengths), (
        f"The gradients at three equal steps have the lengths {lengths}: zero_grad() belongs inside the loop."
    )


@pytest.mark.question("steps")
def test_weights_are_limited_after_the_steps_asked_for():
    """With limit_every=2, weights are not limited after one step, and are limited after two."""
    for steps, right in ((1, 10.0), (2, 3.5)):
        model = small(bias=False)
        with torch.no_grad():
            model[1].weight.copy_(10 * torch.eye(10, 64))
        loader = blank()
        optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
        student_code.train_steps(model, (loader, loader), optimizer, lambda step: (0.0, 0.0), steps, 100, 2)
        found = model[1].weight.norm(dim=1).max().item()
        assert found == pytest.approx(right, abs=0.01), (
            f"With limit_every=2, units of the length 10 have the length {found:.3g} after {steps} steps, not {right}."
        )


class Biased(nn.Module):
    """Raises the last logit, only in training mode."""

    def forward(self, x):
        """Return the logits."""
        return x + 2 * torch.eye(10)[9] if self.training else x


@pytest.mark.question("steps")
def test_the_records_are_those_of_training_and_test():
    """A record has mean batch loss and accuracy since the last record, and loss and accuracy on the test images."""
    model = small(Biased())
    sets = [(torch.randn(n, 1, 8, 8), torch.randint(0, 3, (n,))) for n in (12, 7)]
    loaders = [DataLoader(TensorDataset(*each), batch_size=3) for each in sets]
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    history = student_code.train_steps(model, tuple(loaders), optimizer, lambda step: (0.0, 0.0), 4, 2, 100)
    with torch.no_grad():
        model.train()
        batches = [(cross_entropy(model(x), y).item(), model(x).argmax(1) == y) for x, y in loaders[0]]
        model.eval()
        test = [(cross_entropy(model(x), y).item(), model(x).argmax(1) == y) for x, y in loaders[1]]
    right = {
        "train_loss": [(batches[i][0] + batches[i + 1][0]) / 2 for i in (0, 2)],
        "train_accuracy": [torch.cat([batches[i][1], batches[i + 1][1]]).float().mean().item() for i in (0, 2)],
        "test_loss": [sum(loss for loss, _ in test) / len(test)] * 2,
        "test_accuracy": [torch.cat([hits for _, hits in test]).float().mean().item()] * 2,
    }
    hints = {
        "train_loss": "the mean of the batches since the last record (is the sum set back to zero?)",
        "train_accuracy": "the fraction of the images of these batches whose largest logit is their label's",
        "test_loss": "the mean over the batches of the test loader, measured by test_model",
        "test_accuracy": "measured on the test loader, in evaluation mode",
    }
    for name, values in right.items():
        found = [float(value) for value in history[name]]
        assert found == pytest.approx(values, abs=1e-4), (
            f"{name} is {[round(value, 4) for value in found]}; expected {[round(value, 4) for value in values]}: "
            f"{hints[name]}."
        )
    seconds = [float(value) for value in history["seconds"]]
    assert 0 <= seconds[0] <= seconds[-1] < 100, f"seconds are {seconds}: count them from the start of the training."


@pytest.mark.question("steps")
def test_records_begin_after_the_first_steps():
    """With record_every=2, seven steps give records of the steps 2, 4 and 6, none of step 0."""
    _, history = train(7)
    names = {"step", "seconds", "train_loss", "train_accuracy", "test_loss", "test_accuracy"}
    assert names <= set(history), f"{', '.join(sorted(names - set(history)))}: not in what train_steps returned."
    assert list(history["step"]) == [2, 4, 6], f"The records are of the steps {history['step']}, not [2, 4, 6]."
    lengths = {name: len(history[name]) for name in names}
    assert set(lengths.values()) == {3}, f"Not every list has three values: {lengths}."
    for name in ("train_loss", "test_loss"):
        assert any(abs(value - round(value, 3)) > 1e-6 for value in history[name]), (
            f"{name} is rounded: leave it as it is."
        )
    accuracy = history["train_accuracy"][0]
    assert 0 <= accuracy <= 1, f"train_accuracy is {accuracy:.4g}; a fraction from 0 to 1 is asked for."


# ---------------------------------------------------------------- curves, maps


def lines_of(quantity):
    """Return your figure of two models with three records each, its axes, and the records."""
    history = {"step": [250, 500, 750], "seconds": [1.0, 2.0, 3.0]}
    history |= {"train_loss": [3, 2, 1.5], "test_loss": [2.5, 2.2, 2.1]}
    history |= {"train_accuracy": [0.3, 0.5, 0.7], "test_accuracy": [0.4, 0.55, 0.6]}
    other = history | {name: [value / 3 for value in history[name]] for name in history if "_" in name}
    figure = student_code.plot_by_step({"model one": history, "model two": other}, quantity)
    assert figure is not None, "plot_by_step returned None: return the figure."
    return figure, [axis for axis in figure.axes if axis.lines], (history, other)


@pytest.mark.question("curves")
def test_losses_are_drawn_over_the_steps():
    """For the loss, each model has its own plot, with training and test over the steps."""
    assert_curves("loss")


@pytest.mark.question("curves")
def test_accuracies_are_drawn_over_the_steps():
    """For the accuracy, each model has its own plot, with training and test over the steps."""
    assert_curves("accuracy")


def assert_curves(quantity):
    """Check this for one quantity."""
    figure, axes, histories = lines_of(quantity)
    assert len(axes) == 2, f"Two models should give two plots; there are {len(axes)}."
    for axis, history in zip(axes, histories, strict=True):
        looks = {(line.get_color(), line.get_linestyle(), line.get_marker()) for line in axis.lines}
        assert len(looks) > 1, (
            "All curves look the same: a colour or a line style should distinguish training from test."
        )
        assert "epoch" not in axis.get_xlabel().casefold(), "The x axis says epochs; the records count steps."
        for part in ("train", "test"):
            wanted = history[f"{part}_{quantity}"]
            drawn = [line for line in axis.lines if np.allclose(np.ravel(line.get_ydata()), wanted)]
            drawn += [line for line in axis.lines if np.allclose(np.ravel(line.get_ydata()), np.multiply(wanted, 100))]
            assert drawn, f"No line of a plot follows {part}_{quantity}."
            x = [float(value) for value in drawn[0].get_xdata()]
            assert x == [250, 500, 750], f"{part}_{quantity} is drawn over {x}, not over the steps [250, 500, 750]."
    legends = figure.findobj(Legend)
    assert legends, "A legend is missing: which curve is which?"
    assert len({axis.get_ylim() for axis in axes}) == 1, "The plots have different scales, so they cannot be compared."
    above = " ".join(text.get_text() for text in figure.texts)
    for axis, model in zip(axes, ("modelone", "modeltwo"), strict=True):
        texts = [text.get_text() for legend in legends for text in legend.get_texts()] + [axis.get_ylabel()]
        title = letters(" ".join(axis.get_title(place) for place in ("left", "center", "right")))
        beside = [*axis.texts, *(axis.figure.texts if axis.figure is not figure else [])]  # in it, or of its subfigure
        texts += [text.get_text() for text in (*beside, *(legend.get_title() for legend in legends))]
        assert model in title + letters(" ".join(texts)), f"A plot does not show the name of its model: {title!r}."
        for way in ("x", "y"):
            shared = getattr(axis, f"get_shared_{way}_axes")().get_siblings(axis)
            label = any(getattr(one, f"get_{way}label")() for one in (axis, *shared))
            label = label or any(getattr(one, f"get_sup{way}label")() for one in (figure, axis.figure))
            label = label or (way == "y" and (above or title != model))
            assert label, f"The {way} axis of a plot has no label."


def letters(text):
    """Return the letters and digits of a text."""
    return "".join(letter for letter in text.casefold() if letter.isalnum())


@pytest.mark.question("maps")
def test_each_map_is_a_picture():
    """Four maps give four pictures, on one scale."""
    maps = torch.randn(4, 6, 6) * torch.tensor([1.0, 2.0, 3.0, 4.0]).reshape(4, 1, 1)
    figure = student_code.plot_maps(maps, "Four maps")
    assert figure is not None, "plot_maps returned None: return the figure."
    plots = [axis for axis in figure.axes if not hasattr(axis, "_colorbar")]
    images = [picture for axis in plots for picture in (*axis.images, *axis.collections)]
    assert len(images) == 4, f"4 maps were given; {len(images)} pictures were drawn."
    titles = [text.get_text() for text in figure.findobj(Text)]
    assert "fourmaps" in letters(" ".join(titles)), "The title, here Four maps, is not in the figure."
    assert len({image.get_clim() for image in images}) == 1, "Each map has its own scale: give all the same vmin, vmax."
    scales = []
    for number, (image, values) in enumerate(zip(images, maps.numpy(), strict=True), start=1):
        shown = np.asarray(image.get_array(), dtype=float)
        if shown.shape != values.shape:
            continue  # drawn by other means than imshow
        way = getattr(image, "get_interpolation", lambda: "none")()
        assert way in ("none", "nearest", "auto", "antialiased"), "The pictures are smoothed."
        assert not alike(shown, values.T), f"Picture {number} is transposed: a map is (h, w)."
        values = as_drawn(values, shown)
        assert alike(shown, values), f"Picture {number} does not show map {number}: draw the maps in their order."
        scales.append(shown.std() / values.std())
    assert not scales or max(scales) < 1.01 * min(scales), "A map was scaled by itself before it was drawn."


def likeness(one, other):
    """Return 1 if two maps differ at most by a factor and a constant, else less."""
    return np.corrcoef(one.ravel(), other.ravel())[0, 1]


def alike(one, other):
    """Return True if two maps differ at most by a factor and a constant."""
    return likeness(one, other) > 0.99


def as_drawn(values, shown):
    """Return a map, or the same without the values beyond those of its picture: they get the last colour anyway."""
    cut = values.clip(shown.min(), shown.max()) if shown.min() < 0 else values
    return max(values, cut, key=lambda each: likeness(shown, each))


# ---------------------------------------------------------------- intermediate


@pytest.mark.question("intermediate")
def test_the_two_outputs_are_those_asked_for():
    """get_intermediate returns six maps of 28×28 before ReLU, and six of 14×14."""
    convolved, pooled = student_code.PoolingLeNet("avg").get_intermediate(torch.randn(3, 1, 28, 28))
    assert list(convolved.shape) == [3, 6, 28, 28], f"The first output has the shape {list(convolved.shape)}."
    assert list(pooled.shape) == [3, 6, 14, 14], f"The second output has the shape {list(pooled.shape)}."
    assert convolved.min() < 0, "The first output has no negative value: a ReLU came before, or worked in place on it."
    assert pooled.min() >= 0, "The second output has negative values: ReLU comes before the pooling."
    for name, pool in (("avg", nn.functional.avg_pool2d), ("max", nn.functional.max_pool2d)):
        convolved, pooled = student_code.PoolingLeNet(name).get_intermediate(torch.randn(3, 1, 28, 28))
        right = torch.allclose(pooled, pool(convolved.relu(), 2), atol=1e-5)
        assert right, f'The second output of PoolingLeNet("{name}") is not its own pooling of the first, after ReLU.'


@pytest.mark.question("intermediate")
def test_without_pooling_there_is_a_clear_error():
    """For "none", a ValueError says that there is no pooling."""
    with pytest.raises(ValueError, match=r"(?i)pool"):
        student_code.PoolingLeNet("none").get_intermediate(torch.randn(3, 1, 28, 28))


# ---------------------------------------------------------------- accuracy


@pytest.mark.question("accuracy")
def test_the_weights_read_digits():
    """The saved weights of each network fit it, and classify digits."""
    for pooling in PARAMETERS:
        assert_reads_digits(pooling)


def assert_reads_digits(pooling):
    """Check this for one network."""
    file, model = Path(f"lenet_{pooling}.safetensors"), student_code.PoolingLeNet(pooling)
    assert file.exists(), f"There is no {file}: the notebook saves it after training."
    try:
        load_weights(model, file)
    except Exception as error:
        raise AssertionError(f"{file} does not fit the model: {error} Has the code changed since training?") from None
    images, labels = digits.load("sample", train=False)
    [(x, y)] = digits.in_memory(images, labels, batch_size=len(labels))
    with torch.no_grad():
        right = (model.eval()(x).argmax(1) == y).float().mean().item()
    assert right > 0.4, f"{file} reads {right:.0%} of 360 digits; guessing reads 10 %. Was it saved after training?"


@pytest.mark.question("accuracy")
def test_the_history_is_there():
    """history.json holds the records of all three models."""
    file = Path("history.json")
    assert file.exists(), "There is no history.json: the notebook saves it after training."
    histories = json.loads(file.read_text(encoding="utf-8"))
    for name in ("lenet_avg", "lenet_max", "lenet_none"):
        assert name in histories, f"history.json has no entry {name!r}; it has {list(histories)}."
        steps = histories[name]["step"]
        assert steps, f"{name} has no records."
        assert steps[0] > 0, f"The first record of {name} is of step {steps[0]}; it should come after the first steps."
