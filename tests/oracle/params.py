"""Do the counts of the library equal those of the real classes? Run it with torch and transformers installed.

    python tests/oracle/params.py              fixture, catalogue, wrappers, 20 random configs of every family
    python tests/oracle/params.py --random 200 --seed 7 qwen3_moe falcon
    python tests/oracle/params.py --write      measure and store tests/fixtures/catalogue.json and families.json

Random configs are compared tensor by tensor, name and shape; fixture, catalogue and wrappers by totals. Every
difference is printed; the exit status is 1 if there is one.
"""

from __future__ import annotations

import argparse
import itertools
import json
import re
import sys
from collections.abc import Iterator
from math import prod
from pathlib import Path
from random import Random
from typing import Any

TESTS = Path(__file__).parent.parent
sys.path.insert(0, str(TESTS))

import torch  # noqa: E402
import transformers  # noqa: E402
from real import WITHOUT_CLASS, build, parameters  # noqa: E402

import vram  # noqa: E402
from random_configs import families_by_name, random_config  # noqa: E402
from vram.architectures.config import WRAPPERS  # noqa: E402
from vram.architectures.families import families  # noqa: E402

FIXTURES = TESTS / "fixtures"

#: Names in a checkpoint → names in transformers 5, where its classes renamed a module.
RENAMED = (
    (r"block_sparse_moe\.gate\.", "mlp.gate."),
    (r"block_sparse_moe\.input_linear\.weight", "block_sparse_moe.experts.gate_up_proj"),
    (r"block_sparse_moe\.output_linear\.weight", "block_sparse_moe.experts.down_proj"),
    (r"block_sparse_moe\.router\.layer\.", "block_sparse_moe.router."),
    (r"^embed_out\.", "lm_head."),
)


def stacked(names: dict[str, tuple[int, ...]], model_type: str) -> dict[str, tuple[int, ...]]:
    """Tensors of single experts put together as the classes of transformers 5 hold them, and its names."""
    result: dict[str, tuple[int, ...]] = {}
    for name, shape in names.items():
        expert = re.fullmatch(r"(.*\.)experts\.\d+\.(gate_proj|up_proj|down_proj|w1|w2|w3)\.weight", name)
        if expert:
            base, part = expert[1].replace("block_sparse_moe", "mlp"), expert[2]
            target = f"{base}experts.{'down_proj' if part in ('down_proj', 'w2') else 'gate_up_proj'}"
            rows = shape[0] * (1 if part in ("down_proj", "w2") else 2)  # gate and up lie one above the other
            count = result.get(target, (0,))[0] + (part not in ("gate_proj", "w1"))
            result[target] = (count, rows, shape[1])
            continue
        for pattern, new in RENAMED:
            name = re.sub(pattern, new, name)
        if model_type == "phimoe":
            name = name.replace("mlp.gate.", "mlp.router.")
        result[name] = shape
    return result


def difference(config: dict[str, Any]) -> str:
    """What the library and the class disagree about, or nothing."""
    try:
        real = parameters(build(config), config)
    except Exception as error:  # the class refuses this config; how many it refuses is printed
        return f"not built: {type(error).__name__}"
    ledger = vram.weights(vram.Architecture.from_config(config))
    ours = stacked({name: t.shape for t in ledger for name in t.names()}, config["model_type"])
    wrong = [f"{n} {ours.get(n)} ≠ {real.get(n)}" for n in sorted({*ours, *real}) if ours.get(n) != real.get(n)]
    return "; ".join(wrong[:4])


def totals() -> Iterator[tuple[str, int, int]]:
    """Name, our total and the real one, for the fixture, the catalogue and the wrappers."""
    for case in json.loads((FIXTURES / "params.json").read_text())["cases"]:
        yield f"fixture {case['id']}", case["total"], measured(case["config"])
    for name in vram.models:
        config = vram.models.entries()[name]["config"]
        if config["model_type"] not in WITHOUT_CLASS:
            yield name, vram.weights(vram.models[name]).numel, measured(config)
    for config in wrapped():
        yield str(config), vram.weights(vram.Architecture.from_config(config)).numel, measured(config)


def wrapped() -> Iterator[dict[str, Any]]:
    """Configs of small models inside every wrapper, the head tied or not by the whole and by the language model."""
    sizes = {"hidden_size": 64, "intermediate_size": 48, "num_hidden_layers": 2, "num_attention_heads": 4,
             "num_key_value_heads": 2, "vocab_size": 100}  # fmt: skip
    for wrapper in WRAPPERS.values():
        for whole, text in itertools.product((None, True, False), repeat=2):
            inner = {"model_type": wrapper.text, **sizes, **_tie(text)}
            config = {"model_type": wrapper.model_type, "text_config": inner, **_tie(whole)}
            if wrapper.model_type == "aya_vision":  # its own default for the vision part is refused by its class
                config["vision_config"] = {"model_type": "siglip_vision_model", "hidden_size": 96}
            yield config


def _tie(value: bool | None) -> dict[str, bool]:
    return {} if value is None else {"tie_word_embeddings": value}


def measured(config: dict[str, Any]) -> int:
    return sum(map(prod, parameters(build(config), config).values()))


def write() -> None:
    """The totals of the real classes as fixtures: of the catalogue, and of small models of every family."""
    versions = {"torch": torch.__version__, "transformers": transformers.__version__}
    models = {
        name: measured(entry["config"])
        for name, entry in vram.models.entries().items()
        if entry["config"]["model_type"] not in WITHOUT_CLASS
    }
    about = "Parameters of the real class of every model of the catalogue, on the meta device (tests/oracle/params.py)."
    text = json.dumps({"about": about, "versions": versions, "parameters": models}, indent=1)
    (FIXTURES / "catalogue.json").write_text(text + "\n")
    rows = [row for name in families_by_name() if name not in WITHOUT_CLASS for row in _small(name)]
    rows += [{"config": config, "total": measured(config)} for config in wrapped()]
    about = "Parameters of real classes: each family's defaults, small models, models inside wrappers"
    about += " (tests/oracle/params.py)."
    lines = ",\n ".join(json.dumps(row) for row in rows)
    head = f'"about": {json.dumps(about)},\n"versions": {json.dumps(versions)}'
    (FIXTURES / "families.json").write_text(f'{{{head},\n"cases": [\n {lines}\n]}}\n')


def _small(name: str, number: int = 6) -> Iterator[dict[str, Any]]:
    """The family's defaults, where the class accepts them, and some random small models, with their totals."""
    configs = [{"model_type": name}, *(random_config(families[name], Random(f"{name} {n}")) for n in range(40))]
    found = 0
    for config in configs:
        if config.get("architectures") == ["AnyModel"]:  # a name that only `build` understands
            config.pop("architectures")
        try:
            total = measured(config)
        except Exception:  # the class refuses this config
            continue
        found += 1
        yield {"config": config, "total": total}
        if found == number:
            return


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("families", nargs="*", help="families to try at random; all by default")
    parser.add_argument("--random", type=int, default=20, help="random configs of each family")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--write", action="store_true", help="store the real totals as fixtures")
    options = parser.parse_args()
    if options.write:
        write()
        return 0
    wrong = 0
    if not options.families:
        rows = list(totals())
        for name, ours, real in rows:
            if ours != real:
                wrong += 1
                print(f"{name}: {ours:,} counted, {real:,} in the class")
        print(f"{len(rows) - wrong} of {len(rows)} totals equal")
    for name in options.families or families_by_name():
        if name in WITHOUT_CLASS or name.endswith("_vl_text"):  # the latter only inside their wrappers
            continue
        equal = built = 0
        for number in range(options.random):
            config = random_config(families[name], Random(f"{name} {options.seed} {number}"))
            found = difference(config)
            built += not found.startswith("not built")
            equal += not found
            if found and not found.startswith("not built"):
                print(f"{name}: {found}\n    {config}")
        wrong += built - equal
        print(f"{name}: {equal} of {built} random models equal ({options.random - built} are refused by the class)")
    return int(wrong > 0)


if __name__ == "__main__":
    sys.exit(main())
