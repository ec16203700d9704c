"""Fuzz the wire: real frames, changed, go the whole way of untrusted bytes; nothing but documented errors comes out.

    python -m tests.campaigns.fuzz_wire --frames 1000000 --seed 7         all of it; the seed repeats a run
    python -m tests.campaigns.fuzz_wire --seed 7 --first 12345 --frames 1         one stream of it

converse (Frames.feed) → observe (wire.decode) → write_run → what a check opens → every accessor
"""

import argparse
import ctypes
import gc
import io
import itertools
import json
import math
import os
import random
import re
import secrets
import socket
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import redirect_stderr, suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from types import CodeType, FrameType, ModuleType
from typing import Any

import torch
from torch import Tensor

from gradeprop.core import observations, storage
from gradeprop.core.assignment import Limits
from gradeprop.core.errors import WireError
from gradeprop.core.models import JailRun
from gradeprop.core.paths import StudentPaths
from gradeprop.course.config import load_module
from gradeprop.guest import framing, runner
from gradeprop.guest.draw import Draw
from gradeprop.jail import wire
from gradeprop.jail.job import Job, JobResult, converse
from gradeprop.jail.observe import _decode
from gradeprop.judge import reference
from gradeprop.judge.accessors import Seen
from gradeprop.judge.assertions import CheckFailed
from tests.conftest import REPOSITORY

Frame = tuple[bytes, bytes]
PATIENCE_S = 5.0  # of processor time for one stream of a few frames
HANGS_S = 60.0
GROWTH_MIB = 64
LARGEST = 24 * 1024  # bytes of a frame of the corpus: larger ones hold more of the same

OF_EVERY_KIND = b"""
import torch
def probe_kinds(student, draw):
    numbers = {"int": 3, "float": 0.5, "nan": float("nan"), "large": 2**62, "numbers": [1, 2.5, "inf"]}
    return numbers | {"text": "caf\\xc3\\xa9", "texts": ["a", "b"], "none": None, "on": True,
        "rows": [{"n": 1, "x": [2]}], "other": object(), "deep": [[[[[[{"a": [{}]}]]]]]],
        "state": torch.nn.Linear(2, 3).state_dict()}
def probe_tensors(student, draw):
    types = (torch.bool, torch.uint8, torch.int8, torch.int16, torch.int32, torch.int64, torch.float16, torch.bfloat16,
        torch.float32, torch.float64)
    made = {str(kind): torch.ones(2, 3).to(kind) for kind in types}
    return made | {"one": torch.tensor(7), "nothing": torch.zeros(0, 4), "nan": torch.tensor([float("nan")])}
def probe_error(student, draw):
    raise ValueError("no")
"""


def corpus(home: Path) -> list[Frame]:
    """What the real runner sends: a value of every kind, and what the reference gives in the first assignment."""
    paths = REPOSITORY.assignment("mnist_lenet")
    sys.path.insert(0, str(REPOSITORY.source))
    solution = load_module(REPOSITORY.solution, "reference_solution")
    sys.path.remove(str(REPOSITORY.source))
    (home / "submission").mkdir()
    here, made = Path.cwd(), []
    sources = OF_EVERY_KIND, paths.probes.read_bytes()
    for name, probe in itertools.chain(*(runner.load_probes(source).items() for source in sources)):
        if name.startswith(("count", "augment", "regularised", "curves")):
            continue  # slow, and of the kinds of the others
        with redirect_stderr(io.StringIO()):
            status, message, values, blob = runner.run_probe(probe, solution, Draw(1, name, home, {}), 1 << 20)
        frame = runner._header(name, status, message, 0.25, values), blob
        made += [frame] if len(frame[0]) + len(blob) <= LARGEST else []
    os.chdir(here)
    return made


# ---- what is changed

_NUMBERS = """0 1 -1 -0 0.0 -0.0 1.5 1e3 1e308 1e999 -1e999 5e-324 NaN Infinity -Infinity 01 +1 .5 1. 0x10 true false
    null 2147483648 4294967296 4611686018427387904 9223372036854775807 9223372036854775808 18446744073709551615
    18446744073709551616 -9223372036854775809""".split()  # noqa: SIM905
_TEXTS = [
    '""', '"nan"', '"-inf"', '"ok"', '"absent"', '"kinds"', '"0"', '"9"', '"F32"', '"BF16"', '"F8_E4M3"', '"U64"',
    '"C64"', '"F4"', '"BOOL"', '"__metadata__"', '"$tensor"', '"\\ud800"', '"\\udc00\\ud800"', '"\\ud83d\\ude00"',
    '"\\u0000"',
    '"\\u001b[2J\\u001b]0;x\\u0007"', '"\\x"', '"\udcff"', '"\u202e"', *(f'"{"x" * n}"' for n in (3000, 9000)),
]  # fmt: skip
_TREES = [
    "[]", "{}", "[0]", "[2, 3]", "[-2, 3]", "[0, 0]", "[8, 0]", "[0, 8]", "[4, 12]", "[0, 18446744073709551615]",
    "[0, 18446744073709551616]", "[0, 9223372036854775808]", "[1099511627776, 1099511627776, 0]", "[2.0]", "[[1]]",
    str([1] * 16), str([1] * 17), '{"$tensor": "0"}', '{"$tensor": "1", "a": 2}', '{"$tensor": "99"}', '{"$tensor": 0}',
    '{"$tensor": ["0"]}', '{"$tensor": null}', '{"$type": "Evil"}', '{"$type": [1]}', '{"a": {"$tensor": "0"}}',
    '{"a": 1, "a": 2}', '["a", {"n": NaN}]', '{"dtype": "F32", "shape": [0], "data_offsets": [0, 0]}', *"[]},",
    *("[" * depth + "]" * depth for depth in (15, 18, 19, 20, 21, 1100)), '{"a":' * 21 + "1" + "}" * 21,
]  # fmt: skip
_LARGE = [
    *("9" * digits for digits in (400, 4299, 4301, 200_000)), "0." + "1" * 200_000, "1e" + "9" * 1000,
    "[" * 60_000 + "]" * 60_000, f'"{"y" * 300_000}"', str([0] * 10_001), str(["z"] * 20_000), f'"{"é" * 30_000}"',
    json.dumps({str(n): {"dtype": "F32", "shape": [0], "data_offsets": [0, 0]} for n in range(100_000)}),
]  # fmt: skip
_LENGTHS = (-1, 1, 8, -8, 12, 255, 1 << 16, 1 << 18, 1 << 31, 1 << 32, (1 << 63) - 1, 1 << 63, (1 << 64) - 1)
_KEY = re.compile(r'"(?:[^"\\]|\\.)*": ')


def token(draw: random.Random) -> str:
    """A piece of JSON, or of what is not quite JSON."""
    if draw.random() < 0.003:
        return draw.choice(_LARGE)
    return draw.choice(draw.choice((_NUMBERS, _NUMBERS, _TEXTS, _TREES)))


def bytes_changed(data: bytes, draw: random.Random) -> bytes:
    """A few bytes put in, taken out, doubled or flipped."""
    changed = bytearray(data)
    for _ in range(draw.choice((0, 1, 1, 2, 8))):
        at = draw.randrange(len(changed) or 1)
        match draw.randrange(5):
            case 0:
                changed[at : at + 1] = draw.randbytes(1)
            case 1:
                del changed[at : at + draw.randrange(1, 20)]
            case 2:
                changed[at:at] = token(draw).encode(errors="surrogateescape")
            case 3:
                changed[at:at] = changed[draw.randrange(len(changed) or 1) :][: draw.randrange(40)]
            case _:
                changed[at : at + 1] = bytes([(changed[at] if changed else 0) ^ 1 << draw.randrange(8)])
    return bytes(changed)


def _places(tree: Any) -> Iterator[tuple[Any, Any]]:
    for key in list(tree) if isinstance(tree, dict) else range(len(tree)) if isinstance(tree, list) else ():
        yield tree, key
        yield from _places(tree[key])


def json_changed(data: bytes, draw: random.Random) -> bytes:
    """JSON of which values are exchanged, taken out, put in or doubled, keys too."""
    if draw.random() < 0.01:
        return token(draw).encode(errors="surrogateescape")
    tree = json.loads(data)
    tokens = {f"@{number}@": token(draw) for number in range(draw.choice((1, 1, 2, 3)))}
    for mark in tokens:
        if not (places := list(_places(tree))):
            break
        (holder, key), (other, its) = draw.choice(places), draw.choice(places)
        match draw.randrange(6):
            case 0:
                holder.pop(key)
            case 1 if isinstance(holder, dict):
                holder[draw.choice(("", "0", "1", "x", "points", "$tensor", "__metadata__", "\0", "k" * 300))] = mark
            case 1 | 2 if not isinstance(other[its], dict | list):
                holder[key] = other[its]
            case _:
                holder[key] = mark
    text = json.dumps(tree)
    if draw.random() < 0.1 and (keys := list(_KEY.finditer(text))):
        one, other_key = draw.choice(keys), draw.choice(keys)
        text = f"{text[: one.start()]}{other_key[0]}{token(draw)}, {text[one.start() :]}"
    for mark, piece in tokens.items():
        text = text.replace(f'"{mark}"', piece)
    return text.encode(errors="surrogateescape")


def some_blob(draw: random.Random) -> bytes:
    """Tensors of any type and shape, where their offsets say, filled with anything."""
    made = {}
    for number in range(2_001 if draw.random() < 0.01 else draw.randrange(6)):
        kind, width = draw.choice(tuple(observations._ITEM_BYTES.items()))
        shape = tuple(draw.choice((0, 1, 1, 2, 3, 7)) for _ in range(draw.randrange(5)))
        if draw.random() < 0.2:
            shape += (
                0,
                *(draw.choice((1, 1 << 20, 1 << 31, 1 << 62, 1 << 63, 1 << 64)) for _ in range(draw.randrange(3))),
            )
        fill = draw.choice((bytes, lambda n: b"\xff" * n, draw.randbytes))
        made[str(number)] = observations.RawTensor(kind, shape, fill(math.prod(shape) * width))
    return observations.pack(made)


def blob_changed(blob: bytes, draw: random.Random) -> bytes:
    match draw.randrange(8):
        case 0 | 1 | 2:
            return blob
        case 3:
            return bytes_changed(blob, draw)
        case 4:
            return some_blob(draw)
        case _ if len(blob) < 8:
            return some_blob(draw)
        case 5:
            length = (int.from_bytes(blob[:8], "little") + draw.choice(_LENGTHS)) % (1 << 64)
            return length.to_bytes(8, "little") + blob[8:]
        case _:
            end = 8 + int.from_bytes(blob[:8], "little")
            head = json_changed(blob[8:end], draw)
            return len(head).to_bytes(8, "little") + head + blob[end:]


def header_changed(header: bytes, draw: random.Random) -> bytes:
    match draw.randrange(4):
        case 0:
            return header
        case 1:
            return bytes_changed(header, draw)
        case _:
            return json_changed(header, draw)


def lengths(header: bytes, blob: bytes, draw: random.Random) -> bytes:
    """The head of a frame, in one of twenty a lie."""
    true = len(header), len(blob)
    if draw.random() < 0.05:
        by = draw.choice(_LENGTHS)
        true = draw.choice((((true[0] + by) % (1 << 32), true[1]), (true[0], (true[1] + by) % (1 << 64)), (0, true[1])))
    return framing.HEAD.pack(*true)


def stream_of(draw: random.Random, good: list[Frame]) -> tuple[int, bytes]:
    """How many frames, the driver's last not counted, and the stream: they are changed, and sometimes it too."""
    sent, count = [], draw.choice((1, 1, 1, 2, 3))
    for header, blob in draw.choices(good, k=count):
        header, blob = header_changed(header, draw), blob_changed(blob, draw)
        sent.append(lengths(header, blob, draw) + header + blob)
    if draw.random() < 0.9:
        end = json.dumps({"ended": "", "output": "printed", "fault": "", "broken": ""}).encode()
        end = draw.choice((*[end] * 8, bytes_changed(end, draw), json_changed(end, draw)))
        sent.insert(draw.choice((*[len(sent)] * 8, draw.randrange(len(sent)))), lengths(b"", end, draw) + end)
    if draw.random() < 0.05:
        sent.append(draw.choice(sent))
    stream = b"".join(sent)
    match draw.randrange(20):
        case 0:
            stream = stream[: draw.randrange(len(stream) + 1)]
        case 1:
            stream = bytes_changed(stream, draw)
    return count, stream


# ---- the way it goes


def heard(stream: bytes, names: tuple[str, ...]) -> JobResult:
    """What the grader takes from a jail that says ``stream`` and hangs up."""
    ours, theirs = socket.socketpair()
    sender = threading.Thread(target=_say, args=(theirs, stream))
    sender.start()
    with theirs:
        with ours:
            got, end = converse(ours, Job({}, {}, b"", b"", 0, Limits(wall_s=HANGS_S, answer_mib=16)), names)
        sender.join()
    assert "The run was stopped after" not in end.ended or b"The run was stopped after" in stream, "it waits for more"
    return JobResult(f"fault: {end.fault}" if end.fault else "full", got, end.ended, end.output, 0.0, 0.0)


def _say(theirs: socket.socket, stream: bytes) -> None:
    with suppress(OSError):  # the grader has heard enough
        theirs.sendall(stream)
        theirs.shutdown(socket.SHUT_WR)


def cut(stream: bytes, at: list[int], budget: int) -> tuple[list[Frame], bool]:
    """The frames of a stream that comes in pieces, and whether they broke the budget."""
    cutter, got = framing.Frames(budget), []
    try:
        for begin, end in itertools.pairwise([0, *at, len(stream)]):
            got += cutter.feed(stream[begin:end])
    except framing.Oversize:
        return got, True
    return got, False


def is_cut_the_same_wherever_it_breaks(stream: bytes, draw: random.Random) -> None:
    budget = draw.choice((100, 4_000, 1 << 16, 1 << 24))
    whole = cut(stream, [], budget)
    assert sum(framing.HEAD.size + len(header) + len(blob) for header, blob in whole[0]) <= budget
    at = sorted(draw.randrange(len(stream) + 1) for _ in range(draw.randrange(20)))
    if draw.random() < 0.02:
        at = list(range(len(stream)))[:20_000]
    assert cut(stream, at, budget) == whole


def stays_in_its_blob(blob: bytes) -> None:
    """Every byte of a blob belongs to one tensor, in the order of the bytes."""
    tensors = observations.unpack(blob)
    assert b"".join(tensor.data for tensor in tensors.values()) == blob[8 + int.from_bytes(blob[:8], "little") :]


_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")
_HOLDS: dict[str, Callable[[Any], bool]] = {
    "has": lambda found: isinstance(found, bool),
    "tensor": lambda found: _is_finite(found) and (found.dtype == torch.float32 or not found.is_floating_point()),
    "tensors": lambda found: isinstance(found, dict) and all(map(_is_finite, found.values())),
    "number": lambda found: type(found) is float and math.isfinite(found),
    "numbers": lambda found: all(type(each) is float and math.isfinite(each) for each in found),
    "integer": lambda found: type(found) is int,
    "flag": lambda found: isinstance(found, bool),
    "text": lambda found: isinstance(found, str) and len(found) <= 2_000,
    "texts": lambda found: all(isinstance(each, str) and len(each) <= 2_000 for each in found),
    "items": lambda found: all(isinstance(each, Seen) for each in found),
}  # fmt: skip


def _is_finite(found: object) -> bool:
    return isinstance(found, Tensor) and not found.is_complex() and bool(torch.isfinite(found.double()).all())


def answered(ask: Callable[[], Any]) -> Any:
    """What an accessor gives, None if it fails the check, in a sentence that can be shown."""
    try:
        return ask()
    except CheckFailed as failed:
        says = str(failed)
    says.encode()
    assert 0 < len(says) <= 5_000, "a message without an end"
    assert not _CONTROL.search(says), "a message that moves the cursor"
    return None


def keep_their_word(seen: Seen, depth: int = 0) -> None:
    """Every accessor on every value, and on one that is not there."""
    for name in [*seen._values, "no such"]:
        for accessor, holds in _HOLDS.items():
            found = answered(partial(getattr(seen, accessor), name))
            assert found is None or holds(found), f"{accessor} of {name!r}"
            if accessor == "items" and depth < 2:
                for item in (found or [])[:5]:
                    keep_their_word(item, depth + 1)
            if accessor == "tensor" and found is not None:
                assert seen.tensor(name, found.shape).shape == found.shape
                exact = answered(partial(seen.tensor, name, (2, None), torch.float64))
                assert exact is None or (exact.dtype == torch.float64 and exact.shape[0] == 2)


def travel(stream: bytes, names: tuple[str, ...], kept: StudentPaths, draw: random.Random) -> str:
    """The whole way; returns how it ended, in a few words."""
    is_cut_the_same_wherever_it_breaks(stream, draw)
    answer = heard(stream, names)
    probes, values, tensors, ended = _decode(answer, frozenset(names))
    for _, blob in answer.frames:
        with suppress(WireError):
            stays_in_its_blob(blob)
    packed = observations.pack(tensors)
    assert observations.unpack(packed) == tensors
    assert observations.pack(observations.unpack(packed)) == packed
    about = {"assignment": "fuzz", "student": "ada", "seed": 0, "dataset": "", "tier": answer.tier}
    run = JailRun(**about, probes=probes, values=values, output=answer.output, ended=ended)
    observations.write_run(run, tensors, kept)
    assert storage.to_json(storage.read(JailRun, kept.run)) == kept.run.read_bytes()
    seen = reference.open_observations(kept.run, kept.observations)
    for name in names if probes else names[:1]:
        looked_at = answered(partial(seen, name))
        if looked_at is not None:
            keep_their_word(looked_at)
    return f"{_how(answer, ended)}, {len(probes)} read"


def _how(answer: JobResult, ended: str) -> str:
    """How a stream ended, in our words; those of the driver's last frame may be anything."""
    if refused := re.match("The data that your code returned could not be read: ([^:]*)", ended):
        return refused[1][:60]
    if answer.ended:
        return (
            "stopped: more than may be sent" if "it returned too much data" in answer.ended else "stopped by the driver"
        )
    return "the driver died" if answer.tier != "full" else "whole"


# ---- the run


@dataclass
class Tally:
    """What a run of the fuzzer saw."""

    frames: int = 0
    wall_s: float = 0.0
    slowest_s: float = 0.0
    slowest: int = 0
    rss_mib: list[int] = field(default_factory=list)
    """at a tenth of the run, and at its end"""
    results: Counter[str] = field(default_factory=Counter)
    covered: set[tuple[str, int]] = field(default_factory=set)

    @property
    def read(self) -> int:
        """Streams of which a frame was read."""
        return sum(count for result, count in self.results.items() if not result.endswith(" 0 read"))

    @property
    def refused(self) -> int:
        """Streams of which something was not."""
        return sum(count for result, count in self.results.items() if not result.startswith("whole"))


def rss_mib() -> int:
    """What is in use, not what the allocator holds back for later."""
    gc.collect()
    ctypes.CDLL(None).malloc_trim(0)
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") >> 20


def fuzz(count: int, seed: int, first: int = 0, traced: int = 0) -> Tally:
    """At least ``count`` frames through the whole way; what was read must be as promised.

    Args:
        first: the number of the first stream; each is drawn by itself.
        traced: how many streams are followed line by line.
    """
    tally = Tally()
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory(dir="/dev/shm" if Path("/dev/shm").is_dir() else None) as home:
        good, kept = corpus(Path(home)), StudentPaths(Path(home))
        names = tuple(json.loads(header)["probe"] for header, _ in good)
        began = time.monotonic()
        for number in itertools.count(first):
            draw = random.Random(f"{seed}:{number}")
            sent, stream = stream_of(draw, good)
            start = time.process_time()
            try:
                if number - first < traced:
                    sys.settrace(partial(_trace, tally.covered))
                result = travel(stream, names, kept, draw)
                if number - first < traced:
                    sys.settrace(None)
                took_s = time.process_time() - start
                assert took_s < PATIENCE_S, f"{took_s:.1f} s for one stream"
            except BaseException as error:
                error.add_note(f"again: python -m tests.campaigns.fuzz_wire --seed {seed} --first {number} --frames 1")
                raise
            tally.frames += sent
            tally.results[result] += 1
            if took_s > tally.slowest_s:
                tally.slowest_s, tally.slowest = took_s, number
            if len(tally.rss_mib) < 1 and tally.frames >= count / 10:
                tally.rss_mib.append(rss_mib())
            if tally.frames >= count:
                break
        tally.wall_s = time.monotonic() - began
        tally.rss_mib.append(rss_mib())
    return tally


_FOLLOWED: tuple[ModuleType, ...] = (framing, wire)


def _trace(covered: set[tuple[str, int]], frame: FrameType, event: str, _: object) -> Any:
    if frame.f_code.co_filename not in {module.__file__ for module in _FOLLOWED}:
        return None
    covered.add((frame.f_code.co_filename, frame.f_lineno))
    return partial(_trace, covered)


def lines_of(code: CodeType) -> set[int]:
    """The lines of all functions in a piece of code, those that run on import left out."""
    inner = [each for each in code.co_consts if isinstance(each, CodeType)]
    own = {line for _, _, line in code.co_lines() if line and code.co_flags & 2}
    return own.union(*map(lines_of, inner)) - {code.co_firstlineno}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--frames", type=int, default=1_000_000)
    parser.add_argument("--seed", type=int, default=secrets.randbits(32))
    parser.add_argument("--first", type=int, default=0, help="the number of the stream to begin with")
    asked = parser.parse_args()
    print(f"seed {asked.seed}", flush=True)
    tally = fuzz(asked.frames, asked.seed, asked.first, traced=300)
    print(f"{tally.frames:,} frames in {tally.wall_s:.0f} s: {tally.frames / tally.wall_s:,.0f} a second")
    print(f"slowest stream: {tally.slowest_s:.2f} s, number {tally.slowest}")
    print(f"memory: {' → '.join(map(str, tally.rss_mib))} MiB")
    for result, times in tally.results.most_common():
        print(f"{times:9,}  {result}")
    for module in _FOLLOWED:
        file = str(module.__file__)
        lines = lines_of(compile(Path(file).read_text(), file, "exec"))
        missed = sorted(lines - {line for name, line in tally.covered if name == file})
        print(f"{Path(file).name}: {len(lines) - len(missed)} of {len(lines)} lines; not run: {missed or 'none'}")
    assert tally.rss_mib[-1] - tally.rss_mib[0] < GROWTH_MIB, "memory grew"


if __name__ == "__main__":
    main()
