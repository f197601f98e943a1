"""Files are written whole or not at all."""

import os
import pathlib
import shutil
import stat
import subprocess
import sys
import threading

import pytest

import backproplite as bp
from backproplite.files import read_file, write_file

OLD, NEW = b"old", b"new" * 1000
needs_fork = pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork on Windows")


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "old.bin").write_bytes(OLD)
    return tmp_path


def names(folder):
    return sorted(path.name for path in folder.iterdir())


@pytest.mark.parametrize("kind", [str, pathlib.Path])
@pytest.mark.parametrize("name", ["old.bin", "new.bin", "no suffix", ".hidden", "ünïcode [a].bin"])
def test_a_file_is_written_and_read(folder, name, kind):
    path = kind(folder / name)
    write_file(path, NEW)
    assert pathlib.Path(path).read_bytes() == read_file(path) == NEW
    assert names(folder) == sorted({"old.bin", name})


@pytest.mark.skipif(os.name == "nt", reason="Windows limits whole paths")
@pytest.mark.parametrize("name", ["a" * length for length in (240, 241, 249, 255)] + ["é" * 127])
def test_what_can_be_opened_can_be_written(folder, name):
    twin = name[:-1] + "b"  # whose leftovers are its own affair
    write_file(folder / twin, OLD)
    for _ in range(2):
        write_file(folder / name, NEW)
        assert read_file(folder / name) == NEW
    assert names(folder) == sorted(["old.bin", name, twin])


@pytest.mark.skipif(os.name == "nt", reason="Windows limits whole paths")
@pytest.mark.parametrize("length", [3, 255])
def test_leftovers_of_one_name_are_not_those_of_another(folder, monkeypatch, length):
    monkeypatch.setattr(os, "replace", lambda *_: os._exit(1))
    for last in "ab":
        name = "n" * (length - 1) + last
        if not (child := os.fork()):
            write_file(folder / name, NEW)
        os.waitpid(child, 0)
    monkeypatch.undo()
    assert len(names(folder)) == 3
    write_file(folder / name, NEW)
    assert len(names(folder)) == 3
    write_file(folder / ("n" * (length - 1) + "a"), NEW)
    assert len([each for each in names(folder) if each.startswith(".")]) == 0


@pytest.mark.parametrize("pieces", [[], [b""], [b"a", b"", memoryview(b"bc"), b"d" * 10**5]])
def test_a_file_is_written_in_pieces(folder, pieces):
    write_file(folder / "old.bin", *pieces)
    assert read_file(folder / "old.bin") == b"".join(pieces)


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

            def writelines(self, pieces):
                self.file.write(pieces[0][:100])
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


def test_the_new_file_is_on_the_disk_before_it_takes_the_place_of_the_old_one(folder, monkeypatch):
    calls = []

    def noted(name, call):
        def note(*arguments):
            calls.append((name, read_file(folder / "old.bin")))
            return call(*arguments)

        return note

    for name in ("fsync", "replace"):
        monkeypatch.setattr(os, name, noted(name, getattr(os, name)))
    write_file(folder / "old.bin", NEW)
    assert calls[:2] == [("fsync", OLD), ("replace", OLD)]
    assert calls[2:] == ([] if os.name == "nt" else [("fsync", NEW)])  # its name in the folder


@pytest.mark.parametrize("times", [1, 3, 4])
def test_whoever_reads_the_old_file_is_waited_for_a_little(folder, monkeypatch, times):
    """On Windows, a file that is open cannot be replaced."""
    barred = iter(range(times))

    def replace(part, target, replace=os.replace):
        if next(barred, None) is not None:
            raise PermissionError(13, "Access is denied", target)
        replace(part, target)

    monkeypatch.setattr(os, "replace", replace)
    if times < 4:
        write_file(folder / "old.bin", NEW)
    else:
        with pytest.raises(PermissionError, match="Access is denied"):
            write_file(folder / "old.bin", NEW)
    assert names(folder) == ["old.bin"]
    assert read_file(folder / "old.bin") == (NEW if times < 4 else OLD)


def test_a_folder_that_goes_away_is_an_error_and_not_tried_for_ever(folder, monkeypatch):
    (folder / "inner").mkdir()
    monkeypatch.setattr(os, "fsync", lambda _: shutil.rmtree(folder / "inner"))
    with pytest.raises(FileNotFoundError):
        write_file(folder / "inner" / "new.bin", NEW)


# Killed, or not alone


def test_leftovers_of_a_killed_writer_are_cleared_away_and_nothing_else(folder):
    others = ".new.bin.0123456.part", "new.bin.01234567.part", ".other.bin.01234567.part"
    for name in (".new.bin.01234567.part", *others):
        (folder / name).write_bytes(OLD)
    write_file(folder / "new.bin", NEW)
    assert names(folder) == sorted(["new.bin", "old.bin", *others])


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such names")
@pytest.mark.parametrize("name", ["model[1].npz", "*?.npz"])
def test_leftovers_are_found_whatever_the_name(folder, name):
    (folder / f".{name}.0123abcd.part").write_bytes(b"")
    write_file(folder / name, NEW)
    assert names(folder) == sorted([name, "old.bin"])


def test_what_cannot_be_cleared_away_does_no_harm(folder):
    (folder / ".old.bin.01234567.part").mkdir()
    write_file(folder / "old.bin", NEW)
    assert read_file(folder / "old.bin") == NEW


def test_whoever_is_taken_for_dead_in_the_middle_of_it_writes_once_more(folder, monkeypatch):
    def interrupted(handle, fsync=os.fsync):
        monkeypatch.setattr(os, "fsync", fsync)
        write_file(folder / "old.bin", b"in between")  # as a signal handler or a thread may do
        assert read_file(folder / "old.bin") == b"in between"

    monkeypatch.setattr(os, "fsync", interrupted)
    write_file(folder / "old.bin", NEW)
    assert read_file(folder / "old.bin") == NEW
    assert names(folder) == ["old.bin"]


@pytest.mark.skipif(os.name == "nt", reason="what is being read cannot be replaced on Windows")
def test_many_may_write_one_file_at_once(folder):
    contents = [bytes([i]) * 10**5 for i in range(4)]
    write_file(folder / "old.bin", contents[0])
    writers = [
        threading.Thread(target=lambda c=c: [write_file(folder / "old.bin", c) for _ in range(20)])
        for c in contents
    ]
    for writer in writers:
        writer.start()
    while any(writer.is_alive() for writer in writers):
        assert (folder / "old.bin").read_bytes() in contents
    assert names(folder) == ["old.bin"]


AT_A_CALL = """
import os, shutil, signal, sys
from backproplite.files import write_file
where, call = sys.argv[2].split(".")
owner = {"os": os, "shutil": shutil, "builtins": sys.modules["builtins"]}[where]
setattr(owner, call, lambda *_: os.kill(os.getpid(), signal.SIGKILL))
write_file(sys.argv[1], b"new")
"""


@needs_fork
@pytest.mark.parametrize("call", ["builtins.open", "shutil.copymode", "os.fsync", "os.replace"])
def test_killed_at_each_call_the_old_file_stays(folder, call):
    command = [sys.executable, "-c", AT_A_CALL, str(folder / "old.bin"), call]
    assert subprocess.run(command, check=False).returncode == -9
    assert read_file(folder / "old.bin") == OLD
    write_file(folder / "old.bin", NEW)
    assert names(folder) == ["old.bin"]


KILLING = """
import os, pathlib, random, signal, sys, time
from backproplite.files import write_file
path, rounds = pathlib.Path(sys.argv[1]), int(sys.argv[2])
contents = [bytes([i]) * 10**6 for i in range(2)]
write_file(path, contents[0])
damaged = most_left = amid = 0
for _ in range(rounds):
    child = os.fork()
    if not child:
        while True:
            for content in contents:
                write_file(path, content)
    time.sleep(random.uniform(0.001, 0.03))
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    damaged += path.read_bytes() not in contents
    left = len(list(path.parent.iterdir())) - 1
    amid += left > 0
    most_left = max(most_left, left)
write_file(path, contents[0])
print(damaged, most_left, len(list(path.parent.iterdir())) - 1, amid)
"""


def killed_while_writing(path, rounds):
    """Kill writers at random moments; count files damaged, left at most, and left at the end."""
    command = [sys.executable, "-c", KILLING, str(path), str(rounds)]
    result = subprocess.run(command, capture_output=True, text=True, check=True)
    return [int(word) for word in result.stdout.split()]


@needs_fork
def test_killed_at_any_moment_a_file_stays_whole_and_leftovers_do_not_pile_up(tmp_path):
    damaged, most_left, left, _ = killed_while_writing(tmp_path / "model.npz", 25)
    assert (damaged, left) == (0, 0)
    assert most_left <= 1


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


@pytest.mark.skipif(os.name == "nt", reason="on Windows links need rights")
def test_a_link_to_itself_is_replaced(folder):
    (folder / "loop").symlink_to(folder / "loop")
    with pytest.raises(OSError, match="symbolic links"):
        read_file(folder / "loop")
    write_file(folder / "loop", NEW)
    assert read_file(folder / "loop") == NEW


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
        ("a\0b", "path must be the name of a file; got 'a\\x00b'"),
        (["a.bin"], "path must be the name of a file; got ['a.bin']"),
    ],
)
def test_a_path_that_cannot_be_is_refused_in_one_line(folder, monkeypatch, path, words):
    monkeypatch.chdir(folder)
    with pytest.raises(bp.InputError) as caught:
        write_file(path, NEW)
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


def test_reading_what_is_not_there(folder):
    with pytest.raises(FileNotFoundError):
        read_file(folder / "new.bin")
    with pytest.raises(bp.InputError, match="is a folder"):
        read_file(folder)
