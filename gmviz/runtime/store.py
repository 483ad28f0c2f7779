"""Fitted models on disk: one file each, written whole or not at all, and believed only after a check.

A file is safetensors: tensors by name, and in its header a small JSON that says what was asked for, by which
versions, on which device, and a digest of all of it. It is written beside its place and renamed, so a reader
sees the old file, the new one or none. A file that is cut, changed or of another version is set aside.

    store = Store()
    key = Key(codec.key(run, request), device="cpu", dtype="float32")
    saved = store.load(key)                           # None: not here
    store.save(key, {"parameters": theta}, notes)     # notes: plain data, such as errors and seconds
"""

import contextlib
import hashlib
import json
import logging
import os
import secrets
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import safetensors.torch
import torch
from safetensors import SafetensorError
from torch import Tensor

import gmviz
from gmviz.checks import require
from gmviz.runtime import places

LIMIT = 256 * 2**20  # bytes
ABANDONED = 3600.0  # seconds after which an unfinished file belongs to nobody
MODEL, UNFINISHED, DAMAGED = ".safetensors", ".part", ".damaged"
ANY = "any"

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Key:
    """What a stored model is the answer to: the request as text, and what its bits depend on."""

    request: str
    device: str
    dtype: str
    package: str = gmviz.__version__
    torch: str = field(default_factory=lambda: str(torch.__version__))

    @property
    def shipped(self) -> "Key":
        """The key of a default that comes with the package: good weights are good on any device."""
        return replace(self, device=ANY, package=ANY, torch=ANY)

    @property
    def name(self) -> str:
        """The file's name."""
        text = json.dumps(asdict(self), sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:40] + MODEL


@dataclass(frozen=True, eq=False)
class Saved:
    """Tensors by name, on the CPU, and notes of plain data; whether they came with the package."""

    tensors: dict[str, Tensor]
    notes: Any
    shipped: bool = False


class Store:
    """Models in one directory, at most `limit` bytes, the oldest out first; `defaults` is only read.

    No fault of a disk reaches the caller: what cannot be read is not here, what cannot be written is not
    kept, and one log line says so.
    """

    def __init__(
        self, folder: Path | None = None, defaults: Path = places.DEFAULTS, limit: int = LIMIT
    ) -> None:
        require(limit > 0, "limit", "a positive number of bytes", limit)
        self.folder = places.folder() / "models" if folder is None else folder
        self.defaults, self.limit = defaults, limit

    def load(self, key: Key) -> Saved | None:
        """The model of this key, looked up among the shipped ones first; None where there is no sound one."""
        default = _read(self.defaults / key.shipped.name, key.shipped, aside=False)
        if default is not None:
            return replace(default, shipped=True)
        return _read(self.folder / key.name, key, aside=True)

    def save(self, key: Key, tensors: Mapping[str, Tensor], notes: Any = None) -> bool:
        """Keep a model; whether it is kept. Notes are plain data: `TypeError` for what JSON does not know."""
        data = _pack(key, tensors, notes)
        place = self.folder / key.name
        unfinished = self.folder / f"{place.stem}.{secrets.token_hex(8)}{UNFINISHED}"
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            with unfinished.open("xb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            unfinished.replace(place)
        except OSError as error:
            log.warning("a model is not kept: %s", error)
            with contextlib.suppress(OSError):
                unfinished.unlink()
            return False
        self._bound()
        return True

    def _bound(self) -> None:
        """Remove the oldest files until the others fit, and what a killed process has left."""
        with contextlib.suppress(OSError):
            kept = []
            for path in self.folder.iterdir():
                with contextlib.suppress(FileNotFoundError):  # another process removed it
                    stat = path.stat()
                    if path.suffix == UNFINISHED and stat.st_mtime < time.time() - ABANDONED:
                        path.unlink()
                    elif path.suffix in (MODEL, DAMAGED):
                        kept.append((stat.st_mtime_ns, path.name, stat.st_size))
            over = sum(size for *_, size in kept) - self.limit
            for _, name, size in sorted(kept):
                if over <= 0:
                    break
                (self.folder / name).unlink(missing_ok=True)
                over -= size


def _pack(key: Key, tensors: Mapping[str, Tensor], notes: Any) -> bytes:
    whole = torch.contiguous_format
    content = {name: tensor.detach().cpu().clone(memory_format=whole) for name, tensor in tensors.items()}
    label = json.dumps({"key": asdict(key), "notes": notes})
    return safetensors.torch.save(content, {"label": label, "digest": _digest(label, content)})


def _digest(label: str, tensors: Mapping[str, Tensor]) -> str:
    """SHA-256 over the label and every tensor's name, type, shape and bytes."""
    digest = hashlib.sha256(label.encode())
    for name, tensor in sorted(tensors.items()):
        digest.update(json.dumps([name, str(tensor.dtype), list(tensor.shape)]).encode())
        digest.update(tensor.reshape(-1).view(torch.uint8).numpy().data)
    return digest.hexdigest()


def _read(path: Path, key: Key, *, aside: bool) -> Saved | None:
    """The sound model in this file; one that is not is renamed (`aside`) or, where it is shipped, left."""
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        return None
    except OSError as error:
        log.warning("a stored model cannot be read: %s", error)
        return None
    try:
        return _unpack(data, key)
    except (SafetensorError, ValueError, KeyError, TypeError) as error:
        log.warning("a stored model is set aside: %s: %s", path, error)
        if aside:
            with contextlib.suppress(OSError):
                path.replace(path.with_suffix(DAMAGED))
        return None


def _unpack(data: bytes, key: Key) -> Saved:
    tensors = safetensors.torch.load(data)
    length = int.from_bytes(data[:8], "little")
    header = json.loads(data[8 : 8 + length])["__metadata__"]
    require(
        header["digest"] == _digest(header["label"], tensors), "the digest", "that of the content", "another"
    )
    label = json.loads(header["label"])
    require(label["key"] == asdict(key), "the key", str(asdict(key)), label["key"])
    return Saved(tensors, label["notes"])
