"""Reading the photographs, and mirroring half of a batch."""

import pytest
import torch

from gradeprop.check import assert_equal, fail

SPLITS = ("train", "val")


def pictures(observed, expected, split):
    """The pictures that were given out, and those of the files, both uint8 (24, 24, 3) by the number of the sample."""
    seen, truth = observed("scenes").tensors(f"{split}_pixels"), expected("scenes").tensors(f"{split}_pixels")
    return seen, truth


@pytest.mark.points(2, question="scenes")
def test_every_photograph_of_the_list_is_there(observed, expected):
    """Each split has as many photographs as its list has lines."""
    for split in SPLITS:
        length, n = observed("scenes_length").integer(split), expected("scenes_length").integer(split)
        hint = "Is the list of the split read, root/train.txt or root/val.txt?"
        assert_equal(length, n, f"The length of {split}, for a list of {n} lines,", hint)


@pytest.mark.points(2, question="scenes")
def test_a_photograph_has_three_channels(observed, expected):
    """A photograph is given out as a PIL image with three channels, also where its file is grey."""
    for split in SPLITS:
        modes, n = observed("scenes").texts(f"{split}_modes"), len(expected("scenes").texts(f"{split}_modes"))
        if "L" in modes:
            fail('A grey file came as an image with one channel: convert("RGB") gives three to every file.')
        others = [mode for mode in modes if mode != "RGB"]
        if others or len(modes) != n:
            fail(f"Without a transform the PIL image itself is required; a photograph came as {others[:1] or modes}.")


@pytest.mark.points(3, question="scenes")
def test_photographs_come_in_the_order_of_the_list(observed, expected):
    """Sample i shows the photograph of line i."""
    for split in SPLITS:
        seen, truth = pictures(observed, expected, split)
        n = len(truth)
        if len(seen) != n:
            fail(f"{len(seen)} photographs of {split} came back as pixels; there are {n}.")
        wrong = [i for i, picture in truth.items() if not alike(seen.get(i), picture)]
        if wrong:
            hint = "They come in another order." if len(wrong) > 1 and same_set(seen, truth) else "Is a path right?"
            fail(f"{len(wrong)} of {n} photographs of {split} are not those of their lines. {hint}")


def grey(picture):
    """A picture without its colours: what is grey already stays."""
    values = picture.double()
    return values if values.dim() == 2 else values.mean(2)


def alike(seen, picture):
    """The same picture; whether it has three channels is asked elsewhere."""
    if seen is None or seen.shape[:2] != picture.shape[:2] or (seen.dim() == 3 and seen.shape[2] != 3):
        return False
    return seen.dim() in (2, 3) and bool(((grey(seen) - grey(picture)).abs() < 2).all())


def same_set(seen, truth):
    return all(any(alike(found, picture) for found in seen.values()) for picture in truth.values())


@pytest.mark.points(3, question="scenes")
def test_each_photograph_has_its_own_label(observed, expected):
    """A photograph has the label that the list gives it."""
    for split in SPLITS:
        right = expected("scenes").numbers(f"{split}_read")
        n = len(right)
        got = observed("scenes").numbers(f"{split}_read", n)
        wrong = sum(a != b for a, b in zip(got, right, strict=True))
        if wrong:
            shift = "They are one off: labels count from 0." if shifted(got, right) else ""
            fail(f"{wrong} of {n} labels of {split} are not those in the list. {shift}")


def shifted(got, right):
    return len({a - b for a, b in zip(got, right, strict=True)}) == 1


@pytest.mark.points(1, question="scenes")
def test_transform_gets_the_photograph(observed, expected):
    """``transform`` gets each photograph as a PIL image, once, and what it returns is given out."""
    seen = observed("scenes_transform")
    given = seen.texts("given")
    if len(given) != 3 or not {*given} <= {"RGB", "L"}:
        fail(f"For three samples, transform was called on {given or 'nothing'}; it should get three PIL images.")
    if not torch.equal(seen.tensor("returned", shape=(3, 3, 2, 2)), expected("scenes_transform").tensor("returned")):
        fail("What transform returned is not what was given out.")


@pytest.mark.points(1, question="scenes")
def test_labels_and_folder_are_of_the_usual_types(observed, expected):
    """A label is an int, and the folder may be a Path or a str."""
    observed("scenes").tensor("train_labels", shape=expected("scenes").tensor("train_labels").shape, dtype=torch.int64)
    seen, n = observed("scenes_folder"), expected("scenes_folder").integer("path")
    for kind in ("path", "str"):
        assert_equal(seen.integer(kind), n, f"The length of val, with the folder as a {kind},")


@pytest.fixture
def flipped(observed, expected):
    """(12, 24): 0 where an image stayed, 1 where it was mirrored, -1 where it is something else."""
    images, results = expected("flip").tensor("images"), observed("flip").tensors("results")
    if len(results) != 12 or any(result.shape != images.shape for result in results.values()):
        fail(f"A batch of the shape {list(images.shape)} should come back in this shape.")
    rows = []
    for result in results.values():
        near = [((result - other).abs().flatten(1).amax(1) < 1e-5) for other in (images, images.flip(-1))]
        rows.append(torch.where(near[0], 0, torch.where(near[1], 1, -1)))
    return torch.stack(rows)


@pytest.mark.points(3, question="flip")
def test_images_stay_or_are_mirrored(observed, expected, flipped):
    """Each image comes back as it was, or mirrored left for right; the batch that went in is not changed."""
    images = expected("flip").tensor("images")
    if (flipped == -1).any():
        result = next(iter(observed("flip").tensors("results").values())).float()
        upside = ((result - images.flip(-2)).abs().flatten(1).amax(1) < 1e-5).any()
        fail(f"An image came back neither as it was nor mirrored. {'It is upside down: flip columns.' * bool(upside)}")
    if observed("flip").number("changed") != 0:
        fail("The batch that went in was changed in place: return a new tensor.")


@pytest.mark.points(3, question="flip")
def test_each_image_is_mirrored_by_its_own_chance(flipped):
    """About half of the images are mirrored, each by its own chance, and others each time."""
    share = (flipped == 1).float().mean(1)
    if share.max() == 0 or share.min() == 1:
        fail(f"{'No' if share.max() == 0 else 'Every'} image was mirrored, in 12 batches of 24.")
    if ((share == 0) | (share == 1)).any():
        fail("A batch was mirrored as a whole or not at all: each image has its own chance.")
    if (flipped == flipped[0]).all():
        fail("The same images were mirrored each time: where is chance?")
    if not 0.35 < share.mean() < 0.65:  # 288 images: five standard errors are 0.15
        fail(f"{share.mean():.0%} of 288 images were mirrored; expected about half of them.")
