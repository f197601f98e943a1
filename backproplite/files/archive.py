"""Model files: named arrays and plain data in, bytes out, and back.

A file is an `.npz` archive that `numpy.load` opens too: a zip archive with one array in each
member, stored as it is. The first, "data", is the plain data as JSON text. Each member has its
checksum in the archive's directory, and the file ends with a digest of that: no flipped bit and no
missing piece passes unseen.

The same arrays and data always make the same file. So the reader trusts no length, offset or
header of a stranger's file: it takes out what seems to be in it, and compares the file with the
one that this makes.
"""

from __future__ import annotations

import hashlib
import json
import re
import struct
import zlib
from collections.abc import Iterator, Mapping
from itertools import accumulate, islice
from typing import Any, TypeAlias

import numpy as np

from ..checks import Array
from ..errors import ModelFileError, ParameterError

#: A part of a file.
Piece: TypeAlias = bytes | memoryview

VERSION = 1
MAXIMUM_BYTES = 2**32 - 2**25  # a zip archive's offsets have 32 bits
MAXIMUM_ARRAYS = 2**12
MAXIMUM_TEXT = 2**16  # what it describes can take a hundred times as much room

TRAILER = b"backproplite model %d sha256 "
TRAILER_PATTERN = re.compile(rb"backproplite model (\d{1,4}) sha256 [0-9a-f]{64}\Z")
ARRAY_PATTERN = re.compile(
    rb"\x93NUMPY\x01\x00..\{'descr': '(.{3,4})', 'fortran_order': False, "
    rb"'shape': \(([\d, ]*)\), \} *\n",
    re.DOTALL,
)
#: Numbers that every NumPy has, as they are called in a file: with their lowest byte first.
NUMBERS = {np.dtype(code).newbyteorder("<").str for code in "?bhiqBHIQefdFD"}


def to_bytes(arrays: Mapping[str, Array], data: object) -> bytes:
    """Return a model file of arrays of numbers, by name ("data" is taken), and JSON-able data.

    Raises `ParameterError` if an array is not of numbers, or there is too much of anything.
    """
    return b"".join(to_pieces(arrays, data))


def to_pieces(arrays: Mapping[str, Array], data: object) -> list[Piece]:
    """Return the same, in pieces that one has to write one after the other.

    They hold no copies of the arrays, which must not change in the meantime.
    """
    text = json.dumps(data, allow_nan=False, separators=(",", ":")).encode()
    size = sum(array.nbytes for array in arrays.values())
    if len(text) > MAXIMUM_TEXT or len(arrays) > MAXIMUM_ARRAYS or size > MAXIMUM_BYTES:
        raise ParameterError(
            f"a model file holds up to {MAXIMUM_BYTES:,} bytes in {MAXIMUM_ARRAYS:,} arrays, and "
            f"{MAXIMUM_TEXT:,} bytes of description; got {size:,} in {len(arrays):,}, and "
            f"{len(text):,}. Make the network smaller, or keep large settings in arrays."
        )
    pieces: list[Piece] = []
    directory: list[bytes] = []
    offset = 0
    for name, array in {"data": np.frombuffer(text, np.uint8), **arrays}.items():
        described, numbers = _array_to_pieces(name, array)
        member = f"{name}.npy".encode()
        checksum, size = zlib.crc32(numbers, zlib.crc32(described)), len(described) + len(numbers)
        version, utf8, date = 20, 1 << 11, 33  # 1 January 1980, always
        common = version, utf8, 0, 0, date, checksum, size, size, len(member), 0
        header = struct.pack("<4s5H3L2H", b"PK\3\4", *common) + member
        entry = struct.pack("<4s6H3L5H2L", b"PK\1\2", version, *common, 0, 0, 0, 0, offset)
        pieces += [header + described, numbers]
        directory.append(entry + member)
        offset += len(header) + size
    trailer, count = TRAILER % VERSION, len(arrays) + 1
    size, comment = sum(map(len, directory)), len(trailer) + 64
    end = struct.pack("<4s4H2LH", b"PK\5\6", 0, 0, count, count, size, offset, comment)
    tail = b"".join([*directory, end, trailer])
    return [*pieces, tail, hashlib.sha256(tail).hexdigest().encode()]


def from_bytes(content: bytes) -> tuple[dict[str, Array], Any]:
    """Return the arrays and the data of a model file; the arrays are views into its bytes.

    Raises `ModelFileError`, and nothing else, if the file is not as `to_bytes` makes it.
    """
    trailer = TRAILER_PATTERN.search(content[-128:])
    if trailer is None:
        raise ModelFileError("this is no backproplite model, or its end is missing.")
    if int(trailer[1]) > VERSION:
        raise ModelFileError(
            f"the file was written by a later backproplite, in format {int(trailer[1])}; this one "
            f"reads formats up to {VERSION}. Update with pip install --upgrade backproplite."
        )
    try:
        arrays = dict(islice(_members(content), MAXIMUM_ARRAYS + 1))
        text = arrays.pop("data").tobytes()
        data = json.loads(text.decode()) if len(text) <= MAXIMUM_TEXT else None
        pieces = to_pieces(arrays, data)
    except Exception:  # whatever there is to say against it
        pieces = []
    *starts, end = accumulate(map(len, pieces), initial=0)
    if end != len(content) or not all(map(content.startswith, pieces, starts)):
        raise ModelFileError("the file is damaged, or not as backproplite writes it.")
    return arrays, data


def _members(content: bytes) -> Iterator[tuple[str, Array]]:
    """Yield what seem to be the arrays in a file, by name."""
    start = 0
    while content.startswith(b"PK\3\4", start):
        size, name_size = struct.unpack_from("<L4xH", content, start + 18)
        middle = start + 30 + name_size
        name = content[start + 30 : middle].decode().removesuffix(".npy")
        start = middle + size
        yield name, _array_from_bytes(memoryview(content)[middle:start])


def numbers(name: str, array: Array) -> Array:
    """Return an array in the order of files; refuse what is no array of numbers."""
    array = np.asarray(array, array.dtype.newbyteorder("<"), order="C")
    if array.dtype.str not in NUMBERS:
        raise ParameterError(f"{name} must be an array of numbers; got dtype {array.dtype}.")
    return array


def _array_to_pieces(name: str, array: Array) -> tuple[bytes, memoryview]:
    """Return the two parts of an `.npy` file: its header, and the numbers."""
    array = numbers(name, array)
    text = f"{{'descr': '{array.dtype.str}', 'fortran_order': False, 'shape': {array.shape}, }}"
    text += " " * (-(len(text) + 11) % 64) + "\n"
    header = b"\x93NUMPY\1\0" + len(text).to_bytes(2, "little") + text.encode()
    return header, array.reshape(-1).view(np.uint8).data


def _array_from_bytes(body: memoryview) -> Array:
    """Return a view of the array that an `.npy` file seems to hold."""
    header = ARRAY_PATTERN.match(body)
    if header is None or header[1].decode() not in NUMBERS:
        raise ValueError("no plain array of numbers")
    dtype, shape = np.dtype(header[1].decode()), [int(n) for n in header[2].split(b",") if n]
    array: Array = np.ndarray(shape, dtype, body, offset=header.end())
    if dtype == np.bool_:  # NumPy relies on it that these are 0 and 1
        array = array.view(np.uint8) == 1
    return np.asarray(array, dtype.newbyteorder("="))  # a copy on big-endian machines alone
