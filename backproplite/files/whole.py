"""Reading files, and writing them whole or not at all."""

from __future__ import annotations

import os
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from ..checks import as_path, checked_path


def read_file(path: object) -> bytes:
    """Return what is in a file.

    Raises `InputError` if the path names something else than a file, and whatever
    error the disk gives: `FileNotFoundError` if nothing is there.
    """
    return as_path(path).read_bytes()


def write_file(path: object, content: bytes) -> None:
    """Write a file beside its place, then move it there: an old one is replaced whole or stays.

    A writer that is killed leaves at most one file beside it, which the next one uses again.
    Raises `InputError` for a path that cannot be, and whatever error the disk gives.
    """
    target = checked_path(path).resolve()  # so that a link stays one
    with _alone_in(target.parent) as alone:
        name = target.name if alone else f"{target.name}.{secrets.token_hex(4)}"
        part = target.with_name(f".{name}.part")
        try:
            with open(part, "wb") as file:
                if target.exists():  # before anything is in it that only some may read
                    shutil.copymode(target, part)
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            os.replace(part, target)
        except BaseException:
            part.unlink(missing_ok=True)
            raise


@contextmanager
def _alone_in(folder: Path) -> Iterator[bool]:
    """Wait for all others who write in a folder; tell whether that can be done there."""
    try:
        import fcntl

        handle = os.open(folder, os.O_RDONLY)
    except (ImportError, OSError):  # Windows has neither, and some folders let nobody look
        yield False
        return
    try:
        alone = False
        with suppress(OSError):  # not every file system has locks
            fcntl.flock(handle, fcntl.LOCK_EX)
            alone = True
        yield alone
        with suppress(OSError):  # nor can every one do that for a folder
            os.fsync(handle)
    finally:
        os.close(handle)
