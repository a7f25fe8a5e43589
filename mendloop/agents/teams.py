"""Teams: which roles work on which source, and which of them a language model plays."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TypeAlias

from mendloop.agents.critic import Critic
from mendloop.agents.given import GivenProgrammer, GivenProposer, GivenShelf, GivenTester
from mendloop.agents.injected import InjectingProgrammer
from mendloop.agents.procedural.team import procedural_roles
from mendloop.agents.programmer import Programmer
from mendloop.agents.prompted.asking import Voice
from mendloop.agents.prompted.critic import PromptedCritic
from mendloop.agents.prompted.programmer import PromptedProgrammer
from mendloop.agents.prompted.proposer import InstructionProposer, PromptedProposer
from mendloop.agents.prompted.templates import Prompts
from mendloop.agents.prompted.tester import PromptedTester
from mendloop.agents.proposer import Proposer
from mendloop.agents.tester import Tester
from mendloop.modelspecs import PLAYED_ROLES, EndpointModel, LanguageModel, LocalModel, PlayedRole, SeveralModels
from mendloop.records import MIN_LIVE_MUTANTS
from mendloop.specs import PromptName, Scenario
from mendloop.tools.chat.protocol import Chat

REPAIRING: tuple[PromptName, ...] = ("repair", "diagnose", "again")
WRITING: tuple[PromptName, ...] = ("write", "tests", "rederive", "judge", "restate")
NOBODY_ELSE: Mapping[PlayedRole, Chat] = MappingProxyType({})

Voices: TypeAlias = Mapping[PlayedRole, Voice]


@dataclass(frozen=True)
class Roles:
    """The four roles of a team; `models` says which of them a model plays, `prompts` holds their templates' hashes."""

    proposer: Proposer
    programmer: Programmer
    tester: Tester
    critic: Critic
    models: Mapping[str, str] = field(default_factory=dict)
    prompts: Mapping[str, str] = field(default_factory=dict)


def roles_for(scenario: Scenario, chat: Chat | None, others: Mapping[PlayedRole, Chat] = NOBODY_ELSE) -> Roles:
    """Return the roles of a scenario's team; without a `chat` it is the procedural one.

    `chat` plays every role that is not among the `others`.
    """
    if chat is None:
        alone = procedural_roles(scenario, scenario.sandbox.limits)
        return Roles(alone.proposer, alone.programmer, alone.tester, alone.critic)
    prompts = Prompts({name: template.text or "" for name, template in scenario.prompts.items()})
    voices = {role: voice_of(scenario, role, others.get(role, chat), prompts) for role in PLAYED_ROLES}
    return {"injected": _injected, "given": _given, "prompted": _prompted}[scenario.team](scenario, voices)


def voice_of(scenario: Scenario, role: PlayedRole, chat: Chat, prompts: Prompts) -> Voice:
    """Return the model of a role as the role uses it; `answers: json` must have been probed."""
    models = scenario.models
    spec = models.named[models.name_of(role)]
    if not isinstance(spec, LanguageModel):
        return Voice(chat, prompts)
    temperature = None if spec.temperature == "server" else spec.temperature
    window = spec.context if isinstance(spec, EndpointModel | SeveralModels | LocalModel) else None
    return Voice(chat, prompts, spec.max_tokens, temperature, objects=spec.answers == "json", window=window)


def _injected(scenario: Scenario, voices: Voices) -> Roles:
    # Without a model a session that comes to nothing costs little; with one its answers are paid for.
    min_mutants = MIN_LIVE_MUTANTS if scenario.target.min_tier != "C" else 0
    alone = procedural_roles(scenario, scenario.sandbox.limits, min_mutants)
    programmer = InjectingProgrammer(alone.programmer, _repairer(scenario, voices))
    critic = PromptedCritic(voices["critic"])
    return Roles(
        alone.proposer, programmer, alone.tester, critic, *_played(voices, ("programmer", "critic"), REPAIRING)
    )


def _given(scenario: Scenario, voices: Voices) -> Roles:
    shelf = GivenShelf()
    programmer = GivenProgrammer(shelf, _repairer(scenario, voices))
    proposer = GivenProposer(scenario.source.path or "", shelf, scenario.screening)
    used = _played(voices, ("programmer", "critic"), (*REPAIRING, "write"))
    return Roles(proposer, programmer, GivenTester(shelf), PromptedCritic(voices["critic"]), *used)


def _prompted(scenario: Scenario, voices: Voices) -> Roles:
    source, voice = scenario.source, voices["proposer"]
    if source.kind == "instructions":
        proposer: Proposer = InstructionProposer(voice, source.path or "", scenario.loop.variants, scenario.screening)
        stating: tuple[PromptName, ...] = ("problem_from_instruction",)
    else:
        planned = source.kind == "goal"
        variants, rules = scenario.loop.variants, scenario.screening
        proposer = PromptedProposer(voice, scenario.goal, source.path, variants, planned, rules)
        stating = (*(("concepts",) if planned else ()), "problem_from_snippet" if source.path else "problem")
    used = _played(voices, PLAYED_ROLES, (*stating, *WRITING, *REPAIRING))
    tester, critic = PromptedTester(voices["tester"]), PromptedCritic(voices["critic"])
    return Roles(proposer, _repairer(scenario, voices), tester, critic, *used)


def _repairer(scenario: Scenario, voices: Voices) -> PromptedProgrammer:
    return PromptedProgrammer(voices["programmer"], scenario.sandbox.limits, scenario.loop.samples)


def _played(
    voices: Voices, roles: tuple[PlayedRole, ...], prompts: tuple[PromptName, ...]
) -> tuple[dict[str, str], dict[str, str]]:
    """Return which model plays which role, and the hashes of the templates that they use."""
    models: dict[str, str] = {role: voices[role].chat.model for role in roles}
    return models, {name: voices[roles[0]].prompts.hash(name) for name in prompts}
