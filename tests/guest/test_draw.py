"""Draws depend on the seed and the probe alone, and hold the promised types and ranges."""

from pathlib import Path

import torch

from gradeprop.guest.draw import Draw


def draw(tmp_path: Path, seed: int = 1, probe: str = "p") -> Draw:
    return Draw(seed, probe, tmp_path, {"images": torch.zeros(2)})


def test_draws_depend_on_the_seed_and_the_probe_only(tmp_path: Path) -> None:
    assert torch.equal(draw(tmp_path).normal(3), draw(tmp_path).normal(3))
    assert not torch.equal(draw(tmp_path).normal(3), draw(tmp_path, seed=2).normal(3))
    assert not torch.equal(draw(tmp_path).normal(3), draw(tmp_path, probe="q").normal(3))


def test_draws_have_the_promised_types_and_ranges(tmp_path: Path) -> None:
    d = draw(tmp_path)
    assert d.normal(2, 3).shape == (2, 3)
    assert 0 <= d.uniform(100).min() <= d.uniform(100).max() < 1
    assert set(d.integers(3, 5, 100).tolist()) == {3, 4}
    assert sorted(d.choice(5, 5).tolist()) == [0, 1, 2, 3, 4]
    assert d.integers(0, 2, 1).dtype == torch.int64


def test_a_folder_is_new_and_empty_each_time(tmp_path: Path) -> None:
    d = draw(tmp_path)
    first, second = d.folder(), d.folder()
    assert first != second
    assert list(first.iterdir()) == []


def test_held_out_inputs_are_a_copy(tmp_path: Path) -> None:
    d = draw(tmp_path)
    d.inputs["images"] += 1
    assert d.inputs["images"].sum() == 0
