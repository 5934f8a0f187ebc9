"""Which modules do these names mean? As peft compares them: a whole name, its end after a dot, or a pattern."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence

from ..architectures.layers import progressions
from ..ledger.errors import VramError, brief, unknown
from ..ledger.ledger import Ledger
from ..ledger.tensor import Axis, Tensor

FROZEN, TARGET, SAVED = "frozen", "target", "saved"

#: A pattern, or a name with a number in it, is tried on every single name; no published model has this many.
_MOST_NAMES = 50_000


def module_of(name: str) -> str:
    """The module that owns a tensor: its name without the last part."""
    return name.rpartition(".")[0]


class Targets:
    """What happens to each module of a model: adapters, training in full, or nothing.

    Names without numbers decide for all layers at once. A pattern, a name with a number or a choice of layers is tried
    on every single name, and a row is split where the answers differ.
    """

    def __init__(
        self,
        base: Ledger,
        targets: str | Iterable[str],
        saved: Sequence[str],
        excluded: str | Iterable[str],
        layers: int | Sequence[int] | None,
    ):
        self._modules = [module_of(t.name) for t in base if _is_adaptable(t)]
        self._everything = isinstance(targets, str) and targets.lower() == "all-linear"
        self._saved, self._excluded = saved, _Names("exclude_modules", excluded)
        self._targets = _Names("targets", () if self._everything else targets)
        self._layers = None if layers is None else _layers(layers)
        if self._layers is not None and isinstance(targets, str):
            raise VramError("layers_to_transform: needs a list of names as targets, as in peft.")
        self._found: set[str] = set()
        self._any = False
        self._by_index = (
            self._targets.by_index
            or self._excluded.by_index
            or any(map(_has_number, saved))
            or self._layers is not None
        )

    def split(self, tensor: Tensor) -> Iterator[tuple[Tensor, str]]:
        """The row with its state; several rows where layers or experts differ."""
        if not tensor.axes or not self._by_index:
            yield tensor, self._state(tensor, tensor.name.replace("{}", "0"))
            return
        if type(tensor.count) is not int:
            raise VramError("targets: a pattern or a choice of layers needs a plain number of layers.")
        if tensor.count > _MOST_NAMES:
            raise VramError(
                f"targets: a pattern is tried on every name, and {tensor.name} stands for {tensor.count:,}."
            )
        yield from _runs(tensor, lambda name: self._state(tensor, name))

    def _state(self, tensor: Tensor, name: str) -> str:
        module = module_of(name)
        for saved in self._saved:
            if _ends_with(module, saved):
                self._found.add(saved)
                self._targets.match(module)
                return SAVED
        if not _is_adaptable(tensor) and not (tensor.name.endswith(".bias") and tensor.op in ("linear", "conv1d")):
            return FROZEN
        if self._everything:
            hit = tensor.op in ("linear", "conv1d") and tensor.kind != "lm_head"
        else:
            hit = self._targets.match(module)
        named = module in self._targets.names  # in full: then a choice of layers does not matter
        if not hit or self._excluded.match(module) or not (named or self._in_layers(module)):
            return FROZEN
        self._any = True
        return TARGET

    def _in_layers(self, module: str) -> bool:
        if self._layers is None:
            return True
        index = re.match(r".*?\.[^.]*\.(\d+)\.", module)
        return index is not None and int(index[1]) in self._layers

    def check_all_found(self, allow_none: bool) -> None:
        """Raises `VramError` for the first name that matched nothing."""
        ends = {module.rpartition(".")[2] for module in self._modules if not module.endswith("}")}
        for saved in self._saved:
            if saved not in self._found:
                raise unknown("modules_to_save", saved, ends)
        for name in self._targets.unmatched():
            raise unknown("targets", name, {"all-linear", *ends})
        if not self._any and not allow_none:
            raise VramError("targets: no module is left that gets an adapter.")


def checked_names(field: str, names: Iterable[str]) -> tuple[str, ...]:
    """The names as a tuple, or `VramError` that names the field."""
    names = tuple(names) if isinstance(names, Iterable) else (names,)
    for name in names:
        if not isinstance(name, str) or not name:
            raise VramError(f"{field}: {brief(name)} given, names of modules are needed.")
    return names


class _Names:
    """Module names as peft takes them: a list to compare with, or one regular expression for the whole name."""

    def __init__(self, field: str, names: str | Iterable[str]):
        self.pattern: re.Pattern[str] | None = None
        self.names: tuple[str, ...] = ()
        if isinstance(names, str):
            try:
                self.pattern = re.compile(names)
            except (re.error, RecursionError, OverflowError) as error:
                raise VramError(f"{field}: {brief(names)} is neither a known word nor a pattern ({error}).") from None
        else:
            self.names = checked_names(field, names)
        self._matched: set[str] = set()

    @property
    def by_index(self) -> bool:
        """The answer may differ from layer to layer."""
        return self.pattern is not None or any(map(_has_number, self.names))

    def match(self, module: str) -> bool:
        """True when the module is meant."""
        if self.pattern is not None:
            if self.pattern.fullmatch(module):
                self._matched.add(self.pattern.pattern)
                return True
            return False
        hits = [name for name in self.names if module == name or module.endswith(f".{name}")]
        self._matched.update(hits)
        return bool(hits)

    def unmatched(self) -> Iterator[str]:
        """The names that matched no module so far."""
        wanted = self.names if self.pattern is None else (self.pattern.pattern,)
        return (name for name in wanted if name not in self._matched)


def _ends_with(module: str, saved: str) -> bool:
    """The module's name, or that of one around it, ends so; peft does not ask for a dot before it."""
    parts = module.split(".")
    return any(".".join(parts[:n]).endswith(saved) for n in range(1, len(parts) + 1))


def _is_adaptable(tensor: Tensor) -> bool:
    return tensor.op in ("linear", "conv1d", "embedding") and len(tensor.shape) == 2


def _has_number(name: str) -> bool:
    return any(character.isdigit() for part in name.split(".") for character in part if part.isdigit())


def _layers(layers: int | Sequence[int]) -> frozenset[int]:
    listed = list(layers) if isinstance(layers, Iterable) else [layers]
    if not listed or not all(type(i) is int and i >= 0 for i in listed):
        raise VramError(f"layers_to_transform: {brief(layers)} given, layer indices from 0 are needed.")
    return frozenset(listed)


def _runs(tensor: Tensor, state: Callable[[str], str]) -> Iterator[tuple[Tensor, str]]:
    """The row cut into rows of one state each: whole where all names agree, else by the outermost index."""
    states = {state(name) for name in tensor.names()}
    if len(states) == 1:
        yield tensor, states.pop()
        return
    by_state: dict[str, list[int]] = {}
    for index in tensor.axes[0].indices():
        single = tensor.at(index)
        inner = {state(name) for name in single.names()}
        if len(inner) == 1:
            by_state.setdefault(inner.pop(), []).append(index)
        else:
            yield from _runs(single, state)
    for word, indices in by_state.items():
        for axis in progressions(indices):
            axes = (Axis(axis.count, axis.start, axis.step), *tensor.axes[1:])
            yield Tensor(tensor.name, tensor.shape, tensor.dtype, tensor.kind, axes, tensor.op, tensor.part), word
