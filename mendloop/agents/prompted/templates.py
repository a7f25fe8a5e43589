"""Prompts as templates: each has a block `system` and a block `user`, and its hash stands in every record.

Templates run in a sandboxed environment and see only the facts that a role hands them. Code, cases, snippets and
instructions are put between fences that they cannot close.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from importlib.resources import files
from typing import Any

from jinja2 import StrictUndefined, TemplateError
from jinja2.sandbox import ImmutableSandboxedEnvironment

from mendloop.errors import ScenarioError
from mendloop.frozen import digest
from mendloop.specs import PROMPT_NAMES, PromptName
from mendloop.tools.chat.protocol import ChatMessage

PARTS = ("system", "user")
MAX_TEMPLATE = 100_000
_UNFILLABLE = (TemplateError, TypeError, ValueError, ArithmeticError, LookupError, AttributeError, RecursionError)
"""What a template raises that calls, divides or loops over something that it should not."""


@dataclass(frozen=True)
class Prompts:
    """The templates of a run: those that come along, some replaced by the scenario's."""

    replaced: Mapping[PromptName, str] = field(default_factory=dict)

    def text(self, name: PromptName) -> str:
        """Return a template's source."""
        return self.replaced.get(name) or shipped(name)

    def hash(self, name: PromptName) -> str:
        """Return the sha256 of a template's source."""
        return digest(self.text(name))

    def render(self, name: PromptName, facts: Mapping[str, object]) -> tuple[ChatMessage, ...]:
        """Return the messages of a prompt; an empty system part is left out.

        Raises ScenarioError where a replaced template uses what it is not given.
        """
        template = _compiled(self.text(name))
        try:
            parts = {part: "".join(template.blocks[part](template.new_context(dict(facts)))) for part in PARTS}
        except _UNFILLABLE as error:
            raise ScenarioError(f"the template cannot be filled in: {error}", where=f"prompts.{name}") from error
        said = {part: squeezed(text).strip() for part, text in parts.items()}
        user = ChatMessage(role="user", content=said["user"])
        return (ChatMessage(role="system", content=said["system"]), user) if said["system"] else (user,)


def check_template(name: PromptName, source: str) -> None:
    """Raise ValueError saying what is wrong with a template that a scenario brings."""
    if len(source) > MAX_TEMPLATE:
        raise ValueError(f"longer than {MAX_TEMPLATE} characters")
    try:
        template = _environment().from_string(source)
    except TemplateError as error:
        raise ValueError(f"line {getattr(error, 'lineno', '?')}: {error}") from error
    missing = [part for part in PARTS if part not in template.blocks]
    if missing:
        raise ValueError(f"lacks {{% block {missing[0]} %}}; `mendloop/agents/prompts/{name}.j2` is the one to replace")


@lru_cache(maxsize=len(PROMPT_NAMES))
def shipped(name: PromptName) -> str:
    """Return the template that comes along under a name."""
    return (files("mendloop.agents") / "prompts" / f"{name}.j2").read_text("utf-8")


@lru_cache(maxsize=64)
def _compiled(source: str) -> Any:
    return _environment().from_string(source)


@lru_cache(maxsize=1)
def _environment() -> ImmutableSandboxedEnvironment:
    environment = ImmutableSandboxedEnvironment(
        undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True, keep_trailing_newline=False
    )
    environment.filters["fenced"] = fenced
    environment.filters["numbered"] = numbered
    return environment


def fenced(text: str, language: str = "") -> str:
    """Return a text in a fence that is longer than any in it."""
    longest = max((len(run) for run in re.findall(r"`{3,}", text)), default=2)
    fence = "`" * max(3, longest + 1)
    return f"{fence}{language}\n{text.rstrip()}\n{fence}"


def squeezed(text: str) -> str:
    """Return a text with at most one empty line in a row; what stands in fences stays as it is."""
    lines: list[str] = []
    fence = ""
    for line in text.split("\n"):
        mark = re.match(r"`{3,}+", line)
        if mark and not fence:
            fence = mark[0]
        elif mark and mark[0] == fence and line.rstrip() == fence:
            fence = ""
        if fence or line or not lines or lines[-1]:
            lines.append(line)
    return "\n".join(lines)


def numbered(code: str) -> str:
    """Return code with line numbers."""
    return "\n".join(f"{number:>3} {line}".rstrip() for number, line in enumerate(code.rstrip().splitlines(), 1))
