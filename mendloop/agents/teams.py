"""Teams: which roles work on which source, and which of them a language model plays."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

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
from mendloop.records import MIN_LIVE_MUTANTS, Role
from mendloop.specs import LanguageModel, PromptName, Scenario
from mendloop.tools.chat.protocol import Chat

REPAIRING: tuple[PromptName, ...] = ("repair", "diagnose", "again")
WRITING: tuple[PromptName, ...] = ("write", "tests", "rederive", "judge", "restate")


@dataclass(frozen=True)
class Roles:
    """The four roles of a team; `models` says which of them a model plays, `prompts` holds their templates' hashes."""

    proposer: Proposer
    programmer: Programmer
    tester: Tester
    critic: Critic
    models: Mapping[str, str] = field(default_factory=dict)
    prompts: Mapping[str, str] = field(default_factory=dict)


def roles_for(scenario: Scenario, chat: Chat | None) -> Roles:
    """Return the roles of a scenario's team; without a `chat` it is the procedural one."""
    if chat is None:
        alone = procedural_roles(scenario, scenario.sandbox.limits)
        return Roles(alone.proposer, alone.programmer, alone.tester, alone.critic)
    voice = voice_of(scenario, chat)
    return {"injected": _injected, "given": _given, "prompted": _prompted}[scenario.team](scenario, voice)


def voice_of(scenario: Scenario, chat: Chat) -> Voice:
    """Return the model as the roles use it; `answers: json` must have been probed."""
    prompts = Prompts({name: template.text or "" for name, template in scenario.prompts.items()})
    teacher = scenario.models.teacher
    if not isinstance(teacher, LanguageModel):
        return Voice(chat, prompts)
    temperature = None if teacher.temperature == "server" else teacher.temperature
    return Voice(chat, prompts, teacher.max_tokens, temperature, objects=teacher.answers == "json")


def _injected(scenario: Scenario, voice: Voice) -> Roles:
    # Without a model a session that comes to nothing costs little; with one its answers are paid for.
    min_mutants = MIN_LIVE_MUTANTS if scenario.target.min_tier != "C" else 0
    alone = procedural_roles(scenario, scenario.sandbox.limits, min_mutants)
    programmer = InjectingProgrammer(alone.programmer, _repairer(scenario, voice))
    critic = PromptedCritic(voice)
    return Roles(alone.proposer, programmer, alone.tester, critic, *_played(voice, ("programmer", "critic"), REPAIRING))


def _given(scenario: Scenario, voice: Voice) -> Roles:
    shelf = GivenShelf()
    programmer = GivenProgrammer(shelf, _repairer(scenario, voice))
    proposer = GivenProposer(scenario.source.path or "", shelf)
    used = _played(voice, ("programmer", "critic"), (*REPAIRING, "write"))
    return Roles(proposer, programmer, GivenTester(shelf), PromptedCritic(voice), *used)


def _prompted(scenario: Scenario, voice: Voice) -> Roles:
    source = scenario.source
    if source.kind == "instructions":
        proposer: Proposer = InstructionProposer(voice, source.path or "", scenario.loop.variants)
        stating: tuple[PromptName, ...] = ("problem_from_instruction",)
    else:
        planned = source.kind == "goal"
        proposer = PromptedProposer(voice, scenario.goal, source.path, scenario.loop.variants, planned)
        stating = (*(("concepts",) if planned else ()), "problem_from_snippet" if source.path else "problem")
    roles: tuple[Role, ...] = ("proposer", "programmer", "tester", "critic")
    used = _played(voice, roles, (*stating, *WRITING, *REPAIRING))
    return Roles(proposer, _repairer(scenario, voice), PromptedTester(voice), PromptedCritic(voice), *used)


def _repairer(scenario: Scenario, voice: Voice) -> PromptedProgrammer:
    return PromptedProgrammer(voice, scenario.sandbox.limits, scenario.loop.samples)


def _played(
    voice: Voice, roles: tuple[Role, ...], prompts: tuple[PromptName, ...]
) -> tuple[dict[str, str], dict[str, str]]:
    """Return which model plays which role, and the hashes of the templates that they use."""
    return dict.fromkeys(roles, voice.chat.model), {name: voice.prompts.hash(name) for name in prompts}
