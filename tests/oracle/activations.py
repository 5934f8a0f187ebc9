"""Does the library know what torch saves for backward? Run it with torch, transformers and peft installed.

    python tests/oracle/activations.py              the fixtures' cases live, then random ones
    python tests/oracle/activations.py --random 200 --seed 3 --family llama qwen3_moe
    python tests/oracle/activations.py --save tests/fixtures/activations_families.json
    python tests/oracle/activations.py --list '{"model_type": "llama", …}' '{"batch": 2, "seq_len": 64}'

A forward pass runs under saved_tensors_hooks on a CPU; each storage counts once, parameters not at all. One thread,
because some kernels keep a buffer for each. Every difference is printed; the exit status is 1 if there is one.
"""

from __future__ import annotations

import argparse
import json
import logging
import sys
import warnings
from collections import Counter
from pathlib import Path
from random import Random
from typing import Any

TESTS = Path(__file__).parent.parent
sys.path[:0] = [str(TESTS), str(Path(__file__).parent)]

import torch  # noqa: E402
import transformers  # noqa: E402
from running import FORMATS, build  # noqa: E402

import vram  # noqa: E402
from cases import settings_of  # noqa: E402
from random_configs import random_config  # noqa: E402
from vram.architectures.families import families  # noqa: E402
from vram.memory.activations.model import EXACT, undescribed  # noqa: E402

logging.disable(logging.WARNING)
warnings.simplefilter("ignore")

Saved = list[tuple[int, tuple[int, ...], str]]


def saved_tensors(model: torch.nn.Module, settings: dict[str, Any], vocab_size: int) -> Saved:
    """Bytes, shape and format of every storage that a forward pass keeps for backward."""
    weights = {p.untyped_storage().data_ptr() for p in model.parameters()}
    found: dict[int, tuple[int, torch.Tensor]] = {}

    def pack(tensor: torch.Tensor) -> torch.Tensor:
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in weights and storage.nbytes():
            found.setdefault(storage.data_ptr(), (storage.nbytes(), tensor))
        return tensor

    tokens = torch.randint(0, vocab_size, (settings["batch"], settings["seq_len"]))
    labels = None if settings.get("loss") == "none" else tokens
    cast = settings.get("autocast")
    with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
        with torch.autocast("cpu", dtype=FORMATS[cast or "bf16"], enabled=bool(cast)):
            model(input_ids=tokens, labels=labels, use_cache=False)
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
    config = {k: v for k, v in random_config(families[family], random).items() if k != "architectures"}
    cast = random.random() < 0.3
    settings: dict[str, Any] = {
        "batch": random.choice((1, 2, 3)), "seq_len": random.choice((8, 24, 32)),
        "dtype": "fp32" if cast else random.choice(("fp32", "bf16")), "attention": random.choice(("eager", "sdpa")),
        "dropout": random.choice((0.0, 0.1)), "checkpointing": random.choice(("none", "none", "full")),
        "autocast": "bf16" if cast else None, "loss": random.choice(("full", "full", "none")),
    }  # fmt: skip
    return config, settings


def main() -> int:
    """The cases of the fixtures, then random ones."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--random", type=int, default=5 * len(EXACT))
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--family", nargs="*", default=EXACT)
    parser.add_argument("--save", type=Path, help="write the random cases that are equal, as a fixture")
    parser.add_argument("--list", nargs=2, metavar=("CONFIG", "SETTINGS"))
    options = parser.parse_args()
    torch.set_num_threads(1)
    if options.list:
        config, settings = map(json.loads, options.list)
        model = build(config, settings)
        real = saved_tensors(model, settings, model.config.vocab_size)
        for nbytes, shape, dtype in real:
            print(f"{nbytes:12,} {shape} {dtype}")
        print(difference(real, ours(config, settings)) or "equal")
        return 0
    wrong = tried = 0
    kept = []
    files = [TESTS / f"fixtures/{name}.json" for name in ("activations", "loss")]
    rows = [case for file in files for case in json.loads(file.read_text(encoding="utf-8"))["cases"]]
    cases = [(f"{c['id']}, {layers} layers", *settings_of(c, layers)) for c in rows for layers in (1, 2)]
    if options.seed:
        cases = []  # the fixtures do not change with the seed
    random = Random(options.seed)
    for number in range(options.random):
        family = options.family[number % len(options.family)]
        config, settings = random_case(family, random)
        cases.append((f"{config} {settings}", config, settings))
    for name, config, settings in cases:
        if undescribed(vram.Architecture.from_config(config)):
            continue
        try:
            model = build(config, settings)
            real = saved_tensors(model, settings, model.config.vocab_size)
        except Exception as error:  # whatever the real class raises, it cannot be compared
            print(f"not run: {type(error).__name__} {str(error)[:100]!r}: {name}")
            continue
        tried += 1
        if found := difference(real, ours(config, settings)):
            wrong += 1
            print(f"{name}\n    {found}", flush=True)
        elif name.startswith("{"):
            kept.append({"config": config, "settings": settings, "nbytes": sum(nbytes for nbytes, _, _ in real)})
    if options.save:
        versions = {"torch": torch.__version__, "transformers": transformers.__version__}
        text = ",\n".join(map(json.dumps, kept))
        options.save.write_text(f'{{"versions": {json.dumps(versions)}, "cases": [\n{text}\n]}}\n', encoding="utf-8")
    print(f"{tried} cases, {wrong} differ")
    return bool(wrong)


if __name__ == "__main__":
    sys.exit(main())
