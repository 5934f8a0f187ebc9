"""The calculator's widgets, driven from Python: what they show, in which order, and what they leave behind."""

from __future__ import annotations

import gc
import time
import tracemalloc

import pytest

from vram import VramError
from vram.show import calculator
from vram.show.fit import ask, page, search, sentences
from vram.show.fit.state import FIRST, JOBS, State


@pytest.fixture
def no_search(monkeypatch):
    """The searches take most of the time, and have their own tests."""
    monkeypatch.setattr(page, "advice", lambda state, stop=None: f"<p>advice for {state}</p>")


def shown(panel) -> str:
    return panel.widget.answer.html


def test_four_controls_are_seen_and_the_others_fold_open(no_search):
    panel = calculator()
    first, own, fold, folded, *_ = panel.widget.children
    assert [control.description for control in first.children] == list(map(sentences.label, FIRST))
    assert folded.layout.display == own.layout.display == "none"
    assert fold.description.endswith(sentences.assumptions(panel.state))
    fold.click()
    assert folded.layout.display is None and "Hide" in fold.description
    fold.click()
    assert folded.layout.display == "none" and fold.description.endswith(sentences.assumptions(panel.state))


@pytest.mark.parametrize("job", JOBS)
def test_the_assumptions_of_the_job_are_shown_and_each_has_a_name(job, no_search):
    panel = calculator(job=job)
    folded = panel.widget.children[3]
    assert [c.description for c in folded.children] == [sentences.label(n) for n in JOBS[job] if n != "zero"]
    panel.set(cards=2)
    assert [c.description for c in folded.children] == [
        sentences.label(n) for n in JOBS[job] if n != "zero" or job != "run"
    ]
    own = panel.widget.children[1]
    assert all(control.description for control in own.children)


@pytest.mark.parametrize("job", JOBS)
def test_the_widget_follows_each_control(job, no_search):
    panel = calculator(job=job, cards=2, context=2048)
    start = shown(panel)
    assert start == panel.render()
    for control in panel.controls:
        if control.name in ("job", "model"):
            continue
        other = next(value for value in control.values if value != control.default)
        panel.set(**{control.name: other})
        assert shown(panel) == panel.render() != start, control.name
        panel.set(**{control.name: control.default})
        assert shown(panel) == start, control.name


def test_another_model_and_another_job_are_followed():
    panel = calculator("gpt2", context=512)
    panel.set(model="pythia-70m", job="full")
    assert shown(panel) == calculator("pythia-70m", job="full", context=512).render()
    assert panel._repr_mimebundle_()["text/html"] == panel.static()


@pytest.mark.parametrize("values", [{"context": 791}, {"gpu": "RTX 4091"}, {"colour": 1}, {"job": "run", "rank": 0}])
def test_what_no_control_offers_moves_nothing(values):
    panel = calculator("gpt2", context=512)
    before = panel.values
    with pytest.raises(VramError, match=list(values)[-1] if "colour" not in values else "setting: 'colour'"):
        panel.set(**values)
    assert panel.values == before


def test_the_static_copy_tells_the_same_without_a_field():
    panel = calculator("gpt2", job="run", context=512)
    bundle = panel._repr_mimebundle_()
    assert set(bundle) == {"application/vnd.jupyter.widget-view+json", "text/html", "text/plain"}
    assert bundle["text/plain"] == panel.verdict and bundle["text/html"] == panel.static()
    assert "<textarea" in panel.render() and "<textarea" not in panel.static()
    assert '<pre class="copy">' in panel.static()
    assert sentences.assumptions(panel.state).replace("'", "&#x27;") in panel.static()
    for part in (sentences.verdict(panel.state), page.advice(panel.state), page.table(panel.state)):
        assert part in panel.static()


def test_two_calculators_do_not_disturb_each_other():
    one, two = calculator("gpt2", context=512), calculator("gpt2", context=512)
    one.set(gpu="T4", context=1024)
    assert shown(two) == two.render() != shown(one)


def test_a_thousand_updates_leave_memory_flat(no_search):
    panel = calculator("gpt2", job="run", context=512)
    states = [("gpu", "T4"), ("context", 1024), ("gpu", "L4"), ("context", 512), ("batch", 2), ("batch", 1)]

    def update(times: int) -> int:
        for n in range(times):
            panel.widget.moved(*states[n % len(states)])
        gc.collect()
        return tracemalloc.get_traced_memory()[0]

    update(60)
    tracemalloc.start()
    try:
        before = update(60)
        assert update(1000) - before < 100_000
    finally:
        tracemalloc.stop()


def test_the_advice_for_old_states_is_forgotten(no_search):
    shows: list[str] = []
    one = search.Search(shows.append)
    for n in range(3 * search._MOST_KEPT):
        one.start(State(context=600 + n))
    assert len(set(shows)) == 3 * search._MOST_KEPT and len(one._found) <= search._MOST_KEPT


class Slow:
    """Advice that takes its time and looks now and then whether anyone still waits."""

    def __init__(self):
        self.asked: list[str] = []

    def __call__(self, state, stop=ask.never):
        if stop is ask.never:
            return f"advice for {state.gpu}"
        self.asked.append(state.gpu)
        for _ in range(20):
            if stop():
                raise search.Stopped
            time.sleep(0.005)
        return f"advice for {state.gpu}"


@pytest.fixture
def in_a_kernel(monkeypatch):
    slow = Slow()
    monkeypatch.setattr(search, "serves_a_page", lambda: True)
    monkeypatch.setattr(search, "PAUSE", 0.02)
    monkeypatch.setattr(page, "advice", slow)
    return slow


def wait_for(shows: list[str], text: str) -> None:
    deadline = time.monotonic() + 10
    while not shows or shows[-1] != text:
        assert time.monotonic() < deadline, shows
        time.sleep(0.01)


def test_in_a_kernel_the_answer_does_not_wait_for_the_search(in_a_kernel):
    panel = calculator("gpt2", context=512)
    assert page.waiting() in shown(panel) and 'aria-busy="true"' in page.waiting()
    assert shown(panel) == panel.render().replace("advice for RTX 4090", page.waiting())
    deadline = time.monotonic() + 10
    while shown(panel) != panel.render():
        assert time.monotonic() < deadline
        time.sleep(0.01)
    assert "advice for RTX 4090" in shown(panel)


@pytest.mark.parametrize("job", JOBS)
def test_a_fold_that_is_open_stays_open(job, no_search):
    """The browser keeps an element open that is not sent again: titles are not, whatever control moves."""
    panel = calculator("gpt2", job=job, context=512)
    titles = [part for part in panel.widget.answer.children if "vram-title" in part._dom_classes]
    assert len(titles) == 4
    sent: list[str] = []
    for part in titles:
        part.observe(lambda change: sent.append(change["new"]), names="value")
    panel.set(model="pythia-70m", gpu="T4", context=1024, batch=2, cards=2, job="run")
    assert sent == [] and shown(panel) == panel.render()


def test_a_newer_state_ends_the_search_for_an_older_one(in_a_kernel):
    shows: list[str] = []
    running = search.Search(shows.append)
    running.start(State(gpu="T4"))
    time.sleep(0.06)
    running.start(State(gpu="L4"))
    running.start(State(gpu="H200"))
    wait_for(shows, "advice for H200")
    time.sleep(0.2)
    assert "advice for T4" not in shows and "advice for L4" not in shows
    assert in_a_kernel.asked == ["T4", "H200"], "a state that is passed over at once is not searched for"
    running.start(State(gpu="H200"))
    assert shows[-1] == "advice for H200" and in_a_kernel.asked == ["T4", "H200"], "a known answer comes at once"
