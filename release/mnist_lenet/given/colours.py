"""One name and one colour for each model: the same in all figures of a notebook.

Colours: Okabe and Ito, "Color Universal Design", 2008: distinguishable for colour-blind readers too.
"""

from collections.abc import Iterable
from itertools import cycle

BLUE, ORANGE, GREEN, PURPLE, SKY, RED = "#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9", "#D55E00"
COLOURS = [BLUE, ORANGE, GREEN, PURPLE, SKY, RED]
BLACK, GREY = "0.1", "0.6"  # what belongs to no model; the two curves, test and training, of a figure of one model
SAND, WINE, BROWN = "#DDCC77", "#882255", "#8F3F00"  # second shades, for runs that change the same number

MODELS = {  # by the key in history.json
    # mnist_lenet
    "lenet5": ("LeNet-5", BLUE),
    "mlp": ("MLP", ORANGE),
    "lenet5_regularised": ("LeNet-5, regularised", GREEN),
    # mnist_regularization
    "small_lenet": ("LeNet", BLUE),
    "small_mlp": ("MLP", ORANGE),
    "regularised_lenet": ("LeNet, BatchNorm and dropout", GREEN),
    "flipped_lenet": ("LeNet, flipped images", PURPLE),
    "affine_lenet": ("LeNet, affine maps", SKY),
    "plain": ("plain", BLUE),  # the same three, over seeds
    "flipped": ("flipped", PURPLE),
    "affine": ("affine", SKY),
    # mnist_pooling
    "lenet_avg": ("average pooling", BLUE),
    "lenet_max": ("max pooling", ORANGE),
    "lenet_none": ("no pooling", GREEN),
    # miniplaces_lenet
    "default": ("default run", BLACK),
    "batch 8": ("batch 8", PURPLE),
    "batch 16": ("batch 16", WINE),
    "lr 0.05": ("learning rate 0.05", BROWN),
    "lr 0.01": ("learning rate 0.01", RED),
    "20 epochs": ("20 epochs", SKY),
    "5 epochs": ("5 epochs", SAND),
    "fully_connected": ("fully connected", ORANGE),
    "lenet_own_recipe": ("LeNet", BLUE),
    "own_network": ("own network", GREEN),
    # caltech101_resnet
    "lenet": ("LeNet", BLUE),
    "improved": ("LeNet, improved", ORANGE),
    "resnet18": ("ResNet-18", GREEN),
    "deep_plain": ("50 layers, plain", RED),
    "deep_skip": ("50 layers, skip connections", SKY),
}


def styles(models: Iterable[str]) -> dict[str, tuple[str, str]]:
    """Return the name and the colour of each model; one that is not in MODELS keeps its key and takes a free colour."""
    keys = list(models)
    taken = {MODELS[key][1] for key in keys if key in MODELS}
    free = cycle([colour for colour in COLOURS if colour not in taken] or COLOURS)
    return {key: MODELS.get(key) or (key, next(free)) for key in keys}
