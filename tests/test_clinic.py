"""Is every variant of every case of the clinic sane, answerable, fair, and silent about its answer?

The seeds tried are few, so that the suite stays quick; CLINIC_SEEDS=50 tries more.
"""

import os
import re
from fractions import Fraction
from itertools import combinations, pairwise

import pytest

from test_leaks import garbage, leaks
from vram import VramError, models, words
from vram.teach import B, state
from vram.teach.clinic import Answer, Case, check_case, clinic, clinic_progress, numbers
from vram.teach.clinic.draw import _kept, _shuffled, makes_sense, settings_of
from vram.teach.clinic.question import THEMES, Question, Wrong
from vram.teach.clinic.questions import QUESTIONS
from vram.teach.clinic.review import rubric
from vram.teach.compare import agrees
from vram.words import keys

pytestmark = pytest.mark.usefixtures("fresh_kernel")
SEEDS = range(1, int(os.environ.get("CLINIC_SEEDS", 2)) + 1)
#: Cards older than Ampere: their tensor cores take FP16.
WITHOUT_BF16 = {"T4", "V100-16GB"}
SENTENCE = "No, because the cache is missing in this plan."


def cases(number: int) -> list[Case]:
    return [clinic(number, seed) for seed in SEEDS]


def written(case: Case, factor=1) -> object:
    """The size of a case times a factor, as a learner writes it."""
    return Fraction(case.exercise.truth()) * factor * (B if case.question.kind == "bytes" else 1)


def solved(case: Case, **changed) -> Answer:
    right = {"config": {case.question.key: case.right_option}, "size": written(case), "sentence": SENTENCE}
    return Answer(**(right | changed))


# Variants.


@pytest.mark.parametrize("number", numbers())
def test_every_variant_is_sane(number):
    """One size, one config, and no wrong size is taken for the right one or for another wrong one."""
    for case in cases(number):
        exercise, truth = case.exercise, Fraction(case.exercise.truth())
        assert truth > 0
        assert case.question.works(case.right_option, **case.settings)
        before = case.options[: case.options.index(case.right_option)]
        assert not any(case.question.works(option, **case.settings) for option in before)
        sizes = {"truth": truth} | {slip.name: Fraction(slip.value()) for slip in exercise.slips}
        assert min(sizes.values()) > 0, (case.settings, sizes)
        alike = [pair for pair in combinations(sizes, 2) if agrees(exercise, sizes[pair[0]], sizes[pair[1]])]
        assert alike == [], case.settings


@pytest.mark.parametrize("number", numbers())
def test_cards_and_models_suit_what_is_asked_of_them(number):
    """No arithmetic in BF16 on a card that has none, and no more tokens than the model was made for."""
    for case in (clinic(number, seed) for seed in range(1, 13)):
        cards = {case.settings.get("gpu"), *(case.options if case.question.key == "gpu" else ())}
        assert "BF16" not in repr(case) or not cards & WITHOUT_BF16, repr(case)
        tokens = max(case.settings.get(name, 0) for name in ("context", "tokens", "longest"))
        window = models[case.settings["model"]].max_position_embeddings
        assert tokens <= window, (case.settings, window)
        if case.question.key in ("seq_len", "max_model_len"):
            assert case.right_option <= window, (case.settings, window)


@pytest.mark.parametrize("number", numbers())
def test_seeds_change_the_size_and_nothing_else_does(number):
    found = [clinic(number, seed) for seed in (1, 2, 3)]
    sizes = [case.exercise.truth() for case in found]
    assert sizes[0] != sizes[1] != sizes[2]
    assert clinic(number, 2).settings == found[1].settings
    assert clinic(number, 2).settings is not found[1].settings


def test_options_are_right_in_their_turn():
    """Over the seeds, no case always has the same answer, so that none can be had without the question."""
    right = {number: {str(clinic(number, seed).right_option) for seed in range(1, 13)} for number in (1, 5, 6, 19, 25)}
    assert all(len(options) > 1 for options in right.values()), right


def test_an_order_decided_by_a_hash_is_the_same_everywhere():
    assert [settings_of(QUESTIONS[16], seed) for seed in (1, 2)] == [
        {"model": "llama-3.1-70b", "rank": 8, "targets": ("q_proj", "v_proj"), "budget": 400},
        settings_of(QUESTIONS[16], 2),
    ]


def question(**changed) -> Question:
    plain = {
        "number": 99, "theme": "run", "stars": 1, "draws": {"n": (1, 2, 3, 4)}, "kind": "count",
        "size": lambda n: 100 * n, "key": "k", "options": ("a", "b"), "works": lambda option, n: option == "b",
    }  # fmt: skip
    return Question(**(plain | changed))


def test_what_makes_no_sense_is_not_drawn():
    assert makes_sense(question(), {"n": 1})
    assert not makes_sense(question(works=lambda option, n: False), {"n": 1})
    assert not makes_sense(question(is_sane=lambda n: n > 1), {"n": 1})
    assert not makes_sense(question(wrong={"near": Wrong(lambda n: 100)}), {"n": 1})
    twins = {"one": Wrong(lambda n: 50), "other": Wrong(lambda n: 50)}
    assert not makes_sense(question(wrong=twins), {"n": 1})
    assert makes_sense(
        question(wrong={"far": Wrong(lambda n: 110), "no mistake": Wrong(lambda n: None)}), {"n": 1}
    )


def test_neighbours_differ_and_the_last_variant_is_followed_by_the_first():
    asked = question(size=lambda n: 100 * (n // 2 + 1))
    sizes = [asked.size(**settings) for settings in _kept(asked)]
    assert all(one != other for one, other in pairwise(sizes))
    assert settings_of(asked, len(sizes) + 1) == settings_of(asked, 1)
    assert len(_shuffled(asked)) == 4


# Answers.


@pytest.mark.parametrize("number", numbers())
def test_the_right_answer_is_accepted_and_then_the_rubric_is_shown(number):
    for case in cases(number):
        review = check_case(case, solved(case))
        assert review.right, review
        assert all(criterion in review.rubric for criterion in rubric(case))
        assert 3 <= len(rubric(case)) <= 4
        assert review.rubric not in repr(check_case(case, solved(case, sentence="")))
        assert not check_case(case, solved(case, size=written(case, 3))).rubric


@pytest.mark.parametrize("number", numbers())
def test_a_recognised_wrong_size_gets_its_own_words(number):
    case = clinic(number)
    for slip in case.exercise.slips:
        value = Fraction(slip.value())
        first = next(other for other in case.exercise.slips if agrees(case.exercise, value, other.value()))
        unit = B if case.question.kind == "bytes" else 1
        said = check_case(case, solved(case, size=value * unit)).parts[0][1]
        own = f"slip.{first.name}"
        expected = (
            case.words(own) if case.exercise.has_words(own) else words.say(f"misconception.{first.misconception}")
        )
        assert (said.verdict, said.text) == ("wrong", expected)


@pytest.mark.parametrize("number", numbers())
def test_each_config_is_told_whether_it_works(number):
    case = clinic(number)
    for place, option in enumerate(case.options):
        said = check_case(case, solved(case, config={case.question.key: option})).parts[1][1]
        right = case.options.index(case.right_option)
        assert said.right == (place == right)
        if place < right:
            assert said.text == case.words("fails")
        elif place > right and case.question.works(option, **case.settings):
            assert "before it in the list" in said.text


@pytest.mark.parametrize("answer", [None, "", Answer(), Answer({"weights": None}, None, ""), Answer({}, "  ", " ")])
def test_an_open_case_says_so_and_shows_its_question(answer):
    review = check_case(clinic(1), answer)
    assert [said.verdict for _, said in review.parts] == ["open"] and not review.right
    assert repr(clinic(1)) in repr(review)


@pytest.mark.parametrize(
    ("config", "verdict"),
    [
        ({"weights": "int4"}, "unclear"),
        ({"kv": "bf16"}, "unclear"),
        ({"weights": "bf16", "kv": "bf16"}, "unclear"),
        ("bf16", "unclear"),
        ({"weights": True}, "unclear"),
        ({"weights": []}, "unclear"),
        ({"weights": None}, "open"),
    ],
)
def test_a_config_in_another_form_is_asked_back(config, verdict):
    assert check_case(clinic(1), Answer(config, "1 GiB")).parts[1][1].verdict == verdict


def test_true_is_not_taken_for_one():
    case = clinic(8)
    assert check_case(case, Answer({"cards": True}, "1 GiB")).parts[1][1].verdict == "unclear"


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (lambda: clinic(0), "number: 0 given"),
        (lambda: clinic("1"), "number: '1' given"),
        (lambda: clinic(True), "number: True given"),
        (lambda: clinic(26), "1 to 25"),
        (lambda: clinic(1, 0), "seed: 0 given"),
        (lambda: clinic(1, 1.0), "seed: 1.0 given"),
        (lambda: check_case(1), "case: a int given"),
    ],
)
def test_what_is_no_case_is_refused(wrong, message):
    with pytest.raises(VramError, match=message):
        wrong()


# Nothing gives an answer away.


def visible(case: Case, text: str) -> str:
    """What is said beyond the numbers that the question itself has drawn."""
    given = set(re.findall(r"\d[\d,.]*\d|\d", repr(case) + case.words("thread")))
    return re.sub(r"\d[\d,.]*\d|\d", lambda match: "…" if match[0] in given else match[0], text)


@pytest.mark.parametrize("number", numbers())
def test_no_question_hint_or_wrong_answer_holds_the_size(number):
    for case in cases(number):
        shown = [repr(case), case._repr_html_(), case.words("thread"), *(repr(case.hint()) for _ in range(4))]
        if Fraction(case.exercise.truth()) > 100:  # a small number stands in every text by chance
            assert [leaks(case.exercise, text) for text in shown if leaks(case.exercise, text)] == []
        values = [written(case, Fraction(n, d)) for n, d in ((2, 1), (1, 2), (8, 1), (3, 2), (99, 10), (1, 8))]
        units = B if case.question.kind == "bytes" else 1
        values += [Fraction(slip.value()) * units for slip in case.exercise.slips]
        for value in [*values, *(garbage() if case.seed == 1 else [])]:
            review = check_case(case, Answer(None, value, SENTENCE))
            size = review.parts[0][1]
            if not size.right:
                assert leaks(case.exercise, visible(case, size.text)) == [], (value, size.text)
                assert not review.rubric


@pytest.mark.parametrize("number", numbers())
def test_garbage_in_every_part_raises_nothing(number):
    case = clinic(number)
    for thing in garbage():
        check_case(case, thing)
        check_case(case, Answer(thing, thing, thing, thing))
        check_case(case, solved(case, config={case.question.key: thing}))


def test_what_is_said_to_a_wrong_config_does_not_depend_on_the_right_one():
    """The words for what fails name no option of the list."""
    for number in numbers():
        case = clinic(number)
        for part in ("fails", "works"):
            assert not any(repr(option).strip("'") in case.words(part).split() for option in case.options)


# Words and progress.


def test_the_clinic_has_25_questions_in_eight_parts():
    assert list(QUESTIONS) == list(range(1, 26))
    order = [question.theme for question in QUESTIONS.values()]
    assert sorted(order, key=THEMES.index) == order and set(order) == set(THEMES)
    assert {question.stars for question in QUESTIONS.values()} == {1, 2, 3}


@pytest.mark.parametrize("number", numbers())
def test_every_case_has_its_words_and_no_other(number):
    case = clinic(number)
    asked = case.question
    needed = {
        "title", "thread", "question", "size", "config", "sentence", "hint1", "hint2", "hint3", "praise", "works",
        "fails", "rubric1", "wrote", "solution",
    }  # fmt: skip
    needed |= {f"slip.{name}" for name, wrong in asked.wrong.items() if not wrong.misconception}
    allowed = needed | {"rubric2"} | {f"slip.{name}" for name in asked.wrong}
    found = {key.removeprefix(f"exercise.{asked.id}.") for key in keys(f"exercise.{asked.id}.")}
    assert needed <= found <= allowed
    assert case.words("thread").count("](https://") >= 1
    for wrong in asked.wrong.values():
        assert not wrong.misconception or words.has(f"misconception.{wrong.misconception}")
    for part in ("hint1", "hint2", "hint3"):
        assert case.words(part)


def test_progress_counts_what_stands():
    case = clinic(3)
    check_case(case, solved(case, sentence=""))
    check_case(clinic(4), Answer(size=written(clinic(4))))
    rows = {row[0]: row[2:] for row in clinic_progress().rows}
    assert rows[case.title] == ("✓", "✓", "○") and rows[clinic(4).title] == ("✓", "○", "○")
    assert "3 of 50" in clinic_progress().caption and "0 of 50" in clinic_progress(2).caption
    check_case(case, solved(case, points=2))
    assert {row[0]: row[4] for row in clinic_progress().rows}[case.title] == "✓ 2"
    check_case(case, solved(case, points=99))
    assert {row[0]: row[4] for row in clinic_progress().rows}[case.title] == "✓ 2"
    state.forget()
    assert "0 of 50" in clinic_progress().caption


def test_hints_are_counted_for_each_case_by_itself():
    assert [repr(clinic(5).hint())[:11] for _ in range(2)] == ["Hint 1 of 3", "Hint 2 of 3"]
    assert repr(clinic(5, 2).hint()).startswith("Hint 1 of 3")


def test_a_case_reads_in_text_and_in_html():
    html = check_case(clinic(1), Answer({"weights": "bf16"}, "1 GiB"))._repr_html_()
    assert '<code>{"weights": …}</code>' in html and html.count("<li>") == 3
    assert "✗ size: Not yet." in html and "style" not in html
    assert max(map(len, repr(clinic(24)).splitlines())) <= 88
