"""The standard error, the table of models, and the accuracy of the submitted weights."""

import math

import pytest

from gradeprop.check import fail, grade_accuracy, held_out_logits, show_history, trained_network

COLUMNS = ("parameters", "train_loss", "test_loss", "train_accuracy", "test_accuracy", "standard_error")
HISTORY = ("train_loss", "test_loss", "train_accuracy", "test_accuracy")


def near(a, b, tolerance=1e-6):
    return abs(a - b) <= tolerance * max(abs(b), 1e-3)


# ---------------------------------------------------------------- standard_error


def errors(observed, expected):
    """(accuracy, n, what came back) per case."""
    ours = expected("standard_error")
    accuracies, numbers = ours.numbers("accuracies"), ours.numbers("numbers")
    return list(zip(accuracies, numbers, observed("standard_error").numbers("errors", len(numbers)), strict=True))


MISREADINGS = {
    "The square root is missing: this is the variance of the mean.": lambda p, n: p * (1 - p) / n,
    "It is the standard deviation of a single image: divide by n before the square root.": lambda p, n: (
        (p * (1 - p)) ** 0.5
    ),
    "Divide by n inside the square root, not outside.": lambda p, n: (p * (1 - p)) ** 0.5 / n,
    "n - 1 is for a standard deviation estimated from the data; here it follows from the accuracy: divide by n.": (
        lambda p, n: (p * (1 - p) / (n - 1)) ** 0.5
    ),
    "1 - accuracy is missing: an accuracy of 0.9 is as sure as one of 0.1.": lambda p, n: (p / n) ** 0.5,
}


@pytest.mark.points(4, question="standard_error")
def test_the_error_follows_the_formula(observed, expected):
    """The standard error is proportional to the square root of accuracy · (1 - accuracy) / n."""
    cases = errors(observed, expected)
    truth = [(p * (1 - p) / n) ** 0.5 for p, n, _ in cases]
    got = [value for *_, value in cases]
    unit = got[0] / truth[0]  # a fraction or in percent: reported below
    if unit > 0 and all(near(value, unit * true) for value, true in zip(got, truth, strict=True)):
        return
    for text, formula in MISREADINGS.items():
        if any(all(near(value, u * formula(p, n)) for p, n, value in cases) for u in (1, 100)):
            fail(text)
    p, n, value = cases[0]
    fail(f"An accuracy of {p} on {n:g} images gives {value:.4g}; sqrt({p} · {1 - p} / {n:g}) is required.")


@pytest.mark.points(2, question="standard_error")
def test_the_error_is_a_fraction(observed, expected):
    """The standard error is a fraction, as the accuracy is: 0.5 on 10 images gives 0.158."""
    cases = [case for case in errors(observed, expected) if 0.3 <= case[0] <= 0.7]
    ratios = [value / (p * (1 - p) / n) ** 0.5 for p, n, value in cases]
    if all(near(ratio, 100, 0.01) for ratio in ratios):
        fail("It comes in percent: give a fraction.")
    for (p, n, value), ratio in zip(cases, ratios, strict=True):
        if not near(ratio, 1, 0.12):
            true = (p * (1 - p) / n) ** 0.5
            fail(f"An accuracy of {p:.3g} on {n:g} images gives {value:.4g}; {true:.3g} is required.")


# ---------------------------------------------------------------- compare


class Rows:
    """The table that came back, by model and column."""

    def __init__(self, observed, expected):
        self.seen, self.ours = observed("compare"), expected("compare")
        if not self.seen.has("names"):
            kind = self.seen.text("kind")
            fail(
                f"compare returned {'nothing' if kind == 'NoneType' else 'a ' + kind}; a pandas DataFrame is required."
            )
        self.names, self.columns = self.seen.texts("names"), self.seen.texts("columns")
        self.order = self.ours.texts("order")
        values = self.seen.items("cells")
        if len(values) != 1:
            fail("The cells of the table cannot be read.")
        self.values = values[0]

    def column(self, name):
        """The numbers of a column in our order of the models."""
        if name not in self.columns:
            fail(f"There is no column {name!r}; there are {', '.join(self.columns[:10]) or 'none'}.")
        values = self.values.numbers(name, len(self.names))
        by_name = dict(zip(self.names, values, strict=True))
        return [by_name[name] for name in self.order] if set(by_name) == set(self.order) else values


@pytest.mark.points(2, question="compare")
def test_the_table_has_a_row_per_model(observed, expected):
    """compare returns a DataFrame: one row per model, in their order, and the six columns."""
    rows = Rows(observed, expected)
    if rows.names != rows.order:
        hint = " Models are rows, not columns." if set(rows.order) <= set(rows.columns) else ""
        fail(f"The rows are called {rows.names[:6]}; expected the names of the models in their order.{hint}")
    missing = [name for name in COLUMNS if name not in rows.columns]
    if missing:
        fail(f"There is no column {' or '.join(missing)}.")


@pytest.mark.points(2, question="compare")
def test_the_table_counts_parameters(observed, expected):
    """The column ``parameters`` holds how many there are: 44426, not 0.044426."""
    rows = Rows(observed, expected)
    got, right = rows.column("parameters"), rows.ours.numbers("parameters")
    if all(near(a, b / 1e6) for a, b in zip(got, right, strict=False)):
        fail("Parameters come in millions: give their number.")
    if len(got) != len(right) or not all(near(a, b) for a, b in zip(got, right, strict=True)):
        fail("The parameters are not those of the model in the row.")


def histories(rows):
    return [{name: history.numbers(name) for name in HISTORY} for history in rows.ours.items("histories")]


@pytest.mark.points(4, question="compare")
def test_the_table_holds_the_last_epoch(observed, expected):
    """The table holds loss and accuracy of the last epoch of each model."""
    rows = Rows(observed, expected)
    truth = histories(rows)
    got = {name: rows.column(name) for name in HISTORY}

    def fits(choose, scale=1.0, tolerance=1e-6):
        return all(
            len(got[name]) == len(truth)
            and all(
                near(value, choose(name, one) * (scale if "accuracy" in name else 1), tolerance)
                for value, one in zip(got[name], truth, strict=True)
            )
            for name in HISTORY
        )

    def last(name, one):
        return one[name][-1]

    if fits(last):
        return
    other = {"train": "test", "test": "train"}
    for choose, text in (
        (lambda name, one: (min if "loss" in name else max)(one[name]), "It holds the best epoch, not the last."),
        (lambda name, one: one[name][0], "It holds the first epoch, not the last."),
        (lambda name, one: sum(one[name]) / len(one[name]), "It holds the mean over the epochs, not the last one."),
        (
            lambda name, one: one[name][max(range(len(one[name])), key=one["test_accuracy"].__getitem__)],
            "It holds the epoch with the best test accuracy: that one is chosen on the test images. Take the last.",
        ),
        (
            lambda name, one: one[f"{other[name.split('_')[0]]}_{name.split('_')[1]}"][-1],
            "Training and test are exchanged.",
        ),
    ):
        if fits(choose):
            fail(text)
    if all(any(near(value, one[name][-1]) for one in truth) for name in HISTORY for value in got[name]):
        fail("The rows hold values of other models: look up each history by its name, not by its order.")
    if fits(last, scale=100):
        fail("Accuracies come in percent: give fractions.")
    if fits(last, tolerance=2e-2):
        fail("The values are rounded: leave that to those who print them.")
    fail("Some values are not those of the last epoch of the model in the row.")


@pytest.mark.points(2, question="compare")
def test_the_table_says_how_sure_it_is(observed, expected):
    """The column ``standard_error`` is that of the test accuracy, with the number of test images."""
    rows = Rows(observed, expected)
    got, n = rows.column("standard_error"), rows.ours.number("n_test")

    def fits(name, n, epochs):
        """Return True if each value is that of an epoch of any model; a wrong model or epoch is reported above."""
        ways = (lambda p: p / n, lambda p: math.sqrt(p * (1 - p) / n))  # of our stand-in, or your own formula
        values = [one[name][i] for one in histories(rows) for i in epochs(len(one[name]))]
        return len(got) == len(rows.order) and any(
            all(any(near(a, way(p)) for p in values) for a in got) for way in ways
        )

    def last(length):
        return [length - 1]

    if fits("test_accuracy", n, range):
        return
    if fits("test_accuracy", 10_000, last):
        fail("It takes 10,000 test images for granted: use n_test.")
    if fits("train_accuracy", n, last):
        fail("It is the standard error of the training accuracy.")
    fail("It is not standard_error(test accuracy of the last epoch, n_test).")


# ---------------------------------------------------------------- accuracy


def normalized(images):
    return (images.unsqueeze(1) / 255 - 0.1307) / 0.3081  # (n, 1, 28, 28)


@pytest.mark.points(3, question="accuracy")
def test_the_mlp_is_accurate(observed, answers, bars, reference, points, show):
    """SmallMLP with your weights classifies digits it has never seen."""
    network = trained_network(observed("weights_mlp"))
    logits = held_out_logits(network, answers, normalized, show, reference.SmallMLP())
    grade_accuracy(logits, answers["labels"], bars["small_mlp"], points, show, full=3, passed=1)


@pytest.mark.points(4, question="accuracy")
def test_the_regularised_lenet_is_accurate(observed, answers, bars, reference, points, show):
    """RegularisedLeNet with your weights classifies digits it has never seen."""
    network = trained_network(observed("weights_regularised"))
    logits = held_out_logits(network, answers, normalized, show, reference.RegularisedLeNet())
    grade_accuracy(logits, answers["labels"], bars["regularised_lenet"], points, show, full=4, passed=2)


@pytest.mark.points(2, question="accuracy")
def test_the_affine_lenet_is_accurate(observed, answers, bars, reference, points, show):
    """SmallLeNet with the weights trained on affine images classifies digits it has never seen."""
    network = trained_network(observed("weights_affine"))
    logits = held_out_logits(network, answers, normalized, show, reference.SmallLeNet())
    grade_accuracy(logits, answers["labels"], bars["affine_lenet"], points, show, full=2, passed=1)


@pytest.mark.points(1, question="accuracy")
def test_the_history_of_training_is_kept(observed, show):
    """history.json holds the loss and the accuracy of every epoch."""
    show_history(observed("history"), show)
