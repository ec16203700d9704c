"""The checks of this assignment that you can run yourself: plain pytest, a few per question, each in a blink.

Run them with ``check("lenet")`` in the notebook or ``python -m given.check lenet`` in a shell. They find the usual
mistakes; the checks behind the grade look further, with other numbers.
"""

import json
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import torch
from given import miniplaces, scenes
from given.training import load_weights
from PIL import Image
from torch import nn
from torch.nn.functional import cross_entropy
from torch.utils.data import DataLoader, TensorDataset

import student_code

LENET = 151_324  # parameters
NUMBERS = 500_000  # that OwnNetwork may save


@pytest.fixture(autouse=True)
def seeded():
    """The same random numbers in every check, so that it says the same each time."""
    torch.manual_seed(0)


def count(model):
    """The number of parameters, after a first call: lazy layers have none before."""
    model(torch.zeros(2, 3, 32, 32))
    return sum(p.numel() for p in model.parameters())


def assert_learns_everywhere(model, logits):
    """Every parameter must get a gradient."""
    cross_entropy(logits, torch.arange(len(logits))).backward()
    for name, p in model.named_parameters():
        moved = p.grad is not None and p.grad.abs().sum() > 0
        assert moved, f"{name} gets no gradient: is this layer used in forward()?"


def assert_logits(logits, n):
    """A row of a hundred logits per image: no softmax."""
    assert isinstance(logits, torch.Tensor), f"A {type(logits).__name__} came in the place of the logits."
    assert list(logits.shape) == [n, 100], (
        f"{n} images gave logits of shape {list(logits.shape)}; it should be [{n}, 100]."
    )
    for rows in (logits, logits.exp()):  # of a softmax, and of a log-softmax
        sums_to_one = torch.allclose(rows.sum(1), torch.ones(n), atol=1e-4)
        assert not sums_to_one, "Each row sums to 1: return the logits; the loss applies the softmax itself."


# ---------------------------------------------------------------- scenes


@pytest.fixture
def places(tmp_path):
    """Twelve even pictures, red as bright as their label is large; every third file is grey."""
    for split, below in (("train", "train/a/abbey"), ("val", "val")):
        (tmp_path / "images" / below).mkdir(parents=True)
        lines = []
        for i in range(12):
            label = 37 * i % 100
            name = f"{below}/{7**i % 100003:08}.png"
            red = np.zeros((16, 16, 3), np.uint8) + np.array([2 * label, 0, 0], np.uint8)
            picture = Image.fromarray(red[..., 0]) if i % 3 == 1 else Image.fromarray(red)
            picture.save(tmp_path / "images" / name)
            lines.append(f"{name} {label}\n")
        (tmp_path / f"{split}.txt").write_text("".join(lines))
    return tmp_path


@pytest.mark.question("scenes")
def test_the_dataset_follows_the_list(places):
    """MiniPlaces has a sample for each line of the list."""
    for split in ("train", "val"):
        n = len(student_code.MiniPlaces(places, split))
        assert n == 12, f"{split}.txt has 12 lines; len() says {n}."


@pytest.mark.question("scenes")
def test_a_photograph_keeps_its_label(places):
    """Each photograph comes as a PIL image in RGB, with the label of its own line."""
    dataset = student_code.MiniPlaces(places, "train")
    for photograph, label in (dataset[i] for i in range(12)):
        assert isinstance(photograph, Image.Image), f"Without a transform, a {type(photograph).__name__} was given out."
        assert photograph.mode == "RGB", f'A photograph has the mode {photograph.mode}: call convert("RGB") on each.'
        red = photograph.getpixel((0, 0))[0]
        assert red == 2 * int(label), f"The photograph of class {red // 2} came with the label {label!r}."
        assert isinstance(label, int), f"A label is {label!r}, a {type(label).__name__}; it should be an int."


@pytest.mark.question("scenes")
def test_the_transform_is_used(places):
    """What transform returns is what is given out."""
    dataset = student_code.MiniPlaces(places, "val", transform=lambda photograph: photograph.size)
    assert dataset[0][0] == (16, 16), "What transform returned was not given out."


# ---------------------------------------------------------------- flip


@pytest.mark.question("flip")
def test_half_of_a_batch_is_mirrored():
    """flip_scenes mirrors about half of the images, each by its own chance."""
    images = torch.rand(64, 3, 5, 5)
    before = images.clone()
    result = student_code.flip_scenes(images)
    assert torch.equal(images, before), "flip_scenes changed its argument: return a new tensor instead."
    assert result.shape == images.shape, f"The shape became {list(result.shape)}; it was {list(images.shape)}."
    same = (result == images).flatten(1).all(1)
    mirrored = (result == images.flip(-1)).flatten(1).all(1)
    assert (same | mirrored).all(), "An image came back neither as it was nor mirrored left for right."
    assert 16 < mirrored.sum() < 48, f"{int(mirrored.sum())} of 64 images were mirrored; about half is asked for."


# ---------------------------------------------------------------- lenet


@pytest.mark.question("lenet")
def test_forward_tells_its_shapes():
    """forward returns (logits, shapes), the shapes under the numbers 1 to 6."""
    returned = student_code.LeNet()(torch.randn(7, 3, 32, 32))
    pair = isinstance(returned, tuple | list) and len(returned) == 2
    assert pair, f"forward returned a {type(returned).__name__}; it should return (logits, shapes)."
    right = {1: [7, 6, 14, 14], 2: [7, 16, 5, 5], 3: [7, 400], 4: [7, 256], 5: [7, 128], 6: [7, 100]}
    for stage, shape in right.items():
        assert stage in returned[1], f"The dict has no key {stage}; its keys are {list(returned[1])}."
        told = [int(n) for n in returned[1][stage]]
        assert told == shape, f"Stage {stage} is told as {told} for 7 images; it should be {shape}."


@pytest.mark.question("lenet")
def test_lenet_has_its_parameters():
    """LeNet has 151,324 parameters, and each of them learns."""
    model = student_code.LeNet()
    n = count(model)
    assert n == LENET, f"LeNet has {n:,} parameters; 151,324 are asked for. Has every layer its bias?"
    logits, _ = model(torch.randn(7, 3, 32, 32))
    assert_logits(logits, 7)
    assert_learns_everywhere(model, logits)


@pytest.mark.question("lenet")
def test_other_sizes_and_classes_work():
    """input_shape and num_classes are used."""
    logits, shapes = student_code.LeNet(input_shape=(44, 28), num_classes=7)(torch.randn(2, 3, 44, 28))
    assert list(logits.shape) == [2, 7], f"num_classes=7 gave logits of shape {list(logits.shape)} for 2 images."
    told = [int(n) for n in shapes[2]]
    assert told == [2, 16, 8, 4], f"For images of 44×28, stage 2 was told as {told}; it should be [2, 16, 8, 4]."


@pytest.mark.question("lenet")
def test_an_image_does_not_depend_on_its_neighbours():
    """An image gets the same logits alone as in a batch."""
    model, x = student_code.LeNet().eval(), torch.randn(4, 3, 32, 32)
    alone = torch.cat([model(image.unsqueeze(0))[0] for image in x])
    assert torch.allclose(model(x)[0], alone, atol=1e-4), "Alone, an image gets other logits: does flatten mix images?"


# ---------------------------------------------------------------- logits


class Talks(nn.Module):
    """A network that gives two things."""

    def __init__(self):
        super().__init__()
        self.linear = nn.Linear(3, 2)

    def forward(self, x):
        """Logits, and something else."""
        return self.linear(x), {1: list(x.shape)}


@pytest.mark.question("logits")
def test_the_wrapper_gives_the_logits_alone():
    """LogitsOnly gives the logits of the network in it, and trains that network."""
    model, x = Talks(), torch.randn(4, 3)
    wrapper = student_code.LogitsOnly(model)
    assert isinstance(wrapper(x), torch.Tensor), "The wrapper returned no tensor."
    assert torch.equal(wrapper(x), model(x)[0]), "The wrapper returned something else than the logits."
    held = {id(p) for p in wrapper.parameters()} == {id(p) for p in model.parameters()}
    assert held, "wrapper.parameters() are not those of the network: keep it as an attribute, and make no copy."


# ---------------------------------------------------------------- dense


@pytest.mark.question("dense")
def test_a_dense_layer_is_counted():
    """dense_parameters counts weights and biases."""
    n = student_code.dense_parameters((2, 3), (4,))
    assert n == 28, f"From 2×3 numbers to 4 there are 24 weights and 4 biases; the count is {n}."
    n = student_code.dense_parameters((3, 32, 32), (6, 28, 28))
    assert n == 14_455_392, f"In the place of conv1, a dense layer needs 14,455,392 parameters; the count is {n:,}."


@pytest.mark.question("dense")
def test_the_fully_connected_net_is_comparable():
    """FullyConnectedNet has five matrices, no convolution, and LeNet's number of parameters within 5 %."""
    model = student_code.FullyConnectedNet()
    off = count(model) / LENET - 1
    assert abs(off) <= 0.05, f"It has {count(model):,} parameters, {off:+.1%} from 151,324: change the widths."
    dims = [p.dim() for p in model.parameters()]
    assert max(dims) == 2, "One of its parameters has more than two dimensions: no convolutions here."
    assert dims.count(2) == 5, f"It has {dims.count(2)} matrices; five are asked for."
    logits = model(torch.randn(7, 3, 32, 32))
    assert_logits(logits, 7)
    assert_learns_everywhere(model, logits)


@pytest.mark.question("dense")
def test_the_fully_connected_net_bends():
    """FullyConnectedNet is not linear."""
    model, x = student_code.FullyConnectedNet().double().eval(), torch.randn(4, 3, 32, 32).double()
    a, b, middle = model(x), model(-x), model(0 * x)
    assert not torch.allclose(a + b, 2 * middle, atol=1e-9), "It is linear: what stands between its layers?"


# ---------------------------------------------------------------- run


def small_loaders(batch_size):
    """Twelve images of noise, as (train_loader, val_loader)."""
    data = TensorDataset(torch.randn(12, 3, 32, 32), torch.arange(12))
    return DataLoader(data, batch_size, shuffle=True), DataLoader(data, 6)


@pytest.mark.question("run")
def test_a_run_gives_network_and_history():
    """run_configuration returns the LeNet, and a history of as many epochs as were asked for."""
    run = student_code.Configuration("short", batch_size=5, epochs=2)
    returned = student_code.run_configuration(run, small_loaders)
    pair = isinstance(returned, tuple) and len(returned) == 2
    assert pair, f"It returned a {type(returned).__name__}; it should return (model, history)."
    model, history = returned
    assert isinstance(model, student_code.LeNet), (
        f"The network is a {type(model).__name__}; give back the LeNet itself."
    )
    for name in ("train_loss", "test_loss", "train_accuracy", "test_accuracy"):
        assert name in history, f"The history has no list {name!r}."
        assert len(history[name]) == 2, f"{name} has {len(history[name])} values for 2 epochs."


@pytest.mark.question("run")
def test_a_run_follows_its_configuration(monkeypatch):
    """A run uses the batch size, the learning rate and the momentum of its configuration."""
    seen = []

    def watch(model, loader, optimizer, criterion, epoch):
        seen.append((loader.batch_size, optimizer.param_groups[0]["lr"], optimizer.param_groups[0]["momentum"]))
        return 1.0, 0.5

    monkeypatch.setattr(student_code, "train_model", watch)
    student_code.run_configuration(
        student_code.Configuration("short", batch_size=4, lr=0.02, momentum=0.7, epochs=1), small_loaders
    )
    assert seen, "train_model was not called: the loop of the first assignment is yours to use."
    assert seen[0] == (4, 0.02, 0.7), (
        f"Batch size, lr and momentum were {seen[0]}; the configuration says (4, 0.02, 0.7)."
    )


@pytest.mark.question("run")
def test_a_run_can_be_repeated():
    """The same configuration gives the same run."""
    run = student_code.Configuration("short", batch_size=4, epochs=1, seed=3)
    first, second = (student_code.run_configuration(run, small_loaders)[1]["train_loss"] for _ in range(2))
    assert first == second, "Two runs with one seed differ: is the seed set before the network is made?"


# ---------------------------------------------------------------- results


@pytest.mark.question("results")
def test_results_are_written_in_order(tmp_path):
    """write_results writes the best of each run, in percent, in the order of CONFIGURATIONS."""
    names = [configuration.name for configuration in student_code.CONFIGURATIONS]
    accuracies = [0.16, 0.18, 0.17, 0.04, 0.14, 0.2, 0.13]
    histories = {name: {"test_accuracy": [0.01, a, a - 0.01]} for name, a in zip(names, accuracies, strict=True)}
    shuffled = {name: histories[name] for name in sorted(names)}
    student_code.write_results(shuffled, tmp_path / "results.txt")
    lines = (tmp_path / "results.txt").read_text().split()
    assert len(lines) == 7, f"The file has {len(lines)} words; seven numbers are asked for, one per line."
    values = [float(line) for line in lines]
    assert max(values) > 1, f"The numbers are at most {max(values):g}: are they percent?"
    right = [round(100 * a, 2) for a in accuracies]
    assert Counter(values) == Counter(right), f"The lines are {values}; the best accuracies in percent are {right}."
    assert values == right, f"The order is {values}; in the order of CONFIGURATIONS it is {right}."


# ---------------------------------------------------------------- own


@pytest.mark.question("own")
def test_the_own_network_keeps_within_its_cap():
    """OwnNetwork saves at most 500,000 numbers, and gives a hundred logits per image."""
    model = student_code.OwnNetwork()
    logits = model(torch.randn(7, 3, 32, 32))
    assert_logits(logits, 7)
    n = sum(value.numel() for value in model.state_dict().values())
    assert n <= NUMBERS, f"OwnNetwork saves {n:,} numbers; at most {NUMBERS:,} are allowed."
    assert_learns_everywhere(model, logits)


# ---------------------------------------------------------------- seven


@pytest.mark.question("seven")
def test_results_txt_fits_history():
    """results.txt holds the best accuracy of each of the seven runs in history.json."""
    results, file = Path("results.txt"), Path("history.json")
    for each in (results, file):
        assert each.exists(), f"There is no {each}: the notebook writes it after the seven runs."
    values = [float(line) for line in results.read_text().split()]
    history = json.loads(file.read_text(encoding="utf-8"))
    names = [configuration.name for configuration in student_code.CONFIGURATIONS]
    missing = [name for name in names if name not in history]
    assert not missing, f"history.json lacks the run {missing[0]!r}."
    assert len(values) == 7, f"results.txt has {len(values)} numbers; seven are asked for."
    for name, value in zip(names, values, strict=True):
        best = 100 * max(history[name]["test_accuracy"])
        assert abs(value - best) < 0.06, (
            f"{name}: results.txt says {value:.2f}, the best in history.json is {best:.2f}."
        )


# ---------------------------------------------------------------- accuracy


def assert_tells_scenes_apart(model, file):
    """The weights in the file must fit the model, and know more than guessing does."""
    assert Path(file).exists(), f"There is no {file}: the notebook saves it after training."
    try:
        load_weights(model, file)
    except Exception as error:
        raise AssertionError(f"{file} does not fit the model: {error} Has the code changed since training?") from None
    if miniplaces.has_miniplaces():
        return  # the weights may be those of photographs, and these take long to read
    draw = np.random.default_rng(1)
    names = list(scenes.SCENES) * 6
    images = torch.from_numpy(np.stack([miniplaces.pixels(scenes.draw(name, draw)) for name in names])) / 255
    x = (images - torch.tensor(miniplaces.MEAN).view(3, 1, 1)) / torch.tensor(miniplaces.STD).view(3, 1, 1)
    labels = torch.tensor([miniplaces.CATEGORIES.index(name) for name in names])
    with torch.no_grad():
        found = model.eval()(x)
    logits = found[0] if isinstance(found, tuple) else found
    right = (logits.argmax(1) == labels).float().mean().item()
    assert right > 0.15, f"{file} tells {right:.0%} of 60 generated scenes; guessing tells 10 %. Saved after training?"


@pytest.mark.question("accuracy")
def test_the_weights_of_lenet_fit():
    """The saved weights of the default run fit LeNet, and tell scenes apart."""
    assert_tells_scenes_apart(student_code.LeNet(), "lenet.safetensors")


@pytest.mark.question("accuracy")
def test_the_weights_of_the_own_network_fit():
    """The saved weights of OwnNetwork fit it, and tell scenes apart."""
    assert_tells_scenes_apart(student_code.OwnNetwork(), "own_network.safetensors")
