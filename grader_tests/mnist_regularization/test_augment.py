"""The two augmentations, by what they do to batches."""

import pytest
import torch

from gradeprop.check import fail


def assert_new_images(seen, results, shape):
    """The same shape, type and range, and the argument left as it was."""
    if seen.number("changed") != 0:
        fail("The images that went in were changed in place: make new ones.")
    for result in results:
        kind = seen.text("type").removeprefix("torch.")
        if list(result.shape) != shape or kind != "float32":
            fail(f"What came back is {kind} {list(result.shape)}; expected float32 {shape}.")
        if result.min() < -1e-5 or result.max() > 1 + 1e-5:
            fail(f"The pixels left [0, 1]: from {result.min():.3g} to {result.max():.3g}.")


# ---------------------------------------------------------------- flip


@pytest.mark.points(2, question="flip")
def test_a_flip_makes_new_images(observed, expected):
    """``flip_at_random`` returns new images of the same shape, type and range, and leaves those it got."""
    seen = observed("flip")
    assert_new_images(seen, [seen.tensor("result")], list(expected("flip").tensor("images").shape))


def coins(observed, expected):
    """True for each image of each batch that was mirrored, bool (16, 25)."""
    given = expected("flip_coins").tensor("given")
    returned = observed("flip_coins").tensor("returned", shape=(16, 25, 28)).float()
    kept, mirrored = ((returned - row).abs().amax(-1) < 1e-4 for row in (given, given.flip(-1)))
    return kept, mirrored


@pytest.mark.points(4, question="flip")
def test_a_flipped_image_is_its_own_mirror_image(observed, expected):
    """Each image comes back at its own place, as it was or mirrored left to right."""
    images, result = expected("flip").tensor("images"), observed("flip").tensor("result").float()
    if result.shape != images.shape:
        fail(f"{len(images)} images came back with the shape {list(result.shape)}.")
    ways = {"kept": images, "mirrored": images.flip(-1)}
    distance = torch.stack([(result - way).abs().amax((1, 2, 3)) for way in ways.values()]).amin(0)
    if not (distance < 1e-4).all():
        strange = result[distance >= 1e-4]
        for axes, text in (((-2,), "upside down"), ((-2, -1), "turned by 180 degrees")):
            if any(torch.cdist(strange.flatten(1), images.flip(axes).flatten(1)).min(1).values < 1e-2):
                fail(f"An image came back {text}: mirror it left to right, along its columns.")
        others = torch.cat([images, images.flip(-1)]).flatten(1)
        if (torch.cdist(strange.flatten(1), others).min(1).values < 1e-2).any():
            fail("An image came back at another place: then it no longer matches its label.")
        fail("What came back is neither the image nor its mirror image.")
    if not coins(observed, expected)[1].any():
        fail("Of 400 images none was mirrored.")


@pytest.mark.points(4, question="flip")
def test_each_image_has_its_own_coin(observed, expected):
    """Each image is mirrored with probability 1/2, whatever happens to the others of its batch."""
    kept, mirrored = coins(observed, expected)
    if not mirrored.any():
        fail("No image was mirrored.")
    if not kept.any():
        fail("Every image was mirrored: each should be with probability 1/2.")
    whole = (mirrored.all(1) | kept.all(1)).all()
    if whole:
        fail("A batch was mirrored as a whole or not at all: draw one random number per image, not one per batch.")
    if (mirrored == mirrored[:1]).all():
        fail("The same images were mirrored in each of 16 batches: draw again at each call.")
    number = int(mirrored.sum())  # of 400; its standard deviation is 10
    if not 145 <= number <= 255:
        fail(f"{number} of 400 images were mirrored; with probability 1/2 it is nearly always from 150 to 250.")
    spread = mirrored.float().sum(1).std()  # 2.5 for independent coins
    if spread < 0.8:
        fail("Each batch had the same number of mirrored images: let each image have a coin of its own.")


# ---------------------------------------------------------------- affine


def moments(pictures):
    """Measure the ink of each picture (n, 1, 28, 28): its sum, centre (pixels), length (pixels), direction (degrees).

    The direction points away from the heavy head, so it tells a mirrored or turned comet from the original.
    """
    ink = pictures.double().reshape(-1, 28, 28).clamp(min=0)
    total = ink.sum((1, 2)).clamp(min=1e-9)
    rows, columns = torch.meshgrid(torch.arange(28.0) - 13.5, torch.arange(28.0) - 13.5, indexing="ij")

    def mean(values):
        return (ink * values).sum((1, 2)) / total

    x, y = mean(columns.double()), mean(rows.double())
    dx, dy = columns - x[:, None, None], rows - y[:, None, None]
    xx, yy, xy = mean(dx**2), mean(dy**2), mean(dx * dy)
    axis = 0.5 * torch.atan2(2 * xy, xx - yy)  # of the largest spread
    place = axis.cos()[:, None, None] * dx + axis.sin()[:, None, None] * dy
    direction = torch.where(mean(place**3) < 0, axis + torch.pi, axis)
    return total, torch.stack([x, y], 1), mean(place**2).sqrt(), direction.rad2deg()


def motions(observed, expected):
    """The changes in 6 calls with n pictures: ink, brightness, shift (pixels), scale, turn (degrees)."""
    images = expected("affine").tensor("images")  # (6, n, 1, 28, 28)
    found = observed("affine").tensors("results")
    results = [result.float() for result in found.values() if result.shape == images.shape[1:]]
    if len(results) != 6:
        shape = list(next(iter(found.values())).shape) if found else "of nothing"
        fail(f"{images.shape[1]} images came back with the shape {shape}.")
    if torch.allclose(torch.stack(results), images, atol=1e-4):
        fail("The images came back as they were, six times.")
    ink, centre, length, angle = moments(images)
    new_ink, new_centre, new_length, new_angle = moments(torch.cat(results))
    scale, left = new_length / length, new_ink / ink
    turn = (new_angle - angle + 180) % 360 - 180
    light = (left / scale**2).nan_to_num(0.0)  # no ink, no light
    moved = {"shift": new_centre - centre, "scale": scale, "turn": turn}
    return {"ink": left, "light": light, "results": torch.stack(results), **moved}


@pytest.mark.points(3, question="affine")
def test_an_affine_map_makes_new_images(observed, expected):
    """``affine_at_random`` returns new images of the same shape, type and range, and leaves those it got."""
    seen = observed("affine")
    assert_new_images(seen, seen.tensors("results").values(), list(expected("affine").tensor("images").shape[1:]))
    motions(observed, expected)


@pytest.mark.points(4, question="affine")
def test_each_image_goes_its_own_way(observed, expected):
    """Each image is changed on its own, again at each call, and stays at its place in the batch."""
    found, images = motions(observed, expected), expected("affine").tensor("images")
    results = found["results"] / images.amax((2, 3, 4), keepdim=True)  # as if all were equally bright
    ways = torch.cat([found["shift"], found["turn"][:, None] / 5, found["scale"][:, None] * 10], 1).reshape(6, -1, 4)
    if all(torch.cdist(way, way).max() < 0.15 for way in ways[:2]):
        fail("All images of a batch went the same way: draw angle, shift and scale for each image, not for the batch.")
    if all((calls - calls[0]).abs().max() < 1e-3 for calls in (results[::2], results[1::2])):  # by picture
        fail("Six calls changed the images in the same way: draw again at each call.")
    peaks = results.amax((2, 3, 4))  # an affine map moves the brightest place, and keeps it as bright
    in_the_frame = found["light"].min() > 0.45 and corners(found).max() < 0.3  # else reported below
    peaks = peaks / peaks.median(1, keepdim=True).values.clamp(min=1e-6)
    if in_the_frame and not ((peaks > 0.85) & (peaks < 1.15)).double().mean() > 0.9:
        fail("An image came back brighter or darker, or at another's place: i must stay i, beside its label.")


def corners(found):
    return found["results"][..., [0, 0, -1, -1], [0, -1, 0, -1]]


@pytest.mark.points(4, question="affine")
def test_the_digit_can_still_be_read(observed, expected):
    """The digit can still be read: a small turn, a small shift, a size not far from the old, on white paper."""
    found = motions(observed, expected)
    pushed = "A digit was pushed out of the frame: shift by 2 pixels or so. The frame is 2 wide, so a pixel is 2/28."
    if found["ink"].min() < 0.25:
        fail(pushed)
    if corners(found).max() > 0.3:
        fail("A corner of the frame is dark: what comes from outside of the image should be paper, 0.")
    if found["light"].min() < 0.45 or found["shift"].norm(dim=1).max() > 6:
        fail(pushed)
    worst = found["turn"].abs().max()
    if worst > 40:
        hint = "A 6 upside down is a 9, a mirrored 2 is no 2. Does your function take degrees or radians?"
        fail(f"A digit came back mirrored or turned by {worst:.0f} degrees. {hint}")
    small, large = found["scale"].min(), found["scale"].max()
    if small < 0.6 or large > 1.6:
        fail(f"A digit came back {small:.2f} to {large:.2f} times as large: 10 % up or down is enough.")


@pytest.mark.points(3, question="affine")
def test_it_turns_shifts_and_scales(observed, expected, points):
    """Images are turned, shifted and scaled, all three."""
    found = motions(observed, expected)
    turn, scale = found["turn"].reshape(3, 2, -1), found["scale"]  # 3 calls with each direction of the streak
    back, (x, y) = -found["turn"].deg2rad(), found["shift"].T
    unturned = torch.stack([x * back.cos() - y * back.sin(), x * back.sin() + y * back.cos()], 1)
    spread = {
        "turned": float((turn.amax((0, 2)) - turn.amin((0, 2))).min()) > 3,  # degrees
        # pixels, in both directions; the same shift before each turn is none at random
        "shifted": all(float((shift.amax(0) - shift.amin(0)).min()) > 0.6 for shift in (found["shift"], unturned)),
        "scaled": float(scale.max() - scale.min()) > 0.05,
    }
    missing = [what for what, there in spread.items() if not there]
    if missing:
        points.part(3 - len(missing), f"No image was {' or '.join(missing)} noticeably at random, in every direction.")
