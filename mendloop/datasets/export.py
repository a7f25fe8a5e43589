"""Export: the records of a run that count, as a folder that `datasets.load_dataset` opens."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import Literal, cast, get_args

from mendloop.datasets.card import Shape, render_card
from mendloop.datasets.folder import CARD, RECORDED, REJECTED, staged_export
from mendloop.datasets.lines import row_line, write_lines, write_text
from mendloop.datasets.parquet import write_parquet
from mendloop.datasets.recorded_view import export_recorded
from mendloop.datasets.select import Rejected, kept_records, rejected_sessions
from mendloop.datasets.views import VIEWS, View, require_for_training
from mendloop.errors import InputError
from mendloop.frozen import Frozen, canonical_json
from mendloop.records import Record
from mendloop.runs.counted import read_story
from mendloop.runs.figures import Outline, outline_of
from mendloop.runs.reader import Reader

Format = Literal["parquet", "jsonl"]

SHARD_ROWS = 50_000


class Exported(Frozen):
    """What an export wrote: the files, the rows in them, and the dropped sessions told of."""

    paths: tuple[Path, ...]
    rows: int
    rejected: int


def export(run_path: Path, view: str, to: Path, format: str | None = None) -> Exported:
    """Write README.md, the rows of a view in shards, and rejected.jsonl into the folder `to`; as parquet by default.

    The view `recorded` is no training data: it has three .jsonl files of what models wrote (`export_recorded`).

    The same records give the same bytes; only the card also carries the run's dates. An earlier export in `to` is
    replaced once everything is written. Raises InputError for an unknown view or format, a run without kept records or
    for evaluation, or a folder with other files; RedactedError naming the session whose content was erased; FoundBad
    for a record that would train on a turn that failed; StorageError when `to` cannot be written (it is then as it was
    before).
    """
    if view == RECORDED:
        return _exported_recordings(run_path, to, format)
    chosen = _view(view)
    form = _format(format or "parquet")
    with Reader(run_path) as reader:
        story = read_story(reader)
        rows = sum(1 for told in story.sessions if told.kept is not None)
        if not rows:
            raise InputError("the run kept no record", where=str(run_path), remedy="`mendloop report` says why")
        with staged_export(to) as staging:
            rejected = write_lines(staging / REJECTED, map(rejected_line, rejected_sessions(reader, story)))
            outlines: list[Outline] = []
            records = _noting(kept_records(reader, story), outlines)
            _write_shards(staging / view, chosen, records, form, rows)
            shape = Shape(view=view, columns=chosen.columns, format=form, rows=rows, rejected=rejected)
            write_text(staging / CARD, render_card(shape, outlines, story.facts))
            names = sorted(path.relative_to(staging) for path in staging.rglob("*") if path.is_file())
    return Exported(paths=tuple(to / name for name in names), rows=rows, rejected=rejected)


def _view(name: str) -> View:
    if name not in VIEWS:
        raise InputError(f"there is no view `{name}`", remedy=f"views: {', '.join((*VIEWS, RECORDED))}")
    return VIEWS[name]


def _exported_recordings(run_path: Path, to: Path, format: str | None) -> Exported:
    if _format(format or "jsonl") != "jsonl":
        raise InputError(f"the view `{RECORDED}` is written as JSON lines", where="--format", remedy="leave it out")
    written = export_recorded(run_path, to)
    return Exported(paths=written.paths, rows=written.programs, rejected=0)


def _format(name: str) -> Format:
    formats = get_args(Format)
    if name not in formats:
        raise InputError(f"there is no format `{name}`", remedy=f"formats: {', '.join(formats)}")
    return cast("Format", name)


def _noting(records: Iterable[Record], outlines: list[Outline]) -> Iterator[Record]:
    """Yield records on, keeping the outline of each: a large run's records do not fit in memory."""
    for record in records:
        require_for_training(record)
        outlines.append(outline_of(record))
        yield record


def _write_shards(folder: Path, view: View, records: Iterator[Record], form: Format, rows: int) -> None:
    folder.mkdir()
    shards = -(-rows // SHARD_ROWS)
    for number in range(shards):
        path = folder / f"train-{number:05d}-of-{shards:05d}.{form}"
        part = (view.row(record) for record in islice(records, SHARD_ROWS))
        if form == "parquet":
            write_parquet(path, part, view.columns)
        else:
            write_lines(path, map(row_line, part))


def rejected_line(rejected: Rejected) -> str:
    """Return a dropped session as one line of JSON."""
    return canonical_json(rejected)
