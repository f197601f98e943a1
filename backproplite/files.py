"""Reading files, and writing them whole or not at all."""

from __future__ import annotations

import glob
import os
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from .errors import InputError


def checked_path(path: object, suffixes: tuple[str, ...] = ()) -> Path:
    """Return the path of a file to be written; refuse one that cannot be, before any work is done.

    Raises `InputError` if it is no path, its folder does not exist, it is a folder
    itself, or its name ends in none of the suffixes, if there are any.
    """
    target = _as_path(path)
    if not target.parent.is_dir():
        raise InputError(
            f"the folder {str(target.parent)!r} does not exist. Make it, or choose another path."
        )
    if suffixes and target.suffix.lower() not in suffixes:
        raise InputError(f"path must end in {' or '.join(suffixes)}; got {target.name!r}.")
    return target


def read_file(path: object) -> bytes:
    """Return what is in a file.

    Raises `InputError` if the path names something else than a file, and whatever
    error the disk gives: `FileNotFoundError` if nothing is there.
    """
    return _as_path(path).read_bytes()


def write_file(path: object, content: bytes) -> None:
    """Write a file beside its place, then move it there: an old one is replaced whole or stays.

    What writers that were killed have left beside it is cleared away. Raises
    `InputError` for a path that cannot be, and whatever error the disk gives.
    """
    target = checked_path(path).resolve()  # so that a link stays one
    part = target.with_name(f".{target.name}.{secrets.token_hex(4)}.part")
    with _writing_in(target.parent, f".{glob.escape(target.name)}.{'?' * 8}.part"):
        try:
            with open(part, "xb") as file:
                if target.exists():  # before anything is in it that only some may read
                    shutil.copymode(target, part)
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            os.replace(part, target)
        except BaseException:
            part.unlink(missing_ok=True)
            raise


def _as_path(path: object) -> Path:
    if not isinstance(path, (str, os.PathLike)):
        raise InputError(f"path must be the name of a file; got {path!r}.")
    target = Path(path)
    if target.exists() and not target.is_file():
        kind = "a folder" if target.is_dir() else "no ordinary file"
        raise InputError(f"path must name a file; {str(target)!r} is {kind}.")
    return target


@contextmanager
def _writing_in(folder: Path, leftovers: str) -> Iterator[None]:
    """Share a lock on a folder with all who write in it, and see to it that what they did lasts.

    A killed writer's lock goes with it. So whoever finds that nobody else has one
    knows that all temporary files there are leftovers, and clears them away.
    """
    try:
        handle = os.open(folder, os.O_RDONLY)
    except OSError:
        handle = None  # Windows has neither, and some folders let nobody look
    if handle is None:
        yield
        return
    import fcntl

    try:
        with suppress(OSError):  # somebody else writes there, or there are no locks
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            for leftover in folder.glob(leftovers):
                leftover.unlink()
        with suppress(OSError):
            fcntl.flock(handle, fcntl.LOCK_SH)
        yield
        with suppress(OSError):  # not every file system can do that for a folder
            os.fsync(handle)
    finally:
        os.close(handle)
