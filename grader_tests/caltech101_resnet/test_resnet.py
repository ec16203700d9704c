"""The residual block, and ResNet-18."""

import pytest
import torch
from torch.nn import functional as F  # noqa: N812

from gradeprop.check import (
    assert_gradients,
    drawn_values,
    fail,
    identity,
    is_close,
    missing_in_order,
    shape_of,
    sizes_of,
)

PERIOD = 9973  # of the values that the probes fill in
# parameters: as in the table, with biases in the convolutions, with shortcuts that have no parameters
BLOCKS = {
    "same": ("64→64", {73_984, 74_112}),
    "halved": ("64→128, stride 2", {230_144, 230_272, 230_400, 230_528, 221_696, 221_952}),
    "second": ("128→128", {295_424, 295_680}),
}
# shortcuts may have no parameters; the first layer, the blocks and the projections may have biases
FREE = {11_054_501 + first + blocks for first in (0, 64) for blocks in (0, 3840)}
RESNET = {11_228_325 + first + blocks + last for first in (0, 64) for blocks in (0, 3840) for last in (0, 896)} | FREE
SHAPES = ((64, 32, 32), (64, 16, 16), (128, 8, 8), (256, 4, 4), (512, 2, 2), (101,))


def convolution(x, maps, seed, kernel, stride=1):
    size = maps * x.shape[1] * kernel**2
    weight = drawn_values(seed, size, PERIOD).reshape(maps, -1, kernel, kernel) * (2 * maps / size) ** 0.5
    return F.conv2d(x, weight, stride=stride, padding=kernel // 2)


def norm(x, seed, train=False):
    scale, shift, mean, variance = (drawn_values(seed + k, x.shape[1], PERIOD) for k in (1, 2, 3, 4))
    mean, variance = 0.2 * mean, 1 + 0.3 * variance.clamp(-1.5, 1.5)
    return F.batch_norm(x, mean, variance, 1 + 0.3 * scale.clamp(-1.5, 1.5), 0.3 * shift, training=train)


def shortcut(x, maps, stride, seed, normed, free):
    """The input as it is, a projection, or (free of parameters) every second pixel with empty maps added."""
    if stride == 1 and x.shape[1] == maps:
        return x
    if free:
        return F.pad(x[:, :, ::stride, ::stride], (0, 0, 0, 0, 0, maps - x.shape[1]))
    return normed(convolution(x, maps, seed, 1, stride))


def block(x, maps, stride, seed, train=False, free=False, change=""):
    """A residual block, or a misreading of it."""

    def normed(y):
        return norm(y, seed, train)

    first, second = (1, stride) if change == "late stride" else (stride, 1)
    inner = identity if change == "no inner ReLU" else torch.relu
    y = inner(normed(convolution(x, maps, seed, 3, first)))
    y = normed(convolution(y, maps, seed, 3, second))
    if change == "no skip":
        return torch.relu(y)
    around = identity if change == "bare projection" else normed
    if change == "relu on the shortcut":
        return torch.relu(torch.relu(shortcut(x, maps, stride, seed, around, free)) + y)
    skipped = shortcut(x, maps, stride, seed, around, free)
    if change == "early ReLU":
        return skipped + torch.relu(y)
    if change == "two ReLUs":
        return torch.relu(skipped + torch.relu(y))
    return skipped + y if change == "no last ReLU" else torch.relu(skipped + y)


MISREAD_BLOCKS = {
    "early ReLU": "The ReLU comes before the addition; it belongs after it.",
    "two ReLUs": "There is a ReLU before the addition too; only after it there should be one.",
    "no last ReLU": "There is no ReLU after the addition.",
    "no inner ReLU": "There is no ReLU between the two convolutions.",
    "no skip": "The input is not added to what the convolutions give.",
    "bare projection": "The projection has no BatchNorm.",
    "late stride": "The stride is in the second convolution; it belongs in the first.",
}


# ---------------------------------------------------------------- block


@pytest.mark.points(3, question="block")
def test_a_block_has_as_many_parameters_as_the_paper_counts(observed, points):
    """Blocks have 73,984 (64→64), 230,144 (64→128, stride 2) and 295,424 (128→128) parameters."""
    seen = observed("block_parameters")
    wrong = []
    for name, (text, right) in BLOCKS.items():
        found = sum(sizes_of(seen.items(name)))
        if found not in right:
            wrong.append(
                f"A block {text} has {found:,.0f} parameters; expected {max(right & {73_984, 230_144, 295_424}):,}."
            )
    if wrong:
        points.part(3 - len(wrong), " ".join(wrong))


@pytest.mark.points(3, question="block")
def test_a_block_of_zeros_hands_on_its_input(observed, expected):
    """With every convolution at zero, a block returns relu(x)."""
    seen, x = observed("block_still"), expected("block_still").tensor("x")
    y = seen.tensor("y", shape=(3, 8, 6, 6))
    if not is_close(y, x.relu()):
        if is_close(y, x):
            fail(
                "With all convolutions at zero the block returns x, not relu(x): where is the ReLU after the addition?"
            )
        if not y.any():
            fail("With all convolutions at zero the block returns nothing: is the input added?")
        fail("With all convolutions at zero the block should return relu(x), and does not.")


@pytest.mark.points(3, question="block")
def test_what_is_added_may_be_negative(observed, expected):
    """With every convolution at zero and the shift of the BatchNorms at -1, a block returns relu(x - 1)."""
    seen, x = observed("block_shifted"), expected("block_shifted").tensor("x")
    y = seen.tensor("y", shape=(3, 8, 6, 6))
    if seen.number("changed") != 0:
        fail("x was changed in place: whoever called the block may need it as it was.")
    if not is_close(y, (x - 1).relu()):
        if not y.any():
            fail("With all convolutions at zero the block returns nothing: is the input added?")
        if is_close(y, x.relu()) or is_close(y, x):
            fail(
                "The shift of the last BatchNorm does not reach the sum: it is cut off at 0 by a ReLU before the "
                "addition, or no BatchNorm ends the second half."
            )
        if is_close(y, x - 1):
            fail("The sum keeps negative values: a ReLU belongs after the addition.")
        fail("With its last BatchNorm at -1 the block should return relu(x - 1): does a BatchNorm end its second half?")


@pytest.mark.points(2, question="block")
def test_a_projection_takes_the_stride_and_a_batch_norm(observed, expected):
    """If shapes differ, the shortcut is a 1×1 convolution with the block's stride, then BatchNorm."""
    seen, x = observed("block_projected"), expected("block_projected").tensor("x")
    y = seen.tensor("y", shape=(3, 12, 3, 3))
    if not is_close(y, F.pad(x[:, :, ::2, ::2], (0, 0, 0, 0, 0, 4)).relu()):
        fail("A block 8→12, stride 2, with a projection that hands on its input should give every second pixel of it.")
    x, y = expected("block_strided").tensor("x"), observed("block_strided").tensor("y", shape=(3, 8, 3, 3))
    if not is_close(y, x[:, :, ::2, ::2].relu()):
        fail("A block 8→8 with stride 2 should project, too: as many channels, and another shape.")


@pytest.mark.points(4, question="block")
def test_a_block_computes_what_the_paper_draws(observed, expected, points):
    """With the same weights, your block and the paper's give the same, in training and in evaluation mode."""
    seen, ours = observed("block_twin"), expected("block_twin")
    seed, wrong = ours.integer("seed"), 0
    mistake = ""
    for name, (maps, stride) in {"same": (8, 1), "halved": (12, 2), "wider": (12, 1)}.items():
        x = ours.tensor(f"{name}_x")
        found = {train: seen.tensor(f"{name}_{mode}") for train, mode in ((False, "eval"), (True, "train"))}
        if any(
            all(is_close(y, block(x, maps, stride, seed, train, free)) for train, y in found.items())
            for free in (False, True)
        ):
            continue
        wrong += 1
        mistake = mistake or next(
            (
                text
                for change, text in MISREAD_BLOCKS.items()
                if all(is_close(y, block(x, maps, stride, seed, train, change=change)) for train, y in found.items())
            ),
            "",
        )
    if wrong:
        points.part(
            max(0, 3 - wrong) if mistake else 0,
            mistake or "Your block gives something else than the paper's. Compare the order of its layers.",
        )


@pytest.mark.points(1, question="block")
def test_every_parameter_of_a_block_learns(observed):
    """The gradient reaches every parameter of a block."""
    parameters = learning(observed("block_gradients").items("parameters"))
    assert_gradients(parameters, "Is a layer unused, or in a Python list?")


def learning(parameters):
    """The parameters without the biases of convolutions before a BatchNorm, whose gradient is 0 by nature."""
    dims = {p.text("name"): len(shape_of(p)) for p in parameters}
    biases = {name for name, dim in dims.items() if dim == 1 and name.endswith("bias")}
    without = {name for name in biases if dims.get(f"{name.removesuffix('bias')}weight") == 4}
    return [p for p in parameters if p.text("name") not in without]


# ---------------------------------------------------------------- resnet


@pytest.mark.points(4, question="resnet")
def test_resnet_has_as_many_parameters_as_the_paper_counts(observed):
    """ResNet18 has 11,228,325 parameters."""
    found = sum(sizes_of(observed("resnet").items("parameters")))
    if found not in RESNET:
        fail(
            f"ResNet18 has {found:,.0f} parameters, {found - 11_228_325:+,.0f} from 11,228,325: count its blocks, two "
            "per stage, and its first and last layer."
        )


@pytest.mark.points(3, question="resnet")
def test_the_maps_shrink_as_in_the_table(observed, points):
    """From 64 pixels the maps shrink to 32, 16, 16, 8, 4 and 2."""
    found = [tuple(shape_of(step)[1:]) for step in observed("resnet").items("trace")]
    missing = missing_in_order(SHAPES, found)
    if missing:
        shown = ", ".join(map(str, missing[0]))
        message = f"No layer gives (n, {shown}) in its turn. Stride 2 is in the first convolution, in the max pool, "
        message += "and in the first block of conv_3, conv_4 and conv_5."
        points.part(max(0, 3 - len(missing)), message)


def resnet(images, seed, free, change=""):
    """ResNet-18, or a misreading of it."""
    x = norm(convolution(images, 64, seed, 7, 2), seed)
    x = x if change == "no first ReLU" else torch.relu(x)
    if change == "average pool":
        x = F.avg_pool2d(x, 3, 2, 1)
    elif change == "pool 2":
        x = F.max_pool2d(x, 2)
    elif change != "no pool":
        x = F.max_pool2d(x, 3, 2, 1)
    for maps in (64, 128, 256, 512):
        for number in range(2):
            x = block(x, maps, 2 if maps > 64 and not number else 1, seed, free=free)
    x = x.amax((2, 3)) if change == "max at the end" else x.mean((2, 3))
    weight = drawn_values(seed, 101 * 512, PERIOD).reshape(101, 512) * (2 / 512) ** 0.5
    x = F.linear(x, weight, drawn_values(seed, 101, PERIOD) * 0.2)
    return x.softmax(1) if change == "softmax" else x.log_softmax(1) if change == "log-softmax" else x


MISREAD_RESNETS = {
    "no first ReLU": "There is no ReLU after the first BatchNorm.",
    "average pool": "The first pooling takes the average, not the maximum.",
    "pool 2": "The max pool has windows of 2×2; the paper's are 3×3, with padding 1 and stride 2.",
    "no pool": "There is no max pool after the first convolution.",
    "max at the end": "The last pooling takes the maximum, not the average.",
    "softmax": "A softmax follows the last layer; the loss applies it.",
    "log-softmax": "A log-softmax follows the last layer.",
}


@pytest.mark.points(4, question="resnet")
def test_resnet_computes_what_the_paper_draws(observed, expected):
    """With the same weights, your network and the paper's give the same logits."""
    seen, ours = observed("resnet"), expected("resnet")
    logits, images, seed = seen.tensor("logits", shape=(2, 101)), ours.tensor("images"), ours.integer("seed")
    free = sum(sizes_of(seen.items("parameters"))) in FREE
    if is_close(logits, resnet(images, seed, free)):
        return
    for change, text in MISREAD_RESNETS.items():
        if is_close(logits, resnet(images, seed, free, change)):
            fail(text)
    fail("Your logits are not those of ResNet-18. Compare the order of your layers with the table.")


@pytest.mark.points(2, question="resnet")
def test_every_parameter_of_resnet_learns(observed):
    """The gradient reaches every parameter of ResNet18, also with seven classes."""
    seen = observed("resnet_gradients")
    seen.tensor("logits", shape=(2, 7))
    parameters = learning(seen.items("parameters"))
    assert_gradients(parameters, "Is a layer unused, or in a Python list?")


@pytest.mark.points(1, question="resnet")
def test_a_picture_gets_the_same_logits_each_time(observed):
    """In evaluation mode a picture gets the same logits alone as in a batch, and twice in a row."""
    seen = observed("resnet")
    first = seen.tensor("logits", shape=(2, 101))
    if not is_close(seen.tensor("again"), first):
        fail("The same batch got other logits the second time.")
    if not is_close(seen.tensor("alone"), first[:1]):
        fail("A picture got other logits alone than in a batch: n must stay in front.")
