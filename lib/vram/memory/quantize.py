"""How much memory do quantised weights take, scales included? Taught in lesson 05.

A scheme says which matrices are packed, into which codes, and which scales, zero points and tables lie beside them.
The schemes are in the folder `quantization`, by the library or file format that defines them.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from ..architectures.architecture import Architecture
from ..ledger.dtypes import Dtype, dtypes
from ..ledger.errors import VramError, brief, unknown
from ..ledger.ledger import Ledger
from ..ledger.tensor import Tensor
from .arguments import need_architecture, need_ledger
from .quantization import schemes
from .weights import weights

_KINDS = frozenset({"attention", "embedding", "experts", "lm_head", "mlp", "norm", "position_embedding", "router"})


def quantize(ledger: Ledger, format: str = "nf4", *, keep: Iterable[str] | None = None, **options: Any) -> Ledger:
    """The weights of `ledger` as `format` stores them: packed codes, and the scales beside them.

    format  nf4, fp4, int8 (bitsandbytes) · gptq, awq · fp8, mxfp4, mxfp6, mxfp8, nvfp4 · torchao-int8, -int4, -intx,
            -float8 · every file type of llama.cpp: Q4_K_M, Q8_0, IQ3_XXS …  (`vram.memory.schemes` lists them)
    keep    kinds of tensor, or names of modules, that stay as they are; by default what the format leaves alone:
            embedding, head and norms, for offline formats routers too; a GGUF file decides for itself
    double_quant, blocksize              nf4, fp4: are the scales quantised too (yes); numbers a scale (64)
    bits, group_size                     gptq, awq: width of a code (4), inputs a scale (128, −1 for all)
    scales, block_size                   fp8: a scale for each "tensor", "row" or "block"
    static_activations                   fp8, nvfp4: a scale for the activations is stored too
    experts_only                         mxfp4 …: in a model with experts, only they are quantised (yes)
    group_size                           torchao: inputs a scale, or "row"
    imatrix, pure                        GGUF: an importance matrix was used; one type for all matrices
    Raises `VramError` for an unknown format, option or name to keep.
    Source: bytes of really quantised tensors (tests/fixtures/quant.json); published sizes of GGUF files.

    >>> from vram import models, weights
    >>> quantize(weights(models["llama-2-7b"]), "nf4", double_quant=False).nbytes
    4167587840
    """
    need_ledger(ledger)
    scheme = schemes[format]
    names = scheme.keep if keep is None else _checked(ledger, keep)
    return scheme.apply(ledger, lambda tensor: _is_kept(tensor, names), scheme.filled(options))


def need_stored(format: Any, field: str) -> None:
    """A number format or a scheme, by name."""
    if not isinstance(format, Dtype) and format not in dtypes and format not in schemes:
        raise unknown(field, format, [*dtypes, *schemes])


def prepare_for_kbit_training(ledger: Ledger) -> Ledger:
    """The quantised ledger as peft's `prepare_model_for_kbit_training` leaves it: 16-bit tensors upcast to FP32.

    The packed weights and their scales stay. With a vocabulary of 128,256 the embedding and the head grow by as much
    as a quarter of the packed weights, which is why QLoRA takes more than the file on disk.
    """
    need_ledger(ledger)
    upcast = {"bf16", "fp16"}
    return Ledger(
        Tensor(t.name, t.shape, dtypes["fp32"], t.kind, t.axes, t.op, t.part, t.basis) if t.dtype.name in upcast else t
        for t in ledger
    )


def _checked(ledger: Ledger, keep: Iterable[str]) -> frozenset[str]:
    """The names to keep, each a kind or a module that exists."""
    if isinstance(keep, str):
        keep = (keep,)
    if not isinstance(keep, Iterable):
        raise VramError(f"keep: {brief(keep)} given, names of kinds or modules are needed.")
    names = list(keep)
    known = _KINDS | {t.kind for t in ledger} | {t.part for t in ledger}
    for name in names:
        if not isinstance(name, str) or not name:
            raise VramError(f"keep: {brief(name)} given, names of kinds or modules are needed.")
        if name not in known and not any(_within(t, name) for t in ledger):
            raise unknown("keep", name, known - {""})
    return frozenset(names)


def _is_kept(tensor: Tensor, names: Iterable[str]) -> bool:
    return any(name in (tensor.kind, tensor.part, tensor.op) or _within(tensor, name) for name in names)


def _within(tensor: Tensor, name: str) -> bool:
    """True when `name` is the tensor's module, or a run of whole parts of its name."""
    return f".{name}." in f".{tensor.name}."


def stored_weights(arch: Architecture, format: str | Dtype = "bf16", **options: Any) -> Ledger:
    """Every parameter of a model in a number format, or as a quantisation scheme stores it: "bf16", "nf4", "Q4_K_M" …

    A name that is both a format and a scheme (int8, fp8, nf4) means the scheme, scales included.
    """
    need_architecture(arch)
    if isinstance(format, str) and format in schemes:
        return quantize(weights(arch), format, **options)
    need_stored(format, "format")
    if options:
        raise unknown(f"option of stored_weights for {brief(format)}", next(iter(options)), ("format",))
    return weights(arch, dtype=format)
