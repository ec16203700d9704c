"""Caltech-101 at 64×64 pixels, or a small sample of generated pictures that needs no network.

    images, labels = load("caltech101")        uint8 (7766, 3, 64, 64) and int64 (7766,)
    CLASSES[labels[0]]                         "Faces"
    one = picture("caltech101", "camera")      uint8 (3, 64, 64), image_0001 of that class

Caltech-101 is a folder ``caltech101`` with the 64×64 pictures (``caltech101_64_train.tar`` and
``caltech101_64_validation.tar``) or the published file (``caltech-101.zip``, or the ``101_ObjectCategories.tar.gz``
inside it). ``given.data`` says where that folder is looked for; if there is none, the zip is downloaded, 131 MB.

The 102nd class, BACKGROUND_Google, is left out; 8,677 pictures remain, resized to 64×64 by bilinear interpolation,
whatever their shape. ``caltech_validation.txt`` lists the 911 of them that are for validation: a class and its numbers
in each line.

Sources: Li, Andreeto, Ranzato, Perona, "Caltech 101" (1.0), CaltechDATA, 2022, doi:10.22002/D1.20086, CC BY 4.0. The
split is that of a published homework.
"""

import hashlib
import io
import math
import os
import shutil
import tarfile
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.request import urlopen

import numpy as np
import torch
from PIL import Image, ImageDraw
from safetensors.torch import load_file, save_file
from torch import Tensor
from tqdm.auto import tqdm

from given.data import cache, data_folder, holds_any
from given.digits import DamagedFileError, DownloadError

URL = "https://data.caltech.edu/records/mzrjq-6wc02/files/caltech-101.zip"
MD5 = {
    "caltech-101.zip": "3138e1922a9193bfa496528edbbc45d0",
    "101_ObjectCategories.tar.gz": "b224c7392d521a49829488ab0f1120d9",
}
FILES = ("caltech101_64_validation.tar", *MD5)  # a folder with one of these has Caltech-101
PUBLISHED = ("caltech101_64_train.tar", *FILES)
COUNTS = {"train": 7766, "validation": 911}
MEAN, STD = (0.546, 0.528, 0.501), (0.303, 0.297, 0.310)  # of the training pictures' red, green and blue, in [0, 1]
NAMES = {"caltech101": "Caltech-101", "sample": "the sample of drawings"}  # in figures

_LINES = Path(__file__).with_name("caltech_validation.txt").read_text(encoding="utf-8").splitlines()
VALIDATION = {line.split()[0]: {int(number) for number in line.split()[1:]} for line in _LINES}
CLASSES = sorted(VALIDATION)  # the label of a class is its index here: 0 Faces, 1 Faces_easy, 2 Leopards, …

# the sample: the shape drawn for each of ten classes
SHAPES = {
    "accordion": "stripes", "butterfly": "wings", "camera": "frame", "dollar_bill": "bill", "pizza": "wheel",
    "pyramid": "triangle", "soccer_ball": "dots", "starfish": "star", "stop_sign": "octagon", "yin_yang": "halves",
}  # fmt: skip
SAMPLE = {  # pictures of each of these classes, in their order: as unequal as in Caltech-101
    "train": (80, 60, 45, 30, 25, 20, 15, 10, 8, 7), "validation": (32, 24, 18, 12, 10, 8, 6, 4, 3, 3),
}  # fmt: skip


def choose(dataset: str = "auto") -> str:
    """Return the name of the data set to use: for "auto", "caltech101" if it is on this machine, else "sample"."""
    if dataset != "auto":
        return dataset
    if holds_any(_folder(), FILES):
        print(f'Data set: "caltech101", because its files are in {_folder()}.')
        return "caltech101"
    print('Data set: "sample", generated pictures; load("caltech101") downloads Caltech-101 (131 MB).')
    return "sample"


def load(dataset: str = "auto", train: bool = True) -> tuple[Tensor, Tensor]:
    """Load pictures, uint8 (n, 3, 64, 64), and their labels, int64 (n,), in the order of classes and numbers.

    Args:
        dataset: "caltech101" (7,766 and 911 pictures of 101 classes), "sample" (300 and 120 of 10 of these classes,
            of unequal size; generated, not photographed) or "auto", see ``choose``.
        train: True for the training pictures, False for the validation pictures.

    Raises:
        DamagedFileError: a file is truncated or was changed.
        DownloadError: Caltech-101 is not on this machine and could not be downloaded.
    """
    dataset, part = choose(dataset), "train" if train else "validation"
    if dataset == "sample":
        return _sample(part)
    if dataset != "caltech101":
        raise ValueError(f'There is no data set {dataset!r}; there are "caltech101", "sample" and "auto".')
    file = _tensors(part)
    if not file.exists():
        _convert(part, file)
    tensors = load_file(file)
    return tensors["images"], tensors["labels"]


def fetch() -> None:
    """Download Caltech-101 if it is not on this machine, check it, and reduce its pictures."""
    for part in COUNTS:
        _convert(part, _tensors(part))


def picture(dataset: str, name: str) -> Tensor:
    """Load the picture image_0001 of a class, uint8 (3, 64, 64), from the part that it is in."""
    label, part = CLASSES.index(name), 1 not in VALIDATION[name]
    images, labels = load(dataset, train=part or dataset == "sample")
    return images[(labels == label).nonzero()[0, 0]]


def _tensors(part: str) -> Path:
    return cache() / "caltech101-64" / f"{part}.safetensors"


def _convert(part: str, file: Path) -> None:
    """Read one part of Caltech-101 and write it as tensors, which the next ``load`` reads at once."""
    images, labels = [], []
    for name, number, pixels in _pictures(part):
        if name in VALIDATION and (number in VALIDATION[name]) == (part == "validation"):
            labels.append((CLASSES.index(name), number, len(images)))
            images.append(pixels)
    if len(images) != COUNTS[part]:
        raise DamagedFileError(
            f"{_archive(part)} contains {len(images):,} pictures of this part; expected {COUNTS[part]:,}. Delete it."
        )
    labels.sort()
    stacked = torch.from_numpy(np.stack([images[place] for _, _, place in labels])).permute(0, 3, 1, 2).contiguous()
    file.parent.mkdir(parents=True, exist_ok=True)
    own = file.with_name(f"{file.name}.{os.getpid()}.part")  # renamed when complete
    save_file({"images": stacked, "labels": torch.tensor([label for label, _, _ in labels])}, own)
    own.replace(file)


def _pictures(part: str) -> Iterator[tuple[str, int, np.ndarray]]:
    """Yield class, number and pixels (64, 64, 3) of each picture in the archive of a part; it may hold others."""
    archive = _archive(part) or _download(_folder() / "caltech-101.zip")
    with _opened(archive) as stream, tarfile.open(fileobj=stream) as tar:
        for member in tqdm(tar, desc=f"reading {archive.name}", unit=" pictures", leave=False):
            if member.isfile() and member.name.endswith(".jpg") and not Path(member.name).name.startswith("."):
                name, file = Path(member.name).parts[-2:]
                with Image.open(io.BytesIO(tar.extractfile(member).read())) as image:
                    small = image.convert("RGB")  # 381 of them are grey
                    if small.size != (64, 64):
                        small = small.resize((64, 64), Image.Resampling.BILINEAR)
                yield name, int(file.removeprefix("image_").removesuffix(".jpg")), np.array(small)


def _folder() -> Path:
    return data_folder("caltech101", FILES)


def _archive(part: str) -> Path | None:
    """Return the file on this machine that holds a part of Caltech-101, if there is one."""
    names = (f"caltech101_64_{part}.tar", *MD5)
    return next((_folder() / name for name in names if (_folder() / name).is_file()), None)


@contextmanager
def _opened(archive: Path) -> Iterator[io.BufferedIOBase]:
    """Open the tar of pictures as a stream, and make sure that it is the published one if its md5 is known."""
    if archive.name in MD5:
        with archive.open("rb") as file:
            seen = hashlib.file_digest(file, lambda: hashlib.md5(usedforsecurity=False)).hexdigest()
        if seen != MD5[archive.name]:
            raise DamagedFileError(
                f"{archive} is truncated or was changed: it has {archive.stat().st_size:,} bytes and the md5 {seen}; "
                f"the published file has the md5 {MD5[archive.name]}. Delete it; load() then downloads it again."
            )
    if archive.suffix != ".zip":
        with archive.open("rb") as file:
            yield file
        return
    with zipfile.ZipFile(archive) as outer:
        inner = next(name for name in outer.namelist() if name.endswith("101_ObjectCategories.tar.gz"))
        with outer.open(inner) as file:
            yield file


def _download(file: Path) -> Path:
    """Download the published zip."""
    file.parent.mkdir(parents=True, exist_ok=True)
    part = file.with_suffix(".part")  # renamed when complete
    try:
        with urlopen(URL, timeout=20) as answer, part.open("wb") as out:
            size = int(answer.headers.get("Content-Length") or 0)
            with tqdm.wrapattr(answer, "read", total=size, desc=file.name, unit="B", unit_scale=True) as stream:
                shutil.copyfileobj(stream, out)
    except OSError as error:
        raise DownloadError(
            f"{URL} could not be downloaded ({error}). Try again later, copy caltech-101.zip to {file.parent} "
            'yourself, or work with load("sample").'
        ) from None
    part.replace(file)
    return file


# ---------------------------------------------------------------- the sample


def _sample(part: str) -> tuple[Tensor, Tensor]:
    """Generate pictures: a shape per class, of varying size, position, colours and noise."""
    draw = np.random.default_rng(0 if part == "train" else 1)
    names = [name for name, count in zip(SHAPES, SAMPLE[part], strict=True) for _ in range(count)]
    made = [(CLASSES.index(name), _drawn(SHAPES[name], draw)) for name in names]
    images = torch.from_numpy(np.stack([pixels for _, pixels in made])).permute(0, 3, 1, 2).contiguous()
    return images, torch.tensor([label for label, _ in made])


def _drawn(shape: str, draw: np.random.Generator) -> np.ndarray:
    """Draw one picture, uint8 (64, 64, 3), at twice the size, then reduce it, so that edges are smooth."""
    ground, ink, other = (
        tuple(draw.integers(low, high, 3).tolist()) for low, high in ((150, 256), (0, 110), (60, 200))
    )
    image = Image.new("RGB", (128, 128), ground)
    pen = ImageDraw.Draw(image)
    x, y = draw.uniform(52, 76, 2)
    r = draw.uniform(32, 50)
    turn = draw.uniform(0, 2 * math.pi)
    box = (x - r, y - r, x + r, y + r)

    def around(n: int, radius: float, begin: float = turn) -> list[tuple[float, float]]:
        steps = [begin + 2 * math.pi * k / n for k in range(n)]
        return [(x + radius * math.cos(angle), y + radius * math.sin(angle)) for angle in steps]

    match shape:
        case "stripes":
            for k in range(0, 10, 2):
                pen.rectangle((x - r + k * r / 5, y - r, x - r + (k + 1) * r / 5, y + r), fill=ink)
        case "wings":
            for side in (-1, 1):
                for up in (-1, 1):
                    left, top = sorted((x, x + side * r)), sorted((y, y + up * r))
                    pen.ellipse((left[0], top[0], left[1], top[1]), fill=ink if up < 0 else other)
        case "frame":
            pen.rectangle((x - r, y - 0.7 * r, x + r, y + 0.7 * r), fill=ink)
            pen.ellipse((x - r / 2, y - r / 2, x + r / 2, y + r / 2), fill=ground, outline=other, width=5)
        case "bill":
            pen.rectangle((x - r, y - r / 2, x + r, y + r / 2), fill=other, outline=ink, width=5)
        case "wheel":
            pen.ellipse(box, fill=other)
            for point in around(6, r):
                pen.line((x, y, *point), fill=ink, width=4)
        case "triangle":
            pen.polygon(around(3, r, -math.pi / 2), fill=ink)
        case "dots":
            pen.ellipse(box, outline=ink, width=4)
            for point in [*around(6, 0.6 * r), (x, y)]:
                pen.ellipse((point[0] - 7, point[1] - 7, point[0] + 7, point[1] + 7), fill=ink)
        case "star":
            outer, inner = around(5, r), around(5, 0.4 * r, turn + math.pi / 5)
            pen.polygon([point for pair in zip(outer, inner, strict=True) for point in pair], fill=ink)
        case "octagon":
            pen.polygon(around(8, r, math.pi / 8), fill=ink)
        case "halves":
            pen.pieslice(box, math.degrees(turn), math.degrees(turn) + 180, fill=ink)
            pen.pieslice(box, math.degrees(turn) + 180, math.degrees(turn) + 360, fill=other)
    small = np.array(image.resize((64, 64), Image.Resampling.BOX), dtype=np.float32)
    return (small + draw.normal(0, 18, small.shape)).clip(0, 255).astype(np.uint8)
