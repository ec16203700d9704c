"""Everything you write in this course, in one file: what a task builds, later assignments use again.

Replace each ``raise NotImplementedError`` by your own code and keep the names and the arguments: the checks call them.
Shapes are written (n, c, h, w): images in the batch, channels, rows, columns.
"""

from collections.abc import Callable
from dataclasses import dataclass
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


# ---------------------------------------------------------------- miniplaces_lenet


class MiniPlaces(Dataset):
    """The photographs of a folder that is laid out as MiniPlaces is.

    root/train.txt, root/val.txt      a line per photograph, its path and its label: ``train/a/abbey/00000001.jpg 0``
    root/images/                      what the paths are relative to
    root/categories.txt               a line per label, its name and its number: ``/a/abbey 0``

    Args:
        root: the folder, a Path or a str.
        split: ``"train"`` or ``"val"``, which of the two lists to read.
        transform: called on each photograph, a PIL image with three channels (RGB), whatever the file has; what it
            returns is given out. None gives out the PIL image.

    Sample i is line i of the list: (photograph, label), the label an int from 0 to 99.
    """

    def __init__(self, root: str | Path, split: str, transform: Callable | None = None) -> None:
        raise NotImplementedError("Task 1.1: read the list of the split")

    def __len__(self) -> int:
        """The number of photographs."""
        raise NotImplementedError("Task 1.2: count the photographs")

    def __getitem__(self, index: int) -> tuple:
        """Photograph ``index``, transformed, and its label."""
        raise NotImplementedError("Task 1.3: read a photograph and its label")


def flip_scenes(images: Tensor) -> Tensor:
    """Mirror each image of a batch, left for right, with probability 1/2, independently of the others.

    Args:
        images: (n, 3, h, w); it is not changed in place.

    Returns:
        A new tensor of the same shape and type.
    """
    raise NotImplementedError("Task 1.4: mirror about half of the images")


class LeNet(nn.Module):
    """A LeNet for colour photographs, that also says what shapes its stages have.

    stage   layers                               output for (n, 3, 32, 32)
    1       conv 5×5 to 6, ReLU, max pool 2×2    (n, 6, 14, 14)
    2       conv 5×5 to 16, ReLU, max pool 2×2   (n, 16, 5, 5)
    3       flatten                              (n, 400)
    4       linear to 256, ReLU                  (n, 256)
    5       linear to 128, ReLU                  (n, 128)
    6       linear to num_classes                (n, num_classes), logits: no softmax

    Convolutions have stride 1 and no padding. Another ``input_shape`` changes the sizes of stages 1 to 3.

    Args:
        input_shape: rows and columns of the images.

    Source: after LeCun, Bottou, Bengio, Haffner, "Gradient-based learning applied to document recognition", 1998.
    """

    def __init__(self, input_shape: tuple[int, int] = (32, 32), num_classes: int = 100) -> None:
        super().__init__()
        raise NotImplementedError("Task 2.1: build the layers of LeNet")

    def forward(self, x: Tensor) -> tuple[Tensor, dict[int, list[int]]]:
        """Logits and shapes.

        Args:
            x: images (n, 3, rows, columns).

        Returns:
            The logits (n, num_classes), and a dict: the number of the stage, 1 to 6, and the shape of its output as a
            list of ints, n first; ``{1: [n, 6, 14, 14], …}``.
        """
        raise NotImplementedError("Task 2.2: connect the layers, and note the shapes")


class LogitsOnly(nn.Module):
    """A network that gives (logits, something), as one that gives its logits alone: so the earlier loops serve again.

    It works on the network itself, not on a copy: to train the one is to train the other.
    """

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        raise NotImplementedError("Task 3.1: keep the network")

    def forward(self, x: Tensor) -> Tensor:
        """The network's logits of images x."""
        raise NotImplementedError("Task 3.2: give out the logits alone")


def dense_parameters(input_shape: tuple[int, ...], output_shape: tuple[int, ...]) -> int:
    """How many parameters a fully connected layer, with biases, has between arrays of these shapes.

    For (3, 32, 32) and (6, 28, 28) it is what the first convolution of LeNet saves us from.
    """
    raise NotImplementedError("Task 4.1: count what a dense layer needs")


class FullyConnectedNet(nn.Module):
    """A network of LeNet's depth and size without convolutions, to compare with.

    Five linear layers, as many as LeNet has layers that learn, with a non-linearity between each two of them, and a
    parameter count within 5 % of LeNet's 151,324. You choose the widths.
    """

    def __init__(self) -> None:
        super().__init__()
        raise NotImplementedError("Task 4.2: choose and build five linear layers")

    def forward(self, x: Tensor) -> Tensor:
        """Logits (n, 100) of images (n, 3, 32, 32)."""
        raise NotImplementedError("Task 4.3: connect the five layers")


@dataclass(frozen=True)
class Configuration:
    """One run: what it is called, and how it trains."""

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
    """Train a new LeNet as a configuration says, with ``train_model``, and measure it with ``test_model`` every epoch.

    The seed is set (``torch.manual_seed``) before the network gets its first weights. The optimizer is SGD with the
    configuration's learning rate and momentum, the loss is cross entropy.

    Args:
        loaders_for: called with a batch size, it gives (train_loader, val_loader).
        device: where to train; the loaders give batches that may lie elsewhere, and your loops move them.

    Returns:
        The LeNet as it is after the last epoch, and its history as ``plot_curves`` takes it: ``train_loss``,
        ``test_loss``, ``train_accuracy`` and ``test_accuracy``, one value per epoch, where "test" is validation.
    """
    raise NotImplementedError("Task 5: run one configuration")


def write_results(histories: dict[str, dict[str, list[float]]], path: str | Path) -> None:
    """Write results.txt: a line per configuration with its best validation accuracy, in percent.

    Seven lines in the order of CONFIGURATIONS, a number in each with two digits after the point, such as ``16.74``,
    and nothing else.

    Args:
        histories: what ``run_configuration`` returned, by the name of the configuration, in any order; there may be
            others among them, which are left out.
    """
    raise NotImplementedError("Task 6: write the best accuracies")


class OwnNetwork(nn.Module):
    """Your own network for MiniPlaces: any design, within the caps that the notebook tells.

    ``OwnNetwork()`` takes no arguments. What counts is its accuracy on photographs it has never seen; the number of
    its parameters stands beside it in the leaderboard.
    """

    def __init__(self) -> None:
        super().__init__()

        raise NotImplementedError("Task 7.1: design your own network")

    def forward(self, x: Tensor) -> Tensor:
        """Logits (n, 100) of images (n, 3, 32, 32), normalised with the mean and the deviation of ImageNet."""
        raise NotImplementedError("Task 7.2: connect the layers of your network")
