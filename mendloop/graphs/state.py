"""Graph state: ids, hashes and small scalars only, so that it is JSON and never the truth (the journal is)."""

from __future__ import annotations

from typing import Annotated, Literal

from typing_extensions import TypedDict  # LangGraph's tools want this one below Python 3.12

from mendloop.records import Tier, VerdictKind


def count_up(visits: dict[str, int], more: dict[str, int]) -> dict[str, int]:
    """Merge visit counts; side-by-side nodes each report their own."""
    return {**visits, **more}


def first_reason(old: str, new: str) -> str:
    """Keep the reason that came first: side-by-side nodes may both give the session up."""
    return old or new


class RepairInput(TypedDict):
    """What a session starts from; `brief` is the hash of what it is asked for."""

    session: str
    index: int
    memory: Literal["on", "off"]
    brief: str


class RepairUpdate(TypedDict, total=False):
    """What a node may change. Values named after records are the sha256 of their blobs."""

    visits: Annotated[dict[str, int], count_up]
    problem: str
    shown: str
    held_out: str
    solutions: list[str]
    peers: list[str]
    results: list[str]
    peer_results: list[str]
    verdicts: list[str]
    diagnoses: list[str]
    found: list[str]
    reached: VerdictKind
    conflict: str
    vetted: bool
    restarts: int
    restatements: int
    resamples: int
    sandbox_faults: int
    fixes: dict[str, int]
    evidence: str
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


class SynthesisInput(TypedDict):
    """What a run starts from."""

    run: str


class SynthesisUpdate(TypedDict, total=False):
    """What a node of the synthesis graph may change."""

    visits: Annotated[dict[str, int], count_up]
    stock: int | None
    admitted: int
    collected: int
    kept: int
    spent: bool
    plans: int
    concepts: dict[str, ConceptCount]
    reason: str


class SynthesisState(SynthesisInput, SynthesisUpdate, total=False):
    """The state of one run."""
