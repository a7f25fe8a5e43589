"""A small run with a model for tests of faults: two wrong programs from a file, repaired by a server on loopback."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from tests.e2e.model_team import question, role_of, team
from tests.e2e.test_e2e_models import failures
from tests.openai_server import Answer, Asked, Reply

SESSIONS = 2
SETTINGS = (
    "deterministic=true",
    "loop.peers=1",
    "loop.concurrency=2",
    "loop.memory={enabled: true, embedding: ngrams}",
    "sandbox.limits.wall_s=600",
)
HANGING = Reply(hang=True)


def asking(folder: Path) -> list[object]:
    """Write the source into a folder and return the arguments of `mendloop run` but for `--out`."""
    folder.mkdir(parents=True, exist_ok=True)
    settings = [each for setting in SETTINGS for each in ("--set", setting)]
    return ["run", "--goal", "small functions about lists", *failures(folder), *settings, "--sessions", SESSIONS]


def hanging_after(answers: int) -> Answer:
    """Return a model that answers so many questions (the first look at the server is one) and hangs from then on."""
    play = team()
    return lambda asked: play(asked) if asked.number < answers else HANGING


def questions(requests: Sequence[Asked]) -> list[str]:
    """Return what was asked, without the first looks at the server."""
    return [question(asked) for asked in requests if role_of(asked) != "hello"]
