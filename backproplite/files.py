"""Writing a file whole or not at all."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from .errors import InputError


def checked_path(path: object, suffixes: tuple[str, ...] = ()) -> Path:
    """Return the path of a file to be written; refuse one that cannot be, before any work is done.

    Raises `InputError` if it is no path, its folder does not exist, it is a folder
    itself, or its name ends in none of the suffixes, if there are any.
    """
    if not isinstance(path, (str, os.PathLike)):
        raise InputError(f"path must be the name of a file; got {path!r}.")
    target = Path(path)
    if target.is_dir():
        raise InputError(f"path must name a file; {str(target)!r} is a folder.")
    if not target.parent.is_dir():
        raise InputError(
            f"the folder {str(target.parent)!r} does not exist. Make it, or choose another path."
        )
    if suffixes and target.suffix.lower() not in suffixes:
        raise InputError(f"path must end in {' or '.join(suffixes)}; got {target.name!r}.")
    return target


def write_file(path: object, content: bytes) -> None:
    """Write a file beside its place, then move it there: an old one is replaced whole or stays.

    Raises `InputError` for a path that cannot be, and whatever error the disk gives.
    """
    target = checked_path(path)
    handle, name = tempfile.mkstemp(prefix=f".{target.name}.", suffix=".part", dir=target.parent)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.chmod(name, 0o666 & ~_umask())  # mkstemp lets nobody else read
        os.replace(name, target)
    except BaseException:
        os.unlink(name)
        raise


def _umask() -> int:
    """Return which permissions new files do not get."""
    mask = os.umask(0)
    os.umask(mask)
    return mask
