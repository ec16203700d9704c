"""Text in the encodings of every editor and shell becomes UTF-8; what it says stays the same."""

from pathlib import Path

import pytest

from gradeprop.submissions.text import to_utf8

TEXT = "# Größe in µm\nx = 1\n"


@pytest.mark.parametrize(
    ("name", "encoding", "remark"),
    [
        ("a.py", "utf-8", None),
        ("a.py", "utf-8-sig", ""),
        ("results.txt", "utf-8-sig", ""),
        ("results.txt", "utf-16", "is UTF-16 text; it was converted to UTF-8."),
        ("a.py", "utf-16-le", "is UTF-16 text; it was converted to UTF-8."),
        ("a.py", "utf-16-be", "is UTF-16 text; it was converted to UTF-8."),
        ("results.txt", "utf-16-be-bom", "is UTF-16 text; it was converted to UTF-8."),
        ("a.py", "latin-1", "is not UTF-8 text; it was read as Latin-1. Save it as UTF-8."),
        ("notes.md", "cp1252", "is not UTF-8 text; it was read as Latin-1. Save it as UTF-8."),
    ],
)
def test_every_encoding_becomes_utf_8(name: str, encoding: str, remark: str | None, tmp_path: Path) -> None:
    file = tmp_path / name
    if encoding == "utf-16-be-bom":
        file.write_bytes(b"\xfe\xff" + TEXT.encode("utf-16-be"))
    else:
        file.write_bytes(TEXT.encode(encoding))
    assert to_utf8(file) == remark
    assert file.read_bytes() == TEXT.encode()
    assert to_utf8(file) is None, "a second time changes nothing"


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("a.py", "# -*- coding: latin-1 -*-\n# Größe\n".encode("latin-1")),
        ("a.pdf", b"\xff\xfe\x00"),
        ("a.txt", b"\x00\xff\x80"),
        ("a.txt", b"\xff\xfe\x00"),
        ("a.txt", b"a\0b\0\0"),
        ("empty.py", b""),
    ],
)
def test_what_python_reads_as_it_is_and_what_is_no_text_stays(name: str, data: bytes, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(data)
    assert to_utf8(tmp_path / name) is None
    assert (tmp_path / name).read_bytes() == data
