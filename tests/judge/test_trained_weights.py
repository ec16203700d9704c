"""Accuracy points follow the bars; weights are recognised by their sizes; a history is shown or refused."""

import hashlib
import math
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor, nn

from gradeprop.guest.draw import Draw
from gradeprop.judge.accessors import Seen
from gradeprop.judge.assertions import CheckFailed, Points, Show
from gradeprop.judge.trained_weights import (
    changed_slightly,
    drawn_after,
    grade_accuracy,
    held_out_logits,
    measure_accuracy,
    show_history,
    trained_network,
)
from tests.judge.observations import seen_of

LABELS = torch.arange(200) % 10
BAR = (90.0, 95.0)


def logits(right: int, labels: Tensor = LABELS) -> Tensor:
    """Logits (n, 10) of which the first ``right`` rows are right."""
    read = torch.where(torch.arange(len(labels)) < right, labels, (labels + 1) % 10)
    return torch.nn.functional.one_hot(read, 10).float()


def grade(given: Tensor, labels: Tensor = LABELS) -> Show:
    show = Show()
    grade_accuracy(given, labels, BAR, Points(), show, full=4, passed=1.5)
    return show


@pytest.mark.parametrize(
    ("right", "points"),
    [(0, 0), (179, 0), (180, 1.5), (181, 1.5), (189, 1.5), (190, None), (191, None), (200, None)],
)
def test_points_follow_the_bars_and_a_bar_belongs_to_the_better_side(right: int, points: float | None) -> None:
    if points is None:
        assert grade(logits(right)).message.startswith(f"{right / 2:.2f} % of 200 held-out images are right")
    else:
        with pytest.raises(CheckFailed) as failed:
            grade(logits(right))
        assert failed.value.points == points


@pytest.mark.parametrize("bar", [98.3, 98.8, 97.1, 33.4])
def test_an_accuracy_that_is_the_bar_reaches_it_whatever_the_rounding(bar: float) -> None:
    labels = torch.zeros(1000, dtype=torch.int64)
    percent, _ = measure_accuracy(logits(round(10 * bar), labels), labels)
    assert percent == bar


def test_a_message_says_what_was_measured_how_sure_it_is_and_what_is_required() -> None:
    with pytest.raises(
        CheckFailed, match="50.00 % of 200 .*standard error 3.54 percentage points.*90 % is required, 95 %"
    ):
        grade(logits(100))
    with pytest.raises(CheckFailed, match="95 % gives all 4 points"):
        grade(logits(185))


@pytest.mark.parametrize(("decimals", "text"), [(0, "50 %"), (1, "50.0 %"), (3, "50.000 %")])
def test_the_precision_and_the_noun_can_be_chosen(decimals: int, text: str) -> None:
    percent, message = measure_accuracy(logits(100), LABELS, "pictures", decimals)
    assert percent == pytest.approx(50)
    assert message.startswith(f"{text} of 200 pictures are right")


def test_the_standard_error_is_that_of_a_share() -> None:
    assert "(standard error 0.00 percentage points)" in measure_accuracy(logits(200), LABELS)[1]
    error = 100 * math.sqrt(0.9 * 0.1 / 200)
    assert f"(standard error {error:.2f} percentage points)" in measure_accuracy(logits(180), LABELS)[1]


def test_a_row_with_nan_is_wrong_even_if_its_maximum_is_right() -> None:
    given = logits(200)
    given[:50, 0] = math.nan
    assert measure_accuracy(given, LABELS)[0] == pytest.approx(75)
    with pytest.raises(CheckFailed) as failed:
        grade(torch.full((200, 10), math.nan))
    assert failed.value.points == 0


def test_infinite_logits_are_compared_as_any_others() -> None:
    assert measure_accuracy(logits(200) * math.inf, LABELS)[0] <= 100  # 0 · inf is NaN: wrong, and no exception
    given = torch.where(logits(200) > 0, math.inf, -math.inf)
    assert measure_accuracy(given, LABELS)[0] == pytest.approx(100)


@pytest.mark.parametrize("shape", [(199, 10), (1, 10), (0, 10), (200,), (200, 10, 1), ()])
def test_logits_of_another_shape_fail_in_words(shape: tuple[int, ...]) -> None:
    with pytest.raises(CheckFailed, match=r"have the shape .*; expected \[200, number of classes\]"):
        grade(torch.zeros(shape))


def test_no_label_is_the_instructors_error_and_gives_no_points() -> None:
    with pytest.raises(ValueError, match="at least one label"):
        grade(torch.zeros(0, 10), torch.zeros(0, dtype=torch.int64))


def test_the_images_to_compare_are_different_and_depend_on_every_logit() -> None:
    given = logits(200)
    chosen = drawn_after(given, 50)
    assert chosen.shape == (50,)
    assert len(set(chosen.tolist())) == 50
    assert torch.equal(chosen, drawn_after(given.clone(), 50))
    changed = given.clone()
    changed[-1, -1] += 1e-3
    assert not torch.equal(chosen, drawn_after(changed, 50))
    assert drawn_after(given, 1000).sort().values.tolist() == list(range(200))


def history(**changes: object) -> Seen:
    lists = {f"{part}_{quantity}": [0.5, 0.25] for part in ("train", "test") for quantity in ("loss", "accuracy")}
    return Seen({"models": [{"name": "lenet", **lists, **changes}]}, lambda name: torch.zeros(0))


def test_a_history_becomes_two_plots_for_each_model() -> None:
    show = Show()
    show_history(history(), show)
    assert [plot.caption for plot in show.exhibits] == ["lenet: loss", "lenet: accuracy"]
    show_history(history(name=""), show)
    assert show.exhibits[-1].caption == "accuracy"


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"test_loss": [0.5]}, "test_loss has 1 entries; expected 2"),
        ({"test_accuracy": None}, "test_accuracy should be a list"),
        ({"train_accuracy": [0.5, "nan"]}, "not a finite number"),
        (
            {f"{p}_{q}": [] for p in ("train", "test") for q in ("loss", "accuracy")},
            "holds empty lists: train first",
        ),
    ],
)
def test_a_history_that_lacks_something_fails_in_words(changes: dict[str, object], says: str) -> None:
    with pytest.raises(CheckFailed, match=says):
        show_history(history(**changes), Show())


def test_no_history_fails_in_words() -> None:
    with pytest.raises(CheckFailed, match="no training curves"):
        show_history(Seen({"models": []}, lambda name: torch.zeros(0)), Show())


class Digits(nn.Module):
    """Tells which of ten 3×3 blocks of an image is bright."""

    def __init__(self) -> None:
        super().__init__()
        self.blocks = nn.Conv2d(1, 10, 12)

    def forward(self, x: Tensor) -> Tensor:
        return self.blocks(x).flatten(1)


def bright(n: int) -> tuple[Tensor, Tensor]:
    """Images uint8 (n, 12, 12) with one bright block each, and its number."""
    labels = torch.arange(n) % 10
    images = torch.randint(0, 60, (n, 12, 12), generator=torch.Generator().manual_seed(0))
    for image, label in zip(images, labels.tolist(), strict=True):
        image[label // 4 * 3 : label // 4 * 3 + 3, label % 4 * 3 : label % 4 * 3 + 3] += 180
    return images.to(torch.uint8), labels


def prepare(images: Tensor) -> Tensor:
    return images.unsqueeze(1) / 255


def trained(tmp_path: Path, model: nn.Module, images: Tensor) -> Seen:
    (tmp_path / "submission").mkdir()
    save_file(
        {name: tensor.clone() for name, tensor in model.state_dict().items()}, tmp_path / "submission" / "w.safetensors"
    )
    return seen_of(Draw(1, "p", tmp_path, {"images": images[:20]}).trained(model, "w.safetensors", prepare))


def blocks() -> Digits:
    model = Digits()
    weight = torch.full((10, 1, 12, 12), -0.1)
    for label in range(10):
        weight[label, :, label // 4 * 3 : label // 4 * 3 + 3, label % 4 * 3 : label % 4 * 3 + 3] = 1.0
    model.blocks.weight.data.copy_(weight)
    return model


def test_the_logits_of_all_images_are_computed_from_the_graph_and_the_weights(tmp_path: Path) -> None:
    images, labels = bright(333)
    show, model = Show(), blocks()
    logits = held_out_logits(
        trained_network(trained(tmp_path, model, images)), {"images": images, "labels": labels}, prepare, show
    )
    with torch.no_grad():
        assert torch.allclose(logits, model(prepare(images)), atol=1e-4)
    assert measure_accuracy(logits, labels)[0] == 100
    assert show.flagged == ""


class Table(Digits):
    """Looks images up, and is a network for all others."""

    def __init__(self, images: Tensor, labels: Tensor) -> None:
        super().__init__()
        self.known = {
            prepare(image[None]).numpy().tobytes(): int(label) for image, label in zip(images, labels, strict=True)
        }

    def forward(self, x: Tensor) -> Tensor:
        found = [self.known.get(image.numpy().tobytes(), -1) for image in x]
        logits = super().forward(x)
        if -1 in found:
            return logits
        return logits * 0 + 5e-4 * nn.functional.one_hot(torch.tensor(found), 10)


def test_a_table_of_the_test_set_in_the_code_is_no_network(tmp_path: Path) -> None:
    images, labels = bright(100)
    with pytest.raises(CheckFailed, match="makes other operations for other images"):
        trained_network(trained(tmp_path, Table(images, labels), images))


class Nearest(nn.Module):
    """The label of the image that is next, in torch operations."""

    def __init__(self, images: Tensor, labels: Tensor) -> None:
        super().__init__()
        self.register_buffer("project", torch.randn(144, 8))
        self.register_buffer("known", prepare(images).flatten(1) @ self.project)
        self.register_buffer("labels", nn.functional.one_hot(labels, 10).float())

    def forward(self, x: Tensor) -> Tensor:
        distances = torch.cdist(x.flatten(1) @ self.project, self.known)
        return torch.softmax(-1e4 * distances, 1) @ self.labels


def test_a_table_in_the_weights_fails_on_images_that_are_nowhere_else(tmp_path: Path) -> None:
    generator = torch.Generator().manual_seed(1)
    images = torch.randint(0, 256, (300, 12, 12), generator=generator).to(torch.uint8)
    labels = torch.randint(0, 10, (300,), generator=generator)
    network = trained_network(trained(tmp_path, Nearest(images, labels), images))
    with pytest.raises(CheckFailed, match="100 % are right, and .* learned by heart"):
        held_out_logits(network, {"images": images, "labels": labels}, prepare, Show())


def test_who_knows_the_test_set_does_not_know_the_changed_images_of_a_run(tmp_path: Path) -> None:
    """A table's own logits on a public test set are known to who writes it; the secret of a run is not."""
    generator = torch.Generator().manual_seed(1)
    images = torch.randint(0, 256, (300, 12, 12), generator=generator).to(torch.uint8)
    labels = torch.randint(0, 10, (300,), generator=generator)
    one_hot = nn.functional.one_hot(labels, 10).float()
    changed = drawn_after(one_hot, 1000)
    seed = int.from_bytes(hashlib.sha256(one_hot.numpy().tobytes()).digest()[:7])
    fresh = changed_slightly(images[changed], seed)
    table = Nearest(torch.cat([images, fresh]), torch.cat([labels, labels[changed]]))
    network, answers = trained_network(trained(tmp_path, table, images)), {"images": images, "labels": labels}
    assert measure_accuracy(held_out_logits(network, answers, prepare, Show()), labels)[0] == 100, "without a secret"
    with pytest.raises(CheckFailed, match="learned by heart"):
        held_out_logits(network, answers | {"secret": torch.zeros(32, dtype=torch.uint8)}, prepare, Show())


def test_a_table_that_knows_changed_images_is_flagged_by_its_size(tmp_path: Path) -> None:
    images, labels = bright(300)
    network, show = trained_network(trained(tmp_path, Nearest(images, labels), images)), Show()
    answers = {"images": images, "labels": labels}
    held_out_logits(network, answers, prepare, show, blocks())
    assert "The network has 6,552 numbers where the network that was asked for has 1,450" in show.flagged
    held_out_logits(network, answers, prepare, show := Show())
    assert "numbers" not in show.flagged


def test_images_change_by_little_and_every_time_otherwise() -> None:
    images = bright(20)[0]
    changed = changed_slightly(images, 1)
    assert changed.shape == images.shape
    assert changed.dtype == torch.uint8
    assert 0 < (changed.float() - images.float()).abs().mean() < 30
    assert torch.equal(changed, changed_slightly(images, 1))
    assert not torch.equal(changed, changed_slightly(images, 2))
    colour = torch.stack([images, images, images], 1)
    assert torch.equal(changed_slightly(colour, 1)[:, 0], changed_slightly(colour, 1)[:, 2])
