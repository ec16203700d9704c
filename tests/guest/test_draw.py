"""Draws depend on the seed and the probe alone, and hold the promised types and ranges."""

import json
from pathlib import Path

import pytest
import safetensors.torch
import torch
from torch import nn

from gradeprop.core.observations import probe_seed
from gradeprop.guest.draw import Draw, decode, values


def draw(tmp_path: Path, seed: int = 1, probe: str = "p") -> Draw:
    return Draw(probe_seed(seed, probe), probe, tmp_path, {"images": torch.zeros(2)})


def test_draws_depend_on_the_seed_and_the_probe_only(tmp_path: Path) -> None:
    assert torch.equal(draw(tmp_path).normal(3), draw(tmp_path).normal(3))
    assert not torch.equal(draw(tmp_path).normal(3), draw(tmp_path, seed=2).normal(3))
    assert not torch.equal(draw(tmp_path).normal(3), draw(tmp_path, probe="q").normal(3))


def test_draws_stay_what_they_are() -> None:
    """Records are repeated from their seed, so a draw may never change."""
    d = Draw(probe_seed(7, "lenet_twin"), "lenet_twin", Path("nowhere"), {})
    assert d.seed == 2757589110
    assert d.integers(0, 1000, 3).tolist() == [306, 466, 753]
    assert values(7, 3).tolist() == pytest.approx([-0.6013928, -1.0122098, -0.3022692], abs=1e-6)


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


def test_values_depend_on_seed_and_size_and_may_repeat() -> None:
    assert torch.equal(values(5, 10), values(5, 10))
    assert not torch.equal(values(5, 11)[:10], values(5, 10))
    repeated = values(5, 10, period=4)
    assert torch.equal(repeated[:4], repeated[4:8])
    assert repeated.shape == (10,)
    assert torch.equal(values(5, 3, period=4), values(5, 3))


def test_filled_weights_depend_on_their_size_not_on_names_order_or_transposition(tmp_path: Path) -> None:
    d = draw(tmp_path)
    one = d.fill(nn.Sequential(nn.Linear(6, 3), nn.Linear(3, 2)))
    other = d.fill(nn.ParameterDict({"b": torch.zeros(2, 3), "w": torch.zeros(6, 3), "c": torch.zeros(3)}))
    assert torch.equal(one[0].weight, other["w"].T), "(large, small) is taken for a transposed matrix"
    assert torch.equal(one[1].weight, other["b"])
    assert torch.equal(one[0].bias, values(d.seed, 3) * 3**-0.25)


def test_filled_gradients_are_drawn(tmp_path: Path) -> None:
    layer, twin = nn.Linear(2, 2), nn.Linear(2, 2)
    draw(tmp_path).fill_gradients(layer)
    draw(tmp_path).fill_gradients(twin)
    assert layer.weight.grad is not None
    assert torch.equal(layer.weight.grad, twin.weight.grad)


@pytest.fixture
def submission(tmp_path: Path) -> Path:
    folder = tmp_path / "submission"
    folder.mkdir()
    return folder


def test_a_trained_network_has_the_submitted_weights_and_is_in_evaluation_mode(
    tmp_path: Path, submission: Path
) -> None:
    model = nn.Sequential(nn.LazyLinear(3), nn.Dropout(0.9))
    state = {"0.weight": torch.ones(3, 2), "0.bias": torch.tensor([0.0, 1.0, 2.0])}
    safetensors.torch.save_file(state, submission / "net.safetensors")
    images = torch.arange(10).reshape(5, 2)
    d = Draw(1, "p", tmp_path, {"images": images})
    found = d.trained(model, "net.safetensors", lambda batch: batch / 2)
    assert torch.equal(found["logits"], images.sum(1, keepdim=True) / 2 + state["0.bias"])
    assert torch.equal(found["state"]["0.weight"], state["0.weight"])
    assert found["other_logits"].shape == (5, 3)
    doubled = d.trained(model, "net.safetensors", lambda batch: batch / 2, forward=lambda x: 2 * model(x))
    assert torch.equal(doubled["logits"], 2 * found["logits"])


def test_weights_that_are_missing_or_no_safetensors_say_so(tmp_path: Path, submission: Path) -> None:
    (submission / "net.safetensors").write_bytes(b"PK\3\4")
    with pytest.raises(ValueError, match="net.safetensors is not a file of safetensors"):
        draw(tmp_path).weights("net.safetensors")
    with pytest.raises(FileNotFoundError):
        draw(tmp_path).weights("other.safetensors")


def test_a_history_is_found_at_any_depth_with_its_name(tmp_path: Path, submission: Path) -> None:
    curves = {"train_loss": [1.0], "note": "kept out", "test_loss": [2.0]}
    (submission / "history.json").write_text(json.dumps({"runs": {"lenet": curves}, "other": 3, "mlp": curves}))
    lists = {"train_loss": [1.0], "test_loss": [2.0]}
    assert draw(tmp_path).history() == [{"name": "lenet", **lists}, {"name": "mlp", **lists}]
    (submission / "history.json").write_text(json.dumps(curves))
    assert draw(tmp_path).history() == [{"name": "", **lists}]
    (submission / "history.json").write_text("[1, 2]")
    assert draw(tmp_path).history() == []


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "latin-1"])
def test_text_is_read_in_any_encoding_that_editors_write(encoding: str, tmp_path: Path) -> None:
    mark = "\ufeff" if encoding.startswith("utf-16-") else ""
    (tmp_path / "submission").mkdir()
    (tmp_path / "submission" / "history.json").write_bytes(f'{mark}{{"é": {{"train_loss": [1]}}}}'.encode(encoding))
    assert draw(tmp_path).text("history.json") == '{"é": {"train_loss": [1]}}'
    assert draw(tmp_path).history() == [{"name": "é", "train_loss": [1]}]


@pytest.mark.parametrize("data", [b"\xff\xfea", b"\xef\xbb\xbf\xff", b"\xfe\xff\xd8\x00"])
def test_bytes_that_are_no_text_are_text_all_the_same(data: bytes) -> None:
    assert isinstance(decode(data), str)
