"""Is the peak of a training step what torch holds? Run it with torch, transformers and peft installed.

    python tests/oracle/peak.py               small models that really run on a CPU, phase by phase
    python tests/oracle/peak.py --fixture     the fixture's large models too, with fake tensors (minutes)

Small models are counted storage by storage; large ones by torch's memory tracker under FakeTensorMode, which computes
nothing. Differences above 2 % are printed; the exit status is 1 if there is one.
"""

from __future__ import annotations

import argparse
import gc
import json
import logging
import sys
import warnings
from importlib import import_module
from pathlib import Path
from typing import Any

TESTS = Path(__file__).parent.parent
sys.path[:0] = [str(TESTS), str(Path(__file__).parent)]

import torch  # noqa: E402
import transformers  # noqa: E402
from alive import Alive  # noqa: E402
from running import build  # noqa: E402
from torch._subclasses.fake_tensor import FakeTensorMode  # noqa: E402
from torch.distributed._tools.mem_tracker import MemTracker  # noqa: E402

import vram  # noqa: E402
from cases import step_of  # noqa: E402

logging.disable(logging.WARNING)
warnings.simplefilter("ignore")

TOLERANCE = 0.02
LLAMA = {
    "model_type": "llama", "hidden_size": 128, "num_attention_heads": 4, "num_key_value_heads": 2,
    "intermediate_size": 512, "num_hidden_layers": 4, "vocab_size": 256, "tie_word_embeddings": False,
}  # fmt: skip
GPT2 = {"model_type": "gpt2", "n_embd": 128, "n_head": 4, "n_layer": 3, "vocab_size": 500, "n_positions": 256}

#: A small model, and words of `vram.training` beside batch 2, 128 tokens, plain SGD.
SMALL: list[tuple[dict[str, Any], dict[str, Any]]] = [
    (LLAMA, {"recipe": "fp32"}),
    (LLAMA, {"recipe": "bf16", "attention": "eager"}),
    (LLAMA, {"recipe": "fp32", "checkpointing": "full"}),
    (LLAMA, {"recipe": "bf16", "attention": "eager", "checkpointing": "full"}),
    (LLAMA, {"recipe": "autocast"}),
    (LLAMA, {"recipe": "autocast", "checkpointing": "full"}),
    (LLAMA, {"recipe": "fp32", "lora": {"rank": 8}, "base": "fp32"}),
    ({**LLAMA, "vocab_size": 4096}, {"recipe": "fp32", "seq_len": 16}),
    (GPT2, {"recipe": "fp32", "attention": "eager", "dropout": 0.1}),
    (GPT2, {"recipe": "bf16", "activation": "gelu"}),
    (GPT2, {"recipe": "autocast", "checkpointing": "full"}),
    ({**GPT2, "vocab_size": 4000}, {"recipe": "fp32"}),
]


def real_phases(config: dict[str, Any], words: dict[str, Any]) -> dict[str, int]:
    """Bytes beside the weights: after forward, at the peak of backward, after backward."""
    dtype = "bf16" if words["recipe"] == "bf16" else "fp32"
    lora = {"r": words["lora"]["rank"], "target_modules": "all-linear"} if "lora" in words else None
    model = build(config, {**words, "dtype": dtype, "lora": lora})
    tokens = torch.randint(0, config["vocab_size"], (words["batch"], words["seq_len"]))
    found: dict[str, int] = {}
    for _ in range(2):  # the first run fills caches
        model.zero_grad(set_to_none=True)
        gc.collect()
        with Alive() as alive:
            with torch.autocast("cpu", dtype=torch.bfloat16, enabled=words["recipe"] == "autocast"):
                loss = model(input_ids=tokens, labels=tokens, use_cache=False).loss
            found = {"after forward": alive.now}
            alive.reset()
            loss.backward()
            found |= {"peak of backward": alive.peak}
        del loss
    return found


def our_phases(config: dict[str, Any], words: dict[str, Any]) -> dict[str, int]:
    """The same from the library."""
    timeline = vram.training(vram.Architecture.from_config(config), optimizer="sgd", backend="cpu", **words)
    weights = timeline.phases["forward"].select(kind="weights").nbytes
    return {
        "after forward": timeline.after["forward"].nbytes - weights,
        "peak of backward": max(timeline.nbytes(p) for p in ("start of backward", "backward")) - weights,
    }


def tracked(case: dict[str, Any]) -> dict[str, int]:
    """The totals of a case of peak.json, from torch's memory tracker."""
    keys = {k: v for k, v in {**case["config"], **case["override"]}.items() if k not in ("architectures", "model_type")}
    family = case["config"]["model_type"]
    if family == "gpt2":
        keys |= {"resid_pdrop": 0.0, "embd_pdrop": 0.0, "attn_pdrop": 0.0}
    if case["attn"] == "sdpa":  # fake tensors cannot tell that the mask is not needed; real ones can
        import_module(f"transformers.models.{family}.modeling_{family}").create_causal_mask = lambda **given: None
    real = transformers.AutoConfig.for_model(family, **keys)
    with FakeTensorMode():
        model = transformers.AutoModelForCausalLM.from_config(
            real, attn_implementation=case["attn"], dtype=getattr(torch, case["dtype"])
        ).train()
        if case["checkpoint"]:
            model.gradient_checkpointing_enable(gradient_checkpointing_kwargs={"use_reentrant": False})
        optimizer = getattr(torch.optim, case["optimizer"])(model.parameters(), foreach=case["foreach"])
        tokens = torch.randint(0, real.vocab_size, (case["b"], case["s"]))
        tracker, found = MemTracker(), {}
        tracker.track_external(model, optimizer)
        with tracker:
            for step in range(2):  # the optimizer's states exist from the second step on
                if step:
                    tracker.reset_mod_stats()
                with torch.autocast("cpu", dtype=torch.bfloat16, enabled=case["autocast_bf16"]):
                    loss = model(input_ids=tokens, labels=tokens, use_cache=False).loss
                found["after_forward"] = _total(tracker, "current")
                loss.backward()
                found["after_backward"] = _total(tracker, "current")
                optimizer.step()
                optimizer.zero_grad()
        found["peak"] = _total(tracker, "peak")
    return found


def _total(tracker: MemTracker, when: str) -> int:
    return tracker.get_tracker_snapshot(when)[torch.device("cpu")]["Total"]


def compare(name: str, real: dict[str, int], ours: dict[str, int]) -> bool:
    """Prints one case; True if all is within the tolerance."""
    parts = [f"{what} {ours[what]:,} of {nbytes:,} ({ours[what] / nbytes - 1:+.2%})" for what, nbytes in real.items()]
    right = all(abs(ours[what] / nbytes - 1) <= TOLERANCE for what, nbytes in real.items())
    print(f"{'ok   ' if right else 'WRONG'} {name}\n      {' · '.join(parts)}", flush=True)
    return right


def main() -> int:
    """Small models; with --fixture the large ones too."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--fixture", action="store_true")
    options = parser.parse_args()
    torch.set_num_threads(1)
    right = []
    for config, words in SMALL:
        words = {"batch": 2, "seq_len": 128, **words}
        right.append(compare(f"{config['model_type']} {words}", real_phases(config, words), our_phases(config, words)))
    cases = json.loads((TESTS / "fixtures/peak.json").read_text(encoding="utf-8"))["cases"] if options.fixture else []
    for case in cases:
        config, words = step_of(case)
        timeline = vram.training(vram.Architecture.from_config(config), **words)
        ours = {"peak": timeline.peak, **{f"after_{p}": timeline.after[p].nbytes for p in ("forward", "backward")}}
        right.append(compare(case["id"], tracked(case), ours))
    print(f"{len(right)} cases, {right.count(False)} wrong")
    return not all(right)


if __name__ == "__main__":
    sys.exit(main())
