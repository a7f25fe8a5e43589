"""Teams: which roles work on which source, and which of them a language model plays."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import TypeAlias

from mendloop.agents.given import GivenProgrammer, GivenProposer, GivenShelf, GivenTester
from mendloop.agents.injected import InjectingProgrammer
from mendloop.agents.methods import seated
from mendloop.agents.procedural.team import procedural_roles
from mendloop.agents.prompted.asking import Voice
from mendloop.agents.prompted.critic import PromptedCritic
from mendloop.agents.prompted.programmer import PromptedProgrammer
from mendloop.agents.prompted.proposer import InstructionProposer, PromptedProposer
from mendloop.agents.prompted.templates import Prompts
from mendloop.agents.prompted.tester import PromptedTester
from mendloop.agents.proposer import Proposer
from mendloop.agents.recorded import RecordedAuthor, RecordedProgrammer, RecordedShelf, RecordedTester, SilentCritic
from mendloop.agents.roles import Roles
from mendloop.agents.stated import StatedProposer
from mendloop.modelspecs import (
    PLAYED_ROLES,
    STUDENT,
    EndpointModel,
    LanguageModel,
    LocalModel,
    ModelSpec,
    PlayedRole,
    RecordedModel,
    SeveralModels,
)
from mendloop.records import MIN_LIVE_MUTANTS
from mendloop.sourcespecs import ProblemSource
from mendloop.specs import PromptName, Scenario
from mendloop.tools.chat.protocol import Chat

REPAIRING: tuple[PromptName, ...] = ("repair", "diagnose", "again")
WRITING: tuple[PromptName, ...] = ("write", "tests", "rederive", "judge", "restate")
NOBODY_ELSE: Mapping[PlayedRole, Chat] = MappingProxyType({})

Voices: TypeAlias = Mapping[PlayedRole, Voice]


def roles_for(
    scenario: Scenario,
    chat: Chat | None,
    others: Mapping[PlayedRole, Chat] = NOBODY_ELSE,
    student: Chat | None = None,
) -> Roles:
    """Return the roles of a scenario's team; without a `chat` it is the procedural one.

    `chat` plays every role that is not among the `others`; the `student` of a scenario with stages comes beside them.
    """
    if isinstance(scenario.models.teacher, RecordedModel):
        return _recorded(scenario, scenario.models.teacher)
    if chat is None:
        alone = procedural_roles(scenario, scenario.sandbox.limits)
        return Roles(alone.proposer, alone.programmer, alone.tester, alone.critic)
    prompts = Prompts({name: template.text or "" for name, template in scenario.prompts.items()})
    voices = {role: voice_of(scenario, role, others.get(role, chat), prompts) for role in PLAYED_ROLES}
    roles = {"injected": _injected, "given": _given, "prompted": _prompted}[scenario.team](scenario, voices)
    roles = seated(roles, scenario.loop, voices, stated=scenario.team == "prompted")
    if student is None:
        return roles
    return replace(roles, student=_student(scenario, roles, _voice(scenario.models.named[STUDENT], student, prompts)))


def voice_of(scenario: Scenario, role: PlayedRole, chat: Chat, prompts: Prompts) -> Voice:
    """Return the model of a role as the role uses it; `answers: json` must have been probed."""
    models = scenario.models
    return _voice(models.named[models.name_of(role)], chat, prompts)


def _voice(spec: ModelSpec, chat: Chat, prompts: Prompts) -> Voice:
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
    if source.kind == "problems":
        asking: tuple[PlayedRole, ...] = ("programmer", "tester", "critic")
        used = _played(voices, asking, ("tests", "rederive", "write", "judge", *REPAIRING))
        return Roles(_stated(scenario), _repairer(scenario, voices), *_judging(voices), *used)
    if source.kind == "instructions":
        proposer: Proposer = InstructionProposer(voice, source.path or "", scenario.loop.variants, scenario.screening)
        stating: tuple[PromptName, ...] = ("problem_from_instruction",)
    else:
        planned = source.kind == "goal"
        variants, rules = scenario.loop.variants, scenario.screening
        proposer = PromptedProposer(voice, scenario.goal, source.path, variants, planned, rules)
        stating = (*(("concepts",) if planned else ()), "problem_from_snippet" if source.path else "problem")
    used = _played(voices, PLAYED_ROLES, (*stating, *WRITING, *REPAIRING))
    return Roles(proposer, _repairer(scenario, voices), *_judging(voices), *used)


def _judging(voices: Voices) -> tuple[PromptedTester, PromptedCritic]:
    return PromptedTester(voices["tester"]), PromptedCritic(voices["critic"])


def _recorded(scenario: Scenario, teacher: RecordedModel) -> Roles:
    shelf = RecordedShelf(teacher.programs, teacher.suites, teacher.model)
    author = RecordedAuthor(shelf)
    return Roles(_stated(scenario), RecordedProgrammer(shelf), RecordedTester(shelf), SilentCritic(), author=author)


def _stated(scenario: Scenario) -> StatedProposer:
    source = scenario.source
    if not isinstance(source, ProblemSource):
        raise AssertionError(f"a source of kind `{source.kind}` states no problems")
    return StatedProposer(source.path, source.purpose, scenario.screening)


def _student(scenario: Scenario, teacher: Roles, voice: Voice) -> Roles:
    """Return the roles as a student plays them. What the source holds is the same: it was looked at once."""
    voices: Voices = dict.fromkeys(PLAYED_ROLES, voice)
    roles = seated(_prompted(scenario, voices), scenario.loop, voices, stated=True)
    proposer = teacher.proposer
    if isinstance(proposer, PromptedProposer | InstructionProposer):
        proposer = replace(proposer, voice=voice)
    return replace(roles, proposer=proposer)


def _repairer(scenario: Scenario, voices: Voices) -> PromptedProgrammer:
    return PromptedProgrammer(voices["programmer"], scenario.sandbox.limits, scenario.loop.samples)


def _played(
    voices: Voices, roles: tuple[PlayedRole, ...], prompts: tuple[PromptName, ...]
) -> tuple[dict[str, str], dict[str, str]]:
    """Return which model plays which role, and the hashes of the templates that they use."""
    models: dict[str, str] = {role: voices[role].chat.model for role in roles}
    return models, {name: voices[roles[0]].prompts.hash(name) for name in prompts}
