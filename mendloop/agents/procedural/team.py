"""The procedural team: the four roles without a language model, around one shelf."""

from __future__ import annotations

from mendloop.agents.procedural.critic import ProceduralCritic
from mendloop.agents.procedural.programmer import ProceduralProgrammer
from mendloop.agents.procedural.proposer import ProceduralProposer
from mendloop.agents.procedural.shelf import Shelf
from mendloop.agents.procedural.tester import ProceduralTester
from mendloop.errors import SourceError
from mendloop.executions import Limits
from mendloop.frozen import Frozen
from mendloop.sourcespecs import PythonSource
from mendloop.specs import Scenario

NAME = "procedural"


class ProceduralRoles(Frozen):
    """The roles, ready to be seated in a team."""

    model_config = {"arbitrary_types_allowed": True, "frozen": True}

    proposer: ProceduralProposer
    programmer: ProceduralProgrammer
    tester: ProceduralTester
    critic: ProceduralCritic


def procedural_roles(scenario: Scenario, limits: Limits, min_mutants: int = 0) -> ProceduralRoles:
    """Return the roles for a scenario; they share one shelf that the proposer fills. Raises SourceError.

    Functions with fewer than `min_mutants` mutants are left out.
    """
    if not isinstance(scenario.source, PythonSource):
        raise SourceError(f"a source of kind `{scenario.source.kind}` has no functions", where="source.kind")
    shelf = Shelf(scenario.loop.variants)
    return ProceduralRoles(
        proposer=ProceduralProposer(scenario.source, shelf, limits, min_mutants, scenario.screening),
        programmer=ProceduralProgrammer(shelf, scenario.loop.faults, limits),
        tester=ProceduralTester(shelf, limits),
        critic=ProceduralCritic(shelf, limits),
    )
