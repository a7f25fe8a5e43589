"""The table of a run's stages: how teacher and student did on each held-out split, and what changed with it."""

from __future__ import annotations

from collections.abc import Mapping

from mendloop.events import StageJudged
from mendloop.runs.counted import read_object
from mendloop.runs.observed import Sight
from mendloop.runs.reader import Reader
from mendloop.runs.report_group import Group
from mendloop.runs.report_model import StageRow

_TOLD = frozenset(StageRow.model_fields) - {"concepts", "lost"}


def stages(reader: Reader, sight: Sight) -> Group:
    """Return the table of stages, empty in a run without."""
    rows: list[StageRow] = []
    before: frozenset[str] = frozenset()
    for judged in sight.story.stages:
        given = _concepts(reader, judged)
        lost = tuple(sorted(before - given))
        rows.append(StageRow(**judged.model_dump(include=set(_TOLD)), concepts=len(given), lost=lost))
        before = given
    return Group({"stages": tuple(rows)})


def _concepts(reader: Reader, judged: StageJudged) -> frozenset[str]:
    """Return the concepts that gave a kept record since the split before, whoever had the roles; empty if erased."""
    by_stage = read_object(reader, judged.detail).get("concepts")
    counts = by_stage.values() if isinstance(by_stage, Mapping) else ()
    return frozenset(name for each in counts if isinstance(each, Mapping) for name, count in each.items() if count)
