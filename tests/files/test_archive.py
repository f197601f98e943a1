"""Model files: no bit is lost, no damage passes, and a stranger's file can do nothing but fail."""

import base64
import contextlib
import io
import itertools
import json
import math
import re
import struct
import tracemalloc
import zipfile
import zlib

import numpy as np
import pytest
from files.common import signed
from hypothesis import given
from hypothesis import strategies as st

from backproplite.errors import ModelFileError, ParameterError
from backproplite.files.archive import (
    MAXIMUM_ARRAYS,
    MAXIMUM_BYTES,
    MAXIMUM_TEXT,
    from_bytes,
    to_bytes,
)

DTYPES = ["?", "i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8", "f2", "f4", "f8", "c8", "c16"]
TRAILER = b"backproplite model 1 sha256 "
SMALL = {
    "layers[0].weight": np.array([[0.5, -0.0, 5e-324], [np.inf, np.nan, 1.0]]),
    "layers[0].bias": np.array([1.5], np.float32),
    "mask": np.array([True, False]),
    "empty": np.zeros(0),
    "number": np.array(7),
}
#: A file of format 1, compressed. It must be readable for ever.
OLD = (
    "c-jl_W@Zs#VBlZ?0!4<s^Jn->2eLpIB$Sd^lBkzgP&wHz)HfiKk)e#CT0JGTIJrpON<qD*)KFbVK|L+MsH7+{FFwC0"
    "B^4y@mY7qV3KTESNGwPN@->W%bu@JpY8A)_T-8cITXGXil&lPOlrj=?(v++W^h|35P#mw3_~QBmAPa<9fw%&v%Wcw3"
    "h;zA)f)Qm-=VD+uU=MW50S1PKdLXt#b#lwif@jE1uEg!+Oba5NOkr3na4|DLz@PsR5a7+oB*K6@k)Q%tl0nyn9y<uI"
    "7Zz9OTF^rW0SXwQVHM!b$_5f(2EsW&TA7J~A%-C-F*&=SD8C>lvm{j^H$NpcN5N157(_;<W(vs$DMqG-NyeteiI&F6"
    "rWVGjDHi4?mX;=#7D=W?<|fGora-2ViDi<RMY2&+s##i!iE)alfssj~rCD;S8349<t5N"
)


# An independent account of the format, every field of which can be set wrong.


def header(text, payload=b"", version=b"\1\0", length=None):
    """An array as NumPy writes it, but with any header at all."""
    text = text.encode() if isinstance(text, str) else text
    text += b" " * (-(len(text) + 11) % 64) + b"\n"
    size = (len(text) if length is None else length).to_bytes(2, "little")
    return b"\x93NUMPY" + version + size + text + payload


def described(descr="'<f8'", order="False", shape="(3,)", end=", }"):
    return f"{{'descr': {descr}, 'fortran_order': {order}, 'shape': {shape}{end}"


def plain(array):
    """An array as it is in a file."""
    return header(described(repr(array.dtype.str), shape=array.shape), array.tobytes())


def by_numpy(array):
    """An array as NumPy writes it, whatever it is."""
    buffer = io.BytesIO()
    np.lib.format.write_array(buffer, array, allow_pickle=True)
    return buffer.getvalue()


def text(data):
    """The member with the plain data; bytes are taken as they are."""
    if not isinstance(data, bytes):
        data = json.dumps(data, separators=(",", ":")).encode()
    return "data.npy", plain(np.frombuffer(data, np.uint8))


def archive(members, change=lambda what, number, fields: None, before=b"", comment=TRAILER):
    """A signed file of (name, body) pairs; `change` may alter the fields of any header."""
    pieces, entries, offset = [before], [], len(before)
    for number, (given_name, given_body) in enumerate(members):
        name = given_name.encode() if isinstance(given_name, str) else given_name
        common = {
            "version": 20, "flags": 2048, "method": 0, "time": 0, "date": 33,
            "crc": zlib.crc32(given_body), "packed": len(given_body), "size": len(given_body),
            "name_size": len(name), "extra_size": 0,
        }  # fmt: skip
        local = {"signature": b"PK\3\4", **common, "name": name, "extra": b"", "body": given_body}
        central = {
            "signature": b"PK\1\2", "made_by": 20, **common, "comment_size": 0, "disk": 0,
            "internal": 0, "external": 0, "offset": offset, "name": name, "extra": b"",
        }  # fmt: skip
        change("local", number, local)
        change("central", number, central)
        fields = [*local.values()]
        pieces.append(struct.pack("<4s5H3L2H", *fields[:-3]) + b"".join(fields[-3:]))
        offset += len(pieces[-1])
        fields = [*central.values()]
        entries.append(struct.pack("<4s6H3L5H2L", *fields[:-2]) + b"".join(fields[-2:]))
    directory = b"".join(entries)
    end = {
        "signature": b"PK\5\6", "disk": 0, "directory_disk": 0, "here": len(entries),
        "count": len(entries), "directory_size": len(directory),
        "offset": offset, "comment_size": len(comment) + 64,
    }  # fmt: skip
    change("end", 0, end)
    pieces += [directory, struct.pack("<4s4H2LH", *end.values()), comment, b"0" * 64]
    return signed(b"".join(pieces))


def setting(what, number=0, **fields):
    """A change of one header."""

    def change(kind, at, given):
        if (kind, at) == (what, number):
            assert fields.keys() <= given.keys()
            given.update(fields)

    return change


def both(number=0, **fields):
    """A change of a member's header and of its entry in the directory."""

    def change(kind, at, given):
        setting("local", number, **fields)(kind, at, given)
        in_directory = {name: fields[name] for name in fields if name != "body"}
        setting("central", number, **in_directory)(kind, at, given)

    return change


def test_the_account_of_the_format_is_right():
    members = [text({"a": [1, 2.5]}), ("x.npy", plain(np.arange(3.0)))]
    assert archive(members) == to_bytes({"x": np.arange(3.0)}, {"a": [1, 2.5]})
    for array in (np.arange(3), np.array(1.5), np.zeros((2, 0), "<f4"), np.array([True])):
        assert plain(array) == by_numpy(array)


# Round trips


@st.composite
def arrays(draw):
    """Arrays of every dtype and shape, made of any bits whatever."""
    dtype = np.dtype(draw(st.sampled_from(DTYPES)))
    shape = tuple(draw(st.lists(st.integers(0, 4), max_size=4)))
    size = math.prod(shape) * dtype.itemsize
    bits = draw(st.binary(min_size=size, max_size=size))
    if dtype == np.bool_:
        bits = bytes(byte & 1 for byte in bits)
    return np.frombuffer(bits, dtype).reshape(shape)


names = st.text(st.characters(codec="utf-8"), max_size=20).filter(lambda name: name != "data")
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)  # fmt: skip


def same_bits(one, other):
    return (one.dtype, one.shape, one.tobytes()) == (other.dtype, other.shape, other.tobytes())


@given(st.dictionaries(names, arrays(), max_size=4), json_values)
def test_nothing_is_lost(given_arrays, data):
    content = to_bytes(given_arrays, data)
    read, read_data = from_bytes(content)
    assert list(read) == list(given_arrays)
    assert all(same_bits(read[name], given_arrays[name]) for name in read)
    assert json.dumps(read_data) == json.dumps(data)
    assert to_bytes(read, read_data) == content


@pytest.mark.parametrize("dtype", DTYPES)
def test_the_layout_in_memory_makes_no_difference(dtype):
    array = np.arange(24).reshape(4, 6).astype(dtype)
    content = to_bytes({"x": array}, None)
    wide = np.repeat(array, 2, axis=1)
    swapped = array.astype(array.dtype.newbyteorder(">"))
    for same in (np.asfortranarray(array), wide[:, ::2], swapped):
        assert to_bytes({"x": same}, None) == content


def test_numpy_opens_the_file_by_itself(tmp_path):
    content = to_bytes(SMALL, {"what": ["ever"]})
    (tmp_path / "model").write_bytes(content)
    with np.load(tmp_path / "model", allow_pickle=False) as opened:
        assert opened.files == ["data", *SMALL]
        assert all(same_bits(opened[name], SMALL[name]) for name in SMALL)
        assert json.loads(bytes(opened["data"])) == {"what": ["ever"]}
    with zipfile.ZipFile(io.BytesIO(content)) as opened:
        assert opened.testzip() is None
        assert {info.compress_type for info in opened.infolist()} == {zipfile.ZIP_STORED}
        assert {info.date_time for info in opened.infolist()} == {(1980, 1, 1, 0, 0, 0)}
        assert opened.comment == content[-92:]


def test_a_file_of_old_is_read():
    read, data = from_bytes(zlib.decompress(base64.b85decode(OLD)))
    assert data == {"format": 1, "half": 0.5}
    assert list(read) == ["x", "y"]
    assert same_bits(read["x"], np.array([[1.5, -2.0], [np.inf, 0.25]], np.float32))
    assert same_bits(read["y"], np.array([3, -4]))


@pytest.mark.parametrize(
    "array",
    [
        np.array([None]),
        np.array(["text"]),
        np.array([b"bytes"]),
        np.array(["2020-01-01"], "M8[D]"),
        np.zeros(2, [("a", "f8")]),
        np.zeros(2, np.longdouble),
        np.zeros(2, np.clongdouble),
    ],
)
def test_arrays_of_other_things_than_numbers_are_refused(array):
    with pytest.raises(ParameterError, match="thing must be an array of numbers; got dtype"):
        to_bytes({"thing": array}, None)


@pytest.mark.parametrize(
    ("too_much", "data"),
    [
        ({"x": np.broadcast_to(1.0, MAXIMUM_BYTES // 8 + 1)}, None),
        ({str(i): np.zeros(0) for i in range(MAXIMUM_ARRAYS + 1)}, None),
        ({}, "x" * (MAXIMUM_TEXT - 1)),
    ],
)
def test_what_would_not_fit_is_refused(too_much, data):
    with pytest.raises(ParameterError, match="a model file holds up to"):
        to_bytes(too_much, data)


def test_as_many_bytes_as_are_allowed_are_written(monkeypatch):
    monkeypatch.setattr("backproplite.files.archive.MAXIMUM_BYTES", 24)
    assert from_bytes(to_bytes({"x": np.zeros(3)}, None))
    with pytest.raises(ParameterError, match="got 32 in 1"):
        to_bytes({"x": np.zeros(4)}, None)


def test_what_just_fits_is_read_again():
    many = {str(i): np.zeros(0) for i in range(MAXIMUM_ARRAYS)}
    read, data = from_bytes(to_bytes(many, "x" * (MAXIMUM_TEXT - 2)))
    assert (list(read), len(data)) == (list(many), MAXIMUM_TEXT - 2)


# Damage

NO_MODEL = "this is no backproplite model, or its end is missing."
DAMAGED = "the file is damaged, or not as backproplite writes it."


def refused(*messages):
    """The error, with one of these messages from its first letter to its last."""
    return pytest.raises(ModelFileError, match=f"^({'|'.join(map(re.escape, messages))})$")


def test_every_truncation_is_refused():
    content = to_bytes(SMALL, {"some": "data"})
    for size in range(len(content)):
        with refused(NO_MODEL):
            from_bytes(content[:size])


def test_every_flip_of_a_bit_is_refused():
    content = bytearray(to_bytes(SMALL, {"some": "data"}))
    for place, bit in itertools.product(range(len(content)), range(8)):
        content[place] ^= 1 << bit
        with pytest.raises(ModelFileError):
            from_bytes(bytes(content))
        content[place] ^= 1 << bit
    from_bytes(bytes(content))


def test_a_flip_with_a_digest_to_match_is_refused_all_the_same():
    content = bytearray(to_bytes(SMALL, {"some": "data"}))
    for place, bit in itertools.product(range(len(content) - 64), range(8)):
        content[place] ^= 1 << bit
        with pytest.raises(ModelFileError):
            from_bytes(signed(bytes(content)))
        content[place] ^= 1 << bit


@pytest.mark.parametrize("tail", [b"\0", b"PK\5\6", b" " * 64, TRAILER + b"0" * 64])
def test_nothing_may_follow(tail):
    content = to_bytes(SMALL, None)
    for forged in (content + tail, signed(content + tail), signed(content + tail + b"0" * 64)):
        with pytest.raises(ModelFileError):
            from_bytes(forged)


@pytest.mark.parametrize("size", [0, 1, 63, 64, 91, 92, 93])
def test_tiny_files_are_refused(size):
    for content in (bytes(size), to_bytes({}, None)[-size:] if size else b""):
        with pytest.raises(ModelFileError):
            from_bytes(content)


def test_a_later_format_is_named():
    later = to_bytes(SMALL, None).replace(b"model 1 ", b"model 2 ")
    with pytest.raises(
        ModelFileError, match=r"later backproplite, in format 2; .* up to 1\. Update"
    ):
        from_bytes(signed(later))
    with refused(DAMAGED):
        from_bytes(signed(later.replace(b"model 2 ", b"model 0 ")))


def test_an_archive_of_somebody_else_is_no_model():
    buffer = io.BytesIO()
    np.savez(buffer, weight=np.zeros(3))
    with refused(NO_MODEL):
        from_bytes(buffer.getvalue())


# Strangers' files

DATA = text({})
X = "x.npy", plain(np.arange(3.0))
COMPRESSED = zlib.compress(X[1])[2:-4]
CRC = zlib.crc32(X[1])

ARCHIVES = {
    "compressed": both(1, method=8, body=COMPRESSED, packed=len(COMPRESSED)),
    "said to be compressed": both(1, method=8),
    "encrypted": both(1, flags=2049),
    "sizes after the data": both(1, flags=2056),
    "a name of another code": both(1, flags=0),
    "a date": both(1, date=34),
    "a wrong checksum": both(1, crc=CRC ^ 1),
    "a size beyond the end": both(1, size=2**32 - 1, packed=2**32 - 1),
    "a size beyond the member": both(1, size=len(X[1]) + 8, packed=len(X[1]) + 8),
    "two sizes": both(1, packed=len(X[1]) - 1),
    "no size": both(1, size=0, packed=0),
    "a name as long as the file": both(1, name_size=65535),
    "no name": both(1, name_size=0),
    "extra fields": both(1, extra_size=4, extra=b"\1\0\0\0"),
    "zip64": setting("local", 1, extra_size=20, extra=b"\1\0\x10\0" + bytes(16)),
    "another date in the directory": setting("central", 1, date=34),
    "another name in the directory": setting("central", 1, name=b"y.npy"),
    "another size in the directory": setting("central", 1, size=2**32 - 1),
    "two members in one place": setting("central", 1, offset=0),
    "a member beyond the end": setting("central", 1, offset=2**32 - 1),
    "zip64 in the directory": setting("central", 1, extra_size=4, extra=b"\1\0\0\0"),
    "a comment on a member": setting("central", 1, comment_size=5),
    "rights to run": setting("central", 1, external=0o777 << 16),
    "a link": setting("central", 1, external=0o120777 << 16, made_by=788),
    "no entry in the directory": setting("central", 1, signature=b"", name=b""),
    "too few members": setting("end", count=1, here=1),
    "too many members": setting("end", count=65535, here=65535),
    "a directory elsewhere": setting("end", offset=0),
    "a larger directory": setting("end", directory_size=2**32 - 1),
    "another disk": setting("end", disk=1),
    "a longer comment": setting("end", comment_size=65535),
}


@pytest.mark.parametrize("name", ARCHIVES)
def test_archives_that_are_not_as_they_should_be(name):
    with refused(DAMAGED):
        from_bytes(archive([DATA, X], ARCHIVES[name]))


@pytest.mark.parametrize(
    "members",
    [
        [],
        [X],
        [X, DATA],
        [DATA, X, X],
        [DATA, X, ("x.npy", plain(np.zeros(1)))],
        [DATA, DATA],
        [DATA, ("x", X[1])],
        [DATA, ("x.npy/", X[1])],
        [DATA, (b"\xff.npy", X[1]), (b"\xfe.npy", X[1])],
        [DATA, ("x.npy", b"")],
        [("data.npy", b"")],
        [("data.npy", plain(np.zeros(MAXIMUM_TEXT + 1, np.uint8)))],
        [("data.npy", plain(np.full(MAXIMUM_TEXT + 1, ord("1"), np.uint8)))],
        [("data.npy", plain(np.array([ord("1")], np.int8)))],
    ],
)
def test_members_that_do_not_belong(members):
    with refused(DAMAGED):
        from_bytes(archive(members))


def test_more_members_than_a_directory_can_count_are_refused():
    many = archive(
        [DATA, *((f"{i}.npy", X[1]) for i in range(65536))], setting("end", here=1, count=1)
    )
    with refused(DAMAGED):
        from_bytes(many)


def test_names_are_taken_as_names_and_never_as_paths():
    traversing = "../../etc/passwd"
    read, _ = from_bytes(archive([DATA, (f"{traversing}.npy", X[1])]))
    assert list(read) == [traversing]  # for whoever asked for it; a network does not


def test_something_before_the_archive():
    for garbage in (b"#!/bin/sh\n", b"PK\3\4", bytes(1)):
        with pytest.raises(ModelFileError):
            from_bytes(archive([DATA, X], before=garbage))


THREE = np.arange(3.0).tobytes()
HEADERS = {
    "a pickle": by_numpy(np.array([{"a": 1}], object)),
    "objects": header(described("'|O'"), THREE),
    "text": by_numpy(np.array(["text"])),
    "bytes": by_numpy(np.array([b"bytes"])),
    "nothing at all": header(described("'|V8'"), THREE),
    "a structure": by_numpy(np.zeros(3, [("a", "f8")])),
    "dates": by_numpy(np.zeros(3, "M8[s]")),
    "long doubles": by_numpy(np.zeros(3, np.longdouble)),
    "big-endian": by_numpy(np.arange(3.0).astype(">f8")),
    "a type of old": header(described("'f8'"), THREE),
    "a type of bytes": header(described("'<\xff8'").encode("latin1"), THREE),
    "Fortran's order": by_numpy(np.asfortranarray(np.ones((2, 3)))),
    "Fortran's order, claimed": header(described(order="True"), THREE),
    "a negative shape": header(described(shape="(-3,)"), THREE),
    "a shape of floats": header(described(shape="(3.0,)"), THREE),
    "a shape of truth": header(described(shape="(True,)"), THREE),
    "a shape in hex": header(described(shape="(0x3,)"), THREE),
    "a shape with a zero in front": header(described(shape="(03,)"), THREE),
    "a shape with spaces": header(described(shape="( 3,)"), THREE),
    "a shape of spaces": header(described(shape="( )"), THREE[:8]),
    "a shape without a comma": header(described(shape="(3)"), THREE),
    "a shape of commas": header(described(shape="(,,3,,)"), THREE),
    "a huge shape": header(described(shape="(9999999999,)"), THREE),
    "a shape beyond memory": header(described(shape=f"({9 * 10**18},)"), THREE),
    "a shape beyond all whole numbers": header(described(shape=f"({10**60},)"), THREE),
    "a shape without end": header(described(shape=f"({'9' * 5000},)"), THREE),
    "a shape that wraps around": header(described(shape="(4294967296, 4294967296)")),
    "too many axes": header(described(shape=f"({'1, ' * 64}1)"), THREE[:8]),
    "nothing, times too much": header(described(shape="(0, 4294967296, 4294967296)")),
    "too few numbers": header(described(), THREE[:-1]),
    "too many numbers": header(described(), THREE + b"\0"),
    "a call": header(described(shape="(print(),)"), THREE),
    "deep nesting": header(described(shape="(" * 5000 + ")" * 5000), THREE),
    "surplus keys": header(described(end=", 'x': 1, }"), THREE),
    "a key missing": header("{'descr': '<f8', 'shape': (3,), }", THREE),
    "an array, then more": header(described() + " + 1", THREE),
    "an empty header": header("", THREE),
    "a header of spaces": header(described() + " " * 1000, THREE),
    "a header that is shorter": header(described(), THREE, length=20),
    "a header that is longer": header(described(), THREE, length=65535),
    "another version": header(described(), THREE, version=b"\2\0"),
    "no magic": b"numpy" + X[1][5:],
    "only magic": b"\x93NUMPY",
    "truth as 2": header(described("'|b1'"), b"\0\1\2"),
}


def test_a_header_made_by_hand_is_accepted():
    read, _ = from_bytes(archive([DATA, ("x.npy", header(described(), THREE))]))
    assert same_bits(read["x"], np.arange(3.0))


@pytest.mark.parametrize("name", HEADERS)
def test_arrays_that_are_not_as_they_should_be(name):
    with refused(DAMAGED):
        from_bytes(archive([DATA, ("x.npy", HEADERS[name])]))


TEXTS = {
    "nothing": b"",
    "no JSON": b"{}}",
    "Python": b"__import__('os').system('true')",
    "NaN": b"[NaN]",
    "infinity": b"[Infinity]",
    "infinity by size": b"[1e999]",
    "a key twice": b'{"a":1,"a":1}',
    "spaces": b"[1, 2]",
    "a line at the end": b"[1]\n",
    "a mark at the start": b"\xef\xbb\xbf[1]",
    "UTF-16": "[1]".encode("utf-16"),
    "broken UTF-8": b'["\xff"]',
    "letters that need no escape": b'["\\u0041"]',
    "letters that need one": '["é"]'.encode(),
    "numbers written otherwise": b"[1.50]",
    "numbers in another way": b"[1E5]",
    "minus nothing": b"[-0]",
    "too deep": b"[" * 30000 + b"]" * 30000,
    "a number without end": b"[" + b"9" * 60000 + b"]",
}


@pytest.mark.parametrize("name", TEXTS)
def test_descriptions_that_are_not_as_they_should_be(name):
    with refused(DAMAGED):
        from_bytes(archive([text(TEXTS[name]), X]))


def test_reading_changes_nothing_and_nothing_can_be_changed():
    read, _ = from_bytes(to_bytes(SMALL, None))
    with pytest.raises(ValueError, match="read-only"):
        read["layers[0].weight"][0] = 1


# Memory

MEGABYTES = 10**6
LARGE = "x.npy", plain(np.ones(2 * MEGABYTES))
LONG = MAXIMUM_TEXT - 20
BOMBS = {
    "a zip bomb": lambda: archive(
        [DATA, X], both(1, method=8, body=(z := zlib.compress(bytes(10**7))), packed=len(z))
    ),
    "arrays without end": lambda: archive([DATA, *((f"{i}.npy", X[1]) for i in range(MAXIMUM_ARRAYS + 1000))]),
    "a directory without end": lambda: archive([DATA] * 30000, drop_bodies),
    "lists": lambda: archive([text(b"[" + b"[]," * (LONG // 3) + b"[]]")]),
    "lists of lists": lambda: archive([text(b"[" + b"[[]]," * (LONG // 5) + b"[]]")]),
    "dicts": lambda: archive([text(b"[" + b"{}," * (LONG // 3) + b"[]]")]),
    "keys": lambda: archive([text(b"{" + b",".join(b'"%x":0' % i for i in range(7000)) + b"}")]),
    "depth": lambda: archive([text(b"[" * LONG)]),
    "a huge shape": lambda: archive([DATA, ("x.npy", header(described(shape="(9999999999,)")))]),
    "truth": lambda: to_bytes({"x": np.ones(16 * MEGABYTES, bool)}, None),
    "large, with a flip": lambda: to_bytes({"x": np.ones(2 * MEGABYTES)}, None)[:-1] + b"!",
    "large, and wrong at the end": lambda: archive([DATA, LARGE], setting("end", disk=1)),
    "large, and wrong inside": lambda: archive([DATA, LARGE, ("y.npy", b"")]),
    "large, and in the wrong place": lambda: archive([("data.npy", LARGE[1])]),
}  # fmt: skip


def drop_bodies(kind, number, fields):
    """A directory with many entries for one member."""
    if kind == "local" and number:
        fields.update(signature=b"", name=b"", body=b"")
        fields.update({name: 0 for name in fields if isinstance(fields[name], int)})


@pytest.mark.parametrize("name", BOMBS)
def test_a_hostile_file_takes_at_most_twice_its_size_and_10_megabytes(name):
    content = BOMBS[name]()
    tracemalloc.start()
    try:
        from_bytes(content)
    except ModelFileError:
        pass
    finally:
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    assert len(content) + peak <= 2 * len(content) + 10 * MEGABYTES


# Any damage at all


@given(st.data())
def test_nothing_but_a_model_file_error_escapes(data):
    content = bytearray(to_bytes(SMALL, {"some": "data"}))
    for _ in range(data.draw(st.integers(1, 4))):
        start = data.draw(st.integers(0, len(content)))
        stop = data.draw(st.integers(start, min(start + 20, len(content))))
        content[start:stop] = data.draw(st.binary(max_size=20))
    for damaged in (bytes(content), signed(bytes(content))):
        with contextlib.suppress(ModelFileError):
            from_bytes(damaged)


@given(st.binary(max_size=300))
def test_any_bytes_are_refused(content):
    for some in (
        content,
        signed(TRAILER + content + bytes(64)),
        signed(content + TRAILER + bytes(64)),
    ):
        with pytest.raises(ModelFileError):
            from_bytes(some)


@given(st.binary(max_size=200), st.binary(max_size=40))
def test_any_array_header_is_refused_or_harmless(start, payload):
    for body in (start + payload, header(start, payload), header(described(), payload)):
        with contextlib.suppress(ModelFileError):
            from_bytes(archive([DATA, ("x.npy", body)]))


@given(json_values | st.binary().map(repr))
def test_any_description_is_refused_or_read(data):
    written = json.dumps(data).encode()
    with contextlib.suppress(ModelFileError):
        from_bytes(archive([text(written)]))
