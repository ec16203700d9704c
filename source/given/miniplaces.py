"""MiniPlaces: 110,000 photographs of 100 kinds of scenes, or a small sample of generated pictures.

    folder = root("sample")                    images/train/…, images/val/…, train.txt, val.txt, categories.txt
    images, labels = load("sample", "train")   uint8 (3000, 3, 32, 32) and int64 (3000,)
    train, val = loaders("sample", 32)         batches (n, 3, 32, 32), normalised, as a DataLoader gives them

MiniPlaces may not be redistributed: you get the photographs yourself, from its page. Put them into a folder
``miniplaces``, packed (``data.tar.gz``, unchanged) or unpacked (``images/``), together with the three lists;
``given.data`` says where that folder is looked for. The sample contains no photographs: ``given.scenes`` draws ten of
the hundred kinds of scenes, in the same layout.

Source: https://github.com/CSAILVision/miniplaces, with data.tar.gz from http://miniplaces.csail.mit.edu; a part of
Places2: Zhou, Lapedriza, Khosla, Oliva, Torralba, "Places: a 10 million image database for scene recognition", 2017.
"""

import functools
import hashlib
import io
import os
import shutil
import tarfile
from collections.abc import Callable
from pathlib import Path, PurePosixPath

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from tqdm.auto import tqdm

from given import scenes
from given.batches import Batches
from given.data import cache, data_folder, holds_any
from given.digits import DamagedFileError

MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)  # of ImageNet's red, green and blue, scaled to [0, 1]
MD5 = "265825ec94f79390e4f1e38045a69059"  # of data.tar.gz
SIZE = 32  # pixels on a side, reduced from the 128 of the files
FILES = ("images", "data.tar.gz")  # a folder with one of these has MiniPlaces
LISTS = ("train.txt", "val.txt", "categories.txt")
PUBLISHED = (*FILES, *LISTS)
SAMPLE = {"train": 300, "val": 60}  # generated pictures of each kind
_NAMES = """
abbey airport_terminal amphitheater amusement_park aquarium aqueduct art_gallery assembly_line auditorium badlands
bakery/shop ballroom bamboo_forest banquet_hall bar baseball_field bathroom beauty_salon bedroom boat_deck bookstore
botanical_garden bowling_alley boxing_ring bridge bus_interior butchers_shop campsite candy_store canyon cemetery
chalet church/outdoor classroom clothing_store coast cockpit coffee_shop conference_room construction_site
corn_field corridor courtyard dam desert/sand dining_room driveway fire_station food_court fountain gas_station
golf_course harbor highway hospital_room hot_spring ice_skating_rink/outdoor iceberg kindergarden_classroom kitchen
laundromat lighthouse living_room lobby locker_room market/outdoor martial_arts_gym monastery/outdoor mountain
museum/indoor office palace parking_lot phone_booth playground racecourse railroad_track rainforest restaurant river
rock_arch runway shed shower ski_slope skyscraper slum stadium/football stage/indoor staircase
subway_station/platform supermarket swamp swimming_pool/outdoor temple/east_asia track/outdoor trench valley volcano
yard
"""
CATEGORIES = tuple(_NAMES.split())  # by label: 0 is an abbey, 99 a yard


class MissingFileError(Exception):
    """A file of MiniPlaces is not on this machine."""


class UnsafeArchiveError(Exception):
    """An archive contains something other than plain files below images/."""


def choose(dataset: str = "auto") -> str:
    """Return the name of the data set to use: for "auto", "miniplaces" if it is on this machine, else "sample"."""
    if dataset != "auto":
        return dataset
    if has_miniplaces():
        print(f'Data set: "miniplaces", because its files are in {_folder()}.')
        return "miniplaces"
    print('Data set: "sample", because MiniPlaces is not on this machine.')
    return "sample"


def has_miniplaces() -> bool:
    """Return True if MiniPlaces is on this machine, packed or unpacked; it is checked when it is read."""
    return holds_any(_folder(), FILES)


def root(dataset: str = "auto") -> Path:
    """Return the folder of ``images/`` and the three lists; the first time, unpack or generate it.

    Raises:
        MissingFileError: neither the archive nor the images are there, or a list is missing.
        DamagedFileError: the archive is truncated or was changed.
    """
    dataset = choose(dataset)
    if dataset == "sample":
        folder = cache() / "miniplaces-sample"
        return folder if folder.exists() else write_sample(folder)
    if dataset != "miniplaces":
        raise ValueError(f'There is no data set {dataset!r}; there are "miniplaces", "sample" and "auto".')
    folder = _folder() if (_folder() / "images").exists() else _unpacked(_folder())
    missing = [name for name in LISTS if not (folder / name).exists()]
    if missing:
        where = "https://github.com/CSAILVision/miniplaces/tree/master/data"
        raise MissingFileError(f"{', '.join(missing)} must be beside images/ in {folder}. Get them from {where}.")
    return folder


def fetch() -> None:
    """Check MiniPlaces and unpack it; it cannot be downloaded by a program."""
    root("miniplaces")


def load(dataset: str = "auto", split: str = "train") -> tuple[np.ndarray, np.ndarray]:
    """Load images, uint8 (n, 3, 32, 32), and their labels, int64 (n,); reduced once, then kept in the cache.

    Args:
        dataset: "miniplaces" (100,000 and 10,000 images), "sample" (3,000 and 600) or "auto", see ``choose``.
        split: "train" or "val".
    """
    folder = root(dataset)
    names, labels = read_list(folder / f"{split}.txt")
    key = hashlib.sha256("\n".join([str(folder.resolve()), *names]).encode()).hexdigest()[:16]
    file = cache() / "miniplaces-32" / f"{split}-{key}.npy"
    if not file.exists():
        images = np.empty((len(names), 3, SIZE, SIZE), np.uint8)
        for i, name in enumerate(tqdm(names, desc=f"reading {split}", unit=" images", leave=False)):
            images[i] = pixels(folder / "images" / name)
        file.parent.mkdir(parents=True, exist_ok=True)
        part = file.with_suffix(f".{os.getpid()}.part")  # renamed when complete
        with part.open("wb") as out:
            np.save(out, images)
        part.replace(file)
    return np.load(file), labels


def read_list(file: Path) -> tuple[list[str], np.ndarray]:
    """Read the paths in a list, relative to ``images/``, and the labels, int64 (n,)."""
    rows = [line.split() for line in file.read_text(encoding="utf-8").splitlines() if line.strip()]
    return [name for name, _ in rows], np.array([int(label) for _, label in rows], dtype=np.int64)


def pixels(file: Path | io.BytesIO | Image.Image, size: int = SIZE) -> np.ndarray:
    """Read a picture as uint8 (3, size, size): bilinear, averaged over the area of each pixel; grey ones become RGB."""
    picture = file if isinstance(file, Image.Image) else Image.open(file)
    small = picture.convert("RGB").resize((size, size), Image.Resampling.BILINEAR)
    return np.ascontiguousarray(np.asarray(small).transpose(2, 0, 1))


@functools.lru_cache(maxsize=4)
def _in_memory(dataset: str, split: str) -> tuple[Tensor, Tensor]:
    images, labels = load(dataset, split)
    return torch.from_numpy(images), torch.from_numpy(labels)


def loaders(
    dataset: str,
    batch_size: int,
    augment: Callable[[Tensor], Tensor] | None = None,
    device: torch.device | str = "cpu",
) -> tuple[Batches, Batches]:
    """Return (train_loader, val_loader): batches (n, 3, 32, 32), normalised with MEAN and STD, and their labels.

    Args:
        augment: called on batches of training images, float32 in [0, 1], before they are normalised.
        device: holds the images.
    """
    about = {"mean": MEAN, "std": STD, "device": device}
    train = Batches(*_in_memory(dataset, "train"), batch_size, shuffle=True, augment=augment, **about)
    return train, Batches(*_in_memory(dataset, "val"), 500, **about)


def unpack(archive: Path, folder: Path, md5: str = MD5) -> None:
    """Unpack ``images/`` from the archive into the folder: plain files only, all of them or none.

    Raises:
        DamagedFileError: the archive is not the published one.
        UnsafeArchiveError: it contains a link, or a path that leads out of the folder.
    """
    seen = _md5(archive)
    if seen != md5:
        raise DamagedFileError(
            f"{archive} is truncated or was changed: it has {archive.stat().st_size:,} bytes and the md5 {seen}; "
            f"the published file has the md5 {md5}. Delete it, and get it again."
        )
    part = folder.with_name(f"{folder.name}.{os.getpid()}.part")  # renamed when complete
    shutil.rmtree(part, ignore_errors=True)
    part.mkdir(parents=True)
    try:
        with archive.open("rb") as raw:
            size = archive.stat().st_size
            with (
                tqdm.wrapattr(raw, "read", total=size, desc="unpacking", unit="B", unit_scale=True) as stream,
                tarfile.open(fileobj=stream, mode="r|gz") as tar,
            ):
                for member in tar:
                    _unpack_one(tar, member, part)
        folder.mkdir(exist_ok=True)
        (part / "images").replace(folder / "images")
    finally:
        shutil.rmtree(part, ignore_errors=True)


def _unpack_one(tar: tarfile.TarFile, member: tarfile.TarInfo, folder: Path) -> None:
    name = PurePosixPath(member.name)
    if name.is_absolute() or ".." in name.parts or "\\" in member.name:
        raise UnsafeArchiveError(f"{member.name} leads out of {folder}; nothing was unpacked.")
    if not (member.isfile() or member.isdir()):
        raise UnsafeArchiveError(f"{member.name} is a link or a device, not a plain file; nothing was unpacked.")
    if member.isdir() or name.parts[:1] != ("images",):
        return
    target = folder / name
    target.parent.mkdir(parents=True, exist_ok=True)
    source = tar.extractfile(member)
    assert source is not None  # it is a plain file
    with source, target.open("xb") as out:
        shutil.copyfileobj(source, out)


def _md5(file: Path) -> str:
    digest = hashlib.md5(usedforsecurity=False)
    with (
        file.open("rb") as raw,
        tqdm.wrapattr(raw, "read", total=file.stat().st_size, desc="checking", unit="B", unit_scale=True) as stream,
    ):
        while chunk := stream.read(2**20):
            digest.update(chunk)
    return digest.hexdigest()


def write_sample(folder: str | Path, per_scene: dict[str, int] | None = None, seed: int = 0) -> Path:
    """Draw scenes and write them in the layout of MiniPlaces: 128×128 JPEG files, and the three lists.

    Args:
        folder: must not exist; it is written completely or not at all.
        per_scene: number of pictures of each of the ten scenes, by split.

    Returns:
        The folder.
    """
    folder = Path(folder)
    part = folder.with_name(f"{folder.name}.{os.getpid()}.part")
    shutil.rmtree(part, ignore_errors=True)
    per_scene = per_scene or SAMPLE
    kinds = [CATEGORIES.index(name) for name in scenes.SCENES]
    with tqdm(total=len(kinds) * sum(per_scene.values()), desc="drawing scenes", unit=" pictures", leave=False) as bar:
        for split, n in per_scene.items():
            rows = []
            chance = np.random.default_rng([seed, split == "val"])
            for number, label in enumerate(chance.permutation(np.repeat(kinds, n)).tolist(), start=1):
                name = CATEGORIES[label]
                below = f"{split}/{name[0]}/{name}" if split == "train" else split  # validation is in one folder
                file = part / "images" / below / f"{number:08}.jpg"
                file.parent.mkdir(parents=True, exist_ok=True)
                scenes.draw(name, chance).save(file, quality=85)
                rows.append(f"{below}/{number:08}.jpg {label}\n")
                bar.update()
            (part / f"{split}.txt").write_text("".join(sorted(rows)), encoding="utf-8")
    listed = "".join(f"/{name[0]}/{name} {label}\n" for label, name in enumerate(CATEGORIES))
    (part / "categories.txt").write_text(listed, encoding="utf-8")
    if folder.exists():
        shutil.rmtree(part)  # another process was faster
    else:
        part.replace(folder)
    return folder


def _folder() -> Path:
    return data_folder("miniplaces", FILES)


def _unpacked(folder: Path) -> Path:
    """Unpack the archive of a folder into the cache, once, and copy the lists there: the folder may be read-only."""
    target = cache() / "miniplaces"
    if not (target / "images").exists():
        if not (folder / "data.tar.gz").exists():
            raise MissingFileError(
                f"MiniPlaces is not in {folder}. Get data.tar.gz and the lists from "
                "https://github.com/CSAILVision/miniplaces and put them there, or into $GRADEPROP_DATA/miniplaces; "
                'or work with the sample: load("sample").'
            )
        unpack(folder / "data.tar.gz", target)
    for name in LISTS:
        if folder != target and (folder / name).exists():
            shutil.copyfile(folder / name, target / name)
    return target
