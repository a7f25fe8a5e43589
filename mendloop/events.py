"""The journal's events: a typed, versioned union. Free text never stands in an event, only a reference to its blob."""

from __future__ import annotations

from typing import Annotated, Literal, TypeVar

from pydantic import Field, TypeAdapter

from mendloop.executions import ProgramStatus
from mendloop.frozen import Frozen
from mendloop.records import Arm, Stage, Standing, Tier, VerdictKind

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
    """A session began; `index` is its number in the run, `brief` what it is asked for.

    In the arm `resample` fresh programs are written where others are repaired.
    `standing` says who plays its roles, in a run with stages; it holds to the session's end.
    """

    kind: Literal["session_started"] = "session_started"
    index: int
    memory: Literal["on", "off"]
    arm: Arm = "repair"
    brief: Ref | None = None
    standing: Standing | None = None


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


class RecordingDrawn(Event):
    """A program or a suite that was recorded earlier was drawn (an effect); `model` wrote it, empty for none left."""

    kind: Literal["drawn"] = "drawn"
    request: str
    result: Ref
    model: str = ""


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


class BranchChosen(Event):
    """A search goes on from the program of this turn, with `cost` failing cases on its way; `open` could be chosen."""

    kind: Literal["branch_chosen"] = "branch_chosen"
    turn: int
    cost: int
    open: int


class StageSplit(Event):
    """A split of what was solved since the last one was frozen: it is held out, and judges teacher and student.

    `frozen` is the blob of a `Split`: problems, sessions, and what judges them. `drawn` problems were taken of `of`
    that were kept, or solved too soon to be kept.
    """

    kind: Literal["stage_split"] = "stage_split"
    split: int
    drawn: int
    of: int
    frozen: Ref


class StageJudged(Event):
    """Teacher and student each wrote one program for every problem of a split (AutoCoder, section 3).

    `n` problems were judged for both, `left_out` for one at most, because the sandbox failed. `p` is the exact McNemar
    test's over the two counts that differ, on both sides, also where `mode: paper` does not ask for it. `before` and
    `after` say who was in force, `reason` why that changed or stayed. Of the records kept so far, `grounded` are about
    real code. `detail` is the blob of a `StageDetail`: each problem, and the concepts that each stage gave.
    """

    kind: Literal["stage_judged"] = "stage_judged"
    split: int
    frozen: str
    mode: Literal["paired", "paper"]
    teacher: str
    student: str
    n: int
    left_out: int
    teacher_right: int
    student_right: int
    only_teacher: int
    only_student: int
    p: float
    significance: float
    before: Stage
    after: Stage
    generation: int
    reason: Literal["student_better", "teacher_better", "no_difference", "not_grounded"]
    kept: int
    grounded: int
    detail: Ref


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
    | RecordingDrawn
    | MemoryQueried
    | SessionCollected
    | ClockRead
    | MemoryStored
    | VerdictReached
    | Diagnosed
    | BranchChosen
    | StageSplit
    | StageJudged
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
