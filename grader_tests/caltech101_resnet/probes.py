"""The probes: calls and inputs, never answers.

Each probe runs in the jail on the student's code, and again in the judge on the reference with the same draws; the
checks compare the two. Weights are drawn too, from the seed, a parameter's size and its place among those of its size,
so that none has to be trusted and a check can draw them again. A probe of one task needs no other task, and draws all
of its inputs before it calls student code.
"""

import contextlib
import inspect
from collections import Counter
from unittest import mock

import matplotlib.pyplot as plt
import numpy as np
import torch
from matplotlib.figure import Figure
from matplotlib.text import Text
from torch import nn
from torch.utils._python_dispatch import TorchDispatchMode

MEAN, STD = torch.tensor((0.546, 0.528, 0.501)).view(3, 1, 1), torch.tensor((0.303, 0.297, 0.310)).view(3, 1, 1)

# ---------------------------------------------------------------- used by several probes


PERIOD = 9973  # a prime: no two rows of a matrix come out the same


class Order(TorchDispatchMode):
    """Note the parameters of a model in the order in which a call uses them, in whatever style it is written."""

    def __init__(self, model):
        super().__init__()
        self.parameters = []
        self.waiting = {p.untyped_storage().data_ptr(): p for p in model.parameters()}

    def __torch_dispatch__(self, operation, types, args=(), kwargs=None):
        for value in (*args, *(kwargs or {}).values()):
            if isinstance(value, torch.Tensor):  # a view, too, is stored where its parameter is
                used = self.waiting.pop(value.untyped_storage().data_ptr(), None)
                self.parameters += [used] if used is not None else []
        return operation(*args, **(kwargs or {}))


def in_order_of_use(model, images):
    """The parameters in the order in which the model uses them; those that it does not use come last."""
    order, training = Order(model), {module: module.training for module in model.modules()}
    with torch.no_grad(), order:
        model.eval()(images.clone())
    for module, mode in training.items():
        module.training = mode
    return order.parameters + list(order.waiting.values())


def fill(model, draw, images=None):
    """Give each weight drawn values that depend on its kind, its size, and its place among those of this size.

    The place is that in the order of use on ``images``, so that names and the order of registration do not matter;
    without ``images``, for networks whose weights all differ in size, that of registration. Convolutions and matrices:
    as large as keeps the signal; their biases: 0.2 of a standard deviation, but none for a convolution before a
    BatchNorm. BatchNorm: scale 0.5 to 1.5 or so, shift, mean and variance of their own; one after a 1×1 convolution
    is counted apart, since a shortcut may be computed before or after the rest.
    """
    norms = {module.weight: module for module in model.modules() if getattr(module, "running_mean", None) is not None}
    shifts, counts, kernel = {norm.bias for norm in norms.values()}, Counter(), 0
    for parameter in model.parameters() if images is None else in_order_of_use(model, images):
        size, shape = parameter.numel(), tuple(parameter.shape)
        if parameter in norms:
            kind = "projected" if kernel == 1 else "norm"
            fill_norm(norms[parameter], draw, 10 * counts[kind, size] + 500 * (kind == "projected"))
            counts[kind, size] += 1
        elif len(shape) > 1:
            # a matrix (large, small) that is no usual weight of these networks is taken for a transposed one
            transposed = shape in {(1024, 1021), (256, 1021), (1021, 84), (84, 101), (512, 101)}
            outputs, kernel = shape[1] if transposed else shape[0], shape[-1] if len(shape) == 4 else 0
            values = draw.values(size, 10 * counts["weight", size], PERIOD) * (2 * outputs / size) ** 0.5
            parameter.data.copy_(values.reshape(shape[::-1]).T if transposed else values.reshape(shape))
            counts["weight", size] += 1
        elif parameter not in shifts:
            parameter.data.copy_(draw.values(size, 0, PERIOD) * 0.2 * (not norms or size in (84, 101, 1021)))
    return model


def fill_norm(norm, draw, offset):
    """Draw a scale, a shift, a mean and a variance for a BatchNorm."""
    scale, shift, mean, variance = (draw.values(norm.running_mean.numel(), offset + k, PERIOD) for k in (1, 2, 3, 4))
    norm.weight.data.copy_(1 + 0.3 * scale.clamp(-1.5, 1.5))
    norm.bias.data.copy_(0.3 * shift)
    norm.running_mean.copy_(0.2 * mean)
    # whatever the layer adds to it, the sum is that of PyTorch's default
    norm.running_var.copy_(1 + 0.3 * variance.clamp(-1.5, 1.5) + 1e-5 - norm.eps)


def some_images(draw):
    """A few images; how many is drawn, too."""
    return draw.normal(int(draw.integers(3, 10, 1)), 3, 64, 64)


# ---------------------------------------------------------------- one_hot


def probe_one_hot(student, draw):
    labels = draw.integers(0, 101, int(draw.integers(9, 40, 1)))
    given = labels.clone()
    return {"rows": student.one_hot(given), "labels": labels, "changed": not torch.equal(given, labels)}


def probe_one_hot_classes(student, draw):
    labels = draw.integers(0, 7, 12)
    return {"rows": student.one_hot(labels, num_classes=7), "labels": labels}


# ---------------------------------------------------------------- lenet


def probe_lenet(student, draw):
    images = some_images(draw)
    return {"images": images, **draw.graph(draw.initialize(student.CaltechLeNet(), images).eval(), images.clone())}


def probe_lenet_classes(student, draw):
    images, classes = some_images(draw), int(draw.integers(5, 40, 1))
    model = draw.initialize(student.CaltechLeNet(num_classes=classes), images).eval()
    return {"images": images, "classes": classes, **draw.graph(model, images.clone())}


def probe_lenet_twin(student, draw):
    # squares of 8×8 pixels: among 16 neighbours that differ freely one is nearly always positive, so that a ReLU
    # before a pooling of 4×4 would change nothing
    images = draw.normal(5, 3, 8, 8).repeat_interleave(8, 2).repeat_interleave(8, 3)
    model = fill(draw.initialize(student.CaltechLeNet(), images), draw).eval()
    with torch.no_grad():
        logits = model(images)
    return {"images": images, "logits": logits, "seed": draw.seed, "parameters": draw.parameters(model)}


def probe_lenet_gradients(student, draw):
    images = draw.normal(6, 3, 64, 64)
    model = fill(draw.initialize(student.CaltechLeNet(), images), draw)
    nn.functional.cross_entropy(model(images), draw.integers(0, 101, 6)).backward()
    return {"parameters": draw.parameters(model)}


def probe_lenet_repeats(student, draw):
    images = draw.normal(4, 3, 64, 64)
    model = fill(draw.initialize(student.CaltechLeNet(), images), draw)
    return {"images": images, **draw.repeats(model, images.clone()), **draw.graph(model.eval(), images.clone())}


# ---------------------------------------------------------------- predict


def small_network(draw):
    """A network of ours with drawn weights, and with layers that behave otherwise while training."""
    model = nn.Sequential(nn.Flatten(), nn.BatchNorm1d(48), nn.Linear(48, 11), nn.Dropout(0.5))
    model[2].weight.data.copy_(draw.normal(11, 48) * 0.3)
    model[1].running_mean.copy_(draw.normal(48))
    return model.train()


def probe_predict(student, draw):
    model, images = small_network(draw), draw.normal(6, 3, 4, 4)
    probabilities = student.predict(model, images)
    return {
        "probabilities": probabilities,
        "gradients": bool(getattr(probabilities, "requires_grad", False)),
        "mean": model[1].running_mean,
    }


def probe_predict_alone(student, draw):
    model, images = small_network(draw), draw.normal(int(draw.integers(6, 30, 1)), 3, 4, 4)
    first = student.predict(model, images)
    return {
        "images": images,
        "first": first,
        "alone": torch.cat([student.predict(model.train(), image.unsqueeze(0)) for image in images]),
    }


# ---------------------------------------------------------------- improve


def probe_improved(student, draw):
    images = draw.normal(4, 3, 64, 64)
    model, optimizer, _ = student.improved_setup()
    with torch.no_grad():
        first = draw.initialize(model, images).train()(images.clone())
        again = model(images.clone())
    found = {"images": images, "first": first, "again": again, "left_out": draw.left_out(optimizer, model)}
    return {**found, **draw.graph(model.eval(), images.clone())}


def probe_improved_step(student, draw):
    model, optimizer, criterion = student.improved_setup()
    images, labels = draw.normal(4, 3, 64, 64), draw.integers(0, 101, 4)
    for parameter in draw.initialize(model, images).parameters():
        # a scale that starts at zero lets no gradient through until it has moved
        parameter.data.add_(0.001 * draw.normal(*parameter.shape))
    loss = criterion(model.train()(images), labels)
    loss.backward()
    optimizer.step()
    return {"loss": draw.scalar(loss), "parameters": draw.parameters(model)}


def probe_improved_steps(student, draw):
    model, optimizer, criterion = student.improved_setup()
    images, labels = draw.normal(8, 3, 64, 64), draw.integers(0, 101, 8)
    return {"losses": draw.losses(model, optimizer, criterion, images, labels, 10, draw.seed)}


def default_decay(optimizer):
    """Return True if the weights decay by what the optimizer does unasked: AdamW's 0.01."""
    parameter = inspect.signature(type(optimizer)).parameters.get("weight_decay")
    default = getattr(parameter, "default", 0)
    return bool(default) and all(group.get("weight_decay") == default for group in optimizer.param_groups)


def probe_improvements(student, draw):
    log_probabilities, labels = torch.log_softmax(draw.normal(6, 101), 1), draw.integers(0, 101, 6)
    with draw.another_default_decay():
        model, optimizer, criterion = student.improved_setup()
        by_itself = default_decay(optimizer)
    draw.initialize(model, torch.zeros(2, 3, 64, 64))
    loss = criterion(log_probabilities, labels)
    model.double()  # in which a small decay shows after one step
    return {
        "log_probabilities": log_probabilities,
        "labels": labels,
        "loss": draw.scalar(loss),
        "default_decay": by_itself,
        **draw.step_without_gradient(model, optimizer),
    }


# ---------------------------------------------------------------- activations


class Ours(nn.Module):
    """A CaltechLeNet of ours, of modules that can be hooked or called by the names of the reference."""

    def __init__(self, overwrites=False):
        super().__init__()
        self.conv1, self.relu1 = nn.Conv2d(3, 32, 5, padding=2), nn.ReLU(inplace=True)
        self.conv2, self.relu2 = nn.Conv2d(32, 64, 5, padding=2), nn.ReLU(inplace=True)
        self.pool, self.fc1, self.fc2, self.fc3 = (
            nn.MaxPool2d(4),
            nn.Linear(1024, 20),
            nn.Linear(20, 84),
            nn.Linear(84, 101),
        )
        self.overwrites = overwrites

    def forward(self, x):
        for conv, relu in ((self.conv1, self.relu1), (self.conv2, self.relu2)):
            maps = relu(conv(x))
            x = self.pool(maps)
            if self.overwrites:
                maps.fill_(7.0)  # as a network may that saves memory
        return self.fc3(torch.relu(self.fc2(torch.relu(self.fc1(x.flatten(1))))))


def both(returned):
    """The two tensors that first_activations returned."""
    first, second = returned if isinstance(returned, tuple | list) and len(returned) == 2 else (returned, None)
    return first, second


def seen_maps(student, model, draw):
    """Call first_activations on a model."""
    images = some_images(draw)
    first, second = both(student.first_activations(model, images.clone()))
    return {"first": first, "second": second, "images": images, "seed": draw.seed}


def probe_activations_own(student, draw):
    """On the student's own network."""
    return seen_maps(student, fill(draw.initialize(student.CaltechLeNet(), torch.zeros(2, 3, 64, 64)), draw), draw)


def probe_activations(student, draw):
    """On a network of ours, for a student whose CaltechLeNet is not there or not right."""
    return seen_maps(student, fill(Ours(), draw), draw)


def probe_activations_kept(student, draw):
    """Look for maps that change when the network goes on, or is used again."""
    result = {"applies": False}
    with contextlib.suppress(Exception):  # code that calls its own layers by name cannot look into ours
        result |= seen_maps(student, fill(Ours(overwrites=True), draw), draw)
        result["applies"] = True
    return result


def probe_activations_leave(student, draw):
    """Look for gradients and hooks that are left behind."""
    images = some_images(draw)
    try:
        model = fill(student.CaltechLeNet(), draw)
        first, second = both(student.first_activations(model, images.clone()))
    except Exception:
        model = fill(Ours(), draw)
        first, second = both(student.first_activations(model, images))
    hooks = sum(len(layer._forward_hooks) + len(layer._forward_pre_hooks) for layer in model.modules())
    gradients = any(getattr(maps, "requires_grad", False) for maps in (first, second))
    return {"images": images, "first": first, "hooks": hooks, "gradients": gradients}


# ---------------------------------------------------------------- draw_maps


def probe_drawn_maps(student, draw):
    """Draw maps of different strength, in a number that fills no grid of 4 or 8 columns."""
    count, side = 4 * int(draw.integers(4, 9, 1)) + 3, int(draw.integers(9, 15, 1))
    maps = draw.uniform(count, side, side) * (0.2 + draw.uniform(count, 1, 1))
    title = f"Maps {int(draw.integers(100, 1000, 1))} of a layer"
    plt.close("all")
    returned = student.draw_maps(maps.clone(), title)
    figure = returned if isinstance(returned, Figure) else plt.gcf()
    plots = [axes for axes in figure.axes if not hasattr(axes, "_colorbar")]
    images = [image for axes in plots for image in (*axes.images, *axes.collections) if image.get_array() is not None]
    texts = dict.fromkeys(text.get_text() for text in figure.findobj(Text))  # each once: most are numbers of ticks
    return {
        "maps": maps,
        "title": title,
        "images": [image_of(image) for image in images[:100]],
        "returned": returned is figure,
        "titles": " · ".join(texts),
    }


def image_of(image):
    """Return what a reader sees of one image: its pixels, its scale, and how it is drawn."""
    pixels = np.ma.filled(np.ma.asarray(image.get_array(), dtype=float), np.nan)
    low, high = image.get_clim()
    return {
        "pixels": torch.tensor(pixels.mean(-1) if pixels.ndim == 3 else pixels, dtype=torch.float32),
        "low": None if low is None else float(low),
        "high": None if high is None else float(high),
        "smoothing": str(image.get_interpolation()) if hasattr(image, "get_interpolation") else "nearest",
    }


# ---------------------------------------------------------------- block


def block_graph(student, draw, *block):
    """Record a block of the paper's size."""
    x = draw.normal(int(draw.integers(3, 8, 1)), block[0], 8, 8)
    return {"images": x, **draw.graph(draw.initialize(student.BasicBlock(*block), x).eval(), x.clone())}


def probe_block_parameters_same(student, draw):
    return block_graph(student, draw, 64, 64, 1)


def probe_block_parameters_halved(student, draw):
    return block_graph(student, draw, 64, 128, 2)


def probe_block_parameters_second(student, draw):
    return block_graph(student, draw, 128, 128, 1)


def still_block(student, draw, channels, out_channels, stride, shift):
    """A block in evaluation mode whose 3×3 convolutions are zero and whose BatchNorms only add ``shift``."""
    block = draw.initialize(student.BasicBlock(channels, out_channels, stride), torch.zeros(2, channels, 4, 4)).eval()
    for parameter in block.parameters():
        parameter.data.zero_()
        if parameter.dim() == 4 and parameter.shape[-1] == 1:  # a projection that hands on its first channels
            parameter.data[:, :, 0, 0] = torch.eye(*parameter.shape[:2])
    for module in block.modules():
        if getattr(module, "running_mean", None) is not None:
            module.weight.data.fill_(1.0)
            module.bias.data.fill_(shift)
            module.running_mean.zero_()
            module.running_var.fill_(1.0)
    return block


def probe_block_still(student, draw):
    x = draw.normal(3, 8, 6, 6)
    with torch.no_grad():
        return {"x": x, "y": still_block(student, draw, 8, 8, 1, 0.0)(x.clone())}


def probe_block_shifted(student, draw):
    x = draw.normal(3, 8, 6, 6) + 1
    given = x.clone()
    with torch.no_grad():
        y = still_block(student, draw, 8, 8, 1, -1.0)(given)
    return {"x": x, "y": y, "changed": (given - x).abs().max()}


def probe_block_projected(student, draw):
    x = draw.normal(3, 8, 6, 6)
    with torch.no_grad():
        return {"x": x, "y": still_block(student, draw, 8, 12, 2, 0.0)(x)}


def probe_block_strided(student, draw):
    """Keep the channels and halve the side: the shapes differ here, too."""
    x = draw.normal(3, 8, 6, 6)
    with torch.no_grad():
        return {"x": x, "y": still_block(student, draw, 8, 8, 2, 0.0)(x)}


def twin_block(student, draw, channels, out_channels, stride):
    """What a block with drawn weights gives in both modes."""
    x = draw.normal(3, channels, 8, 8)
    block = fill(draw.initialize(student.BasicBlock(channels, out_channels, stride), x), draw, x)
    with torch.no_grad():
        return {"x": x, "eval": block.eval()(x.clone()), "train": block.train()(x.clone()), "seed": draw.seed}


def probe_block_same(student, draw):
    return twin_block(student, draw, 8, 8, 1)


def probe_block_halved(student, draw):
    return twin_block(student, draw, 8, 12, 2)


def probe_block_wider(student, draw):
    return twin_block(student, draw, 8, 12, 1)


def block_gradients(student, draw, out_channels, stride):
    x, direction = draw.normal(4, 8, 8, 8), draw.normal(4, out_channels, 8 // stride, 8 // stride)
    block = fill(draw.initialize(student.BasicBlock(8, out_channels, stride), x), draw, x)
    (block(x.clone()) * direction).sum().backward()
    return {"images": x, "parameters": draw.parameters(block), **draw.graph(block.eval(), x.clone())}


def probe_block_gradients(student, draw):
    return block_gradients(student, draw, 8, 1)


def probe_block_gradients_halved(student, draw):
    return block_gradients(student, draw, 12, 2)


# ---------------------------------------------------------------- resnet


class Block(nn.Module):
    """A residual block of ours: a mistake in the student's is not one in their ResNet18."""

    expansion = 1

    def __init__(self, in_channels, out_channels, stride=1, shortcut=None):
        super().__init__()
        self.build(in_channels, out_channels, stride, shortcut)

    def build(self, in_channels, out_channels, stride, shortcut):
        """Make the layers."""
        self.conv1 = nn.Conv2d(in_channels, out_channels, 3, stride=stride, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(out_channels)
        self.conv2 = nn.Conv2d(out_channels, out_channels, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(out_channels)
        self.shortcut = nn.Sequential() if shortcut is None else shortcut
        if shortcut is None and (stride != 1 or in_channels != out_channels):
            projection = nn.Conv2d(in_channels, out_channels, 1, stride=stride, bias=False)
            self.shortcut = nn.Sequential(projection, nn.BatchNorm2d(out_channels))

    def forward(self, x):
        residual = self.bn2(self.conv2(torch.relu(self.bn1(self.conv1(x)))))
        return torch.relu(self.shortcut(x) + residual)


def blocks_of_ours(student):
    """A context in which the student's BasicBlock builds and computes what ours does.

    The class stays the student's, with its attributes and under all of its names; it takes the arguments that the
    student's takes. Of these, the channels come first, and a module that holds weights is the shortcut.
    """
    own = getattr(student, "BasicBlock", None)
    if not isinstance(own, type):
        return mock.patch.object(student, "BasicBlock", Block, create=True)
    signature = inspect.signature(own.__init__)

    def init(self, *args, **named):
        bound = signature.bind(self, *args, **named)
        bound.apply_defaults()
        given = {}
        for name, value in [*bound.arguments.items()][1:]:
            kind = signature.parameters[name].kind
            more = enumerate(value) if kind is kind.VAR_POSITIONAL else [(name, value)]
            given |= dict(value if kind is kind.VAR_KEYWORD else more)
        (_, in_channels), (_, out_channels), *rest = given.items()
        numbers = [value for _, value in rest if isinstance(value, int | tuple) and not isinstance(value, bool)]
        stride = dict(rest).get("stride", next(iter(numbers), 1))
        modules = [value for _, value in rest if isinstance(value, nn.Module) and any(True for _ in value.parameters())]
        nn.Module.__init__(self)
        Block.build(self, in_channels, out_channels, stride, next(iter(modules), None))

    attributes = {} if hasattr(own, "expansion") else {"expansion": 1}
    return mock.patch.multiple(own, create=True, __init__=init, forward=Block.forward, **attributes)


def with_either_block(student, observe):
    """Observe a network of blocks of ours; one that reaches into its blocks, of the student's own."""
    with contextlib.suppress(Exception), blocks_of_ours(student):
        return observe()
    return observe()


def probe_resnet(student, draw):
    """Observe one ResNet-18 in every way: making one takes longer than calling it."""
    images = draw.normal(2, 3, 64, 64)

    def observe():
        x = images.clone()
        model = fill(draw.initialize(student.ResNet18(), x), draw, x).eval()
        found = draw.graph(model, x)
        with torch.no_grad():
            return found | {"again": model(x), "alone": model(images[:1])}

    return {"seed": draw.seed, "images": images, **with_either_block(student, observe)}


def probe_resnet_gradients(student, draw):
    classes = int(draw.integers(5, 40, 1))
    images, labels = draw.normal(2, 3, 64, 64), draw.integers(0, classes, 2)

    def observe():
        model = fill(draw.initialize(student.ResNet18(num_classes=classes), images), draw)
        logits = model(images.clone())
        nn.functional.cross_entropy(logits, labels).backward()
        return {"logits": logits, "classes": classes, "parameters": draw.parameters(model)}

    return with_either_block(student, observe)


# ---------------------------------------------------------------- class_accuracy


def probe_class_accuracy(student, draw):
    labels = torch.cat([torch.full((n,), 3 * k) for k, n in enumerate((14, 5, 3, 2))])[draw.choice(24, 24)]
    predictions = labels.clone()
    wrong = draw.choice(24, 24)[: int(draw.integers(6, 12, 1))]
    predictions[wrong] = (predictions[wrong] + 1 + draw.integers(0, 5, len(wrong))) % 12
    value = draw.scalar(student.mean_class_accuracy(predictions.clone(), labels.clone()))
    undefined = isinstance(value, float) and value != value
    return {"value": value, "undefined": undefined, "predictions": predictions, "labels": labels}


def probe_class_accuracy_ends(student, draw):
    labels = draw.integers(20, 30, 15)
    return {
        "all": draw.scalar(student.mean_class_accuracy(labels.clone(), labels)),
        "none": draw.scalar(student.mean_class_accuracy(labels + 11, labels)),
    }


# ---------------------------------------------------------------- improved_accuracy, resnet_accuracy


def normalized(images):
    return (images / 255 - MEAN) / STD  # (n, 3, 64, 64)


def probe_weights_improved(student, draw):
    return draw.trained(student.improved_setup()[0], "improved.safetensors", normalized)


def probe_weights_resnet(student, draw):
    return draw.trained(student.ResNet18(), "resnet18.safetensors", normalized)


def probe_history(student, draw):
    return {"models": draw.history()}
