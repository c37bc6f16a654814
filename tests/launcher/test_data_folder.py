"""One folder, one system: its lock, its remembered secrets, and each way a disk says no."""

import errno
import os

import pytest

from launcher.data_folder import DataFolder, default_data_folder, disk_error
from launcher.errors import AlreadyRunningError, DiskError, ExitCode


def test_a_second_owner_is_refused_and_told_who_the_first_is(tmp_path):
    first, second = DataFolder(tmp_path / "curb"), DataFolder(tmp_path / "curb")
    with first.open():
        assert second.owner_pid() == os.getpid()
        with pytest.raises(AlreadyRunningError, match=f"process {os.getpid()}"), second.open():
            pass
    assert second.owner_pid() is None
    with second.open():
        pass


def test_ports_and_secrets_stay_the_same_and_private(tmp_path):
    folder = DataFolder(tmp_path)
    ports = [folder.port(name) for name in ("postgres", "valkey", "http")]
    assert len(set(ports)) == 3
    secret = folder.secret("postgres")
    again = DataFolder(tmp_path)
    assert [again.port(name) for name in ("postgres", "valkey", "http")] == ports
    assert again.secret("postgres") == secret
    assert again.secret("valkey") != secret
    assert (tmp_path / "secrets.json").stat().st_mode & 0o077 == 0


def test_fresh_deletes_what_is_ours_and_nothing_else(tmp_path):
    folder = DataFolder(tmp_path)
    (tmp_path / "holiday.jpg").write_text("mine")
    folder.secret("postgres")
    (tmp_path / "postgres" / "base").mkdir(parents=True)
    assert not folder.is_new()
    folder.empty()
    assert folder.is_new()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["holiday.jpg"]


def test_a_nearly_full_disk_is_refused_before_anything_is_written(tmp_path):
    folder = DataFolder(tmp_path)
    with pytest.raises(DiskError, match="Only 12 MB are free"), folder.open(lambda _: 12_000_000):
        pass
    assert folder.is_new()


@pytest.mark.parametrize(
    ("number", "sentence"),
    [
        (errno.ENOSPC, "is full"),
        (errno.EROFS, "read-only disk"),
        (errno.EACCES, "may not write"),
        (errno.ENOTDIR, "cannot be used for data"),
    ],
)
def test_each_way_a_disk_refuses_has_its_sentence_and_fix(tmp_path, number, sentence):
    error = disk_error(OSError(number, os.strerror(number), str(tmp_path)), tmp_path)
    assert sentence in str(error)
    assert "--data" in str(error)
    assert error.exit_code is ExitCode.DISK


def test_a_folder_below_a_file_is_a_sentence_and_no_traceback(tmp_path):
    (tmp_path / "file").write_text("")
    with (
        pytest.raises(DiskError, match="cannot be used"),
        DataFolder(tmp_path / "file" / "x").open(),
    ):
        pass


def test_the_default_folder_follows_the_environment(monkeypatch, tmp_path):
    monkeypatch.delenv("CURB_HOME", raising=False)
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    assert default_data_folder() == tmp_path / "curb"
    monkeypatch.setenv("CURB_HOME", str(tmp_path / "elsewhere"))
    assert default_data_folder() == tmp_path / "elsewhere"
