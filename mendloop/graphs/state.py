"""Graph state: ids, hashes and small scalars only, so that it is JSON and never the truth (the journal is)."""

from __future__ import annotations

from typing import Annotated, Literal

from typing_extensions import NotRequired, TypedDict  # noqa: UP035 - LangGraph's tools want this one below Python 3.12

from mendloop.records import Arm, Stage, Tier, VerdictKind


def count_up(visits: dict[str, int], more: dict[str, int]) -> dict[str, int]:
    """Merge visit counts; side-by-side nodes each report their own."""
    return {**visits, **more}


def first_reason(old: str, new: str) -> str:
    """Keep the reason that came first: side-by-side nodes may both give the session up."""
    return old or new


class Branch(TypedDict):
    """A program that may be repaired `left` times more, and the turns that led to it, as the state holds them.

    `cost` counts the failing cases of all programs on that way.
    """

    cost: int
    left: int
    solutions: list[str]
    results: list[str]
    verdicts: list[str]
    diagnoses: list[str]
    failures: list[str]
    found: list[str]


class RepairInput(TypedDict):
    """What a session starts from; `brief` is the hash of what it is asked for, `arm` is `repair` where not given."""

    session: str
    index: int
    memory: Literal["on", "off"]
    arm: NotRequired[Arm]
    brief: str


class RepairUpdate(TypedDict, total=False):
    """What a node may change. Values named after records are the sha256 of their blobs.

    `suspicion` is a case that the programs doubt, `derived` its value as worked out anew; `stands` are the ids of those
    that the derivation repeated. A search holds its `branches`, each with other passed cases, which of them is under
    way, and how many programs it `tried`. `further` are cases for measuring only. `met` is how the accepted program did
    on the held-out suite. `wanting` says that nothing can be concluded before there are peers; they are asked for once.
    `outvoted` says that programs took out a case which its derivation repeated.
    """

    visits: Annotated[dict[str, int], count_up]
    problem: str
    shown: str
    held_out: str
    solutions: list[str]
    peers: list[str]
    peers_asked: bool
    wanting: bool
    outvoted: bool
    results: list[str]
    peer_results: list[str]
    verdicts: list[str]
    diagnoses: list[str]
    failures: list[str]
    found: list[str]
    reached: VerdictKind
    conflict: str
    branches: list[Branch]
    branch: int
    tried: int
    vetted: bool
    suspicion: str
    derived: str
    stands: list[str]
    further: str
    restarts: int
    restatements: int
    resamples: int
    sandbox_faults: int
    fixes: dict[str, int]
    evidence: str
    met: Literal["passed", "failed"]
    reason: Annotated[str, first_reason]
    tier: Tier


class RepairState(RepairInput, RepairUpdate, total=False):
    """The state of one session."""


class ConceptCount(TypedDict):
    """What a concept of the plan is to give and has given; `titles` are its last problems, in short."""

    quota: int
    started: int
    kept: int
    lost: int
    in_a_row: int
    titles: list[str]


class StageHeld(TypedDict):
    """Who plays the roles of the sessions from `since` on; `standing` is the sha256 of a `Standing`."""

    since: int
    stage: Stage
    standing: str


class Met(TypedDict):
    """How many accepted programs met a held-out suite, and how many of them failed it."""

    met: int
    failed: int


class SynthesisInput(TypedDict):
    """What a run starts from."""

    run: str


class SynthesisUpdate(TypedDict, total=False):
    """What a node of the synthesis graph may change.

    With stages: `held` is who had the roles since when, `fresh` the outcomes of the sessions solved since the last of
    `splits`, and `grounded` counts the older records that stand on real code.
    """

    visits: Annotated[dict[str, int], count_up]
    stock: int | None
    admitted: int
    collected: int
    kept: int
    spent: bool
    plans: int
    concepts: dict[str, ConceptCount]
    held: list[StageHeld]
    fresh: list[str]
    splits: int
    grounded: int
    met: Met
    reason: str


class SynthesisState(SynthesisInput, SynthesisUpdate, total=False):
    """The state of one run."""
