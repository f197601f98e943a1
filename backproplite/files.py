"""Writing a file whole or not at all."""

from __future__ import annotations

import os
import secrets
import shutil
from pathlib import Path

from .errors import InputError


def checked_path(path: object, suffixes: tuple[str, ...] = ()) -> Path:
    """Return the path of a file to be written; refuse one that cannot be, before any work is done.

    Raises `InputError` if it is no path, its folder does not exist, it is a folder
    or a device itself, or its name ends in none of the suffixes, if there are any.
    """
    if not isinstance(path, (str, os.PathLike)):
        raise InputError(f"path must be the name of a file; got {path!r}.")
    target = Path(path)
    if target.exists() and not target.is_file():
        what = "a folder" if target.is_dir() else "a device or the like"
        raise InputError(f"path must name a file; {str(target)!r} is {what}.")
    if not target.parent.is_dir():
        raise InputError(
            f"the folder {str(target.parent)!r} does not exist. Make it, or choose another path."
        )
    if suffixes and target.suffix.lower() not in suffixes:
        raise InputError(f"path must end in {' or '.join(suffixes)}; got {target.name!r}.")
    return target


def write_file(path: object, content: bytes) -> None:
    """Write a file beside its place, then move it there: an old one is replaced whole or stays.

    It keeps the permissions of the old one; a symbolic link stays, and what it
    points to is replaced. Raises `InputError` for a path that cannot be, and
    whatever error the disk gives.
    """
    target = checked_path(path).resolve()
    beside = target.with_name(f".{secrets.token_hex(8)}.part")
    try:
        with beside.open("xb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        if target.exists():
            shutil.copymode(target, beside)
        os.replace(beside, target)
    except BaseException:
        beside.unlink(missing_ok=True)
        raise
