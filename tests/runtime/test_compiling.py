"""Compiling: where it is wanted, the same numbers, kept between runs, and life without a compiler."""

import json
import logging
import os
import shutil
import subprocess
import sys

import pytest
import torch

from gmviz.runtime import compiling

CPU, GPU = torch.device("cpu"), torch.device("cuda")


@pytest.fixture
def fresh(monkeypatch):
    """A process that has not compiled yet and is asked to."""
    monkeypatch.setenv("GMVIZ_COMPILE", "1")
    monkeypatch.setenv(compiling.CACHE, "")  # so that what is set below is undone
    monkeypatch.delenv(compiling.CACHE)
    compiling._compiler.cache_clear()
    yield monkeypatch
    compiling._compiler.cache_clear()


def in_a_process(store, **surroundings):
    """What `compile_once` finds there, without trials of vector instructions, which take most of the time."""
    quick = {
        "TORCHINDUCTOR_VEC_ISA_OK": "0",
        "TORCHINDUCTOR_CPP_CACHE_PRECOMPILE_HEADERS": "0",
        "TORCHINDUCTOR_COMPILE_THREADS": "1",
    }
    inherited = {name: value for name, value in os.environ.items() if name != compiling.CACHE}
    answer = subprocess.run(
        [sys.executable, "-m", "tests.runtime.compile_once"],
        env=inherited | quick | {"GMVIZ_STORE": str(store)} | surroundings,
        capture_output=True,
        text=True,
        check=True,
        timeout=120,
    )
    return json.loads(answer.stdout)


@pytest.mark.parametrize(
    ("chosen", "on_cpu", "on_gpu"), [(None, False, True), ("1", True, True), ("0", False, False)]
)
def test_a_gpu_or_a_request(monkeypatch, chosen, on_cpu, on_gpu):
    monkeypatch.delenv("GMVIZ_COMPILE", raising=False)
    if chosen is not None:
        monkeypatch.setenv("GMVIZ_COMPILE", chosen)
    assert compiling.wanted(CPU) is on_cpu
    assert compiling.wanted(GPU) is on_gpu


def test_a_wish_that_is_none(monkeypatch):
    monkeypatch.setenv("GMVIZ_COMPILE", "yes")
    with pytest.raises(ValueError, match="GMVIZ_COMPILE must be 0, 1 or unset, got 'yes'"):
        compiling.wanted(CPU)


def test_where_it_is_not_wanted_the_function_is_itself(monkeypatch):
    monkeypatch.delenv("GMVIZ_COMPILE", raising=False)
    assert compiling.compiled(torch.sin, CPU) is torch.sin


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("g++") is None, reason="there is no compiler here")
def test_the_same_numbers_and_kept_between_runs(tmp_path):
    first = in_a_process(tmp_path, GMVIZ_COMPILE="1")
    again = in_a_process(tmp_path, GMVIZ_COMPILE="1")
    for found in (first, again):
        assert found["wrapped"]
        assert found["lines"] == []
        assert max(found["apart"]) <= 2e-6  # sums of 8 terms of order 1 in float32
    assert (first["hit"], first["miss"]) == (0, 1)
    assert (again["hit"], again["miss"]) == (1, 0)
    assert any((tmp_path / "compiled").rglob("*.so"))


def test_without_a_compiler_one_log_line_and_the_same_numbers(tmp_path):
    found = in_a_process(tmp_path, GMVIZ_COMPILE="1", CXX="/no/compiler")
    assert found["apart"] == [0.0, 0.0]
    (line,) = found["lines"]
    assert line.startswith("running without a compiler: InductorError: InvalidCxxCompiler")


def test_one_failure_is_enough(fresh, tmp_path, caplog):
    fresh.setenv("GMVIZ_STORE", str(tmp_path))
    calls = []

    def breaks(function):
        def fails(x):
            calls.append(function)
            raise RuntimeError("no compiler\nand a long story")

        return fails

    fresh.setattr(torch, "compile", breaks)
    sine, cosine = (compiling.compiled(function, CPU) for function in (torch.sin, torch.cos))
    x = torch.linspace(0, 1, 5)
    for _ in range(2):
        assert torch.equal(sine(x), x.sin())
        assert torch.equal(cosine(x), x.cos())
    assert calls == [torch.sin]
    assert [record.message for record in caplog.records] == [
        "running without a compiler: RuntimeError: no compiler"
    ]


def test_a_compiler_that_cannot_be_loaded(fresh, tmp_path, caplog):
    fresh.setenv("GMVIZ_STORE", str(tmp_path))

    def missing(_function):
        raise ImportError("no module named triton")

    fresh.setattr(torch, "compile", missing)
    assert compiling.compiled(torch.sin, GPU) is torch.sin
    assert len(caplog.records) == 1


def test_an_error_of_the_function_is_its_own(fresh, tmp_path, caplog):
    fresh.setenv("GMVIZ_STORE", str(tmp_path))
    fresh.setattr(torch, "compile", lambda function: function)

    def refuses(x):
        if x < 0:
            raise RuntimeError("x must not be negative")
        return x

    checked = compiling.compiled(refuses, CPU)
    with pytest.raises(RuntimeError, match="x must not be negative"):
        checked(-1)
    assert checked(1) == 1
    assert not caplog.records
    assert compiling._compiler()._works


def test_the_cache_lies_in_the_store_and_is_private(fresh, tmp_path):
    fresh.setenv("GMVIZ_STORE", str(tmp_path / "store"))
    fresh.setattr(torch, "compile", lambda function: function)
    compiling.compiled(torch.sin, CPU)
    kept = tmp_path / "store" / "compiled"
    assert os.environ[compiling.CACHE] == str(kept)
    if os.name == "posix":
        assert kept.stat().st_mode & 0o777 == 0o700


def test_a_cache_that_the_user_has_set_stays(fresh, tmp_path):
    fresh.setenv(compiling.CACHE, str(tmp_path / "own"))
    fresh.setattr(torch, "compile", lambda function: function)
    compiling.compiled(torch.sin, CPU)
    assert os.environ[compiling.CACHE] == str(tmp_path / "own")


def test_a_place_where_nothing_can_be_kept(fresh, tmp_path, caplog):
    caplog.set_level(logging.WARNING)
    (tmp_path / "file").write_text("in the way")
    fresh.setenv("GMVIZ_STORE", str(tmp_path / "file"))
    fresh.setattr(torch, "compile", lambda function: function)
    assert torch.equal(compiling.compiled(torch.sin, CPU)(torch.ones(2)), torch.ones(2).sin())
    assert compiling.CACHE not in os.environ
    assert len(caplog.records) == 1
    assert caplog.records[0].message.startswith("what is compiled is not kept: ")
