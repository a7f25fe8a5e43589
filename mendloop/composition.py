"""Composing a run: what a scenario needs before anything starts, and the team that it names, with real parts."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mendloop.choosing import endpoint_of
from mendloop.errors import InputError, ScenarioError
from mendloop.modelspecs import STUDENT, RecordedModel
from mendloop.opening import OpenedModel
from mendloop.sourcespecs import FailureSource, GoalSource, InstructionSource, ProblemSource, PythonSource
from mendloop.specs import Scenario

if TYPE_CHECKING:
    from mendloop.agents.procedural.source import Candidates
    from mendloop.agents.sources.failures import Failures
    from mendloop.agents.sources.instructions import Instructions
    from mendloop.agents.sources.problems import Problems
    from mendloop.agents.sources.snippets import Snippets
    from mendloop.graphs.team import Team
    from mendloop.memory.embedding import Chosen
    from mendloop.memory.protocol import ReflectionStore
    from mendloop.settings import Settings
    from mendloop.tools.sandbox.protocol import Sandbox


STDLIB = PythonSource(kind="python", package="stdlib")


# --- what a scenario needs before anything starts --------------------------------------------------------------------


def looked_at(scenario: Scenario) -> str:
    """Read the source and say what it holds. Raises SourceError where it cannot be used."""
    source = scenario.source
    match source:
        case PythonSource():
            from mendloop.agents.procedural.source import read_source

            found = read_source(source.package, source.path, scenario.screening)
            return _counted(found, "function to look at", "functions to look at")
        case InstructionSource():
            from mendloop.agents.sources.instructions import read_instructions

            given = read_instructions(source.path, scenario.screening)
            return _counted(given, "instruction", "instructions")
        case FailureSource():
            from mendloop.agents.sources.failures import read_failures

            failures = read_failures(source.path, rules=scenario.screening)
            return _counted(failures, "wrong program", "wrong programs")
        case ProblemSource():
            return _looked_at_problems(scenario, source)
        case GoalSource(path=None):
            return "the goal in words"
        case _:
            from mendloop.agents.sources.snippets import read_snippets

            snippets = read_snippets(source.path or "", scenario.screening)
            return _counted(snippets, "snippet", "snippets")


def _looked_at_problems(scenario: Scenario, source: ProblemSource) -> str:
    """Read given problems, and what was recorded for them where that is played back."""
    from mendloop.agents.sources.problems import read_problems
    from mendloop.agents.sources.recordings import read_recordings

    problems = read_problems(source.path, scenario.screening)
    said = _counted(problems, f"problem ({source.purpose})", f"problems ({source.purpose})")
    teacher = scenario.models.teacher
    if not isinstance(teacher, RecordedModel):
        return said
    recorded = read_recordings(teacher.programs, teacher.suites, teacher.model)
    return f"{said}; {recorded.said_for([each.id for each in problems.items])}"


def _counted(found: Candidates | Instructions | Failures | Problems | Snippets, one: str, many: str) -> str:
    """Say how many items a source holds, what was skipped, and what screening dropped, masked and kept."""
    number, skipped = len(found.items), found.skipped
    parts = [f"{number:,} {one if number == 1 else many}"]
    parts += [f"{len(skipped):,} skipped, first {skipped[0].file}: {skipped[0].reason}"] if skipped else []
    return "; ".join([*parts, *found.screened.said])


def check_templates(scenario: Scenario) -> None:
    """Raise ScenarioError for a prompt of the scenario's own that is no template."""
    from mendloop.agents.prompted.templates import check_template

    for name, template in scenario.prompts.items():
        try:
            check_template(name, template.text or "")
        except ValueError as error:
            raise ScenarioError(str(error), where=f"prompts.{name}") from error


def chosen_embedder(scenario: Scenario, settings: Settings) -> Chosen:
    """Return the embedding of the memory. Raises InputError for one that is named and cannot be had."""
    from mendloop.memory.embedding import choose_embedder

    memory = scenario.loop.memory
    kind = "ngrams" if scenario.deterministic and memory.embedding == "auto" else memory.embedding
    if memory.embedding_model is None or kind in ("ngrams", "minilm"):
        return choose_embedder(kind)
    from mendloop.memory.protocol import EmbeddingFailed
    from mendloop.tools.chat.embedder import EndpointEmbedder

    try:
        return choose_embedder(kind, EndpointEmbedder(memory.embedding_model, endpoint_of(settings)))
    except EmbeddingFailed as error:
        raise InputError(f"no embeddings: {error}", where="loop.memory.embedding_model") from error


# --- which team ------------------------------------------------------------------------------------------------------


def compose(scenario: Scenario, sandbox: Sandbox, memory: ReflectionStore, model: OpenedModel | None) -> Team:
    """Return the team that a scenario names. Raises InputError for one that needs a program to hand in its answers."""
    from mendloop.agents.procedural.mutants import mutants
    from mendloop.agents.teams import roles_for
    from mendloop.graphs.team import Team

    if scenario.models.teacher.kind == "scripted":
        raise InputError(
            "`scripted` models are handed in by a program",
            where="models.teacher.kind",
            remedy="use `auto`, `openai`, `local` or `procedural` in a scenario file",
        )
    student = model.named.get(STUDENT) if model else None
    parts = roles_for(scenario, model.chat if model else None, model.roles if model else {}, student)
    return Team(
        name=scenario.team,
        proposer=parts.proposer,
        programmer=parts.programmer,
        tester=parts.tester,
        critic=parts.critic,
        mutants=mutants,
        sandbox=sandbox,
        memory=memory,
        loop=scenario.loop,
        target=scenario.target,
        limits=scenario.sandbox.limits,
        seed=scenario.seed,
        deterministic=scenario.deterministic,
        peers=scenario.loop.peers,
        models=dict(parts.models),
        weights=dict(model.weights) if model else {},
        prompts=dict(parts.prompts),
        session_budget=scenario.budget.session,
        author=parts.author,
        contractor=parts.contractor,
        student=parts.student,
    )
