"""What is asked of the calculator: a model, a job, a card, a context, and the assumptions that the job has."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace
from typing import Any

from ...architectures import Architecture, gpus, models
from ...ledger.arithmetic import check_size
from ...ledger.errors import VramError, unknown
from . import config as configs

#: The model is the learner's own: its config.json goes with the state.
OWN = "own"

#: Each job with the assumptions that change its answer, in the order of the controls.
JOBS: dict[str, tuple[str, ...]] = {
    "run": ("batch", "weights", "kv", "attention", "cards"),
    "lora": ("batch", "base", "rank", "optimizer", "checkpointing", "attention", "loss", "cards", "zero"),
    "qlora": ("batch", "rank", "optimizer", "checkpointing", "attention", "loss", "cards", "zero"),
    "full": ("batch", "recipe", "optimizer", "checkpointing", "attention", "loss", "cards", "zero"),
}
FIRST = ("model", "job", "gpu", "context")

#: The words of the engine that an assumption may have: of every two assumptions, all words go together. FP32 is not
#: among them, because flash attention does not compute in it. "auto" stands for no word: transformers runs some models
#: with eager code alone.
WORDS: dict[str, tuple[str, ...]] = {
    "weights": ("bf16", "fp8", "int8", "gptq", "awq", "nf4"),
    "kv": ("bf16", "fp8", "q8_0", "q4_0"),
    "base": ("bf16", "int8"),
    "recipe": ("autocast", "bf16", "bf16-fp32-states", "bf16-mixed", "bf16-fp32-gradients"),
    "optimizer": ("adamw", "adamw-8bit", "adafactor", "lion", "muon", "sgd-momentum", "sgd"),
    "checkpointing": ("none", "selective", "full"),
    "attention": ("auto", "eager", "sdpa", "flash"),
    "loss": ("full", "chunked", "fused"),
}
#: Counts, with the largest that is taken.
MOST = {"context": 2**24, "batch": 2**16, "rank": 2**14}
CARDS = (1, 2, 4, 8, 16)
STAGES = (0, 1, 2, 3)


@dataclass(frozen=True, slots=True, kw_only=True)
class State:
    """One question to the calculator; hashable, so that its answers are kept.

    config  the text of a config.json, when `model` is "own"
    Raises `VramError` for a value that is not known, with the nearest match.
    """

    model: str = "llama-3-8b"
    job: str = "lora"
    gpu: str = "RTX 4090"
    context: int = 8192
    batch: int = 1
    weights: str = "bf16"
    kv: str = "bf16"
    base: str = "bf16"
    recipe: str = "bf16-mixed"
    rank: int = 16
    optimizer: str = "adamw"
    checkpointing: str = "full"
    attention: str = "auto"
    loss: str = "full"
    cards: int = 1
    zero: int = 3
    config: str | None = None

    def __post_init__(self) -> None:
        if self.model != OWN and self.model not in models:
            raise unknown("model", self.model, [*models, OWN])
        if self.job not in JOBS:
            raise unknown("job", self.job, JOBS)
        if self.gpu not in gpus:
            raise unknown("gpu", self.gpu, gpus)
        for name, words in WORDS.items():
            if getattr(self, name) not in words:
                raise unknown(name, getattr(self, name), words)
        for name, most in MOST.items():
            check_size(name, getattr(self, name), most=most)
        for name, allowed in (("cards", CARDS), ("zero", STAGES)):
            value = getattr(self, name)
            if type(value) is not int or value not in allowed:
                raise VramError(f"{name}: {value!r:.40} given, one of {', '.join(map(str, allowed))} is needed.")
        if self.model == OWN and self.config is None:
            raise configs.nothing_given()

    @property
    def assumptions(self) -> tuple[str, ...]:
        """The assumptions that count: without a second card there is nothing to share."""
        return tuple(name for name in JOBS[self.job] if name != "zero" or self.cards > 1)

    @property
    def settings(self) -> dict[str, Any]:
        """Everything that the answer depends on, by name."""
        return {name: getattr(self, name) for name in (*FIRST, *self.assumptions)}

    @property
    def changed(self) -> dict[str, Any]:
        """The settings without the assumptions that have their default."""
        usual = State()
        return {k: v for k, v in self.settings.items() if k in FIRST or v != getattr(usual, k)}

    def normal(self) -> State:
        """The same question with the assumptions that do not count at their default: equal questions, one answer."""
        return State(**self.settings, config=self.config if self.model == OWN else None)

    def but(self, **changes: Any) -> State:
        """The same question with some settings changed."""
        return replace(self, **changes)

    def architecture(self) -> Architecture:
        """The model that is meant. Raises `ConfigError` for a config.json that describes none."""
        return models[self.model] if self.model != OWN else configs.architecture(self.config or "")

    @property
    def title(self) -> str:
        """The model's name as a reader knows it."""
        return models.title(self.model) if self.model != OWN else configs.title(self.config or "")

    def asdict(self) -> dict[str, Any]:
        """All fields by name."""
        return asdict(self)


def state(values: Mapping[str, Any]) -> State:
    """The state with these values, others at their default. Raises `VramError` for an unknown name."""
    known = [field.name for field in fields(State)]
    for name in values:
        if name not in known:
            raise unknown("setting", name, known)
    return State(**values)
