"""Is every quantity and kind of memory in the notation page, in both languages, with every spelling that we read?"""

import re

from vram.architectures.families import families
from vram.ledger.symbols import GLOSSARY
from vram.show.theme import KINDS
from vram.teach.reference import symbol_table, term_table
from vram.teach.reference.notation import spellings, terms

CHINESE = re.compile(r"[\u4e00-\u9fff]")


def test_every_symbol_has_its_row_with_a_chinese_term():
    rows = {row[0]: row for row in symbol_table().rows}
    assert set(rows) == {n.symbol for n in GLOSSARY}
    assert all(CHINESE.search(row[3]) and row[2] and row[4] for row in rows.values())


def test_every_key_that_a_config_may_have_for_a_quantity_is_a_spelling():
    for notation in GLOSSARY:
        read = {key for family in families.values() for key, field in family.reads.items() if field == notation.name}
        assert read - {notation.name} <= set(spellings(notation)), notation.name
        assert notation.name not in spellings(notation)
        assert len(spellings(notation)) == len(set(spellings(notation)))


def test_every_kind_of_memory_is_a_term():
    assert {kind.replace(" ", "_") for kind in KINDS} <= set(terms())


def test_every_term_has_a_chinese_one_and_is_explained_once():
    rows = term_table().rows
    assert len(rows) == len(terms()) == len({row[0] for row in rows}) == len({row[2] for row in rows})
    assert all(CHINESE.search(row[1]) for row in rows)
