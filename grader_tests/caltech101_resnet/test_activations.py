"""The activations of the first two layers, and the figure that draws them."""

import itertools

import pytest
import torch
from torch.nn import functional as F  # noqa: N812

from gradeprop.check import CheckFailed, drawn_values, fail, letters

PERIOD = 9973  # of the values that the probes fill in
ACTIVATIONS = (torch.relu, lambda x: x, torch.tanh, torch.sigmoid, F.leaky_relu, F.elu, F.gelu, F.silu)


def convolved(x, seed, maps, padding):
    """A convolution with the weights that the probe filled in."""
    size = maps * x.shape[1] * 25
    weights = drawn_values(seed, size, PERIOD).reshape(maps, -1, 5, 5) * (2 * maps / size) ** 0.5
    return F.conv2d(x, weights, drawn_values(seed, maps, PERIOD) * 0.2, padding=padding)


def maps_of(truth, number):
    """Every pair (first, second)[number] that a CaltechLeNet may have, right or with a mistake reported elsewhere."""
    images, seed = truth.tensor("images"), truth.integer("seed")
    for padding in (2, 0):
        first = convolved(images, seed, 32, padding)
        if not number:
            yield first.relu()
            continue
        for pool, bend in itertools.product((F.max_pool2d, F.avg_pool2d), ACTIVATIONS):
            yield convolved(pool(bend(first), 4), seed, 64, padding).relu()


def agree(found, true):
    """Agreement within what another order of additions may change."""
    return found.shape == true.shape and bool((found - true).abs().max() <= 1e-3 * true.abs().max())


def hold(observed, expected, number):
    """Fail unless the maps are those of a convolution after its ReLU, in the student's network or in ours."""
    name, count = (("first", 32), ("second", 64))[number]
    failures = []
    for probe in ("activations_own", "activations"):
        try:
            found = observed(probe).tensor(name).double()
        except CheckFailed as failure:
            failures.append(failure)
            continue
        truth = expected(probe)
        candidates = maps_of(truth, number) if probe == "activations_own" else [truth.tensor(name)]
        if any(agree(found, true.double()) for true in candidates):
            return
        failures.append(CheckFailed(misread(found, truth.tensor(name).double(), name, count)))
    raise next((failure for failure in failures if failure.verdict == "failed"), failures[0])


def misread(found, right, name, count):
    """Say what the maps are instead."""
    shapes = f"The {name} maps have the shape {list(found.shape)}; expected {list(right.shape)}."
    if found.shape == right.shape[:1] + right.shape[1:2] + torch.Size(side // 4 for side in right.shape[2:]):
        return f"{shapes} They are those after the pooling: take them before it."
    if found.dim() != 4 or found.shape[1] != count:
        return shapes
    if (found < -1e-6).any():
        return f"The {name} maps have negative values: those after the ReLU are required."
    return f"The {name} maps are not what the {name} convolution passes on after its ReLU."


@pytest.mark.points(5, question="activations")
def test_the_first_maps_are_those_after_the_first_relu(observed, expected):
    """The first result holds the 32 maps of the first convolution, after its ReLU and before the pooling."""
    hold(observed, expected, 0)


@pytest.mark.points(5, question="activations")
def test_the_second_maps_are_those_after_the_second_relu(observed, expected):
    """The second result holds the 64 maps of the second convolution, after its ReLU and before the pooling."""
    hold(observed, expected, 1)


@pytest.mark.points(3, question="activations")
def test_the_maps_are_copies(observed, expected):
    """The maps stay what they are when the network goes on and writes over its own."""
    either = [name for name in ("activations_own", "activations") if there(observed, name)]
    if not any(all(per_picture(observed, expected, name, maps) for maps in ("first", "second")) for name in either):
        fail("first_activations should return the maps of both layers, of each picture.")
    seen = observed("activations_kept")
    if seen.flag("applies"):
        for name in ("first", "second"):
            if seen.has(name) and (seen.tensor(name).double() == 7.0).double().mean() > 0.9:
                fail("A layer that works in place wrote over what you had kept: clone the maps when you see them.")


def per_picture(observed, expected, name, maps):
    """Return True if a probe returned maps, as many as there were pictures."""
    seen = observed(name)
    return seen.has(maps) and seen.tensor(maps).shape[:1] == expected(name).tensor("images").shape[:1]


def there(observed, name):
    """Return True if a probe succeeded."""
    try:
        return observed(name) is not None
    except CheckFailed:
        return False


@pytest.mark.points(3, question="activations")
def test_looking_leaves_nothing_behind(observed, expected):
    """The maps carry no gradients, and no hook stays on the model."""
    seen = observed("activations_leave")
    if seen.flag("gradients"):
        fail("The maps still carry gradients: detach them, or use torch.no_grad().")
    if not per_picture(observed, expected, "activations_leave", "first"):
        fail("first_activations should return the first maps of each picture.")
    hooks = seen.integer("hooks")
    if hooks:
        fail(f"{hooks} hooks stay on the model: remove() each, or the next call keeps maps again.")


# ---------------------------------------------------------------- draw_maps


def shows(pixels, map_):
    """Return True if an image shows a map, whatever grey stands for which value."""
    if pixels.shape != map_.shape:
        return False
    pixels, map_ = (values.double() - values.double().mean() for values in (pixels, map_))
    return abs((pixels * map_).sum()) > 0.9999 * pixels.norm() * map_.norm()


def drawn_images(observed):
    """Return pixels and scale of each image in the figure."""
    images = observed("drawn_maps").items("images")
    if not images:
        fail("The figure of draw_maps contains no images: draw each map with imshow.")
    return [(image.tensor("pixels", shape=(None, None)), image) for image in images]


@pytest.mark.points(3, question="activations")
def test_each_map_is_drawn(observed, expected):
    """draw_maps draws each map as an image of its own, in order."""
    maps, images = expected("drawn_maps").tensor("maps"), [pixels for pixels, _ in drawn_images(observed)]
    if len(images) != len(maps):
        fail(f"draw_maps received {len(maps)} maps and drew {len(images)} images: draw one image per map.")
    if all(map(shows, images, maps)):
        return
    if all(shows(pixels.T, map_) for pixels, map_ in zip(images, maps, strict=True)):
        fail("The images are transposed: rows and columns are exchanged.")
    if all(any(shows(pixels, map_) for pixels in images) for map_ in maps):
        fail("All maps are drawn, but not in their order: go through them row by row.")
    fail("At least one map is not drawn as it is.")


@pytest.mark.points(1, question="activations")
def test_the_maps_can_be_compared(observed, expected):
    """The maps share one scale and are not smoothed; draw_maps returns the figure, with its title."""
    seen, images = observed("drawn_maps"), drawn_images(observed)
    if not seen.flag("returned"):
        fail("draw_maps should return the figure.")
    if len({(round(image.number("low"), 3), round(image.number("high"), 3)) for _, image in images}) > 1:
        fail("Each map has a scale of its own, so a faint map looks as strong as any: give all the same vmin and vmax.")
    pairs = zip((pixels for pixels, _ in images), expected("drawn_maps").tensor("maps"), strict=False)
    spreads = [(pixels.std() / map_.std()).item() for pixels, map_ in pairs if shows(pixels, map_)]
    if spreads and not max(spreads) < 1.001 * min(spreads):
        fail("Each map was scaled before it was drawn, so a faint map looks as strong as any other.")
    if any(image.text("smoothing") not in ("nearest", "none", "auto", "antialiased") for _, image in images):
        fail('The maps are smoothed: a map should be seen as it is, interpolation="nearest".')
    if letters(expected("drawn_maps").text("title")) not in letters(seen.text("titles")):
        fail("The title is not in the figure.")
