"""Which tensors live, operation by operation: every storage that torch makes is counted until it is gone."""

from __future__ import annotations

import weakref
from typing import Any

import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_iter

#: Where something watches every operation, torch's backward formulas for indexing fill a copy; without it, they fill
#: the zeroes that they have just made (a profile of memory shows it).
_FILLS = {
    torch.ops.aten.index_put.default: torch.ops.aten.index_put_.default,
    torch.ops.aten.scatter.src: torch.ops.aten.scatter_.src,
    torch.ops.aten.scatter_add.default: torch.ops.aten.scatter_add_.default,
}


class Alive(TorchDispatchMode):
    """Bytes of the storages made within it: `now`, and the `peak` since the last `reset`, with its operation."""

    def __init__(self) -> None:
        super().__init__()
        self._known: set[int] = set()
        self.now = self.peak = 0
        self.operation = ""

    def reset(self) -> None:
        """Begin a new phase."""
        self.peak, self.operation = self.now, ""

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        given = {t.untyped_storage()._cdata for t in tree_iter((args, kwargs)) if isinstance(t, torch.Tensor)}
        if func in _FILLS and _in_formula():
            func = _FILLS[func]
        out = func(*args, **(kwargs or {}))
        for tensor in tree_iter(out):
            if isinstance(tensor, torch.Tensor):
                storage = tensor.untyped_storage()
                if storage._cdata not in self._known and storage._cdata not in given:
                    self._known.add(storage._cdata)
                    self.now += storage.nbytes()
                    weakref.finalize(storage, self._gone, storage._cdata, storage.nbytes())
        if self.now > self.peak:
            self.peak, self.operation = self.now, str(func)
        return out

    def _gone(self, key: int, nbytes: int) -> None:
        self._known.discard(key)
        self.now -= nbytes


def _in_formula() -> bool:
    """True while torch itself computes a gradient; a checkpointed layer that is computed again has gradients on."""
    return torch._C._current_graph_task_id() != -1 and not torch.is_grad_enabled()
