"""Removal of folders that students may have filled."""

import contextlib
import os
import secrets
from pathlib import Path


def remove(root: Path) -> None:
    """Remove a folder, however deep and with any permissions; inner folders are moved up first."""
    with contextlib.suppress(OSError):
        while entries := list(os.scandir(root)):
            for entry in entries:
                if entry.is_dir(follow_symlinks=False):
                    _remove_folder(entry.path, root)
                else:
                    os.unlink(entry)  # noqa: PTH108  (there may be thousands)
        root.rmdir()


def _remove_folder(folder: str, root: Path) -> None:
    try:
        return os.rmdir(folder)  # noqa: PTH106
    except OSError:  # the folder is not empty
        os.chmod(folder, 0o700)  # noqa: PTH101
    for inner in list(os.scandir(folder)):
        if inner.is_dir(follow_symlinks=False):
            os.chmod(inner, 0o700)  # noqa: PTH101  (a folder that is moved is written to)
            os.rename(inner, root / secrets.token_hex(16))  # noqa: PTH104
        else:
            os.unlink(inner)  # noqa: PTH108
    return os.rmdir(folder)  # noqa: PTH106
