"""Is each misconception met by an exercise whose check recognises it? The map below is the course's promise.

The ids are those of the catalogue (`misconception.<id>`). A lesson that does not exist yet owes nothing.
"""

from fractions import Fraction

import pytest

from vram.teach import B, check
from vram.teach.compare import agrees
from vram.teach.exercises import lessons, of_lesson
from vram.teach.misconceptions import RATIOS, known, sentence

ASK_FOR_BYTES = {"00", "01", "02", "04", "05", "06", "07", "08", "10", "11", "12", "13", "14"}
#: Where each misconception is met, no lesson more and none less. Wrong units are known wherever bytes are asked for.
MET_IN = {
    "M01": ASK_FOR_BYTES,  # 1 GB = 2³⁰ B
    "M02": {"00", "01", "05", "06"},  # a 24 GB card has 24 GiB
    "M03": {"05", "12"},  # 4-bit = half a byte for every parameter
    "M04": ASK_FOR_BYTES,  # bits for bytes
    "M05": {"02", "03"},  # a layer is 12h² + 3h; vectors matter
    "M06": {"03", "14"},  # LLaMA is 12lh²
    "M07": {"02", "03", "14"},  # embeddings are negligible
    "M08": {"06", "08"},  # training is 4 × the model
    "M09": {"06"},  # plain SGD keeps something
    "M10": {"06"},  # mixed precision halves training memory
    "M11": {"07"},  # activations are small
    "M12": {"00", "08", "12"},  # out of memory: lower the rank
    "M13": {"08"},  # LoRA shrinks activations
    "M14": {"07"},  # accumulation costs memory, checkpointing is free
    "M15": {"00", "03", "04", "08", "12", "14"},  # K and V have as many heads as Q
    "M16": {"03", "04", "12"},  # forgot K or V
    "M17": {"04"},  # training has a KV cache
    "M18": {"13"},  # head_dim is always h/a
    "M19": {"04"},  # vLLM needs its 90 %
    "M20": {"00", "04", "12"},  # inference is weights only
    "M21": {"13"},  # MoE memory is the active parameters
    "M22": {"10"},  # two cards, twice the room
    "M23": {"10"},  # ZeRO-3 halves activations
    "M24": {"11"},  # nvidia-smi is the sum of tensors
    "M25": {"07"},  # the peak is the steady state
    "M26": {"02", "03", "14"},  # a tied head counts twice
    "M27": {"00", "04", "14"},  # the model card's context is allocated
}
OWED = sorted((id, lesson) for id, where in MET_IN.items() for lesson in where & set(lessons()))


def slips_of(misconception: str, lesson: str):
    return [(q, slip) for q in of_lesson(lesson).values() for slip in q.slips if slip.misconception == misconception]


def by_ratio(misconception: str, lesson: str):
    questions = [q for q in of_lesson(lesson).values() if q.number != "p"]
    return [(q, ratio) for q in questions for id, ratio in RATIOS.get(q.kind, ()) if id == misconception]


def test_every_misconception_has_a_place():
    assert sorted(MET_IN) == [f"M{n:02}" for n in range(1, 28)]
    assert set(known()) <= set(MET_IN)


@pytest.mark.parametrize(("misconception", "lesson"), OWED)
def test_a_lesson_meets_the_misconceptions_it_owes(misconception, lesson):
    assert slips_of(misconception, lesson) or by_ratio(misconception, lesson)


def test_nothing_is_met_that_the_map_does_not_name():
    pairs = {(id, lesson) for id in known() for lesson in lessons()}
    assert {pair for pair in pairs if slips_of(*pair) or by_ratio(*pair)} == set(OWED)


def test_every_unit_is_recognised_for_the_other_in_both_directions():
    powers = {Fraction(1024, 1000) ** n for n in (1, 2, 3)}
    recognised = {id: {ratio for other, ratio in RATIOS["bytes"] if other == id} for id in ("M01", "M04")}
    assert recognised == {"M01": powers | {1 / power for power in powers}, "M04": {8, Fraction(1, 8)}}


def test_every_sentence_is_said_to_some_answer():
    fingerprints = {s.misconception for lesson in lessons() for q in of_lesson(lesson).values() for s in q.slips}
    assert set(known()) <= fingerprints | {id for ratios in RATIOS.values() for id, _ in ratios}


pytestmark = pytest.mark.usefixtures("fresh_kernel")
QUESTIONS = [question for lesson in lessons() for question in of_lesson(lesson).values()]
ALL_SLIPS = [(question, slip) for question in QUESTIONS for slip in question.slips]


@pytest.mark.parametrize(
    ("question", "slip"), ALL_SLIPS, ids=[f"{q.id}-{s.name}-{n}" for n, (q, s) in enumerate(ALL_SLIPS)]
)
def test_a_slip_gets_its_own_words(question, slip):
    value = slip.value()
    feedback = check(question.id, value * B if question.kind == "bytes" else value)
    own = f"slip.{slip.name}"
    expected = question.words(own) if question.has_words(own) else sentence(slip.misconception)
    assert (feedback.verdict, feedback.text) == ("wrong", expected)


@pytest.mark.parametrize("question", QUESTIONS, ids=lambda q: q.id)
def test_slips_differ_from_the_truth_and_from_each_other(question):
    truth, values = question.truth(), [(slip.name, slip.value()) for slip in question.slips]
    for n, (name, value) in enumerate(values):
        assert not agrees(question, value if question.kind in ("choice", "symbolic") else Fraction(value), truth), name
        for other, other_value in values[n + 1 :]:
            same = agrees(question, value if question.kind in ("choice", "symbolic") else Fraction(value), other_value)
            assert other == name or not same, f"{name} and {other} cannot be told apart"


def _ratio_cases():
    """Every ratio in every exercise, except where a slip has the same value: its words are more particular."""
    for lesson in lessons():
        for question in of_lesson(lesson).values():
            for id, ratio in RATIOS.get(question.kind, ()) if question.number != "p" else ():
                value = ratio * Fraction(question.truth())
                if not any(agrees(question, value, slip.value()) for slip in question.slips):
                    yield pytest.param(question, id, value, id=f"{question.id}-{id}-{float(ratio):.4f}")


@pytest.mark.parametrize(("question", "misconception", "value"), list(_ratio_cases()))
def test_a_ratio_gets_the_words_of_its_misconception(question, misconception, value):
    assert check(question.id, value * B).text == sentence(misconception)
