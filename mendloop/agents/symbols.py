"""The symbol tables of a program."""

from __future__ import annotations

import symtable
import warnings


def symbol_tables(code: str) -> list[symtable.SymbolTable]:
    """Return the symbol tables of a program, the module's first. Raises SyntaxError, ValueError, RecursionError."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        tables = [symtable.symtable(code, "<program>", "exec")]
    for table in tables:  # it grows while it is read
        tables += table.get_children()
    return tables
