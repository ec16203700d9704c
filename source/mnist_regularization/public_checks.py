"""The checks of this assignment that you can run yourself: plain pytest, a few per question, fast.

Run them with ``check("flip")`` in the notebook or ``python -m given.check flip`` in a shell. They find common
mistakes; the graded checks use other inputs and test more.
"""

import json
from pathlib import Path

import pandas as pd
import pytest
import torch
from given import digits
from given.batches import Batches
from given.fingerprint import fingerprint, name_of
from given.training import load_weights
from torch import nn
from torch.nn.functional import cross_entropy

import student_code


@pytest.fixture(autouse=True)
def seeded():
    """Use the same random numbers in every check, so that its result is the same each time."""
    torch.manual_seed(0)


# ---------------------------------------------------------------- small_lenet, small_mlp


def count(model):
    """The number of parameters, after a first call: lazy layers have none before."""
    model.eval()(torch.zeros(2, 1, 28, 28))
    return sum(p.numel() for p in model.parameters())


def assert_learns_everywhere(model):
    """Every parameter must get a gradient."""
    cross_entropy(model.train()(torch.randn(7, 1, 28, 28)), torch.arange(7)).backward()
    for name, p in model.named_parameters():
        assert p.grad is not None, f"{name} gets no gradient: a layer that forward() does not use counts for nothing."


def begun(model):
    """The model after some training, as it were: a layer may start with zeros."""
    model(torch.randn(2, 1, 28, 28))  # lazy layers become layers
    for p in model.parameters():
        if not p.any():
            torch.nn.init.normal_(p, std=0.1)
    return model


def assert_logits(model):
    """A row of logits per image: nothing follows them."""
    logits = begun(model).eval()(100 * torch.randn(7, 1, 28, 28))
    assert list(logits.shape) == [7, 10], (
        f"7 images gave an output of shape {list(logits.shape)}; it should be [7, 10]."
    )
    alone = list(model(torch.zeros(1, 1, 28, 28)).shape)
    assert alone == [1, 10], f"One image gave an output of shape {alone}, not [1, 10]: does a squeeze remove n?"
    for rows in (logits, logits.exp()):  # of a softmax, and of a log-softmax
        sums_to_one = torch.allclose(rows.sum(1), torch.ones(7), atol=1e-4)
        assert not sums_to_one, "Each row sums to 1: return the logits; the loss applies the softmax itself."
    lowest = logits.min().item()
    assert lowest < -0.3, (
        f"Of 70 logits for very bright images none is below {lowest:.2g}: does a ReLU or Swish follow the last layer?"
    )


@pytest.mark.question("small_lenet")
def test_the_small_lenet_gives_logits():
    """SmallLeNet gives one row of logits per image, as many as num_classes."""
    assert_logits(student_code.SmallLeNet())
    seven = list(student_code.SmallLeNet(num_classes=7)(torch.zeros(2, 1, 28, 28)).shape)
    assert seven == [2, 7], f"SmallLeNet(num_classes=7) gives {seven} for 2 images; it should give [2, 7]."


# for weights and an image that are always the same: what the logits come to, and what they come to with a usual mistake
LENET = {
    "": 39.8396,
    "There is no ReLU after the first convolution.": 26.4059,
    "There is no ReLU after the second convolution.": 42.6545,
    "There is no ReLU after the third convolution.": 0.804587,
    "There is no ReLU after the first linear layer.": -49.049,
    "There is no ReLU anywhere.": -143.921,
    "There is no ReLU after the convolutions.": -5.75112,
    "The non-linearity is tanh, not ReLU.": -24.1618,
    "The non-linearity is Swish, not ReLU.": 15.0664,
    "The pooling takes the average, not the maximum.": 14.9377,
}
MLP = {
    "": -5.44283,
    "There is no ReLU after the first hidden layer.": 5.02878,
    "There is no ReLU after the second hidden layer.": -54.6071,
    "The non-linearity is tanh, not ReLU.": -19.02,
    "The non-linearity is Swish, not ReLU.": -12.4428,
}


def assert_computes_as_asked(model, numbers):
    """The network of the docstring, without dropout."""
    name = name_of(fingerprint(model, (1, 28, 28)), numbers)
    assert name == "", (
        f"With the same weights it gives other logits than the docstring's. {name or 'Compare the layers.'}"
    )
    x = torch.randn(5, 1, 28, 28)
    assert torch.allclose(model.train()(x), model(x)), (
        "In training mode the same images got other logits: is it random?"
    )


@pytest.mark.question("small_lenet")
def test_the_small_lenet_computes_what_the_table_says():
    """With the same weights, SmallLeNet gives the logits of the network in the docstring, in training mode too."""
    assert_computes_as_asked(student_code.SmallLeNet(), LENET)


@pytest.mark.question("small_lenet")
def test_the_small_lenet_has_its_parameters():
    """SmallLeNet has 44,426 parameters, and all of them learn."""
    n = count(student_code.SmallLeNet())
    hint = "is the third convolution 4×4?" if n == 61_706 else "compare it layer by layer."
    assert n == 44_426, f"Your SmallLeNet has {n:,} parameters, {n - 44_426:+,} from 44,426: {hint}"
    assert_learns_everywhere(student_code.SmallLeNet())


@pytest.mark.question("small_mlp")
def test_the_small_mlp_gives_logits():
    """SmallMLP gives one row of 10 logits per image, those of the network in the docstring."""
    model = student_code.SmallMLP()
    assert_logits(model)
    x = torch.randn(7, 1, 28, 28)
    bend = (model(x) + model(-x) - 2 * model(0 * x)).abs().max()
    assert bend > 1e-5, "The MLP is one linear map in all: is there a ReLU after each hidden layer?"
    assert_computes_as_asked(model, MLP)


@pytest.mark.question("small_mlp")
def test_the_small_mlp_has_its_parameters():
    """SmallMLP has 49,240 parameters, and all of them learn."""
    n = count(student_code.SmallMLP())
    assert n == 49_240, f"Your SmallMLP has {n:,} parameters, {n - 49_240:+,} from 49,240: are the widths 60 and 30?"
    assert_learns_everywhere(student_code.SmallMLP())


# ---------------------------------------------------------------- regularised_lenet


@pytest.mark.question("regularised_lenet")
def test_the_regularised_lenet_has_its_parameters():
    """RegularisedLeNet has 44,878 parameters (44,438 with one BatchNorm), a few less without biases, and all learn."""
    model = student_code.RegularisedLeNet()
    assert_logits(model)
    n = count(model)
    assert 44_426 < n <= 44_878, f"Your RegularisedLeNet has {n:,} parameters; 44,878 are asked for, or 44,438."
    assert_learns_everywhere(model)


@pytest.mark.question("regularised_lenet")
def test_evaluation_mode_is_not_random():
    """In evaluation mode an image gets the same logits each time, alone or in a batch."""
    model, x = student_code.RegularisedLeNet().eval(), torch.randn(5, 1, 28, 28)
    together = model(x)
    assert torch.allclose(model(x), together, atol=1e-5), "The same images got other logits: is dropout off?"
    alone = torch.cat([model(image[None]) for image in x])
    assert torch.allclose(alone, together, atol=1e-4), "An image got other logits alone: does BatchNorm use averages?"


@pytest.mark.question("regularised_lenet")
def test_training_mode_uses_both():
    """In training mode dropout is random, and BatchNorm updates its running averages."""
    model, x = begun(student_code.RegularisedLeNet(dropout=0.5)), torch.randn(8, 1, 28, 28)
    before = model.eval()(x)
    model.train()
    first, second = model(x), model(x)
    assert not torch.equal(first, second), "The same images got the same logits twice: is there dropout?"
    assert not (first == 0).any(), "Some logits are exactly 0: dropout must not act on the logits."
    assert not torch.allclose(model.eval()(x), before), "Training changed no running average: is a BatchNorm used?"


@pytest.mark.question("regularised_lenet")
def test_dropout_is_the_probability_to_drop():
    """With dropout=0 nothing is random."""
    model, x = begun(student_code.RegularisedLeNet(dropout=0.0)).train(), torch.randn(8, 1, 28, 28)
    first, second = model(x), model(x)
    assert torch.allclose(first, second), "dropout=0.0 still gives random logits: is the argument used?"
    assert first.std(0).max() > 1e-4, (
        "With dropout=0 all images get the same: it is the probability to drop, not to keep."
    )


@pytest.mark.question("regularised_lenet")
def test_batch_norm_comes_before_the_relu():
    """Each BatchNorm layer gets what a convolution or linear layer gives, before ReLU and pooling."""
    model, sides = student_code.RegularisedLeNet(), {6: 24, 16: 8}

    def look(layer, inputs):
        x = inputs[0]
        assert (x < 0).any(), f"BatchNorm of {x.shape[1]} channels gets no negative value: does it come after the ReLU?"
        side = sides.get(x.shape[1], x.shape[-1])
        assert x.shape[-1] == side, (
            f"BatchNorm of {x.shape[1]} maps gets {x.shape[-1]}×{x.shape[-1]}, not {side}×{side}: after the pooling?"
        )

    model.eval()(torch.randn(8, 1, 28, 28))  # lazy layers become layers
    for layer in model.modules():
        if isinstance(layer, nn.modules.batchnorm._BatchNorm):
            layer.register_forward_pre_hook(look)
    model.train()(torch.randn(8, 1, 28, 28))


# ---------------------------------------------------------------- flip, affine


def some_digits(n):
    """n images of the sample, float32 (n, 1, 28, 28) in [0, 1]."""
    images, _ = digits.load("sample", train=False)
    return torch.tensor(images[:n]).unsqueeze(1) / 255


def assert_new(augment, images):
    """The result, which must be a new tensor of the same shape, type and range."""
    before = images.clone()
    result = augment(images)
    assert torch.equal(images, before), "The images that went in were changed: return new ones instead."
    assert result.shape == images.shape, f"The shape became {list(result.shape)}; it should stay {list(images.shape)}."
    assert result.dtype == torch.float32, f"The type became {result.dtype}; it should stay torch.float32."
    low, high = result.min().item(), result.max().item()
    assert -1e-6 <= low <= high <= 1 + 1e-6, f"The values are from {low:.3g} to {high:.3g}: stay within [0, 1]."
    return result


@pytest.mark.question("flip")
def test_flips_mirror_left_to_right():
    """Each image comes back as it was or mirrored left to right, at its own place."""
    images = some_digits(60)
    result = assert_new(student_code.flip_at_random, images)
    same, mirrored = ((result - way).abs().amax((1, 2, 3)) < 1e-5 for way in (images, images.flip(-1)))
    assert (same | mirrored).all(), "An image came back neither as it was nor mirrored: flip the last dimension alone."


@pytest.mark.question("flip")
def test_flips_are_drawn_per_image():
    """Some images of a batch are mirrored, others not, and other ones at each call."""
    images = torch.rand(200, 1, 28, 28)
    first, second = ((student_code.flip_at_random(images) != images).flatten(1).any(1) for _ in range(2))
    n = int(first.sum())
    assert 0 < n < 200, f"{n} of 200 images were mirrored: toss a coin for each image."
    assert 60 < n < 140, f"{n} of 200 images were mirrored; with probability 1/2 it would be about 100."
    assert not torch.equal(first, second), "Two calls mirrored the same images: draw again each time."
    calls = [student_code.flip_at_random(images) for _ in range(8)]
    numbers = {int((result != images).flatten(1).any(1).sum()) for result in calls}
    assert len(numbers) > 1, f"Each of 8 calls mirrored {n} of 200 images: toss a coin for each image."


@pytest.mark.question("affine")
def test_affine_images_are_new_and_differ():
    """affine_at_random changes each image in its own way, at each call."""
    images = some_digits(1).repeat(8, 1, 1, 1)
    first, second = (assert_new(student_code.affine_at_random, images) for _ in range(2))
    assert (first - images).abs().max() > 0.01, "The images came back as they were."
    assert (first - first[:1]).abs().max() > 0.01, (
        "Eight copies of an image changed in the same way: draw for each image."
    )
    assert (first - second).abs().max() > 0.01, "Two calls gave the same images: draw again each time."


@pytest.mark.question("affine")
def test_affine_images_can_be_read():
    """The ink stays in the frame, and near where it was."""
    images = some_digits(100)
    result = assert_new(student_code.affine_at_random, images)
    ink = result.sum((1, 2, 3)) / images.sum((1, 2, 3))
    assert ink.min() > 0.5, f"An image kept {ink.min():.0%} of its ink: is it shifted out of the frame?"
    assert ink.max() < 2, f"An image has {ink.max():.0%} of its ink: is it scaled too much, or dark outside?"
    assert result[..., [0, 0, -1, -1], [0, -1, 0, -1]].max() < 0.3, (
        "A corner is dark: outside of the image is paper, 0."
    )


def comets(n):
    """n times the same picture: a streak along the diagonal with a heavy head, float32 (n, 1, 28, 28)."""
    rows, columns = torch.meshgrid(torch.arange(28.0), torch.arange(28.0), indexing="ij")
    blobs = [(1.0, 10.4), (0.75, 13.4), (0.5, 16.4), (0.3, 19.4)]  # weight, row and column
    spots = [weight * torch.exp(-((rows - at) ** 2 + (columns - at) ** 2) / 4.5) for weight, at in blobs]
    return torch.stack(spots).sum(0).clamp(max=1).repeat(n, 1, 1, 1)


def moments(pictures):
    """Of the ink of each comet: where its tail points, in degrees, its centre (2,) and its size, in pixels."""
    ink = pictures.reshape(-1, 28, 28) / pictures.sum((1, 2, 3)).clamp(min=1e-6)[:, None, None]
    rows, columns = torch.meshgrid(torch.arange(28.0), torch.arange(28.0), indexing="ij")
    centre = torch.stack([(ink * axis).sum((1, 2)) for axis in (columns, rows)])
    dx, dy = (axis - mean[:, None, None] for axis, mean in zip((columns, rows), centre, strict=True))
    xx, yy, xy = ((ink * product).sum((1, 2)) for product in (dx * dx, dy * dy, dx * dy))
    angle = torch.atan2(2 * xy, xx - yy) / 2
    along = dx * angle.cos()[:, None, None] + dy * angle.sin()[:, None, None]
    angle = torch.where((ink * along**3).sum((1, 2)) < 0, angle + torch.pi, angle).rad2deg()
    return angle, centre, (xx + yy).sqrt()


@pytest.mark.question("affine")
def test_affine_images_are_turned_a_little():
    """A digit is turned by some degrees, neither mirrored nor upside down."""
    images = comets(60)
    change = moments(assert_new(student_code.affine_at_random, images))[0] - moments(images)[0]
    worst = ((change + 180) % 360 - 180).abs().max()
    hint = "mind degrees and radians, and the signs in the matrix."
    assert worst < 40, f"A picture was turned by {worst:.0f} degrees, or mirrored: 15 are enough; {hint}"
    assert worst > 1, f"No picture was turned; {hint}"


@pytest.mark.question("affine")
def test_affine_images_are_shifted_and_scaled():
    """Pictures are shifted by pixels, and made larger or smaller, each in its own way."""
    images = comets(60)
    (angle, centre, size), (before, *_) = moments(assert_new(student_code.affine_at_random, images)), moments(images)
    (x, y), back = centre - 13.5, -(angle - before).deg2rad()  # the frame's centre; the turn undone
    unturned = torch.stack([x * back.cos() - y * back.sin(), x * back.sin() + y * back.cos()])
    shifts, sizes = torch.cat([centre, unturned]), size / size.mean()
    shifted, scaled = (float((values.amax(-1) - values.amin(-1)).min()) for values in (shifts, sizes))
    assert shifted > 0.6, "No picture was shifted noticeably at random, in either direction."
    assert scaled > 0.05, "All pictures kept their size: scale each by its own factor."


@pytest.mark.question("affine")
def test_affine_images_keep_their_places():
    """Image i of the result is made from image i."""
    brightness = 0.5 ** torch.arange(6)
    result = assert_new(student_code.affine_at_random, comets(6) * brightness.reshape(-1, 1, 1, 1))
    found = result.amax((1, 2, 3)).argsort(descending=True).tolist()
    assert found == [*range(6)], f"Images came back at other places of the batch, {found}: image i must stay image i."


# ---------------------------------------------------------------- standard_error, compare


@pytest.mark.question("standard_error")
def test_the_standard_error_of_an_accuracy():
    """0.99 on 10,000 images has a standard error of 0.001: a tenth of a point."""
    found = float(student_code.standard_error(0.99, 10_000))
    assert found != pytest.approx(0.0995, rel=0.01), "0.0995 was returned: give a fraction, not percent."
    assert found == pytest.approx(0.000995, rel=1e-3), f"{found:.4g} was returned, not 0.000995."


@pytest.mark.question("standard_error")
def test_four_times_the_images_halve_the_error():
    """With four times as many images the standard error is half as large."""
    one, four = (float(student_code.standard_error(0.9, n)) for n in (100, 400))
    assert four == pytest.approx(one / 2), f"100 images: {one:.4g}, 400 images: {four:.4g}: is n below the root?"


def a_table():
    """What compare makes of two small models."""
    models = {"b": nn.Linear(4, 3), "a": nn.Linear(4, 2)}
    names = ("train_loss", "test_loss", "train_accuracy", "test_accuracy")
    histories = {"a": {name: [0.7, 0.9, 0.8] for name in names}, "b": {name: [0.2, 0.1, 0.5, 0.4] for name in names}}
    histories["b"]["train_loss"][-1] = 0.31234
    return student_code.compare(models, histories, n_test=600)


@pytest.mark.question("compare")
def test_the_table_has_a_row_per_model():
    """compare returns a DataFrame: a row per model in their order, and six columns."""
    table = a_table()
    assert isinstance(table, pd.DataFrame), f"compare returned a {type(table).__name__}, not a DataFrame."
    assert list(table.index) == ["b", "a"], (
        f"The rows are {list(table.index)}; they should be the models' names, b and a."
    )
    for name in ("parameters", "train_loss", "test_loss", "train_accuracy", "test_accuracy", "standard_error"):
        assert name in table.columns, f"There is no column {name!r}; there are {list(table.columns)}."


@pytest.mark.question("compare")
def test_the_table_holds_the_last_epoch():
    """The table holds the values of the last epoch, and how many parameters there are."""
    table = a_table()
    found = [
        float(table.loc["b", "train_loss"]),
        float(table.loc["b", "test_accuracy"]),
        float(table.loc["a", "test_loss"]),
    ]
    assert found == pytest.approx([0.31234, 0.4, 0.8]), (
        f"{found} should be [0.31234, 0.4, 0.8]: the last epoch, by name, and not rounded."
    )
    n = float(table.loc["b", "parameters"])
    assert n == pytest.approx(15), f"A layer from 4 to 3 has 15 parameters; the table says {n:g}."


@pytest.mark.question("compare")
def test_the_standard_errors_are_those_of_the_test_set():
    """The standard error belongs to n_test images."""
    found, right = float(a_table().loc["b", "standard_error"]), float(student_code.standard_error(0.4, 600))
    assert found == pytest.approx(right, rel=1e-3), (
        f"For an accuracy of 0.4 on 600 images the table says {found:.4g}, and standard_error {right:.4g}: use n_test."
    )


# ---------------------------------------------------------------- accuracy


def assert_reads_digits(model, file):
    """The weights in the file must fit the model, and do better than guessing."""
    assert file.exists(), f"There is no {file}: the notebook saves it after training."
    try:
        load_weights(model, file)
    except Exception as error:
        raise AssertionError(f"{file} does not fit the model: {error} Has the code changed since training?") from None
    images, labels = digits.load("sample", train=False)
    [(x, y)] = Batches(images, labels, len(labels), mean=digits.MEAN, std=digits.STD)
    right = (model.eval()(x).argmax(1) == y).float().mean().item()
    assert right > 0.4, f"{file} gets {right:.0%} of 360 digits right; guessing gets 10 %. Was it saved after training?"


@pytest.mark.question("accuracy")
def test_the_weights_of_the_mlp_read_digits():
    """The saved weights of SmallMLP fit the code, and do better than guessing."""
    assert_reads_digits(student_code.SmallMLP(), Path("small_mlp.safetensors"))


@pytest.mark.question("accuracy")
def test_the_regularised_weights_read_digits():
    """The saved weights of RegularisedLeNet fit the code, and do better than guessing."""
    assert_reads_digits(student_code.RegularisedLeNet(), Path("regularised_lenet.safetensors"))


@pytest.mark.question("accuracy")
def test_the_affine_weights_read_digits():
    """The saved weights of the SmallLeNet trained on affine images fit the code, and do better than guessing."""
    assert_reads_digits(student_code.SmallLeNet(), Path("affine_lenet.safetensors"))


@pytest.mark.question("accuracy")
def test_the_history_is_there():
    """history.json holds loss and accuracy per epoch for the five models."""
    file = Path("history.json")
    assert file.exists(), "There is no history.json: the notebook saves it after training."
    histories = json.loads(file.read_text(encoding="utf-8"))
    for model in ("small_lenet", "small_mlp", "regularised_lenet", "flipped_lenet", "affine_lenet"):
        assert model in histories, f"history.json has no entry {model!r}; it has {list(histories)}."
        lists = [histories[model][f"{part}_{what}"] for part in ("train", "test") for what in ("loss", "accuracy")]
        lengths = [len(values) for values in lists]
        assert 0 < min(lengths) == max(lengths), f"The four lists of {model} have the lengths {lengths}."
