"""Every public question: what it is asked of, how often, and with options drawn by name."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from random import Random
from typing import Any, NamedTuple

import vram

from .values import OPTIONS, Option

Subject = Callable[[Random, vram.Architecture], Any]


class Question(NamedTuple):
    """A function of the library, what comes first, how often it is asked, and options.

    more     options beside those of its signature
    always   options that must be given
    """

    ask: Callable[..., Any]
    subject: Subject
    weight: int
    always: tuple[str, ...] = ()
    more: tuple[str, ...] = ()

    @property
    def hands_on(self) -> bool:
        """Options that it does not know are those of another question, which knows nothing of its own names."""
        return any(p.kind is p.VAR_KEYWORD for p in inspect.signature(self.ask).parameters.values())

    @property
    def name(self) -> str:
        """The function's name."""
        return self.ask.__name__

    def options(self) -> dict[str, Option]:
        """Every option that may be given, by name. A new one needs an entry in values.py."""
        named = [
            p.name
            for p in list(inspect.signature(self.ask).parameters.values())[1:]
            if p.kind is not p.VAR_KEYWORD and p.name not in SUBJECTS
        ]
        return {name: OPTIONS.get((self.name, name)) or OPTIONS[name] for name in (*named, *self.more)}


#: Arguments that are not drawn by name, but made of the model.
SUBJECTS = frozenset({"arch", "timeline", "ledger", "message", "work", "need"})


def architecture(random: Random, arch: vram.Architecture) -> Any:
    """The model itself, now and then something else."""
    return arch if random.random() < 0.99 else random.choice((None, 3, "llama", {"model_type": "llama"}))


def ledger(random: Random, arch: vram.Architecture) -> Any:
    """The weights in a common format, or adapters."""
    return vram.weights(arch, dtype=random.choice(("bf16", "fp32", "fp16")))


def timeline(random: Random, arch: vram.Architecture) -> Any:
    """A timeline of one of the questions."""
    sizes = {"batch": random.choice((1, 4)), "seq_len": random.choice((16, 2048))}
    ask = random.choice((vram.training, vram.inference, vram.model_states))
    return ask(arch, **({} if ask is vram.model_states else sizes))


def message(random: Random, arch: vram.Architecture) -> Any:
    """A line of PyTorch about a tensor of this model, another size, or no such line."""
    one = random.choice(list(vram.weights(arch)))
    size = vram.printed_size(one.dtype.nbytes(one.size)) if one.dtype.nbytes(one.size) < 2**60 else "448.00 MiB"
    return random.choice((
        f"CUDA out of memory. Tried to allocate {size}. GPU 0 has a total capacity of 79.15 GiB of which 1.00 MiB is "
        "free. Of the allocated memory 70.00 GiB is allocated by PyTorch, and 2.00 GiB is reserved by PyTorch but "
        "unallocated.",
        f"CUDA out of memory. Tried to allocate {size} (GPU 0; 23.69 GiB total capacity; 20 GiB already allocated)",
        f"Tried to allocate {'9' * random.choice((3, 400, 5000))}.00 GiB", "Tried to allocate -3 MiB", "", "x" * 1000,
        "Tried to allocate nan GiB", "Tried to allocate 1e5 MiB", "Tried to allocate 0 bytes", "tried 3", None, 3, b"x",
    ))  # fmt: skip


class Arguments(NamedTuple):
    """A message and the model that it is about."""

    message: Any
    arch: Any


def message_and_model(random: Random, arch: vram.Architecture) -> Arguments:
    """Both."""
    return Arguments(message(random, arch), architecture(random, arch))


def work(random: Random, arch: vram.Architecture) -> Any:
    """FLOPs, a Compute, or a model."""
    return random.choice((arch, vram.compute(arch, seq_len=64), 10**21, 175 * 10**9, 1e22, 0, -1, None, "x", True))


def need(random: Random, arch: vram.Architecture) -> Any:
    """A timeline, or bytes."""
    return random.choice((10**9, 0, 2**50, vram.model_states(arch), -1, 1.5, None, "8", True))


def number(random: Random, arch: vram.Architecture) -> Any:
    """Bytes."""
    option = OPTIONS["nbytes"]
    return option.allowed(random, arch) if random.random() < 0.7 else random.choice(option.refused)


_SETTINGS = ("recipe", "optimizer", "checkpointing", "attention", "lora", "base")

#: Weights are chosen so that all questions together take a few milliseconds a case.
QUESTIONS: tuple[Question, ...] = (
    Question(vram.weights, architecture, 16),
    Question(vram.active_parameters, architecture, 10),
    Question(vram.lora, architecture, 18),
    Question(vram.quantize, ledger, 14),
    Question(vram.stored_weights, architecture, 8),
    Question(vram.prepare_for_kbit_training, ledger, 2),
    Question(vram.gradients, ledger, 6),
    Question(vram.optimizer_states, ledger, 14),
    Question(vram.kv_cache, architecture, 16),
    Question(vram.compute, architecture, 12),
    Question(vram.training_flops, number, 2, always=("tokens",)),
    Question(vram.training_time, work, 6, always=("gpu",)),
    Question(vram.mfu, work, 3, always=("gpu", "seconds")),
    Question(vram.prefill_time, architecture, 5, always=("gpu",)),
    Question(vram.decode_time, architecture, 5, always=("gpu",)),
    Question(vram.activations, architecture, 12),
    Question(vram.model_states, architecture, 8),
    Question(vram.training, architecture, 3),
    Question(vram.inference, architecture, 3),
    Question(vram.shard, timeline, 2),
    Question(vram.fewest_gpus, timeline, 1, always=("gpu",), more=("tp", "zero", "offload")),
    Question(vram.max_batch, architecture, 1, always=("gpu",), more=("seq_len", *_SETTINGS)),
    Question(vram.max_context, architecture, 1, always=("gpu",), more=("batch", "weights", "kv", "engine")),
    Question(vram.max_rank, architecture, 1, always=("gpu",), more=("seq_len", "base")),
    Question(vram.single_changes, architecture, 1, always=("gpu",), more=("batch", *_SETTINGS)),
    Question(vram.gpus_that_fit, need, 2),
    Question(vram.smallest_gpu, need, 2),
    Question(vram.parse_oom, message, 6),
    Question(vram.explain_oom, message_and_model, 4),
    Question(vram.printed_size, number, 2),
    Question(vram.why, timeline, 1),
)


class Drawn(NamedTuple):
    """One question with its options. `must_fail`: the option whose value no answer is owed to, or a misspelt name."""

    question: Question
    options: Mapping[str, Any]
    must_fail: str | None


def draw(random: Random, arch: vram.Architecture) -> Drawn:
    """A question; each option is given or left out; one of them may be wrong, or its name misspelt."""
    question = random.choices(QUESTIONS, [q.weight for q in QUESTIONS])[0]
    known = question.options()
    given: dict[str, Any] = {}
    for name, option in known.items():
        if name in question.always or random.random() < 0.35:
            given[name] = None if option.none and random.random() < 0.1 else option.allowed(random, arch)
    must_fail = None
    if known and random.random() < 0.3:
        must_fail = random.choice(list(known))
        given[must_fail] = random.choice(known[must_fail].refused)
    elif known and random.random() < 0.05:
        name = random.choice([name for name in known if name not in question.always])
        must_fail = f"{name[:-1]}{random.choice('xyz')}"
        given[must_fail] = given.pop(name, None)
    return Drawn(question, given, must_fail)
