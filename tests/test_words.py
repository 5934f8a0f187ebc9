"""Does the catalogue say what it is asked for, fail clearly on what it lacks, and can a translation be added?"""

import re

import pytest

from vram import VramError, words
from vram.teach import clinic
from vram.teach.exercises import lessons, of_lesson
from vram.teach.unreadable import Unreadable
from vram.words import catalogue, has, keys, language, languages, places, say


def test_a_text_takes_its_values():
    assert say("progress.title", lesson="02", solved=1, total=8) == "Lesson 02: 1 of 8 solved in this kernel."


def test_an_unknown_key_names_the_nearest_one():
    with pytest.raises(
        VramError, match=re.escape("'check.opne' is not in the catalogue 'en'. Did you mean 'check.open'?")
    ):
        say("check.opne")


def test_a_missing_value_is_named():
    with pytest.raises(VramError, match="needs a value for 'id'"):
        say("check.open_hint", name="02.1")


@pytest.mark.parametrize("hostile", ["", "..", "../en", "/etc", "en/..", "xx"])
def test_a_language_is_one_of_the_folders(monkeypatch, hostile):
    monkeypatch.setenv(words.VARIABLE, hostile)
    with pytest.raises(VramError, match=words.VARIABLE):
        language()


def test_another_language_is_another_folder(monkeypatch, tmp_path):
    """A translation needs no line of code: here one of a single text."""
    for name, text in (("en", "Right."), ("zh", "正确。")):
        (tmp_path / name / "exercises").mkdir(parents=True)
        (tmp_path / name / "checks.toml").write_text(f'[check]\nright = "{text}"\n', encoding="utf-8")
    monkeypatch.setattr(words, "files", lambda package: tmp_path)
    monkeypatch.setenv(words.VARIABLE, "zh")
    _forget()
    try:
        assert languages() == {"en", "zh"}
        assert say("check.right") == "正确。"
    finally:
        monkeypatch.undo()
        _forget()


@pytest.mark.parametrize(
    ("second", "message"),
    [('[check]\nright = "again"\n', "stands in the catalogue already"), ("[check]\nopen = 3\n", "a text is a string")],
)
def test_a_broken_catalogue_is_refused(monkeypatch, tmp_path, second, message):
    (tmp_path / "en").mkdir()
    (tmp_path / "en" / "checks.toml").write_text('[check]\nright = "Right."\n', encoding="utf-8")
    (tmp_path / "en" / "panels.toml").write_text(second, encoding="utf-8")
    monkeypatch.setattr(words, "files", lambda package: tmp_path)
    _forget()
    try:
        with pytest.raises(VramError, match=message):
            say("check.right")
    finally:
        monkeypatch.undo()
        _forget()


def _forget():
    catalogue.cache_clear()
    languages.cache_clear()


@pytest.mark.parametrize("name", sorted(languages()))
def test_every_language_has_every_text_with_the_same_places(name, monkeypatch):
    english = {key: places(key) for key in keys()}
    monkeypatch.setenv(words.VARIABLE, name)
    assert {key: places(key) for key in keys()} == english


def test_every_text_is_well_formed():
    for key, text in catalogue("en").items():
        assert text.strip(), key
        assert places(key) is not None  # str.format could not read it otherwise
        assert "!" not in text, f"{key}: no exclamation marks"


@pytest.mark.parametrize(
    "question", [q for lesson in lessons() for q in of_lesson(lesson).values()], ids=lambda q: q.id
)
def test_every_question_has_its_words(question):
    needed = {"question", "praise", "solution"}
    if question.number != "p":
        needed |= {"hint1", "hint2", "hint3"}
    needed |= {f"slip.{slip.name}" for slip in question.slips if not slip.misconception}
    assert {part for part in needed if not question.has_words(part)} == set()
    allowed = needed | {f"slip.{slip.name}" for slip in question.slips} | {f"option.{x}" for x in question.letters}
    written = {key.removeprefix(f"exercise.{question.id}.") for key in keys(f"exercise.{question.id}.")}
    assert written <= allowed, "a text that nothing says"
    assert bool(question.letters) == (question.kind == "choice")


def test_every_question_in_the_catalogue_exists():
    ids = {key.split(".")[1] + "." + key.split(".")[2] for key in keys("exercise.")}
    cases = {f"clinic.{number:02}" for number in clinic.numbers()}
    assert ids == cases | {question for lesson in lessons() for question in of_lesson(lesson)}


def test_every_misconception_named_by_a_slip_has_a_sentence():
    named = {s.misconception for lesson in lessons() for q in of_lesson(lesson).values() for s in q.slips} - {""}
    assert {m for m in named if not has(f"misconception.{m}")} == set()


def test_every_reason_for_not_reading_an_answer_has_a_sentence():
    """The keys that the readers use, found in their source, so that none is missing when it is needed."""
    import inspect

    from vram.teach import answers, expressions

    source = inspect.getsource(answers) + inspect.getsource(expressions)
    used = set(re.findall(rf'{Unreadable.__name__}\("(\w+)"', source)) | set(
        re.findall(r'_number_and_rest\(answer, "(\w+)"', source)
    )
    written = {key.removeprefix("check.unreadable.") for key in keys("check.unreadable.")}
    assert used == written
