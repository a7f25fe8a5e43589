"""The journal's events: a typed, versioned union. Free text never stands in an event, only a reference to its blob."""

from __future__ import annotations

from typing import Annotated, Literal, TypeVar

from pydantic import Field, TypeAdapter

from mendloop.executions import ProgramStatus
from mendloop.frozen import Frozen
from mendloop.records import Tier, VerdictKind

RUN_SESSION = ""
"""The session name of events that belong to the run as a whole."""


CONTROL_SESSION = "_control"
"""The session name of what happens to a run from outside its graph: stops, errors, redactions. Never replayed."""


class Ref(Frozen):
    """A blob by content hash. `cut` counts the characters left out when it was stored."""

    sha256: str
    bytes: int
    cut: int = 0


class Event(Frozen):
    """Base of all events. `v` is the version of the kind's payload."""

    v: Literal[1] = 1


class RunStarted(Event):
    """A run was launched with this resolved scenario; `sessions` overrides its target.

    `models` says which model plays which role, `weights` the sha256 of those that lie on the machine.
    """

    kind: Literal["run_started"] = "run_started"
    scenario: Ref
    version: str
    team: str
    seed: int
    sessions: int | None = None
    models: dict[str, str] = {}
    weights: dict[str, str] = {}


class RunFinished(Event):
    """A run ended; sessions 0..counted-1 count, later ones were surplus when the target was met."""

    kind: Literal["run_finished"] = "run_finished"
    reason: str
    counted: int
    kept: int


class SessionStarted(Event):
    """A session began; `index` is its number in the run, `brief` what it is asked for."""

    kind: Literal["session_started"] = "session_started"
    index: int
    memory: Literal["on", "off"]
    brief: Ref | None = None


class SessionFinished(Event):
    """A session ended: its record was kept, or dropped for a reason."""

    kind: Literal["session_finished"] = "session_finished"
    outcome: Literal["kept", "dropped"]
    reason: str
    tier: Tier | None
    turns: int


class NodeEntered(Event):
    """A graph node began its visit."""

    kind: Literal["node_entered"] = "node_entered"
    node: str
    visit: int


class NodeExited(Event):
    """A graph node ended its visit."""

    kind: Literal["node_exited"] = "node_exited"
    node: str
    visit: int


class ProblemProposed(Event):
    """A problem was stated."""

    kind: Literal["problem"] = "problem"
    problem: Ref


class SuiteDesigned(Event):
    """A suite was designed, or replaced after vetting."""

    kind: Literal["suite"] = "suite"
    role: Literal["shown", "held_out"]
    cases: int
    suite: Ref


class SolutionWritten(Event):
    """A candidate (peer 0) or a peer's program was written."""

    kind: Literal["solution"] = "solution"
    turn: int
    peer: int
    solution: Ref


class LlmAnswered(Event):
    """A language model answered (an effect). `prompt` is the request as it was sent; `ms` the model's time.

    `usd` is what it cost, None where no price was known.
    """

    kind: Literal["llm_call"] = "llm_call"
    request: str
    result: Ref
    prompt: Ref | None = None
    model: str
    finish: str = "stop"
    prompt_tokens: int
    completion_tokens: int
    cached_tokens: int = 0
    reasoning_tokens: int = 0
    degenerate: bool = False
    ms: float = 0.0
    usd: float | None = None


class QuestionRefused(Event):
    """A question was not asked, because the session's own budget is used up (an effect); `reason` says of what."""

    kind: Literal["refused"] = "refused"
    request: str
    result: Ref
    reason: str


class Executed(Event):
    """A program ran in the sandbox (an effect)."""

    kind: Literal["execution"] = "execution"
    request: str
    result: Ref
    status: ProgramStatus


class SourceRead(Event):
    """The source of problems was read from disk (an effect)."""

    kind: Literal["source"] = "source"
    request: str
    result: Ref


class MemoryQueried(Event):
    """Reflections were retrieved (an effect)."""

    kind: Literal["memory_queried"] = "memory_queried"
    request: str
    result: Ref
    found: int


class SessionCollected(Event):
    """The run took a session's outcome into account (an effect: which session came next)."""

    kind: Literal["collected"] = "collected"
    request: str
    result: Ref


class ClockRead(Event):
    """A clock was read (an effect); seconds since the run's first launch."""

    kind: Literal["clock"] = "clock"
    request: str
    result: Ref


class MemoryStored(Event):
    """A reflection was stored."""

    kind: Literal["memory_stored"] = "memory_stored"
    reflection: Ref
    retrieved: tuple[str, ...] = ()
    helped: tuple[str, ...] = ()


class VerdictReached(Event):
    """A verdict about one turn."""

    kind: Literal["verdict"] = "verdict"
    turn: int
    verdict: VerdictKind
    rule: str
    detail: Ref


class Diagnosed(Event):
    """A failing turn was diagnosed."""

    kind: Literal["diagnosis"] = "diagnosis"
    turn: int
    fault: str
    diagnosis: Ref


class BudgetUsed(Event):
    """A budget's use at a decision."""

    kind: Literal["budget"] = "budget"
    name: Literal["usd", "tokens", "wall_s", "records"]
    used: float
    limit: float


class PaceChanged(Event):
    """A model behind an endpoint may be asked by more or fewer at once; `waited_s` is what the server asked for."""

    kind: Literal["pace"] = "pace"
    endpoint: str
    model: str
    limit: int
    reason: str
    waited_s: float = 0.0


class CircuitChanged(Event):
    """A model behind an endpoint is not asked any more (open), tried once (probing), or asked again (closed)."""

    kind: Literal["circuit"] = "circuit"
    endpoint: str
    model: str
    state: Literal["open", "probing", "closed"]
    reason: str


class BatchChanged(Event):
    """A batch of questions was sent to a provider, found there by a later launch, ended, or given up.

    `batch` is the provider's name for it, where it has one. Of its `questions` so many were `answered`; the others are
    asked singly, and `reason` says why.
    """

    kind: Literal["batch"] = "batch"
    endpoint: str
    model: str
    batch: str
    state: Literal["sent", "found", "ended", "given_up"]
    questions: int
    answered: int = 0
    reason: str = ""


class ErrorRaised(Event):
    """Something of ours failed; never a program's fault."""

    kind: Literal["error"] = "error"
    error: str
    detail: Ref


class RecordKept(Event):
    """A trajectory became a record."""

    kind: Literal["record_kept"] = "record_kept"
    tier: Tier
    record: Ref


class RecordDropped(Event):
    """A trajectory was given up, with the reason and what there was of it."""

    kind: Literal["record_dropped"] = "record_dropped"
    reason: str
    detail: Ref


class Redacted(Event):
    """A blob was erased for good on request; its hash stays."""

    kind: Literal["redacted"] = "redacted"
    sha256: str
    reason: str


AnyEvent = Annotated[
    RunStarted
    | RunFinished
    | SessionStarted
    | SessionFinished
    | NodeEntered
    | NodeExited
    | ProblemProposed
    | SuiteDesigned
    | SolutionWritten
    | LlmAnswered
    | QuestionRefused
    | Executed
    | SourceRead
    | MemoryQueried
    | SessionCollected
    | ClockRead
    | MemoryStored
    | VerdictReached
    | Diagnosed
    | BudgetUsed
    | PaceChanged
    | CircuitChanged
    | BatchChanged
    | ErrorRaised
    | RecordKept
    | RecordDropped
    | Redacted,
    Field(discriminator="kind"),
]

EVENT: TypeAdapter[AnyEvent] = TypeAdapter(AnyEvent)

Model = TypeVar("Model", bound=Frozen)
