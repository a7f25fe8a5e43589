"""The view `recorded`: what models wrote in a run, as files from which another run plays it back."""

from __future__ import annotations

from pathlib import Path

import yaml

from mendloop.datasets.card import MARKER, counted, size_category
from mendloop.datasets.folder import CARD, RECORDED, RECORDED_FILES, staged_export
from mendloop.datasets.licences import licence_fields
from mendloop.datasets.lines import row_line, write_lines, write_text
from mendloop.datasets.recorded_rows import RecordedRows, recorded_rows
from mendloop.errors import InputError
from mendloop.frozen import Frozen
from mendloop.runs.counted import read_story
from mendloop.runs.reader import Reader
from mendloop.tools.chat.licences import said_of_licence


class WrittenRecordings(Frozen):
    """What was written: the files, and the programs in them."""

    paths: tuple[Path, ...]
    programs: int


def export_recorded(run_path: Path, to: Path) -> WrittenRecordings:
    """Write README.md, and problems, programs and suites as JSON lines, into `to`; an earlier export is replaced.

    Sessions that were dropped are in it too, and runs for evaluation may be exported so: it is no training data. The
    same run gives the same bytes. Raises InputError where no model wrote a program or for a folder with other files,
    RedactedError, StorageError.
    """
    with Reader(run_path) as reader:
        rows = recorded_rows(reader, read_story(reader))
    if not rows.programs:
        raise InputError("no model wrote a program in this run", where=str(run_path), remedy="give a run with a model")
    with staged_export(to) as staging:
        (staging / RECORDED).mkdir()
        for name, lines in zip(RECORDED_FILES, (rows.problems.values(), rows.programs, rows.suites), strict=True):
            write_lines(staging / RECORDED / name, map(row_line, lines))
        write_text(staging / CARD, _card(rows))
    names = (CARD, *(f"{RECORDED}/{name}" for name in RECORDED_FILES))
    return WrittenRecordings(paths=tuple(to / name for name in names), programs=len(rows.programs))


def _card(rows: RecordedRows) -> str:
    files = [
        ("problems.jsonl", counted(len(rows.problems), "problem"), "statement, signature and examples of each"),
        ("programs.jsonl", counted(len(rows.programs), "program"), "every one that was handed in, whatever came of it"),
        ("suites.jsonl", counted(len(rows.suites), "suite"), "every one that was designed, as asserts"),
    ]
    left_out = f"\n{counted(rows.left_out, 'case')} of the suites can be said by no assert and is not here.\n"
    return "\n".join([
        f"---\n{_front(rows)}\n---",
        MARKER,
        "\n# Recorded answers of models\n",
        "For benchmarks of acceptance rules; **not training data**. Programs may be wrong, tests too, and the problems",
        "may be those of an evaluation set.\n",
        "| file | rows | what |\n|---|---|---|",
        *(f"| `{RECORDED}/{name}` | {number} | {what} |" for name, number, what in files),
        left_out if rows.left_out else "",
        "Written by:\n",
        *(f"- {said_of_licence(name)}" for name in rows.models),
        "\nTo play them back, in a scenario:\n",
        "```yaml\nsource: {kind: problems, path: recorded/problems.jsonl, purpose: eval}",
        "models: {teacher: {kind: recorded, programs: recorded/programs.jsonl, suites: recorded/suites.jsonl}}\n```\n",
    ])  # fmt: skip


def _front(rows: RecordedRows) -> str:
    data = {
        "pretty_name": "Recorded answers of models",
        **licence_fields(rows.licences),
        "language": ["en"],
        "size_categories": [size_category(len(rows.programs))],
        "tags": ["code", "python", "evaluation", "mendloop"],
        "configs": [
            {"config_name": Path(name).stem, "data_files": [{"split": "test", "path": f"{RECORDED}/{name}"}]}
            for name in RECORDED_FILES
        ],
    }
    return yaml.safe_dump(data, sort_keys=False, allow_unicode=True, width=100).rstrip()
