"""The probes: calls and inputs, never answers.

Each probe runs in the jail on the student's code, and again in the judge on the reference with the same draws; the
checks compare the two. Weights are drawn too, so that none has to be trusted. A probe of
one task needs no other task.
"""

import contextlib
import copy
import io
import itertools
import time
from unittest import mock

import torch
import tqdm
from matplotlib import pyplot as plt
from matplotlib.figure import Figure
from matplotlib.text import Text
from PIL import Image
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.data import DataLoader, Dataset, TensorDataset, default_collate

# ---------------------------------------------------------------- used by several probes


def pair(draw, returned):
    """Loss and accuracy as a loop returned them."""
    loss, accuracy = returned if isinstance(returned, tuple | list) and len(returned) == 2 else (None, None)
    return {"loss": draw.scalar(loss), "accuracy": draw.scalar(accuracy)}


def mirror(image):
    """An augmentation that can be recognised."""
    return torch.flip(image, (-1,))


# ---------------------------------------------------------------- dataset

NUMBERS = ("9", "10", "00123", "1234567", "0", "007", "42", "99", "100", "31415", "8", "64")


def write_digits(draw, name, n=12):
    """A folder whose name holds an underscore, with an image of drawn pixels for each of the first n numbers."""
    folder = draw.folder() / name
    folder.mkdir()
    pixels = draw.integers(0, 256, n, 32, 32).to(torch.uint8)
    labels = draw.integers(0, 10, n)
    for number, image, label in zip(NUMBERS[:n], pixels, labels.tolist(), strict=True):
        Image.fromarray(image.numpy()).save(folder / f"{number}_{label}.png")
    return folder, pixels, labels


def open_digits(student, folder, *augment):
    """The student's dataset, whichever of Path and str it takes."""
    try:
        return student.DigitImages(folder, *augment)
    except (TypeError, AttributeError):
        return student.DigitImages(str(folder), *augment)


def probe_images(student, draw):
    folder, pixels, labels = write_digits(draw, "digits_5")
    dataset = open_digits(student, folder)
    images, labels_read = zip(*(dataset[i] for i in range(len(dataset))), strict=True)
    return {
        "images": default_collate(list(images)),
        "labels": default_collate(list(labels_read)),  # what a DataLoader makes of them
        "read": [int(label) for label in labels_read],
        "pixels": pixels,
        "written": labels,
    }


def probe_other_files(student, draw):
    folder, _, _ = write_digits(draw, "digits_6", int(draw.integers(5, 13, 1)))
    (folder / "notes_3.txt").write_text("not an image")
    return {"length": len(open_digits(student, folder))}


def probe_folder_types(student, draw):
    folder, _, _ = write_digits(draw, "digits_7", int(draw.integers(5, 13, 1)))
    return {"path": len(student.DigitImages(folder)), "str": len(student.DigitImages(str(folder)))}


def probe_augment_hook(student, draw):
    given = []

    def augment(image):
        given.append(image.clone())
        return mirror(image)

    folder, pixels, _ = write_digits(draw, "digits_8")
    dataset = open_digits(student, folder, augment)
    images = default_collate([dataset[i][0] for i in range(len(dataset))])
    return {"given": torch.stack(given) if given else None, "images": images, "pixels": pixels}


# ---------------------------------------------------------------- loaders


def stand_in(folders):
    """A class to take the place of DigitImages: the pixels of a folder as they are, from memory."""

    class Digits(Dataset):
        def __init__(self, folder, augment=None):
            self.pixels, self.augment = folders[str(folder)], augment

        def __len__(self):
            return len(self.pixels)

        def __getitem__(self, index):
            image = self.pixels[index].unsqueeze(0) / 255
            return image if self.augment is None else self.augment(image), 0

    return Digits


def probe_loaders(student, draw):
    (train, train_pixels, _), (test, test_pixels, _) = write_digits(draw, "train_1"), write_digits(draw, "test_1")
    digits = stand_in({str(train): train_pixels, str(test): test_pixels})
    try:  # a mistake in the student's DigitImages is not one in their loaders
        with mock.patch.object(student, "DigitImages", digits, create=True):
            loaders = student.make_loaders(train, test, 5, mirror)
    except Exception:  # code that asks its own DigitImages for more than images
        loaders = student.make_loaders(train, test, 5, mirror)
    result = {"train_pixels": train_pixels, "test_pixels": test_pixels}
    for name, loader in zip(("train", "test"), loaders, strict=True):
        epochs = [[batch[0] for batch in loader] for _ in range(3)]
        result[f"{name}_epochs"] = {str(number): torch.cat(batches) for number, batches in enumerate(epochs)}
        result[f"{name}_sizes"] = [len(batch) for batch in epochs[0]]
    return result


# ---------------------------------------------------------------- convolve


class Convolutions(TorchDispatchMode):
    """Counts the convolutions that PyTorch computes."""

    def __init__(self):
        super().__init__()
        self.count = 0

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        self.count += "convolution" in function.__name__  # str(function) takes 15 times as long as all the rest
        return function(*args, **(kwargs or {}))


def convolved(student, draw, stride, padding):
    """One call with drawn values and sizes: several channels and maps; image, kernel and result are not square.

    The last step down ends at the last row, padding included; the last step to the right leaves columns over.
    """
    channels, maps, height, wider, rows, columns = draw.integers(2, 5, 6).tolist()
    columns += 2 * (rows == columns)
    height, width = 7 + height, 10 + height + wider
    height -= (height + 2 * padding - rows) % stride
    width += stride > 1 and (width + 2 * padding - columns) % stride == 0
    image = draw.normal(channels, height, width)
    kernel, bias = draw.normal(maps, channels, rows, columns), draw.normal(maps)
    given = image.clone()
    with Convolutions() as library:
        result = student.convolve(given, kernel, bias, stride, padding)
    changed = not torch.equal(given, image)
    seen = {"image": image, "kernel": kernel, "bias": bias, "stride": stride, "padding": padding}
    return {**seen, "result": result, "changed": changed, "library": library.count}


def probe_convolve(student, draw):
    return convolved(student, draw, stride=1, padding=0)


def probe_convolve_stride(student, draw):
    return convolved(student, draw, stride=2, padding=0)


def probe_convolve_padding(student, draw):
    return convolved(student, draw, stride=1, padding=2)


def probe_convolve_both(student, draw):
    return convolved(student, draw, stride=int(draw.integers(2, 4, 1)), padding=int(draw.integers(1, 4, 1)))


# ---------------------------------------------------------------- lenet, mlp


def some_images(draw):
    """A few images; how many is drawn, too."""
    return draw.normal(int(draw.integers(3, 10, 1)), 1, 32, 32)


def probe_lenet(student, draw):
    images = some_images(draw)
    model = draw.fill(draw.initialize(student.LeNet5(), images)).eval()  # a last layer may begin with zeros
    return {"images": images, **draw.graph(model, images)}


def probe_lenet_classes(student, draw):
    images, classes = some_images(draw), int(draw.integers(11, 40, 1))
    model = draw.fill(draw.initialize(student.LeNet5(num_classes=classes), images)).eval()
    return {"images": images, "classes": classes, **draw.graph(model, images)}


def probe_lenet_twin(student, draw):
    images = draw.normal(9, 1, 32, 32)
    model = draw.fill(draw.initialize(student.LeNet5(), images)).eval()
    return {"images": images, "logits": model(images), "state": model.state_dict()}


def probe_lenet_gradients(student, draw):
    images = draw.normal(9, 1, 32, 32)
    model = draw.fill(draw.initialize(student.LeNet5(), images))
    logits = model(images)
    nn.functional.cross_entropy(logits, draw.integers(0, 10, 9)).backward()
    return {"parameters": draw.parameters(model)}


def probe_lenet_repeats(student, draw):
    images = draw.normal(5, 1, 32, 32)
    model = draw.fill(draw.initialize(student.LeNet5(), images))
    return {"images": images, **draw.graph(model, images), **draw.repeats(model, images)}


def probe_mlp(student, draw):
    images = some_images(draw)
    model = draw.fill(draw.initialize(student.CustomMLP(), images))
    nn.functional.cross_entropy(model(images), draw.integers(0, 10, len(images))).backward()
    claimed = draw.parameters(model)
    return {"images": images, "parameters": claimed, **draw.graph(model.eval(), images)}


def probe_mlp_repeats(student, draw):
    images = draw.normal(5, 1, 32, 32)
    model = draw.fill(draw.initialize(student.CustomMLP(), images)).eval()
    return {"images": images, **draw.graph(model, images), **draw.repeats(model, images)}


# ---------------------------------------------------------------- count


def counted(student, draw, **models):
    """Count each model with the student's function; all are large, so that rounding does not hide a mistake.

    ``others``: six layers of different sizes, in drawn order, so that counts that were made up do not fit.
    """
    others = [linear(size, size) for size in (200 + 200 * draw.choice(6, 6)).tolist()]
    counts = {name: draw.scalar(student.count_model_params(model)) for name, model in models.items()}
    return {**counts, "others": [draw.scalar(student.count_model_params(model)) for model in others]}


def linear(inputs, outputs, bias=True):
    """A linear layer of zeros: drawing millions takes longer than all else here."""
    layer = nn.Linear(1, 1, bias=bias)
    layer.in_features, layer.out_features = inputs, outputs
    layer.weight = nn.Parameter(torch.zeros(outputs, inputs))
    if bias:
        layer.bias = nn.Parameter(torch.zeros(outputs))
    return layer


def width(draw):
    return int(draw.integers(900, 1400, 1))


def probe_count(student, draw):
    small = nn.Sequential(nn.Conv2d(1, 7, 5), nn.Flatten(), linear(width(draw), 10))  # 192 + 10 · width
    large = linear(width(draw), width(draw))
    counts = counted(student, draw, small=small, large=large)
    return {**counts, "rows": len(large.weight), "biases": len(large.bias)}


def probe_count_frozen(student, draw):
    half, other = linear(1000, width(draw)), linear(width(draw), 1000)
    both = nn.Sequential(copy.deepcopy(half), copy.deepcopy(other))
    frozen = nn.Sequential(half, copy.deepcopy(other).requires_grad_(False))
    return counted(student, draw, both=both, frozen=frozen, half=half)


def probe_count_tied(student, draw):
    size = width(draw)
    one, other = linear(size, size, bias=False), linear(size, size, bias=False)
    apart = nn.Sequential(one, nn.ReLU(), copy.deepcopy(one))
    other.weight = one.weight
    return counted(student, draw, one=one, tied=nn.Sequential(one, nn.ReLU(), other), apart=apart)


def probe_count_buffers(student, draw):
    model = linear(1000, width(draw))
    larger = nn.Sequential(model, linear(1000, 1000))
    buffered = copy.deepcopy(model)
    buffered.register_buffer("mask", torch.ones(1000, 1000))
    return counted(student, draw, model=model, buffered=buffered, larger=larger)


def probe_count_nested(student, draw):
    layer = linear(1000, width(draw), bias=False)
    own = nn.Module()
    own.inner = nn.ModuleDict({"table": nn.ParameterList([copy.deepcopy(layer.weight).detach()])})
    return counted(student, draw, layer=layer, own=own, larger=nn.Sequential(layer, linear(1000, 1000)))


# ---------------------------------------------------------------- train, test


class Remember(nn.Module):
    """Keeps what passes through."""

    def __init__(self):
        super().__init__()
        self.rows = []

    def forward(self, x):
        self.rows.append(x.detach().clone())
        return x

    def __deepcopy__(self, memo):
        return self  # a loop may measure a copy of the model


class Modes(nn.Module):
    """Notes the mode and the mean at each forward pass, and the mode where a gradient came back to the output."""

    def __init__(self):
        super().__init__()
        self.asked, self.trained, self.means = [], [], []

    def forward(self, x):
        training = self.training
        self.asked.append(training)
        self.means.append(x.mean().item())
        if x.requires_grad:
            x.register_hook(lambda _: self.trained.append(training))
        return x


def network(draw, *middle):
    """A small network of ours with drawn weights, (n, 1, 8, 8) → (n, 10); without a middle it is one matrix."""
    model = nn.Sequential(nn.Flatten(), *middle, nn.Linear(64, 10), Remember())
    for parameter in model.parameters():
        parameter.data.copy_(draw.normal(*parameter.shape) * 0.3)
    return model


def some_batches(draw, n=14, size=4):
    """Images, labels, and a loader that keeps their order; the last batch is smaller."""
    images, labels = draw.normal(n, 1, 8, 8), draw.integers(0, 10, n)
    return {"images": images, "labels": labels}, DataLoader(TensorDataset(images, labels), size)


def easy_batches(draw, model):
    """Batches that the model is mostly wrong on, but for the last; their loss is no number of three digits."""
    while True:
        data, loader = some_batches(draw)
        easy_end(model, draw, data)
        loss = sum(CRITERION(model(images), labels).item() for images, labels in loader) / 4
        if abs(loss - round(loss, 3)) > 2e-4:
            return data, loader


def twice(earlier, later):
    """Name the results of two calls of a loop: the second must not depend on the first."""
    return {**later, **{f"first_{name}": value for name, value in earlier.items()}}


def momentum(model, lr):
    return torch.optim.SGD(model.parameters(), lr=lr, momentum=0.9)


CRITERION = nn.CrossEntropyLoss(label_smoothing=0.1)  # not the plain one, so that another than ours shows


def probe_train_one_batch(student, draw):
    model, (data, loader) = network(draw), some_batches(draw, n=4)
    start = copy.deepcopy(model.state_dict())
    student.train_model(model, loader, momentum(model, 0.1), CRITERION, 1)
    return {**data, "start": start, "end": model.state_dict()}


def probe_train_epoch(student, draw):
    model, (data, loader) = network(draw), some_batches(draw)
    start = copy.deepcopy(model.state_dict())
    draw.fill_gradients(model)
    stale = {name: parameter.grad.clone() for name, parameter in model.named_parameters()}
    student.train_model(model, loader, momentum(model, 0.1), CRITERION, 1)
    return {**data, "start": start, "stale": stale, "end": model.state_dict()}


def probe_train_mode(student, draw):
    modes = Modes()
    model, (_, loader) = network(draw, nn.Linear(64, 64), modes).eval(), some_batches(draw)
    student.train_model(model, loader, momentum(model, 0.01), CRITERION, 1)
    return {"asked": modes.asked, "trained": modes.trained, "means": modes.means}


HITS = torch.tensor([[0, 1, 3], [0, 3, 3], [1, 3, 3], [0, 0, 3], [0, 0, 1]])


def easy_end(model, draw, data):
    """Labels such that the model is right on the last, smaller batch and on few of the others.

    How many in each of the first three batches is one of HITS, in any order: with these no two misreadings of the
    accuracy give the same number, nor do the right answers and the wrong ones.
    """
    labels = model(data["images"]).argmax(1).detach()
    for batch, hits in enumerate(HITS[draw.integers(0, len(HITS), 1)][0, draw.choice(3, 3)].tolist()):
        missed = 4 * batch + draw.choice(4, 4 - hits)
        labels[missed] = (labels[missed] + draw.integers(1, 10, len(missed))) % 10  # above the answer, or below it
    data["labels"].copy_(labels)


def probe_train_returns(student, draw):
    model = network(draw)
    data, loader = easy_batches(draw, model)
    optimizer = momentum(model, 0.0)  # the weights stay, so that a mistake in the steps does not show here
    earlier = pair(draw, student.train_model(model, loader, optimizer, CRITERION, 1))
    later = pair(draw, student.train_model(model, loader, optimizer, CRITERION, 2))
    return {**data, **twice(earlier, later), "logits": model(data["images"])}


class Terminal(io.StringIO):
    """What is printed, as on a terminal, where progress bars move."""

    def isatty(self):
        return True


def bars_of_tqdm():
    """How far each bar of tqdm shows to be: that of notebooks moves without printing."""
    return [(id(bar), bar.last_print_n) for bar in list(getattr(tqdm.std.tqdm, "_instances", ())) if not bar.disable]


def fast_clock():
    """A clock for tqdm: one that shows itself every few seconds is a bar, too."""
    return 200 * time.time()


def probe_train_bar(student, draw):
    """Half a second of training: how often what is shown has changed when a batch is asked for."""
    model, shown = network(draw), []
    data, _ = some_batches(draw, n=250, size=1)
    terminal = Terminal()

    class Slow(Dataset):
        def __len__(self):
            return len(data["labels"])

        def __getitem__(self, index):
            shown.append((len(terminal.getvalue()), bars_of_tqdm()))
            time.sleep(0.002)
            return data["images"][index], data["labels"][index]

    with (
        mock.patch.object(tqdm.std, "time", fast_clock),
        contextlib.redirect_stdout(terminal),
        contextlib.redirect_stderr(terminal),
    ):
        student.train_model(model, DataLoader(Slow(), 1), momentum(model, 0.01), CRITERION, 3)
    changes = sum(before != after for before, after in itertools.pairwise([(0, []), *shown]))
    return {"changes": changes, "shown": terminal.getvalue()[:200]}


def probe_test_returns(student, draw):
    model = network(draw)
    data, loader = easy_batches(draw, model)
    earlier = pair(draw, student.test_model(model, loader, CRITERION))
    later = pair(draw, student.test_model(model, loader, CRITERION))
    return {**data, **twice(earlier, later), "logits": model(data["images"])}


def probe_test_mode(student, draw):
    model, (_, loader) = network(draw, nn.BatchNorm1d(64), nn.Dropout(0.5)).train(), some_batches(draw)
    student.test_model(model, loader, CRITERION)
    return {"answers": torch.cat(model[-1].rows), "mean": model[1].running_mean}


def probe_test_leaves(student, draw):
    model, (_, loader) = network(draw).eval(), some_batches(draw)
    draw.fill_gradients(model)
    student.test_model(model, loader, CRITERION)
    gradients = {name: parameter.grad for name, parameter in model.named_parameters()}
    return {"answers": torch.cat(model[-1].rows), "gradients": gradients, "state": model.state_dict()}


# ---------------------------------------------------------------- curves


def title_of(axes):
    return " ".join(axes.get_title(place) for place in ("left", "center", "right"))


def probe_curves(student, draw):
    epochs = int(draw.integers(5, 10, 1))
    names = ("train_loss", "test_loss", "train_accuracy", "test_accuracy")
    history = {name: (draw.uniform(epochs) * 0.5 + 0.4).tolist() for name in names}
    title = f"Network {int(draw.integers(10, 10_000, 1))}b"
    returned = student.plot_curves({name: list(values) for name, values in history.items()}, title)
    figure = returned if isinstance(returned, Figure) else plt.gcf()
    axes = figure.axes
    lines = [
        {**draw.line(line, figure), "title": title_of(one), "heading": f"{title_of(one)} {one.get_ylabel()}"}
        for one in axes
        for line in one.get_lines()
    ]
    # the title may also be in a legend, or beside a plot; each text once: most are numbers of ticks
    texts = dict.fromkeys(text.get_text() for text in figure.findobj(Text))
    shown = {"returned": returned is figure, "lines": lines, "titles": " · ".join(texts)}
    return {"title": title, "history": [history], **shown}


# ---------------------------------------------------------------- regularise


def a_digit(draw):
    """A drawn picture, 20×20 in the middle of 32×32, in [0, 1]: of 300 the one least like its own mirror images."""
    coarse = draw.uniform(300, 1, 5, 5) ** 2
    likeness = [
        nn.functional.conv2d(coarse.transpose(0, 1), coarse.flip(axes), padding=2, groups=300).amax((0, 2, 3))
        for axes in ((-1,), (-2,), (-1, -2))
    ]
    best = (torch.stack(likeness).amax(0) / coarse.square().sum((1, 2, 3))).argmin()
    picture = nn.functional.interpolate(coarse[best : best + 1], size=(20, 20), mode="bilinear")[0]
    return nn.functional.pad(picture, (6, 6, 6, 6))


CALLS = 200  # an augmentation that changes one image in ten is found to change one, but for 1 in 10^9 runs


def probe_augment(student, draw):
    """What comes back from many calls, each result once, at most fifty."""
    image, results, changed = a_digit(draw), {}, False
    for _ in range(CALLS):
        given = image.clone()
        result = student.augment_digit(given)
        changed = changed or not torch.equal(given, image)
        key = result.detach().numpy().tobytes() if isinstance(result, Tensor) else repr(result)
        results.setdefault(key, result)
    results = dict(enumerate(list(results.values())[:50]))
    return {"image": image, "changed": changed, "results": {str(number): one for number, one in results.items()}}


def augment_varies(student, draw):
    """Return True if augment_digit changes an image; that it is missing or fails is reported elsewhere."""
    image = a_digit(draw)
    try:
        return any(not torch.equal(student.augment_digit(image.clone()), image) for _ in range(CALLS))
    except Exception:
        return False


def setup_and_decay(student, draw):
    """The setup, and True if its weight decay is the one that AdamW has if nobody chooses another."""
    with draw.another_default_decay() as unasked:
        model, optimizer, criterion = student.regularised_setup()
    decays = {group.get("weight_decay", 0) for group in optimizer.param_groups}
    return model, optimizer, criterion, isinstance(optimizer, torch.optim.AdamW) and decays == {unasked}


def probe_regularised(student, draw):
    model, optimizer, _ = student.regularised_setup()
    images = draw.normal(6, 1, 32, 32)
    with torch.no_grad():
        first = draw.fill(draw.initialize(model, images)).train()(images)
        again = model(images)
    found = {"images": images, "first": first, "again": again, "left_out": draw.left_out(optimizer, model)}
    return {**found, **draw.graph(model.eval(), images)}


def probe_regularised_step(student, draw):
    model, optimizer, criterion = student.regularised_setup()
    images = draw.normal(6, 1, 32, 32)
    loss = criterion(draw.fill(draw.initialize(model, images)).train()(images), draw.integers(0, 10, 6))
    loss.backward()
    optimizer.step()
    return {"loss": draw.scalar(loss), "parameters": draw.parameters(model)}


def probe_regularised_steps(student, draw):
    model, optimizer, criterion = student.regularised_setup()
    images, labels = draw.normal(16, 1, 32, 32), draw.integers(0, 10, 16)
    return {"losses": draw.losses(model, optimizer, criterion, images, labels, 20, draw.seed)}


def probe_regularisers(student, draw):
    model, optimizer, criterion, is_default = setup_and_decay(student, draw)
    model(draw.normal(2, 1, 32, 32))  # lazy layers become layers, and a penalty may be one of hidden values
    log_probabilities, labels = torch.log_softmax(draw.normal(6, 10), 1), draw.integers(0, 10, 6)
    loss = criterion(log_probabilities, labels)
    return {
        "log_probabilities": log_probabilities,
        "labels": labels,
        "loss": draw.scalar(loss),
        **draw.step_without_gradient(model, optimizer),
        "default_decay": is_default,
        "augments": augment_varies(student, draw),
    }


# ---------------------------------------------------------------- accuracy


def normalized(images):
    return (images.unsqueeze(1) / 255 - 0.1307) / 0.3081  # (n, 1, 32, 32)


def probe_weights_lenet5(student, draw):
    return draw.trained(student.LeNet5(), "lenet5.safetensors", normalized)


def probe_weights_regularised(student, draw):
    return draw.trained(student.regularised_setup()[0], "lenet5_regularised.safetensors", normalized)


def probe_history(student, draw):
    return {"models": draw.history()}
