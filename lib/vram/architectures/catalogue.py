"""Published models and cards, from the data files beside this module. Each entry says where its numbers come from."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..ledger.registry import Registry
from .architecture import Architecture

_DATA = Path(__file__).parent / "data"


@dataclass(frozen=True, slots=True)
class GPU:
    """One card. `usable_mib` is what nvidia-smi reports, not the number on the box.

    bandwidth  bytes per second; dense_flops: FP16/BF16 tensor-core operations per second without sparsity
    """

    name: str
    nameplate: str
    usable_mib: int
    bandwidth: int
    dense_flops: int | None
    source: str

    @property
    def usable_bytes(self) -> int:
        """Bytes that a process and its CUDA context can have between them."""
        return self.usable_mib * 2**20


class Models(Mapping[str, Architecture]):
    """The catalogue of published models by name; `vram.models["llama-2-7b"]`. Read when first asked for."""

    def __init__(self, path: Path):
        self._path, self._entries = path, None

    def entries(self) -> Registry[dict[str, Any]]:
        """The raw entries: title, config and source of each model; fields that its config does not say."""
        if self._entries is None:
            data = json.loads(self._path.read_text(encoding="utf-8"))["models"]
            aliases = {alias: name for name, entry in data.items() for alias in _aliases(entry)}
            self._entries = Registry("model", data, aliases)
        return self._entries

    def __getitem__(self, name: str) -> Architecture:
        entry = self.entries()[name]
        return Architecture.from_config(entry["config"], name=name, **entry.get("fields", {}))

    def title(self, name: str) -> str:
        """The name as its publishers write it."""
        return self.entries()[name]["title"]

    def source(self, name: str) -> str:
        """Where the config comes from."""
        return self.entries()[name]["source"]

    def get(self, name: str, default: object = None):
        return self[name] if name in self else default

    def __contains__(self, name: object) -> bool:
        return name in self.entries()

    def __iter__(self) -> Iterator[str]:
        return iter(self.entries())

    def __len__(self) -> int:
        return len(self.entries())


def _aliases(entry: dict[str, Any]) -> Iterator[str]:
    """Other names of a model: the ones listed, and that of its repository on the Hub."""
    yield from entry.get("aliases", ())
    if found := re.match(r"config.json of (\S+) on the Hugging Face Hub", entry["source"]):
        yield found[1]


def _read_gpus() -> Registry[GPU]:
    data = json.loads((_DATA / "gpus.json").read_text(encoding="utf-8"))["gpus"]
    aliases = {alias: name for name, row in data.items() for alias in row.pop("aliases", ())}
    return Registry("gpu", {name: GPU(name=name, **row) for name, row in data.items()}, aliases)


models = Models(_DATA / "models.json")
gpus = _read_gpus()

__all__ = ["GPU", "gpus", "models"]
