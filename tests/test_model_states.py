"""The timeline of a training step: what is alive when, and what it says that it does not count."""

import pytest

import vram


@pytest.fixture(scope="module")
def arch():
    return vram.models["llama-2-7b"]


def held(timeline, phase):
    return {kind: part.nbytes for kind, part in timeline.phases[phase].by("kind").items()}


def test_gradients_do_not_exist_before_backward(arch):
    step = vram.training(arch)
    assert "gradients" not in held(step, "forward")
    assert "gradients" not in held(step, "start of backward")
    assert sum(t.nbytes for t in step.after["backward"] if t.kind == "gradients") == vram.weights(arch).nbytes
    assert held(step, "optimizer step")["gradients"] == vram.weights(arch).nbytes


def test_the_peak_is_the_largest_phase(arch):
    for recipe in vram.recipes:
        step = vram.training(arch, recipe=recipe)
        sizes = {phase: ledger.nbytes for phase, ledger in step.phases.items()}
        assert step.peak == max(sizes.values()) == sizes[step.peak_phase] == step.at_peak().nbytes


def test_autocast_copies_are_gone_when_the_optimizer_steps(arch):
    step = vram.training(arch, recipe="autocast")
    matmuls = vram.weights(arch).select(lambda t: t.op == "linear").nbytes

    def copies(phase):
        return step.phases[phase].select(lambda t: t.name.endswith(".weight.cast")).nbytes

    assert copies("forward") == matmuls
    assert copies("optimizer step") == 0


def test_masters_are_optimizer_states(arch):
    mixed, pure = (held(vram.training(arch, recipe=r, optimizer="sgd"), "forward") for r in ("bf16-mixed", "bf16"))
    assert mixed["optimizer states"] == 4 * vram.weights(arch).numel
    assert "optimizer states" not in pure


def test_lora_freezes_the_base(arch):
    adapters = vram.lora(arch, rank=16)
    step = vram.training(arch, lora=16, recipe="bf16-mixed")
    parts = held(step, "optimizer step")
    assert parts["weights"] == vram.weights(arch).nbytes + 2 * adapters.numel
    assert parts["gradients"] == 2 * adapters.numel
    assert step.peak == vram.training(arch, lora={"rank": 16}).peak == vram.training(arch, lora=adapters).peak


@pytest.mark.parametrize("base", ["nf4", "int8", "bf16", "fp32"])
def test_the_base_format_changes_the_frozen_weights_alone(arch, base):
    step = held(vram.training(arch, lora=16, base=base), "optimizer step")
    usual = held(vram.training(arch, lora=16), "optimizer step")
    assert {k: v for k, v in step.items() if k != "weights"} == {k: v for k, v in usual.items() if k != "weights"}
    order = ["nf4", "int8", "bf16", "fp32"].index(base) - 2
    assert (step["weights"] - usual["weights"]) * order >= abs(order)


def test_what_is_not_counted_is_said(arch):
    assert vram.training(arch).missing == ("overhead",)
    states = vram.model_states(arch)
    assert states.missing == ("activations", "logits", "temporaries", "overhead")
    assert "not counted: activations" in repr(states)


@pytest.mark.parametrize("how", [{}, {"recipe": "bf16"}, {"lora": 8}, {"lora": 8, "base": "nf4"}, {"optimizer": "sgd"}])
def test_model_states_are_the_part_without_the_batch(arch, how):
    states, step = vram.model_states(arch, **how), vram.training(arch, **how)
    whole = held(step, "optimizer step")
    assert held(states, "optimizer step") == {kind: size for kind, size in whole.items() if kind != "temporaries"}
    assert states.peak <= step.peak
    assert set(held(step, "forward")) - set(held(states, "forward")) >= {"activations", "logits"}


def test_fits_asks_for_usable_bytes(arch):
    step = vram.training(arch, lora=16, base="nf4")
    assert step.fits("RTX 4090") and not step.fits(vram.GPU("tiny", "1 GB", 1024, 1, None, "test"))
    assert step.headroom("RTX 4090") == 24564 * 2**20 - step.peak
    with pytest.raises(vram.VramError, match="phases"):
        vram.Timeline({})
