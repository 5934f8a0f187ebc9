"""Does the library train what peft trains? Run it with torch, transformers and peft installed.

    python tests/oracle/lora.py                the fixture's cases live, then random adapters on small random models
    python tests/oracle/lora.py --random 100 --seed 3

Random adapters are compared tensor by tensor, name and shape, with experts="peft" and all rows of the fixture by their
totals. Every difference is printed; the exit status is 1 if there is one.
"""

from __future__ import annotations

import argparse
import json
import logging
import sys
import warnings
from pathlib import Path
from random import Random
from typing import Any

TESTS = Path(__file__).parent.parent
sys.path.insert(0, str(TESTS))

from peft import LoraConfig, get_peft_model  # noqa: E402
from real import WITHOUT_CLASS, build  # noqa: E402

import vram  # noqa: E402
from random_configs import families_by_name, random_config  # noqa: E402
from vram.architectures.families import families  # noqa: E402

logging.disable(logging.WARNING)
warnings.simplefilter("ignore")


def peft_trains(config: dict[str, Any], options: dict[str, Any]) -> dict[str, tuple[int, ...]]:
    """Name → shape of what peft marks as trainable."""
    model = get_peft_model(build(config), LoraConfig(**options))
    found = {n: tuple(p.shape) for n, p in model.named_parameters() if p.requires_grad}
    return {_stored(name): shape for name, shape in found.items()}


def _stored(name: str) -> str:
    """The name as an adapter's checkpoint has it: without the adapter's own name."""
    for inside in (".modules_to_save.default", ".default"):
        name = name.replace(inside, "")
    return name.replace("lora_magnitude_vector.weight", "lora_magnitude_vector").replace("mlp.router.", "mlp.gate.")


def ours(config: dict[str, Any], options: dict[str, Any]) -> dict[str, tuple[int, ...]]:
    """The same from the library."""
    arch = vram.Architecture.from_config(config)
    words = {"r": "rank", "target_modules": "targets", "use_dora": "dora"}
    ledger = vram.lora(arch, experts="peft", **{words.get(k, k): v for k, v in options.items()})
    names = {name: t.shape for t in ledger for name in t.names()}
    renamed = {"embed_out": "lm_head", "mlp.router.": "mlp.gate."}
    for old, new in renamed.items():
        names = {name.replace(old, new): shape for name, shape in names.items()}
    return names


def random_options(arch: vram.Architecture, random: Random) -> dict[str, Any]:
    """Arguments that peft accepts for a model: targets by name, by pattern or all, and some options."""
    ledger = arch.parameters("fp32", tied_head=True)
    adaptable = [t for t in ledger if t.op in ("linear", "conv1d") and len(t.shape) == 2 and t.part != "expert"]
    ends = sorted({t.name.rsplit(".", 2)[-2] for t in adaptable if t.kind != "router"} - {"embed_out"})
    kind = random.choice(("all", "list", "list", "pattern"))
    if kind == "all":
        targets: Any = "all-linear"
    elif kind == "list" or arch.family.has_experts:
        targets = random.sample(ends, random.randint(1, min(4, len(ends))))
    else:
        targets = rf".*\.[0-{random.randint(0, 3)}]\..*({'|'.join(random.sample(ends, min(2, len(ends))))})"
    options: dict[str, Any] = {"target_modules": targets, "r": random.choice((1, 2, 3))}
    if random.random() < 0.3:
        options["use_dora"] = True
    if random.random() < 0.3:
        options["lora_bias"] = True
    if random.random() < 0.5:
        options["bias"] = random.choice(("all", "lora_only"))
    if random.random() < 0.2 and kind == "list":
        options["layers_to_transform"] = [0]
    if random.random() < 0.2 and len(ends) > 2:
        options["exclude_modules"] = [random.choice(ends)]
    return options


def compare(name: str, number: int, seed: int) -> str | None:
    """What differs for one random model and adapter, "" for nothing, None where peft or we refuse."""
    random = Random(f"{name} {seed} {number}")
    config = random_config(families[name], random)
    if "architectures" in config and name not in ("bert", "roberta", "t5"):
        config.pop("architectures")
    options = random_options(vram.Architecture.from_config(config), random)
    try:
        real = peft_trains(config, options)
    except Exception:  # the class or peft refuses; how many is printed
        return None
    try:
        mine = ours(config, options)
    except vram.VramError as error:
        return f"refused: {error}"[:300] + f"\n    {config}\n    {options}"
    wrong = [f"{n} {mine.get(n)} ≠ {real.get(n)}" for n in sorted({*mine, *real}) if mine.get(n) != real.get(n)]
    return "; ".join(wrong[:4]) + (f"\n    {config}\n    {options}" if wrong else "")


def fixture() -> int:
    """The rows of the fixture measured again: how many differ from what is stored."""
    wrong = 0
    for case in json.loads((TESTS / "fixtures" / "lora.json").read_text())["cases"]:
        config = vram.models.entries()[case["model"]]["config"]
        options = {**case["options"], "r": case["r"], "target_modules": case["target_modules"]}
        real = sum(_size(shape) for shape in peft_trains(config, options).values())
        if real != case["trainable"]:
            wrong += 1
            print(f"{case['id']}: {case['trainable']:,} stored, {real:,} now")
    return wrong


def _size(shape: tuple[int, ...]) -> int:
    size = 1
    for n in shape:
        size *= n
    return size


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("families", nargs="*", help="families to try at random; all by default")
    parser.add_argument("--random", type=int, default=10, help="random adapters for each family")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    wrong = 0 if options.families else fixture()
    for name in options.families or families_by_name():
        if name in WITHOUT_CLASS or name.endswith("_vl_text"):
            continue
        results = [compare(name, number, options.seed) for number in range(options.random)]
        known = [found for found in results if found is not None]
        for found in filter(None, known):
            wrong += 1
            print(f"{name}: {found}")
        print(f"{name}: {known.count('')} of {len(known)} random adapters equal")
    return int(wrong > 0)


if __name__ == "__main__":
    sys.exit(main())
