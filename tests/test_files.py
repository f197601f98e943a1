"""Files are written whole or not at all."""

import os
import pathlib
import stat

import pytest

import backproplite as bp
from backproplite.files import checked_path, read_file, write_file

OLD, NEW = b"old", b"new" * 1000


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "old.bin").write_bytes(OLD)
    return tmp_path


def names(folder):
    return sorted(path.name for path in folder.iterdir())


@pytest.mark.parametrize("kind", [str, pathlib.Path])
@pytest.mark.parametrize("name", ["old.bin", "new.bin", "no suffix", ".hidden", "ünïcode [*?].bin"])
def test_a_file_is_written_and_read(folder, name, kind):
    path = kind(folder / name)
    write_file(path, NEW)
    assert pathlib.Path(path).read_bytes() == read_file(path) == NEW
    assert names(folder) == sorted({"old.bin", name})


def test_an_empty_file(folder):
    write_file(folder / "old.bin", b"")
    assert read_file(folder / "old.bin") == b""


def test_relative_paths_start_from_the_working_directory(folder, monkeypatch):
    (folder / "inner").mkdir()
    monkeypatch.chdir(folder / "inner")
    write_file("here.bin", NEW)
    write_file(os.path.join("..", "there.bin"), NEW)
    assert names(folder / "inner") == ["here.bin"]
    assert names(folder) == ["inner", "old.bin", "there.bin"]


# When it fails


def fail_at(monkeypatch, where, error):
    def fail(*args, **kwargs):
        raise error

    if where == "write":

        class Full:
            """A file on a disk that fills up half-way."""

            def __init__(self, file):
                self.file = file

            def __enter__(self):
                return self

            def __exit__(self, *_):
                self.file.close()

            def write(self, content):
                self.file.write(content[: len(content) // 2])
                fail()

        monkeypatch.setattr("builtins.open", lambda path, mode, open=open: Full(open(path, mode)))
    else:
        monkeypatch.setattr(os, where, fail)


@pytest.mark.parametrize("error", [OSError(28, "No space left on device"), KeyboardInterrupt()])
@pytest.mark.parametrize("where", ["write", "fsync", "replace"])
@pytest.mark.parametrize("name", ["old.bin", "new.bin"])
def test_a_failure_leaves_what_was_there_and_nothing_else(folder, monkeypatch, name, where, error):
    fail_at(monkeypatch, where, error)
    with pytest.raises(type(error)):
        write_file(folder / name, NEW)
    monkeypatch.undo()
    assert names(folder) == ["old.bin"]
    assert (folder / "old.bin").read_bytes() == OLD


def test_the_old_file_stays_until_the_new_one_is_whole(folder, monkeypatch):
    seen = []

    def watched(source, target, replace=os.replace):
        seen.append(((folder / "old.bin").read_bytes(), pathlib.Path(source).read_bytes()))
        replace(source, target)

    monkeypatch.setattr(os, "replace", watched)
    write_file(folder / "old.bin", NEW)
    assert seen == [(OLD, NEW)]


def test_the_content_is_on_the_disk_before_the_file_is_in_its_place(folder, monkeypatch):
    calls = []

    def noted(name, call):
        return lambda *args: calls.append(name) or call(*args)

    for name in ("fsync", "replace"):
        monkeypatch.setattr(os, name, noted(name, getattr(os, name)))
    write_file(folder / "new.bin", NEW)
    assert calls[:2] == ["fsync", "replace"]


# Permissions and links


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such permissions")
@pytest.mark.parametrize(("umask", "mode"), [(0o022, 0o644), (0o077, 0o600), (0, 0o666)])
def test_permissions_of_a_new_file_are_those_of_any_new_file(folder, umask, mode):
    before = os.umask(umask)
    try:
        write_file(folder / "new.bin", NEW)
        (folder / "any.bin").write_bytes(NEW)
    finally:
        assert os.umask(before) == umask
    for name in ("new.bin", "any.bin"):
        assert stat.S_IMODE((folder / name).stat().st_mode) == mode


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such permissions")
@pytest.mark.parametrize("mode", [0o600, 0o640, 0o755])
def test_a_file_that_is_replaced_keeps_its_permissions(folder, mode):
    (folder / "old.bin").chmod(mode)
    write_file(folder / "old.bin", NEW)
    assert stat.S_IMODE((folder / "old.bin").stat().st_mode) == mode


@pytest.mark.skipif(os.name == "nt", reason="on Windows links need rights")
@pytest.mark.parametrize("target", ["old.bin", "new.bin"])
def test_a_link_stays_one_and_what_it_points_to_is_written(folder, target):
    (folder / "other").mkdir()
    link = folder / "other" / "link"
    link.symlink_to(folder / target)
    write_file(link, NEW)
    assert link.is_symlink()
    assert (folder / target).read_bytes() == read_file(link) == NEW
    assert names(folder / "other") == ["link"]


def test_a_hard_link_keeps_the_old_content(folder):
    os.link(folder / "old.bin", folder / "twin.bin")
    write_file(folder / "old.bin", NEW)
    assert (folder / "twin.bin").read_bytes() == OLD


# Bad paths


@pytest.mark.parametrize(
    ("path", "words"),
    [
        ("", "is a folder"),
        (".", "is a folder"),
        (os.path.join("missing", "a.bin"), "the folder 'missing' does not exist. Make it, or"),
        (os.path.join("old.bin", "a.bin"), "the folder 'old.bin' does not exist"),
        (pathlib.Path("missing", "a.bin"), "the folder 'missing' does not exist"),
        (3, "path must be the name of a file; got 3"),
        (None, "path must be the name of a file; got None"),
        (b"a.bin", "path must be the name of a file; got b'a.bin'"),
        (["a.bin"], "path must be the name of a file; got ['a.bin']"),
    ],
)
def test_a_path_that_cannot_be_is_refused_in_one_line(folder, monkeypatch, path, words):
    monkeypatch.chdir(folder)
    for call in (checked_path, lambda path: write_file(path, NEW)):
        with pytest.raises(bp.InputError) as caught:
            call(path)
        assert words in str(caught.value)
        assert "\n" not in str(caught.value)
    assert names(folder) == ["old.bin"]


@pytest.mark.skipif(os.name == "nt", reason="there are no such files on Windows")
def test_what_is_no_ordinary_file_is_not_replaced_by_one(folder):
    # A pipe of our own stands for all of them: a real device would be lost if the code were wrong.
    os.mkfifo(folder / "pipe")
    with pytest.raises(bp.InputError, match=r"path must name a file; .*no ordinary"):
        write_file(folder / "pipe", NEW)
    assert stat.S_ISFIFO((folder / "pipe").stat().st_mode)


@pytest.mark.parametrize(
    ("name", "suffixes", "good"),
    [
        ("a.png", (".png", ".svg"), True),
        ("a.PNG", (".png", ".svg"), True),
        ("a.svg", (".png", ".svg"), True),
        ("a", (), True),
        ("a", (".png",), False),
        ("a.png.txt", (".png", ".svg"), False),
        (".png", (".png",), False),
    ],
)
def test_suffixes(folder, name, suffixes, good):
    path = folder / name
    if good:
        assert checked_path(path, suffixes) == path
        return
    with pytest.raises(bp.InputError) as caught:
        checked_path(path, suffixes)
    assert str(caught.value) == f"path must end in {' or '.join(suffixes)}; got {name!r}."


def test_checking_a_path_makes_nothing(folder, monkeypatch):
    monkeypatch.chdir(folder)
    assert checked_path("a.png") == pathlib.Path("a.png")
    assert names(folder) == ["old.bin"]


def test_reading_what_is_not_there(folder):
    with pytest.raises(FileNotFoundError):
        read_file(folder / "new.bin")
    with pytest.raises(bp.InputError, match="is a folder"):
        read_file(folder)


def test_leftovers_of_a_killed_writer_are_cleared_away_and_nothing_else(folder):
    others = ".new.bin.0123456.part", "new.bin.01234567.part", ".other.bin.01234567.part"
    for name in (".new.bin.01234567.part", *others):
        (folder / name).write_bytes(OLD)
    write_file(folder / "new.bin", NEW)
    assert names(folder) == sorted(["new.bin", "old.bin", *others])
