"""Reading the images, and the loaders."""

import pytest
import torch

from gradeprop.check import assert_close, assert_equal, fail

MIRRORED = 12  # pictures in a folder; the numbers from here on are their mirror images


def pictures(images, pixels):
    """The picture that each image shows, whatever its scale and offset: 0…11, mirrored 12…23, -1 for none of them."""
    if images.dim() < 2 or images.numel() != len(images) * 32 * 32 or not len(images):
        fail(f"Each image should hold 32×32 pixels; together they have the shape {list(images.shape)}.")
    likeness = _standardised(images) @ _standardised(torch.cat([pixels, pixels.flip(-1)])).T
    best = likeness.max(1)
    return torch.where(best.values > 0.9, best.indices, -1)


def _standardised(images):
    flat = images.double().flatten(1)
    flat = flat - flat.mean(1, keepdim=True)
    return flat / flat.norm(dim=1, keepdim=True).clamp(min=1e-12)


def order(images, pixels):
    """The number of the picture that each image shows; every picture of the folder is there once."""
    numbers = pictures(images, pixels)
    if sorted(numbers.tolist()) != list(range(12)):
        found = len({*numbers.tolist()} & {*range(12)})
        fail(f"{found} of the 12 images of a folder came back, in any order. Is one left out, turned, cut or resized?")
    return numbers


@pytest.mark.points(1, question="dataset")
def test_an_image_is_a_float_tensor_and_its_label_an_int(observed):
    """An image is a float32 tensor (1, 32, 32), its label an int."""
    seen = observed("images")
    seen.tensor("images", shape=(12, 1, 32, 32), dtype=torch.float32)
    seen.tensor("labels", shape=(12,), dtype=torch.int64)


@pytest.mark.points(3, question="dataset")
def test_pixels_are_scaled_and_normalised(observed, expected):
    """Pixels are scaled to [0, 1], then normalised with MNIST's mean and standard deviation."""
    images, pixels = observed("images").tensor("images"), expected("images").tensor("pixels")
    raw = pixels[order(images, pixels)].flatten(1).float()
    got = images.double().flatten(1)
    for hint, other in {
        "They are still 0…255, neither scaled nor normalised.": raw,
        "They are scaled to [0, 1] but not normalised.": raw / 255,
        "Divide by 255 before you normalise.": (raw - 0.1307) / 0.3081,
        "Subtract the mean, then divide by the standard deviation.": raw / 255 / 0.3081 - 0.1307,
    }.items():
        if torch.allclose(got, other.double(), atol=1e-4):
            fail(f"The pixels are not normalised as asked. {hint}")
    assert_close(got, (raw / 255 - 0.1307) / 0.3081, "Are mean and standard deviation right?", what="the pixels")


@pytest.mark.points(3, question="dataset")
def test_each_image_has_its_own_label(observed, expected):
    """Each image keeps its own label, however long its number and whatever the order of the folder."""
    seen, truth = observed("images"), expected("images")
    right = truth.tensor("written")[order(seen.tensor("images"), truth.tensor("pixels"))]
    wrong = int((torch.tensor(seen.numbers("read", length=12)) != right).sum())
    if wrong:
        hint = "It is between the last _ and .png; a number has any length, and the name of a folder may hold a _."
        fail(f"{wrong} of 12 images have another image's label. {hint}")


@pytest.mark.points(1, question="dataset")
def test_the_hook_sees_the_image_before_it_is_normalised(observed, expected):
    """``augment`` is called on the image in [0, 1], and what it returns is used."""
    seen, pixels = observed("augment_hook"), expected("augment_hook").tensor("pixels")
    if not seen.has("given"):
        fail("augment was never called.")
    if (seen.tensor("given") < 0).any():
        fail("augment was given negative pixels: call it before you normalise.")
    if (pictures(seen.tensor("images"), pixels) < MIRRORED).any():
        fail("What augment returned was not used: image = self.augment(image).")


@pytest.mark.points(1, question="dataset")
def test_other_files_are_left_out(observed, expected):
    """Files that are not .png are left out, and the length counts the images."""
    n = expected("other_files").integer("length")
    assert_equal(observed("other_files").integer("length"), n, f"The length for a folder of {n} images and a .txt")


@pytest.mark.points(1, question="dataset")
def test_a_folder_is_a_path_or_a_str(observed, expected):
    """The folder may be given as a Path or as a str."""
    seen, n = observed("folder_types"), expected("folder_types").integer("path")
    for kind in ("path", "str"):
        assert_equal(seen.integer(kind), n, f"The length for a folder of {n} images, given as a {kind},")


def epochs(observed, expected, name):
    """The pictures that a loader showed in each epoch."""
    found = observed("loaders").tensors(f"{name}_epochs")
    pixels = expected("loaders").tensor(f"{name}_pixels")
    shown = [pictures(images, pixels) for images in found.values()]
    if len(shown) != 3 or any((numbers == -1).any() for numbers in shown):
        fail(f"The {name} loader shows something else than the images of its folder. Is it made from that folder?")
    return shown


@pytest.mark.points(2, question="loaders")
def test_nothing_is_dropped(observed, expected):
    """Every image comes once per epoch, in batches of the required size."""
    for name in ("train", "test"):
        for numbers in epochs(observed, expected, name):
            if sorted((numbers % 12).tolist()) != list(range(12)):
                hint = "Keep the last, smaller batch: no drop_last." if len(numbers) < 12 else ""
                fail(f"The {name} loader gave {len(numbers)} images in an epoch; each of the 12 comes once. {hint}")
        sizes = observed("loaders").numbers(f"{name}_sizes")
        assert_equal(sizes, [5, 5, 2], f"12 images with batch_size=5: the sizes of the batches of the {name} loader")


@pytest.mark.points(2, question="loaders")
def test_training_images_are_shuffled(observed, expected):
    """Training images come in a new random order each epoch."""
    orders = [(numbers % 12).tolist() for numbers in epochs(observed, expected, "train")]
    if orders[0] == orders[1] or orders[1] == orders[2]:
        fail("The order was the same in two epochs: is there a shuffle=True, on the training loader?")


@pytest.mark.points(2, question="loaders")
def test_training_images_are_augmented(observed, expected):
    """Training images pass through ``augment``."""
    if any((numbers < MIRRORED).any() for numbers in epochs(observed, expected, "train")):
        fail("Training images came as they are: hand augment on to DigitImages.")


@pytest.mark.points(2, question="loaders")
def test_test_images_are_not_augmented(observed, expected):
    """Test images are never augmented."""
    if any((numbers >= MIRRORED).any() for numbers in epochs(observed, expected, "test")):
        fail("Test images were augmented: then the test measures another task. Leave augment away there.")
