"""The teacher's pack: complete, gathered from the course, and with plans that add up."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml

from vram.teach.exercises import lessons, of_lesson
from vram.teach.misconceptions import known
from vram.teach.reference import board_plan, clinic_rubric, exit_questions, misconceptions, questions_of_decks
from vram.words import keys

DECKS = sorted(Path(__file__).parent.parent.glob("slides/[0-9][0-9]-*.ipynb"))


@pytest.fixture(scope="module")
def text(course: Path) -> str:
    return (course / "slides" / "TEACHING.md").read_text(encoding="utf-8")


def test_every_lesson_up_to_11_has_a_deck(course: Path, text: str) -> None:
    """The lessons after it are worked through, not presented; two pages say so."""
    lessons_by_name = sorted(path.stem for path in course.glob("notebooks/[0-9][0-9]-*.ipynb"))
    assert [deck.stem for deck in DECKS] == [stem for stem in lessons_by_name if stem[:2] <= "11"]
    for page in (text, (course / "README.md").read_text(encoding="utf-8")):
        assert re.search(r"lesson up to 11\b", page)


def test_every_deck_votes_finds_a_mistake_and_asks_at_the_end(course: Path) -> None:
    parts = re.split(r"^## ", questions_of_decks(course / "slides"), flags=re.MULTILINE)[1:]
    assert [part[:2] for part in parts] == [deck.name[:2] for deck in DECKS]
    for part in parts:
        questions = re.split(r"^### ", part, flags=re.MULTILINE)[1:]
        assert len(questions) >= 3, part[:60]
        assert any("mistake" in question.splitlines()[0] for question in questions), part[:60]
        assert "Exit question" in questions[-1].splitlines()[0]
        for question in questions:
            assert re.search(r"^\*Minute \d+", question, re.MULTILINE), f"no notes: {question[:60]}"


def test_every_lesson_has_its_exit_question_with_all_options() -> None:
    page = exit_questions()
    assert re.findall(r"^\*\*(\d\d)\*\*", page, re.MULTILINE) == list(lessons())
    for number in lessons():
        question = of_lesson(number)[f"{number}.x"]
        assert all(question.words(f"option.{letter}") in page for letter in question.letters)


def test_every_belief_is_in_the_table_with_a_lesson() -> None:
    rows = misconceptions().rows
    assert [row[0] for row in rows] == list(known())
    assert all(row[2] for row in rows)


def test_the_board_ends_in_the_sum_of_a_layer() -> None:
    *tensors, total = board_plan().rows
    assert len(tensors) == 12 and total[2] == "12h² + 13h"


def test_every_rubric_of_the_clinic_is_there() -> None:
    own = [key for key in keys("exercise.clinic.") if ".rubric" in key]
    assert len(own) > 10 and len(clinic_rubric().splitlines()) == len(own) + 2


def test_the_short_course_fills_three_hours(text: str) -> None:
    plan = text.split("## Three hours")[1].split("## ")[0]
    starts = [60 * int(h) + int(m) for h, m in re.findall(r"^\| (\d):(\d\d) \|", plan, re.MULTILINE)]
    assert starts == sorted(starts) and starts[0] == 0 and starts[-1] == 170
    assert set(re.findall(r"\| (\d\d) ·", plan)) == {"00", "01", "02", "03", "04", "06", "08"}


def test_the_full_course_has_every_lesson_in_eight_hours(text: str) -> None:
    plan = text.split("## Eight times fifty minutes")[1].split("## ")[0]
    rows = re.findall(r"^\| (\d) \| (.*) \| (.*) \|$", plan, re.MULTILINE)
    assert [row[0] for row in rows] == [str(n) for n in range(1, 9)]
    assert set(re.findall(r"\b\d\d\b", " ".join(" ".join(row) for row in rows))) >= set(lessons())
    rhythm = plan.split("same rhythm:")[1].split("\n")[0]
    assert sum(map(int, re.findall(r"\((\d+)\)", rhythm))) == 50


def test_the_files_and_targets_that_the_plan_names_exist(course: Path, text: str) -> None:
    targets = set(re.findall(r"^([a-z]+):.*##", (course / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    assert set(re.findall(r"`make ([a-z]+)`", text)) <= targets
    for link in re.findall(r"\]\(([^)#:]+)\)", text):
        assert (course / "slides" / link).exists(), link


def test_the_values_for_kubernetes(course: Path) -> None:
    """The chart itself cannot be asked here: the keys are those of its documentation, and the amounts make sense."""
    values = yaml.safe_load((course / "slides" / "deploy" / "z2jh-values.yaml").read_text(encoding="utf-8"))
    assert set(values) == {"singleuser", "hub", "cull"}
    assert set(values["singleuser"]) == {"image", "defaultUrl", "memory", "cpu", "storage", "profileList"}
    first = values["singleuser"]["defaultUrl"].removeprefix("/lab/tree/course/")
    assert (course / first).is_file()
    sizes = [int(values["singleuser"]["memory"]["guarantee"].removesuffix("M")), 1000]
    assert 220 < sizes[0] < sizes[1]
