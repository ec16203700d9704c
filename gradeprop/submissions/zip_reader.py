"""Safe reader of a zip: its list of contents is limited before it is read, and each entry is one of ``entry``."""

import stat
import zipfile
from collections.abc import Iterator
from typing import BinaryIO

from gradeprop.core.errors import SubmissionError
from gradeprop.submissions.entry import ERRORS, MAX_ENTRIES, Entry, Refused, Unreadable

_MAX_DIRECTORY_BYTES = 4 * 2**20  # of a zip's central directory, which zipfile reads at once
_IS_UTF_8 = 0x800  # the flag of a name; zipfile reads other names as cp437
_OTHER_ARCHIVES = {b"\x1f\x8b": "gzip", b"7z\xbc\xaf\x27\x1c": "7z", b"Rar!": "RAR", b"BZh": "bzip2", b"\xfd7zXZ": "xz"}


def zip_entries(file: BinaryIO, name: str) -> Iterator[Entry]:
    """List the entries of an opened zip; they can be read while the file is open.

    Raises:
        SubmissionError: it is not a zip, or its list of contents is too long.
    """
    archive = _open_zip(file, name)
    found = (_zip_entry(archive, info) for info in archive.infolist()[:MAX_ENTRIES])
    return (entry for entry in found if not entry.name.endswith("/"))


class _BoundedFile:
    """A file that refuses to be read in large pieces: zipfile would load a central directory of any size."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self.seek, self.tell, self.seekable, self.close = file.seek, file.tell, file.seekable, file.close

    def read(self, size: int = -1) -> bytes:
        if size > _MAX_DIRECTORY_BYTES:
            raise SubmissionError("The zip contains far too many files.")
        return self._file.read(_MAX_DIRECTORY_BYTES if size < 0 else size)


def _open_zip(file: BinaryIO, name: str) -> zipfile.ZipFile:
    start = file.read(6)
    for magic, kind in _OTHER_ARCHIVES.items():
        if start.startswith(magic):
            raise SubmissionError(f"{name} is a {kind} archive; submit a folder or a zip.")
    try:
        return zipfile.ZipFile(_BoundedFile(file))
    except ERRORS as error:
        raise SubmissionError(f"{name} is not a zip, or was cut off in transfer; create it again.") from error


def _name(info: zipfile.ZipInfo) -> str:
    """Return the name of an entry; many programs, such as macOS's, write UTF-8 and do not say so."""
    if info.flag_bits & _IS_UTF_8:
        return info.orig_filename
    try:
        return info.orig_filename.encode("cp437").decode()
    except UnicodeError:
        return info.orig_filename


def _zip_entry(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> Entry:
    kind = stat.S_IFMT(info.external_attr >> 16) if info.create_system == 3 else 0
    flaw: Refused | None = None
    if kind == stat.S_IFLNK:
        flaw = Refused("is a link")
    elif kind not in (0, stat.S_IFREG):
        flaw = Refused("is not a regular file")
    elif info.flag_bits & 0x1:
        flaw = Unreadable("is encrypted")
    elif info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        flaw = Unreadable("uses an unusual compression (the usual one is deflate)")  # others may need gigabytes
    name = _name(info).replace("\\", "/")  # some programs on Windows write backslashes
    return Entry(name, info.file_size, lambda: archive.open(info), flaw)
