"""One session of a run: its graph, run against its journal to the outcome that the run takes into account."""

from __future__ import annotations

import random
import traceback
from collections.abc import Mapping
from typing import Any, Literal

from mendloop.errors import InputError, MendloopError, ScenarioError
from mendloop.events import ErrorRaised, SessionFinished, SessionStarted
from mendloop.graphs.opening import SOURCE_SPENT, title_of
from mendloop.graphs.outcome import TOO_SOON, SessionOutcome
from mendloop.graphs.repair import RepairGraph, repair_graph
from mendloop.graphs.stages import cast
from mendloop.graphs.state import RepairInput
from mendloop.graphs.team import RepairContext, Team
from mendloop.records import Arm, Brief, Problem, Standing
from mendloop.runs.journal import ReplayEnded
from mendloop.tools.bench import derive
from mendloop.tools.journal import Journal

MAX_STEPS = 400
"""Graph steps of one session; the loop's own limits end it far earlier."""


class SessionRunner:
    """Runs one session's graph against its journal."""

    def __init__(self, team: Team) -> None:
        self.team = team
        self.graph: RepairGraph = repair_graph()

    async def run(self, index: int, journal: Journal, brief: Brief, standing: Standing | None = None) -> SessionOutcome:
        """Run session `index` to its end, in a run with stages with whom has the roles.

        Raises MendloopError when the run cannot go on.
        """
        session, team = session_name(index), cast(self.team, standing)
        memory, arm = memory_switch(team, session), arm_of(team, session)
        asked = journal.put(brief)
        begun = SessionStarted(index=index, memory=memory, arm=arm, brief=asked, standing=standing)
        await journal.emit("started", begun)
        start = RepairInput(session=session, index=index, memory=memory, arm=arm, brief=asked.sha256)
        outcome = (await self._outcome(start, journal, team)).model_copy(update={"concept": brief.concept})
        await journal.emit(
            "finished",
            SessionFinished(outcome=outcome.outcome, reason=outcome.reason, tier=outcome.tier, turns=outcome.turns),
        )
        return outcome

    async def _outcome(self, start: RepairInput, journal: Journal, team: Team) -> SessionOutcome:
        session, index = start["session"], start["index"]
        try:
            state = await self.graph.ainvoke(
                start,
                {"recursion_limit": MAX_STEPS},
                context=RepairContext(team, journal),
            )
        except (ScenarioError, ReplayEnded):
            raise
        except MendloopError as error:
            if not isinstance(error, InputError):
                raise
            return await _failed(start, journal, error)
        except Exception as error:  # one session's fault of ours must not take the others down
            return await _failed(start, journal, error)
        reason = state.get("reason", "")
        return SessionOutcome(
            session=session,
            index=index,
            outcome="dropped" if reason else "kept",
            reason=reason or "kept",
            tier=None if reason else state["tier"],
            turns=len(state.get("results", [])),
            spent=reason == SOURCE_SPENT,
            title=title_of(journal.get(state["problem"], Problem)) if state.get("problem") else "",
            held_out=state.get("met"),
            **_accepted(state) if reason in ("", TOO_SOON) else {},
        )


def _accepted(state: Mapping[str, Any]) -> dict[str, Any]:
    suites = (state["shown"], state["held_out"]) if state.get("held_out") else (state["shown"],)
    return {"problem": state["problem"], "suites": suites}


async def _failed(start: RepairInput, journal: Journal, error: Exception) -> SessionOutcome:
    """Journal a fault of ours, and return the end of the session that it met."""
    detail = journal.put("".join(traceback.format_exception(error)))
    await journal.emit("error", ErrorRaised(error=type(error).__name__, detail=detail))
    reason = f"internal_error: {type(error).__name__}"
    return SessionOutcome(session=start["session"], index=start["index"], outcome="dropped", reason=reason)


def session_name(index: int) -> str:
    """Return the name of session `index`; names sort as numbers do."""
    return f"s{index:06d}"


def memory_switch(team: Team, session: str) -> Literal["on", "off"]:
    """Return whether a session uses memory across sessions; a share runs without, as the control."""
    memory = team.loop.memory
    draw = random.Random(derive(team.seed, session, "memory")).random()  # noqa: S311 - sampling, not secrecy
    enabled = memory.enabled and team.loop.rules.lessons == "across"
    return "on" if enabled and draw >= memory.off_share else "off"


def arm_of(team: Team, session: str) -> Arm:
    """Return whether a session repairs, or spends the questions of a repair on other programs, as the control."""
    draw = random.Random(derive(team.seed, session, "arm")).random()  # noqa: S311 - sampling, not secrecy
    return "resample" if draw < team.loop.control else "repair"
