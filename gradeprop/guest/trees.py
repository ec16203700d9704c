"""Removal of folders that students may have filled; by descriptor, so that nobody can lead it elsewhere by a link."""

import contextlib
import os
import secrets

_FOLDER = os.O_DIRECTORY | os.O_CLOEXEC


def remove(name: str | os.PathLike[str], within: int | None = None) -> None:
    """Remove a folder, however deep and with any permissions; inner folders are moved up first.

    Args:
        name: the folder; a symlink of that name stays as it is.
        within: descriptor of the folder that contains it; None if ``name`` is a path.
    """
    with contextlib.suppress(OSError):
        root = _open(name, within)
        try:
            while inner := _list(root):
                for one, is_folder in inner:
                    _remove_folder(one, root) if is_folder else os.unlink(one, dir_fd=root)
        finally:
            os.close(root)
        os.rmdir(name, dir_fd=within)


def _remove_folder(name: str, root: int) -> None:
    folder = _open(name, root)
    try:
        for inner, is_folder in _list(folder):
            if is_folder:
                os.close(_open(inner, folder))  # a folder that is moved is written to
                os.rename(inner, secrets.token_hex(16), src_dir_fd=folder, dst_dir_fd=root)
            else:
                os.unlink(inner, dir_fd=folder)
    finally:
        os.close(folder)
    os.rmdir(name, dir_fd=root)


def _open(name: str | os.PathLike[str], within: int | None) -> int:
    """Open a folder that is no symlink, with all permissions for its owner."""
    itself = os.open(name, os.O_PATH | os.O_NOFOLLOW | _FOLDER, dir_fd=within)
    try:
        os.chmod(f"/proc/self/fd/{itself}", 0o700)  # noqa: PTH101  (the folder that is open, whatever its name is now)
        return os.open(".", os.O_RDONLY | _FOLDER, dir_fd=itself)
    finally:
        os.close(itself)


def _list(folder: int) -> list[tuple[str, bool]]:
    """List names, with True for folders."""
    with os.scandir(folder) as entries:
        return [(entry.name, entry.is_dir(follow_symlinks=False)) for entry in entries]
