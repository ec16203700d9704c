"""One convolution with loops, on drawn images and kernels."""

import pytest
import torch
from torch.nn import functional as F  # noqa: N812

from gradeprop.check import fail, is_close

MISREADINGS = {  # sentence → how that convolution differs: other arguments than x, k, b and the two numbers
    "Is the kernel flipped? It is multiplied with the patch as it is.": lambda a: a | {"k": a["k"].flip(2, 3)},
    "Is the bias added?": lambda a: a | {"b": 0 * a["b"]},
    "Is the bias added once per channel? It is added once per map.": lambda a: a | {"b": len(a["x"]) * a["b"]},
    "Are the products summed over all channels?": lambda a: a | {"x": a["x"][:1], "k": a["k"][:, :1]},
    "Is the padding forgotten?": lambda a: a | {"padding": 0},
    "Is there padding on one side only?": lambda a: a | {"x": F.pad(a["x"], (a["padding"], 0) * 2), "padding": 0},
    "Is the stride ignored?": lambda a: a | {"stride": 1},
    "Is the stride used in the rows only?": lambda a: a | {"stride": (a["stride"], 1)},
    "Is the stride used in the columns only?": lambda a: a | {"stride": (1, a["stride"])},
}


def convolution(a):
    """The maps (m, h, w) of one image."""
    return F.conv2d(a["x"][None], a["k"], a["b"], a["stride"], a["padding"])[0]


def assert_convolved(seen, ours):
    """Fail unless the result is the convolution of the drawn image, made without PyTorch's."""
    x, k, b = (ours.tensor(name) for name in ("image", "kernel", "bias"))
    arguments = {"x": x, "k": k, "b": b} | {name: ours.integer(name) for name in ("stride", "padding")}
    about = f"With stride {arguments['stride']} and padding {arguments['padding']}"
    if seen.integer("library"):
        fail("PyTorch's own convolution computed the result; this task asks for your own loops.")
    right, result = convolution(arguments), seen.tensor("result", shape=(None, None, None), dtype=torch.float32)
    if is_close(result, right):
        return
    changes = {text: change(arguments) for text, change in MISREADINGS.items()}
    misread = {text: convolution(a) for text, a in changes.items()}
    shown = result.shape[1:]  # an answer that ignores the stride may still have the right shape
    named = next((text for text, maps in misread.items() if is_close(result, maps[:, : shown[0], : shown[1]])), "")
    if result.shape != right.shape:
        fail(f"{about}, the shape is {list(result.shape)}; expected {list(right.shape)}. {named}")
    fail(f"{about}, the values differ. {named or 'Is each value the sum of kernel times patch, plus the bias?'}")


@pytest.mark.points(3, question="convolve")
def test_a_value_is_a_sum_of_products(observed, expected, points):
    """Each value of ``convolve`` is the sum of kernel times patch over all channels, plus the bias of its map."""
    assert_convolved(observed("convolve"), expected("convolve"))
    if observed("convolve").flag("changed"):
        points.part(2, "The image was changed in place: work on a copy.")


@pytest.mark.points(1, question="convolve")
def test_the_stride_moves_the_kernel(observed, expected):
    """With stride 2, the kernel of ``convolve`` moves two pixels at a time, in rows and in columns."""
    assert_convolved(observed("convolve_stride"), expected("convolve_stride"))


@pytest.mark.points(1, question="convolve")
def test_padding_adds_zeros(observed, expected):
    """With padding 2, ``convolve`` adds two rows and columns of zeros on each side."""
    assert_convolved(observed("convolve_padding"), expected("convolve_padding"))


@pytest.mark.points(1, question="convolve")
def test_stride_and_padding_work_together(observed, expected):
    """``convolve`` also works with stride and padding at once, for any numbers."""
    assert_convolved(observed("convolve_both"), expected("convolve_both"))
