"""Graph state: ids, hashes and small scalars only, so that it is JSON and never the truth (the journal is)."""

from __future__ import annotations

from typing import Annotated, Literal

from typing_extensions import TypedDict  # LangGraph's tools want this one below Python 3.12

from mendloop.records import Tier, VerdictKind


def count_up(visits: dict[str, int], more: dict[str, int]) -> dict[str, int]:
    """Merge visit counts; side-by-side nodes each report their own."""
    return {**visits, **more}


class RepairInput(TypedDict):
    """What a session starts from."""

    session: str
    index: int
    memory: Literal["on", "off"]


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
    reason: str
    tier: Tier


class RepairState(RepairInput, RepairUpdate, total=False):
    """The state of one session."""


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
    reason: str


class SynthesisState(SynthesisInput, SynthesisUpdate, total=False):
    """The state of one run."""
