"""Handwritten digits: MNIST, or a small sample that needs no network.

    images, labels = load("sample")                     uint8 (1437, 28, 28) and int64 (1437,)
    folder = write_folder(resize(images), labels, …)    00000_6.png, 00001_0.png, …, 32×32 pixels each
    loader = in_memory(resize(images), labels)          batches (n, 1, 32, 32), normalised, as a DataLoader gives them

MNIST is its four ``.gz`` files, unchanged, in a folder ``mnist``. ``given.data`` says where that folder is looked for;
if there is none, MNIST is downloaded.

Sources: MNIST: LeCun, Cortes, Burges, http://yann.lecun.com/exdb/mnist/. The sample: Alpaydin, Kaynak, "Optical
Recognition of Handwritten Digits", UCI, 1998, doi:10.24432/C50P49, as scikit-learn carries it.
"""

import gzip
import hashlib
import importlib.util
import shutil
from collections.abc import Callable
from pathlib import Path
from urllib.request import urlopen

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torch.utils.data import Dataset
from tqdm.auto import tqdm

from given.batches import Batches
from given.data import cache as cache
from given.data import data_folder, holds_any

MEAN, STD = 0.1307, 0.3081  # of all pixels of MNIST's training images, scaled to [0, 1]
NAMES = {"mnist": "MNIST", "sample": "the sample"}  # in figures
SAMPLE_TRAIN = 1437  # the first images of the sample are for training, the other 360 for testing
FILES = ("t10k-labels-idx1-ubyte.gz",)  # the last that is downloaded: where it is, MNIST is
PUBLISHED = tuple(f"{part}-{kind}-ubyte.gz" for part in ("train", "t10k") for kind in ("images-idx3", "labels-idx1"))


class DamagedFileError(Exception):
    """A file differs from the published one."""


class DownloadError(Exception):
    """A file could not be downloaded."""


def choose(dataset: str = "auto") -> str:
    """Return the name of the data set to use: for "auto", "mnist" if it is on this machine already, else "sample"."""
    if dataset != "auto":
        return dataset
    if has_mnist():
        print(f'Data set: "mnist", because its files are in {mnist_folder()}.')
        return "mnist"
    print('Data set: "sample", because MNIST is not on this machine; load("mnist") downloads it (12 MB).')
    return "sample"


def load(dataset: str = "auto", train: bool = True) -> tuple[np.ndarray, np.ndarray]:
    """Load images, uint8 (n, 28, 28) from 0 (paper) to 255 (ink), and their labels, int64 (n,).

    Args:
        dataset: "mnist" (60,000 and 10,000 images), "sample" (1,437 and 360) or "auto", see ``choose``.
        train: True for the training images, False for the test images.

    Raises:
        DamagedFileError: a file of MNIST is truncated or was changed.
        DownloadError: MNIST is not on this machine and could not be downloaded.
    """
    dataset = choose(dataset)
    if dataset == "mnist":
        return _mnist(train)
    if dataset == "sample":
        return _sample(train)
    raise ValueError(f'There is no data set {dataset!r}; there are "mnist", "sample" and "auto".')


def resize(images: np.ndarray, size: int = 32) -> np.ndarray:
    """Resize images, uint8 (n, h, w), to uint8 (n, size, size) by bilinear interpolation."""
    pixels = torch.from_numpy(np.array(images)).unsqueeze(1)  # (n, 1, h, w)
    return torch.nn.functional.interpolate(pixels, size=(size, size), mode="bilinear").squeeze(1).numpy()


def write_folder(images: np.ndarray, labels: np.ndarray, folder: str | Path) -> Path:
    """Write each image as ``{number}_{label}.png``, such as ``00042_7.png``; files that exist already stay.

    Returns:
        The folder.
    """
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    existing = {file.name for file in folder.iterdir()}
    names = [f"{number:05}_{label}.png" for number, label in enumerate(labels)]
    missing = [number for number, name in enumerate(names) if name not in existing]
    for number in tqdm(missing, desc=f"writing {folder.name}", unit=" images", disable=not missing):
        part = folder / "part"  # renamed when complete, so that no partial image stays behind
        Image.fromarray(images[number]).save(part, format="png")
        part.replace(folder / names[number])
    return folder


def in_memory(
    images: np.ndarray | Dataset,
    labels: np.ndarray | None = None,
    batch_size: int = 128,
    shuffle: bool = False,
    augment: Callable[[Tensor], Tensor] | None = None,
    device: torch.device | str = "cpu",
) -> Batches:
    """Return a loader that reads its images once: much faster than opening a file per image and epoch.

    Args:
        images: uint8 (n, h, w) together with ``labels``, or a Dataset of normalised images such as ``DigitImages``,
            itself without augmentation.
        augment: called on each batch, float32 (b, 1, h, w) in [0, 1], in every epoch; for training only.
        device: holds the images.
    """
    if labels is None:
        pairs = [images[i] for i in tqdm(range(len(images)), desc="reading", unit=" images", leave=False)]
        normalised = torch.stack([image for image, _ in pairs])
        images = ((normalised * STD + MEAN) * 255).clamp(0, 255).round().to(torch.uint8)
        labels = torch.tensor([int(label) for _, label in pairs])
    return Batches(images, labels, batch_size, shuffle, augment, MEAN, STD, device)


def fetch() -> None:
    """Download what is missing of MNIST, and check all of it."""
    for train in (True, False):
        _mnist(train)


def mnist_folder() -> Path:
    """Return the folder of MNIST's four files, or the one that they would be downloaded to."""
    return data_folder("mnist", FILES)


def has_mnist() -> bool:
    """Return True if MNIST is on this machine; its files are checked when they are read."""
    return holds_any(mnist_folder(), FILES)


def _mnist(train: bool) -> tuple[np.ndarray, np.ndarray]:
    part = "train" if train else "t10k"
    pixels = _published_bytes(f"{part}-images-idx3-ubyte.gz")[16:]  # after the header: kind, n, rows, columns
    labels = _published_bytes(f"{part}-labels-idx1-ubyte.gz")[8:]  # after the header: kind, n
    images = np.frombuffer(pixels, dtype=np.uint8).reshape(-1, 28, 28)
    return images, np.frombuffer(labels, dtype=np.uint8).astype(np.int64)


def _published() -> dict[str, str]:
    """Return the md5 of each of MNIST's files, by its name."""
    from torchvision.datasets import (
        MNIST,
    )  # here and not above: it takes half a second, and the sample does not need it

    return dict(MNIST.resources)


def _published_bytes(name: str) -> bytes:
    """Read one of MNIST's files, make sure that it is the published one, and unpack it."""
    file, expected = mnist_folder() / name, _published()[name]
    if not file.exists():
        _download(file)
    seen = hashlib.md5(file.read_bytes(), usedforsecurity=False).hexdigest()
    if seen != expected:
        raise DamagedFileError(
            f"{file} is truncated or was changed: it has {file.stat().st_size:,} bytes and the md5 {seen}; "
            f"the published file has the md5 {expected}. Delete it, then copy it again or let load() download it."
        )
    return gzip.decompress(file.read_bytes())


def _download(file: Path) -> None:
    """Download a file of MNIST from the first mirror that answers."""
    from torchvision.datasets import MNIST

    file.parent.mkdir(parents=True, exist_ok=True)
    part = file.with_suffix(".part")  # renamed when complete
    refusals = []
    for mirror in MNIST.mirrors:
        try:
            with urlopen(mirror + file.name, timeout=20) as answer, part.open("wb") as out:
                size = int(answer.headers.get("Content-Length") or 0)
                with tqdm.wrapattr(answer, "read", total=size, desc=file.name, unit="B", unit_scale=True) as stream:
                    shutil.copyfileobj(stream, out)
            part.replace(file)
        except OSError as error:
            refusals.append(f"{mirror}: {error}")
        else:
            return
    raise DownloadError(
        f"{file.name} could not be downloaded ({'; '.join(refusals)}). Try again later, copy MNIST's four .gz files to "
        f'{file.parent} yourself, or work with load("sample").'
    )


def _sample(train: bool) -> tuple[np.ndarray, np.ndarray]:
    package = importlib.util.find_spec("sklearn")
    if package is None or not package.submodule_search_locations:
        raise ModuleNotFoundError("scikit-learn, which contains the sample, is not installed", name="sklearn")
    # its own load_digits imports all of scikit-learn, which takes longer than PyTorch
    file = Path(package.submodule_search_locations[0], "datasets", "data", "digits.csv.gz")
    part = slice(None, SAMPLE_TRAIN) if train else slice(SAMPLE_TRAIN, None)
    table = np.loadtxt(file, delimiter=",")[part]  # a row per image: 64 pixels from 0 to 16, and the label
    pixels = torch.from_numpy(table[:, :64].reshape(-1, 1, 8, 8)) * (255 / 16)  # (n, 1, 8, 8), 0 to 255
    large = torch.nn.functional.interpolate(pixels, size=(20, 20), mode="bilinear").squeeze(1)
    framed = torch.nn.functional.pad(large, (4, 4, 4, 4)).round().to(torch.uint8).numpy()  # (n, 28, 28)
    return np.stack([_centred(image) for image in framed]), table[:, 64].astype(np.int64)


def _centred(image: np.ndarray) -> np.ndarray:
    """Move an image (28, 28) by whole pixels until the centre of its ink is that of the frame, as in MNIST."""
    rows, columns = np.indices(image.shape)
    down, right = (int(np.round(13.5 - np.average(axis, weights=image))) for axis in (rows, columns))
    return np.roll(image, (down, right), axis=(0, 1))
