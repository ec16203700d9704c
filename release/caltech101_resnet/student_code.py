"""Everything you write in this course, in one file: what a task builds, later assignments use again.

Replace each ``raise NotImplementedError`` by your own code and keep the names and the arguments: the checks call them.
Shapes are written (n, c, h, w): images in the batch, channels, rows, columns.
"""

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


# ---------------------------------------------------------------- caltech101_resnet


def one_hot(labels: Tensor, num_classes: int = 101) -> Tensor:
    """Labels as rows of numbers: 1 in the column of the label, 0 in all others.

    Args:
        labels: int64 (n,), from 0 to num_classes - 1.

    Returns:
        float32 (n, num_classes). Floats, because cross entropy takes such a row for probabilities; it refuses whole
        numbers in this shape.
    """
    raise NotImplementedError("Task 1: write labels as one-hot rows")


class CaltechLeNet(nn.Module):
    """A LeNet for colour pictures of 64×64 pixels.

    layer       output            learns
    input       (n, 3, 64, 64)
    conv 5×5    (n, 32, 64, 64)   padding 2, then ReLU
    pool 4×4    (n, 32, 16, 16)   nothing: the maximum of each window, stride 4
    conv 5×5    (n, 64, 16, 16)   padding 2, then ReLU
    pool 4×4    (n, 64, 4, 4)
    linear      (n, 1021)         then ReLU
    linear      (n, 84)           then ReLU
    linear      (n, num_classes)  logits: no softmax, the loss applies it

    1,194,654 parameters. The older version of this task left the padding open; without any, the maps are 60, 15, 11 and
    2 pixels wide, and there are 410,526 parameters: that is right too.

    Source: after LeCun, Bottou, Bengio, Haffner, "Gradient-based learning applied to document recognition", 1998.
    """

    def __init__(self, num_classes: int = 101) -> None:
        super().__init__()
        raise NotImplementedError("Task 2.1: build the layers of the LeNet for colour pictures")

    def forward(self, x: Tensor) -> Tensor:
        """Logits (n, num_classes) of pictures (n, 3, 64, 64)."""
        raise NotImplementedError("Task 2.2: connect the layers of the LeNet for colour pictures")


def predict(model: nn.Module, images: Tensor) -> Tensor:
    """The probability of each class for each picture: here, and not in the model, is the place of the softmax.

    Args:
        model: gives logits (n, classes); it may come in training mode.
        images: (n, c, h, w), normalised as the model was trained.

    Returns:
        Probabilities (n, classes), each row summing to 1, as in evaluation mode and without gradients. The model's
        weights and statistics stay as they are.
    """
    raise NotImplementedError("Task 3: turn logits into probabilities")


def improved_setup() -> tuple[nn.Module, torch.optim.Optimizer, Callable[[Tensor, Tensor], Tensor]]:
    """A better network than ``CaltechLeNet``: start from it, and change what you like.

    Regularise it (dropout, weight decay, an L1 or L2 penalty, label smoothing), normalise it (BatchNorm), initialise it
    in another way (Xavier), or change its layers. At most 2 million parameters, and a learning that begins from
    scratch: no weights from elsewhere.

    Returns:
        (model, optimizer, criterion), ready for ``train_model``: the model turns pictures (n, 3, 64, 64) into logits
        (n, 101), the optimizer holds the model's parameters, and the criterion takes (logits, labels) with labels int64
        (n,).
    """
    raise NotImplementedError("Task 4: improve the LeNet")


def first_activations(model: nn.Module, images: Tensor) -> tuple[Tensor, Tensor]:
    """What the first and the second convolution of a ``CaltechLeNet`` pass on, after their ReLU.

    Args:
        model: your CaltechLeNet; nothing in it changes, and it gets no gradients.
        images: (n, 3, 64, 64), normalised.

    Returns:
        The maps before pooling, (n, 32, 64, 64) and (n, 64, 16, 16), without gradients. Both are copies: a layer that
        works in place, such as ``nn.ReLU(inplace=True)``, writes over what a hook has seen.
    """
    raise NotImplementedError("Task 5: look at the first two layers")


class BasicBlock(nn.Module):
    """Two 3×3 convolutions that learn what to add to their input: relu(x + F(x)).

    layer       output
    input       (n, in_channels, h, w)
    conv 3×3    (n, out_channels, h/stride, w/stride)   padding 1, this stride, no bias; then BatchNorm, ReLU
    conv 3×3    the same                                padding 1, stride 1, no bias; then BatchNorm, and no ReLU yet
    + shortcut  the same                                then ReLU

    The shortcut is the input as it is where the shapes agree. Where they don't (another stride than 1, or other
    channels), it is a projection: conv 1×1 with this stride and no bias, then BatchNorm.

    Parameters: 64→64 73,984; 64→128, stride 2, 230,144; 128→128 295,424.

    Source: He, Zhang, Ren, Sun, "Deep residual learning for image recognition", 2016, section 3.2, figure 2, and
    section 3.3, option B.
    """

    def __init__(self, in_channels: int, out_channels: int, stride: int = 1) -> None:
        super().__init__()
        raise NotImplementedError("Task 6.1: build a residual block")

    def forward(self, x: Tensor) -> Tensor:
        """(n, in_channels, h, w) to (n, out_channels, h/stride, w/stride); x is not changed in place."""
        raise NotImplementedError("Task 6.2: connect a residual block")


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

    The older version of this task asked for stride 2 in every convolution of conv_2, which would leave one pixel of 16;
    in the paper it is the max pool that has it, and so it is here.

    Source: He, Zhang, Ren, Sun, "Deep residual learning for image recognition", 2016, table 1.
    """

    def __init__(self, num_classes: int = 101) -> None:
        super().__init__()
        raise NotImplementedError("Task 7.1: build ResNet-18")

    def forward(self, x: Tensor) -> Tensor:
        """Logits (n, num_classes) of pictures (n, 3, 64, 64)."""
        raise NotImplementedError("Task 7.2: connect ResNet-18")


def mean_class_accuracy(predictions: Tensor, labels: Tensor) -> float:
    """The mean over the classes of the fraction of each class that was read rightly.

    Plain accuracy counts pictures, so a class with many of them counts much (one picture in eleven shows an aeroplane);
    here every class counts the same.

    Args:
        predictions: the class read for each picture, int64 (n,).
        labels: its true class, int64 (n,); a class that is not among them does not count.

    Returns:
        A fraction in [0, 1].
    """
    raise NotImplementedError("Task 8: average the accuracy over the classes")
