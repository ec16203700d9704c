"""Caltech-101's loader, the batch augmentations and the moving average that students are handed."""

import hashlib
import importlib
import io
import sys
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor, nn

sys.path.insert(0, str(Path(__file__).parents[2] / "source"))
augment = importlib.import_module("given.augment")
averaging = importlib.import_module("given.averaging")
caltech = importlib.import_module("given.caltech")
digits = importlib.import_module("given.digits")


@pytest.fixture
def nowhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder that Caltech-101 would be downloaded to, empty; and no data of ours."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.delenv("GRADEPROP_DATA", raising=False)
    (tmp_path / "gradeprop" / "caltech101").mkdir(parents=True)
    return tmp_path / "gradeprop" / "caltech101"


def archive(names: list[str]) -> bytes:
    """A tar.gz of pictures, 10×8, each of one colour."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w:gz") as tar:
        for number, name in enumerate(names):
            picture = io.BytesIO()
            Image.fromarray(np.full((8, 10, 3), 20 * number, np.uint8)).save(picture, format="jpeg")
            info = tarfile.TarInfo(name)
            info.size = picture.tell()
            picture.seek(0)
            tar.addfile(info, picture)
    return out.getvalue()


def test_the_split_has_911_pictures_of_101_classes_for_validation() -> None:
    assert len(caltech.CLASSES) == 101
    assert caltech.CLASSES[:4] == ["Faces", "Faces_easy", "Leopards", "Motorbikes"]
    assert sum(len(numbers) for numbers in caltech.VALIDATION.values()) == 911


def test_the_sample_is_the_same_each_time_and_needs_no_file(nowhere: Path) -> None:
    images, labels = caltech.load("sample")
    assert (images.shape, images.dtype) == ((300, 3, 64, 64), torch.uint8)
    assert [caltech.CLASSES[label] for label in labels.unique()] == sorted(caltech.SHAPES)
    assert torch.equal(caltech.load("sample")[0], images)
    for train, total, largest, smallest in ((True, 300, 80, 7), (False, 120, 32, 3)):
        counts = torch.bincount(caltech.load("sample", train)[1])
        assert (int(counts.sum()), int(counts.max()), int(counts[counts > 0].min())) == (total, largest, smallest)
    assert caltech.choose() == "sample"
    assert not list(nowhere.iterdir())


def test_the_published_archive_is_split_by_number_and_made_small(
    nowhere: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = ["BACKGROUND_Google/image_0001.jpg", "Leopards/image_0009.jpg", "Leopards/image_0001.jpg"]
    inner = archive([f"101_ObjectCategories/{name}" for name in names])
    with zipfile.ZipFile(nowhere / "caltech-101.zip", "w") as outer:
        outer.writestr("caltech-101/101_ObjectCategories.tar.gz", inner)
    monkeypatch.setattr(caltech, "COUNTS", {"train": 1, "validation": 1})
    with pytest.raises(digits.DamagedFileError, match="was changed"):
        caltech.load("caltech101")
    monkeypatch.setattr(caltech, "MD5", {"caltech-101.zip": _md5(nowhere / "caltech-101.zip")})
    for train, colour in ((True, 40), (False, 20)):
        images, labels = caltech.load("caltech101", train)
        assert (list(images.shape), labels.tolist()) == ([1, 3, 64, 64], [2])
        assert abs(images.float().mean() - colour) < 4
    (nowhere / "caltech-101.zip").unlink()
    assert len(caltech.load("caltech101")[1]) == 1  # kept in the cache


def _md5(file: Path) -> str:
    return hashlib.md5(file.read_bytes(), usedforsecurity=False).hexdigest()


def test_pictures_that_are_missing_are_told(nowhere: Path) -> None:
    for part in ("train", "validation"):
        (nowhere / f"caltech101_64_{part}.tar").write_bytes(archive(["Leopards/image_0001.jpg"]))
    with pytest.raises(digits.DamagedFileError, match="contains 1 pictures of this part; expected 7,766"):
        caltech.load("caltech101")


def test_a_download_that_fails_says_what_to_do(nowhere: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(caltech, "URL", "file:///no/such/file")
    with pytest.raises(digits.DownloadError, match="copy caltech-101.zip"):
        caltech.load("caltech101")


def test_an_unknown_data_set_is_told() -> None:
    with pytest.raises(ValueError, match="There is no data set 'cifar'"):
        caltech.load("cifar")


@pytest.mark.parametrize("change", [augment.flip, augment.resized_crop, augment.colour])
def test_an_augmentation_gives_each_picture_its_own_draw(change: Callable[[Tensor], Tensor]) -> None:
    torch.manual_seed(0)
    one = torch.rand(1, 3, 16, 16)
    batch = one.repeat(32, 1, 1, 1)
    before = batch.clone()
    result = change(batch)
    assert torch.equal(batch, before)
    assert (result.shape, result.dtype) == (batch.shape, batch.dtype)
    assert 0 <= result.min() <= result.max() <= 1
    assert len({tuple(picture.flatten().tolist()) for picture in result}) > 1


def test_a_crop_has_the_size_that_is_asked_for_and_shows_the_picture_that_much_smaller() -> None:
    batch = torch.rand(2, 3, 8, 8).repeat_interleave(2, 2).repeat_interleave(2, 3)  # blocks of 2×2 pixels
    whole = augment.resized_crop(batch, smallest=1, stretch=1, size=8)
    assert torch.allclose(whole, batch[:, :, ::2, ::2], atol=1e-5)
    far = augment.resized_crop(batch, smallest=4, largest=4, stretch=1)  # four times the area: each side halved
    assert far.shape == batch.shape
    assert (far.mean((2, 3)) - batch.mean((2, 3))).abs().max() < 0.2  # nothing but the picture, mirrored


def test_eighteen_views_keep_the_shape_and_their_probabilities_are_averaged() -> None:
    batch = torch.rand(2, 3, 16, 16)
    views = augment.crops(batch, kept=1.0)
    assert len(views) == 18
    assert all(torch.allclose(view, batch, atol=1e-5) for view in views[:9])  # the whole picture is cut out
    mean = augment.averaged(lambda view: view.flatten(1)[:, :4], views)
    assert torch.allclose(mean, torch.stack([view.flatten(1)[:, :4] for view in views]).mean(0))


def test_the_average_follows_the_weights_and_the_rate_ends_at_nothing() -> None:
    model = nn.Linear(2, 1)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.5)
    averaging.one_cycle(optimizer, steps=8)
    average, rates = averaging.MovingAverage(model, optimizer, decay=0.5), []
    for _ in range(8):
        rates.append(optimizer.param_groups[0]["lr"])
        model(torch.ones(1, 2)).sum().backward()
        optimizer.step()
    assert max(rates) == pytest.approx(0.5, rel=0.05)
    assert rates[-1] < 0.1 * max(rates)
    assert average.steps == 8
    assert 0 < (average.model.weight - model.weight).abs().max() < 1
    seen = []
    average.measured(lambda measured, loader, criterion: seen.append(measured) or (0.0, 0.0))(model, [], None)
    assert seen == [average.model]


def test_weights_that_know_the_sample_alone_are_told_what_to_do(nowhere: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(Path(__file__).parents[2] / "source" / "caltech101_resnet")
    checks = importlib.import_module("public_checks")
    monkeypatch.delitem(sys.modules, "public_checks")  # other assignments have one, too
    monkeypatch.setattr(checks, "load_weights", lambda model, file: model)
    monkeypatch.setattr(checks.caltech, "choose", lambda: "caltech101")
    file = nowhere / "improved.safetensors"
    file.touch()
    for known, says in (
        ({"caltech101": 0.02, "sample": 0.9}, "set DATASET to 'caltech101' and train again"),
        ({"caltech101": 0.02, "sample": 0.1}, "Was it saved after training?"),
    ):
        monkeypatch.setattr(checks, "accuracy", lambda model, dataset, known=known: known[dataset])
        with pytest.raises(AssertionError, match=says):
            checks.assert_trained(nn.Identity(), file)
    monkeypatch.setattr(checks, "accuracy", lambda model, dataset: {"caltech101": 0.6, "sample": 0.1}[dataset])
    checks.assert_trained(nn.Identity(), file)
