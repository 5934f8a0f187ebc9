"""The README says what is there: its picture, its table of lessons, its code, its minutes."""

import re
from pathlib import Path

import nbformat
import pytest

import vram
from vram.memory.activations.described import EXACT
from vram.show import readme

COURSE = Path(__file__).parent.parent
TEXT = (COURSE / "README.md").read_text(encoding="utf-8")
LESSONS = sorted((COURSE / "notebooks").glob("[0-9][0-9]-*.ipynb"))


def minutes_of(lesson: Path) -> str:
    title = nbformat.read(lesson, as_version=4).cells[0].source
    return re.search(r"\*\*Minutes\*\* (\d+)", title).group(1)


def test_the_picture_is_what_the_library_draws():
    assert (COURSE / readme.PATH).read_text(encoding="utf-8") == readme.svg()
    assert f"![{readme.alternative()}]({readme.PATH})" in TEXT


@pytest.mark.parametrize("lesson", LESSONS, ids=lambda path: path.stem)
def test_every_lesson_is_in_the_table_with_its_minutes(lesson):
    assert re.search(rf"\]\(notebooks/{lesson.name}\) \| .* \| {minutes_of(lesson)} \|", TEXT)


def test_the_code_gives_what_its_comments_say():
    block = re.search(r"```python\n(.*?)```", TEXT, re.DOTALL).group(1)
    names: dict[str, object] = {}
    said = 0
    for line in block.splitlines():
        code, _, comment = line.partition("#")
        if comment:
            assert str(eval(code, {"vram": vram}, names)) == comment.split(",")[0].strip()
            said += 1
        else:
            exec(line, names)
    assert said == 3


def test_a_newcomer_reaches_a_panel_from_the_first_screen():
    """Badge, both commands and the way to a panel stand in the first 24 lines."""
    first = "\n".join(TEXT.splitlines()[:24])
    assert "mybinder.org" in first and "make lab" in first and "make test" in first and "Play" in first


def test_the_paths_add_up():
    minutes = {path.name[:2]: int(minutes_of(path)) for path in LESSONS}
    paths = re.findall(r"\*\*[^*]+\*\*, (\d+) minutes[^:]*: lessons (\d\d(?:(?:, | and )\d\d)+)", TEXT)
    assert len(paths) == 3
    for total, lessons in paths:
        assert int(total) == sum(minutes[n] for n in re.findall(r"\d\d", lessons))
    assert f"{sum(minutes.values()) // 60} hours alone" in TEXT


def test_lesson_00_names_the_same_paths():
    first = nbformat.read(LESSONS[0], as_version=4)
    (told,) = [cell.source for cell in first.cells if cell.id == "progress-paths"]
    for path in ("Short course", "Inference only", "Fine-tuner"):
        (there,) = re.findall(rf"\*\*{path}\*\*: (.*)", told)
        (here,) = re.findall(rf"\*\*{path}\*\*[^:]*: lessons (.*)", TEXT)
        assert re.findall(r"\b\d\d\b(?!-)", there) == re.findall(r"\b\d\d\b", here)


def test_the_number_of_families_is_the_library_s():
    assert f"for {len(EXACT)} families" in TEXT
