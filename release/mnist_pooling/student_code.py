"""Everything you write in this course, in one file: what a task builds, later assignments use again.

Replace each ``raise NotImplementedError`` by your own code and keep the names and the arguments: the checks call them.
Shapes are written (n, c, h, w): images in the batch, channels, rows, columns.
"""

import time
from collections.abc import Callable
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import torch
from matplotlib.figure import Figure
from PIL import Image
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset
from tqdm.auto import tqdm

MEAN, STD = 0.1307, 0.3081  # of all pixels of MNIST's training images, scaled to [0, 1]

# ---------------------------------------------------------------- mnist_lenet


class DigitImages(Dataset):
    """A folder of grey PNG images named ``{number}_{label}.png``, such as ``00042_7.png``: image 42 shows a 7.

    Args:
        folder: holds the images, 32×32 pixels each; files that are not ``.png`` are left out.
        augment: called on each image, a float32 tensor (1, 32, 32) in [0, 1], before it is normalised; it returns
            a tensor of the same shape. None leaves the images as they are.

    The order of the samples is up to you; an image and its label must stay together.
    """

    def __init__(self, folder: str | Path, augment: Callable[[Tensor], Tensor] | None = None) -> None:
        raise NotImplementedError("Task 1.1: list the images of the folder")

    def __len__(self) -> int:
        """The number of images."""
        raise NotImplementedError("Task 1.2: count the images")

    def __getitem__(self, index: int) -> tuple[Tensor, int]:
        """Image ``index`` and its label.

        Returns:
            The image, float32 (1, 32, 32): pixels scaled from 0…255 to [0, 1], augmented if asked for, then normalised,
            (pixel - MEAN) / STD. The label, an int from 0 to 9.
        """
        raise NotImplementedError("Task 1.3: read an image and its label")


def make_loaders(
    train_folder: str | Path,
    test_folder: str | Path,
    batch_size: int = 128,
    augment: Callable[[Tensor], Tensor] | None = None,
) -> tuple[DataLoader, DataLoader]:
    """Two loaders of ``DigitImages``: one to learn from, one to measure with.

    Args:
        train_folder, test_folder: as ``DigitImages`` reads them.
        batch_size: images per batch; the last batch may be smaller, and no image is dropped.
        augment: applied to the training images only.

    Returns:
        (train_loader, test_loader). The training images come in a new random order each epoch.
    """
    raise NotImplementedError("Task 1.4: make the two loaders")


class LeNet5(nn.Module):
    """LeNet-5, in today's dress: ReLU for tanh, max pooling for the trainable average, logits for the RBF units.

    layer       output            learns
    input       (n, 1, 32, 32)
    conv 5×5    (n, 6, 28, 28)    no padding, then ReLU
    pool 2×2    (n, 6, 14, 14)    nothing: the maximum of each window
    conv 5×5    (n, 16, 10, 10)   no padding, then ReLU
    pool 2×2    (n, 16, 5, 5)
    conv 5×5    (n, 120, 1, 1)    no padding, then ReLU
    linear      (n, 84)           then ReLU
    linear      (n, num_classes)  logits: no softmax, the loss applies it

    Source: LeCun, Bottou, Bengio, Haffner, "Gradient-based learning applied to document recognition", 1998,
    section II.B.
    """

    def __init__(self, num_classes: int = 10) -> None:
        super().__init__()
        raise NotImplementedError("Task 2.1: build the layers of LeNet-5")

    def forward(self, x: Tensor) -> Tensor:
        """Logits (n, num_classes) of images (n, 1, 32, 32)."""
        raise NotImplementedError("Task 2.2: connect the layers of LeNet-5")


class CustomMLP(nn.Module):
    """A fully connected network of LeNet-5's size, to compare with.

    At least two hidden layers, a non-linearity after each, and a parameter count within 5 % of LeNet-5's 61,706.
    You choose the widths; for one hidden layer of h1 units and one of h2, count
    (1024 + 1)·h1 + (h1 + 1)·h2 + (h2 + 1)·10.
    """

    def __init__(self) -> None:
        super().__init__()
        raise NotImplementedError("Task 3.1: choose and build the layers of the MLP")

    def forward(self, x: Tensor) -> Tensor:
        """Logits (n, 10) of images (n, 1, 32, 32)."""
        raise NotImplementedError("Task 3.2: connect the layers of the MLP")


def count_model_params(model: nn.Module) -> float:
    """The number of parameters that training would change, in millions.

    Parameters with ``requires_grad=False`` and buffers do not count; a parameter that two layers share counts once.
    Not rounded: LeNet-5 has 0.061706. Count yourself, without a library that does.
    """
    raise NotImplementedError("Task 4: count the trainable parameters")


def train_model(
    model: nn.Module,
    train_loader: DataLoader,
    optimizer: torch.optim.Optimizer,
    criterion: Callable[[Tensor, Tensor], Tensor],
    epoch: int,
) -> tuple[float, float]:
    """Train for one epoch, a progress bar showing how far it is.

    The model may come in any state: in evaluation mode, or with old gradients. It stays on the device it is on.

    Args:
        train_loader: gives batches of (images, labels); the last may be smaller.
        criterion: loss of (logits, labels), a mean over the batch.
        epoch: its number, from 1, for the bar.

    Returns:
        The mean of the batch losses, and the accuracy, a fraction in [0, 1] of all images seen.
    """
    raise NotImplementedError("Task 5: train for one epoch")


def test_model(
    model: nn.Module, test_loader: DataLoader, criterion: Callable[[Tensor, Tensor], Tensor]
) -> tuple[float, float]:
    """Measure a model, and change nothing in it: no weight, no gradient, no statistic of a BatchNorm.

    Returns:
        The mean of the batch losses, and the accuracy, a fraction in [0, 1] of all images seen, both as in evaluation
        mode, whatever mode the model comes in.
    """
    raise NotImplementedError("Task 6: measure a model")


# pytest would take a function of this name for a test
test_model.__test__ = False  # type: ignore[attr-defined]


def plot_curves(history: dict[str, list[float]], title: str) -> Figure:
    """Four curves over the epochs: loss and accuracy, on the training and on the test images.

    Args:
        history: ``train_loss``, ``test_loss``, ``train_accuracy`` and ``test_accuracy``, one value per epoch, all
            lists of the same length; the first value is that of epoch 1.
        title: the name of the model.

    Returns:
        The figure, with a label on every axis and a legend that tells training from test. One plot or several, as you
        like.
    """
    raise NotImplementedError("Task 7: draw the four curves")


def augment_digit(image: Tensor) -> Tensor:
    """A slightly different image of the same digit, at random each time: shifted, turned or scaled a little.

    Args:
        image: float32 (1, 32, 32) in [0, 1]; it is not changed in place.

    Returns:
        A new tensor of the same shape, type and range. What it shows must still be read as the same digit.
    """
    raise NotImplementedError("Task 8.1: augment a digit")


def regularised_setup() -> tuple[nn.Module, torch.optim.Optimizer, Callable[[Tensor, Tensor], Tensor]]:
    """LeNet-5 again, with what keeps it from learning its training images by heart.

    Use at least two regularisers: dropout, batch normalisation, weight decay in the optimiser, a loss that adds to
    plain cross entropy (label smoothing, an L1 or L2 penalty), ``augment_digit``, or others. The layers stay those of
    LeNet-5: a parameter count within 5 % of 61,706.

    Returns:
        (model, optimizer, criterion), ready for ``train_model``; the optimizer holds the model's parameters.
    """
    raise NotImplementedError("Task 8.2: put your regularisers together")


# ---------------------------------------------------------------- mnist_pooling


class PoolingLeNet(nn.Module):
    """LeNet-5 for 28×28 pixels, with average pooling, max pooling or none.

    layer       output with pooling    output with "none"   learns
    input       (n, 1, 28, 28)         (n, 1, 28, 28)
    conv 5×5    (n, 6, 28, 28)         (n, 6, 28, 28)       padding 2, then ReLU
    pool 2×2    (n, 6, 14, 14)         left out             nothing: average or maximum of each window
    conv 5×5    (n, 16, 10, 10)        (n, 16, 24, 24)      no padding, then ReLU
    pool 2×2    (n, 16, 5, 5)          left out
    linear      (n, 120)               (n, 120)             from all values of all maps, channel by channel; then ReLU
    linear      (n, 84)                (n, 84)              then ReLU
    linear      (n, 10)                (n, 10)              logits: no softmax, the loss applies it

    Parameters: 61,706 with either pooling, 1,119,626 without.

    Args:
        pooling: "avg", "max" or "none"; anything else is a ValueError.

    Source: LeCun, Bottou, Bengio, Haffner, "Gradient-based learning applied to document recognition", 1998,
    section II.B, with ReLU for tanh and no learned factor in the pooling.
    """

    def __init__(self, pooling: str) -> None:
        super().__init__()
        raise NotImplementedError("Task 1.1: build the layers")

    def forward(self, x: Tensor) -> Tensor:
        """Logits (n, 10) of images (n, 1, 28, 28)."""
        raise NotImplementedError("Task 1.2: connect the layers")

    def get_intermediate(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """What the first two layers make of images (n, 1, 28, 28).

        Returns:
            The output of the first convolution, before ReLU, (n, 6, 28, 28), and the output of the first pooling,
            (n, 6, 14, 14).

        Raises:
            ValueError: the network has no pooling, so there is no such output; the message says so.
        """
        raise NotImplementedError("Task 6.1: look at the first two layers")


def count_multiply_adds(model: nn.Module, image_shape: tuple[int, int, int] = (1, 28, 28)) -> int:
    """The multiplications, each followed by an addition, that a network does for one image.

    A linear layer does one for each of its weights. A convolution does one for each weight *and each position* of its
    output: (c_in / groups) · k_h · k_w · c_out · h_out · w_out. Biases, ReLU and pooling are not counted.

    Args:
        model: a network whose convolutions and linear layers are ``nn.Conv2d`` and ``nn.Linear``. It may be any
            network, not only yours, and holds each layer at the place where it is used. A layer that it uses twice
            counts twice, one that it holds and never uses does not count. A hook sees each use
            (``register_forward_hook``); leave none behind.
        image_shape: (c, h, w).
    """
    raise NotImplementedError("Task 2: count the multiply-adds")


def learning_rate(step: int) -> float:
    """The learning rate for the step that comes after ``step`` steps: 0.05, halved every 10,000 steps.

    The first 10,000 steps, ``step`` 0 to 9,999, are made with 0.05, the next 10,000 with 0.025, and so on.
    """
    raise NotImplementedError("Task 3.1: halve the learning rate")


def momentum(step: int) -> float:
    """The momentum for the step that comes after ``step`` steps.

    It is set anew every 2,000 steps and stays the same in between. At these moments it lies on a straight line from 0.5
    at step 0 to 0.95 at step 20,000; from there on it is 0.95. So it is 0.5 for ``step`` 0 to 1,999 and 0.545 for 2,000
    to 3,999.
    """
    raise NotImplementedError("Task 3.2: raise the momentum")


def limit_weight_norm(model: nn.Module, largest: float = 3.5) -> None:
    """Shorten, in place, the incoming weights of every unit that are longer than ``largest``.

    A unit is one output of a linear layer, with its row of weights (in,), or one filter of a convolution, with all its
    weights (c_in, k_h, k_w) taken as one vector. Its length is the Euclidean norm. Where that is more than ``largest``,
    the weights are scaled to that length; all others stay as they are. Biases are left alone.

    Source: Srebro and Shraibman, "Rank, trace-norm and max-norm", 2005; Hinton et al., "Improving neural networks by
    preventing co-adaptation of feature detectors", 2012, section 2.
    """
    raise NotImplementedError("Task 3.3: limit the norm of the weights of each unit")


def pooling_optimizer(model: nn.Module) -> torch.optim.Optimizer:
    """Stochastic gradient descent with momentum, and an L2 penalty on the last layer only.

    The penalty adds 0.001 · w to the gradient of each weight w of the last layer, the one that gives the logits, and
    nothing to any other layer's. Whether the last layer's biases are penalised too is up to you. Learning rate and
    momentum start as ``learning_rate(0)`` and ``momentum(0)``; ``train_steps`` sets them anew before each step.

    Args:
        model: a network that lists its last layer last, so the last of ``model.parameters()`` are that layer's.
    """
    raise NotImplementedError("Task 4.1: penalise the last layer")


def train_steps(
    model: nn.Module,
    loaders: tuple[DataLoader, DataLoader],
    optimizer: torch.optim.Optimizer,
    schedule: Callable[[int], tuple[float, float]],
    steps: int,
    record_every: int = 250,
    limit_every: int = 5_000,
) -> dict[str, list[float]]:
    """Train for a number of steps, not epochs, with cross entropy, a progress bar showing how far it is.

    A step is one batch: set the learning rate and the momentum, compute the gradient of the batch's loss, clip it, and
    let the optimizer step. When the training loader comes to its end, it is begun again. The model may come in any
    state: in evaluation mode, or with old gradients. It stays on the device it is on.

    Args:
        loaders: (train_loader, test_loader); a last batch may be smaller, and is a step like any other.
        schedule: called before each step with the number of steps made so far, 0 at first; it gives (learning rate,
            momentum), to be set in *every* group of ``optimizer.param_groups``.
        record_every: after so many steps, and again after so many more, one value is added to each list returned.
        limit_every: after so many steps, and again after so many more, ``limit_weight_norm(model)`` is called.

    Clipping: if the Euclidean norm of all gradients of the model, taken as one vector, is more than 20, all are scaled
    so that it is 20; else they stay as they are.

    Returns:
        Lists with one value per record, the first of them after ``record_every`` steps:
        ``step``: the number of steps made; ``seconds``: spent in training since the beginning, measuring left out;
        ``train_loss``, ``train_accuracy``: the mean of the batch losses, and the fraction of the images read rightly,
        both over the steps since the record before; ``test_loss``, ``test_accuracy``: as ``test_model`` gives them.
    """
    raise NotImplementedError("Task 4.2: train by steps")


def plot_by_step(histories: dict[str, dict[str, list[float]]], quantity: str) -> Figure:
    """One plot per model: a quantity over the steps, on the training and on the test images.

    Args:
        histories: by the name of the model, what ``train_steps`` returned.
        quantity: "loss" or "accuracy".

    Returns:
        The figure: a plot per model, under the model's name, of ``train_{quantity}`` and ``test_{quantity}`` over
        ``step``; a label on every axis and a legend that tells training from test. The plots share one scale, so that
        they can be compared.
    """
    raise NotImplementedError("Task 5: draw the curves over the steps")


def plot_maps(maps: Tensor, title: str) -> Figure:
    """The maps of one image side by side, each a picture of its own, all on one scale of grey or colour.

    Args:
        maps: (c, h, w), such as what one image becomes after a layer; with one map, an image itself.

    Returns:
        The figure: c pictures of h×w pixels in the order of the maps, drawn without smoothing, under the title.
    """
    raise NotImplementedError("Task 6.2: draw the maps")
