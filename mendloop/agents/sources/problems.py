"""Given problems, one a line of a .jsonl file, in three forms: HumanEval's, MBPP's, and ours."""

from __future__ import annotations

from pathlib import Path

from mendloop.agents.procedural.files import Skipped
from mendloop.agents.sources.benchmark_rows import from_humaneval, from_mbpp, is_humaneval, is_mbpp
from mendloop.agents.sources.jsonl import (
    JsonRow,
    RowError,
    Unusable,
    nothing_usable,
    read_rows,
    skipped_lines,
)
from mendloop.agents.sources.own_rows import from_own
from mendloop.agents.sources.stated_rows import Stated
from mendloop.frozen import Frozen
from mendloop.records import Case
from mendloop.screening.licences import OWN, normalised
from mendloop.screening.screen import BY_DEFAULT, Piece, RefusedError, Screen, texts_of
from mendloop.screening.screened import Screened
from mendloop.specs import ScreeningSpec

_WANTED = 'write {"statement": "...", "entry_point": "f", "signature": "f(x)", "examples": ["assert f(1) == 2"]}'


class GivenProblem(Frozen):
    """One problem of a file. What its row says of the solution, and its further tests, is not here: no role sees it."""

    id: str
    file: str
    line: int
    licence: str = OWN
    statement: str
    entry_point: str
    signature: str
    examples: tuple[Case, ...] = ()
    concepts: tuple[str, ...] = ()


class Problems(Frozen):
    """The problems of a file in its order; `skipped` names the rows that cannot or may not be used.

    `screened` says what was found in all.
    """

    file: str
    items: tuple[GivenProblem, ...]
    skipped: tuple[Skipped, ...] = ()
    screened: Screened = Screened()


def read_problems(path: str | Path, rules: ScreeningSpec = BY_DEFAULT) -> Problems:
    """Read a .jsonl file of problems, screened by the rules; its rows may have different forms.

    A row with `text` and `test_list` is MBPP's, one whose `prompt` begins the function `entry_point` is HumanEval's,
    any other one ours: `{"id"?, "statement", "entry_point", "signature"?, "examples"?, "licence"?, "concepts"?}`.
    Raises SourceError when no row can be used.
    """
    items: dict[str, GivenProblem] = {}
    unusable: list[Unusable] = []
    screen, file = Screen(rules), Path(path).name
    for row in read_rows(path):
        if isinstance(row, Unusable):
            unusable.append(row)
            continue
        try:
            item = _screened(_problem(row, file), screen)
            if item.id in items:
                raise RowError(f"its id was used before, in line {items[item.id].line}")
        except (RowError, RefusedError) as reason:
            unusable.append(Unusable(line=row.line, reason=str(reason)))
            continue
        items[item.id] = item
    if not items:
        raise nothing_usable(path, unusable, _WANTED)
    skipped = skipped_lines(path, unusable)
    return Problems(file=file, items=tuple(items.values()), skipped=skipped, screened=screen.result)


def _problem(row: JsonRow, file: str) -> GivenProblem:
    stated = _stated(row)
    return GivenProblem(
        id=stated.id or f"line{row.line}",
        file=file,
        line=row.line,
        licence=normalised(row.optional("licence", "license")) or OWN,
        statement=stated.statement,
        entry_point=stated.entry_point,
        signature=stated.signature,
        examples=stated.examples,
        concepts=stated.concepts,
    )


def _stated(row: JsonRow) -> Stated:
    if is_mbpp(row):
        return from_mbpp(row)
    return from_humaneval(row) if is_humaneval(row) else from_own(row)


def _screened(given: GivenProblem, screen: Screen) -> GivenProblem:
    """Return a problem as it may be used; raises RefusedError. Names and examples are not changed."""
    screen.licensed(given.licence, given.file, given.line)
    examples = "\n".join(text for case in given.examples for text in texts_of(case))
    statement, *_ = screen.passed(
        (
            Piece(given.statement, "prose"),
            Piece(f"{given.id} {given.entry_point} {given.signature} {' '.join(given.concepts)}", "fixed"),
            Piece(examples, "fixed"),
        ),
        given.file,
        given.line,
    )
    return given.model_copy(update={"statement": statement})
