"""The checks of this assignment that you can run yourself: plain pytest, a few per question, each very fast.

Run them with ``check("lenet")`` in the notebook or ``python -m given.check lenet`` in a terminal. They find common
mistakes; the graded checks use other inputs and test more.
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
from torch.overrides import TorchFunctionMode
from torch.utils.data import DataLoader, TensorDataset

import student_code

LENET = 151_324  # parameters
NUMBERS = 500_000  # that OwnNetwork may save
COST = 50  # million multiply-adds that an image may cost it


@pytest.fixture(autouse=True)
def seeded():
    """Set the same seed before every check, so that it gives the same result each time."""
    torch.manual_seed(0)


def count(model):
    """Return the number of parameters, after a first call: lazy layers have none before."""
    model(torch.zeros(2, 3, 32, 32))
    return sum(p.numel() for p in model.parameters())


def assert_learns_everywhere(model, logits):
    """Check that every parameter gets a gradient."""
    cross_entropy(logits, torch.arange(len(logits))).backward()
    for name, p in model.named_parameters():
        moved = p.grad is not None and p.grad.abs().sum() > 0
        assert moved, f"{name} gets no gradient: is this layer used in forward()?"


def assert_logits(logits, n):
    """Check that each image gets a hundred logits: no softmax."""
    assert isinstance(logits, torch.Tensor), f"A {type(logits).__name__} was returned instead of the logits."
    assert list(logits.shape) == [n, 100], (
        f"{n} images gave logits of shape {list(logits.shape)}; it should be [{n}, 100]."
    )
    for rows in (logits, logits.exp()):  # of a softmax, and of a log-softmax
        sums_to_one = torch.allclose(rows.sum(1), torch.ones(n), atol=1e-4)
        assert not sums_to_one, "Each row sums to 1: return the logits; the loss applies the softmax itself."


class Layers(TorchFunctionMode):
    """Records input and output of each convolution and linear layer, whatever the style of the network."""

    def __init__(self):
        super().__init__()
        self.conv2d, self.linear, self.multiply_adds = [], [], 0

    def __torch_function__(self, function, types, args=(), kwargs=None):
        """Call the function, and record copies of its input and output."""
        noted = {"conv2d": self.conv2d, "linear": self.linear}.get(getattr(function, "__name__", ""))
        given = args[0].detach().clone() if noted is not None and len(args) > 1 else None
        result = function(*args, **(kwargs or {}))
        if given is not None:
            noted.append((given, result.detach().clone()))
            self.multiply_adds += result.numel() * args[1].numel() // len(args[1])
        return result


# ---------------------------------------------------------------- scenes


@pytest.fixture
def places(tmp_path):
    """Return a folder of 12 and 7 uniform pictures, red in proportion to the label; every third file is grey."""
    for split, below, n in (("train", "train/a/abbey", 12), ("val", "val", 7)):
        (tmp_path / "images" / below).mkdir(parents=True)
        lines = []
        for i in range(n):
            label = 37 * (i + n) % 100
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
    for split, lines in (("train", 12), ("val", 7)):
        for folder in (places, str(places)):
            n = len(student_code.MiniPlaces(folder, split))
            assert n == lines, f"{split}.txt has {lines} lines; len() says {n}, with the folder as {folder!r}."


@pytest.mark.question("scenes")
def test_a_photograph_keeps_its_label(places):
    """Each photograph is a PIL image in RGB, with the label of its own line."""
    dataset = student_code.MiniPlaces(places, "train")
    lines = [int(line.split()[1]) for line in (places / "train.txt").read_text().splitlines()]
    labels = [int(dataset[i][1]) for i in range(12)]
    assert labels == lines, f"The labels are {labels}; line by line, train.txt has {lines}."
    for photograph, label in (dataset[i] for i in range(12)):
        assert isinstance(photograph, Image.Image), f"Without a transform, a {type(photograph).__name__} was given out."
        assert photograph.mode == "RGB", f'A photograph has the mode {photograph.mode}: call convert("RGB") on each.'
        red = photograph.getpixel((0, 0))[0]
        assert red == 2 * int(label), f"The photograph of class {red // 2} came with the label {label!r}."
        assert isinstance(label, int), f"A label is {label!r}, a {type(label).__name__}; it should be an int."


@pytest.mark.question("scenes")
def test_the_transform_is_used(places):
    """The dataset returns what transform returns."""
    dataset = student_code.MiniPlaces(places, "val", transform=lambda photograph: photograph.size)
    assert dataset[0][0] == (16, 16), "What transform returned was not given out."


# ---------------------------------------------------------------- flip


@pytest.mark.question("flip")
def test_half_of_a_batch_is_mirrored():
    """flip_scenes mirrors about half of the images, each independently of the others."""
    images = torch.rand(64, 3, 5, 5)
    before = images.clone()
    result = student_code.flip_scenes(images)
    assert torch.equal(images, before), "flip_scenes changed its argument: return a new tensor instead."
    assert result.shape == images.shape, f"The shape became {list(result.shape)}; it was {list(images.shape)}."
    same = (result == images).flatten(1).all(1)
    mirrored = (result == images.flip(-1)).flatten(1).all(1)
    assert (same | mirrored).all(), "An image came back neither as it was nor mirrored left for right."
    assert 16 < mirrored.sum() < 48, f"{int(mirrored.sum())} of 64 images were mirrored; about half is asked for."
    again = student_code.flip_scenes(images)
    assert not torch.equal(again, result), "The same images were mirrored the second time: each time is by chance."


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
        assert told == shape, f"Stage {stage} is reported as {told} for 7 images; it should be {shape}."


@pytest.mark.question("lenet")
def test_lenet_has_its_parameters():
    """LeNet has 151,324 parameters, and each of them learns."""
    model = student_code.LeNet()
    n = count(model)
    layers = sum(p.dim() > 1 for p in model.parameters())
    hint = "Has every layer its bias?" if layers == 5 else f"It has {layers} layers with weights; five are asked for."
    assert n == LENET, f"LeNet has {n:,} parameters; 151,324 are asked for. {hint}"
    logits, _ = model(torch.randn(7, 3, 32, 32))
    assert_logits(logits, 7)
    assert_learns_everywhere(model, logits)


@pytest.mark.question("lenet")
def test_other_sizes_and_classes_work():
    """input_shape and num_classes are used."""
    logits, shapes = student_code.LeNet(input_shape=(43, 27), num_classes=7)(torch.randn(2, 3, 43, 27))
    assert list(logits.shape) == [2, 7], f"num_classes=7 gave logits of shape {list(logits.shape)} for 2 images."
    told = [int(n) for n in shapes[2]]
    assert told == [2, 16, 7, 3], f"For images of 43×27, stage 2 was reported as {told}; it should be [2, 16, 7, 3]."


@pytest.mark.question("lenet")
def test_the_layers_of_lenet_are_joined_as_in_the_table():
    """A ReLU follows every layer but the last, and the pooling takes the maximum."""
    model = student_code.LeNet()  # which may run a few layers on its own
    with Layers() as layers, torch.no_grad():
        logits, _ = model(3 * torch.randn(4, 3, 32, 32))
    for number, (given, _) in enumerate((*layers.conv2d[1:], *layers.linear), start=1):
        assert given.min() >= 0, f"Negative values come after layer {number} of the five: is there a ReLU?"
    largest, kept = layers.conv2d[0][1].relu().amax((2, 3)), layers.conv2d[1][0].amax((2, 3))
    assert torch.allclose(largest, kept, atol=1e-5), (
        "The first pooling changes the largest value of a map: take the maximum of each window, after a ReLU."
    )
    if len(layers.linear) == 3:  # else they are written in another way
        assert torch.equal(layers.linear[2][1], logits), "Something follows the last layer; logits come as they are."


@pytest.mark.question("lenet")
def test_an_image_does_not_depend_on_its_neighbours():
    """An image gets the same logits alone as in a batch, and each time."""
    model, x = student_code.LeNet(), torch.randn(4, 3, 32, 32)
    again = torch.equal(model(x)[0], model(x)[0])
    assert again, "The same images got other logits the second time: is there a dropout?"
    alone = torch.cat([model(image.unsqueeze(0))[0] for image in x])
    assert torch.allclose(model(x)[0], alone, atol=1e-4), "Alone, an image gets other logits: does flatten mix images?"


# ---------------------------------------------------------------- logits


class Talks(nn.Module):
    """A network that returns two things."""

    def __init__(self):
        super().__init__()
        self.linear = nn.Linear(3, 2)

    def forward(self, x):
        """Return logits, and something else."""
        return self.linear(x), {1: list(x.shape)}


@pytest.mark.question("logits")
def test_the_wrapper_gives_the_logits_alone():
    """LogitsOnly returns the logits of the network in it, and trains that network."""
    model, x = Talks(), torch.randn(4, 3)
    wrapper = student_code.LogitsOnly(model)
    assert isinstance(wrapper(x), torch.Tensor), "The wrapper returned no tensor."
    assert torch.equal(wrapper(x), model(x)[0]), "The wrapper returned something other than the logits."
    held = {id(p) for p in wrapper.parameters()} == {id(p) for p in model.parameters()}
    assert held, "wrapper.parameters() are not those of the network: keep it as an attribute, and make no copy."


# ---------------------------------------------------------------- dense


@pytest.mark.question("dense")
def test_a_dense_layer_is_counted():
    """dense_parameters counts weights and biases."""
    n = student_code.dense_parameters((2, 3), (4,))
    assert n == 28, f"From 2×3 numbers to 4 there are 24 weights and 4 biases; the count is {n}."
    n = student_code.dense_parameters((3, 32, 32), (6, 28, 28))
    assert n == 14_455_392, f"In place of conv1, a dense layer needs 14,455,392 parameters; the count is {n:,}."


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
    """FullyConnectedNet has a non-linearity after every layer but the last."""
    model, x = student_code.FullyConnectedNet().double().eval(), torch.randn(4, 3, 32, 32).double()
    a, b, middle = model(x), model(-x), model(0 * x)
    assert not torch.allclose(a + b, 2 * middle, atol=1e-9), "It is linear: what is between its layers?"
    with Layers() as layers, torch.no_grad():
        model(x)
    for number, ((_, gives), (gets, _)) in enumerate(zip(layers.linear, layers.linear[1:], strict=False), start=1):
        assert not torch.equal(gives, gets), (
            f"Layer {number + 1} gets exactly what layer {number} returns: where is the non-linearity?"
        )


# ---------------------------------------------------------------- run


def small_loaders(batch_size):
    """Return (train_loader, val_loader) of twelve images of noise."""
    data = TensorDataset(torch.randn(12, 3, 32, 32, generator=torch.Generator().manual_seed(0)), torch.arange(12))
    return DataLoader(data, batch_size, shuffle=True), DataLoader(data, 6)


@pytest.mark.question("run")
def test_a_run_gives_network_and_history():
    """run_configuration returns the LeNet, and a history with one value per epoch."""
    run = student_code.Configuration("short", batch_size=5, epochs=2)
    returned = student_code.run_configuration(run, small_loaders)
    pair = isinstance(returned, tuple) and len(returned) == 2
    assert pair, f"It returned a {type(returned).__name__}; it should return (model, history)."
    model, history = returned
    assert isinstance(model, student_code.LeNet), f"The network is a {type(model).__name__}; return the LeNet itself."
    for name in ("train_loss", "test_loss", "train_accuracy", "test_accuracy"):
        assert name in history, f"The history has no list {name!r}."
        assert len(history[name]) == 2, f"{name} has {len(history[name])} values for 2 epochs."


class Watch:
    """Replaces the loops and LeNet during a run, and records their arguments."""

    def __init__(self, monkeypatch):
        self.calls, self.optimizers, self.networks, self.loaders = [], [], [], []
        own = student_code.LeNet
        monkeypatch.setattr(student_code, "train_model", self.train_model)
        monkeypatch.setattr(student_code, "test_model", self.test_model)
        monkeypatch.setattr(student_code, "LeNet", lambda *args, **named: self.made(own(*args, **named)))

    def made(self, network):
        """Record a new network."""
        self.networks.append(network)
        return network

    def loaders_for(self, batch_size):
        """Record and return the loaders."""
        self.loaders = small_loaders(batch_size)
        return self.loaders

    def train_model(self, model, train_loader, optimizer, criterion, epoch):
        """Record model, loader and optimizer of a training epoch."""
        self.optimizers.append(optimizer)
        return self.note("train", model, train_loader, criterion)

    def test_model(self, model, test_loader, criterion):
        """Record model and loader of a measurement."""
        return self.note("test", model, test_loader, criterion)

    def note(self, kind, model, loader, criterion):
        """Record a call; return numbers in place of loss and accuracy."""
        logits, label = torch.tensor([[3.0, 1.0, 0.0]]), torch.tensor([0])
        same = abs(float(criterion(logits, label)) - float(cross_entropy(logits, label))) < 1e-4
        assert same, "The loss is not plain cross entropy of the logits."
        gives = type(model(torch.zeros(2, 3, 32, 32))).__name__
        self.calls.append((kind, "train" if loader is self.loaders[0] else "val", gives))
        loss = len(self.optimizers) + (0.5 if kind == "test" else 0.0)
        return loss, loss / 10


@pytest.mark.question("run")
def test_a_run_follows_its_configuration(monkeypatch):
    """A run has the batch size, the optimizer and the epochs of its configuration."""
    watch = Watch(monkeypatch)
    run = student_code.Configuration("short", batch_size=4, lr=0.02, momentum=0.7, epochs=3)
    _, history = student_code.run_configuration(run, watch.loaders_for)
    kinds = [kind for kind, _, _ in watch.calls]
    assert "train" in kinds, "train_model was not called: the loop of the first assignment is yours to use."
    assert {gives for _, _, gives in watch.calls} == {"Tensor"}, "The loops need a LogitsOnly around the LeNet."
    assert kinds.count("train") == 3, f"{kinds.count('train')} epochs were trained; the configuration says 3."
    measured = all(
        after == "test" for before, after in zip(kinds, [*kinds[1:], "end"], strict=True) if before == "train"
    )
    assert measured, "An epoch was trained and not measured: call test_model after each."
    for kind, loader in (("train", "train"), ("test", "val")):
        used = {which for each, which, _ in watch.calls if each == kind}
        assert used == {loader}, (
            f"{kind}_model got the {' and the '.join(sorted(used))} loader; give it {loader}_loader."
        )
    size = watch.loaders[0].batch_size
    assert size == 4, f"The loaders have the batch size {size}; the configuration says 4."
    for group in (group for optimizer in watch.optimizers for group in optimizer.param_groups):
        kind = type(watch.optimizers[0]).__name__
        assert kind == "SGD", f"The optimizer is {kind}; plain SGD is asked for."
        got = group["lr"], group["momentum"], group["weight_decay"]
        assert got == (0.02, 0.7, 0), f"lr, momentum and weight decay are {got}; the configuration says (0.02, 0.7, 0)."
    assert len(watch.networks) == 1, f"{len(watch.networks)} networks were made in one run; make one, and train it."
    expected = {"train_loss": [1.0, 2.0, 3.0], "test_loss": [1.5, 2.5, 3.5]}
    for name, values in expected.items():
        assert history[name] == values, f"{name} is {history[name]}; the loops returned {values}."


@pytest.mark.question("run")
def test_a_run_can_be_repeated():
    """The same configuration gives the same run, and another seed gives another run."""
    losses = []
    for seed in (3, 3, 4):
        run = student_code.Configuration("short", batch_size=4, epochs=1, seed=seed)
        losses.append(student_code.run_configuration(run, small_loaders)[1]["train_loss"])
    assert losses[0] == losses[1], "Two runs with one seed differ: is the seed set before the network is made?"
    assert losses[0] != losses[2], "Two runs with different seeds are the same: set the seed of the configuration."


# ---------------------------------------------------------------- results


def read_numbers(file):
    """Return the number in each line of a file; it may contain nothing else."""
    numbers = []
    for line in filter(str.strip, file.read_text(encoding="utf-8-sig").splitlines()):
        try:
            numbers.append(float(line))
        except ValueError:
            raise AssertionError(f"{file.name} has the line {line!r}; write a number alone in each line.") from None
    return numbers


@pytest.mark.question("results")
def test_results_are_written_in_order(tmp_path):
    """write_results writes the best of each run, in percent, in the order of CONFIGURATIONS."""
    names = [configuration.name for configuration in student_code.CONFIGURATIONS]
    accuracies = [0.1612, 0.1834, 0.1756, 0.0478, 0.1498, 0.2011, 0.1333]
    histories = {
        name: {"test_accuracy": [0.01, a, a - 0.01], "train_accuracy": [0.5, 0.6, 0.7]}
        for name, a in zip(names, accuracies, strict=True)
    }
    histories["own_network"] = {"test_accuracy": [0.3, 0.4], "train_accuracy": [0.5, 0.6]}
    shuffled = {name: histories[name] for name in sorted(histories)}
    student_code.write_results(shuffled, tmp_path / "results.txt")
    values = read_numbers(tmp_path / "results.txt")
    assert len(values) == 7, f"The file has {len(values)} numbers; seven are asked for, one per line."
    assert max(values) > 1, f"The numbers are at most {max(values):g}: are they percent?"
    right = [round(100 * a, 2) for a in accuracies]
    assert Counter(values) == Counter(right), f"The lines are {values}; the best accuracies in percent are {right}."
    assert values == right, f"The order is {values}; in the order of CONFIGURATIONS it is {right}."


# ---------------------------------------------------------------- own


@pytest.mark.question("own")
def test_the_own_network_keeps_within_its_cap():
    """OwnNetwork saves at most 500,000 numbers, and returns a hundred logits per image."""
    model = student_code.OwnNetwork()
    logits = model(torch.randn(7, 3, 32, 32))
    assert_logits(logits, 7)
    n = sum(value.numel() for value in model.state_dict().values())
    assert n <= NUMBERS, f"OwnNetwork saves {n:,} numbers; at most {NUMBERS:,} are allowed."
    for p in model.parameters():
        p.data.add_(0.001 * torch.randn_like(p))  # a scale that starts at zero lets no gradient through before
    assert_learns_everywhere(model, model(torch.randn(7, 3, 32, 32)))
    with Layers() as layers, torch.no_grad():
        model.eval()(torch.randn(1, 3, 32, 32))
    cost = layers.multiply_adds / 1e6
    assert cost <= COST, f"An image costs about {cost:.0f} million multiply-adds; at most {COST} million are allowed."


# ---------------------------------------------------------------- seven


@pytest.mark.question("seven")
def test_results_txt_fits_history():
    """results.txt holds the best accuracy of each of the seven runs in history.json."""
    results, file = Path("results.txt"), Path("history.json")
    for each in (results, file):
        assert each.exists(), f"There is no {each}: the notebook writes it after the seven runs."
    values = read_numbers(results)
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
    """Check that the weights in the file fit the model, and do better than guessing."""
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
    logits = found[0] if isinstance(found, tuple | list) else found
    right = (logits.argmax(1) == labels).float().mean().item()
    assert right > 0.15, (
        f"{file} gets {right:.0%} of 60 generated scenes right; guessing gets 10 %. Was it saved after training?"
    )


@pytest.mark.question("accuracy")
def test_the_weights_of_lenet_fit():
    """The saved weights of the default run fit LeNet, and distinguish scenes."""
    assert_tells_scenes_apart(student_code.LeNet(), "lenet.safetensors")


@pytest.mark.question("accuracy")
def test_the_weights_of_the_own_network_fit():
    """The saved weights of OwnNetwork fit it, and distinguish scenes."""
    assert_tells_scenes_apart(student_code.OwnNetwork(), "own_network.safetensors")
