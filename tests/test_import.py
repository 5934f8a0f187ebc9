"""A cold answer is quick because it pulls in nothing that it does not need."""

import subprocess
import sys

import vram

HEAVY = ("sympy", "numpy", "matplotlib", "ipywidgets", "IPython")


def loaded_after(code: str) -> set[str]:
    ask = f"{code}\nimport sys; print(*(m for m in {HEAVY!r} if m in sys.modules))"
    return set(subprocess.run([sys.executable, "-c", ask], capture_output=True, text=True, check=True).stdout.split())


def test_plain_integers_need_neither_sympy_nor_numpy():
    assert loaded_after("import vram") == set()
    assert loaded_after("import vram; vram.training(vram.models['llama-3-8b'], lora=8, base='nf4').peak") == set()


def test_symbols_bring_sympy_alone():
    assert (
        loaded_after("import vram; vram.weights(vram.models['gpt2'].symbolic()).numel") & {"matplotlib", "ipywidgets"}
        == set()
    )
    assert "sympy" in loaded_after("import vram; vram.symbols.h")


def test_every_public_name_is_there():
    for name in vram.__all__:
        assert getattr(vram, name) is not None
    assert set(vram.__all__) <= set(dir(vram))
