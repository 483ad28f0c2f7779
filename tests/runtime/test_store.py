"""The store: what goes in comes out bit by bit; no fault of disk or process lets a wrong model in."""

import errno
import logging
import multiprocessing
import os
import signal
import tempfile
import time
from dataclasses import asdict, replace
from pathlib import Path

import pytest
import safetensors.torch
import torch

from gmviz.runtime import places, store
from gmviz.runtime.store import Key, Store

KEY = Key("gmviz.experiments.objectives.run(sigma=0.2)", device="cpu", dtype="float32")
NOTES = {"error": 0.1 + 0.2, "steps": 400, "labels": ["DSM", "ISM"], "nothing": None}


@pytest.fixture
def here(tmp_path):
    return Store(tmp_path / "models", tmp_path / "defaults")


@pytest.fixture
def weights(generator):
    return {
        "parameters": torch.randn(2, 7, generator=generator),
        "centre": torch.randn(3, 2, generator=generator, dtype=torch.float64).T,
        "steps": torch.arange(3),
        "scalar": torch.tensor(0.5, dtype=torch.bfloat16),
        "none": torch.empty(0, 4),
        "mask": torch.tensor([True, False]),
    }


def same(saved, weights):
    return saved.tensors.keys() == weights.keys() and all(
        saved.tensors[name].dtype == tensor.dtype and torch.equal(saved.tensors[name], tensor)
        for name, tensor in weights.items()
    )


def path_of(here, key=KEY):
    return here.folder / key.name


def test_what_goes_in_comes_out_bit_by_bit(here, weights):
    assert here.load(KEY) is None
    assert here.save(KEY, weights, NOTES)
    saved = here.load(KEY)
    assert same(saved, weights)
    assert saved.notes == NOTES
    assert not saved.shipped


def test_tensors_that_share_memory_are_kept(here):
    theta = torch.arange(6.0)
    assert here.save(KEY, {"whole": theta, "part": theta[2:4], "same": theta})
    assert torch.equal(here.load(KEY).tensors["part"], torch.tensor([2.0, 3.0]))


def test_a_restart_finds_them(here, weights):
    here.save(KEY, weights, NOTES)
    assert same(Store(here.folder, here.defaults).load(KEY), weights)


@pytest.mark.parametrize("field", ["request", "device", "dtype", "package", "torch"])
def test_everything_the_bits_depend_on_is_in_the_key(here, weights, field):
    here.save(KEY, weights)
    assert here.load(replace(KEY, **{field: "another"})) is None
    assert here.load(KEY) is not None


def test_the_key_carries_the_versions():
    assert asdict(KEY)["torch"] == torch.__version__
    assert asdict(KEY)["package"] == "0.1.0"


def test_shipped_models_come_first_on_any_device_and_version(here, weights):
    Store(here.defaults).save(KEY.shipped, weights, {"from": "the package"})
    here.save(KEY, {"parameters": torch.zeros(1)})
    for key in (KEY, replace(KEY, device="cuda", torch="9.0")):
        saved = here.load(key)
        assert saved.shipped
        assert same(saved, weights)
    assert here.load(replace(KEY, dtype="float64")) is None
    assert here.load(replace(KEY, request="another")) is None


def test_a_damaged_default_is_passed_over_and_left(here, weights):
    path = here.defaults / KEY.shipped.name
    here.defaults.mkdir()
    path.write_bytes(b"damaged")
    assert here.load(KEY) is None
    here.save(KEY, weights)
    assert same(here.load(KEY), weights)
    assert path.read_bytes() == b"damaged"


def test_a_file_cut_anywhere_is_set_aside(here, weights, caplog):
    here.save(KEY, weights, NOTES)
    whole = path_of(here).read_bytes()
    for length in range(0, len(whole), 7):
        path_of(here).write_bytes(whole[:length])
        caplog.clear()
        assert here.load(KEY) is None
        assert len(caplog.records) == 1
        assert not path_of(here).exists()
        assert path_of(here).with_suffix(".damaged").read_bytes() == whole[:length]
    assert here.save(KEY, weights)
    assert same(here.load(KEY), weights)


def test_no_changed_byte_is_believed(here, caplog):
    """Every byte of a file, changed: refused, or (a blank of the padding) the very same model."""
    caplog.set_level(logging.ERROR)
    tensors = {"a": torch.tensor([1.0, -2.0]), "b": torch.tensor([3, 4])}
    here.save(KEY, tensors, NOTES)
    whole = path_of(here).read_bytes()
    refused = 0
    for position in range(len(whole)):
        changed = bytearray(whole)
        changed[position] ^= 1 << position % 8
        path_of(here).write_bytes(changed)
        saved = here.load(KEY)
        refused += saved is None
        assert saved is None or (same(saved, tensors) and saved.notes == NOTES)
    assert refused >= len(whole) - 8


def test_a_file_of_another_version_is_set_aside(here, weights, caplog):
    """Even under the right name: what the file says of itself counts."""
    old = replace(KEY, package="0.0.1", torch="1.0")
    here.save(old, weights)
    path_of(here, old).rename(path_of(here))
    assert here.load(KEY) is None
    assert [record.levelname for record in caplog.records] == ["WARNING"]
    assert "0.0.1" in caplog.text
    assert path_of(here).with_suffix(".damaged").exists()


@pytest.mark.parametrize("metadata", [None, {"label": "{}"}, {"label": "no JSON", "digest": ""}])
def test_a_file_of_somebody_else_is_set_aside(here, metadata):
    here.folder.mkdir()
    path_of(here).write_bytes(safetensors.torch.save({"a": torch.zeros(2)}, metadata))
    assert here.load(KEY) is None
    assert not path_of(here).exists()


def test_the_oldest_go_first(here, weights):
    here.save(KEY, weights)
    size = path_of(here).stat().st_size
    bounded = Store(here.folder, here.defaults, limit=3 * size + size // 2)
    keys = [replace(KEY, request=f"request {k} " + "." * 30) for k in range(5)]
    for age, key in enumerate(keys):
        here.save(key, weights)
        os.utime(path_of(here, key), (1e9 + age, 1e9 + age))
    os.utime(path_of(here, keys[2]), (1e9 + 10, 1e9 + 10))
    bounded.save(KEY, weights)
    assert [bounded.load(key) is not None for key in (*keys, KEY)] == [False, False, True, False, True, True]
    assert sum(path.stat().st_size for path in here.folder.iterdir()) <= bounded.limit


def test_damaged_files_count_and_go(here, weights):
    here.save(KEY, weights)
    size = path_of(here).stat().st_size
    damaged = here.folder / "old.damaged"
    damaged.write_bytes(bytes(size))
    os.utime(damaged, (1e9, 1e9))
    Store(here.folder, here.defaults, limit=size + size // 2).save(KEY, weights)
    assert [path.name for path in here.folder.iterdir()] == [KEY.name]


def test_only_unfinished_files_of_nobody_are_removed(here, weights):
    here.folder.mkdir()
    abandoned, written, foreign = (here.folder / name for name in ("a.part", "b.part", "notes.txt"))
    for path in (abandoned, written, foreign):
        path.write_bytes(b"")
    for path in (abandoned, foreign):
        os.utime(path, (1e9, 1e9))
    here.save(KEY, weights)
    assert [path.exists() for path in (abandoned, written, foreign)] == [False, True, True]


@pytest.mark.parametrize(
    "call", ["os.fsync", "pathlib.Path.replace", "pathlib.Path.mkdir", "pathlib.Path.open"]
)
@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EIO, errno.EROFS, errno.EDQUOT])
def test_any_error_while_writing_leaves_what_was_there(here, weights, caplog, monkeypatch, call, code):
    here.save(KEY, weights, "before")

    def fails(*_args, **_options):
        raise OSError(code, os.strerror(code))

    with monkeypatch.context() as broken:
        broken.setattr(call, fails)
        assert here.save(KEY, {"a": torch.ones(1)}, "after") is False
    assert [record.message for record in caplog.records] == [
        f"a model is not kept: [Errno {code}] {os.strerror(code)}"
    ]
    assert here.load(KEY).notes == "before"
    assert [path.name for path in here.folder.iterdir()] == [KEY.name]


@pytest.mark.parametrize("call", ["pathlib.Path.iterdir", "pathlib.Path.stat", "pathlib.Path.unlink"])
def test_an_error_while_tidying_harms_nothing(here, weights, monkeypatch, call):
    def fails(*_args, **_options):
        raise PermissionError(errno.EACCES, "denied")

    small = Store(here.folder, here.defaults, limit=1)
    with monkeypatch.context() as broken:
        broken.setattr(call, fails)
        assert small.save(KEY, weights)
    assert same(here.load(KEY), weights)


def test_an_error_while_reading_is_a_model_that_is_not_here(here, weights, caplog):
    here.save(KEY, weights)
    path_of(here).unlink()
    path_of(here).mkdir()
    assert here.load(KEY) is None
    assert len(caplog.records) == 1
    assert here.save(KEY, weights) is False


def test_a_place_that_is_a_file(tmp_path, weights):
    (tmp_path / "file").write_text("in the way")
    blocked = Store(tmp_path / "file" / "models", tmp_path)
    assert blocked.save(KEY, weights) is False
    assert blocked.load(KEY) is None


@pytest.mark.skipif(not hasattr(os, "geteuid"), reason="permissions are POSIX")
def test_a_read_only_directory(weights):
    with tempfile.TemporaryDirectory() as name:
        Path(name).chmod(0o755)  # root's temporary directories are closed to nobody, who reads here
        here, other = Store(Path(name) / "models", Path(name)), replace(KEY, request="another")
        here.save(KEY, weights)
        here.save(other, weights)
        path_of(here, other).write_bytes(b"damaged")
        here.folder.chmod(0o555)
        found = in_a_process(as_nobody, here.folder, here.defaults, KEY, other).get(timeout=60)
        assert found == {"sound": True, "damaged": False, "kept": False}
        assert {path.name for path in here.folder.iterdir()} == {KEY.name, other.name}
        here.folder.chmod(0o755)


def as_nobody(results, folder, defaults, key, other):
    """Loads and saves without the right to write."""
    if os.geteuid() == 0:  # root writes anywhere
        os.setuid(65534)
    readable = Store(folder, defaults)
    found = {
        "sound": readable.load(key) is not None,
        "damaged": readable.load(other) is not None,
        "kept": readable.save(key, {"a": torch.ones(1)}),
    }
    results.put(found)


def big(value):
    return {"a": torch.full((250_000,), float(value)), "b": torch.full((250_000,), float(value))}


def write_for_ever(results, folder, defaults, value):
    """Saves one model again and again, all its numbers equal."""
    busy = Store(folder, defaults)
    for round_number in range(10_000):
        busy.save(KEY, big(value), {"value": value})
        if round_number == 0:
            results.put("begun")


def hang_before_the_rename(results, folder, defaults):
    """Writes a model whole and waits for ever before it takes its place."""
    real = os.fsync

    def fsync(number):
        real(number)
        results.put("written")
        time.sleep(600)

    os.fsync = fsync
    Store(folder, defaults).save(KEY, big(2), {"value": 2})


FORKSERVER = "forkserver" in multiprocessing.get_all_start_methods()


class Child:
    """A process from a server that has imported torch once."""

    def __init__(self, function, arguments):
        context = multiprocessing.get_context("forkserver")
        context.set_forkserver_preload(["tests.runtime.test_store"])
        self.queue = context.Queue()
        self.process = context.Process(target=function, args=(self.queue, *arguments), daemon=True)
        self.process.start()

    def get(self, timeout):
        return self.queue.get(timeout=timeout)

    def kill(self):
        os.kill(self.process.pid, signal.SIGKILL)
        self.process.join()


def in_a_process(function, *arguments):
    if not FORKSERVER:
        pytest.skip("no processes of this kind here")
    return Child(function, arguments)


def sound(here, values):
    """What a reader finds is one writer's model, whole."""
    saved = here.load(KEY)
    assert saved is not None
    value = saved.notes["value"]
    assert value in values
    assert same(saved, big(value))


def test_killed_before_the_rename_the_old_model_stands(here):
    here.save(KEY, big(1), {"value": 1})
    child = in_a_process(hang_before_the_rename, here.folder, here.defaults)
    assert child.get(timeout=60) == "written"
    child.kill()
    sound(here, {1})
    (left,) = here.folder.glob("*.part")
    os.utime(left, (1e9, 1e9))
    here.save(KEY, big(3), {"value": 3})
    assert [path.name for path in here.folder.iterdir()] == [KEY.name]


def test_killed_at_any_moment_nothing_wrong_is_loaded(here, generator, caplog):
    for delay in torch.rand(12, generator=generator).tolist():
        child = in_a_process(write_for_ever, here.folder, here.defaults, 1)
        child.get(timeout=60)
        time.sleep(0.02 * delay)
        child.kill()
        sound(here, {1})
    assert not caplog.records


def test_two_processes_writing_one_key(here, caplog):
    children = [in_a_process(write_for_ever, here.folder, here.defaults, value) for value in (1, 2)]
    for child in children:
        child.get(timeout=60)
    seen = set()
    for _ in range(40):
        sound(here, {1, 2})
        seen.add(here.load(KEY).notes["value"])
    for child in children:
        child.kill()
    sound(here, {1, 2})
    assert seen <= {1, 2}
    assert not caplog.records


def test_a_variable_moves_the_store(monkeypatch, tmp_path, weights):
    monkeypatch.setenv("GMVIZ_STORE", str(tmp_path))
    assert Store().folder == tmp_path / "models"
    assert Store().save(KEY, weights)
    assert same(Store().load(KEY), weights)


@pytest.mark.parametrize(
    ("platform", "variable", "expected"),
    [
        ("linux", "", "home/.cache/gmviz"),
        ("linux", "XDG_CACHE_HOME", "caches/gmviz"),
        ("darwin", "", "home/Library/Caches/gmviz"),
        ("win32", "LOCALAPPDATA", "caches/gmviz"),
    ],
)
def test_without_it_the_platform_says_where_caches_are(monkeypatch, platform, variable, expected):
    for name in ("GMVIZ_STORE", "XDG_CACHE_HOME", "LOCALAPPDATA"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr("sys.platform", platform)
    monkeypatch.setenv("HOME", "home")
    if variable:
        monkeypatch.setenv(variable, "caches")
    assert places.folder() == Path(expected)


def test_a_user_without_a_home(monkeypatch):
    def none():
        raise RuntimeError("Could not determine home directory.")

    for name in ("GMVIZ_STORE", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr("sys.platform", "linux")
    monkeypatch.setattr(Path, "home", none)
    assert places.folder() == Path("/nonexistent/.cache/gmviz")


def test_a_limit_is_positive(tmp_path):
    with pytest.raises(ValueError, match="limit must be a positive number of bytes, got 0"):
        Store(tmp_path, limit=0)


def test_notes_are_plain(here):
    with pytest.raises(TypeError, match="not JSON serializable"):
        here.save(KEY, {"a": torch.zeros(1)}, {"model": torch.zeros(1)})
    assert store.LIMIT == 256 * 2**20
