"""Do the counts of the library equal those of the real classes, built on the meta device?

    params.py --random 200 --seed 7 qwen3_moe falcon
    params.py --write      measure and store tests/fixtures/catalogue.json and families.json

Fixture, catalogue and wrappers are compared by totals, random configs of every family tensor by tensor.
"""

from __future__ import annotations

import itertools
import json
import re
import sys
from collections.abc import Iterator
from math import prod
from pathlib import Path
from random import Random
from typing import Any

import torch
import transformers
from comparison import Result, Scope, equal, equal_tensors, parser, refused, report, scope_of
from real import WITHOUT_CLASS, build, parameters

import vram
from random_configs import families_by_name, random_config
from vram.architectures.config import WRAPPERS
from vram.architectures.families import families

FIXTURES = Path(__file__).parent.parent / "fixtures"

#: Names in a checkpoint → names in transformers 5, where its classes renamed a module.
RENAMED = (
    (r"block_sparse_moe\.gate\.", "mlp.gate."),
    (r"block_sparse_moe\.input_linear\.weight", "block_sparse_moe.experts.gate_up_proj"),
    (r"block_sparse_moe\.output_linear\.weight", "block_sparse_moe.experts.down_proj"),
    (r"block_sparse_moe\.router\.layer\.", "block_sparse_moe.router."),
    (r"^embed_out\.", "lm_head."),
    (r"mlp\.moe_statics\.", "mlp.gate.moe_statics."),
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
        result[name] = (1, *shape) if "moe_statics" in name else shape
    return result


def random_case(config: dict[str, Any]) -> Result:
    """Every tensor of a config, name and shape."""
    case = str(config)
    try:
        real = parameters(build(config), config)
    except Exception as error:  # the class refuses this config
        return refused(case, error)
    ledger = vram.weights(vram.Architecture.from_config(config))
    return equal_tensors(case, stacked({n: t.shape for t in ledger for n in t.names()}, config["model_type"]), real)


def totals() -> Iterator[tuple[str, int, int]]:
    """Name, our total and the real one, for the fixture, the catalogue and the wrappers."""
    for case in json.loads((FIXTURES / "params.json").read_text())["cases"]:
        yield f"fixture {case['id']}", case["total"], measured(case["config"])
    for name in vram.models:
        entry = vram.models.entries()[name]
        if entry["config"]["model_type"] not in WITHOUT_CLASS:
            yield name, vram.weights(vram.models[name]).numel, checkpoint(entry)
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


def checkpoint(entry: dict[str, Any]) -> int:
    """Parameters of a model of the catalogue; a head that its class ties and its checkpoint stores is counted."""
    model = build(entry["config"])
    total = sum(map(prod, parameters(model, entry["config"]).values()))
    return total + model.lm_head.weight.numel() if entry.get("fields") == {"tie_word_embeddings": False} else total


def measured(config: dict[str, Any]) -> int:
    return sum(map(prod, parameters(build(config), config).values()))


def write() -> None:
    """The totals of the real classes as fixtures: of the catalogue, and of small models of every family."""
    versions = {"torch": torch.__version__, "transformers": transformers.__version__}
    models = {
        name: checkpoint(entry)
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


def cases(scope: Scope) -> Iterator[Result]:
    """Totals, unless families are named; then random configs of each family."""
    if not scope.only:
        for name, ours, real in totals():
            yield equal(name, ours, real)
    for name in scope.only or families_by_name():
        if name not in WITHOUT_CLASS and not name.endswith("_vl_text"):  # the latter only inside their wrappers
            for number in range(scope.count(few=3, many=20)):
                yield random_case(random_config(families[name], Random(f"{name} {scope.seed} {number}")))


def main() -> int:
    """Compare, or store what is measured."""
    arguments = parser(__doc__)
    arguments.add_argument("--write", action="store_true", help="store the real totals as fixtures")
    options = arguments.parse_args()
    if options.write:
        write()
        return 0
    return report("parameters", cases(scope_of(options)), verbose=options.verbose)


if __name__ == "__main__":
    sys.exit(main())
