"""Announcing stages: each frozen split becomes a file that a training program finds, and people are told."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

from mendloop.errors import StorageError
from mendloop.events import StageJudged
from mendloop.graphs.splits import Split
from mendloop.records import Problem
from mendloop.runs.progress import Progress
from mendloop.runs.schema import STAGES


class FolderAnnouncer:
    """Writes `stages/split-<n>.jsonl` in the run folder, and tells progress.

    A line has the problem's id, its session, whether there is a record of it, the prompt (the statement) and the entry
    point. The file can be made again from the journal: it is derived, and nothing is executed when it comes.
    """

    def __init__(self, run: Path, progress: Progress) -> None:
        self._folder, self._progress = run / STAGES, progress

    def frozen(self, split: Split, problems: Sequence[Problem]) -> None:
        """Write the file of a split, unless it is there as it should be. Raises StorageError."""
        lines = [
            json.dumps(
                {
                    "split": split.number,
                    "id": problem.id,
                    "session": one.session,
                    "kept": one.kept,
                    "prompt": problem.statement,
                    "entry_point": problem.entry_point,
                }
            )
            for one, problem in zip(split.problems, problems, strict=True)
        ]
        file = self._folder / f"split-{split.number}.jsonl"
        text = "".join(f"{line}\n" for line in lines)
        try:
            if file.is_file() and file.read_text("utf-8") == text:
                return
            self._folder.mkdir(exist_ok=True)
            beside = file.with_suffix(".tmp")
            beside.write_text(text, "utf-8")
            beside.replace(file)
        except OSError as error:
            raise StorageError(f"a split cannot be written: {error}", where=str(file)) from error
        self._progress.note(f"split {split.number} is held out: {len(lines)} problems in {file}")

    def judged(self, judged: StageJudged) -> None:
        """Say how a split came out."""
        self._progress.note(said_of(judged))


def said_of(judged: StageJudged) -> str:
    """Return what became of a split in one line."""
    right = f"teacher {judged.teacher_right}, student {judged.student_right} of {judged.n} right, p {judged.p:.3g}"
    who = "student" if judged.after == "learning" else "teacher"
    does = "takes" if judged.before != judged.after else "keeps"
    why = "; too few records stand on real code" if judged.reason == "not_grounded" else ""
    return f"split {judged.split}: {right}: the {who} {does} the roles{why}"
