"""Does the library train what peft trains? The fixture's adapters live, then random ones on small random models.

Random adapters are compared tensor by tensor, name and shape, with experts="peft"; the fixture's by their totals.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from math import prod
from pathlib import Path
from random import Random
from typing import Any

from comparison import Result, Scope, equal, equal_tensors, refused, run
from peft import LoraConfig, get_peft_model
from real import WITHOUT_CLASS, build

import vram
from random_configs import families_by_name, random_config
from vram.architectures.families import families

FIXTURE = Path(__file__).parent.parent / "fixtures" / "lora.json"


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


def fixture(everything: bool) -> Iterator[Result]:
    """Rows of the fixture measured again: all of them, or one of each model, in turn the first, the second …"""
    rows = json.loads(FIXTURE.read_text(encoding="utf-8"))["cases"]
    if not everything:
        models = [[row for row in rows if row["model"] == name] for name in dict.fromkeys(r["model"] for r in rows)]
        rows = [of_model[number % len(of_model)] for number, of_model in enumerate(models)]
    for row in rows:
        config = vram.models.entries()[row["model"]]["config"]
        options = {**row["options"], "r": row["r"], "target_modules": row["target_modules"]}
        yield equal(f"fixture {row['id']}", row["trainable"], sum(map(prod, peft_trains(config, options).values())))


def random_case(name: str, random: Random) -> Result:
    """A random adapter on a random model of a family."""
    config = random_config(families[name], random)
    if "architectures" in config and name not in ("bert", "roberta", "t5"):
        config.pop("architectures")
    options = random_options(vram.Architecture.from_config(config), random)
    case = f"{config} {options}"
    try:
        real = peft_trains(config, options)
    except Exception as error:  # the class or peft refuses
        return refused(case, error)
    try:
        return equal_tensors(case, ours(config, options), real)
    except vram.VramError as error:
        return Result(case, f"vram refuses: {error}"[:300])


def cases(scope: Scope) -> Iterator[Result]:
    """The fixture, unless families are named; then random adapters of each family."""
    if not scope.only:
        yield from fixture(scope.everything)
    for name in scope.only or families_by_name():
        if name not in WITHOUT_CLASS and not name.endswith("_vl_text"):  # the latter only inside their wrappers
            for number in range(scope.count(few=2, many=10)):
                yield random_case(name, Random(f"{name} {scope.seed} {number}"))


if __name__ == "__main__":
    run(__doc__, "LoRA adapters", cases)
