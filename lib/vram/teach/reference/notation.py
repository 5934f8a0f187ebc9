"""How is it written here, how elsewhere, and how in Chinese? Every symbol and every term of the course, in two tables.

Symbols are the library's glossary; their other spellings are its own and the keys that families of models have in their
config.json. Terms stand in `words/en/reference/notation.toml`, the Chinese beside the English.
"""

from __future__ import annotations

from ...architectures.families import families
from ...ledger.symbols import GLOSSARY, Notation
from ...show.tables import StyledTable
from ...words import keys, say

_TERM = "notation.term."


def symbol_table() -> StyledTable:
    """Each symbol with its name in code, its meaning, the Chinese term, and all other spellings."""
    headers = ("symbol", "name", "meaning", "chinese", "elsewhere")
    return StyledTable(
        [say(f"notation.column.{header}") for header in headers],
        [[n.symbol, n.name, n.meaning, n.chinese, ", ".join(spellings(n))] for n in GLOSSARY],
        align="ccllc",
        caption=say("notation.symbols"),
    )


def spellings(notation: Notation) -> list[str]:
    """How others write a quantity: in papers and code, and as a key of a config.json. Its own name is left out.

    >>> next(spellings(n) for n in GLOSSARY if n.symbol == "l")
    ['n_layer', 'num_layers', 'L', 'n_layers']
    """
    keys_of_configs = (
        key for family in families.values() for key, field in family.reads.items() if field == notation.name
    )
    found = dict.fromkeys([*notation.dialects, *sorted(set(keys_of_configs))])
    return [spelling for spelling in found if spelling != notation.name]


def term_table() -> StyledTable:
    """Each term with the Chinese one and what it means here."""
    headers = ("term", "chinese", "means")
    return StyledTable(
        [say(f"notation.column.{header}") for header in headers],
        [[say(f"{_TERM}{name}.{part}") for part in ("english", "chinese", "means")] for name in terms()],
        align="lll",
        caption=say("notation.terms"),
    )


def terms() -> list[str]:
    """The terms of the glossary, in the order of the file."""
    return list(dict.fromkeys(key.removeprefix(_TERM).partition(".")[0] for key in keys(_TERM)))
