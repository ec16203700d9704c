"""Your own network, the submitted results, and the accuracy of the weights."""

import re

import pytest
import torch

from gradeprop.check import (
    CheckFailed,
    assert_gradients,
    fail,
    grade_accuracy,
    held_out_logits,
    measure_accuracy,
    trained_network,
)

# ---------------------------------------------------------------- own


@pytest.mark.points(2, question="own")
def test_the_own_network_is_small_enough(network, requirements, show):
    """OwnNetwork keeps within the cap on numbers: parameters, and what else is saved with them."""
    got, most = network("own_cost").numbers, requirements.caps["numbers"]
    if got > most:
        fail(
            f"OwnNetwork saves {got:,.0f} numbers; at most {most:,.0f} are allowed. Fewer channels, or no large matrix?"
        )
    if got < 1:
        fail("OwnNetwork holds no numbers at all: layers in a Python list are not found; use attributes.")
    show.text(f"OwnNetwork saves {got:,.0f} numbers; {most:,.0f} are allowed.")


@pytest.mark.points(2, question="own")
def test_the_own_network_is_quick_enough(network, requirements, show):
    """OwnNetwork keeps within the cap on multiply-adds per image, which is what its training time grows with."""
    got, most = network("own_cost").multiply_adds, requirements.caps["multiply-adds"]
    if got > most:
        fail(
            f"An image costs {got / 1e6:,.1f} million multiply-adds; at most {most / 1e6:,.0f} million are allowed. "
            f"Pool earlier, or use fewer channels where the maps are large."
        )
    if got < 1:
        fail("No multiplication of an image with weights was seen: what does OwnNetwork compute?")
    show.text(f"An image costs {got / 1e6:,.1f} million multiply-adds; {most / 1e6:,.0f} million are allowed.")


@pytest.mark.points(2, question="own")
def test_the_own_network_gives_a_hundred_logits(observed, network):
    """OwnNetwork gives a hundred logits per image, whichever images are beside it; all of its parameters learn."""
    seen = observed("own_repeats")
    first = seen.tensor("first", shape=(4, 100)).double()
    if not (first.std(0) > 1e-7).any():
        fail("All images get the same logits.")
    for name, hint in {"again": "the second time", "alone": "alone, than in a batch"}.items():
        if not (seen.tensor(name, shape=(4, 100)).double() - first).abs().max() < 1e-3:
            fail(f"In evaluation mode an image got other logits {hint}.")
    for rows, name in ((first, "softmax"), (first.exp(), "log-softmax")):
        if ((rows.sum(1) - 1).abs() < 1e-4).all() and (rows >= 0).all():
            fail(f"The outputs of an image are those of a {name}: leave the softmax to the loss.")
    assert_gradients(observed("own").items("parameters"), "Is it used in forward?")
    network("own_repeats")


# ---------------------------------------------------------------- seven


@pytest.fixture
def seven(observed):
    """The numbers in results.txt, as percent, and whether they stood there as fractions."""
    lines = [line for line in observed("results_file").text("text").splitlines() if line.strip()]
    if any(not re.fullmatch(r"\s*\d+(\.\d*)?(e[-+]?\d+)?\s*%?\s*", line) for line in lines):
        lines = []
    values = [float(line.replace("%", "")) for line in lines]
    if any(value > 1e9 for value in values):  # infinite ones are no results
        values = []
    fractions = bool(values) and max(values) <= 1
    return [100 * value for value in values] if fractions else values, fractions


def best(observed, requirements):
    """The best validation accuracy of each run in history.json, in percent, in the table's order; {} without one."""
    try:
        runs = {run.text("name"): run for run in observed("history").items("runs")}
        return {name: 100 * max(runs[name].numbers("test_accuracy")) for name in requirements.bands}
    except (CheckFailed, KeyError, ValueError):
        return {}


def ordered(values, observed, requirements):
    """The results in the order of the table, as far as the histories tell which is which."""
    bests = list(best(observed, requirements).values())
    mixed = bests and values != bests and near(sorted(values), sorted(bests))
    return (bests, True) if mixed and not near(values, bests) else (values, False)


def near(values, others):
    return len(values) == len(others) and all(abs(a - b) <= 0.06 for a, b in zip(values, others, strict=True))


@pytest.mark.points(1, question="seven")
def test_results_txt_has_seven_lines(seven):
    """results.txt has seven lines with a number in each."""
    values, _ = seven
    if len(values) != 7:
        what = f"{len(values)} lines" if values else "lines that are no numbers, or none"
        fail(f"results.txt has {what}; it should have seven, with a number in each.")


@pytest.mark.points(1, question="seven")
def test_results_txt_is_in_percent(seven):
    """The results are in percent."""
    values, fractions = seven
    if fractions:
        fail(f"The results look like fractions, at most {max(values) / 100:.4g}: write percent.")
    if not values:
        fail("There are no results to look at.")


@pytest.mark.points(2, question="seven")
def test_results_txt_is_what_the_histories_hold(seven, observed, requirements, points):
    """Each result is the best validation accuracy of its run in history.json, and they are in order."""
    values, _ = seven
    if len(values) != 7:
        fail("There are not seven results to look at.")
    bests = best(observed, requirements)
    if not bests:
        points.part(1, "history.json does not hold the accuracies of all seven runs: save it as the notebook does.")
    if ordered(values, observed, requirements)[1]:
        fail(
            "These are your seven results, but the results are in the wrong order: "
            + ", ".join(requirements.bands)
            + "."
        )
    if not near(values, list(bests.values())):
        i = next(i for i, (a, b) in enumerate(zip(values, bests.values(), strict=True)) if abs(a - b) > 0.06)
        name, right = list(bests.items())[i]
        fail(f"Line {i + 1}, {name}, is {values[i]:.2f}; the best in history.json is {right:.2f}. Write it again.")


@pytest.mark.points(4, question="seven")
def test_results_txt_lies_where_others_came_out(seven, observed, requirements, points, show):
    """Each result is within the range of such runs, up to chance."""
    values, _ = seven
    if len(values) != 7:
        fail("There are not seven results to look at.")
    values, _ = ordered(values, observed, requirements)  # a wrong order is reported, and costs points, elsewhere
    rows = [
        (name, f"{value:.2f}", *band) for (name, band), value in zip(requirements.bands.items(), values, strict=True)
    ]
    show.table("Your seven results, in percent", ("run", "yours", "lowest", "highest"), rows)
    out = [row for row, value in zip(rows, values, strict=True) if not row[2] <= value <= row[3]]
    if out:
        name, value, low, high = out[0]
        swap = " Is the order that of the table?" if len(out) > 1 and fits(values, requirements) else ""
        message = (
            f"{len(out)} of 7 lie elsewhere, such as {name} at {value} %; from {low:g} to {high:g} % is usual.{swap}"
        )
        points.part(max(0, 4 - len(out)), f"{message} Was each run trained as its row of the table says?")


def fits(values, requirements):
    """Return True if the sorted results are within the sorted bands: then only their order is wrong."""
    bands = sorted(requirements.bands.values())
    return all(low <= value <= high for (low, high), value in zip(bands, sorted(values), strict=True))


# ---------------------------------------------------------------- accuracy


MEAN, STD = torch.tensor([0.485, 0.456, 0.406]).view(3, 1, 1), torch.tensor([0.229, 0.224, 0.225]).view(3, 1, 1)


def normalized(images):
    return (images / 255 - MEAN) / STD  # (n, 3, 32, 32)


@pytest.mark.points(4, question="accuracy")
def test_the_default_lenet_is_accurate(observed, answers, bars, reference, points, show):
    """LeNet with your weights of the default run classifies scenes it has never seen."""
    network = trained_network(observed("weights_lenet"))
    logits = held_out_logits(network, answers, normalized, show, reference.LeNet())
    grade_accuracy(logits, answers["labels"], bars["lenet"], points, show, full=4, passed=2, decimals=1)


def assert_measured(trained, network, caps):
    """Fail if the network with its weights costs more than the one that the caps were checked on."""
    try:
        measured = network("own_cost")
        most = {"numbers": measured.numbers, "multiply-adds": measured.multiply_adds}
    except CheckFailed:  # it is reported there
        most = caps
    for name, got in {"numbers": trained.numbers, "multiply-adds": trained.multiply_adds}.items():
        if got > 1.01 * most[name]:
            what = f"{got:,.0f} {name} in place of {most[name]:,.0f}"
            fail(f"OwnNetwork with your weights is larger than the one that was measured: {what}.")


@pytest.mark.points(4, question="accuracy")
def test_the_own_network_is_accurate(observed, answers, bars, requirements, network, points, show):
    """OwnNetwork with your weights classifies scenes it has never seen, within its caps."""
    trained = trained_network(observed("weights_own"))
    assert_measured(trained, network, requirements.caps)
    logits = held_out_logits(trained, answers, normalized, show)
    numbers, million = f"{trained.numbers:,}", f"{trained.multiply_adds / 1e6:.1f}"
    right, _ = measure_accuracy(logits, answers["labels"])
    header = ("numbers", "million multiply-adds", "accuracy in percent")
    show.table("Leaderboard", header, [(numbers, million, f"{right:.1f}")])
    spent, allowed = minutes(observed), requirements.caps["minutes"]
    if spent > allowed:
        fail(f"history.json says that it trained for {spent:.0f} minutes; {allowed:g} are allowed.")
    about = f"{numbers} numbers, {million} million multiply-adds: "
    grade_accuracy(
        logits, answers["labels"], bars["own_network"], points, show, full=4, passed=2, decimals=1, about=about
    )


def minutes(observed):
    """The minutes of OwnNetwork's training in history.json; 0 without a note."""
    try:
        runs = {run.text("name"): run for run in observed("history").items("runs")}
        return sum(runs["own_network"].numbers("seconds")) / 60
    except (CheckFailed, KeyError):
        return 0.0
