"""Numbers in the sentences of lesson 13, computed."""

import vram

V3 = vram.models["deepseek-v3"]


def cached(name: str, tokens: int = 1, **how: bool) -> int:
    return vram.kv_cache(vram.models[name], seq_len=tokens, **how).nbytes


def read(name: str, batch: int) -> int:
    """Bytes of weights that a step reads at most."""
    arch = vram.models[name]
    step = vram.decode_time(arch, gpu="H200", batch=batch, seq_len=2048).nbytes
    return step - vram.kv_cache(arch, batch=batch, seq_len=2048).nbytes


def all_read_from(name: str) -> int:
    """Users from which on another one adds no experts."""
    return next(batch for batch in range(1, 100) if read(name, batch + 1) - read(name, batch) < 10**6)


def routed() -> str:
    ledger = vram.weights(V3)
    return vram.percent(ledger.select(part="expert").numel, ledger.numel, 0)


def active(name: str, input_embedding: bool) -> str:
    return f"{vram.active_parameters(vram.models[name], input_embedding=input_embedding) / 10**9:.2f}"


def smallest_at_the_end() -> str:
    from vram.show import experts_panel

    models = experts_panel().controls[0].values
    return vram.models.title(min(models, key=lambda name: cached(name, 131_072)))


CLAIMS = [
    ("70,272 bytes a token", lambda: f"{cached('deepseek-v3'):,} bytes a token"),
    ("the 4.77 MiB that the cell shows, 71 times as much", lambda: (
        f"the {vram.gib(cached('deepseek-v3', latent=False))} that the cell shows, "
        f"{round(cached('deepseek-v3', latent=False) / cached('deepseek-v3'))} times as much")),
    ("3.35 or 3.04 billion", lambda: f"{active('qwen3-30b-a3b', True)} or {active('qwen3-30b-a3b', False)} billion"),
    ("97 % of the model", lambda: f"{routed()} of the model"),
    ("With four users every expert may be needed", lambda: {
        4: "With four users every expert may be needed"}[all_read_from("mixtral-8x7b")]),
    ("DeepSeek-V3 needs at least 32", lambda: f"DeepSeek-V3 needs at least {all_read_from('deepseek-v3')}"),
    ("ends at a sixth of it", lambda: {6: "ends at a sixth of it"}[
        round(cached("llama-3.1-405b", 131_072) / cached("gemma-3-27b", 131_072))]),
    ("smallest cache at that length is gpt-oss 20b's", lambda: (
        f"smallest cache at that length is {smallest_at_the_end()}'s")),
    ("keep 127 tokens", lambda: f"keep {vram.models['gpt-oss-20b'].sliding_window - 1} tokens"),
    ("up to 23.75 GiB in Mixtral", lambda: f"up to {vram.gib(read('mixtral-8x7b', 1))} in Mixtral"),
    ("DeepSeek's 37 billion are without the table", lambda: {"37B": "DeepSeek's 37 billion are without the table"}[
        vram.billions(vram.active_parameters(V3, input_embedding=False), 0)]),
    ("a window of 4,096 tokens", lambda: f"a window of {vram.models['gemma-2-9b'].sliding_window:,} tokens"),
    ("one of 1,024", lambda: f"one of {vram.models['gemma-3-27b'].sliding_window:,}"),
    ("16 key/value heads of width 128", lambda: (
        f"{vram.models['gemma-3-27b'].num_key_value_heads} key/value heads of width "
        f"{vram.models['gemma-3-27b'].head_dim}")),
]  # fmt: skip

#: Figures that a cell then checks, or finds wrong.
QUOTED = {"70.272 KB", "7.28"}
