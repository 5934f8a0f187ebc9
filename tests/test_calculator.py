"""The calculator without a browser: every state has a true answer, every advice holds, no input breaks it."""

from __future__ import annotations

import re
from fractions import Fraction
from html import unescape
from itertools import combinations
from math import prod

import pytest

import vram
from covering import covering
from vram.show import calculator
from vram.show.fit import ask, page, sentences, share
from vram.show.fit.panel import choices, offered
from vram.show.fit.state import FIRST, JOBS, State, state
from vram.show.pieces import static

#: One model for each way to be built: few layers, many, grouped heads, odd heads, experts, no activations described.
MODELS = ("gpt2", "llama-3-8b", "llama-3-70b", "qwen2.5-0.5b", "phi-4", "mixtral-8x7b", "deepseek-v2-lite")
#: The answer takes a card's usable bytes alone: a few from the smallest to the largest; each card has its own test.
CARDS = sorted(vram.gpus, key=lambda name: vram.gpus[name].usable_bytes)[::4]


def options_of(job: str) -> dict[str, list]:
    controls = choices(State(job=job))
    some = {"model": list(MODELS), "gpu": CARDS}
    return {name: some.get(name, controls[name].values) for name in (*FIRST, *JOBS[job]) if name != "job"}


#: What a page never says: a number that is none, a text whose place was not filled.
NOT_WHOLE = re.compile(r"\b(nan|inf|None|zoo|oo)\b|\{\w|\[…\]|!")

STATES = [State(job=job, **chosen) for job in JOBS for chosen in covering(options_of(job))]


def bytes_said(text: str) -> Fraction:
    """What `elements · bytes + …` comes to."""
    terms = [term.removesuffix(" B").replace(",", "").split(" · ") for term in text.split(" + ")]
    return sum((prod(map(Fraction, factors)) for factors in terms), Fraction(0))


@pytest.mark.parametrize("job", JOBS)
def test_the_states_hold_every_pair_of_options(job):
    options = options_of(job)
    chosen = [s for s in STATES if s.job == job]
    for one, two in combinations(options, 2):
        pairs = {(getattr(s, one), getattr(s, two)) for s in chosen}
        assert pairs == {(x, y) for x in options[one] for y in options[two]}


@pytest.mark.parametrize("job", JOBS)
def test_every_pair_of_options_has_an_answer_whose_parts_sum_to_it(job):
    for s in (s for s in STATES if s.job == job):
        timeline = ask.timeline(s)
        table = page._table(s, timeline.at_peak())
        kinds = timeline.at_peak().by("kind")
        said = [bytes_said(row[1]) for row in table.rows[: len(kinds)]]
        assert sum(rows.nbytes for rows in kinds.values()) == timeline.peak > 0, s
        assert abs(sum(said) - timeline.peak) <= Fraction(timeline.peak, 10_000), s  # formats of 4.127 bits are rounded
        assert kinds["overhead"].nbytes == vram.overhead().nbytes, s
        assert sentences.verdict(s).startswith(("Fits", "May fit")) == timeline.fits(s.gpu), s
        text = unescape(re.sub("<[^>]*>", " ", page.verdict(s) + page.table(s)))
        assert not re.search(NOT_WHOLE, text), s


def test_every_piece_of_the_page_is_whole():
    for s in STATES[::6]:
        text = unescape(re.sub("<[^>]*>", " ", static(page.answer(s, ""))))
        assert not re.search(NOT_WHOLE, text), s


@pytest.mark.parametrize("gpu", vram.gpus)
def test_every_card_is_compared_with_the_need(gpu):
    for job in JOBS:
        s = State(job=job, gpu=gpu)
        needs, has = ask.timeline(State(job=job)).peak, vram.gpus[gpu].usable_bytes
        said = sentences.verdict(s)
        assert (
            said.startswith("Fits" if needs <= has else "Does not fit")
            and f"the {gpu}: needs {vram.gib(needs)}" in said
        )
        assert vram.gib(abs(has - needs)) in said and f"has {vram.gib(has)}" in said
        assert f"{gpu}, usable" in page.table(s)


@pytest.mark.parametrize("job", ["run", "lora"])
def test_every_model_that_is_offered_has_an_answer(job):
    for name in offered():
        timeline = ask.timeline(State(model=name, job=job, context=512))
        assert timeline.peak > vram.overhead().nbytes, name
        if timeline.missing:
            assert "Not counted: " in sentences.detail(State(model=name, job=job, context=512)), name


def test_the_answer_is_what_the_library_says_and_the_measured_constants():
    llama, constant = vram.models["llama-3-8b"], vram.overhead().nbytes
    how = {"seq_len": 8192, "checkpointing": "full"}
    adapters = {"lora": 16, "recipe": "fp32"}
    truths = {
        "run": vram.inference(llama, seq_len=8192),
        "lora": vram.training(llama, **how, **adapters),
        "qlora": vram.training(llama, **how, **adapters, base="nf4"),
        "full": vram.training(llama, **how, recipe="bf16-mixed"),
    }
    for job, truth in truths.items():
        assert ask.timeline(State(job=job)).peak == truth.peak + constant, job
        assert ask.timeline(State(job=job)).peak_phase == truth.peak_phase, job
    shared = vram.shard(truths["full"], dp=8, zero=2)
    assert ask.timeline(State(job="full", cards=8, zero=2)).peak == shared.peak + constant


def test_it_opens_on_a_state_that_does_not_fit_though_its_weights_do():
    weights = ask.timeline(State()).at_peak().by("kind")["weights"].nbytes
    assert not ask.timeline(State()).fits("RTX 4090") and weights < vram.gpus["RTX 4090"].usable_bytes
    assert any(option.fits for option in ask.options(State()))


@pytest.mark.parametrize(
    "s",
    [
        State(),
        State(job="run", gpu="T4", context=4096, batch=4),
        State(job="full", gpu="L4", model="qwen2.5-0.5b", batch=64),
        State(job="qlora", gpu="T4", cards=2, zero=0, batch=8),
    ],
    ids=lambda s: s.job,
)
def test_every_advice_holds(s):
    found = ask.options(s)
    assert found
    for option in found:
        changed = ask.timeline(s.but(**{option.setting: option.value}))
        assert (changed.peak, changed.fits(s.gpu)) == (option.peak, option.fits), option
        assert option.peak < ask.timeline(s).peak, option
    assert [o.fits for o in found] == sorted((o.fits for o in found), reverse=True)
    for name, largest in (("context", ask.longest_context(s)), ("batch", ask.largest_batch(s))):
        if largest:
            assert ask.timeline(s.but(**{name: largest})).fits(s.gpu), name
        if largest < {"context": ask.MOST_CONTEXT, "batch": ask.MOST_BATCH}[name]:
            assert not ask.timeline(s.but(**{name: largest + 1})).fits(s.gpu), name
    card = ask.smallest_card(s)
    assert card is None or ask.timeline(s).fits(card)
    assert not any(ask.timeline(s).fits(g) for g in vram.gpus.values() if card and g.usable_mib < card.usable_mib)


def test_the_fewest_cards_are_enough_and_one_less_is_not():
    s = State(job="full")
    whole = ask._whole(s)
    fewest = ask.fewest_cards(s)
    fits = [vram.shard(whole, dp=n, zero=3).fits(s.gpu) for n in (fewest - 1, fewest)]
    assert fits == [False, True]


def test_a_peak_that_the_constants_could_push_over_the_edge_is_called_close():
    longest = ask.longest_context(State(job="run"))
    for context, close in ((512, False), (longest, True), (longest + 1, True), (2**17, False)):
        assert ("It is close" in sentences.detail(State(job="run", context=context))) == close, context


def test_a_model_whose_layers_are_not_described_gives_no_sure_promise():
    s = State(model="internlm2-20b", job="run", gpu="H100-80GB")
    assert sentences.verdict(s).startswith("May fit the H100-80GB: needs at least ")
    assert "Not counted: logits, temporaries." in sentences.detail(s)


def test_a_line_of_python_and_a_link_reproduce_every_state():
    for s in STATES[::7]:
        assert eval(share.python(s), {"vram": vram}).state.normal() == s.normal()
        assert state(share.from_query(share.query(s))).normal() == s.normal()


def test_a_config_goes_with_the_line_of_python_and_not_with_the_link(tmp_path, monkeypatch):
    (tmp_path / "config.json").write_text('{"model_type": "llama"}')
    monkeypatch.chdir(tmp_path)
    own = calculator(config={"model_type": "llama"}, job="run", gpu="L4")
    assert eval(share.python(own.state), {"vram": vram}).verdict == own.verdict
    assert "model" not in share.from_query(share.query(own.state)) and "model_type" not in share.query(own.state)


def test_values_between_the_options_are_taken_and_shown():
    panel = calculator(context=5000, batch=3, rank=24)
    assert panel.choice("context").text(5000) == "5,000"
    assert panel.widget.children[0].children[3].value == 5000
    assert ask.timeline(panel.state).settings["seq_len"] == 5000


def test_the_text_to_copy_holds_units_assumptions_and_the_way_back():
    s = State(job="full", cards=8, gpu="A100-80GB")
    text = sentences.report(s)
    for kind, rows in ask.timeline(s).at_peak().by("kind").items():
        assert re.search(rf"{kind} +{re.escape(vram.both(rows.nbytes))}", text), kind
    assert vram.both(ask.timeline(s).peak) in text and vram.both(vram.gpus["A100-80GB"].usable_bytes) in text
    assert all(sentences.setting(s, name) in text for name in s.assumptions)
    assert share.python(s) in text and share.query(s) in text
    low, high = map(vram.gib, ask.constants_range())
    assert f"{low} to {high}" in text


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"model": "lama-3-8b"}, "model: 'lama-3-8b' is not known. Did you mean 'llama-3-8b'"),
        ({"job": "train"}, "job: 'train' is not known"),
        ({"gpu": "RTX 4091"}, "Did you mean 'RTX 4090'"),
        ({"context": 0}, "context: 0 given"),
        ({"context": 4096.0}, "context: 4096.0 given"),
        ({"batch": 10**9}, "batch: 1000000000 given"),
        ({"cards": 3}, "cards: 3 given, one of 1, 2, 4, 8, 16"),
        ({"zero": True}, "zero: True given"),
        ({"dtype": "bf16"}, "setting: 'dtype' is not known"),
        ({"config": {"model_type": "llama"}, "model": "gpt2"}, "config: given with the model 'gpt2'"),
        ({"model": "own"}, "config: none given yet"),
    ],
)
def test_unknown_settings_are_named(values, message):
    with pytest.raises(vram.VramError, match=re.escape(message)):
        calculator(**values)
