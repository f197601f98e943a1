"""Reading files, and writing them whole or not at all."""

from __future__ import annotations

import glob
import hashlib
import os
import secrets
import shutil
import time
from contextlib import suppress
from pathlib import Path

from ..checks import as_path, checked_path


def read_file(path: object) -> bytes:
    """Return what is in a file.

    Raises `InputError` if the path names something else than a file, and whatever
    error the disk gives: `FileNotFoundError` if nothing is there.
    """
    return as_path(path).read_bytes()


def write_file(path: object, *pieces: bytes | memoryview) -> None:
    """Write a file beside its place, then move it there: an old one is replaced whole or stays.

    What writers that were killed have left beside it is cleared away. Raises
    `InputError` for a path that cannot be, and whatever error the disk gives.
    """
    target = Path(os.path.realpath(checked_path(path)))  # so that a link stays one
    for leftover in target.parent.glob(f".{glob.escape(_short(target.name))}.{'?' * 8}.part"):
        with suppress(OSError):  # Windows lets nobody delete what is being written
            leftover.unlink()
    while not _put(target, pieces):
        pass  # who began after it has taken its file for a leftover
    with suppress(OSError):  # Windows opens no folders
        handle = os.open(target.parent, os.O_RDONLY)
        try:
            os.fsync(handle)  # else the new name might be lost when the machine is switched off
        finally:
            os.close(handle)


def _short(name: str) -> str:
    """Return a file's name, or what stands for it where there is no room to add to it."""
    encoded = os.fsencode(name)
    return name if len(encoded) <= 240 else hashlib.sha256(encoded).hexdigest()


def _put(target: Path, pieces: tuple[bytes | memoryview, ...]) -> bool:
    """Write a file by way of another beside it; tell whether that one was there to the end."""
    part = target.with_name(f".{_short(target.name)}.{secrets.token_hex(4)}.part")
    file = open(part, "xb")  # noqa: SIM115 - if this fails, there is nothing to clear away
    try:
        with file:
            if target.exists():  # before anything is in it that only some may read
                shutil.copymode(target, part)
            file.writelines(pieces)
            file.flush()
            os.fsync(file.fileno())
        _move(part, target)
    except FileNotFoundError:
        return False
    finally:
        part.unlink(missing_ok=True)
    return True


def _move(part: Path, target: Path) -> None:
    """Put a file in the place of another; on Windows, wait a little for whoever is reading that."""
    for seconds in (0.01, 0.05, 0.2):
        with suppress(PermissionError):
            return os.replace(part, target)
        time.sleep(seconds)
    return os.replace(part, target)
