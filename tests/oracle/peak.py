"""Is the peak of a training step what torch holds? Small models that run, and large ones with fake tensors.

Small models are counted storage by storage; the fixture's large ones by torch's memory tracker under FakeTensorMode,
which computes nothing and still takes minutes: without --all only GPT-2. `--write FILE` puts what was measured of the
small models into a file of the form of tests/fixtures/peak_small.json.
"""

from __future__ import annotations

import gc
import json
import sys
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

import peft
import torch
import transformers
from alive import Alive
from bitsandbytes.nn import Linear4bit
from comparison import Result, Scope, close, run
from running import build, inputs_of
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.distributed._tools.mem_tracker import MemTracker
from torch.profiler import ProfilerActivity, profile

import vram
from cases import step_of

FIXTURE = Path(__file__).parent.parent / "fixtures" / "peak.json"

LLAMA = {
    "model_type": "llama", "hidden_size": 128, "num_attention_heads": 4, "num_key_value_heads": 2,
    "intermediate_size": 512, "num_hidden_layers": 4, "vocab_size": 256, "tie_word_embeddings": False,
}  # fmt: skip
GPT2 = {"model_type": "gpt2", "n_embd": 128, "n_head": 4, "n_layer": 3, "vocab_size": 500, "n_positions": 256}

T5 = {
    "model_type": "t5", "d_model": 128, "d_kv": 32, "d_ff": 512, "num_layers": 3, "num_decoder_layers": 4,
    "num_heads": 4, "vocab_size": 256,
}  # fmt: skip

ROTARY = {"n_head": 8, "rotary_dim": 8}
EXPERTS = {"num_local_experts": 4, "num_experts_per_tok": 2}
LATENT = {
    "num_key_value_heads": 4, "q_lora_rank": 64, "kv_lora_rank": 32, "qk_nope_head_dim": 32, "qk_rope_head_dim": 16,
    "v_head_dim": 32, "n_routed_experts": 4, "moe_intermediate_size": 64, "n_shared_experts": 1,
    "first_k_dense_replace": 1, "n_group": 1, "topk_group": 1,
}  # fmt: skip
DBRX = {
    "model_type": "dbrx", "d_model": 128, "n_heads": 4, "n_layers": 3, "vocab_size": 256,
    "attn_config": {"kv_n_heads": 2, "rope_theta": 10_000.0, "clip_qkv": 8.0},
    "ffn_config": {"ffn_hidden_size": 256, "moe_num_experts": 4, "moe_top_k": 2},
}  # fmt: skip

#: So small that activations outweigh the gradients.
TINY = {**LATENT, "hidden_size": 64, "intermediate_size": 96, "vocab_size": 64, "num_hidden_layers": 2,
        "qk_nope_head_dim": 16, "qk_rope_head_dim": 8, "v_head_dim": 16, "moe_intermediate_size": 32}  # fmt: skip

#: A small model, and words of `vram.training` beside batch 2, 128 tokens, plain SGD.
SMALL: list[tuple[dict[str, Any], dict[str, Any]]] = [
    (LLAMA, {"recipe": "fp32"}),
    (LLAMA, {"recipe": "bf16", "attention": "eager"}),
    (LLAMA, {"recipe": "fp32", "checkpointing": "full"}),
    (LLAMA, {"recipe": "bf16", "attention": "eager", "checkpointing": "full"}),
    (LLAMA, {"recipe": "autocast"}),
    (LLAMA, {"recipe": "autocast", "checkpointing": "full"}),
    (LLAMA, {"recipe": "fp32", "lora": {"rank": 8}, "base": "fp32"}),
    (LLAMA, {"recipe": "autocast", "lora": {"rank": 8}, "base": "bf16"}),
    (LLAMA, {"recipe": "autocast", "lora": {"rank": 8}, "base": "bf16", "lora_dropout": 0.1, "checkpointing": "full"}),
    (LLAMA, {"recipe": "fp32", "lora": {"rank": 8, "dora": True}, "base": "bf16"}),
    (LLAMA, {"recipe": "autocast", "lora": {"rank": 8, "dora": True}, "base": "bf16", "lora_dropout": 0.1}),
    (LLAMA, {"recipe": "fp32", "lora": {"rank": 8, "targets": ["embed_tokens", "v_proj"]}, "base": "bf16"}),
    (LLAMA, {"recipe": "fp32", "lora": {"rank": 8}, "base": "nf4", "checkpointing": "full"}),
    (LLAMA, {"recipe": "autocast", "lora": {"rank": 8}, "base": "nf4", "lora_dropout": 0.1}),
    (LLAMA, {"recipe": "autocast", "lora": {"rank": 8, "dora": True}, "base": "nf4"}),
    (GPT2, {"recipe": "fp32", "lora": {"rank": 8}, "base": "fp32"}),
    (GPT2, {"recipe": "fp32", "lora": {"rank": 8, "dora": True}, "base": "bf16", "checkpointing": "full"}),
    ({**LLAMA, "vocab_size": 4096}, {"recipe": "fp32", "seq_len": 16}),
    (GPT2, {"recipe": "fp32", "attention": "eager", "dropout": 0.1}),
    (GPT2, {"recipe": "bf16", "activation": "gelu"}),
    (GPT2, {"recipe": "autocast", "checkpointing": "full"}),
    ({**GPT2, "vocab_size": 4000}, {"recipe": "fp32"}),
    ({**LLAMA, "model_type": "falcon"}, {"recipe": "fp32"}),
    ({**LLAMA, "model_type": "falcon", "new_decoder_architecture": True, "num_kv_heads": 2}, {"recipe": "autocast"}),
    ({**LLAMA, "model_type": "bloom"}, {"recipe": "bf16", "attention": "eager", "checkpointing": "full"}),
    ({**LLAMA, "model_type": "opt", "ffn_dim": 512}, {"recipe": "bf16", "checkpointing": "full"}),
    ({**LLAMA, "model_type": "opt", "do_layer_norm_before": False, "word_embed_proj_dim": 64}, {"recipe": "fp32"}),
    ({**LLAMA, "model_type": "phi"}, {"recipe": "autocast"}),
    ({**LLAMA, "model_type": "phi3"}, {"recipe": "bf16", "attention": "eager", "dropout": 0.1}),
    ({**LLAMA, "model_type": "cohere"}, {"recipe": "autocast"}),
    ({**LLAMA, "model_type": "stablelm"}, {"recipe": "fp32"}),
    ({**LLAMA, "model_type": "glm", "head_dim": 32}, {"recipe": "bf16", "checkpointing": "full"}),
    ({**LLAMA, "model_type": "gemma2", "head_dim": 32}, {"recipe": "bf16", "attention": "eager"}),
    ({**LLAMA, "model_type": "gemma3_text", "head_dim": 32}, {"recipe": "bf16", "checkpointing": "full"}),
    ({**LLAMA, **EXPERTS, "model_type": "gpt_oss", "head_dim": 32}, {"recipe": "bf16", "attention": "eager"}),
    ({**LLAMA, **EXPERTS, "model_type": "mixtral"}, {"recipe": "bf16", "checkpointing": "full"}),
    ({**LLAMA, **EXPERTS, **LATENT, "model_type": "deepseek_v2"}, {"recipe": "fp32"}),
    ({**LLAMA, **EXPERTS, **LATENT, "model_type": "deepseek_v3"}, {"recipe": "autocast"}),
    ({**LLAMA, **EXPERTS, **TINY, "model_type": "deepseek_v2"}, {"recipe": "fp32", "checkpointing": "full"}),
    ({**LLAMA, **EXPERTS, **TINY, "model_type": "deepseek_v3"}, {"recipe": "bf16", "attention": "eager"}),
    ({**LLAMA, **EXPERTS, **TINY, "model_type": "deepseek_v3"}, {"recipe": "autocast", "checkpointing": "full"}),
    ({**GPT2, **ROTARY, "model_type": "gptj"}, {"recipe": "bf16", "attention": "eager", "checkpointing": "full"}),
    ({**GPT2, **ROTARY, "model_type": "codegen"}, {"recipe": "autocast", "attention": "eager"}),
    ({**LLAMA, "model_type": "mpt"}, {"recipe": "bf16", "attention": "eager", "dropout": 0.1}),
    ({**LLAMA, **EXPERTS, "model_type": "phimoe"}, {"recipe": "autocast"}),
    ({**LLAMA, **EXPERTS, "model_type": "ernie4_5_moe", "moe_intermediate_size": 128}, {"recipe": "fp32"}),
    ({**LLAMA, **EXPERTS, "model_type": "llama4_text", "head_dim": 32}, {"recipe": "bf16", "attention": "eager"}),
    ({**LLAMA, "model_type": "qwen2_5_vl_text"}, {"recipe": "fp32", "checkpointing": "full"}),
    ({**LLAMA, "model_type": "qwen3_vl_text", "head_dim": 32}, {"recipe": "bf16", "attention": "eager"}),
    (DBRX, {"recipe": "fp32", "checkpointing": "full"}),
    (DBRX, {"recipe": "bf16", "attention": "eager"}),
    (DBRX, {"recipe": "bf16", "checkpointing": "full"}),
    ({**LLAMA, "model_type": "bert", "architectures": ["BertForMaskedLM"]}, {"recipe": "autocast"}),
    (T5, {"recipe": "fp32", "attention": "eager"}),
    (T5, {"recipe": "bf16", "dropout": 0.1}),
    (T5, {"recipe": "autocast", "checkpointing": "full", "dropout": 0.1}),
    ({**T5, "model_type": "mt5"}, {"recipe": "fp32", "attention": "eager", "checkpointing": "full"}),
    ({**T5, "model_type": "umt5"}, {"recipe": "fp32", "checkpointing": "full", "dropout": 0.1}),
    ({**T5, "model_type": "umt5"}, {"recipe": "autocast", "attention": "eager"}),
]


#: Families whose case is known to differ, and why.
DIFFERS = {"bloom": "in forward, beside the copies of Q, K and V, the projection lives that they are parts of"}


def small() -> Iterator[tuple[dict[str, Any], dict[str, Any]]]:
    """The small models with all of their words."""
    for config, words in SMALL:
        yield config, {"batch": 2, "seq_len": 128, **words}


def in_words_of_peft(
    rank: int, targets: str | list[str] = "all-linear", dora: bool = False, dropout: float = 0.0
) -> dict[str, Any]:
    """The arguments of peft's LoraConfig for some of `vram.lora`."""
    return {"r": rank, "target_modules": targets, "use_dora": dora, "lora_dropout": dropout}


def quantised(config: dict[str, Any], words: dict[str, Any], lora: dict[str, Any]) -> torch.nn.Module:
    """The model with the matrices of its layers in bitsandbytes' NF4, and peft's adapters beside them.

    peft asks whether autocast is on for CUDA; here it is asked of the CPU.
    """
    model = build(config, {**words, "lora": None, "checkpointing": "none"})
    for parent in list(model.modules()):
        for name, child in list(parent.named_children()):
            if type(child) is torch.nn.Linear and name != "lm_head":
                packed = Linear4bit(child.in_features, child.out_features, child.bias is not None, torch.bfloat16,
                                    compress_statistics=False, quant_type="nf4")  # fmt: skip
                packed.load_state_dict(child.state_dict())
                setattr(parent, name, packed.to("cpu"))
    model.requires_grad_(False).is_loaded_in_4bit = True
    peft.tuners.lora.bnb.torch.is_autocast_enabled = lambda device="cpu": torch.is_autocast_cpu_enabled()
    model = peft.get_peft_model(model, peft.LoraConfig(**lora))
    if words.get("checkpointing") == "full":
        model.gradient_checkpointing_enable(gradient_checkpointing_kwargs={"use_reentrant": False})
    return model.train()


def real_phases(config: dict[str, Any], words: dict[str, Any]) -> dict[str, int]:
    """Bytes beside the weights: at the peak of forward, after it, at the peak of backward."""
    dtype = words.get("base", "bf16" if words["recipe"] == "bf16" else "fp32")
    lora = in_words_of_peft(**words["lora"], dropout=words.get("lora_dropout", 0.0)) if "lora" in words else None
    if dtype == "nf4":
        model = quantised(config, {**words, "dtype": "bf16"}, lora)
    else:
        model = build(config, {**words, "dtype": dtype, "lora": lora})
    inputs = inputs_of(getattr(model, "base_model", model) if lora else model, words, config["vocab_size"])
    found: dict[str, int] = {}
    for _ in range(2):  # the first run fills caches
        model.zero_grad(set_to_none=True)
        gc.collect()
        with Alive() as alive:
            with torch.autocast("cpu", dtype=torch.bfloat16, enabled=words["recipe"] == "autocast"):
                loss = model(**inputs).loss
            found = {"peak of forward": alive.peak, "after forward": alive.now}
            alive.reset()
            loss.backward()
            found |= {"peak of backward": alive.peak}
        del loss
    return found


#: Models whose head is the embedding, so wide that the sum of both gradients is the largest moment of backward.
TIED: list[tuple[dict[str, Any], dict[str, Any]]] = [
    ({**config, "vocab_size": 8000}, {"batch": 2, "seq_len": 16, "recipe": recipe})
    for config in (GPT2, T5) for recipe in ("fp32", "bf16", "autocast")
]  # fmt: skip


def profiled(config: dict[str, Any], words: dict[str, Any]) -> dict[str, int]:
    """Bytes beside the weights at the peak of backward, as torch's profiler sees each of them come and go.

    Where something else watches every storage, autograd does not add gradients in place.
    """
    model = build(config, {**words, "dtype": "bf16" if words["recipe"] == "bf16" else "fp32"})
    inputs = inputs_of(model, words, config["vocab_size"])
    model(**inputs)  # the first run fills caches
    with profile(activities=[ProfilerActivity.CPU], profile_memory=True) as watched:
        with torch.autocast("cpu", dtype=torch.bfloat16, enabled=words["recipe"] == "autocast"):
            loss = model(**inputs).loss
        mark = torch.empty(_MARK, dtype=torch.uint8)
        del mark
        loss.backward()
    now = peak = 0
    changes = [event for event in watched.profiler.kineto_results.events() if event.name() == "[memory]"]
    for event in sorted(changes, key=lambda event: event.start_ns()):
        now += event.nbytes()
        peak = max(peak, now) if event.nbytes() != -_MARK else now
    return {"peak of backward": peak}


_MARK = 123_456_789  # bytes that nothing else has


def our_phases(config: dict[str, Any], words: dict[str, Any]) -> dict[str, int]:
    """The same from the library."""
    timeline = vram.training(vram.Architecture.from_config(config), optimizer="sgd", backend="cpu", **words)
    weights = timeline.phases["forward"].select(kind="weights").nbytes
    return {
        "peak of forward": timeline.nbytes("forward") - weights,
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


def cases(scope: Scope) -> Iterator[Result]:
    """Small models phase by phase; then the fixture's, GPT-2 or all."""
    for config, words in small():
        yield close(f"{config['model_type']} {words}", our_phases(config, words), real_phases(config, words))
    for config, words in TIED:
        yield close(f"tied {config['model_type']} {words}", our_phases(config, words), profiled(config, words))
    for case in json.loads(FIXTURE.read_text(encoding="utf-8"))["cases"]:
        if scope.everything or case["config"]["model_type"] == "gpt2":
            config, words = step_of(case)
            timeline = vram.training(vram.Architecture.from_config(config), **words)
            ours = {"peak": timeline.peak, **{f"after_{p}": timeline.after[p].nbytes for p in ("forward", "backward")}}
            yield close(case["id"], ours, tracked(case))


def write(path: Path) -> None:
    """What was measured of each small model as JSON, one in a line."""
    rows = [json.dumps({"config": c, "settings": words, "nbytes": real_phases(c, words)}) for c, words in small()]
    lines = ",\n".join(rows)
    versions = json.dumps({"torch": torch.__version__, "transformers": transformers.__version__})
    path.write_text(f'{{"versions": {versions}, "cases": [\n{lines}\n]}}\n', encoding="utf-8")


if __name__ == "__main__":
    torch.set_num_threads(1)
    if "--write" in sys.argv:
        write(Path(sys.argv[2]))
    else:
        known = {f"{c['model_type']} {words}": DIFFERS[c["model_type"]]
                 for c, words in small() if c["model_type"] in DIFFERS}  # fmt: skip
        run(__doc__, "peaks of training", cases, known)
