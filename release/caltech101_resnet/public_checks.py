"""The public checks of this assignment: plain pytest, a few per question, each fast.

Run them with ``check("lenet")`` in the notebook or ``python -m given.check lenet`` in a terminal. They find common
mistakes; the graded checks use other inputs and test more.
"""

import inspect
import json
from contextlib import contextmanager
from pathlib import Path
from unittest import mock

import pytest
import torch
from given import caltech
from given.batches import Batches
from given.training import load_weights
from matplotlib.text import Text
from torch import nn
from torch.nn.functional import cross_entropy
from torch.overrides import TorchFunctionMode

import student_code


@pytest.fixture(autouse=True)
def seeded():
    """Seed the random numbers, so that a check gives the same result each time."""
    torch.manual_seed(0)


def count(model, shape=(3, 64, 64)):
    """Return the number of parameters after a first call; before it, lazy layers have none."""
    model(torch.zeros(2, *shape))
    return sum(p.numel() for p in model.parameters())


def assert_learns_everywhere(model):
    """Fail unless every parameter gets a gradient."""
    cross_entropy(model(torch.randn(3, 3, 64, 64)), torch.arange(3)).backward()
    for name, p in model.named_parameters():
        assert p.grad is not None, f"{name} gets no gradient: is this layer used in forward()?"


def assert_logits(model, n=3):
    """Fail unless each picture gets a row of 101 logits, without softmax."""
    logits = model(torch.randn(n, 3, 64, 64))
    assert list(logits.shape) == [n, 101], f"{n} pictures gave the shape {list(logits.shape)}; it should be [{n}, 101]."
    for rows in (logits, logits.exp()):  # of a softmax, and of a log-softmax
        sums_to_one = torch.allclose(rows.sum(1), torch.ones(n), atol=1e-4)
        assert not sums_to_one, "Each row sums to 1: return the logits; the softmax belongs to predict."


class Layers(TorchFunctionMode):
    """Record input and output of each convolution and linear layer, however the network is written."""

    def __init__(self):
        super().__init__()
        self.conv2d, self.linear = [], []  # pairs (input, output)

    def __torch_function__(self, function, types, args=(), kwargs=None):
        """Call the function, and record copies of its input and output."""
        noted = {"conv2d": self.conv2d, "linear": self.linear}.get(getattr(function, "__name__", ""))
        given = args[0].detach().clone() if noted is not None and args else None
        result = function(*args, **(kwargs or {}))
        if given is not None:
            noted.append((given, result.detach().clone()))
        return result


def assert_largest_kept(before, after):
    """Fail unless the largest value of each map passes the max pooling."""
    largest, kept = before.relu().amax((2, 3)), after.amax((2, 3))
    assert torch.allclose(largest, kept, rtol=1e-3, atol=1e-5), (
        "The first pooling changes the largest value of a map: take the maximum of each window, after a ReLU."
    )


# ---------------------------------------------------------------- one_hot, predict


@pytest.mark.question("one_hot")
def test_one_hot_rows_are_floats_with_a_single_one():
    """one_hot gives float rows with a 1 in the column of the label."""
    rows = student_code.one_hot(torch.tensor([2, 0, 3]), num_classes=4)
    assert list(rows.shape) == [3, 4], f"Three labels of four classes gave the shape {list(rows.shape)}, not [3, 4]."
    assert rows.tolist() == [[0, 0, 1, 0], [1, 0, 0, 0], [0, 0, 0, 1]], f"The labels 2, 0, 3 became {rows.tolist()}."
    assert rows.dtype == torch.float32, f"The rows are {rows.dtype}; cross entropy wants torch.float32."


@pytest.mark.question("predict")
def test_probabilities_sum_to_one():
    """predict gives a row of probabilities per picture, without gradients."""
    model = nn.Sequential(nn.Flatten(), nn.Linear(12, 5))
    found = student_code.predict(model, torch.randn(4, 3, 2, 2))
    assert list(found.shape) == [4, 5], f"Four pictures and five classes gave the shape {list(found.shape)}."
    assert torch.allclose(found.sum(1), torch.ones(4)), "The rows do not sum to 1: softmax over the classes, dim=1."
    assert not found.requires_grad, "The probabilities carry gradients: use torch.no_grad()."


@pytest.mark.question("predict")
def test_predict_works_in_evaluation_mode():
    """predict switches dropout off."""
    model = nn.Sequential(nn.Flatten(), nn.Dropout(0.5), nn.Linear(12, 5)).train()
    x = torch.randn(4, 3, 2, 2)
    first, again = student_code.predict(model, x), student_code.predict(model.train(), x)
    assert torch.equal(first, again), "Two calls gave two answers: is model.eval() called?"


# ---------------------------------------------------------------- lenet


@contextmanager
def until_shapes_do_not_fit():
    """End the block at an error of shapes, which another check shows, but not at a task that is still to do."""
    try:
        yield
    except RuntimeError as error:
        if isinstance(error, NotImplementedError):
            raise


@pytest.mark.question("lenet")
def test_the_maps_of_the_lenet_have_the_sizes_of_the_table():
    """The two convolutions give maps of the size in the docstring."""
    model = student_code.CaltechLeNet()
    with Layers() as layers, until_shapes_do_not_fit():
        model(torch.randn(2, 3, 64, 64))
    shapes = [list(given.shape)[1:] for _, given in layers.conv2d]
    right = [[32, 64, 64], [64, 16, 16]], [[32, 60, 60], [64, 11, 11]]
    assert shapes in right, f"The convolutions give maps of {shapes}; the table says {right[0]}."


@pytest.mark.question("lenet")
def test_the_layers_of_the_lenet_are_joined_as_in_the_table():
    """A ReLU follows every layer but the last, pooling takes the maximum, and pictures do not affect each other."""
    model, x = student_code.CaltechLeNet(), nn.functional.interpolate(5 * torch.randn(3, 3, 8, 8), size=64)
    with Layers() as layers, torch.no_grad():
        logits = model(x)
    for number, (given, _) in enumerate((*layers.conv2d[1:], *layers.linear), start=1):
        assert given.min() >= 0, f"Layer {number} of the five passes on negative values: is there a ReLU?"
    assert_largest_kept(layers.conv2d[0][1], layers.conv2d[1][0])
    if len(layers.linear) == 3:  # else they are written in another way
        assert torch.equal(layers.linear[2][1], logits), "Something follows the last layer: return its output as it is."
    with torch.no_grad():
        assert torch.equal(model(x), logits), (
            "The same pictures got different logits the second time: is there dropout?"
        )
        alone = model(x[:1])
    assert torch.allclose(alone, logits[:1], atol=1e-4), (
        "Alone, a picture gets different logits than in a batch: does flatten mix pictures?"
    )


@pytest.mark.question("lenet")
def test_the_lenet_gives_logits():
    """The LeNet gives one row of logits per picture, as many as num_classes."""
    assert_logits(student_code.CaltechLeNet())
    seven = list(student_code.CaltechLeNet(num_classes=7)(torch.zeros(2, 3, 64, 64)).shape)
    assert seven == [2, 7], f"CaltechLeNet(num_classes=7) gives {seven} for 2 pictures; it should give [2, 7]."


@pytest.mark.question("lenet")
def test_the_lenet_has_as_many_parameters_as_the_course_counts():
    """The LeNet has 1,194,654 parameters (410,526 without padding), and all of them learn."""
    n = count(student_code.CaltechLeNet())
    assert n in (1_194_654, 410_526), f"Your CaltechLeNet has {n:,} parameters: compare it layer by layer."
    assert_learns_everywhere(student_code.CaltechLeNet())


# ---------------------------------------------------------------- improve


@pytest.mark.question("improve")
def test_the_improved_setup_is_ready_for_training():
    """improved_setup returns a network, an optimizer that holds its parameters, and a loss."""
    model, optimizer, criterion = student_code.improved_setup()
    assert_logits(model)
    n = count(model)
    assert n <= 2_000_000, f"The network has {n:,} parameters; at most 2,000,000 are allowed."
    held = {id(p) for group in optimizer.param_groups for p in group["params"]}
    missed = [name for name, p in model.named_parameters() if id(p) not in held]
    assert not missed, f"The optimizer does not hold {missed[0]}: was it made with this model's parameters?"
    loss = criterion(model(torch.randn(4, 3, 64, 64)), torch.arange(4))
    assert loss.dim() == 0, f"The loss has the shape {list(loss.shape)}; it should be one number."
    loss.backward()
    for name, p in model.named_parameters():
        assert p.grad is not None, f"{name} gets no gradient: is this layer used in forward()?"


@pytest.mark.question("improve")
def test_the_improved_setup_learns():
    """A few steps on one batch do not make the loss explode."""
    model, optimizer, criterion = student_code.improved_setup()
    x, labels, losses = torch.randn(8, 3, 64, 64), torch.arange(8), []
    for _ in range(5):
        loss = criterion(model.train()(x), labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    values = ", ".join(f"{loss:.3g}" for loss in losses)
    assert max(losses) <= 50 * abs(losses[0]), f"The loss of five steps was {values}: is the learning rate too large?"


def spreads(model):
    """Return the spread of each layer's initial weights, relative to PyTorch's default."""
    return [round(p.std().item() * (3 * p[0].numel()) ** 0.5, 1) for p in model.parameters() if p.dim() > 1]


def compute_the_same(model, plain, x):
    """Return True if two networks with the same weights give the same output in training mode."""
    try:
        plain.load_state_dict(dict(zip(plain.state_dict(), model.state_dict().values(), strict=True)))
    except (RuntimeError, ValueError):
        return False
    return torch.allclose(model.train()(x), plain.train()(x), atol=1e-5)


@pytest.mark.question("improve")
def test_something_is_improved():
    """The network, its initial weights, the loss or the optimizer differs from that of the plain LeNet."""
    unasked = 0.01 * (1 + 1e-9)  # AdamW's default in here, to tell it from a 0.01 that your code asks for
    defaults = tuple(unasked if value == 0.01 else value for value in torch.optim.AdamW.__init__.__defaults__)
    with mock.patch.object(torch.optim.AdamW.__init__, "__defaults__", defaults):
        (model, optimizer, criterion), plain = student_code.improved_setup(), student_code.CaltechLeNet()
    x, logits, labels = torch.randn(4, 3, 64, 64), torch.randn(4, 101), torch.arange(4)
    model(x), plain(x)  # lazy layers have no weights before
    by_itself = getattr(inspect.signature(type(optimizer)).parameters.get("weight_decay"), "default", 0)
    by_itself = unasked if isinstance(optimizer, torch.optim.AdamW) else by_itself
    decays = {group.get("weight_decay", 0) for group in optimizer.param_groups} - {0, by_itself}
    same_loss = abs(criterion(logits, labels).item() - cross_entropy(logits, labels).item()) < 1e-5
    same_start = spreads(model) == spreads(plain)
    if same_loss and same_start and not decays:
        assert not compute_the_same(model, plain, x), (
            "It is CaltechLeNet with plain cross entropy. What is your improvement? The default weight decay of an "
            "optimizer does not count."
        )


# ---------------------------------------------------------------- activations


@pytest.mark.question("activations")
def test_the_maps_have_the_right_shapes():
    """first_activations returns 32 and 64 maps per picture, none of them negative, without gradients."""
    first, second = student_code.first_activations(student_code.CaltechLeNet(), torch.randn(2, 3, 64, 64))
    for name, maps, right in (("first", first, (32, (64, 60))), ("second", second, (64, (16, 11)))):
        shape = list(maps.shape)
        expected = [2, right[0], right[1][0], right[1][0]]
        fits = len(shape) == 4 and shape[:2] == expected[:2]
        assert fits, f"The {name} maps of 2 pictures have the shape {shape}; expected {expected}."
        assert shape[2] in right[1], f"The {name} maps are {shape[2]} pixels high: return those before pooling."
        assert maps.min() >= 0, f"The {name} maps have negative values: return those after the ReLU."
        assert not maps.requires_grad, f"The {name} maps carry gradients: detach them, or use torch.no_grad()."


@pytest.mark.question("activations")
def test_the_maps_are_kept():
    """The maps of one call do not change when the network is used again."""
    model = student_code.CaltechLeNet()
    first, _ = student_code.first_activations(model, torch.randn(2, 3, 64, 64))
    before = first.clone()
    student_code.first_activations(model, torch.randn(2, 3, 64, 64))
    assert torch.equal(first, before), "A second call changed what the first had returned: return copies."


class SavesMemory(nn.Module):
    """The convolutions of a CaltechLeNet, in a network that overwrites maps that it no longer needs."""

    def __init__(self):
        super().__init__()
        self.layers = nn.ModuleList([nn.Conv2d(3, 32, 5, padding=2), nn.Conv2d(32, 64, 5, padding=2)])
        self.relus, self.pool = nn.ModuleList([nn.ReLU(inplace=True), nn.ReLU(inplace=True)]), nn.MaxPool2d(4)

    def forward(self, x):
        """Turn (n, 3, 64, 64) into (n, 64, 4, 4)."""
        for conv, relu in zip(self.layers, self.relus, strict=True):
            maps = relu(conv(x))
            x = self.pool(maps)
            maps.fill_(-1.0)
        return x


@pytest.mark.question("activations")
def test_the_maps_are_copies():
    """A network that overwrites its own maps does not change the maps that you kept."""
    try:
        maps = student_code.first_activations(SavesMemory(), torch.randn(2, 3, 64, 64))
    except NotImplementedError:
        raise
    except Exception:
        return  # code that calls the layers of CaltechLeNet by name cannot look into this network
    for kept in maps:
        assert kept.max() > 0, "The network overwrote the maps that you kept: copy them inside the hook."


@pytest.mark.question("activations")
def test_no_hook_stays_behind():
    """No hook remains on the network after the call."""
    model = student_code.CaltechLeNet()
    student_code.first_activations(model, torch.randn(2, 3, 64, 64))
    hooks = sum(len(layer._forward_hooks) + len(layer._forward_pre_hooks) for layer in model.modules())
    assert hooks == 0, f"{hooks} hooks remain on the model: remove each of them, or the next call records maps again."


def alike(one, other):
    """Return True if two maps differ by a factor and a constant at most."""
    return torch.corrcoef(torch.stack([one.flatten(), other.flatten()]))[0, 1].abs() > 0.999


@pytest.mark.question("activations")
def test_each_map_is_drawn():
    """draw_maps draws 19 maps as 19 images, in order, on one scale."""
    maps = torch.rand(19, 6, 6) * torch.linspace(0.2, 1, 19).reshape(19, 1, 1)
    figure = student_code.draw_maps(maps.clone(), "Nineteen maps")
    assert figure is not None, "draw_maps returned None: return the figure."
    plots = [axes for axes in figure.axes if not hasattr(axes, "_colorbar")]
    images = [image for axes in plots for image in (*axes.images, *axes.collections)]
    assert len(images) == 19, f"19 maps were given, and {len(images)} images were drawn: draw one image per map."
    factors = []
    for number, (image, pixels) in enumerate(zip(images, maps, strict=True), start=1):
        drawn = torch.as_tensor(image.get_array().astype(float), dtype=torch.float32)
        if drawn.shape == pixels.shape:  # else it is drawn in another way than imshow does
            assert not alike(drawn, pixels.T), f"Image {number} is transposed: a map is (rows, columns)."
            assert alike(drawn, pixels), f"Image {number} does not show map {number}: keep the order."
            factors.append((drawn.std() / pixels.std()).item())
        way = getattr(image, "get_interpolation", lambda: "nearest")()
        assert way in ("none", "nearest", "auto", "antialiased"), 'The maps are smoothed: interpolation="nearest".'
    scales = {image.get_clim() for image in images}
    assert len(scales) == 1, "Each map has a scale of its own: give all images the same vmin and vmax."
    assert not factors or max(factors) < 1.01 * min(factors), "Each map was scaled before it was drawn."
    texts = " ".join(text.get_text() for text in figure.findobj(Text))
    assert "nineteenmaps" in "".join(filter(str.isalnum, texts.casefold())), (
        'The title, here "Nineteen maps", is not in the figure.'
    )


# ---------------------------------------------------------------- block, resnet


@pytest.mark.question("block")
def test_blocks_have_as_many_parameters_as_the_paper_counts():
    """A block 64→64 has 73,984 parameters, 64→128 with stride 2 has 230,144."""
    for sizes, right in (((64, 64, 1), 73_984), ((64, 128, 2), 230_144)):
        n = count(student_code.BasicBlock(*sizes), (64, 8, 8))
        free = n in (221_696, 221_824, 221_952)  # the paper's option A, a shortcut without parameters
        biases = n in [right + sizes[1] * k for k in (1, 2, 3)]
        assert n == right or free or biases, f"BasicBlock{sizes} has {n:,} parameters; expected {right:,}."


@pytest.mark.question("block")
def test_a_block_gives_maps_of_its_stride():
    """A block with stride 2 halves the map, in its first convolution."""
    x = torch.randn(2, 8, 6, 6)
    for channels, stride in ((12, 2), (8, 2), (12, 1), (8, 1)):
        block = student_code.BasicBlock(8, channels, stride=stride)
        with Layers() as layers:
            shape = list(block(x.clone()).shape)
        right = [2, channels, 6 // stride, 6 // stride]
        assert shape == right, f"BasicBlock(8, {channels}, stride={stride}) makes {shape} of [2, 8, 6, 6]; not {right}."
        sides = {given.shape[-1] for _, given in layers.conv2d}
        assert sides == {6 // stride}, f"A convolution gives {max(sides)}×{max(sides)}: the stride is in the first one."


@pytest.mark.question("block")
def test_the_layers_of_a_block_are_joined_as_in_the_table():
    """A ReLU follows the first convolution, every layer learns, and the input does not change."""
    block, x = student_code.BasicBlock(8, 8), torch.randn(2, 8, 6, 6)
    before = x.clone()
    with Layers() as layers:
        y = block(x)
    assert torch.equal(x, before), "The block changed its input in place."
    y.sum().backward()
    assert layers.conv2d[-1][0].min() >= 0, "The last convolution gets negative values: is there a ReLU before it?"
    for name, p in block.named_parameters():
        assert p.grad is not None, f"{name} gets no gradient: is the result of this layer used in forward()?"


def still_block(shift):
    """Return a block whose convolutions are zero and whose BatchNorms only add a number."""
    block = student_code.BasicBlock(8, 8).eval()
    block(torch.zeros(2, 8, 6, 6))  # lazy layers have no weights before
    for p in block.parameters():
        p.data.zero_()
    for layer in block.modules():
        if isinstance(layer, nn.BatchNorm2d):
            layer.bias.data.fill_(shift)
    return block


@pytest.mark.question("block")
def test_a_block_of_zeros_hands_on_its_input():
    """A block with all weights zero returns relu(x)."""
    block, x = still_block(0.0), torch.randn(2, 8, 6, 6)
    y = block(x.clone())
    assert not torch.equal(y, x), "With all weights at zero it returns x: where is the ReLU after the addition?"
    assert torch.allclose(y, x.relu()), "With all weights at zero it should return relu(x): is the input added?"


@pytest.mark.question("block")
def test_what_is_added_may_be_negative():
    """A block whose BatchNorms output one number everywhere returns relu(x + that number)."""
    x = torch.randn(2, 8, 6, 6)
    for shift in (-1.0, 1.0):
        y = still_block(shift)(x.clone())
        assert torch.allclose(y, (x + shift).relu(), atol=1e-5), (
            f"With BatchNorms that output {shift:g} it should return relu(x {shift:+g}): add x and the output of the "
            "last BatchNorm directly, and apply a ReLU only after the addition."
        )


@pytest.mark.question("resnet")
def test_the_maps_of_resnet_shrink_as_in_the_table():
    """ResNet-18's maps are 32, then 16, 8, 4 and 2 pixels wide; a ReLU and a max pool follow the first layer."""
    model = student_code.ResNet18().eval()
    for layer in model.modules():
        if isinstance(layer, nn.BatchNorm2d):
            layer.reset_parameters()  # a scale of your own changes the values that are compared below
    with Layers() as layers, until_shapes_do_not_fit(), torch.no_grad():
        model(torch.randn(2, 3, 64, 64))
    sides = list(dict.fromkeys(given.shape[-1] for _, given in layers.conv2d))
    assert sides == [32, 16, 8, 4, 2], (
        f"Your maps are {sides} pixels wide, one after the other; expected 32, 16, 8, 4, 2."
    )
    assert layers.conv2d[1][0].min() >= 0, "conv_2 gets negative values: is there a ReLU after the first BatchNorm?"
    assert_largest_kept(layers.conv2d[0][1], layers.conv2d[1][0])


@pytest.mark.question("resnet")
def test_resnet_has_as_many_parameters_as_the_paper_counts():
    """ResNet-18 gives logits, has 11,228,325 parameters, and all of them learn."""
    model = student_code.ResNet18()
    n = count(model)
    biases = [first + blocks for first in (0, 64) for blocks in (0, 1920, 3840)]
    right = [11_228_325 + more + projections for more in biases for projections in (0, 896)]
    right += [11_054_501 + more for more in biases]  # the paper's option A, shortcuts without parameters
    assert n in right, f"Your ResNet18 has {n:,} parameters, {n - right[0]:+,} from 11,228,325."
    assert_logits(model)
    assert_learns_everywhere(model)
    seven = list(student_code.ResNet18(num_classes=7)(torch.zeros(2, 3, 64, 64)).shape)
    assert seven == [2, 7], f"ResNet18(num_classes=7) gives {seven} for 2 pictures; it should give [2, 7]."


# ---------------------------------------------------------------- class_accuracy


@pytest.mark.question("class_accuracy")
def test_a_small_class_counts_as_much_as_a_large_one():
    """With 2 of 4 right in one class and 1 of 1 in another, the mean is 0.75."""
    labels, predictions = torch.tensor([7, 7, 7, 7, 2]), torch.tensor([7, 7, 2, 5, 2])
    found = float(student_code.mean_class_accuracy(predictions, labels))
    assert found == found, "It is NaN: only classes that occur among the labels count."
    assert found == pytest.approx(0.75), f"It gives {found:.4g}; the mean of 2/4 and 1/1 is 0.75."


# ---------------------------------------------------------------- improved_accuracy, resnet_accuracy


def assert_trained(model, file):
    """Fail unless the weights in the file fit the model and classify better than guessing."""
    assert file.exists(), f"There is no {file}: the notebook saves it after training."
    try:
        load_weights(model, file)
    except Exception as error:
        raise AssertionError(f"{file} does not fit the model: {error} Has the code changed since training?") from None
    counters = [n for n in (getattr(m, "num_batches_tracked", None) for m in model.modules()) if n is not None]
    assert not counters or any(counters), (
        f"{file} holds the weights of a network that has seen no batch in training mode. Was it saved after training?"
    )
    if caltech.choose() == "sample":
        return  # on the sample, a short training is enough to go on
    real, sample = (accuracy(model, dataset) for dataset in ("caltech101", "sample"))
    learned = (
        f"but {sample:.0%} of the sample's: before you hand in, set DATASET to 'caltech101' and train again."
        if sample > 0.3
        else "hardly more than by guessing. Was it saved after training?"
    )
    assert real > 0.3, f"{file} gets {real:.0%} of Caltech-101's validation pictures right, {learned}"


def accuracy(model, dataset):
    """Return the accuracy of the model on every eighth validation picture."""
    images, labels = (values[::8] for values in caltech.load(dataset, train=False))
    [(x, y)] = Batches(images, labels, len(labels), mean=caltech.MEAN, std=caltech.STD)
    with torch.no_grad():
        return (model.eval()(x).argmax(1) == y).float().mean().item()


@pytest.mark.question("improved_accuracy")
def test_the_improved_weights_are_trained():
    """The saved weights of the improved network fit the model and are trained."""
    assert_trained(student_code.improved_setup()[0], Path("improved.safetensors"))


@pytest.mark.question("resnet_accuracy")
def test_the_weights_of_resnet_are_trained():
    """The saved weights of ResNet-18 fit the model and are trained."""
    assert_trained(student_code.ResNet18(), Path("resnet18.safetensors"))


@pytest.mark.question("resnet_accuracy")
def test_the_history_is_there():
    """history.json holds loss and accuracy per epoch for the three networks."""
    file = Path("history.json")
    assert file.exists(), "There is no history.json: the notebook saves it after training."
    histories = json.loads(file.read_text(encoding="utf-8"))
    for model in ("lenet", "improved", "resnet18"):
        assert model in histories, f"history.json has no entry {model!r}; it has {list(histories)}."
        lists = [histories[model][f"{part}_{what}"] for part in ("train", "test") for what in ("loss", "accuracy")]
        lengths = [len(values) for values in lists]
        assert 0 < min(lengths) == max(lengths), f"The four lists of {model} have the lengths {lengths}."
