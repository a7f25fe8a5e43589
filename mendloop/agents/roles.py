"""The four roles of a team, and who plays them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from mendloop.agents.author import Author
from mendloop.agents.contractor import Contractor
from mendloop.agents.critic import Critic
from mendloop.agents.programmer import Programmer
from mendloop.agents.proposer import Proposer
from mendloop.agents.tester import Tester


@dataclass(frozen=True)
class Roles:
    """The four roles of a team; `models` says which of them a model plays, `prompts` holds their templates' hashes.

    The `author` writes programs in the ways that only some methods ask for. The `contractor` says which inputs a
    statement promises, where it was written by a model or a person.
    `student` are the same roles played by the student, in a scenario with stages.
    """

    proposer: Proposer
    programmer: Programmer
    tester: Tester
    critic: Critic
    models: Mapping[str, str] = field(default_factory=dict)
    prompts: Mapping[str, str] = field(default_factory=dict)
    author: Author | None = None
    contractor: Contractor | None = None
    student: Roles | None = None
