"""Model files: named arrays and plain data in, bytes out, and back.

A file is an `.npz` archive that `numpy.load` opens too: a zip archive with one array in
each member, stored as it is. The first, "data", is the plain data as JSON text. The archive's
comment ends the file with a digest of all that stands before it, so that no damage passes unseen.

The reader trusts no length, offset or header of a stranger's file. The archive around given
arrays can look one way only, so it works out what that is, and compares.
"""

from __future__ import annotations

import hashlib
import io
import json
import math
import re
import struct
import zlib
from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

import numpy as np

from ..checks import Array
from ..errors import ModelFileError, ParameterError

#: A part of a file.
Piece: TypeAlias = bytes | memoryview

VERSION = 1
MAXIMUM_BYTES = 2**32 - 2**25  # a zip archive's offsets have 32 bits
MAXIMUM_ARRAYS = 2**13
MAXIMUM_TEXT = 2**16  # what it describes can take a hundred times as much room

TRAILER = b"backproplite model %d sha256 "
TRAILER_PATTERN = re.compile(rb"backproplite model (\d{1,4}) sha256 ([0-9a-f]{64})\Z")
ARRAY_PATTERN = re.compile(
    rb"\x93NUMPY\x01\x00(..)\{'descr': '(?:\|[biu]1|<[iu][248]|<f[248]|<c8|<c16)', "
    rb"'fortran_order': False, 'shape': \((?:|%(n)b,|%(n)b(?:, %(n)b){1,63})\), \} {0,200}\n"
    % {b"n": rb"(?:0|[1-9]\d{0,9})"},
    re.DOTALL,
)


def to_bytes(arrays: Mapping[str, Array], data: object) -> bytes:
    """Return a model file of arrays of numbers, by name ("data" is taken), and JSON-able data.

    Raises `ParameterError` if an array is not of numbers, or there is too much of anything.
    """
    for name, array in arrays.items():
        kind, size = array.dtype.kind, array.dtype.itemsize
        if kind not in "biufc" or size > (16 if kind == "c" else 8):
            raise ParameterError(f"{name} must be an array of numbers; got dtype {array.dtype}.")
    text = _text([data, _not_finite(arrays)])
    size = sum(array.nbytes for array in arrays.values())
    if len(text) > MAXIMUM_TEXT or len(arrays) > MAXIMUM_ARRAYS or size > MAXIMUM_BYTES:
        raise ParameterError(
            f"a model file holds up to {MAXIMUM_BYTES:,} bytes in {MAXIMUM_ARRAYS:,} arrays, and "
            f"{MAXIMUM_TEXT:,} bytes of description; got {size:,} in {len(arrays):,}, and "
            f"{len(text):,}. Make the network smaller, or keep large settings in arrays."
        )
    pieces, entries, offset = [], [], 0
    for name, array in {"data": np.frombuffer(text, np.uint8), **arrays}.items():
        body = _array_to_pieces(array)
        header, entry = _member(f"{name}.npy".encode(), body, offset)
        pieces += [header, *body]
        entries.append(entry)
        offset += len(header) + sum(map(len, body))
    pieces.append(_directory(entries, offset))
    digest = hashlib.sha256()
    for piece in pieces:
        digest.update(piece)
    return b"".join([*pieces, digest.hexdigest().encode()])


def from_bytes(content: bytes) -> tuple[dict[str, Array], Any]:
    """Return the arrays and the data of a model file; the arrays are views into its bytes.

    Raises `ModelFileError`, and nothing else, if the file is not as `to_bytes` makes it.
    """
    _check_trailer(content)
    arrays: dict[str, Array] = {}
    entries, offset = [], 0
    while content.startswith(b"PK\3\4", offset) and len(arrays) <= MAXIMUM_ARRAYS:
        size, name_size = struct.unpack_from("<L4xH", content, offset + 18)
        start = offset + 30 + name_size
        name, body = content[offset + 30 : start], memoryview(content)[start : start + size]
        header, entry = _member(name, [body], offset)
        key = name.decode(errors="replace").removesuffix(".npy")
        if not content.startswith(header, offset) or not name.endswith(b".npy") or key in arrays:
            raise ModelFileError(f"the array that is number {len(arrays)} is damaged.")
        arrays[key] = _array_from_bytes(key, body)
        entries.append(entry)
        offset = start + size
    directory = _directory(entries, offset)
    if not content.startswith(directory, offset) or offset + len(directory) + 64 != len(content):
        raise ModelFileError("the archive's directory does not fit its contents.")
    return arrays, _plain_data(arrays)


def _member(name: bytes, body: Sequence[Piece], offset: int) -> tuple[bytes, bytes]:
    """Return what stands before a member of a zip archive, and its entry in the directory."""
    version, utf8, date, checksum = 20, 1 << 11, 33, 0  # 33: 1 January 1980
    for piece in body:
        checksum = zlib.crc32(piece, checksum)
    size = sum(map(len, body))
    common = version, utf8, 0, 0, date, checksum, size, size, len(name), 0
    header = struct.pack("<4s5H3L2H", b"PK\3\4", *common)
    entry = struct.pack("<4s6H3L5H2L", b"PK\1\2", version, *common, 0, 0, 0, 0, offset)
    return header + name, entry + name


def _directory(entries: list[bytes], offset: int) -> bytes:
    """Return the end of a zip archive: the directory, and the comment up to the digest."""
    directory, trailer, count = b"".join(entries), TRAILER % VERSION, len(entries)
    end = 0, 0, count, count, len(directory), offset, len(trailer) + 64
    return directory + struct.pack("<4s4H2LH", b"PK\5\6", *end) + trailer


def _check_trailer(content: bytes) -> None:
    """Refuse what is no model file, is damaged, or was written by a later version."""
    trailer = TRAILER_PATTERN.search(content[-128:])
    if trailer is None or len(content) >= 2**32:
        raise ModelFileError("this is no backproplite model, or its end is missing.")
    if hashlib.sha256(memoryview(content)[:-64]).hexdigest().encode() != trailer[2]:
        raise ModelFileError("the file is damaged: its contents do not match their digest.")
    if int(trailer[1]) > VERSION:
        raise ModelFileError(
            f"the file was written by a later backproplite, in format {int(trailer[1])}; this one "
            f"reads formats up to {VERSION}. Update with pip install --upgrade backproplite."
        )


def _array_to_pieces(array: Array) -> tuple[Piece, Piece]:
    """Return the two parts of an `.npy` file: its header, and the numbers, which are not copied."""
    little_endian = np.asarray(array, array.dtype.newbyteorder("<"), order="C")
    header = io.BytesIO()
    described = np.lib.format.header_data_from_array_1_0(little_endian)
    np.lib.format.write_array_header_1_0(header, described)
    return header.getvalue(), little_endian.reshape(-1).view(np.uint8).data


def _array_from_bytes(name: str, body: memoryview) -> Array:
    """Return a view of an array; NumPy reads its header only once that has proved harmless."""
    header = ARRAY_PATTERN.match(body)
    if header is None or int.from_bytes(header[1], "little") != header.end() - 10:
        raise ModelFileError(f"{name!r} is not a plain array of numbers.")
    described = io.BytesIO(body[8 : header.end()])
    shape, _, dtype = np.lib.format.read_array_header_1_0(described)
    if math.prod(shape) * dtype.itemsize != len(body) - header.end():
        raise ModelFileError(f"{name!r} is not of the size that it says.")
    try:
        array: Array = np.ndarray(shape, dtype, body, offset=header.end())
    except ValueError:  # nothing, times too much
        raise ModelFileError(f"{name!r} has a shape that NumPy cannot make.") from None
    if dtype == np.bool_ and (array.view(np.uint8) > 1).any():
        raise ModelFileError(f"{name!r} has truth values other than 0 and 1.")
    return np.asarray(array, dtype.newbyteorder("="))  # a copy on big-endian machines alone


def _not_finite(arrays: Mapping[str, Array]) -> list[str]:
    return [name for name, array in arrays.items() if not np.isfinite(array).all()]


def _text(data: object) -> bytes:
    return json.dumps(data, allow_nan=False, separators=(",", ":")).encode()


def _plain_data(arrays: dict[str, Array]) -> Any:
    """Take the data from among the arrays, and see that NaN and infinity are where it says."""
    if next(iter(arrays), None) != "data" or arrays["data"].nbytes > MAXIMUM_TEXT:
        raise ModelFileError("the description of the model is missing, or too long.")
    text = arrays.pop("data").tobytes()
    try:
        contents = json.loads(text.decode())
        canonical = _text(contents) == text
    except (ValueError, RecursionError):
        canonical = False
    if not canonical or not isinstance(contents, list) or len(contents) != 2:
        raise ModelFileError("the description of the model is damaged.")
    data, not_finite = contents
    if not_finite != _not_finite(arrays):
        raise ModelFileError("numbers that are NaN or infinite were not saved so.")
    return data
