"""Methods as policies: every rule of the loop that published systems decide otherwise, and what each of them decides.

A policy is data. One graph runs them all: its nodes and routers read it.
"""

from __future__ import annotations

from functools import lru_cache
from types import MappingProxyType
from typing import Any, Final, Literal, TypeAlias, get_args

from pydantic import Field

from mendloop.fields import Count, Share, Spec

Tests: TypeAlias = Literal["blind", "own", "joint"]
Blame: TypeAlias = Literal["adjudicate", "code"]
Explain: TypeAlias = Literal["critic", "reflection", "questioner", "none"]
Lessons: TypeAlias = Literal["across", "own", "none"]
Circles: TypeAlias = Literal["restart", "allow"]
Mend: TypeAlias = Literal["repair", "resample"]
Accept: TypeAlias = Literal["suite", "dual_agreement"]

Method: TypeAlias = Literal[
    "mendloop",
    "aiev_paper",
    "reflexion",
    "agentcoder",
    "codet",
    "tests_first",
    "self_repair",
    "self_repair_explained",
    "resampling",
]
METHOD_NAMES: Final[tuple[Method, ...]] = get_args(Method)


class Consensus(Spec):
    """What a consensus set needs to be accepted: so many programs, and this share of the tests."""

    programs: Count = 1
    share: Share = 0.0


class Policy(Spec):
    """The rules of one method; the defaults are mendloop's own.

    - `tests`: a tester writes them `blind`; the model that programs writes its `own`, in another question; or `joint`ly
      with the program, in one answer. `suites` blind suites are pooled into the shown one.
    - `programmer_sees_tests`: the shown tests stand in the question for the first program.
    - `vet`: cases that cannot judge are taken out first. A suite that is empty or that a stub passes judges nothing
      under any policy. `contract`: cases outside the input contract are taken out too.
    - `blame`: who is at fault is adjudicated, or it is always the code.
    - `explain`: who explains a failure before the repair. `lessons`: those of other sessions and of this one, only this
      one's `own`, or none.
    - `circles`: a program or failure that came before starts the session over, or is a turn like any other.
    - `mend`: a failing program is repaired, or another one is written from the statement.
    - `branches`: so many repairs of one program are tried. With one, always the last program is repaired. With more it
      is the one with the fewest failing cases on its way, and no two have the same passed cases (uniform-cost search).
    - `accept`: a program that passes its whole suite, or the first of the best consensus set of programs and tests.
    - `gate`: what is checked after acceptance belongs to the method, and a program that fails an anchor there is
      dropped. Without it those checks are a measurement, made by a node of its own, and the tier says what they found.
    """

    tests: Tests = "blind"
    suites: Count = 1
    programmer_sees_tests: bool = False
    vet: bool = True
    contract: bool = True
    blame: Blame = "adjudicate"
    explain: Explain = "critic"
    lessons: Lessons = "across"
    circles: Circles = "restart"
    mend: Mend = "repair"
    branches: Count = 1
    accept: Accept = "suite"
    consensus: Consensus = Consensus()
    gate: bool = True

    @property
    def measured(self) -> bool:
        """Whether the held-out suite is made only after acceptance, to measure what the method kept."""
        return not self.gate or self.tests == "joint"

    @property
    def needs_peers(self) -> bool:
        """Whether other programs are written beside the first one, and not only to measure what was accepted."""
        return not self.measured or self.blame == "adjudicate" or self.accept == "dual_agreement"

    @property
    def needs_author(self) -> bool:
        """Whether a program is asked for in a way that only a language model can be asked."""
        return self.tests != "blind" or self.programmer_sees_tests or self.mend == "resample"


class PolicyChanges(Spec):
    """What a scenario changes of its method's policy; what is left out is as the method has it."""

    tests: Tests | None = None
    suites: Count | None = None
    programmer_sees_tests: bool | None = None
    vet: bool | None = None
    contract: bool | None = None
    blame: Blame | None = None
    explain: Explain | None = None
    lessons: Lessons | None = None
    circles: Circles | None = None
    mend: Mend | None = None
    branches: Count | None = None
    accept: Accept | None = None
    consensus: Consensus | None = None
    gate: bool | None = None

    @property
    def set_fields(self) -> dict[str, Any]:
        """The fields that are given, by name."""
        return {name: value for name in type(self).model_fields if (value := getattr(self, name)) is not None}


class Preset(Spec):
    """A published method: its policy, how many repairs follow the first attempt, and where it is described."""

    policy: Policy
    repairs: int = Field(default=5, ge=0)
    source: str


_PUBLISHED = Policy(
    vet=False,
    contract=False,
    blame="code",
    explain="none",
    lessons="none",
    circles="allow",
    gate=False,
)
"""What the published methods share: tests are believed, the code is at fault, and what passes is accepted."""


def _published(**changes: Any) -> Policy:
    return _PUBLISHED.model_copy(update=changes)


PRESETS: MappingProxyType[Method, Preset] = MappingProxyType(
    {
        "mendloop": Preset(policy=Policy(), source="docs/concepts.md"),
        "aiev_paper": Preset(
            policy=_published(tests="joint", explain="questioner"),
            repairs=6,
            source="AutoCoder, arXiv 2405.14906: at most 7 attempts",
        ),
        "reflexion": Preset(
            policy=_published(tests="own", explain="reflection", lessons="own"),
            source="Reflexion, arXiv 2303.11366, sections 3 and 4.3",
        ),
        "agentcoder": Preset(policy=_published(), source="AgentCoder, arXiv 2312.13010"),
        "codet": Preset(
            policy=_published(tests="own", suites=3, accept="dual_agreement"),
            repairs=0,
            source="CodeT, arXiv 2207.10397, section 2",
        ),
        "tests_first": Preset(policy=Policy(programmer_sees_tests=True), source="TGen, arXiv 2402.13521"),
        "self_repair": Preset(
            policy=_published(tests="own"), source="arXiv 2306.09896, section 3, without feedback in words"
        ),
        "self_repair_explained": Preset(
            policy=_published(tests="own", explain="reflection"),
            source="arXiv 2306.09896, section 3: feedback by the same model",
        ),
        "resampling": Preset(
            policy=_published(tests="own", mend="resample"),
            source="arXiv 2306.09896, section 3: the baseline at equal budget",
        ),
    }
)


@lru_cache(maxsize=256)
def policy_of(method: Method, changes: PolicyChanges) -> Policy:
    """Return a method's policy with a scenario's changes."""
    return PRESETS[method].policy.model_copy(update=changes.set_fields)


def differing(method: Method, policy: Policy) -> dict[str, str]:
    """Return the fields in which a policy is not the method's own, as texts."""
    own = PRESETS[method].policy
    return {
        name: _said(getattr(policy, name))
        for name in Policy.model_fields
        if getattr(policy, name) != getattr(own, name)
    }


def _said(value: object) -> str:
    if isinstance(value, Spec):
        return value.model_dump_json()
    return str(value).lower() if isinstance(value, bool) else str(value)
