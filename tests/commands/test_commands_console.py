"""What a person sees while a run works: counts, what was used of the limits, a projection, and how models are doing."""

from __future__ import annotations

from pathlib import Path

import pytest

from mendloop.commands.console import BarProgress, LineProgress, rate_line, used_parts
from mendloop.graphs.outcome import SessionOutcome
from mendloop.runs.pulse import Pulse
from mendloop.tools.chat.protocol import Rates

KEPT = SessionOutcome(session="s0", index=0, outcome="kept", reason="kept", tier="C", turns=1)
BUSY = Rates(model="m", endpoint="http://x", state="open", limit=8, under_way=3, waiting=2, failed=1, rate_limited=4)


@pytest.mark.parametrize(
    ("pulse", "parts"),
    [
        (Pulse(), []),
        (Pulse(tokens=1234), ["1,234 tokens"]),
        (Pulse(tokens=1234, tokens_limit=10_000), ["1,234 of 10,000 tokens (12 % of the budget)"]),
        (Pulse(tokens=1234, usd=0.5, usd_limit=2), ["1,234 tokens, 0.5 of 2 USD (25 % of the budget)"]),
        (
            Pulse(tokens=1000, usd=0.5, kept=2, goal=10),
            ["1,000 tokens, 0.5 USD", "at this rate 5,000 tokens, 2.5 USD for 10 records"],
        ),
        (Pulse(tokens=1000, kept=10, goal=10), ["1,000 tokens"]),
        (
            Pulse(tokens=1, rates=(Rates(model="m", endpoint="x", limit=4, under_way=1),)),
            ["1 token", "m: 1 of 4 under way"],
        ),
    ],
)
def test_what_was_used_is_told_beside_the_limits(pulse: Pulse, parts: list[str]) -> None:
    assert list(used_parts(pulse)) == parts


def test_how_a_model_is_doing_is_one_line() -> None:
    assert rate_line(BUSY) == "m [circuit open]: 3 of 8 under way, 2 waiting, 1 failed, 4 rate-limited"


def test_a_line_holds_the_counts_and_the_last_pulse(capsys: pytest.CaptureFixture[str]) -> None:
    progress = LineProgress(10, lambda path: None)
    progress.started(Path("run"))
    progress.pulse(Pulse(tokens=500, tokens_limit=1000, kept=1, goal=10))
    progress.collected(KEPT)
    assert progress.line() == (
        "1 session, 1 of 10 records kept; 500 of 1,000 tokens (50 % of the budget); "
        "at this rate 5,000 tokens for 10 records"
    )
    progress.close()
    assert capsys.readouterr().err.strip() == progress.line()


def test_a_run_whose_sessions_take_long_gives_signs_of_life(capsys: pytest.CaptureFixture[str]) -> None:
    LineProgress(10, lambda path: None).pulse(Pulse(tokens=2))
    assert capsys.readouterr().err == ""
    LineProgress(10, lambda path: None, quiet_s=0).pulse(Pulse(tokens=2))
    assert capsys.readouterr().err.strip() == "0 sessions, 0 of 10 records kept; 2 tokens"


def test_the_bar_shows_the_pulse() -> None:
    progress = BarProgress(10, lambda path: None)
    progress.pulse(Pulse(tokens=500, usd=0.25, kept=0, goal=10))
    progress.collected(KEPT)
    (task,) = progress._bar.tasks
    assert (task.description, task.completed) == ("1 session; 500 tokens, 0.25 USD", 1)
    progress.close(quietly=True)
