"""What figures need of every session that counts, read once from the journal and its blobs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from mendloop.errors import MendloopError, RedactedError
from mendloop.events import ProblemProposed, SolutionWritten, VerdictReached
from mendloop.modelspecs import Price
from mendloop.records import Problem, Record, Solution, TierEvidence
from mendloop.runs.answers import Asked, asked_in
from mendloop.runs.blobs import unpack
from mendloop.runs.counted import Story, Told, read_object, read_story
from mendloop.runs.figures import Outline, outline_of
from mendloop.runs.near_duplicates import Shingles, shingles
from mendloop.runs.prices import price_in
from mendloop.runs.reader import Reader
from mendloop.runs.spent import usd_of

MEASURE = "measure"
"""The node of a session whose questions only measure what was accepted; they are not what a record costs."""


@dataclass(frozen=True)
class Bill:
    """What answers took: prompt and completion tokens, and US dollars, None where a price is not known."""

    tokens: int = 0
    usd: float | None = 0.0


@dataclass(frozen=True)
class Kept:
    """What is known of a kept record: its outline, its first program, and the shingles of its last one."""

    outline: Outline
    first: Solution | None
    program: Shingles


@dataclass(frozen=True)
class Observed:
    """One session that counts. `cluster` is that of its `problem`; a session that stated none is its own.

    `kept` is None for a dropped session, and for a kept one whose record was erased (`erased`). `evidence` is there
    where a program was accepted, also where it was dropped afterwards. `spent` is what making took, without measuring.
    """

    told: Told
    cluster: str
    problem: str = ""
    kept: Kept | None = None
    erased: bool = False
    evidence: TierEvidence | None = None
    spent: Bill = Bill()

    @property
    def is_kept(self) -> bool:
        """True when the session ended with a record."""
        return self.told.end.outcome == "kept"

    @property
    def failed_a_turn(self) -> bool:
        """True when a program was judged and did not pass, whatever became of the session."""
        return any(event.verdict == "code_fault" for event in self.told.of(VerdictReached))

    @property
    def failed_turns(self) -> int:
        """How many turns ended with a program at fault."""
        return len({event.turn for event in self.told.of(VerdictReached) if event.verdict == "code_fault"})

    @property
    def first_verdict(self) -> str | None:
        """The last verdict on turn 0 (earlier ones were about its tests or its statement), None where there is none."""
        return next((each.verdict for each in reversed(self.told.of(VerdictReached)) if each.turn == 0), None)


@dataclass(frozen=True)
class Sight:
    """A whole run as figures see it; `asked` are all its questions, those of surplus sessions too."""

    story: Story
    sessions: tuple[Observed, ...]
    asked: tuple[Asked, ...]
    price: Price | None

    @property
    def outlines(self) -> list[Outline]:
        """The outlines of the kept records that can be read, in session order."""
        return [each.kept.outline for each in self.sessions if each.kept is not None]

    @property
    def evidence(self) -> list[TierEvidence]:
        """The evidence of all accepted programs: of kept ones, and of those dropped afterwards."""
        return [each.evidence for each in self.sessions if each.evidence is not None]

    def bill(self, *, measuring: bool) -> Bill:
        """Return what the whole run's questions took that make records, or those that only measure."""
        return bill_of([each for each in self.asked if measures(each) == measuring], self.price)


def measures(asked: Asked) -> bool:
    """Tell whether a question only measures what was accepted."""
    return asked.place.partition("#")[0] == MEASURE


def bill_of(asked: Sequence[Asked], price: Price | None) -> Bill:
    """Return what answers took together."""
    paid = [usd_of(each.event, price) for each in asked]
    tokens = sum(each.event.prompt_tokens + each.event.completion_tokens for each in asked)
    return Bill(tokens, None if None in paid else sum(each or 0.0 for each in paid))


def observe(reader: Reader) -> Sight:
    """Read a run for its figures. Raises DamageError."""
    story = read_story(reader)
    asked, price = tuple(asked_in(reader)), price_in(story.facts.scenario)
    made: dict[str, list[Asked]] = {}
    for each in asked:
        if not measures(each):
            made.setdefault(each.session, []).append(each)
    sessions = [_observed(reader, told, bill_of(made.get(told.session, []), price)) for told in story.sessions]
    return Sight(story, tuple(sessions), asked, price)


def _observed(reader: Reader, told: Told, spent: Bill) -> Observed:
    if told.kept is not None:
        try:
            record = reader.load(told.kept.record, Record)
            kept = Kept(outline_of(record), _first_program(reader, told), shingles(record.attempts[-1].code))
        except RedactedError:
            return Observed(told, told.session, erased=True, spent=spent)
        cluster = record.problem.cluster or record.problem.id
        return Observed(told, cluster, record.problem.id, kept, evidence=record.evidence, spent=spent)
    given_up = read_object(reader, told.dropped.detail) if told.dropped is not None else {}
    problem = problem_of(reader, told, given_up.get("problem"))
    cluster = (problem.cluster or problem.id) if problem else told.session
    name, evidence = problem.id if problem else "", _evidence(reader, given_up.get("evidence"))
    return Observed(told, cluster, name, evidence=evidence, spent=spent)


def _first_program(reader: Reader, told: Told) -> Solution | None:
    """Return the last candidate of turn 0: a problem that was restated started over."""
    written = [each for each in told.of(SolutionWritten) if each.turn == 0 and each.peer == 0]
    return reader.load(written[-1].solution, Solution) if written else None


def problem_of(reader: Reader, told: Told, hashed: object = None) -> Problem | None:
    """Return a session's problem as it was stated last, or as its state names it; None where it cannot be read."""
    stated = [each.problem.sha256 for each in told.of(ProblemProposed)]
    found = stated[-1] if stated else hashed
    if not isinstance(found, str):
        return None
    try:
        return reader.load(found, Problem)
    except (MendloopError, ValueError):
        return None


def _evidence(reader: Reader, hashed: object) -> TierEvidence | None:
    if not isinstance(hashed, str):
        return None
    try:
        return unpack(reader.blob(hashed), TierEvidence)
    except RedactedError:
        return None
