"""Everything you write in this course, in one file: what a task builds, later assignments use again.

Replace each ``raise NotImplementedError`` by your own code and keep the names and the arguments: the checks call them.
Shapes are written (n, c, h, w): images in the batch, channels, rows, columns.
"""

from collections.abc import Callable
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

    44,426 parameters with ten classes; a layer that forward does not use would count and never learn.
    """

    def __init__(self, num_classes: int = 10) -> None:
        super().__init__()
        raise NotImplementedError("Task 1.1: build the layers of the small LeNet")

    def forward(self, x: Tensor) -> Tensor:
        """Logits (n, num_classes) of images (n, 1, 28, 28)."""
        raise NotImplementedError("Task 1.2: connect the layers of the small LeNet")


class SmallMLP(nn.Module):
    """A fully connected network for images of 28×28: 784 pixels, 60 units, 30 units, 10 logits.

    A ReLU follows each of the two hidden layers, nothing the logits. 49,240 parameters.
    """

    def __init__(self) -> None:
        super().__init__()
        raise NotImplementedError("Task 2.1: build the layers of the small MLP")

    def forward(self, x: Tensor) -> Tensor:
        """Logits (n, 10) of images (n, 1, 28, 28)."""
        raise NotImplementedError("Task 2.2: connect the layers of the small MLP")


class RegularisedLeNet(nn.Module):
    """``SmallLeNet`` with batch normalisation and dropout.

    A BatchNorm follows each convolution and the first linear layer, and comes before its ReLU: 44,878 parameters.
    One after the first convolution alone (44,438) is a right answer too. A layer that a BatchNorm follows may do
    without its bias.

    Args:
        dropout: the probability that a hidden value is set to 0 while training. Let it act on the 84 values after the
            last ReLU, and on the 120 before if you like; neither on the logits nor in evaluation mode.

    Source: Ioffe, Szegedy, "Batch normalization", 2015, section 3.2 (before the non-linearity); Srivastava et al.,
    "Dropout", 2014.
    """

    def __init__(self, dropout: float = 0.2) -> None:
        super().__init__()
        raise NotImplementedError("Task 3.1: build the layers of the regularised LeNet")

    def forward(self, x: Tensor) -> Tensor:
        """Logits (n, 10) of images (n, 1, 28, 28)."""
        raise NotImplementedError("Task 3.2: connect the layers of the regularised LeNet")


def flip_at_random(images: Tensor) -> Tensor:
    """Some images of a batch mirrored left to right: each with probability 1/2, whatever happens to the others.

    Args:
        images: float32 (n, 1, 28, 28) in [0, 1]; they are not changed in place.

    Returns:
        A new tensor of the same shape and type; image i is still image i, as it was or mirrored. Another choice at
        each call.
    """
    raise NotImplementedError("Task 4: flip at random")


def affine_at_random(images: Tensor) -> Tensor:
    """Each image of a batch turned, shifted and scaled a little, at random and on its own.

    Stay small, so that everybody still reads the same digit: about 15 degrees, 2 pixels, 10 % are enough.
    ``nn.functional.affine_grid`` makes a grid from n matrices (n, 2, 3), and ``nn.functional.grid_sample`` reads the
    images at its points, 0 (paper) outside; both measure the frame from -1 to 1, so that a pixel is 2/28.

    Args:
        images: float32 (n, 1, 28, 28) in [0, 1]; they are not changed in place.

    Returns:
        A new tensor of the same shape, type and range; image i is still image i. Another choice at each call.

    Source: Simard, Steinkraus, Platt, "Best practices for convolutional neural networks applied to visual document
    analysis", 2003, section 2.
    """
    raise NotImplementedError("Task 5: turn, shift and scale at random")


def standard_error(accuracy: float, n: int) -> float:
    """How far an accuracy measured on ``n`` images is typically off, because they are these n and not others.

    Args:
        accuracy: the fraction of right images, in [0, 1].

    Returns:
        A fraction as well: the square root of accuracy · (1 - accuracy) / n, the standard deviation of a mean of n
        draws that are 1 with probability ``accuracy``, else 0.
    """
    raise NotImplementedError("Task 6: the standard error of an accuracy")


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
    raise NotImplementedError("Task 7: put the models side by side")
