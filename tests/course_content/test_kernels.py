"""The kernel that is moved over a digit: its numbers, and what is left of it where no script runs."""

import base64
import importlib
import io
import json
import re
import sys
from types import ModuleType

import pytest
import torch
from PIL import Image
from torch import nn

from gradeprop.core.sanitize import safe_pictures
from tests.conftest import REPOSITORY

sys.path.insert(0, str(REPOSITORY.source))
kernels: ModuleType = importlib.import_module("given.kernels")


@pytest.fixture
def image() -> torch.Tensor:
    return torch.rand(12, 10, generator=torch.Generator().manual_seed(0))


def test_a_map_holds_the_sum_of_patch_times_kernel_at_each_place(image: torch.Tensor) -> None:
    kernel = torch.arange(25.0).view(5, 5)
    expected = [[(image[i : i + 5, j : j + 5] * kernel).sum() for j in range(6)] for i in range(8)]
    torch.testing.assert_close(kernels.convolve(image, kernel), torch.tensor(expected))


def test_the_kernels_made_by_hand_do_what_their_names_say(image: torch.Tensor) -> None:
    assert all(kernel.shape == (5, 5) for kernel in kernels.HAND_MADE.values())
    maps = {name: kernels.convolve(image, kernel) for name, kernel in kernels.HAND_MADE.items()}
    torch.testing.assert_close(maps["shift by two"], image[2:-2, 4:])
    torch.testing.assert_close(maps["blur"], image.unfold(0, 5, 1).unfold(1, 5, 1).mean((2, 3)))
    torch.testing.assert_close(maps["sharpen"], 2 * image[2:-2, 2:-2] - maps["blur"])
    grey = torch.full((9, 9), 0.7)
    for name in ("vertical edge", "horizontal edge", "diagonal stroke"):
        assert kernels.convolve(grey, kernels.HAND_MADE[name]).abs().max() < 1e-5
    half = torch.zeros(9, 9)
    half[:, 5:] = 1  # white on the left, black on the right
    assert kernels.convolve(half, kernels.HAND_MADE["vertical edge"]).max() == 10
    assert kernels.convolve(half, kernels.HAND_MADE["horizontal edge"]).abs().max() == 0
    assert kernels.convolve(torch.eye(9), kernels.HAND_MADE["diagonal stroke"]).argmax() % 6 == 0


def test_the_filters_of_a_network_are_those_of_its_first_convolution() -> None:
    model = nn.Sequential(nn.Flatten(1), nn.Unflatten(1, (1, 8, 8)), nn.Conv2d(1, 3, 5), nn.Conv2d(3, 2, 3))
    found = kernels.first_layer(model)
    assert list(found) == ["filter 1", "filter 2", "filter 3"]
    assert all(torch.equal(found[f"filter {k + 1}"], model[2].weight[k, 0]) for k in range(3))
    assert not any(kernel.requires_grad for kernel in found.values())


def test_it_is_given_out_as_html_as_a_picture_and_as_a_sentence(image: torch.Tensor) -> None:
    explorer = kernels.explore(image.numpy(), {"<edge>": kernels.HAND_MADE["blur"]}, at=(3, 2))
    bundle = explorer._repr_mimebundle_()
    value = image[3:8, 2:7].mean()
    assert bundle["text/plain"] == (
        "The kernel '<edge>' over an image of 12×10 pixels gives a map of 8×6 values; "
        f"at row 3, column 2 its products with the patch add up to {value:.2f}."
    )
    assert Image.open(io.BytesIO(base64.b64decode(bundle["image/png"]))).size[0] > 600
    page = bundle["text/html"]
    assert f'src="data:image/png;base64,{bundle["image/png"]}"' in page
    assert 'alt="The kernel &#x27;&lt;edge&gt;&#x27;' in page
    assert not re.search(r"https?:|\bsrc=\"(?!data:)|\b(import|fetch|require)\(", page)


def test_where_only_pictures_are_kept_the_picture_is_left(image: torch.Tensor) -> None:
    """As when a notebook runs in the jail."""
    bundle = kernels.explore(image)._repr_mimebundle_()
    assert safe_pictures(bundle) == {"image/png": bundle["image/png"]}


def test_the_figure_shows_the_patch_under_the_frame(image: torch.Tensor) -> None:
    figure = kernels.explore(image, at=(7, 5)).figure()
    whole, patch, kernel, map_ = (axis.images[0].get_array() for axis in figure.axes)
    assert (whole.shape, kernel.shape, map_.shape) == ((12, 10), (5, 5), (8, 6))
    torch.testing.assert_close(torch.tensor(patch), image[7:12, 5:10])
    assert [axis.patches[0].get_bbox().bounds for axis in (figure.axes[0], figure.axes[3])] == [
        (4.5, 6.5, 5, 5),
        (4.5, 6.5, 1, 1),
    ]


def test_the_script_gets_image_kernels_and_maps(image: torch.Tensor) -> None:
    page = kernels.explore(image)._repr_mimebundle_()["text/html"]
    match = re.search(r"\{image, kernels, maps, at\} = (\{.*\});", page)
    assert match
    data = json.loads(match[1])
    assert list(data["kernels"]) == list(data["maps"]) == list(kernels.HAND_MADE)
    for name, kernel in data["kernels"].items():
        expected = kernels.convolve(torch.tensor(data["image"]), torch.tensor(kernel))
        torch.testing.assert_close(torch.tensor(data["maps"][name]), expected, atol=0.02, rtol=0)
