"""Methods seated in a team: who explains a failure, and who writes programs and tests in other ways."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from mendloop.agents.contractor import PromptedContractor
from mendloop.agents.critic import Critic
from mendloop.agents.prompted.asking import Voice
from mendloop.agents.prompted.author import PromptedAuthor
from mendloop.agents.prompted.explaining import Questioner, Reflector
from mendloop.agents.roles import Roles
from mendloop.modelspecs import PlayedRole
from mendloop.policies import Policy
from mendloop.specs import Loop, PromptName


def seated(roles: Roles, loop: Loop, voices: Mapping[PlayedRole, Voice], *, stated: bool) -> Roles:
    """Return a team's roles as the loop's method has them.

    `stated` says that problems come as statements, and not from real code or a file of tests that show what is valid.
    """
    programmer = voices["programmer"]
    hashes: dict[str, str] = {name: programmer.prompts.hash(name) for name in _prompts_of(loop, stated=stated)}
    return replace(
        roles,
        critic=_explaining(loop.rules, roles.critic, voices),
        author=PromptedAuthor(programmer),
        contractor=PromptedContractor(voices["proposer"]) if stated and loop.rules.contract else None,
        prompts={**roles.prompts, **hashes},
    )


def _explaining(rules: Policy, critic: Critic, voices: Mapping[PlayedRole, Voice]) -> Critic:
    if rules.explain == "reflection":
        return Reflector(voices["programmer"], critic)
    if rules.explain == "questioner":
        return Questioner(voices["critic"], critic)
    return critic


def _prompts_of(loop: Loop, *, stated: bool) -> tuple[PromptName, ...]:
    """Return the prompts that a method asks besides its team's."""
    rules = loop.rules
    asked: dict[PromptName, bool] = {
        "write_both": rules.tests == "joint",
        "reflect": rules.explain == "reflection",
        "question": rules.explain == "questioner",
        "contract": stated and rules.contract,
        "write": rules.needs_author or loop.control > 0,
    }
    return tuple(name for name, wanted in asked.items() if wanted)
