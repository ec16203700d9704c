"""The checks of this assignment that you can run yourself: plain pytest, a few per question, fast.

Run them with ``check("lenet")`` in the notebook or ``python -m given.check lenet`` in a shell. They find common
mistakes; the graded checks use other inputs and test more.
"""

import io
import itertools
import json
import re
import time
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from pathlib import Path
from unittest import mock

import numpy as np
import pytest
import torch
import tqdm
from given import digits
from given.fingerprint import fingerprint, name_of
from given.training import load_weights
from matplotlib.legend import Legend
from matplotlib.text import Text
from PIL import Image
from torch import nn
from torch.nn.functional import conv2d, cross_entropy
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.data import DataLoader, TensorDataset

import student_code

LENET5 = 61_706  # parameters


@pytest.fixture(autouse=True)
def seeded():
    """Use the same random numbers in every check, so that its result is the same each time."""
    torch.manual_seed(0)


# ---------------------------------------------------------------- dataset


@pytest.fixture
def folder(tmp_path):
    """Forty even-grey images, each 25 times as bright as its label, under numbers that do not sort by label."""
    for i in range(40):
        label = 3 * i % 10
        pixels = np.full((32, 32), 25 * label, np.uint8)
        Image.fromarray(pixels).save(tmp_path / f"{7**i % 100003}_{label}.png")
    (tmp_path / "notes_1.txt").write_text("not an image")
    return tmp_path


def brightness(image):
    """The grey value, 0 to 255, of a normalised even-grey image."""
    return round((image.mean().item() * student_code.STD + student_code.MEAN) * 255)


@pytest.mark.question("dataset")
def test_the_dataset_holds_every_image(folder):
    """DigitImages finds every .png of the folder, and nothing else."""
    n = len(student_code.DigitImages(folder))
    assert n == 40, f"The folder holds 40 images and a text file; len() says {n}."
    n = len(student_code.DigitImages(str(folder)))  # the folder may be given as text, too
    assert n == 40, f"With the folder given as text, len() says {n}."


@pytest.mark.question("dataset")
def test_an_image_is_scaled_and_normalised(folder):
    """An image is float32 [1, 32, 32], scaled to [0, 1], then normalised."""
    image, _ = student_code.DigitImages(folder)[0]
    assert list(image.shape) == [1, 32, 32], f"The image has the shape {list(image.shape)}; it should be [1, 32, 32]."
    assert image.dtype == torch.float32, f"The image has the type {image.dtype}; it should be torch.float32."
    assert image.max() < 10, f"A pixel is {image.max():.4g}: are pixels divided by 255 before they are normalised?"
    values = {round((grey / 255 - student_code.MEAN) / student_code.STD, 3) for grey in range(0, 250, 25)}
    found = round(image.mean().item(), 3)
    assert found in values, f"A pixel is {found}; (pixel / 255 - MEAN) / STD never gives that for this image."


@pytest.mark.question("dataset")
def test_an_image_keeps_its_label(folder):
    """Each image comes with the label between _ and .png, however long its number is."""
    for image, label in (student_code.DigitImages(folder)[i] for i in range(40)):
        shown = brightness(image) // 25
        assert int(label) == shown, (
            f"An image of a {shown} came with the label {label!r}: is it taken from its own name?"
        )


@pytest.mark.question("dataset")
def test_augmentation_comes_before_normalising(folder):
    """augment gets the image in [0, 1], and what it returns is normalised."""
    seen = []
    image, _ = student_code.DigitImages(folder, augment=lambda x: seen.append(x) or torch.ones_like(x))[0]
    assert seen, "augment was never called."
    low, high = seen[0].min().item(), seen[0].max().item()
    assert 0 <= low <= high <= 1, f"augment got values from {low:.3g} to {high:.3g}: call it before you normalise."
    assert brightness(image) == 255, "augment made the image white, and it did not come back white: is its result used?"


# ---------------------------------------------------------------- loaders


@pytest.mark.question("loaders")
def test_loaders_drop_no_image(folder):
    """Both loaders give batches of (images, labels), and every image once per epoch."""
    for name, loader in zip(("train", "test"), student_code.make_loaders(folder, folder, batch_size=16), strict=True):
        sizes = [len(labels) for _, labels in loader]
        assert sizes == [16, 16, 8], (
            f"40 images in batches of 16 came as {sizes} from the {name} loader, not [16, 16, 8]."
        )
        shape = list(next(iter(loader))[0].shape)
        assert shape == [16, 1, 32, 32], f"A batch has the shape {shape}; it should be [16, 1, 32, 32]."


@pytest.mark.question("loaders")
def test_training_images_are_shuffled(folder):
    """The training images come in a new order each epoch."""
    train, _ = student_code.make_loaders(folder, folder, batch_size=40)
    first, second = (next(iter(train))[1].tolist() for _ in range(2))
    assert first != second, "Two epochs gave the images in the same order: does the training loader shuffle?"


@pytest.mark.question("loaders")
def test_only_training_images_are_augmented(folder):
    """augment changes the training images and leaves the test images alone."""
    train, test = student_code.make_loaders(folder, folder, augment=torch.ones_like)
    white = [all(brightness(image) == 255 for images, _ in loader for image in images) for loader in (train, test)]
    assert white[0], "The training images were not augmented: is augment handed on to DigitImages?"
    assert not white[1], "The test images were augmented too: then they no longer measure what you will meet later."


# ---------------------------------------------------------------- convolve


class Operations(TorchDispatchMode):
    """Notes the name of each of PyTorch's operations."""

    def __init__(self):
        super().__init__()
        self.names = []

    def __torch_dispatch__(self, operation, types, args=(), kwargs=None):
        self.names.append(operation.__name__.partition(".")[0])
        return operation(*args, **kwargs or {})


def assert_convolves(image, kernel, bias, stride=1, padding=0):
    """The result must be that of PyTorch's convolution, and must not come from it."""
    right, before = conv2d(image[None], kernel, bias, stride, padding)[0], image.clone()
    with Operations() as operations:
        found = student_code.convolve(image, kernel, bias, stride, padding)
    library = [name for name in operations.names if "conv" in name]
    assert not library, f"PyTorch's {library[0]} was called: write the loops yourself."
    assert torch.equal(image, before), "The image was changed in place: work on a copy."
    assert isinstance(found, torch.Tensor), f"convolve returned a {type(found).__name__}, not a tensor."
    about, shapes = f"With stride {stride} and padding {padding}", (list(found.shape), list(right.shape))
    assert found.shape == right.shape, f"{about}, the shape is {shapes[0]}; it should be {shapes[1]}."
    off = (found - right).abs()
    m, i, j = np.unravel_index(int(off.argmax()), off.shape)
    others = {  # what the usual mistakes give
        "is the kernel flipped?": (image, kernel.flip(2, 3), bias),
        "is the bias added?": (image, kernel, 0 * bias),
        "is the bias added once per map, not per channel?": (image, kernel, len(image) * bias),
        "does the sum run over all channels?": (image[:1], kernel[:, :1], bias),
    }
    maps = {text: conv2d(x[None], k, b, stride, padding)[0] for text, (x, k, b) in others.items()}
    hint = next(
        (text for text, other in maps.items() if torch.allclose(found, other, atol=1e-3)), "compute it by hand."
    )
    values = f"{found[m, i, j]:.4g} at ({i}, {j}), not {right[m, i, j]:.4g}"
    assert off[m, i, j] < 1e-3, f"{about}, map {m} has {values}: {hint}"


@pytest.mark.question("convolve")
def test_one_channel_is_convolved():
    """One channel becomes one map, without padding, and with padding 1 and stride 2."""
    image = torch.arange(1.0, 31).reshape(1, 5, 6)
    kernel = torch.tensor([[[[1.0, 0, -1], [2, 0, 1], [1, 3, -1]]]])
    assert_convolves(image, kernel, torch.zeros(1))
    assert_convolves(image, kernel, torch.zeros(1), stride=2, padding=1)


@pytest.mark.question("convolve")
def test_channels_are_summed_and_each_map_has_its_bias():
    """Three channels become two maps: each sums over the channels, and has one bias."""
    assert_convolves(torch.randn(3, 6, 7), torch.randn(2, 3, 3, 2), torch.tensor([10.0, -20]))


@pytest.mark.question("convolve")
def test_stride_and_padding_are_used():
    """Every pair of stride 1, 2, 3 and padding 0, 1, 2 gives the shape and the values of nn.Conv2d."""
    image, kernel, bias = torch.randn(2, 7, 10), torch.randn(3, 2, 2, 3), torch.randn(3)
    for stride, padding in itertools.product((1, 2, 3), (0, 1, 2)):
        assert_convolves(image, kernel, bias, stride, padding)


# ---------------------------------------------------------------- lenet


class Layers(TorchFunctionMode):
    """Notes the output shape of each convolution, and that of everything else as (n, maps, values of a map)."""

    def __init__(self):
        super().__init__()
        self.shapes, self.places = [], []

    def __torch_function__(self, function, types, args=(), kwargs=None):
        """Let the function do its work, and note the shape."""
        result = function(*args, **(kwargs or {}))
        if getattr(function, "__name__", "") == "conv2d":
            self.shapes.append(list(result.shape))
        if isinstance(result, torch.Tensor) and result.dim() > 2:
            self.places.append((*result.shape[:2], result[0, 0].numel()))
        return result


def count(model):
    """The number of parameters, after a first call: lazy layers have none before."""
    model(torch.zeros(2, 1, 32, 32))
    return sum(p.numel() for p in model.parameters())


def assert_learns_everywhere(model):
    """Every parameter must get a gradient."""
    cross_entropy(model(torch.randn(7, 1, 32, 32)), torch.arange(7)).backward()
    for name, p in model.named_parameters():
        assert p.grad is not None, f"{name} gets no gradient: is this layer used in forward()?"


def assert_logits(model):
    """A row of logits per image, which no other image changes: no softmax."""
    images = torch.randn(7, 1, 32, 32)
    logits = model.eval()(images)
    assert list(logits.shape) == [7, 10], (
        f"7 images gave an output of shape {list(logits.shape)}; it should be [7, 10]."
    )
    for rows in (logits, logits.exp()):  # of a softmax, and of a log-softmax
        sums_to_one = torch.allclose(rows.sum(1), torch.ones(7), atol=1e-4)
        assert not sums_to_one, "Each row sums to 1: return the logits; the loss applies the softmax itself."
    alone = torch.cat([model(image[None]) for image in images])
    assert torch.allclose(alone, logits, atol=1e-4), (
        "Alone, an image gets different logits than in a batch: does flatten mix images?"
    )


def hint(seen, expected):
    """The likely mistake behind a convolution's wrong output shape."""
    if seen[:2] != expected[:2]:
        return "how many maps should it make?"
    if seen[2] - expected[2] == 4:
        return "is there padding that should not be there?"
    return "is a pooling layer missing before it?" if seen[2] > expected[2] else "is its kernel 5×5, its stride 1?"


@contextmanager
def until_shapes_do_not_fit():
    """End the block at an error of shapes, which another check shows, but not at a task that is still to do."""
    try:
        yield
    except RuntimeError as error:
        if isinstance(error, NotImplementedError):
            raise


@pytest.mark.question("lenet")
def test_the_layers_have_the_shapes_of_the_paper():
    """Each convolution of LeNet-5 gives maps of the size in the docstring."""
    expected = [[7, 6, 28, 28], [7, 16, 10, 10], [7, 120, 1, 1]]
    model, x = student_code.LeNet5(), torch.randn(7, 1, 32, 32)
    with Layers() as layers, until_shapes_do_not_fit():
        model(x)
    for number, (seen, right) in enumerate(zip(layers.shapes, expected, strict=False), start=1):
        assert seen == right, f"conv{number}'s output is {seen}; the course asks for {right}: {hint(seen, right)}"


@pytest.mark.question("lenet")
def test_lenet_gives_logits():
    """LeNet-5 gives one row of logits per image, as many as num_classes."""
    assert_logits(student_code.LeNet5())
    seven = list(student_code.LeNet5(num_classes=7)(torch.zeros(2, 1, 32, 32)).shape)
    assert seven == [2, 7], f"LeNet5(num_classes=7) gives {seven} for 2 images; it should give [2, 7]."


# for weights and an image that are always the same: what the logits come to, and what they come to with a usual mistake
FINGERPRINTS = {
    "": 4.53093,
    "There is no ReLU after the first convolution.": 2.46315,
    "There is no ReLU after the second convolution.": 61.2021,
    "There is no ReLU after the third convolution.": -139.602,
    "There is no ReLU after the first linear layer.": -60.3734,
    "There is no ReLU anywhere.": -242.554,
    "There is no ReLU after the convolutions.": -14.5312,
    "The non-linearity is tanh, not ReLU.": -15.0717,
    "The non-linearity is sigmoid, not ReLU.": 33.0914,
    "The pooling takes the average, not the maximum.": 11.7947,
    "The non-linearity is tanh, and the pooling takes the average.": -12.7025,
}


@pytest.mark.question("lenet")
def test_lenet_computes_what_the_table_says():
    """With the same weights, LeNet-5 gives the logits of the network in the docstring."""
    name = name_of(fingerprint(student_code.LeNet5(), (1, 32, 32)), FINGERPRINTS)
    assert name == "", (
        f"The logits are other ones. {name or 'Compare kernels, biases, ReLU and pooling with the table.'}"
    )
    model, x = student_code.LeNet5().train(), torch.randn(7, 1, 32, 32)
    with torch.no_grad():
        again = torch.allclose(model(x), model(x))
    assert again, "In training mode, the same images give other logits the second time: the paper has no dropout."


@pytest.mark.question("lenet")
def test_lenet_has_as_many_parameters_as_the_course_counts():
    """LeNet-5 has 61,706 parameters, and all of them learn."""
    n = count(student_code.LeNet5())
    assert n == LENET5, f"Your LeNet5 has {n:,} parameters, {n - LENET5:+,} from 61,706: compare it layer by layer."
    assert_learns_everywhere(student_code.LeNet5())


# ---------------------------------------------------------------- mlp


@pytest.mark.question("mlp")
def test_the_mlp_gives_logits():
    """The MLP gives one row of 10 logits per image."""
    assert_logits(student_code.CustomMLP())


@pytest.mark.question("mlp")
def test_the_mlp_has_the_size_of_lenet():
    """The MLP has two hidden layers or more, and a parameter count within 5 % of LeNet-5's."""
    model = student_code.CustomMLP()
    off = count(model) / LENET5 - 1
    matrices = sum(p.dim() == 2 for p in model.parameters())
    assert matrices >= 3, f"Two hidden layers and the output need three weight matrices; this MLP has {matrices}."
    assert abs(off) <= 0.05, f"The MLP has {count(model):,} parameters, {off:+.1%} from 61,706: change the widths."
    assert_learns_everywhere(model)


PRODUCTS = {"addmm", "mm", "bmm", "baddbmm"}  # of matrices
STRAIGHT = {"t", "transpose", "permute", "view", "_unsafe_view", "reshape", "add", "expand", "clone", "detach", "alias"}


@pytest.mark.question("mlp")
def test_the_mlp_is_not_linear():
    """There is a non-linearity after each hidden layer of the MLP."""
    model = student_code.CustomMLP().eval()
    with torch.no_grad(), Operations() as operations:
        model(torch.randn(7, 1, 32, 32))
    places = [place for place, name in enumerate(operations.names) if name in PRODUCTS]
    for number, (begin, end) in enumerate(itertools.pairwise(places), start=1):
        between = set(operations.names[begin + 1 : end])
        assert not between <= STRAIGHT, f"No non-linearity follows hidden layer {number}: two layers are worth one."
    after = set(operations.names[places[-1] + 1 :]) - STRAIGHT
    assert not after, f"{', '.join(sorted(after))} follows the last layer: the loss needs the logits as they are."


# ---------------------------------------------------------------- count


@pytest.mark.question("count")
def test_parameters_are_counted_in_millions():
    """A layer from 10 to 5 has 55 parameters: 0.000055 million."""
    found = student_code.count_model_params(nn.Linear(10, 5))
    assert found != 55, "55 was returned: give millions, 0.000055."
    assert found == pytest.approx(55e-6, abs=1e-9), (
        f"{found} was returned, not 0.000055: is a bias forgotten, or rounded?"
    )


@pytest.mark.question("count")
def test_frozen_parameters_and_buffers_do_not_count():
    """Frozen parameters do not count, nor do the running averages of a BatchNorm."""
    model = nn.Sequential(nn.Linear(10, 5).requires_grad_(False), nn.BatchNorm1d(5))
    found = student_code.count_model_params(model)
    assert found == pytest.approx(10e-6, abs=1e-9), f"{found * 1e6:.0f} were counted; only the BatchNorm's 5 + 5 learn."


@pytest.mark.question("count")
def test_a_shared_parameter_counts_once():
    """Weights that two layers share count once."""
    model = nn.Sequential(nn.Linear(4, 4, bias=False), nn.Linear(4, 4, bias=False))
    model[1].weight = model[0].weight
    found = student_code.count_model_params(model)
    assert found == pytest.approx(16e-6, abs=1e-9), f"{found * 1e6:.0f} were counted; there are 16, used twice."


# ---------------------------------------------------------------- train, test


class Toy(nn.Module):
    """Multiplies by one weight, which is 1, and notes its mode: its logits are its images.

    ``trained`` holds the modes of the passes that a gradient came back from.
    """

    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(1))
        self.modes, self.trained = [], []

    def forward(self, x):
        """Logits (n, 2) of images (n, 2)."""
        logits, training = x * self.weight, self.training
        self.modes.append(training)
        if logits.requires_grad:
            logits.register_hook(lambda _: self.trained.append(training))
        return logits


class Total:
    """Stands in for a loss: 1, 10 and 100.37 on the three batches, and so are the weight's gradients."""

    def __init__(self):
        self.sums = []

    def __call__(self, logits, labels):
        """Add up the logits."""
        self.sums += logits.detach().sum(1).tolist()
        return logits.sum()

    def assert_logits(self):
        """The images' own logits sum to other numbers than 1."""
        softmax = self.sums and all(abs(one - 1) < 1e-4 for one in self.sums)
        assert not softmax, "The loss got rows that sum to 1, from a softmax: hand it the logits, it has its own."


class Notebook(torch.optim.Optimizer):
    """An optimizer that notes the gradient at each step, and moves nothing."""

    def __init__(self, model):
        super().__init__(model.parameters(), {"lr": 0.0})
        self.weight, self.steps = model.weight, []

    def step(self, closure=None):
        """Note the gradient, after the closure that computes it if there is one; return what the closure does."""
        loss = None if closure is None else closure()
        self.steps.append(0 if self.weight.grad is None else round(self.weight.grad.item()))
        return loss


def toy_loader():
    """Batches of 3, 3 and 1 images whose pixels sum to 1, 10 and 100.37; the seventh image has the wrong label."""
    images = torch.tensor([[0.5, 0], [0, 0.25], [0.25, 0], [5, 0], [0, 2], [3, 0], [100.37, 0]])
    return DataLoader(TensorDataset(images, torch.tensor([0, 1, 0, 0, 1, 0, 1])), batch_size=3)


def assert_loss_and_accuracy(returned):
    """What both loops should return for the toy loader."""
    loss, accuracy = (float(value) for value in returned)
    mean = (1 + 10 + 100.37) / 3
    assert loss == pytest.approx(mean, abs=0.5), (
        f"The batch losses 1, 10 and 100.37 have the mean {mean:.4f}; {loss:.6g} was returned."
    )
    assert loss == pytest.approx(mean, abs=1e-4), f"The mean loss {mean:.4f}… came back as {loss:g}: do not round it."
    assert accuracy <= 1, f"The accuracy {accuracy:.4g} was returned: give a fraction in [0, 1], not percent."
    assert accuracy == pytest.approx(6 / 7, abs=5e-3), (
        f"6 of 7 images were right, {6 / 7:.4f}, in batches of 3, 3, 1; got {accuracy:.4g}."
    )
    assert accuracy == pytest.approx(6 / 7, abs=1e-4), f"6 / 7 came back as {accuracy:g}: do not round the accuracy."


@pytest.mark.question("train")
def test_the_training_loop_returns_loss_and_accuracy():
    """train_model returns the mean of the batch losses and the fraction of images that are right."""
    model, total = Toy(), Total()
    returned = student_code.train_model(model, toy_loader(), Notebook(model), total, 1)
    total.assert_logits()
    assert_loss_and_accuracy(returned)
    again = student_code.train_model(model, toy_loader(), Notebook(model), total, 2)
    assert tuple(map(float, again)) == pytest.approx(tuple(map(float, returned)), abs=1e-3), (
        f"The same epoch gave {tuple(map(float, returned))}, then {tuple(map(float, again))}: start each from zero."
    )


@pytest.mark.question("train")
def test_the_training_loop_steps_once_per_batch():
    """train_model makes one step per batch, each with that batch's gradient alone."""
    model, total = Toy(), Total()
    optimizer = Notebook(model)
    model.weight.grad = torch.full((1,), 1000.0)  # as something else may have left it
    student_code.train_model(model, toy_loader(), optimizer, total, 1)
    total.assert_logits()
    steps = optimizer.steps
    assert len(steps) == 3, f"3 batches should make 3 steps, not {len(steps)}: is optimizer.step() inside the loop?"
    assert any(steps), "No gradient was there at any step: is loss.backward() called, and zero_grad() before it?"
    kept = steps[1] - steps[0] == 10
    assert not kept, "The second step still held the first batch's gradient: is optimizer.zero_grad() called?"
    assert steps[0] != 1001, "A gradient that was there before the first batch is in its step: clear it first."
    assert steps == [1, 10, 100], f"The gradients at the steps were {steps}; the batches' own are [1, 10, 100]."


@pytest.mark.question("train")
def test_the_training_loop_switches_to_training_mode():
    """train_model trains in training mode, though the model comes in evaluation mode."""
    model = Toy().eval()
    student_code.train_model(model, toy_loader(), Notebook(model), Total(), 1)
    modes = model.trained or model.modes
    assert all(modes), "The model ran in evaluation mode, where dropout does nothing: is model.train() called?"


class Screen(io.StringIO):
    """What is printed, as on a screen, where progress bars move."""

    def isatty(self):
        """Return True."""
        return True


def fast_clock():
    """A clock for tqdm: one that shows itself every few seconds is a bar, too."""
    return 200 * time.time()


@pytest.mark.question("train")
def test_a_progress_bar_moves():
    """While train_model is at work, a progress bar moves."""
    model, screen, shown = Toy(), Screen(), []

    class Slow(TensorDataset):
        """Two hundred images, half a second in all."""

        def __getitem__(self, index):
            """Note what is shown, then give an image."""
            bars = [bar.last_print_n for bar in list(tqdm.tqdm._instances) if not bar.disable]  # a notebook's, too
            shown.append((len(screen.getvalue()), bars))
            time.sleep(0.002)
            return super().__getitem__(index)

    loader = DataLoader(Slow(torch.ones(200, 2), torch.zeros(200, dtype=torch.int64)), batch_size=1)
    with mock.patch.object(tqdm.std, "time", fast_clock), redirect_stdout(screen), redirect_stderr(screen):
        student_code.train_model(model, loader, Notebook(model), Total(), 1)
    changes = sum(before != after for before, after in itertools.pairwise([(0, []), *shown]))
    assert changes >= 2, f"In 200 batches, what was shown changed {changes} times before the last: is there a bar?"


@pytest.mark.question("test")
def test_the_evaluation_loop_returns_loss_and_accuracy():
    """test_model returns the mean of the batch losses and the fraction of images that are right."""
    total = Total()
    returned = student_code.test_model(Toy(), toy_loader(), total)
    total.assert_logits()
    assert_loss_and_accuracy(returned)


@pytest.mark.question("test")
def test_the_evaluation_loop_switches_to_evaluation_mode():
    """test_model measures in evaluation mode, though the model comes in training mode."""
    model = Toy().train()
    student_code.test_model(model, toy_loader(), Total())
    assert not any(model.modes), "The model ran in training mode, where dropout is at work: is model.eval() called?"


@pytest.mark.question("test")
def test_the_evaluation_loop_changes_nothing():
    """test_model leaves weights, gradients and BatchNorm's averages as they were."""
    model = nn.Sequential(nn.BatchNorm1d(2), nn.Linear(2, 2)).train()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    loader = DataLoader(TensorDataset(torch.randn(4, 2), torch.tensor([0, 1, 0, 1])), batch_size=2)
    student_code.test_model(model, loader, cross_entropy)
    for name, value in model.state_dict().items():
        assert torch.equal(value, before[name]), f"{name} changed while measuring: is model.eval() called?"
    grads = [p for p in model.parameters() if p.grad is not None]
    assert not grads, "Measuring left gradients behind: backward() belongs in the training loop, torch.no_grad() here."


# ---------------------------------------------------------------- curves


@pytest.fixture
def figure():
    """Your figure of a history of three epochs."""
    history = {"train_loss": [3, 2, 1.5], "test_loss": [2.5, 2.2, 2.1]}
    history |= {"train_accuracy": [0.3, 0.5, 0.7], "test_accuracy": [0.4, 0.55, 0.6]}
    figure = student_code.plot_curves(history, "LeNet-5")
    assert figure is not None, "plot_curves returned None: return the figure."
    return figure


def curves(axis):
    """The lines of an axis that have a point per epoch; a line that only marks a height has two."""
    return [line for line in axis.lines if len(line.get_ydata()) == 3]


@pytest.mark.question("curves")
def test_four_curves_are_drawn(figure):
    """The figure shows loss and accuracy, on training and on test images."""
    drawn = [np.round(line.get_ydata(), 3).tolist() for axis in figure.axes for line in curves(axis)]
    wanted = {"training loss": [3, 2, 1.5], "test loss": [2.5, 2.2, 2.1]}
    wanted |= {"training accuracy": [0.3, 0.5, 0.7], "test accuracy": [0.4, 0.55, 0.6]}
    for name, values in wanted.items():
        percent = np.round([100 * value for value in values], 3).tolist()
        assert values in drawn or percent in drawn, f"No line in the figure follows the {name}."


@pytest.mark.question("curves")
def test_curves_have_their_own_names(figure):
    """The training curve is named for training, the test curve for the test."""
    own, other = {3: "train", 2.5: "test"}, {"train": "test", "test": "train"}
    for line in (line for axis in figure.axes for line in curves(axis)):
        name, kind = letters(str(line.get_label())), own.get(float(line.get_ydata()[0]), "")
        exchanged = kind and other[kind] in name and kind not in name
        assert not exchanged, f"The curve of the {kind} loss is named {line.get_label()!r}."


def first_epoch(line):
    """The x of the first point, as its tick is labelled."""
    start, axis = float(line.get_xdata(orig=False)[0]), line.axes
    ticks = {place: text.get_text() for place, text in zip(axis.get_xticks(), axis.get_xticklabels(), strict=False)}
    return float(label) if (label := ticks.get(start, "")).isdecimal() else start


def letters(text):
    """The letters and digits of a text."""
    return "".join(letter for letter in text.casefold() if letter.isalnum())


@pytest.mark.question("curves")
def test_curves_are_labelled(figure):
    """The title is there, every axis has a label, a legend tells the curves apart, and the first epoch is 1."""
    titles = {axis: " ".join(axis.get_title(place) for place in ("left", "center", "right")) for axis in figure.axes}
    texts = [text.get_text() for text in figure.findobj(Text)]
    assert "lenet5" in letters(" ".join(texts)), "The title, here LeNet-5, is not in the figure."
    axes = [axis for axis in figure.axes if curves(axis)]
    for axis in axes:
        whole = (figure, axis.figure)  # a subfigure may have the label, too
        shared = axis.get_shared_x_axes().get_siblings(axis)[1:] or any(one.get_supxlabel() for one in whole)
        assert axis.get_xlabel() or shared, "An x axis has no label: what does it count?"
        beside = axis.get_shared_y_axes().get_siblings(axis)[1:] or any(one.get_supylabel() for one in whole)
        own = letters(titles[axis]).replace("lenet5", "")  # the title of a plot may say what is drawn
        assert axis.get_ylabel() or own or beside, "A y axis has no label."
    mixed = any(len(curves(axis)) > 1 for axis in axes)
    assert figure.findobj(Legend) or not mixed, "A legend is missing: which curve is which?"
    starts = {first_epoch(line) for axis in axes for line in curves(axis)}
    assert starts == {1.0}, f"The curves start at epoch {min(starts):g}; the first value is that of epoch 1."


# ---------------------------------------------------------------- regularise


def augmented():
    """A picture, a plain seven, and a hundred results of augment_digit for it."""
    image = torch.zeros(1, 32, 32)
    image[0, 8:11, 10:22] = image[0, 11:24, 19:22] = 0.9
    before = image.clone()
    results = [student_code.augment_digit(image) for _ in range(100)]
    assert torch.equal(image, before), "augment_digit changed its argument: return a new tensor instead."
    return image, results


def likeness(picture, other):
    """How much two pictures have in common where they fit best, from 0 to 1."""
    best = conv2d(picture[None], other[None], padding=8).max()
    return (best / picture.norm().clamp(min=1e-6) / other.norm()).item()


@pytest.mark.question("regularise")
def test_augmenting_keeps_shape_and_range():
    """augment_digit returns another float32 [1, 32, 32] image in [0, 1], changed at random, still a digit."""
    image, results = augmented()
    for new in results:
        assert list(new.shape) == [1, 32, 32], f"It returned the shape {list(new.shape)}; it should be [1, 32, 32]."
        assert new.dtype == torch.float32, f"It returned the type {new.dtype}; it should be torch.float32."
        low, high = new.min().item(), new.max().item()
        assert -1e-6 <= low <= high <= 1 + 1e-6, f"It returned values from {low:.3g} to {high:.3g}: keep within [0, 1]."
        ink = (new.sum() / image.sum()).item()
        assert 0.5 < ink < 2, f"It kept {ink:.0%} of the ink: is the digit moved out of the frame?"
        upright, mirrored, turned = (likeness(new, image.flip(axes)) for axes in ((), (-1,), (-2, -1)))
        assert max(mirrored, turned) < upright + 0.25, "It returned the mirror image, or turned the digit upside down."
    assert any(not torch.equal(new, results[0]) for new in results), (
        "A hundred calls gave the same image: is anything random?"
    )


@pytest.mark.question("regularise")
def test_the_setup_is_ready_for_training():
    """regularised_setup returns a LeNet-5, an optimizer that holds its parameters, and a loss."""
    model, optimizer, criterion = student_code.regularised_setup()
    assert_logits(model.eval())
    with Layers() as layers:
        model(torch.randn(7, 1, 32, 32))
    kept = {(7, 6, 28 * 28), (7, 16, 10 * 10)} <= set(layers.places)
    assert kept, "Keep LeNet-5's convolutions: 6 maps of 28×28, then 16 of 10×10."
    off = count(model) / LENET5 - 1
    assert abs(off) <= 0.05, (
        f"The model has {count(model):,} parameters, {off:+.1%} from 61,706: keep LeNet-5's layers."
    )
    held = {id(p) for group in optimizer.param_groups for p in group["params"]}
    missed = [name for name, p in model.named_parameters() if id(p) not in held]
    assert not missed, f"The optimizer does not hold {missed[0]}: was it made with this model's parameters?"
    x, labels, losses = torch.randn(4, 1, 32, 32), torch.arange(4), []
    for _ in range(20):
        loss = criterion(model.train()(x), labels)
        assert loss.dim() == 0, (
            f"The loss has the shape {list(loss.shape)}; it should be one number, a mean over the batch."
        )
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    first, last = losses[0], losses[-1]
    assert last <= 2 * abs(first), (
        f"In 20 steps on one batch the loss went from {first:.3g} to {last:.3g}: is the learning rate too large?"
    )


# a library's normalisation, of maps or of weights, or the root of a variance or of a sum of squares in one by hand
NORM = re.compile(r".*_norm.*|r?sqrt_?|pow|(std|var)(_mean)?|vdot")


@pytest.mark.question("regularise")
def test_there_are_two_regularisers():
    """At least two regularisers are at work."""
    unasked = 0.01 * (1 + 1e-9)  # AdamW's default in here, to tell it from a 0.01 that your code asks for
    defaults = tuple(unasked if value == 0.01 else value for value in torch.optim.AdamW.__init__.__defaults__)
    with mock.patch.object(torch.optim.AdamW.__init__, "__defaults__", defaults):
        model, optimizer, criterion = student_code.regularised_setup()
    x, logits, labels = torch.randn(8, 1, 32, 32), torch.randn(8, 10), torch.arange(8)
    image, results = augmented()
    with Operations() as operations:
        model.train()(x)
    decays = {group.get("weight_decay", 0) for group in optimizer.param_groups}
    default = isinstance(optimizer, torch.optim.AdamW) and decays == {unasked}
    found = {
        "dropout": not torch.equal(model(x), model(x)),
        "normalisation": any(map(NORM.fullmatch, operations.names)),
        "weight decay": max(decays) > 0 and not default,
        "a loss that adds to cross entropy": abs(criterion(logits, labels) - cross_entropy(logits, labels)) > 1e-6,
        "augmentation": any(not torch.equal(new, image) for new in results),
    }
    names = [name for name, there in found.items() if there]
    hint = " AdamW's default weight decay of 0.01 does not count: choose your own." if default else ""
    assert len(names) >= 2, f"Of the regularisers that can be seen, there is {', '.join(names) or 'none'}.{hint}"


# ---------------------------------------------------------------- accuracy


def assert_reads_digits(model, file):
    """The weights in the file must fit the model, and do better than guessing."""
    assert file.exists(), f"There is no {file}: the notebook saves it after training."
    try:
        load_weights(model, file)
    except Exception as error:
        raise AssertionError(f"{file} does not fit the model: {error} Has the code changed since training?") from None
    images, labels = digits.load("sample", train=False)
    [(x, y)] = digits.in_memory(digits.resize(images), labels, batch_size=len(labels))
    right = (model.eval()(x).argmax(1) == y).float().mean().item()
    assert right > 0.4, f"{file} gets {right:.0%} of 360 digits right; guessing gets 10 %. Was it saved after training?"


@pytest.mark.question("accuracy")
def test_the_weights_of_lenet_read_digits():
    """The saved weights of LeNet-5 fit the model, and do better than guessing."""
    assert_reads_digits(student_code.LeNet5(), Path("lenet5.safetensors"))


@pytest.mark.question("accuracy")
def test_the_regularised_weights_read_digits():
    """The saved weights of the regularised LeNet-5 fit the model, and do better than guessing."""
    assert_reads_digits(student_code.regularised_setup()[0], Path("lenet5_regularised.safetensors"))


@pytest.mark.question("accuracy")
def test_the_history_is_there():
    """history.json holds loss and accuracy per epoch for both models."""
    file = Path("history.json")
    assert file.exists(), "There is no history.json: the notebook saves it after training."
    histories = json.loads(file.read_text(encoding="utf-8"))
    for model in ("lenet5", "lenet5_regularised"):
        assert model in histories, f"history.json has no entry {model!r}; it has {list(histories)}."
        lists = [histories[model][f"{part}_{what}"] for part in ("train", "test") for what in ("loss", "accuracy")]
        lengths = [len(values) for values in lists]
        assert 0 < min(lengths) == max(lengths), f"The four lists of {model} have the lengths {lengths}."
