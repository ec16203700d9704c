"""Attacks that git cannot hold: links, pipes, zips of every kind, odd names, sheer size."""

import os
import pickle
import struct
import zlib
from pathlib import Path

import torch

from tests.factory import LINK, submission, zip_file

_WRONG = "def standardise(x):\n    return x\n"
_BOMB_BYTES = 100 * 2**20


def make_a_zip_whose_names_lead_out(folder: Path) -> Path:
    """A zip with entries named ../record.json, /etc/cron.d/x and C:\\x, to write where the grader looks."""
    # reads "is outside the submission"
    # reads "The submission contains no usable file."
    names = ("../record.json", "../../ada/record.json", "/etc/cron.d/x", "C:\\x", "a/../../record.json")
    return zip_file(folder / "eve.zip", dict.fromkeys(names, '{"points": 20}'))


def make_a_zip_bomb(folder: Path) -> Path:
    """A zip of 100 KB that unpacks to 100 MB, and says so."""
    # reads "makes the submission larger than is allowed"
    return zip_file(folder / "eve.zip", {"student_code.py": _WRONG, "bomb.bin": bytes(_BOMB_BYTES)})


def make_a_zip_bomb_that_claims_to_be_small(folder: Path) -> Path:
    """A zip whose list of contents claims ten bytes for what unpacks to 100 MB."""
    # reads "student_code.py is damaged in the zip, and was left out."
    file = zip_file(folder / "eve.zip", {"student_code.py": bytes(_BOMB_BYTES)})
    file.write_bytes(file.read_bytes().replace(struct.pack("<L", _BOMB_BYTES), struct.pack("<L", 10)))
    return file


def make_a_zip_whose_files_overlap(folder: Path) -> Path:
    """A zip in which a thousand entries share the same packed megabytes, so that all together unpack to 10 GB."""
    # reads "and was left out"
    body = zlib.compressobj(9, zlib.DEFLATED, -15)
    plain = bytes(10 * 2**20)
    packed = body.compress(plain) + body.flush()
    sizes = struct.pack("<LLL", zlib.crc32(plain), len(packed), len(plain))
    local = b"PK\3\4" + struct.pack("<HHHHH", 20, 0, 8, 0, 33) + sizes + struct.pack("<HH", 15, 0) + b"student_code.py"
    table = b""
    for number in range(1000):
        name = b"student_code.py" if number == 0 else b"file%011d" % number
        heads = struct.pack("<HHHHHH", 20, 20, 0, 8, 0, 33) + sizes + struct.pack("<HHHHHLL", 15, 0, 0, 0, 0, 0, 0)
        table += b"PK\1\2" + heads + name
    end = b"PK\5\6" + struct.pack("<HHHHLLH", 0, 0, 1000, 1000, len(table), len(local) + len(packed), 0)
    (folder / "eve.zip").write_bytes(local + packed + table + end)
    return folder / "eve.zip"


def make_a_zip_with_twenty_thousand_long_names(folder: Path) -> Path:
    """A zip whose list of contents alone fills megabytes."""
    # reads "The zip contains far too many files."
    return zip_file(folder / "eve.zip", {f"{number}{'x' * 200}": b"" for number in range(20_000)})


def make_a_zip_with_links(folder: Path) -> Path:
    """A zip whose student_code.py is a symbolic link to the neighbour's, and whose folder leads to the hidden tests."""
    # reads "student_code.py is a link, and was left out."
    links = {"student_code.py": "../ada/student_code.py", "tests": "../../course/grader_tests"}
    return zip_file(folder / "eve.zip", links | {"tests/probes.py": ""}, modes=dict.fromkeys(links, LINK))


def make_a_zip_with_one_name_many_times(folder: Path) -> Path:
    """A zip with student_code.py three times, and again in other letters: one to be looked at, another to be run."""
    # reads "occurs more than once; the last one is used."
    # reads "STUDENT_CODE.PY has the same name as student_code.py except for case, and was left out."
    # reads "values of the rows differ from what was expected"
    codes = ("import os; os._exit(0)", "raise SystemExit", _WRONG)
    entries = [("STUDENT_CODE.PY", "raise SystemExit"), *(("student_code.py", code) for code in codes)]
    return zip_file(folder / "eve.zip", entries)


def make_another_archive_called_a_zip(folder: Path) -> Path:
    """A pickle that would run a program, called eve.zip."""
    # reads "is not a zip, or was cut off in transfer"
    (folder / "eve.zip").write_bytes(_payload())
    return folder / "eve.zip"


def make_a_folder_of_links(folder: Path) -> Path:
    """A folder in which student_code.py and the weights are links, symbolic and hard, to the neighbour's."""
    # reads "student_code.py is a link, and was left out."
    # reads "weights.safetensors is a hard link (the file has a second name), and was left out."
    ada = folder.parent / "ada"
    (folder / "student_code.py").symlink_to(ada / "student_code.py")
    (folder / "tests").symlink_to(folder.parents[1] / "course" / "grader_tests")
    own = folder.with_name(f"{folder.name}-twin")  # the neighbour's own file must keep its single name
    os.link(_file(own, "weights"), folder / "weights.safetensors")
    own.unlink()
    os.link(folder / "weights.safetensors", folder / "second")
    return folder


def make_a_link_in_the_place_of_the_folder(folder: Path) -> Path:
    """Submits a symbolic link to the neighbour's folder."""
    # reads "is neither a folder nor a regular file; submit a folder or a zip."
    (folder / "eve").symlink_to(folder.parent / "ada")
    return folder / "eve"


def make_pipes_and_sockets(folder: Path) -> Path:
    """A pipe named student_code.py, which nobody will ever write to, and a socket beside it."""
    # reads "student_code.py is not a regular file, and was left out."
    import socket

    os.mkfifo(folder / "student_code.py")
    os.mkfifo(folder / "weights.safetensors")
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(folder / "s"))
    return folder


def make_a_file_of_a_hundred_gigabytes(folder: Path) -> Path:
    """A file that claims 100 GB and takes up none, beside an honest one."""
    # reads "huge.bin makes the submission larger than is allowed, and was left out."
    # reads "values of the rows differ from what was expected"
    submission(folder, _WRONG)
    with (folder / "huge.bin").open("wb") as file:
        file.truncate(100 * 2**30)
    return folder


def make_two_thousand_files(folder: Path) -> Path:
    """Two thousand small files, which come before student_code.py in every order but the one that matters."""
    # reads "There are more than 50 files;"
    # reads "values of the rows differ from what was expected"
    submission(folder, _WRONG)
    for number in range(2_000):
        (folder / f"a{number}").touch()
    return folder


def make_names_that_deceive(folder: Path) -> Path:
    """Names with a newline, an escape, a right-to-left override, HTML, 255 bytes, a device, bytes that are no text."""
    # reads "has an odd name, and was left out."
    # reads "has the name of a device, and was left out."
    # reads "values of the rows differ from what was expected"
    submission(folder, _WRONG)
    names = [
        "a\nb.py",
        "\x1b[2J.py",
        "\u202eyp.edoc",
        "<img src=x onerror=alert(1)>.py",
        "x" * 255,
        "con.py",
        " .py",
        "-rf",
    ]
    for name in (*names, "=cmd|calc!A0", os.fsdecode(b"\xff\xfe.py"), "{{ 7 * 7 }}", "``<script>``"):
        _file(folder / name, "")
    return folder


def make_folders_without_end(folder: Path) -> Path:
    """Folders five hundred deep, with student_code.py in the last."""
    # reads "is nested too deeply"
    here = os.open(folder, os.O_RDONLY)
    for _ in range(500):
        os.mkdir("deep", dir_fd=here)
        inner = os.open("deep", os.O_RDONLY, dir_fd=here)
        os.close(here)
        here = inner
    os.close(os.open("student_code.py", os.O_CREAT | os.O_WRONLY, dir_fd=here))
    os.close(here)
    return folder


def make_weights_that_are_a_pickle_with_a_payload(folder: Path) -> Path:
    """Weights as torch.save writes them, with a payload that runs where they are loaded."""
    # reads "weights.safetensors is a pickle, as torch.save writes it."
    # reads "Error while deserializing header"
    submission(folder, "", {"student_code.py": "", "weights.safetensors": _payload()})
    torch.save({"weight": torch.zeros(3, 8)}, folder / "weights.pt")
    return folder


def make_weights_with_a_header_of_an_exabyte(folder: Path) -> Path:
    """A file of safetensors whose header claims 2^60 bytes."""
    # reads "weights.safetensors is not a safetensors file"
    return submission(folder, _WRONG, {"weights.safetensors": (2**60).to_bytes(8, "little") + b"{}"})


def make_times_that_are_forged(folder: Path) -> Path:
    """Files from before the deadline, from 2106 and from before 1970: the time of a file counts for nothing."""
    # reads "values of the rows differ from what was expected"
    submission(folder, _WRONG)
    for name, when in (("early", 0), ("late", 2**32), ("before", -(2**31)), ("student_code.py", 946684800)):
        (folder / name).touch()
        os.utime(folder / name, (when, when))
    return folder


def make_results_where_the_grader_looks(folder: Path) -> Path:
    """Submits the very tree that the grader keeps: autograded/, record.json, a gradebook and a feedback page of 20."""
    # reads "student_code.py is missing"
    names = ("autograded/tensors/eve/record.json", "record.json", "run.json", "submitted/record.json", "gradebook.db")
    record = '{"schema": 1, "student": "eve", "status": "graded", "points": 20, "possible": 20}'
    return submission(folder, "", dict.fromkeys(names, record))


def make_a_resubmission_of_nothing(folder: Path) -> Path:
    """An empty folder, submitted after a full score, in the hope that the old one stays."""
    # reads "The submission contains no usable file."
    return folder


def make_a_resubmission_that_kills_the_worker(folder: Path) -> Path:
    """A resubmission that ends the process, its parent and all others it can reach, so that the old score stays."""
    # reads "While student_code.py was imported"
    code = "import os, signal\n\nfor pid in (-1, os.getppid(), 1, os.getpid()):\n"
    code += "    try:\n        os.kill(pid, signal.SIGKILL)\n    except OSError:\n        pass\nos._exit(0)\n"
    return submission(folder, code)


def _file(path: Path, text: str) -> Path:
    path.write_text(text, encoding="utf-8")
    return path


class _Payload:
    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.system, ("touch /tmp/hostile-payload",)


def _payload() -> bytes:
    return pickle.dumps(_Payload())
