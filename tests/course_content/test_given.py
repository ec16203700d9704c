"""The helpers handed to students: data that is what it says, training that keeps what came out, figures with words."""

import gzip
import hashlib
import importlib
import json
import platform
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn
from torchvision.datasets import MNIST

sys.path.insert(0, str(Path(__file__).parents[2] / "source"))
batches = importlib.import_module("given.batches")
digits = importlib.import_module("given.digits")
figures = importlib.import_module("given.figures")
training = importlib.import_module("given.training")


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache, and no folder of data."""
    monkeypatch.delenv("GRADEPROP_DATA", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache" / "gradeprop" / "mnist"


@pytest.fixture
def mirror(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A publisher with three test images, whose files and checksums torchvision is made to believe in."""
    folder = tmp_path / "mirror"
    folder.mkdir()
    contents = {"images-idx3": bytes(16) + bytes(range(3)) * 784, "labels-idx1": bytes(8) + bytes([7, 2, 1])}
    for part in ("train", "t10k"):
        for name, content in contents.items():
            (folder / f"{part}-{name}-ubyte.gz").write_bytes(gzip.compress(content, mtime=0))
    published = [(file.name, hashlib.md5(file.read_bytes()).hexdigest()) for file in sorted(folder.iterdir())]
    monkeypatch.setattr(MNIST, "resources", published)
    monkeypatch.setattr(MNIST, "mirrors", [f"{(tmp_path / 'nowhere').as_uri()}/", f"{folder.as_uri()}/"])
    return folder


def test_the_sample_is_always_the_same() -> None:
    images, labels = digits.load("sample")
    assert (images.shape, images.dtype, labels.dtype) == ((1437, 28, 28), np.uint8, np.int64)
    assert np.bincount(labels).min() > 130
    assert labels[:12].tolist() == [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 0, 1]
    assert images.mean() == pytest.approx(39.73, abs=0.01)
    assert digits.load("sample", train=False)[0].shape == (360, 28, 28)


def test_the_sample_lies_in_the_frame_as_mnist_does() -> None:
    images, _ = digits.load("sample", train=False)
    rows = np.indices((28, 28))[0]
    middles = [np.average(rows, weights=image) for image in images]
    assert np.abs(np.array(middles) - 13.5).max() <= 0.5


@pytest.mark.skipif(not digits.has_mnist(), reason="MNIST is not on this machine")
def test_mnist_is_read_as_published() -> None:
    images, labels = digits.load("mnist")
    assert (images.shape, labels[:5].tolist()) == ((60000, 28, 28), [5, 0, 4, 1, 9])
    images, labels = digits.load("mnist", train=False)
    assert (images.shape, labels[:5].tolist()) == ((10000, 28, 28), [7, 2, 1, 0, 4])


def test_mnist_is_downloaded_once_from_the_first_mirror_that_answers(cache: Path, mirror: Path) -> None:
    images, labels = digits.load("mnist", train=False)
    assert (images.shape, labels.tolist()) == ((3, 28, 28), [7, 2, 1])
    assert {file.name for file in cache.iterdir()} == {"t10k-images-idx3-ubyte.gz", "t10k-labels-idx1-ubyte.gz"}
    for file in mirror.iterdir():
        file.unlink()
    assert digits.load("mnist", train=False)[1].tolist() == [7, 2, 1]


def test_a_download_that_fails_says_what_to_do(cache: Path, mirror: Path) -> None:
    (mirror / "t10k-images-idx3-ubyte.gz").unlink()
    with pytest.raises(digits.DownloadError, match=r"t10k-images.* could not be downloaded .*copy MNIST's four"):
        digits.load("mnist", train=False)


@pytest.mark.parametrize("damage", [lambda data: data[:-9], lambda data: data[:-9] + b"different", lambda data: b""])
def test_a_damaged_file_is_refused_by_name(mirror: Path, tmp_path: Path, monkeypatch, damage) -> None:
    monkeypatch.setenv("GRADEPROP_DATA", str(tmp_path))
    folder = mirror.rename(tmp_path / "mnist")
    file = folder / "t10k-labels-idx1-ubyte.gz"
    file.write_bytes(damage(file.read_bytes()))
    with pytest.raises(digits.DamagedFileError, match=r"t10k-labels-idx1-ubyte\.gz is truncated .*Delete it"):
        digits.load("mnist", train=False)


def test_auto_takes_mnist_where_it_is_and_says_so(
    cache: Path, mirror: Path, tmp_path: Path, monkeypatch, capsys
) -> None:
    assert digits.choose("auto") == "sample"
    assert 'Data set: "sample", because MNIST is not on this machine' in capsys.readouterr().out
    mirror.rename(tmp_path / "mnist")
    monkeypatch.setenv("GRADEPROP_DATA", str(tmp_path))
    assert len(digits.load("auto", train=False)[1]) == 3
    assert 'Data set: "mnist", because its files are in' in capsys.readouterr().out


def test_an_unknown_data_set_is_refused() -> None:
    with pytest.raises(ValueError, match="There is no data set 'cifar'"):
        digits.load("cifar")


def test_a_folder_is_written_once_and_only_what_is_missing(tmp_path: Path) -> None:
    images, labels = np.full((3, 32, 32), 200, np.uint8), np.array([7, 0, 7])
    folder = digits.write_folder(images, labels, tmp_path / "train")
    assert sorted(file.name for file in folder.iterdir()) == ["00000_7.png", "00001_0.png", "00002_7.png"]
    assert (np.array(Image.open(folder / "00001_0.png")) == images[1]).all()
    (folder / "00002_7.png").unlink()
    (folder / "00000_7.png").write_bytes(b"mine")
    digits.write_folder(images, labels, folder)
    assert (folder / "00000_7.png").read_bytes() == b"mine"
    assert (folder / "00002_7.png").exists()


def test_resizing_keeps_type_and_grey() -> None:
    resized = digits.resize(np.full((2, 28, 28), 200, np.uint8))
    assert (resized.shape, resized.dtype) == ((2, 32, 32), np.uint8)
    assert (resized == 200).all()


def test_in_memory_gives_every_image_once_with_its_label() -> None:
    images = np.arange(7, dtype=np.uint8)[:, None, None].repeat(32, 1).repeat(32, 2)
    loader = digits.in_memory(images, np.arange(7), batch_size=3, shuffle=True)
    batches = list(loader)
    assert [len(y) for _, y in batches] == [3, 3, 1] == [3] * (len(loader) - 1) + [1]
    for x, y in batches:
        assert torch.allclose(x[:, 0, 0, 0], (y / 255 - digits.MEAN) / digits.STD)
    orders = {tuple(y.item() for _, batch in [*loader] for y in batch) for _ in range(5)}
    assert len(orders) > 1
    assert all(sorted(order) == list(range(7)) for order in orders)


def test_in_memory_reads_a_data_set_as_it_reads_arrays() -> None:
    images, labels = digits.load("sample", train=False)
    arrays = digits.in_memory(images[:5], labels[:5], batch_size=5)
    [(x, y)] = arrays
    [(again, same)] = digits.in_memory(list(zip(x, y.tolist(), strict=True)), batch_size=5)
    assert torch.allclose(x, again, atol=1e-5)
    assert torch.equal(y, same)


def test_in_memory_augments_a_batch_or_each_of_its_images_before_they_are_normalised() -> None:
    for wrap, shapes in ((lambda augment: augment, [(4, 1, 32, 32)]), (batches.each, [(1, 32, 32)] * 4)):
        seen = []
        augment = wrap(lambda x, seen=seen: seen.append(x) or 0 * x)
        [(x, _)] = digits.in_memory(np.full((4, 32, 32), 255, np.uint8), np.zeros(4), augment=augment)
        assert [tuple(given.shape) for given in seen] == shapes
        assert all(given.max() == 1 for given in seen)
        assert torch.allclose(x, torch.full_like(x, -digits.MEAN / digits.STD))


def test_colours_are_normalised_each_by_its_own() -> None:
    images = torch.full((2, 3, 4, 4), 255, dtype=torch.uint8)
    [(x, _)] = batches.Batches(images, torch.zeros(2), 2, mean=(0.0, 0.5, 1.0), std=(1.0, 0.5, 2.0))
    assert x[0, :, 0, 0].tolist() == [1.0, 1.0, 0.0]


def test_batches_that_are_made_several_at_a_time_are_batches_all_the_same() -> None:
    images = (torch.arange(1500) % 256).to(torch.uint8).view(-1, 1, 1).expand(-1, 28, 28)
    seen = []
    loader = batches.Batches(images, torch.arange(1500), 64, shuffle=True, augment=lambda x: seen.append(len(x)) or x)
    given = list(loader)
    assert seen == [640, 640, 220]
    assert [len(y) for _, y in given] == [64] * 23 + [28]
    assert len(given) == len(loader)
    assert torch.cat([y for _, y in given]).sort().values.tolist() == list(range(1500))
    assert all(torch.equal((255 * x[:, 0, 0, 0]).round().long(), y % 256) for x, y in given)


def test_fit_keeps_what_the_loops_return(capsys: pytest.CaptureFixture[str]) -> None:
    model = nn.Linear(1, 1)
    optimizer = torch.optim.SGD(model.parameters(), lr=1.0)
    scheduler = torch.optim.lr_scheduler.ExponentialLR(optimizer, 0.5)
    loops = (lambda *a: (torch.tensor(1 / a[4]), 0.5)), (lambda *a: (2.0, 0.25))
    optimizer.step()
    history = training.fit(model, ([], []), optimizer, None, 2, *loops, scheduler)
    assert history == {
        "train_loss": [1.0, 0.5],
        "test_loss": [2.0, 2.0],
        "train_accuracy": [0.5, 0.5],
        "test_accuracy": [0.25, 0.25],
    }
    assert optimizer.param_groups[0]["lr"] == 0.25
    assert "accuracy: train 50.00%, test 25.00%" in capsys.readouterr().out


def test_weights_and_history_come_back_as_they_were_saved(tmp_path: Path) -> None:
    model, other = nn.Linear(3, 2), nn.Linear(3, 2)
    training.save_weights(model, tmp_path / "w.safetensors")
    training.load_weights(other, tmp_path / "w.safetensors")
    assert torch.equal(model.weight, other.weight)
    training.save_history({"lenet5": {"train_loss": [1.0]}}, tmp_path / "h.json")
    assert json.loads((tmp_path / "h.json").read_text()) == {"lenet5": {"train_loss": [1.0]}}
    assert len(list(tmp_path.iterdir())) == 2


def test_weights_that_two_layers_share_can_be_saved(tmp_path: Path) -> None:
    model = nn.Sequential(nn.Linear(3, 3), nn.Linear(3, 3))
    model[1].weight = model[0].weight
    training.save_weights(model, tmp_path / "w.safetensors")
    training.load_weights(model, tmp_path / "w.safetensors")


def test_the_device_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    kind = training.device().type
    assert capsys.readouterr().out.startswith(f"Training on {kind}")


@pytest.mark.parametrize(
    ("quota", "limit", "busy_percent", "threads"),
    [
        ("max 100000", "", 0, 4),  # nothing else runs
        ("150000 100000", "", 0, 2),  # a container with one and a half processors
        ("max 100000", "1", 0, 1),  # JupyterHub's limit
        ("max 100000", "", 50, 2),  # two of four processors are busy
        ("max 100000", "", 100, 1),
        ("", "not a number", 0, 4),
    ],
)
def test_threads_use_only_free_processors(
    quota: str, limit: str, busy_percent: float, threads: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "cpu.max").write_text(f"{quota}\n")
    monkeypatch.setenv("CPU_LIMIT", limit)
    monkeypatch.setattr("os.cpu_count", lambda: 4)
    monkeypatch.setattr("os.sched_getaffinity", lambda _: range(4), raising=False)
    monkeypatch.setattr("psutil.cpu_percent", lambda interval: busy_percent)
    assert training.free_processors(tmp_path) == threads


def test_the_number_of_threads_that_the_user_chose_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "2")
    monkeypatch.setattr(training, "free_processors", lambda: 1)
    before = torch.get_num_threads()
    training.device()
    assert torch.get_num_threads() == before


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="only glibc can be told to keep memory")
def test_memory_that_a_step_frees_is_kept_once_a_device_was_chosen() -> None:
    code = """
import resource, torch
from given import training

def pages(steps=10):  # that the system had to clear for tensors of 40 MiB, too large for what glibc keeps by itself
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(steps):
        torch.ones(10 * 2**20)
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before

pages(), training.device(), pages(), print(pages())
"""
    without = code.replace("training.device(), ", "")
    source = Path(training.__file__).parents[1]
    cleared = [
        int(subprocess.check_output([sys.executable, "-c", each], cwd=source, text=True).split()[-1])
        for each in (without, code)
    ]
    assert cleared[0] > 10 * 10 * 2**20 * 4 / 4096 / 2
    assert cleared[1] < cleared[0] / 10


class Functional(nn.Module):
    """A network without a single layer object."""

    def __init__(self) -> None:
        super().__init__()
        self.kernel = nn.Parameter(torch.ones(6, 1, 5, 5))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Maps (n, 6, 28, 28)."""
        return nn.functional.conv2d(x, self.kernel)


def lenet() -> nn.Module:
    return nn.Sequential(nn.Conv2d(1, 6, 5), nn.ReLU(inplace=True), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(1176, 10))


def test_the_table_of_layers_counts_each_parameter_once() -> None:
    table = figures.layer_table(lenet())
    assert table["formula"].tolist() == ["(1·5·5 + 1) · 6", "(1176 + 1) · 10", ""]
    assert table["parameters"].tolist() == [156, 11770, 11926]
    assert table["output"].tolist() == ["6×28×28", "10", ""]
    assert figures.layer_table(Functional())["formula"].tolist() == ["6·1·5·5", ""]


def test_every_figure_says_what_it_shows(capsys: pytest.CaptureFixture[str]) -> None:
    torch.manual_seed(0)
    images, labels = torch.rand(30, 1, 32, 32), torch.arange(30) % 10
    logits = nn.functional.one_hot((labels + (labels == 3)) % 10, 10) * 9.0  # each 3 is read as a 4
    history = {f"{part}_{what}": [0.5, 0.7] for part in ("train", "test") for what in ("loss", "accuracy")}
    said = {
        "30 images of 32×32 pixels": figures.digit_sheet(images, labels),
        "most often, 3 times, a 3 was classified as a 4": figures.confusion_matrix(labels, logits.argmax(1), "LeNet-5"),
        "6 filters of 5×5 weights": figures.filters(lenet()),
        "6 maps of 28×28": figures.activations(lenet(), images[0]),
        "LeNet-5 70.00%": figures.histories({"lenet5": history}),
        "3 of 30 images were misclassified": figures.most_wrong(images, labels, logits),
    }
    lines = capsys.readouterr().out.splitlines()
    for (sentence, figure), line in zip(said.items(), lines, strict=True):
        assert sentence in line
        assert figure.get_supxlabel() in line
        figure.canvas.draw()


def test_a_perfect_model_has_its_figures_too(capsys: pytest.CaptureFixture[str]) -> None:
    labels = torch.arange(10)
    logits = torch.eye(10) * 9
    figures.confusion_matrix(labels, logits.argmax(1), "perfect").canvas.draw()
    figures.most_wrong(torch.rand(10, 1, 32, 32), labels, logits).canvas.draw()
    assert "0 of 10 images were misclassified; none" in capsys.readouterr().out


def test_a_figure_of_convolutions_needs_one() -> None:
    with pytest.raises(ValueError, match="has no convolution"):
        figures.filters(nn.Linear(2, 2))
    with pytest.raises(ValueError, match=r"no nn\.Conv2d"):
        figures.activations(Functional(), torch.zeros(1, 32, 32))
