"""The kernel that a student moves over a digit, in Chromium and without a network."""

import importlib
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from playwright.sync_api import Page

from tests.browser.pages import CHROMIUM, browser
from tests.conftest import REPOSITORY

pytestmark = pytest.mark.skipif(not CHROMIUM, reason="no Chromium: as root, apt-get install chromium")

sys.path.insert(0, str(REPOSITORY.source))
kernels = importlib.import_module("given.kernels")
IMAGE = torch.rand(9, 8, generator=torch.Generator().manual_seed(0))


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Page]:
    file = tmp_path_factory.mktemp("kernels") / "page.html"
    file.write_text(f'<meta charset="utf-8">{kernels.explore(IMAGE)._repr_mimebundle_()["text/html"]}')
    with browser() as window:
        window.context.set_offline(True)
        window.goto(Path(file).as_uri())
        yield window


def cells(page: Page, title: str) -> torch.Tensor:
    """The 25 numbers of a table."""
    texts = page.get_by_text(title, exact=True).locator("xpath=..").locator("span").all_inner_texts()
    return torch.tensor([float(text.replace("−", "-")) for text in texts]).view(5, 5)


def painted(page: Page) -> int:
    """The number of rows of the map that have any colour in their first column."""
    read = (
        "drawn => [...Array(drawn.height / 5).keys()].map(i => drawn.getContext('2d').getImageData(3, 5 * i + 2, 1, 1)"
    )
    return sum(page.locator("canvas").last.evaluate(f"{read}.data[3] > 0)"))


def test_each_position_and_kernel_shows_its_patch_its_products_and_their_sum(page: Page) -> None:
    for name, row, column in (("vertical edge", 2, 1), ("blur", 4, 3), ("diagonal stroke", 0, 0)):
        page.get_by_role("combobox", name="Kernel").select_option(name)
        page.get_by_role("slider", name="Position").fill(str(row * 4 + column))
        patch, kernel, products = (cells(page, title) for title in ("patch", "kernel", "products"))
        torch.testing.assert_close(patch, IMAGE[row : row + 5, column : column + 5], atol=0.006, rtol=0)
        torch.testing.assert_close(kernel, kernels.HAND_MADE[name], atol=0.006, rtol=0)
        torch.testing.assert_close(products, patch * kernel, atol=0.02, rtol=0)
        place, _, total = page.locator("p").inner_text().partition(": the products add up to ")
        assert place == f"row {row}, column {column}"
        expected = kernels.convolve(IMAGE, kernels.HAND_MADE[name])[row, column]
        assert float(total.replace("−", "-")) == pytest.approx(expected.item(), abs=0.006)


def test_the_map_grows_with_the_position(page: Page) -> None:
    rows = []
    for position in (0, 9, 19):
        page.get_by_role("slider", name="Position").fill(str(position))
        rows.append(painted(page))
    assert rows == [1, 3, 5]


def test_a_key_moves_the_kernel_by_one(page: Page) -> None:
    slider = page.get_by_role("slider", name="Position")
    slider.fill("5")
    slider.press("ArrowRight")
    assert page.locator("p").inner_text().startswith("row 1, column 2:")
