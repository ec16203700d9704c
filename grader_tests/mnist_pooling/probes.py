"""The probes: calls and inputs, never answers.

Each probe runs in the jail on the student's code, and again in the judge on the reference with the same draws; the
checks compare the two. Weights are drawn too, so that none has to be trusted. A probe of
one task needs no other task: what it would call of another one is replaced by ours.
"""

import contextlib
import copy
import inspect
import time
from unittest import mock

import numpy as np
import torch
from matplotlib import pyplot as plt
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from matplotlib.text import Text
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

# ---------------------------------------------------------------- used by several probes


def some(draw, low, high):
    return int(draw.integers(low, high, 1))


def some_images(draw):
    """A few images; how many is drawn, too."""
    return draw.normal(some(draw, 3, 20), 1, 28, 28)


def build(student, pooling, images, draw):
    return draw.fill(draw.initialize(student.PoolingLeNet(pooling), images)).eval()


def exception_of(call):
    """The exception that a call raised: its type and base types, and its text; no type without an exception."""
    try:
        call()
    except Exception as error:
        return {"types": [kind.__name__ for kind in type(error).__mro__], "text": str(error)[:500]}
    return {"types": [], "text": ""}


# ---------------------------------------------------------------- networks


def network(student, pooling, draw):
    """A network with drawn weights; the seed lets a check draw them again, to compute misreadings."""
    images = some_images(draw)
    model = build(student, pooling, images, draw)
    return {"images": images, "seed": draw.seed, **draw.graph(model, images.clone())}


def probe_network_avg(student, draw):
    return network(student, "avg", draw)


def probe_network_max(student, draw):
    return network(student, "max", draw)


def probe_network_none(student, draw):
    return network(student, "none", draw)


def probe_gradients(student, draw):
    images = draw.normal(9, 1, 28, 28)
    model = build(student, "max", images, draw)
    cross_entropy(model(images.clone()), draw.integers(0, 10, 9)).backward()
    return {"images": images, "claimed": draw.parameters(model), **draw.graph(model, images.clone())}


def probe_repeats(student, draw):
    """A batch, the same batch again, and its images one by one."""
    images = some_images(draw)
    model = build(student, "max", images, draw)
    graph = draw.graph(model, images.clone())
    return {"images": images, **graph, **draw.repeats(model.train(), images.clone())}


def probe_other_pooling(student, draw):
    raised = {name: [exception_of(lambda name=name: student.PoolingLeNet(name))] for name in ("sum", "mean")}
    return {**network(student, "avg", draw), **raised}


# ---------------------------------------------------------------- multiply_adds


def linear(inputs, outputs):
    """A linear layer of zeros: drawing millions takes longer than all else here."""
    layer = nn.Linear(1, 1)
    layer.in_features, layer.out_features = inputs, outputs
    layer.weight, layer.bias = nn.Parameter(torch.zeros(outputs, inputs)), nn.Parameter(torch.zeros(outputs))
    return layer


def probe_count_conv(student, draw):
    c, d, k, side = some(draw, 2, 5), some(draw, 2, 6), some(draw, 2, 5), some(draw, 9, 14)
    conv = nn.Sequential(nn.Conv2d(c, d, k), nn.ReLU(), nn.MaxPool2d(2))
    strided = nn.Sequential(nn.Conv2d(4, 6, (3, 2), stride=(2, 3), padding=1, groups=2, dilation=2))
    return {
        "conv": draw.scalar(student.count_multiply_adds(conv, (c, side, side))),
        "strided": draw.scalar(student.count_multiply_adds(strided, (4, side + 5, side))),
        "weights": c * d * k * k,
        "positions": (side - k + 1) ** 2,
        "side": side,
        "out": d,
    }


def probe_count_linear(student, draw):
    h, w, out = some(draw, 7, 12), some(draw, 7, 12), some(draw, 30, 50)
    model = nn.Sequential(nn.Flatten(), linear(h * w, out), nn.ReLU(), nn.Linear(out, 10))
    return {
        "linear": draw.scalar(student.count_multiply_adds(model, (1, h, w))),
        "weights": h * w * out + 10 * out,
        "biases": out + 10,
    }


class Twice(nn.Module):
    """Uses one layer twice, and never the other."""

    def __init__(self, size):
        super().__init__()
        self.first, self.used, self.unused = nn.Flatten(), linear(size, size), linear(size, 5 * size)

    def forward(self, x):
        return self.used(torch.relu(self.used(self.first(x))))


def probe_count_uses(student, draw):
    side = some(draw, 5, 25)
    model = Twice(side * side)
    return {"twice": draw.scalar(student.count_multiply_adds(model, (1, side, side))), "once": side**4}


def probe_count_leaves(student, draw):
    model = nn.Sequential(nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2), nn.ReLU(), nn.Flatten(), nn.Linear(72, 3)).eval()
    first, again = (draw.scalar(student.count_multiply_adds(model, (1, 8, 8))) for _ in range(2))
    hooks = sum(len(module._forward_hooks) + len(module._forward_pre_hooks) for module in model.modules())
    return {"first": first, "again": again, "hooks": hooks}


# ---------------------------------------------------------------- schedule


def probe_schedule(student, draw):
    """At the borders, and in between."""
    borders = [border for k in range(1, 4) for border in (10_000 * k - 1, 10_000 * k, 10_000 * k + 1)]
    steps = [0, 1, *borders, *draw.integers(2, 40_000, 12).tolist()]
    return {"steps": steps, "rates": [draw.scalar(student.learning_rate(step)) for step in steps]}


def probe_momentum(student, draw):
    borders = [border for k in range(1, 12) for border in (2_000 * k - 1, 2_000 * k, 2_000 * k + 1)]
    steps = [0, 1, *borders, *draw.integers(2, 40_000, 12).tolist()]
    return {"steps": steps, "momenta": [draw.scalar(student.momentum(step)) for step in steps]}


# ---------------------------------------------------------------- weight_norm


def set_norms(weights, draw, longest):
    """Half of the units longer than 3.5, the others shorter, in drawn order."""
    n = len(weights)
    norms = torch.cat([3.6 + draw.uniform(n // 2) * (longest - 3.6), 0.5 + 2.5 * draw.uniform(n - n // 2)])
    flat = draw.normal(n, weights[0].numel())
    flat *= (norms[draw.choice(n, n)] / flat.norm(dim=1)).unsqueeze(1)
    weights.data.copy_(flat.reshape(weights.shape))


def limited(student, layers, draw, *largest):
    """Weights before and after."""
    model = nn.Sequential(*layers)
    before = copy.deepcopy(model.state_dict())
    student.limit_weight_norm(model, *largest)
    return {"before": before, "after": model.state_dict(), "grad": all(p.requires_grad for p in model.parameters())}


def a_linear(draw, longest=9.0):
    layer = nn.Linear(14, 8)
    set_norms(layer.weight, draw, longest)
    layer.bias.data.copy_(6 * draw.normal(8))
    return layer


def a_conv(draw):
    layer = nn.Conv2d(3, 8, 3)
    set_norms(layer.weight, draw, 4.5)  # no single kernel and no single plane is longer than 3.5 … as a rule
    layer.bias.data.copy_(6 * draw.normal(8))
    return layer


def probe_limit_linear(student, draw):
    return limited(student, [a_linear(draw)], draw)


def probe_limit_conv(student, draw):
    return limited(student, [a_conv(draw)], draw)


def probe_limit_largest(student, draw):
    return limited(student, [a_linear(draw, longest=20.0)], draw, 7.0)


# ---------------------------------------------------------------- optimizer


def last_layer_first(model):
    """Name → True if a parameter belongs to the layer that gives the logits: ten rows, or ten values."""
    return {name: p.numel() in (840, 10) for name, p in model.named_parameters()}


def with_optimizer(student, draw, penalty=False):
    """A network of ours with its optimizer, or the student's own if their code looks for its names."""
    with mock.patch.multiple(student, create=True, **SCHEDULE):
        layers = [nn.Conv2d(1, 6, 5), nn.Flatten(), nn.Linear(96, 120), nn.Linear(120, 84), nn.Linear(84, 10)]
        model = nn.Sequential(*layers)
        with contextlib.suppress(AttributeError, LookupError, StopIteration, ValueError):
            optimizer = student.pooling_optimizer(model)
            if not penalty or any(group["params"] and group.get("weight_decay") for group in optimizer.param_groups):
                return model, optimizer
        model = draw.initialize(student.PoolingLeNet("avg"), torch.zeros(2, 1, 28, 28))
        return model, student.pooling_optimizer(model)


SCHEDULE = {
    "learning_rate": lambda step: 0.05 if 0 <= step < 10_000 else 7.0,
    "momentum": lambda step: 0.5 if 0 <= step < 2_000 else 0.9,
}


def probe_penalty(student, draw):
    """A step with gradients of zero: what moves is what is penalised."""
    model, optimizer = with_optimizer(student, draw, penalty=True)
    for parameter in model.parameters():
        parameter.data.copy_(draw.normal(*parameter.shape))
        parameter.grad = torch.zeros_like(parameter)
    before = copy.deepcopy(dict(model.named_parameters()))
    for group in optimizer.param_groups:
        group["lr"], group["momentum"] = 1.0, 0.0
    optimizer.step()
    last = last_layer_first(model)
    shares = []  # of itself that a parameter lost, and how far it moved otherwise
    for name, p in model.named_parameters():
        old = before[name].detach().flatten()
        moved = p.detach().flatten() - old
        share = float(-(moved @ old) / (old @ old))
        rest = float((moved + share * old).abs().max())
        shares.append({"name": name, "share": share, "rest": rest, "last": last[name], "bias": p.dim() == 1})
    return {"shares": shares}


def probe_momentum_step(student, draw):
    """Two steps with drawn gradients: descent with momentum; the penalty is too small to matter."""
    model, optimizer = with_optimizer(student, draw)
    start = [float(group.get(name, 0.0)) for group in optimizer.param_groups for name in ("lr", "momentum")]
    for group in optimizer.param_groups:
        group["lr"], group["momentum"] = 0.1, 0.8
    before = [p.detach().clone() for p in model.parameters()]
    unit, moves = 1.0 + 9 * float(draw.uniform(1)), []
    for _ in range(2):
        gradients = []
        for p in model.parameters():
            p.grad = torch.full_like(p, unit * (1 + len(gradients)))
            gradients.append(p)
        optimizer.step()
        moves.append([float((p.detach() - old).mean()) for p, old in zip(model.parameters(), before, strict=True)])
    left_out = draw.left_out(optimizer, model)
    return {"unit": unit, "first": moves[0], "second": moves[1], "left_out": left_out, "start": start}


# ---------------------------------------------------------------- steps


class Watch(torch.optim.SGD):
    """Notes what it is asked to do at each step."""

    def __init__(self, *arguments, **settings):
        super().__init__(*arguments, **settings)
        self.seen, self.gradients = [], None
        self.clock, self.times = time.perf_counter, []

    @torch.no_grad()
    def step(self, closure=None):
        loss = None
        if closure is not None:  # it computes the gradients, and may clip them
            with torch.enable_grad():
                loss = closure()
        self.times.append(self.clock())
        self.seen.append([[float(group["lr"]), float(group["momentum"])] for group in self.param_groups])
        if self.gradients is None:
            self.gradients = {
                str(number): torch.zeros_like(p) if p.grad is None else p.grad.clone()
                for number, p in enumerate(p for group in self.param_groups for p in group["params"])
            }
        inspect.unwrap(torch.optim.SGD.step)(self)  # not super().step(), which would run hooks on steps again
        return loss


class Epochs:
    """A loader of ours: other images in each epoch, and a smaller last batch."""

    def __init__(self, draw, sizes=(4, 4, 2), epochs=8, scale=0.3, pause_s=0.0):
        self.images = [[draw.normal(n, 1, 8, 8) * scale for n in sizes] for _ in range(epochs)]
        self.labels = [[draw.integers(0, 10, n) for n in sizes] for _ in range(epochs)]
        self.dataset, self.batch_size, self.begun, self.pause_s = range(sum(sizes)), sizes[0], 0, pause_s

    def __len__(self):
        return len(self.images[0])

    def __iter__(self):
        number = self.begun % len(self.images)
        self.begun += 1
        time.sleep(self.pause_s)
        return iter(list(zip(self.images[number], self.labels[number], strict=True)))

    def let_hit(self, model, hits):
        """Choose the labels of the first epoch so that the model is right on so many images of each batch.

        Of the others it reads every second one too high: a comparison that is not an equality then counts wrongly.
        """
        for number, (images, labels, n) in enumerate(zip(self.images[0], self.labels[0], hits, strict=False)):
            with torch.no_grad():
                read = model(images).argmax(1)
            lower = (torch.arange(len(read)) + number) % 2 == 0
            labels.copy_(torch.where(lower & (read > 0) | (read == 9), read - 1, read + 1))
            labels[:n] = read[:n]

    def first_batches(self, n):
        """The first batches, for the check."""
        flat = [(x, y) for xs, ys in zip(self.images, self.labels, strict=True) for x, y in zip(xs, ys, strict=True)]
        images = {str(i): x for i, (x, _) in enumerate(flat[:n])}
        return {"images": images, "labels": {str(i): y for i, (_, y) in enumerate(flat[:n])}}


def small_network(draw, *middle):
    """A small network of ours with drawn weights, (n, 1, 8, 8) → (n, 10)."""
    model = nn.Sequential(nn.Flatten(), *middle, nn.Linear(64, 10))
    for parameter in model.parameters():
        parameter.data.copy_(draw.normal(*parameter.shape) * 0.3)
    return model


def measure(model, test_loader, criterion):
    """Stands in for the student's test_model."""
    model.eval()
    losses, right, seen = [], 0, 0
    with torch.no_grad():
        for images, labels in test_loader:
            logits = model(images)
            losses.append(criterion(logits, labels).item())
            right, seen = right + (logits.argmax(1) == labels).sum().item(), seen + len(labels)
    return sum(losses) / len(losses), right / seen


def run_steps(
    student,
    draw,
    model,
    schedule,
    steps,
    every=100,
    limit_every=100,
    grouped=False,
    hits=(),
    pause_s=0.0,
    before=lambda held_out: None,
    **of_training,
):
    """Call train_steps on a model of ours; the earlier tasks that it may call are ours too."""
    train, held_out = Epochs(draw, **of_training), Epochs(draw, (3, 2), epochs=1, scale=1.0, pause_s=pause_s)
    train.let_hit(model, hits)
    before(held_out)
    parameters = list(model.parameters())
    optimizer = Watch([{"params": [p]} for p in parameters] if grouped else parameters, lr=0.7, momentum=0.7)
    limits = []

    def limit(model, largest=3.5):
        limits.append(len(optimizer.seen))

    def training_clock():
        return time.perf_counter() - held_out.begun * pause_s

    with mock.patch.multiple(student, create=True, test_model=measure, limit_weight_norm=limit):
        optimizer.clock, started = training_clock, training_clock()
        history = student.train_steps(model, (train, held_out), optimizer, schedule, steps, every, limit_every)
    times = [one - started for one in (*optimizer.times, training_clock())]  # of training, when each step is made
    seen = {"limits": limits, "history": history, "times": times}
    return {"train": train, "test": held_out, "optimizer": optimizer, **seen}


def constant(lr, momentum):
    return lambda step: (lr, momentum)


def probe_one_step(student, draw):
    model = small_network(draw)
    start = copy.deepcopy(model.state_dict())
    ran = run_steps(student, draw, model, constant(0.1, 0.9), 1)
    return {
        "start": start,
        "end": model.state_dict(),
        **ran["train"].first_batches(1),
        "made": len(ran["optimizer"].seen),
    }


def probe_many_steps(student, draw):
    """Through two epochs and into the third, from old gradients."""
    model = small_network(draw)
    start = copy.deepcopy(model.state_dict())
    draw.fill_gradients(model)
    stale = {name: parameter.grad.clone() for name, parameter in model.named_parameters()}
    ran = run_steps(student, draw, model, constant(0.1, 0.9), 8)
    return {
        "start": start,
        "stale": stale,
        "end": model.state_dict(),
        "made": len(ran["optimizer"].seen),
        "begun": ran["train"].begun,
        **ran["train"].first_batches(24),
    }


def probe_schedule_is_set(student, draw):
    rate, momentum = (0.001 * draw.uniform(2) + 0.001).tolist()

    def schedule(step):
        return rate * (1 + step), 10 * momentum * step

    ran = run_steps(student, draw, small_network(draw), schedule, 5, grouped=True)
    return {"rate": rate, "momentum": 10 * momentum, "steps": [{"groups": g} for g in flat(ran["optimizer"].seen)]}


def flat(seen):
    """Per step: lr, momentum of each group, one after the other."""
    return [[value for group in groups for value in group] for groups in seen]


def probe_clipping(student, draw):
    model = small_network(draw, nn.Linear(64, 64), nn.ReLU())
    twin = copy.deepcopy(model)
    ran = run_steps(student, draw, model, constant(0.01, 0.0), 1, scale=60.0, hits=(1,))
    cross_entropy(twin(ran["train"].images[0][0]), ran["train"].labels[0][0]).backward()
    return {
        "gradients": ran["optimizer"].gradients,
        "unclipped": {str(number): p.grad for number, p in enumerate(twin.parameters())},
    }


def probe_limits(student, draw):
    every = some(draw, 3, 9)
    steps = 2 * every + some(draw, 1, every)
    ran = run_steps(student, draw, small_network(draw), constant(0.0, 0.0), steps, limit_every=every)
    return {"every": every, "steps": steps, "limits": ran["limits"], "made": len(ran["optimizer"].seen)}


class Modes(nn.Module):
    """Notes the mode at each forward pass: which images went in, and whether a gradient came back."""

    def __init__(self):
        super().__init__()
        self.asked, self.trained, self.measured, self.test_images = [], [], [], []

    def forward(self, x):
        training = self.training
        self.asked.append(training)
        if any(x.shape == images.shape and torch.equal(x, images) for images in self.test_images):
            self.measured.append(training)
        if x.requires_grad:
            x.register_hook(lambda _: self.trained.append(training))
        return x


def probe_mode(student, draw):
    asked, answered = Modes(), Modes()
    model = nn.Sequential(nn.Flatten(), asked, nn.Linear(64, 10), answered).eval()

    def told(test):
        asked.test_images = [images.flatten(1) for images in test.images[0]]

    run_steps(student, draw, model, constant(0.0, 0.0), 6, every=2, before=told)
    return {"asked": answered.asked, "trained": answered.trained, "measured": asked.measured}


def probe_records(student, draw):
    model = small_network(draw)
    settings = {"every": 4, "scale": 1.5, "epochs": 1, "hits": (1, 3, 2)}  # no two misreadings give the same accuracy
    ran = run_steps(student, draw, model, constant(0.0, 0.0), 11, pause_s=0.2, **settings)  # the weights stay
    batches = 4 * list(zip(ran["train"].images[0], ran["train"].labels[0], strict=True))
    history = ran["history"] if isinstance(ran["history"], dict) else {}
    kept = {str(name): draw.floats(values) for name, values in list(history.items())[:20]}
    with torch.no_grad():
        losses = [cross_entropy(model.eval()(x), y).item() for x, y in batches[:11]]
        hits = [float((model(x).argmax(1) == y).sum()) for x, y in batches[:11]]
    on_train = measure(model, batches[:3], cross_entropy)
    return {
        "history": [kept],
        "training_s": ran["times"][:9][-1],  # when the ninth step is made, just after the second record
        "losses": losses,
        "hits": hits,
        "sizes": [float(len(y)) for _, y in batches[:11]],
        "test": list(measure(model, ran["test"], cross_entropy)),
        "on_train": list(on_train),
    }


# ---------------------------------------------------------------- curves, maps


def probe_curves(student, draw):
    n, first = some(draw, 5, 10), some(draw, 20, 60)
    names = ("train_loss", "test_loss", "train_accuracy", "test_accuracy")
    models = ("Network 7a", "Network 7b", "Network 7c")
    histories = {
        model: {name: (draw.uniform(n) * 0.5 + 0.4).tolist() for name in names}
        | {"step": [first * k for k in range(1, n + 1)], "seconds": [0.5 * k for k in range(1, n + 1)]}
        for model in models
    }
    drawn = {}
    for quantity in ("loss", "accuracy"):
        plt.close("all")
        returned = student.plot_by_step(copy.deepcopy(histories), quantity)
        figure = returned if isinstance(returned, Figure) else plt.gcf()
        drawn[quantity] = [line_of(draw, line, one, figure) for one in figure.axes for line in one.get_lines()]
        drawn[f"{quantity}_returned"] = returned is figure
    return {"histories": [{"model": model, **history} for model, history in histories.items()], **drawn}


def texts_beside(axes, figure):
    """What names a plot if its title does not: a text in it, the title of its legend or of its subfigure."""
    legend = axes.get_legend()
    above = axes.figure.texts if axes.figure is not figure else []
    return [*axes.texts, *above, *([legend.get_title()] if legend else [])]


def line_of(draw, line, axes, figure):
    return {
        **draw.line(line, figure),
        "title": " ".join(axes.get_title(loc) for loc in ("left", "center", "right")),
        "heading": " ".join(text.get_text() for text in {*figure.texts, *axes.figure.texts}),
        "beside": " ".join(text.get_text() for text in texts_beside(axes, figure)),
        "plot": figure.axes.index(axes),
        "low": float(axes.get_ylim()[0]),
        "high": float(axes.get_ylim()[1]),
    }


def probe_maps(student, draw):
    side, count = some(draw, 9, 15), some(draw, 3, 7)
    maps = draw.normal(count, side, side) * torch.linspace(0.2, 3, count)[draw.choice(count, count)].reshape(-1, 1, 1)
    found = {"title": f"Maps {some(draw, 10, 100)}d"}
    for name, given in (("maps", maps), ("image", draw.uniform(1, side + 2, side + 2))):
        plt.close("all")
        returned = student.plot_maps(given.clone(), found["title"])
        figure = returned if isinstance(returned, Figure) else plt.gcf()
        plots = [axes for axes in figure.axes if not hasattr(axes, "_colorbar")]  # whoever made these axes
        pictures = [picture for axes in plots for picture in (*axes.images, *axes.collections)]
        found[f"{name}_given"] = given
        found[f"{name}_drawn"] = [picture_of(picture) for picture in pictures if drawn_of(picture) is not None][:40]
        found[f"{name}_returned"] = returned is figure
        found[f"{name}_titles"] = " · ".join(dict.fromkeys(text.get_text() for text in figure.findobj(Text)))
    return found


def drawn_of(picture):
    values = picture.get_array()
    if values is None:
        return None
    values = np.ma.filled(np.ma.asarray(values, dtype=float), np.nan)
    return values.mean(-1) if values.ndim == 3 else values


def picture_of(picture):
    low, high = picture.get_clim()
    white, black = (sum(to_rgb(picture.cmap(end))) for end in (0.0, 1.0))
    return {
        "pixels": torch.tensor(drawn_of(picture).copy(), dtype=torch.float32),
        "low": None if low is None else float(low),
        "high": None if high is None else float(high),
        "ends": [white, black],
        "smoothing": str(picture.get_interpolation()) if hasattr(picture, "get_interpolation") else "nearest",
    }


# ---------------------------------------------------------------- intermediate


def looked_into(student, pooling, draw):
    images = some_images(draw)
    with torch.no_grad():
        model = build(student, pooling, images, draw)
        before, given = attempt(model, images), images.clone()
        returned = model.get_intermediate(given)
        convolved, pooled = returned if isinstance(returned, tuple | list) and len(returned) == 2 else (None, None)
        found = {"convolved": copied(convolved), "pooled": copied(pooled), "count": count_of(returned)}
        return found | {
            "images": images,
            "logits": before,
            "after": attempt(model, images),
            "changed": (given - images).abs().max(),
            "sizes": [p.numel() for p in model.parameters()],
            "seed": draw.seed,
        }


def attempt(model, images):
    """Logits, or None: that a network cannot give any is reported elsewhere."""
    try:
        return model(images)
    except Exception:
        return None


def copied(value):
    return value.clone() if isinstance(value, Tensor) else value


def count_of(value):
    return len(value) if isinstance(value, tuple | list) else -1


def probe_intermediate_avg(student, draw):
    return looked_into(student, "avg", draw)


def probe_intermediate_max(student, draw):
    return looked_into(student, "max", draw)


def probe_intermediate_none(student, draw):
    model = student.PoolingLeNet("none")
    raised = exception_of(lambda: model.get_intermediate(draw.normal(2, 1, 28, 28)))
    return {**network(student, "avg", draw), "raised": [raised]}


# ---------------------------------------------------------------- accuracy


def normalized(images):
    return (images.unsqueeze(1) / 255 - 0.1307) / 0.3081  # (n, 1, 28, 28)


def probe_weights_avg(student, draw):
    return draw.trained(student.PoolingLeNet("avg"), "lenet_avg.safetensors", normalized)


def probe_weights_max(student, draw):
    return draw.trained(student.PoolingLeNet("max"), "lenet_max.safetensors", normalized)


def probe_weights_none(student, draw):
    return draw.trained(student.PoolingLeNet("none"), "lenet_none.safetensors", normalized)


def probe_history(student, draw):
    return {"models": draw.history()}
