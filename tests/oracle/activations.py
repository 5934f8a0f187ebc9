"""Does the library know what torch saves for backward? Cases of the fixtures live, then random small models.

    activations.py --list '{"model_type": "llama", …}' '{"batch": 2, "seq_len": 64}'     each tensor of one model
    activations.py --save tests/fixtures/activations_families.json                       keep the random cases

A forward pass runs under saved_tensors_hooks on a CPU; each storage counts once, parameters not at all. One thread
(OMP_NUM_THREADS=1), because some kernels keep a buffer for each.
"""

from __future__ import annotations

import json
import sys
import weakref
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from random import Random
from typing import Any

import torch
import transformers
from comparison import Result, Scope, parser, refused, report, scope_of
from running import FORMATS, build, consistent, inputs_of

import vram
from cases import settings_of
from random_configs import random_config
from vram.architectures.families import families
from vram.memory.activations.described import EAGER_ONLY, EXACT, undescribed

FIXTURES = Path(__file__).parent.parent / "fixtures"

Saved = list[tuple[int, tuple[int, ...], str]]


class _Saved:
    """What autograd keeps in place of a tensor; gone when the graph no longer needs it."""

    __slots__ = ("__weakref__", "tensor")

    def __init__(self, tensor: torch.Tensor):
        self.tensor = tensor


def saved_tensors(model: torch.nn.Module, settings: dict[str, Any], vocab_size: int) -> Saved:
    """Bytes, shape and format of every storage that is kept for backward when a forward pass is over."""
    packed: list[weakref.ref[_Saved]] = []

    def pack(tensor: torch.Tensor) -> _Saved:
        saved = _Saved(tensor)
        packed.append(weakref.ref(saved))
        return saved

    inputs = inputs_of(model, settings, vocab_size)
    cast = settings.get("autocast")
    with torch.autograd.graph.saved_tensors_hooks(pack, lambda saved: saved.tensor):
        with torch.autocast("cpu", dtype=FORMATS[cast or "bf16"], enabled=bool(cast)):
            out = model(**inputs)  # noqa: F841  holds the graph
    weights = {p.untyped_storage().data_ptr() for p in model.parameters()}
    found: dict[int, tuple[int, torch.Tensor]] = {}
    for saved in (reference() for reference in packed):
        storage = None if saved is None else saved.tensor.untyped_storage()
        if storage is not None and storage.data_ptr() not in weights and storage.nbytes():
            found.setdefault(storage.data_ptr(), (storage.nbytes(), saved.tensor))
    return [(nbytes, tuple(t.shape), str(t.dtype).removeprefix("torch.")) for nbytes, t in found.values()]


def ours(config: dict[str, Any], settings: dict[str, Any]) -> vram.Ledger:
    """The same from the library."""
    return vram.activations(vram.Architecture.from_config(config), backend="cpu", **settings)


def difference(real: Saved, mine: vram.Ledger) -> str:
    """What differs between torch and the library, in bytes of single tensors; empty if nothing does."""
    if sum(nbytes for nbytes, _, _ in real) == mine.nbytes:
        return ""
    left = Counter(nbytes for nbytes, _, _ in real)
    left.subtract(t.nbytes // t.count for t in mine for _ in range(t.count))
    shapes = {nbytes: f"{shape} {dtype}" for nbytes, shape, dtype in real}
    names = {t.nbytes // t.count: t.name for t in mine}
    parts = [
        f"{'torch' if count > 0 else 'vram'} has {abs(count)} more of {nbytes:,} B: "
        f"{shapes.get(nbytes) if count > 0 else names.get(nbytes)}"
        for nbytes, count in left.items()
        if count
    ]
    return "; ".join(parts) or "the totals differ"


def random_case(family: str, random: Random) -> tuple[dict[str, Any], dict[str, Any]]:
    """A small model of a family, and a way to run it."""
    config = consistent(random_config(families[family], random))
    cast = random.random() < 0.3
    settings: dict[str, Any] = {
        "batch": random.choice((1, 2, 3)), "seq_len": random.choice((8, 24, 32)),
        "dtype": "fp32" if cast else random.choice(("fp32", "bf16")),
        "attention": "eager" if family in EAGER_ONLY else random.choice(("eager", "sdpa")),
        "dropout": random.choice((0.0, 0.1)), "checkpointing": random.choice(("none", "none", "full")),
        "autocast": "bf16" if cast else None, "loss": random.choice(("full", "full", "none")),
    }  # fmt: skip
    return config, settings


def fixed() -> Iterator[tuple[str, dict[str, Any], dict[str, Any]]]:
    """Name, config and settings of the fixtures' cases, with one layer and with two."""
    for name in ("activations", "loss"):
        for row in json.loads((FIXTURES / f"{name}.json").read_text(encoding="utf-8"))["cases"]:
            for layers in (1, 2):
                yield f"{row['id']}, {layers} layers", *settings_of(row, layers)


def drawn(scope: Scope) -> Iterator[tuple[str, dict[str, Any], dict[str, Any]]]:
    """The same of random cases, the families in turn."""
    random, names = Random(scope.seed), scope.only or EXACT
    for number in range(scope.count(few=2, many=5) * len(names)):
        config, settings = random_case(names[number % len(names)], random)
        yield f"{config} {settings}", config, settings


def measured(config: dict[str, Any], settings: dict[str, Any]) -> Saved:
    """What a real model saves."""
    model = build(config, settings)
    return saved_tensors(model, settings, model.config.get_text_config().vocab_size)


def cases(scope: Scope) -> Iterator[Result]:
    """The fixtures' cases, which change neither with seed nor family, then random ones."""
    tried = [] if scope.seed or scope.only else list(fixed())
    for name, config, settings in [*tried, *drawn(scope)]:
        if undescribed(vram.Architecture.from_config(config)):
            continue
        try:
            real = measured(config, settings)
        except Exception as error:  # whatever the real class raises, it cannot be compared
            yield refused(name, error)
        else:
            yield Result(name, difference(real, ours(config, settings)))


def save(path: Path, scope: Scope) -> None:
    """Keep the random cases as a fixture."""
    kept = []
    for _, config, settings in drawn(scope):
        try:
            real = measured(config, settings)
        except Exception:  # as above
            continue
        kept.append({"config": config, "settings": settings, "nbytes": sum(nbytes for nbytes, _, _ in real)})
    versions = {"torch": torch.__version__, "transformers": transformers.__version__}
    text = ",\n".join(map(json.dumps, kept))
    path.write_text(f'{{"versions": {json.dumps(versions)}, "cases": [\n{text}\n]}}\n', encoding="utf-8")


def main() -> int:
    """Compare, or what the options ask for instead."""
    arguments = parser(__doc__)
    arguments.add_argument("--save", type=Path, help="write the random cases as a fixture")
    arguments.add_argument("--list", nargs=2, type=json.loads, metavar=("CONFIG", "SETTINGS"))
    options = arguments.parse_args()
    torch.set_num_threads(1)
    if options.save:
        save(options.save, scope_of(options))
        return 0
    if options.list:
        real = measured(*options.list)
        for nbytes, shape, dtype in real:
            print(f"{nbytes:12,} {shape} {dtype}")
        print(difference(real, ours(*options.list)) or "equal")
        return 0
    return report("activations and loss", cases(scope_of(options)), verbose=options.verbose)


if __name__ == "__main__":
    sys.exit(main())
