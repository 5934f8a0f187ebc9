"""The calculator takes what anybody may give it: uploads, pasted text, links. None breaks it, none becomes markup."""

from __future__ import annotations

import json

import pytest

import vram
from vram.show import calculator, calculator_page
from vram.show.fit import config, share
from vram.show.fit.config import MAX_BYTES

HOSTILE = "<script>alert(1)</script>"
LLAMA = {"model_type": "llama", "_name_or_path": "somebody/my-model", "hidden_size": 2048, "num_attention_heads": 16}


def test_a_config_of_ones_own_is_counted():
    own = calculator(config=LLAMA, job="run", context=512)
    assert own.state.title == "my-model"
    truth = vram.inference(vram.Architecture.from_config(LLAMA), seq_len=512).peak + vram.overhead().nbytes
    assert f"needs {vram.gib(truth)}," in own.verdict


@pytest.mark.parametrize("form", [lambda c: c, json.dumps, lambda c: f"\n {json.dumps(c)}"])
def test_a_config_is_given_as_dict_or_text(form):
    assert calculator(config=form(LLAMA)).state.architecture() == vram.Architecture.from_config(LLAMA)


def test_a_config_is_given_as_file(tmp_path):
    (tmp_path / "config.json").write_text(json.dumps(LLAMA), encoding="utf-8-sig")
    assert calculator(config=tmp_path / "config.json").state.title == "my-model"


BAD = {
    "": "none given yet",
    "{": "not valid JSON",
    "[1]": "a list given, a JSON object is needed",
    '"llama"': "a str given",
    "__import__('os').system('true')": "not valid JSON",
    '{"model_type": "llama", "hidden_size": NaN}': "NaN is not a number",
    '{"hidden_size": ' + "9" * 5000 + "}": "not valid JSON",
    "[" * 30_000: "nested too deeply",
    "{" + " " * MAX_BYTES + "}": f"at most {MAX_BYTES:,} are read",
    json.dumps({"model_type": HOSTILE}): "is not known",
    json.dumps({"model_type": "llama", "hidden_size": HOSTILE}): "hidden_size",
    json.dumps({"model_type": "llama", "hidden_size": -1}): "hidden_size",
    json.dumps({"model_type": "llama", "num_hidden_layers": 10**30}): "num_hidden_layers",
    json.dumps({"model_type": "bert"}): "",
}


@pytest.mark.parametrize("text", BAD, ids=lambda text: text[:30] or "empty")
def test_pasted_text_that_is_no_model_leaves_the_last_good_state(text):
    panel = calculator(job="run")
    own, answer = _pieces(panel)
    before = answer.html
    panel.widget.moved("model", "own")
    own.children[0].value = "x"
    own.children[0].value = text
    assert BAD[text] in panel.problem and panel.problem
    assert answer.problem.count('role="alert"') == 1 and "<script" not in answer.problem
    assert answer.html == before
    panel.widget.moved("model", "gpt2")
    assert not answer.problem and panel.verdict != calculator(job="run").verdict


def test_pasted_text_is_counted_as_soon_as_it_is_a_model():
    panel = calculator(job="run")
    own, answer = _pieces(panel)
    assert own.layout.display == "none"
    panel.widget.moved("model", "own")
    assert own.layout.display is None and "none given yet" in answer.problem
    own.children[0].value = json.dumps(LLAMA)
    assert not answer.problem and "my-model" in answer.html
    assert answer.html == calculator(config=LLAMA, job="run").render()


def _pieces(panel):
    """The fields for the reader's own config, and the answer."""
    _, own, _, _, answer, _ = panel.widget.children
    return own, answer


def upload(panel, content: bytes, name: str = "config.json"):
    file = {"name": name, "type": "", "size": len(content), "content": memoryview(content), "last_modified": None}
    own, *_ = _pieces(panel)
    panel.widget._uploaded((file,))
    return own.children[0].value


def test_an_uploaded_file_goes_into_the_field_and_is_counted():
    panel = calculator(job="run")
    panel.widget.moved("model", "own")
    assert upload(panel, json.dumps(LLAMA).encode()) == json.dumps(LLAMA)
    assert panel.state.title == "my-model" and not panel.problem


@pytest.mark.parametrize(
    ("content", "message"),
    [(b" " * (MAX_BYTES + 1), "bytes given"), (b"\xff\xfe\x00", "no UTF-8 text"), (b"PK\x03\x04", "not valid JSON")],
)
def test_an_uploaded_file_that_is_no_config_is_refused(content, message):
    panel = calculator(job="run")
    panel.widget.moved("model", "own")
    upload(panel, content)
    assert message in panel.problem and message in _pieces(panel)[1].problem


@pytest.mark.parametrize("key", ["_name_or_path", "model_type"])
def test_a_name_is_text_and_never_markup(key):
    hostile = LLAMA | {"_name_or_path": HOSTILE.replace("/", "\\")}
    panel = calculator(config=hostile, job="run")
    for html in (panel.render(), panel.static(), _pieces(panel)[1].html):
        assert "<script" not in html
    assert "&lt;script&gt;" in panel.render()


@pytest.mark.parametrize("name", ["a" * 500, "line\nbreak", "\x00", " ", "a/b/" + "c" * 50, 7, None, ["x"]])
def test_a_name_is_short_and_printable(name):
    title = config.title(json.dumps(LLAMA | {"_name_or_path": name}))
    assert 0 < len(title) <= 40 and title.isprintable()


def test_a_link_opens_the_page_in_its_state(monkeypatch):
    monkeypatch.setenv("QUERY_STRING", "model=qwen3-8b&job=run&gpu=L4&context=4096&utm_source=x")
    page = calculator_page()
    assert page.verdict == calculator("qwen3-8b", job="run", gpu="L4", context=4096).verdict and not page.problem
    assert f'href="{share.query(page.state).replace("&", "&amp;")}"' in page.render()
    assert "href" not in calculator().render(), "beside a lesson there is no page to lead to"


@pytest.mark.parametrize(
    "query",
    ["", "?", "&&==&", "a=b", "?model=", "?context=1e9", "?context=-1", "?context=²", f"?context={'9' * 400}",
     "?job=%00", "?batch=0", f"?model={HOSTILE}", "?config={}", "?model=own", "x" * 100_000,
     "?context=4096&context=zero"],
    ids=lambda query: query[:20] or "empty",
)  # fmt: skip
def test_a_link_that_names_no_state_opens_the_usual_one(query):
    page = calculator_page(query)
    assert page.verdict == calculator().verdict
    html = page.widget.answer.problem
    assert bool(page.problem) == ('role="alert"' in html) and "<script" not in html
    assert bool(page.problem) == (query not in ("", "?", "&&==&", "a=b", "?config={}"))
