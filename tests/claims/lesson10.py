"""Numbers in the sentences of lesson 10, computed."""

import vram


def of_kind(kind: str, phase: str, **plan: int) -> int:
    step = vram.training(vram.models["llama-3-8b"], seq_len=2048)
    return vram.shard(step, **plan).phases[phase].select(kind=kind).nbytes


def activations() -> set[int]:
    """Activations of a card under no stage and every stage, on eight cards."""
    return {of_kind("activations", "start of backward", dp=8, zero=stage) for stage in range(4)}


def states_70b(cards: int) -> int:
    states = vram.shard(vram.model_states(vram.models["llama-3-70b"]), dp=cards, zero=3)
    return states.phases["optimizer step"].nbytes


def first_stage_over_whole() -> float:
    """Activations that the first of eight stages keeps, beside those of one card alone."""
    step = vram.training(vram.models["llama-3-70b"], seq_len=2048)
    first = vram.shard(step, pp=8, rank={"pp": 0}).phases["forward"]
    return first.select(kind="activations").nbytes / step.phases["forward"].select(kind="activations").nbytes


CLAIMS = [
    ("128 bytes on every card", lambda: f"{8 * 16} bytes on every card"),
    ("7.5 billion parameters and 64 cards", lambda: {7.5: "7.5 billion parameters and 64 cards"}[round(
        vram.weights(vram.Architecture("gpt2", hidden_size=4096, num_hidden_layers=36, num_attention_heads=32,
                                       vocab_size=51200, max_position_embeddings=2048)).numel / 1e9, 1)]),
    ("they are the same in all", lambda: {1: "they are the same in all"}[len(activations())]),
    ("no saving on the first stage", lambda: {1.0: "no saving on the first stage"}[round(first_stage_over_whole(), 1)]),
    ("Eight cards are too few for the states of a 70B model", lambda: {
        True: "Eight cards are too few for the states of a 70B model"
    }[states_70b(8) > vram.gpus["A100-80GB"].usable_bytes]),
    ("activations, 12 GiB a card", lambda: f"activations, {vram.gib(*activations(), 0)} a card"),
]  # fmt: skip

#: What the quoted users wrote; the message is compared with the ledger in a cell.
QUOTED = {"96 GB", "24 GB", "31.75", "80 GB", "28.28"}
