"""Everything you write in this course, in one file: what a task builds, later assignments use again.

Replace each ``raise NotImplementedError`` by your own code and keep the names and the arguments: the checks call them.
Shapes are written (n, c, h, w): images in the batch, channels, rows, columns.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
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
        raise NotImplementedError("Task 1.1.1: list the images of the folder")

    def __len__(self) -> int:
        """Return the number of images."""
        raise NotImplementedError("Task 1.1.2: count the images")

    def __getitem__(self, index: int) -> tuple[Tensor, int]:
        """Return image ``index`` and its label.

        Returns:
            The image, float32 (1, 32, 32): pixels scaled from 0…255 to [0, 1], augmented if asked for, then normalised,
            (pixel - MEAN) / STD. The label, an int from 0 to 9.
        """
        raise NotImplementedError("Task 1.1.3: read an image and its label")


def make_loaders(
    train_folder: str | Path,
    test_folder: str | Path,
    batch_size: int = 128,
    augment: Callable[[Tensor], Tensor] | None = None,
) -> tuple[DataLoader, DataLoader]:
    """Make two loaders of ``DigitImages``: one for training, one for testing.

    Args:
        train_folder, test_folder: as ``DigitImages`` reads them.
        batch_size: images per batch; the last batch may be smaller, and no image is dropped.
        augment: applied to the training images only.

    Returns:
        (train_loader, test_loader). The training images come in a new random order each epoch.
    """
    raise NotImplementedError("Task 1.1.4: make the two loaders")


def convolve(image: Tensor, kernel: Tensor, bias: Tensor, stride: int = 1, padding: int = 0) -> Tensor:
    """Convolve one image with your own loops, as ``nn.Conv2d`` does.

    Value (m, i, j) of the output is ``bias[m]`` plus a sum of products: of ``kernel[m]`` and the part of the padded
    image below it, whose top left corner is in row ``i * stride`` and column ``j * stride``, over all channels. The
    kernel is not flipped. PyTorch's own convolutions (``nn.Conv2d``, ``nn.functional.conv2d`` and their relatives) earn
    no points here; all other functions are allowed.

    Args:
        image: float32 (channels, h, w); it is not changed in place.
        kernel: float32 (maps, channels, kh, kw).
        bias: float32 (maps,).
        stride: pixels from one position of the kernel to the next, in rows and in columns.
        padding: rows and columns of zeros that are added on each of the four sides.

    Returns:
        A new tensor, float32 (maps, (h + 2 · padding - kh) // stride + 1, (w + 2 · padding - kw) // stride + 1).
    """
    raise NotImplementedError("Task 1.1.5: convolve with loops")


class LeNet5(nn.Module):
    """LeNet-5 in its modern form: ReLU instead of tanh, max pooling instead of a trainable average, logits.

    layer       output            learns
    input       (n, 1, 32, 32)
    conv 5×5    (n, 6, 28, 28)    no padding, then ReLU
    pool 2×2    (n, 6, 14, 14)    nothing: the maximum of each window
    conv 5×5    (n, 16, 10, 10)   no padding, then ReLU
    pool 2×2    (n, 16, 5, 5)
    conv 5×5    (n, 120, 1, 1)    no padding, then ReLU
    linear      (n, 84)           then ReLU
    linear      (n, num_classes)  logits: no softmax, the loss applies it

    61,706 parameters with ten classes, biases included, and all of them learn. No dropout here.

    Source: LeCun, Bottou, Bengio, Haffner, "Gradient-based learning applied to document recognition", 1998,
    section II.B.
    """

    def __init__(self, num_classes: int = 10) -> None:
        super().__init__()
        raise NotImplementedError("Task 1.2.1: build the layers of LeNet-5")

    def forward(self, x: Tensor) -> Tensor:
        """Return logits (n, num_classes) for images (n, 1, 32, 32)."""
        raise NotImplementedError("Task 1.2.2: connect the layers of LeNet-5")


class CustomMLP(nn.Module):
    """A fully connected network of LeNet-5's size, to compare with.

    At least two hidden layers, a non-linearity after each and none after the logits, and a parameter count within 5 %
    of LeNet-5's 61,706. All parameters learn, and none has more than two dimensions: no convolutions. You choose the
    widths: find them with pencil and paper.
    """

    def __init__(self) -> None:
        super().__init__()
        raise NotImplementedError("Task 1.3.1: choose and build the layers of the MLP")

    def forward(self, x: Tensor) -> Tensor:
        """Logits (n, 10) of images (n, 1, 32, 32)."""
        raise NotImplementedError("Task 1.3.2: connect the layers of the MLP")


def count_model_params(model: nn.Module) -> float:
    """Return the number of trainable parameters, in millions.

    Parameters with ``requires_grad=False`` and buffers do not count; a parameter that two layers share counts once.
    Do not round: LeNet-5 has 0.061706. Do not use a library that counts.
    """
    raise NotImplementedError("Task 1.4: count the trainable parameters")


def train_model(
    model: nn.Module,
    train_loader: DataLoader,
    optimizer: torch.optim.Optimizer,
    criterion: Callable[[Tensor, Tensor], Tensor],
    epoch: int,
) -> tuple[float, float]:
    """Train for one epoch in training mode.

    The model may arrive in any state: in evaluation mode, or with old gradients. Leave it on its device. A progress bar
    shows how far the epoch is: any bar that moves, such as tqdm's or one that you print yourself.

    Args:
        train_loader: gives batches of (images, labels); the last may be smaller.
        criterion: loss of (logits, labels), a mean over the batch.
        epoch: its number, from 1, for the bar.

    Returns:
        The mean of the batch losses, and the accuracy, a fraction in [0, 1] of all images seen: those that the model
        classifies correctly when it trains on their batch, before the step or after. Neither is rounded.
    """
    raise NotImplementedError("Task 1.5: train for one epoch")


def test_model(
    model: nn.Module, test_loader: DataLoader, criterion: Callable[[Tensor, Tensor], Tensor]
) -> tuple[float, float]:
    """Measure a model, and change nothing in it: no weight, no gradient, no statistic of a BatchNorm.

    Returns:
        The mean of the batch losses, and the accuracy, a fraction in [0, 1] of all images seen, both as in evaluation
        mode, whatever mode the model comes in. Neither is rounded.
    """
    raise NotImplementedError("Task 1.6: measure a model")


# pytest would take a function of this name for a test
test_model.__test__ = False  # type: ignore[attr-defined]


def plot_curves(history: dict[str, list[float]], title: str) -> Figure:
    """Draw four curves over the epochs: loss and accuracy, on the training and on the test images.

    Args:
        history: ``train_loss``, ``test_loss``, ``train_accuracy`` and ``test_accuracy``, one value per epoch, all
            lists of the same length; the first value is that of epoch 1.
        title: the name of the model; the figure shows it.

    Returns:
        The figure: four lines, the title, a label on every axis (the title of a single plot may stand for that of y),
        and a legend that tells training from test. One plot or several, as you like, also one legend or several.
    """
    raise NotImplementedError("Task 1.7: draw the four curves")


def augment_digit(image: Tensor) -> Tensor:
    """Return a slightly different image of the same digit, at random: shifted, turned or scaled a little.

    Args:
        image: float32 (1, 32, 32) in [0, 1]; it is not changed in place.

    Returns:
        A new tensor of the same shape, type and range. It must remain recognisable as the same digit: neither
        mirrored nor upside down. Some images may stay as they are, but not most.
    """
    raise NotImplementedError("Task 1.8.1: augment a digit")


def regularised_setup() -> tuple[nn.Module, torch.optim.Optimizer, Callable[[Tensor, Tensor], Tensor]]:
    """Build LeNet-5 again, with at least two regularisers that keep it from memorising its training images.

    These count: dropout, or other randomness while training; a normalisation; weight decay in the optimizer; a loss
    that adds to plain cross entropy (label smoothing, an L1 or L2 penalty); ``augment_digit``. AdamW has a weight decay
    of 0.01 by default; this one does not count, since you did not choose it. The layers stay those of LeNet-5: 6 maps
    of 28×28, 16 of 10×10, ten logits with no softmax, and a parameter count within 5 % of 61,706.

    Returns:
        (model, optimizer, criterion), ready for ``train_model``; the optimizer holds the model's parameters.
    """
    raise NotImplementedError("Task 1.8.2: put your regularisers together")


# ---------------------------------------------------------------- mnist_regularization


class SmallLeNet(nn.Module):
    """LeNet-5 for images as MNIST has them, 28×28: the third convolution shrinks to 4×4.

    layer       output            learns
    input       (n, 1, 28, 28)
    conv 5×5    (n, 6, 24, 24)    no padding, then ReLU
    pool 2×2    (n, 6, 12, 12)    nothing: the maximum of each window
    conv 5×5    (n, 16, 8, 8)     no padding, then ReLU
    pool 2×2    (n, 16, 4, 4)
    conv 4×4    (n, 120, 1, 1)    no padding, then ReLU
    linear      (n, 84)           then ReLU
    linear      (n, num_classes)  logits: nothing follows, neither a softmax nor a non-linearity

    44,426 parameters with ten classes; a layer that forward does not use would count and never learn. No dropout here.
    """

    def __init__(self, num_classes: int = 10) -> None:
        super().__init__()
        raise NotImplementedError("Task 2.1.1: build the layers of the small LeNet")

    def forward(self, x: Tensor) -> Tensor:
        """Return logits (n, num_classes) for images (n, 1, 28, 28)."""
        raise NotImplementedError("Task 2.1.2: connect the layers of the small LeNet")


class SmallMLP(nn.Module):
    """A fully connected network for images of 28×28: 784 pixels, 60 units, 30 units, 10 logits.

    A ReLU follows each of the two hidden layers, nothing the logits. No dropout here. 49,240 parameters.
    """

    def __init__(self) -> None:
        super().__init__()
        raise NotImplementedError("Task 2.2.1: build the layers of the small MLP")

    def forward(self, x: Tensor) -> Tensor:
        """Return logits (n, 10) for images (n, 1, 28, 28)."""
        raise NotImplementedError("Task 2.2.2: connect the layers of the small MLP")


class RegularisedLeNet(nn.Module):
    """``SmallLeNet`` with batch normalisation and dropout.

    A BatchNorm follows each convolution and the first linear layer, and comes before its ReLU: 44,878 parameters.
    One after the first convolution alone (44,438) is also accepted. Use PyTorch's (``nn.BatchNorm2d`` and
    ``nn.BatchNorm1d``, or ``nn.functional.batch_norm``), not one of your own. A layer that is followed by a BatchNorm
    may omit its bias.

    Args:
        dropout: the probability that a hidden value, or a whole map, is set to 0 while training, from 0 to 1, both
            included. You choose which of them it acts on (usually the 84 values after the last ReLU, and the 120
            before), but never the logits, and never in evaluation mode.

    Source: Ioffe, Szegedy, "Batch normalization", 2015, section 3.2 (before the non-linearity); Srivastava et al.,
    "Dropout", 2014.
    """

    def __init__(self, dropout: float = 0.2) -> None:
        super().__init__()
        raise NotImplementedError("Task 2.3.1: build the layers of the regularised LeNet")

    def forward(self, x: Tensor) -> Tensor:
        """Return logits (n, 10) for images (n, 1, 28, 28)."""
        raise NotImplementedError("Task 2.3.2: connect the layers of the regularised LeNet")


def flip_at_random(images: Tensor) -> Tensor:
    """Mirror some images of a batch left to right: each with probability 1/2, independently of the others.

    Args:
        images: float32 (n, 1, 28, 28) in [0, 1]; they are not changed in place.

    Returns:
        A new tensor of the same shape and type; image i is still image i, as it was or mirrored. Each call chooses
        anew.
    """
    raise NotImplementedError("Task 2.4: flip at random")


def affine_at_random(images: Tensor) -> Tensor:
    """Turn, shift and scale each image of a batch a little, at random and independently of the others.

    Keep the changes small, so that the digit stays recognisable: about 15 degrees, 2 pixels, 10 % are enough. All three
    must be visible: at least 5 degrees, 1 pixel and 5 % in either direction.
    ``nn.functional.affine_grid`` makes a grid from n matrices (n, 2, 3), and ``nn.functional.grid_sample`` samples the
    images at its points, 0 (paper) outside; both measure the frame from -1 to 1, so that a pixel is 2/28.

    Args:
        images: float32 (n, 1, 28, 28) in [0, 1]; they are not changed in place.

    Returns:
        A new tensor of the same shape, type and range; image i is still image i. Each call chooses anew.

    Source: Simard, Steinkraus, Platt, "Best practices for convolutional neural networks applied to visual document
    analysis", 2003, section 2.
    """
    raise NotImplementedError("Task 2.5: turn, shift and scale at random")


def standard_error(accuracy: float, n: int) -> float:
    """Return the standard error of an accuracy measured on ``n`` images: how far it is typically off by chance.

    Args:
        accuracy: the fraction of correctly classified images, in [0, 1].

    Returns:
        A fraction: the square root of accuracy · (1 - accuracy) / n, the standard deviation of a mean of n
        draws that are 1 with probability ``accuracy``, else 0.
    """
    raise NotImplementedError("Task 2.6: the standard error of an accuracy")


def compare(
    models: dict[str, nn.Module], histories: dict[str, dict[str, list[float]]], n_test: int = 10_000
) -> pd.DataFrame:
    """A table of several models after their last epoch, one row per model.

    Args:
        models: by name.
        histories: by the same names, in any order: ``train_loss``, ``test_loss``, ``train_accuracy`` and
            ``test_accuracy``, one value per epoch; models may have trained for different numbers of epochs.
        n_test: the number of test images.

    Returns:
        The names as index, in the order of ``models``. The columns ``parameters`` (how many training changes: 44426,
        not millions), ``train_loss``, ``test_loss``, ``train_accuracy``, ``test_accuracy`` (of the last epoch, not of
        the best, which would be chosen on the test images) and ``standard_error`` (of the test accuracy). Numbers,
        not rounded; accuracies are fractions.
    """
    raise NotImplementedError("Task 2.7: put the models side by side")


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

    No dropout here. Parameters: 61,706 with either pooling, 1,119,626 without.

    Args:
        pooling: "avg", "max" or "none"; anything else is a ValueError.

    Source: LeCun, Bottou, Bengio, Haffner, "Gradient-based learning applied to document recognition", 1998,
    section II.B, with ReLU for tanh and no learned factor in the pooling.
    """

    def __init__(self, pooling: str) -> None:
        super().__init__()
        raise NotImplementedError("Task 3.1.1: build the layers")

    def forward(self, x: Tensor) -> Tensor:
        """Return the logits (n, 10) of images (n, 1, 28, 28)."""
        raise NotImplementedError("Task 3.1.2: connect the layers")

    def get_intermediate(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Compute the outputs of the first two layers for images (n, 1, 28, 28).

        Returns:
            The output of the first convolution, before ReLU, (n, 6, 28, 28), and the output of the first pooling,
            (n, 6, 14, 14).

        Raises:
            ValueError: the network has no pooling, so there is no such output; say so in the message.
        """
        raise NotImplementedError("Task 3.6.1: look at the first two layers")


def count_multiply_adds(model: nn.Module, image_shape: tuple[int, int, int] = (1, 28, 28)) -> int:
    """Count the multiplications, each followed by an addition, that a network does for one image.

    A linear layer does one for each of its weights. A convolution does one for each weight *and each position* of its
    output: (c_in / groups) · k_h · k_w · c_out · h_out · w_out. Biases, ReLU and pooling are not counted.

    Args:
        model: any network, not only yours, whose convolutions and linear layers are ``nn.Conv2d`` and ``nn.Linear``. A
            layer that it uses twice counts twice; one that it holds but never uses does not count. A hook sees each use
            (``register_forward_hook``); remove every hook at the end.
        image_shape: (c, h, w).
    """
    raise NotImplementedError("Task 3.2: count the multiply-adds")


def learning_rate(step: int) -> float:
    """Return the learning rate for the next step, when ``step`` steps have been made: 0.05, halved every 10,000 steps.

    The first 10,000 steps, ``step`` 0 to 9,999, use 0.05, the next 10,000 use 0.025, and so on.
    """
    raise NotImplementedError("Task 3.3.1: halve the learning rate")


def momentum(step: int) -> float:
    """Return the momentum for the next step, when ``step`` steps have been made.

    It changes every 2,000 steps and is constant in between. At each change it is on the straight line from 0.5 at step
    0 to 0.95 at step 20,000; from then on it is 0.95. So it is 0.5 for ``step`` 0 to 1,999 and 0.545 for 2,000 to
    3,999.
    """
    raise NotImplementedError("Task 3.3.2: raise the momentum")


def limit_weight_norm(model: nn.Module, largest: float = 3.5) -> None:
    """Scale down, in place, the incoming weights of every unit whose norm is greater than ``largest``.

    A unit is one output of a linear layer, with its row of weights (in,), or one filter of a convolution, with all its
    weights (c_in, k_h, k_w) taken as one vector. If its Euclidean norm is greater than ``largest``, scale the vector to
    that norm; leave all other vectors, and all biases, as they are.

    Source: Srebro and Shraibman, "Rank, trace-norm and max-norm", 2005; Hinton et al., "Improving neural networks by
    preventing co-adaptation of feature detectors", 2012, section 2.
    """
    raise NotImplementedError("Task 3.3.3: limit the norm of the weights of each unit")


def pooling_optimizer(model: nn.Module) -> torch.optim.Optimizer:
    """Return gradient descent (SGD) with plain momentum, not Nesterov's, and an L2 penalty on the last layer only.

    The penalty adds 0.001 · w to the gradient of each weight w of the last layer, the one that returns the logits, and
    nothing to the gradients of other layers. The biases of the last layer may be penalised or not. Learning rate and
    momentum start as ``learning_rate(0)`` and ``momentum(0)``; ``train_steps`` sets them again before each step.

    Args:
        model: a network that lists its last layer last, so that layer has the last of ``model.parameters()``.
    """
    raise NotImplementedError("Task 3.4.1: penalise the last layer")


def train_steps(
    model: nn.Module,
    loaders: tuple[DataLoader, DataLoader],
    optimizer: torch.optim.Optimizer,
    schedule: Callable[[int], tuple[float, float]],
    steps: int,
    record_every: int = 250,
    limit_every: int = 5_000,
) -> dict[str, list[float]]:
    """Train for a number of steps, not epochs, with cross entropy; a progress bar is welcome.

    A step is one batch: set the learning rate and the momentum, compute the gradient of the batch's loss, clip it, and
    let the optimizer step. When the training loader is exhausted, create a new iterator, so that it can shuffle. The
    model may arrive in any state: in evaluation mode, or with old gradients. It trains in training mode, also after it
    has been measured, and stays on its device.

    Args:
        loaders: (train_loader, test_loader); a last batch may be smaller, and is a step like any other.
        schedule: call it before each step with the number of steps made so far, 0 at first; it returns (learning rate,
            momentum), to be set in *every* group of ``optimizer.param_groups``.
        record_every: each time so many steps have been made, add one value to each list that you return.
        limit_every: each time so many steps have been made, call ``limit_weight_norm(model)``.

    Clipping: if the Euclidean norm of all gradients of the model, taken as one vector, is greater than 20, scale all of
    them so that it is 20; otherwise leave them as they are.

    Returns:
        Lists with one value per record, the first of them after ``record_every`` steps:
        ``step``: the number of steps made; ``seconds``: time spent in training since the start, without measuring;
        ``train_loss``, ``train_accuracy``: the mean of the batch losses, and the fraction of the images classified
        correctly (before the step or after), both over the steps since the record before; ``test_loss``,
        ``test_accuracy``: as ``test_model`` returns them, in evaluation mode. Round nothing.
    """
    raise NotImplementedError("Task 3.4.2: train by steps")


def plot_by_step(histories: dict[str, dict[str, list[float]]], quantity: str) -> Figure:
    """Draw one plot per model: a quantity over the steps, on the training and on the test images.

    Args:
        histories: by the name of the model, what ``train_steps`` returned.
        quantity: "loss" or "accuracy".

    Returns:
        The figure: a plot per model, under the model's name, with two lines, ``train_{quantity}`` and
        ``test_{quantity}`` over ``step``; a label on every axis (a title that names the quantity may replace that of y)
        and a legend that distinguishes training from test, one for each plot or one for all plots of the same colours.
        The plots share one scale, so that they can be compared.
    """
    raise NotImplementedError("Task 3.5: draw the curves over the steps")


def plot_maps(maps: Tensor, title: str) -> Figure:
    """Draw the maps of one image side by side, each as its own picture, all on one scale of grey or colour.

    Args:
        maps: (c, h, w), such as the output of a layer for one image; with one map, an image itself.

    Returns:
        The figure: c pictures of h×w pixels in the order of the maps, drawn without smoothing, under the title. Let
        matplotlib turn values into colours (``cmap``). A colour bar is welcome, and a number above each map.

    To make all maps visible, draw 0 in white, with two colours for the signs if some values are negative ("PuOr" from
    -v to v), and one otherwise ("gray_r" from 0 to v). If v is the largest value, one strong map leaves the others
    blank; the 90th percentile of the absolute values shows them all, with larger values in the last colour.
    """
    raise NotImplementedError("Task 3.6.2: draw the maps")


# ---------------------------------------------------------------- miniplaces_lenet


class MiniPlaces(Dataset):
    """The photographs of a folder with the layout of MiniPlaces.

    root/train.txt, root/val.txt      a line per photograph, its path and its label: ``train/a/abbey/00000001.jpg 0``
    root/images/                      the folder that the paths are relative to
    root/categories.txt               a line per label, its name and its number: ``/a/abbey 0``

    Args:
        root: the folder, a Path or a str.
        split: ``"train"`` or ``"val"``, the list to read.
        transform: call it on each photograph, a PIL image with three channels (RGB) even if the file is grey, and
            return its result. With None, return the PIL image.

    Sample i is line i of the list: (photograph, label), the label an int from 0 to 99.
    """

    def __init__(self, root: str | Path, split: str, transform: Callable | None = None) -> None:
        raise NotImplementedError("Task 4.1.1: read the list of the split")

    def __len__(self) -> int:
        """Return the number of photographs."""
        raise NotImplementedError("Task 4.1.2: count the photographs")

    def __getitem__(self, index: int) -> tuple:
        """Return photograph ``index``, transformed, and its label."""
        raise NotImplementedError("Task 4.1.3: read a photograph and its label")


def flip_scenes(images: Tensor) -> Tensor:
    """Mirror each image of a batch, left for right, with probability 1/2, independently of the others.

    Args:
        images: (n, 3, h, w); it is not changed in place.

    Returns:
        A new tensor of the same shape and type.
    """
    raise NotImplementedError("Task 4.1.4: mirror about half of the images")


class LeNet(nn.Module):
    """A LeNet for colour photographs that also reports the shapes of its stages.

    stage   layers                               output for (n, 3, 32, 32)
    1       conv 5×5 to 6, ReLU, max pool 2×2    (n, 6, 14, 14)
    2       conv 5×5 to 16, ReLU, max pool 2×2   (n, 16, 5, 5)
    3       flatten                              (n, 400)
    4       linear to 256, ReLU                  (n, 256)
    5       linear to 128, ReLU                  (n, 128)
    6       linear to num_classes                (n, num_classes), logits: no softmax

    Convolutions have stride 1 and no padding. Another ``input_shape`` changes the sizes of stages 1 to 3, so it
    determines the size of the first linear layer. There is no dropout.

    Args:
        input_shape: (rows, columns) of the images.
        num_classes: the number of logits per image.

    Source: after LeCun, Bottou, Bengio, Haffner, "Gradient-based learning applied to document recognition", 1998.
    """

    def __init__(self, input_shape: tuple[int, int] = (32, 32), num_classes: int = 100) -> None:
        super().__init__()
        raise NotImplementedError("Task 4.2.1: build the layers of LeNet")

    def forward(self, x: Tensor) -> tuple[Tensor, dict[int, list[int]]]:
        """Return logits and shapes.

        Args:
            x: images (n, 3, rows, columns).

        Returns:
            The logits, a tensor (n, num_classes), and a dict with six keys: the number of the stage, an int from 1 to
            6, and the shape of its output as a list or tuple of ints, n first; ``{1: [n, 6, 14, 14], …}``. Stages 1
            and 2 end with their pooling.
        """
        raise NotImplementedError("Task 4.2.2: connect the layers, and note the shapes")


class LogitsOnly(nn.Module):
    """Wraps a network that returns (logits, something), and returns only the logits, as the earlier loops need them.

    It uses the network itself, not a copy: training one trains the other.
    """

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        raise NotImplementedError("Task 4.3.1: keep the network")

    def forward(self, x: Tensor) -> Tensor:
        """Return the network's logits for images x."""
        raise NotImplementedError("Task 4.3.2: give out the logits alone")


def dense_parameters(input_shape: tuple[int, ...], output_shape: tuple[int, ...]) -> int:
    """Return the number of parameters, with biases, of a fully connected layer between arrays of these shapes.

    For (3, 32, 32) and (6, 28, 28) it is what a dense layer in place of LeNet's first convolution would need.
    """
    raise NotImplementedError("Task 4.4.1: count what a dense layer needs")


class FullyConnectedNet(nn.Module):
    """A network of LeNet's depth and size without convolutions, for comparison.

    Five linear layers, as many as LeNet has layers that learn, with a non-linearity between each two of them, and a
    parameter count within 5 % of LeNet's 151,324. You choose the widths, and what else is between the layers; no
    parameter has more than two dimensions, and exactly five have two. It ends in logits: no softmax, no log-softmax.
    """

    def __init__(self) -> None:
        super().__init__()
        raise NotImplementedError("Task 4.4.2: choose and build five linear layers")

    def forward(self, x: Tensor) -> Tensor:
        """Return the logits (n, 100) of images (n, 3, 32, 32)."""
        raise NotImplementedError("Task 4.4.3: connect the five layers")


@dataclass(frozen=True)
class Configuration:
    """One run: its name, and how it trains."""

    name: str
    batch_size: int = 32
    lr: float = 0.001
    epochs: int = 10
    momentum: float = 0.9
    seed: int = 0


CONFIGURATIONS = (
    Configuration("default"),
    Configuration("batch 8", batch_size=8),
    Configuration("batch 16", batch_size=16),
    Configuration("lr 0.05", lr=0.05),
    Configuration("lr 0.01", lr=0.01),
    Configuration("20 epochs", epochs=20),
    Configuration("5 epochs", epochs=5),
)


def run_configuration(
    configuration: Configuration,
    loaders_for: Callable[[int], tuple],
    device: torch.device | str = "cpu",
) -> tuple[nn.Module, dict[str, list[float]]]:
    """Train a new LeNet with the settings of a configuration, and measure it after every epoch.

    Set the seed (``torch.manual_seed``) before you make the network, a ``LeNet`` in a ``LogitsOnly``. Make one network
    and train it in all epochs, with ``train_model``; measure it with ``test_model``. The optimizer is plain SGD without
    weight decay, with the configuration's learning rate and momentum; the loss is cross entropy.

    Args:
        loaders_for: called with a batch size, it returns (train_loader, val_loader).
        device: where to train; the batches of the loaders may be elsewhere, and your loops move them.

    Returns:
        The LeNet after the last epoch, and its history, a dict of lists as ``plot_curves`` takes it: ``train_loss``,
        ``test_loss``, ``train_accuracy`` and ``test_accuracy``, one value per epoch as the loops return it (accuracies
        are fractions), where "test" is validation.
    """
    raise NotImplementedError("Task 4.5: run one configuration")


def write_results(histories: dict[str, dict[str, list[float]]], path: str | Path) -> None:
    """Write results.txt: a line per configuration with its best validation accuracy, in percent.

    Seven lines in the order of CONFIGURATIONS, a number in each with two digits after the point, such as ``16.74``,
    and nothing else.

    Args:
        histories: what ``run_configuration`` returned, by the name of the configuration, in any order. Leave out all
            others.
    """
    raise NotImplementedError("Task 4.6: write the best accuracies")


class OwnNetwork(nn.Module):
    """Your own network for MiniPlaces: any design within the caps that the notebook states.

    ``OwnNetwork()`` takes no arguments, and ends in logits: no softmax, no log-softmax. All of its parameters learn. In
    evaluation mode an image gets the same logits each time, whatever else is in the batch. What counts is its accuracy
    on photographs it has never seen; the leaderboard also shows the number of its parameters.
    """

    def __init__(self) -> None:
        super().__init__()

        raise NotImplementedError("Task 4.7.1: design your own network")

    def forward(self, x: Tensor) -> Tensor:
        """Return the logits (n, 100) of images (n, 3, 32, 32), normalised with ImageNet's mean and deviation."""
        raise NotImplementedError("Task 4.7.2: connect the layers of your network")


# ---------------------------------------------------------------- caltech101_resnet


def one_hot(labels: Tensor, num_classes: int = 101) -> Tensor:
    """Return labels as one-hot rows: 1 in the column of the label, 0 in all other columns.

    Args:
        labels: int64 (n,), from 0 to num_classes - 1; do not change them in place.

    Returns:
        float32 (n, num_classes). Cross entropy reads such a row as target probabilities; it rejects rows of integers.
    """
    raise NotImplementedError("Task 5.1: write labels as one-hot rows")


class CaltechLeNet(nn.Module):
    """A LeNet for colour pictures of 64×64 pixels.

    layer       output            details
    input       (n, 3, 64, 64)
    conv 5×5    (n, 32, 64, 64)   padding 2, then ReLU
    pool 4×4    (n, 32, 16, 16)   maximum of each window, stride 4; no parameters
    conv 5×5    (n, 64, 16, 16)   padding 2, then ReLU
    pool 4×4    (n, 64, 4, 4)
    linear      (n, 1021)         then ReLU
    linear      (n, 84)           then ReLU
    linear      (n, num_classes)  logits: no softmax, the loss applies it

    1,194,654 parameters, no dropout. A version without padding is also accepted: its maps are 60, 15, 11 and 2 pixels
    wide, and it has 410,526 parameters.

    Source: after LeCun, Bottou, Bengio, Haffner, "Gradient-based learning applied to document recognition", 1998.
    """

    def __init__(self, num_classes: int = 101) -> None:
        super().__init__()
        raise NotImplementedError("Task 5.2.1: build the layers of the LeNet for colour pictures")

    def forward(self, x: Tensor) -> Tensor:
        """Return logits (n, num_classes) for pictures (n, 3, 64, 64)."""
        raise NotImplementedError("Task 5.2.2: connect the layers of the LeNet for colour pictures")


def predict(model: nn.Module, images: Tensor) -> Tensor:
    """Return the probability of each class for each picture. The softmax belongs here, not in the model.

    Args:
        model: returns logits (n, classes); it may be in training mode.
        images: (n, c, h, w), normalised like the training pictures.

    Returns:
        Probabilities (n, classes), each row with the sum 1, computed in evaluation mode and without gradients. Weights
        and statistics of the model do not change.
    """
    raise NotImplementedError("Task 5.3: turn logits into probabilities")


def improved_setup() -> tuple[nn.Module, torch.optim.Optimizer, Callable[[Tensor, Tensor], Tensor]]:
    """Return a better network than ``CaltechLeNet``, with its optimizer and loss.

    Start from CaltechLeNet and change what you like. Regularise it (dropout, weight decay, an L1 or L2 penalty, label
    smoothing), normalise it (BatchNorm), initialise it differently (Xavier), or change its layers. At least one such
    improvement must be in effect here. What the notebook applies to every network (augmentation, one cycle, averaged
    weights) does not count, and neither does the default weight decay of an optimizer, such as AdamW's 0.01.

    Use at most 2 million parameters, and train from scratch, without weights from elsewhere.

    Returns:
        (model, optimizer, criterion), ready for ``train_model``. The model turns pictures (n, 3, 64, 64) into logits
        (n, 101), without softmax or log-softmax, and uses all of its layers: the gradient reaches every parameter. The
        optimizer holds all of them, and its learning rate does not make the loss explode. The criterion takes (logits,
        labels), labels int64 (n,), and returns one number.
    """
    raise NotImplementedError("Task 5.4: improve the LeNet")


def first_activations(model: nn.Module, images: Tensor) -> tuple[Tensor, Tensor]:
    """Return the activations of the first and the second convolution of a ``CaltechLeNet``, after their ReLU.

    Args:
        model: your CaltechLeNet; do not change it, and compute no gradients.
        images: (n, 3, 64, 64), normalised.

    Returns:
        The feature maps before pooling, without gradients: (n, 32, 64, 64) of the first layer, then (n, 64, 16, 16) of
        the second. Both are copies, because an in-place layer such as ``nn.ReLU(inplace=True)`` overwrites the tensor
        that a hook has received. No hook remains on the model.
    """
    raise NotImplementedError("Task 5.5.1: capture the activations of the first two layers")


def draw_maps(maps: Tensor, title: str) -> Figure:
    """Draw all feature maps that one layer gives for one picture, side by side in several rows.

    Args:
        maps: (c, h, w), such as (32, 64, 64) or (64, 16, 16); no value is negative.
        title: of the whole figure.

    Returns:
        The figure: c images of h×w pixels in the order of the maps, row by row, without smoothing. All use one scale,
        so that the same grey means the same value in every map. Write its number above each map, from 1, so that you
        can refer to it.
    """
    raise NotImplementedError("Task 5.5.2: draw the feature maps")


class BasicBlock(nn.Module):
    """Two 3×3 convolutions that learn what to add to their input: relu(x + F(x)).

    layer       output
    input       (n, in_channels, h, w)
    conv 3×3    (n, out_channels, h/stride, w/stride)   padding 1, this stride, no bias; then BatchNorm, ReLU
    conv 3×3    the same                                padding 1, stride 1, no bias; then BatchNorm, and no ReLU yet
    + shortcut  the same                                then ReLU

    If input and output have the same shape, the shortcut is the input itself. Otherwise (stride other than 1, or a
    different number of channels) it is a projection: conv 1×1 with the same stride and no bias, then BatchNorm. Biases
    in the convolutions and the paper's shortcut without parameters, option A, are also accepted.

    ``BasicBlock(64, 128, 2)`` and ``BasicBlock(64, 128, stride=2)`` must return a complete block with its projection.
    You may add arguments with defaults and class attributes, such as ``downsample=None`` and ``expansion = 1``.

    Parameters: 64→64 73,984; 64→128, stride 2, 230,144; 128→128 295,424.

    Source: He, Zhang, Ren, Sun, "Deep residual learning for image recognition", 2016, section 3.2, figure 2, and
    section 3.3, option B.
    """

    def __init__(self, in_channels: int, out_channels: int, stride: int = 1) -> None:
        super().__init__()
        raise NotImplementedError("Task 5.6.1: build a residual block")

    def forward(self, x: Tensor) -> Tensor:
        """Turn (n, in_channels, h, w) into (n, out_channels, h/stride, w/stride); do not change x in place."""
        raise NotImplementedError("Task 5.6.2: connect a residual block")


class ResNet18(nn.Module):
    """ResNet-18: 11,228,325 parameters for 101 classes.

    layer                    output
    input                    (n, 3, 64, 64)
    conv 7×7                 (n, 64, 32, 32)   padding 3, stride 2, no bias; then BatchNorm, ReLU
    max pool 3×3             (n, 64, 16, 16)   padding 1, stride 2
    conv_2: 2 blocks         (n, 64, 16, 16)
    conv_3: 2 blocks         (n, 128, 8, 8)    stride 2 in the first block
    conv_4: 2 blocks         (n, 256, 4, 4)    stride 2 in the first block
    conv_5: 2 blocks         (n, 512, 2, 2)    stride 2 in the first block
    global average pooling   (n, 512)
    linear                   (n, num_classes)  logits

    As in the paper, stride 2 is in the max pool, not in conv_2. You need not use your BasicBlock: the checks examine
    what the network computes. If you use it, a mistake in it costs no points here.

    Source: He, Zhang, Ren, Sun, "Deep residual learning for image recognition", 2016, table 1.
    """

    def __init__(self, num_classes: int = 101) -> None:
        super().__init__()
        raise NotImplementedError("Task 5.7.1: build ResNet-18")

    def forward(self, x: Tensor) -> Tensor:
        """Return logits (n, num_classes) for pictures (n, 3, 64, 64)."""
        raise NotImplementedError("Task 5.7.2: connect ResNet-18")


def mean_class_accuracy(predictions: Tensor, labels: Tensor) -> float:
    """Return the mean over the classes of each class's accuracy.

    Plain accuracy counts pictures, so large classes dominate it (one picture in eleven shows an aeroplane). Here every
    class has the same weight.

    Args:
        predictions: predicted class of each picture, int64 (n,).
        labels: true class of each picture, int64 (n,); leave out classes that do not occur here.

    Returns:
        A fraction in [0, 1], not percent.
    """
    raise NotImplementedError("Task 5.8: average the accuracy over the classes")
