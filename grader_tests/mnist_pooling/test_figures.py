"""The curves over the steps, and the pictures of the maps, looked up in the figures."""

import functools

import pytest
import torch

from gradeprop.check import fail, letters, same_values

QUANTITIES = ("loss", "accuracy")
MODELS = ("Network 7a", "Network 7b", "Network 7c")


def find(observed, expected):
    """(model, quantity, part) → (line, history), as far as they are there."""
    seen, found = observed("curves"), {}
    for history in expected("curves").items("histories"):
        for quantity in QUANTITIES:
            lines = seen.items(quantity)
            for part in ("train", "test"):
                right = history.numbers(f"{part}_{quantity}")
                # a first value put before the curve, for a step 0, is reported where the steps are looked at
                drawn = [line for line in lines if any(same_values(y, right) for y in tails(line.numbers("y")))]
                if drawn:
                    found[history.text("model"), quantity, part] = (drawn[0], history)
    if not found:
        fail("No line in the figures draws a value of the histories.")
    return found


def tails(values):
    return values, values[1:]


def headed(line):
    """Return True if a title says more than the name of the model: what is drawn."""
    title = letters(line.text("title") + line.text("heading"))
    return bool(functools.reduce(lambda text, model: text.replace(letters(model), ""), MODELS, title))


def plots(found):
    """One line per plot that draws something."""
    return {(quantity, line.number("plot")): line for (_, quantity, _), (line, _) in found.items()}.items()


@pytest.mark.points(2, question="curves")
def test_all_curves_are_drawn(observed, expected, points):
    """For each model and quantity, training and test are drawn, in a plot per model."""
    found = find(observed, expected)
    for quantity in QUANTITIES:
        missing = [
            f"{part}_{quantity} of {model}"
            for model in MODELS
            for part in ("train", "test")
            if (model, quantity, part) not in found
        ]
        if missing:
            points.part(0, f'Asked for "{quantity}", no line draws {" or ".join(missing[:3])}.')
        places = {found[model, quantity, "train"][0].number("plot") for model in MODELS}
        if len(places) < 3:
            points.part(1, f"The {quantity} of three models is drawn in {len(places)} plots: give each its own.")


@pytest.mark.points(1, question="curves")
def test_curves_lie_over_their_steps(observed, expected):
    """The x of a curve is the step of each record: the first is not 0."""
    for (_, quantity, part), (line, history) in find(observed, expected).items():
        steps, x = history.numbers("step"), line.numbers("x")
        if x == steps:
            continue
        if x[:1] == [0]:
            fail(f"{part}_{quantity} begins at step 0; its first value is that of step {steps[0]:.0f}.")
        if x == list(range(1, len(x) + 1)):
            fail(f"{part}_{quantity} is drawn over the number of the record, 1, 2, …; expected: over the step.")
        fail(f"{part}_{quantity} is not drawn over the steps of its records.")


@pytest.mark.points(1, question="curves")
def test_axes_are_labelled(observed, expected):
    """Every axis has a label, and that of x does not say that it counts epochs; a title may stand for that of y."""
    for (quantity, _), line in plots(find(observed, expected)):
        for axis in ("x", "y"):
            if not line.text(f"{axis}_label").strip() and not (axis == "y" and headed(line)):
                fail(f"The {axis} axis of a plot of the {quantity} has no label.")
        if "epoch" in line.text("x_label").lower():
            fail("The x axis says that it counts epochs; the values stand over steps.")


@pytest.mark.points(1, question="curves")
def test_a_legend_tells_training_from_test(observed, expected):
    """A legend tells training from test."""
    found = find(observed, expected)
    for model in MODELS:
        for quantity in QUANTITIES:
            names = [
                found[key][0].text("called").lower()
                for part in ("train", "test")
                if (key := (model, quantity, part)) in found
            ]
            if "" in names or len(set(names)) < len(names):
                fail(f"Nothing tells the curves of the {quantity} apart: give each a label and call legend().")
            if len(names) == 2 and "test" in names[0] and "train" in names[1]:
                fail(f"The names of the curves of the {quantity} are exchanged.")


@pytest.mark.points(1, question="curves")
def test_plots_can_be_compared(observed, expected):
    """The figure is returned; each plot bears its model's name, and all of a figure share one scale."""
    seen, found = observed("curves"), find(observed, expected)
    for quantity in QUANTITIES:
        if not seen.flag(f"{quantity}_returned"):
            fail("plot_by_step should return the figure.")
        lines = {key: line for key, (line, _) in found.items() if key[1] == quantity}
        for (model, _, _), line in lines.items():
            if letters(model) not in letters("".join(map(line.text, ("title", "beside", "called", "y_label")))):
                fail(f"A plot of {model} does not bear its name.")
        ends = {(round(line.number("low"), 4), round(line.number("high"), 4)) for line in lines.values()}
        if len(ends) > 1:
            fail(f"The plots of the {quantity} have different scales, so they cannot be compared: sharey=True.")


# ---------------------------------------------------------------- maps


def upright(values):
    return values - values.mean()


def likeness(a, b):
    """1 where two pictures show the same, whatever the grey values; -1 for a negative."""
    if a.shape != b.shape:
        return 0.0
    a, b = upright(a.double()), upright(b.double())
    return (a * b).sum().item() / max((a.norm() * b.norm()).item(), 1e-12)


def as_drawn(one, pixels):
    """A map, or the same without the values beyond those of its picture: they get the last colour anyway."""
    if one.shape != pixels.shape or pixels.min() >= 0 > one.min():  # without its negative values it is another map
        return one
    return max(one, one.clamp(pixels.min(), pixels.max()), key=lambda each: abs(likeness(pixels, each)))


def pictures_of(observed, name):
    return [(item.tensor("pixels", shape=(None, None)), item) for item in observed("maps").items(f"{name}_drawn")]


def pictures_of_maps(observed, expected):
    """The pictures, of which at least one shows a map."""
    drawn, given = pictures_of(observed, "maps"), expected("maps").tensor("maps_given")
    ways = (way for pixels, _ in drawn for way in (pixels, pixels.T))
    if not any(abs(likeness(way, as_drawn(one, way))) > 0.5 for way in ways for one in given):
        fail("There are no pictures of the maps.")
    return drawn, given


@pytest.mark.points(3, question="maps")
def test_each_map_is_a_picture(observed, expected, points):
    """Each map is drawn as a picture of its own, in order; one map gives one picture."""
    for name in ("maps", "image"):
        given, drawn = expected("maps").tensor(f"{name}_given"), pictures_of(observed, name)
        if len(drawn) != len(given):
            fail(f"{len(given)} maps were given, {len(drawn)} pictures were drawn.")
        alike = torch.tensor([[likeness(pixels, as_drawn(one, pixels)) for one in given] for pixels, _ in drawn])
        if (alike.diagonal().abs() > 0.9999).all():
            continue
        flat = [likeness(pixels.T, one) for (pixels, _), one in zip(drawn, given, strict=True)]
        if min(flat) > 0.9999:
            fail("The pictures are transposed: rows and columns are exchanged.")
        if (alike.abs().amax(1) > 0.9999).all():
            points.part(1, "The maps are all there, and not in their order or not each once.")
        fail("A picture does not show its map.")


@pytest.mark.points(1, question="maps")
def test_all_maps_share_one_scale(observed, expected):
    """The same grey stands for the same value in all pictures of a figure."""
    drawn, given = pictures_of_maps(observed, expected)
    ends = {(round(item.number("low"), 3), round(item.number("high"), 3)) for _, item in drawn}
    if len(ends) > 1:
        fail("Each map has a scale of its own, so a faint map looks as strong as any: give all the same vmin and vmax.")
    pairs = [(pixels, as_drawn(one, pixels)) for (pixels, _), one in zip(drawn, given, strict=False)]
    spread = [(pixels.std() / one.std()).item() for pixels, one in pairs if likeness(pixels, one) > 0.9999]
    if spread and not max(spread) < 1.001 * min(spread):
        fail("Each map was scaled by itself before it was drawn, so a faint map looks as strong as any.")


@pytest.mark.points(1, question="maps")
def test_pixels_stay_pixels(observed, expected):
    """The pictures are drawn without smoothing."""
    for _, item in pictures_of_maps(observed, expected)[0]:
        if item.text("smoothing") not in ("nearest", "none", "auto", "antialiased"):
            fail(
                f"The maps are smoothed ({item.text('smoothing')}): a map of 14×14 should be seen as it is, 'nearest'."
            )


@pytest.mark.points(1, question="maps")
def test_the_figure_of_maps_bears_its_title(observed, expected):
    """The figure is returned, and bears the title."""
    seen = observed("maps")
    if not seen.flag("maps_returned"):
        fail("plot_maps should return the figure.")
    if letters(expected("maps").text("title")) not in letters(seen.text("maps_titles")):
        fail("The title is not in the figure.")
