"""One run, and writing its result."""

import re
from itertools import pairwise

import pytest

from gradeprop.check import fail

LISTS = ("train_loss", "test_loss", "train_accuracy", "test_accuracy")


@pytest.fixture
def run(observed):
    """The calls of ``run_configuration``; fail if it did not use the loops at all."""
    seen = observed("run")
    if not seen.items("calls"):
        fail("run_configuration called neither train_model nor test_model, your loops of the first assignment.")
    return seen


@pytest.fixture
def asked(expected):
    """The configuration that it was given."""
    (about,) = expected("run").items("asked")
    return about


@pytest.mark.points(3, question="run")
def test_each_epoch_is_trained_and_then_measured(run, asked):
    """There are as many epochs as the configuration says, and each is measured once it is trained."""
    kinds, epochs = [call.text("kind") for call in run.items("calls")], asked.integer("epochs")
    if {call.text("gives") for call in run.items("calls")} != {"Tensor"}:
        fail("The loops got a network that gives (logits, shapes): wrap it in LogitsOnly.")
    if kinds.count("train") != epochs:
        fail(f"{kinds.count('train')} epochs were trained; the configuration says {epochs}.")
    measured = [after for before, after in pairwise([*kinds, "end"]) if before == "train"]
    if any(kind != "test" for kind in measured):
        fail("An epoch was trained and not measured: call test_model after each.")


@pytest.mark.points(3, question="run")
def test_the_loaders_are_those_of_the_batch_size(run, asked):
    """The loaders are made for the batch size of the configuration: one to train on, one to measure with."""
    sizes, batch = set(run.numbers("sizes")), asked.integer("batch_size")
    if sizes != {batch}:
        fail(f"Loaders were asked for with the batch sizes {sorted(sizes) or 'none'}; the configuration says {batch}.")
    for kind, loader in (("train", "train"), ("test", "val")):
        used = {call.text("loader") for call in run.items("calls") if call.text("kind") == kind}
        if used - {loader}:
            what = "trained on" if kind == "train" else "measured with"
            fail(f"The network was {what} the {' and '.join(sorted(used))} loader; it should be the {loader} loader.")


@pytest.mark.points(3, question="run")
def test_the_optimizer_is_the_configurations(run, asked, points):
    """SGD with the configuration's learning rate and momentum trains all parameters, by cross entropy."""
    for step in run.items("steps"):
        if step.text("kind") != "SGD" or step.number("weight_decay") or step.number("nesterov", 0, 1):
            fail(f"The optimizer is {step.text('kind')}; plain SGD is required, without anything added.")
        for name in ("lr", "momentum"):
            got, right = step.number(name), asked.number(name)
            if abs(got - right) > 1e-9:
                fail(f"The optimizer's {name} is {got:.4g}; the configuration says {right:.4g}.")
        if step.number("held") != run.number("parameters"):
            fail("The optimizer does not hold the parameters of the network.")
    losses = [call.number("loss") for call in run.items("calls")]
    if any(abs(loss - 0.169846) > 1e-4 for loss in losses):  # -log softmax((3, 1, 0))[0]
        points.part(2, "The loss is not plain cross entropy of logits.")


@pytest.mark.points(2, question="run")
def test_the_seed_fixes_the_first_weights(observed):
    """The same seed gives the same first weights, whatever was drawn before; another seed gives others."""
    weights = observed("run_seed").tensors("weights")
    if set(weights) != {"0", "1", "2"}:
        fail("No LeNet was made in the run.")
    first, again, other = (weights[key].double() for key in ("0", "1", "2"))
    if first.shape != again.shape or (first - again).abs().max() > 1e-5:
        fail("Two runs of one configuration began with other weights: set the seed before the network is made.")
    if first.shape == other.shape and (first - other).abs().max() < 1e-5:
        fail("Another seed gave the same first weights: is it the configuration's?")


@pytest.mark.points(2, question="run")
def test_the_history_holds_what_the_loops_returned(run, expected):
    """The history has the loss and the accuracy of every epoch, of training and of validation."""
    (said,) = expected("run").items("said")
    history = next(iter(run.items("history")), None)
    if history is None:
        fail("There is no history.")
    missing = [name for name in LISTS if not history.has(name)]
    if missing:
        fail(f"The history has no list {', '.join(missing)}: run_configuration returns (model, history).")
    for name in LISTS:
        got, right = history.numbers(name), said.numbers(name)
        if len(got) != len(right):
            fail(f"{name} has {len(got)} values for {len(right)} epochs.")
        if max(abs(a - b) for a, b in zip(got, right, strict=True)) > 1e-6:
            other = [key for key in LISTS if len(got) == len(said.numbers(key)) and near(got, said.numbers(key))]
            fail(f"{name} does not hold what the loop returned. {f'It holds {other[0]}.' if other else ''}")


def near(got, right):
    return max(abs(a - b) for a, b in zip(got, right, strict=True)) < 1e-6


@pytest.mark.points(1, question="run")
def test_the_trained_network_is_returned(run):
    """The network that is returned is the one that was trained, and one alone was made."""
    if not run.flag("is_lenet"):
        fail("What is returned first is not the LeNet that was trained.")
    if run.integer("models") != 1:
        fail(f"{run.integer('models')} networks were made in one run; one is to be made, and trained in all epochs.")


# ---------------------------------------------------------------- results.txt


def numbers(text):
    """The number in each line, and the lines that are no number: an infinite one is none."""
    lines = [line for line in text.splitlines() if line.strip()]
    good = [line for line in lines if re.fullmatch(r"\s*\d+(\.\d*)?(e[-+]?\d+)?\s*", line) and float(line) < 1e9]
    return [float(line) for line in good], [line for line in lines if line not in good], good


def readings(expected, reference):
    """Yield what the seven numbers may be, in the order of the table: sentence → values; the first is right."""
    accuracies = {item.text("name"): item.numbers("accuracy") for item in expected("results").items("histories")}
    rows = [accuracies[configuration.name] for configuration in reference.CONFIGURATIONS]
    kinds = {
        "": max,
        "They are those of the last epoch": lambda a: a[-1],
        "They are those of the first epoch": lambda a: a[0],
    }
    kinds |= {"They are means over the epochs": lambda a: sum(a) / len(a), "They are the lowest": min}
    for sentence, kind in kinds.items():
        values = [kind(row) for row in rows]
        yield sentence and f"{sentence}: write the best.", [100 * value for value in values]
        yield f"They are fractions: write percent. {sentence and sentence + ', too.'}".strip(), values


def same_numbers(a, b, off):
    return len(a) == len(b) and all(abs(x - y) <= off for x, y in zip(a, b, strict=True))


def coarse(lines):
    """Return True if no line has two digits after the point; where 16.70 is written as 16.7, others have them."""
    return all(len(line.strip().partition(".")[2]) < 2 for line in lines)


@pytest.mark.points(2, question="results")
def test_results_are_seven_numbers(observed):
    """results.txt has seven lines with a number in each, and nothing else."""
    values, others, good = numbers(observed("results").text("text"))
    if others:
        fail(f"A line of results.txt is no number: {others[0][:60]!r}. Leave names and percent signs away.")
    if len(values) != 7:
        fail(
            f"results.txt has {len(values)} lines; the seven configurations give seven, and no other run is among them."
        )
    if coarse(good):
        fail("Write two digits after the point, such as 16.74: whole percents hide what tells two runs apart.")


@pytest.mark.points(2, question="results")
def test_results_are_the_best_in_percent(observed, expected, reference):
    """The numbers are the best validation accuracies, in percent."""
    values, _, good = numbers(observed("results").text("text"))
    for sentence, right in readings(expected, reference):
        # fractions are small; coarse rounding of what is right is reported, and costs points, elsewhere
        off = 5e-3 if max(right) < 1 else 0.51 if coarse(good) and not sentence else 0.0051
        if same_numbers(sorted(values), sorted(right), off) or subset(values, right, off):
            if sentence:
                fail(f"These are not the numbers that are required. {sentence}")
            return
    fail("These are not the best validation accuracies in percent: max(history['test_accuracy']), times 100.")


def subset(values, right, off):
    """The right values are all there, among others or but for few: how many there must be is asked elsewhere."""
    found = [value for value in right if any(abs(value - got) <= off for got in values)]
    return len(values) != 7 and len(found) >= min(6, len(values)) > 0


def level(value):
    """The number of the run that a fraction belongs to: the probe draws their accuracies from separate ranges."""
    return int((value + 5e-4) / 0.03) - 1


@pytest.mark.points(2, question="results")
def test_results_are_in_the_order_of_the_table(observed, expected, reference):
    """The lines are in the order of CONFIGURATIONS."""
    values, _, _ = numbers(observed("results").text("text"))
    accuracies = {item.text("name"): item.numbers("accuracy") for item in expected("results").items("histories")}
    right = [level(max(accuracies[configuration.name])) for configuration in reference.CONFIGURATIONS]
    scale = 1 if max(values, default=0) < 1 else 100
    got = [number for number in (level(value / scale) for value in values) if number in right]
    if got == right:
        return
    if sorted(got) == sorted(right):
        fail("These are the seven runs, and the results in the wrong order: go through CONFIGURATIONS.")
    fail("These lines are not the seven runs: write the best accuracy of each, in the order of the table.")
