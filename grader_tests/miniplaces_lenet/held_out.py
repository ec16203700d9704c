"""The pictures that the accuracy is measured on; a few of them enter the jail, and no label.

MiniPlaces: 2,000 of the 10,000 validation photographs, others in each run. Sample: 400 scenes drawn for this alone.
"""

import functools

import numpy as np
import torch
from given import miniplaces, scenes
from torch import Tensor

MOST = 2000
BATCH = 50
"""pictures in the jail: those that a network's operations are recorded on"""


@functools.cache
def generated() -> tuple[np.ndarray, np.ndarray]:
    """Forty pictures of each of the ten scenes, uint8 (400, 3, 32, 32), with noise that no list of files has."""
    chance = np.random.default_rng(20_000)
    names = [name for name in scenes.SCENES for _ in range(40)]
    images = np.stack([miniplaces.pixels(scenes.draw(name, chance)) for name in names])
    return images, np.array([miniplaces.CATEGORIES.index(name) for name in names], dtype=np.int64)


def held_out(dataset: str, seed: int) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
    """Inputs for the jail and answers for the checks, in an order of the run's own.

    Returns:
        ``images``, uint8 (n, 3, 32, 32), of which the jail gets a few; ``labels``, int64 (n,), for the checks alone.
    """
    images, labels = generated() if dataset == "sample" else miniplaces.load(dataset, "val")
    order = torch.randperm(len(labels), generator=torch.Generator().manual_seed(seed))[:MOST]
    chosen = torch.from_numpy(images)[order].contiguous()
    return {"images": chosen[:BATCH]}, {"images": chosen, "labels": torch.from_numpy(labels)[order]}
