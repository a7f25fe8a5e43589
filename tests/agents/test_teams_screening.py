"""Every team screens its source by the rules of its scenario."""

from __future__ import annotations

from pathlib import Path

import pytest

from mendloop.agents.given import GivenProposer
from mendloop.agents.procedural.proposer import ProceduralProposer
from mendloop.agents.prompted.proposer import InstructionProposer, PromptedProposer
from mendloop.agents.teams import roles_for
from mendloop.specs import Scenario, ScreeningSpec
from mendloop.tools.chat.scripted import ScriptedChat

RULES = ScreeningSpec(secrets="mask", personal="drop", licences=("MIT",))


@pytest.mark.parametrize(
    ("source", "teacher"),
    [
        ("python", "procedural"),
        ("python", "scripted"),
        ("snippets", "scripted"),
        ("instructions", "scripted"),
        ("goal", "scripted"),
        ("failures", "scripted"),
    ],
)
def test_a_proposer_has_the_rules_of_its_scenario(source: str, teacher: str, tmp_path: Path) -> None:
    given = {"goal": "any", "source": {"kind": source, "path": str(tmp_path)}, "models": {"teacher": {"kind": teacher}}}
    scenario = Scenario.model_validate({**given, "screening": RULES})
    chat = ScriptedChat(lambda request: "") if teacher == "scripted" else None
    proposer = roles_for(scenario, chat).proposer
    assert isinstance(proposer, ProceduralProposer | GivenProposer | PromptedProposer | InstructionProposer)
    assert proposer.rules == RULES
