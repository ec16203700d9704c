"""The wire: frames of the jail are decoded; anything else is refused by one kind of error, soon and cheaply."""

import json
import time

import pytest
import safetensors.torch
import torch

from gradeprop.core.errors import WireError
from gradeprop.core.observations import pack
from gradeprop.guest.framing import HEAD, HEADER_LIMIT, Frames, Oversize
from gradeprop.jail.wire import decode
from tests.campaigns.fuzz_wire import fuzz, heard

NAMES = frozenset({"forward", "count"})
TENSORS = {
    "0": torch.arange(6.0).reshape(2, 3),
    "1": torch.tensor(True),
    "2": torch.zeros(0, 4, dtype=torch.int64),
    "3": torch.ones(2, dtype=torch.bfloat16),
}


def header(**fields: object) -> bytes:
    good = {
        "probe": "forward",
        "status": "ok",
        "message": "",
        "wall_s": 0.1,
        "values": {"x": {"$tensor": "0"}, "n": [1, "a"]},
    }
    return json.dumps(good | fields).encode()


BLOB = safetensors.torch.save(TENSORS)


def blob(entries: object, data: bytes = b"") -> bytes:
    text = entries if isinstance(entries, bytes) else json.dumps(entries).encode()
    return len(text).to_bytes(8, "little") + text + data


def test_a_frame_comes_back_as_it_was_sent() -> None:
    probe, values, tensors = decode(header(), BLOB, NAMES)
    assert (probe.name, probe.status, probe.wall_s) == ("forward", "ok", 0.1)
    assert bytes(values["n"]) == b'[1, "a"]'
    assert tensors["0"].shape == (2, 3)
    back = safetensors.torch.load(pack(tensors))
    assert all(torch.equal(back[name], tensor) for name, tensor in TENSORS.items())


@pytest.mark.parametrize(
    "bad",
    [
        b"",
        b"{}",
        b"[]",
        b"\xff\xfe",
        b'{"probe":',
        header(probe="other"),
        header(status="passed"),
        header(points=100),
        header(wall_s=-1),
        header(wall_s=float("nan")),
        header(message="x" * 5000),
        header(values=[]),
        header(values={"x": {"$tensor": "9"}}),
        header(values={"x": {"$tensor": ["0"]}}),
        header(values={"x": float("inf")}),
        header(values=None),
        header().replace(b"0.1", b"1e999"),
        header(values={"deep": json.loads("[" * 30 + "]" * 30)}),
        header().replace(b"[1", b"[" * 60_000 + b"1" + b"]" * 60_000),
        header(values={"x": "y" * HEADER_LIMIT}),
    ],
    ids=lambda value: repr(value[:50]),
)
def test_a_header_of_another_kind_is_refused(bad: bytes) -> None:
    with pytest.raises(WireError):
        decode(bad, BLOB, NAMES)


def entry(shape: object = (2,), offsets: object = (0, 8), dtype: str = "F32") -> dict[str, object]:
    return {"dtype": dtype, "shape": shape, "data_offsets": offsets}


@pytest.mark.parametrize(
    ("entries", "data"),
    [
        (b"", b""),
        (b"{", b""),
        ([], b""),
        ({"0": entry(dtype="F4")}, bytes(8)),
        ({"0": entry(shape=[-2])}, bytes(8)),
        ({"0": entry(shape=[2.0])}, bytes(8)),
        ({"0": entry(shape=[1] * 17 + [2])}, bytes(8)),
        ({"0": entry(shape=[2**62, 2**62])}, bytes(8)),
        ({"0": entry(shape=[0, 2**63], offsets=(0, 0))}, b""),
        ({"0": entry(shape=[2**40, 2**40, 0], offsets=(0, 0))}, b""),
        ({"0": entry(shape=[3])}, bytes(8)),
        ({"0": entry()}, bytes(7)),
        ({"0": entry()}, bytes(9)),
        ({"0": entry(), "1": entry()}, bytes(8)),
        ({"0": entry(offsets=(4, 12))}, bytes(12)),
        ({"0": entry(offsets=(8, 0))}, bytes(8)),
        ({"0": entry(), "__metadata__": {"a": "b"}}, bytes(8)),
        ({str(n): entry(shape=[0], offsets=(0, 0)) for n in range(2001)}, b""),
    ],
    ids=lambda value: str(value)[:60],
)
def test_a_blob_of_another_kind_is_refused(entries: object, data: bytes) -> None:
    with pytest.raises(WireError):
        decode(header(values={}), blob(entries, data), NAMES)


def test_a_flood_of_tensors_is_refused_before_it_is_read() -> None:
    flood = blob(",".join(f'"{n}":{{"dtype":"U8","shape":[0],"data_offsets":[0,0]}}' for n in range(20_000)).encode())
    refused_s, parsed_s = list[float](), list[float]()
    for _ in range(5):
        began = time.process_time()
        with pytest.raises(WireError, match="too large"):
            decode(header(), flood, NAMES)
        refused_s.append(time.process_time() - began)
        began = time.process_time()
        json.loads(b"{" + flood[8:] + b"}")
        parsed_s.append(time.process_time() - began)
    assert min(refused_s) < min(parsed_s) / 4


def test_what_was_sent_is_not_repeated_at_length() -> None:
    with pytest.raises(WireError) as refused:
        decode(header(**{"z" * 100_000: 1}), BLOB, NAMES)
    assert len(str(refused.value)) < 300


@pytest.mark.parametrize("end", [b'{"output": "\xff"}', b'{"a":' + b"[" * 60_000, b"[]", b"", b'{"ended": 1}'])
def test_a_last_frame_of_another_kind_ends_the_run(end: bytes) -> None:
    assert "returned too much data" in heard(HEAD.pack(0, len(end)) + end, ("forward",)).ended


def test_real_frames_changed_in_any_way_are_read_or_refused_and_nothing_else() -> None:
    """A few seconds of what ``make fuzz`` does for as long as one likes."""
    tally = fuzz(1_500, seed=1)
    assert tally.read > 150
    assert tally.refused > 150


def test_frames_are_cut_wherever_the_stream_breaks() -> None:
    stream = b"".join(HEAD.pack(len(h), len(b)) + h + b for h, b in [(b"one", b"1234"), (b"", b""), (b"two", b"")])
    cutter = Frames(budget=1000)
    got = [frame for byte in stream for frame in cutter.feed(bytes([byte]))]
    assert got == [(b"one", b"1234"), (b"", b""), (b"two", b"")]


@pytest.mark.parametrize("sizes", [(HEADER_LIMIT + 1, 0), (10, 2**63), (0, 90)])
def test_a_frame_over_its_budget_is_refused_before_it_is_read(sizes: tuple[int, int]) -> None:
    with pytest.raises(Oversize):
        list(Frames(budget=100).feed(HEAD.pack(*sizes)))


def test_the_budget_is_that_of_all_frames_together() -> None:
    frame = HEAD.pack(1, 40) + bytes(41)
    with pytest.raises(Oversize):
        list(Frames(budget=100).feed(frame + frame))
