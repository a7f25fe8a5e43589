"""Several models for the same role: where one gives up the next answers, and one without quota is left out."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

from mendloop.errors import BudgetError, ProviderError
from mendloop.events import CircuitChanged
from mendloop.frozen import digest
from mendloop.tools.chat.lane import nobody
from mendloop.tools.chat.protocol import Answer, Chat, ChatRequest, Listener

Order = Literal["fallback", "weighted"]

QUOTA = "quota"


@dataclass(frozen=True)
class MemberChat:
    """One of several models. `name` is what records call it, `endpoint` its address as people may see it."""

    name: str
    endpoint: str
    chat: Chat
    weight: float = 1.0


@dataclass
class SeveralChat:
    """Several models that are asked as one. An answer's `model` is the name of the member that gave it.

    A member whose quota is used up is left out from then on, of which the `listener` hears once. One that refuses the
    key or is away for long has a circuit, which tells of itself and refuses at once.
    """

    members: Sequence[MemberChat]
    order: Order = "fallback"
    listener: Listener = nobody
    _left_out: dict[str, BudgetError] = field(default_factory=dict, init=False, repr=False)

    @property
    def model(self) -> str:
        """The names of all members, as they stand in records."""
        return ", ".join(member.name for member in self.members)

    async def ask(self, request: ChatRequest) -> Answer:
        """Return the first answer that a member gives.

        Raises the last member's ProviderError or BudgetError when all have given up. A budget of our own that is used
        up is no member's refusal, and rises at once.
        """
        last: ProviderError | BudgetError | None = next(reversed(self._left_out.values()), None)
        for member in self.turns(request):
            if member.name in self._left_out:
                continue
            try:
                answer = await member.chat.ask(request)
            except ProviderError as error:
                last = error
            except BudgetError as error:
                if error.reason != QUOTA:
                    raise
                self._leave_out(member, error)
                last = error
            else:
                return answer.model_copy(update={"model": member.name})
        if last is None:
            raise ValueError("there is no member to ask")
        raise last

    def turns(self, request: ChatRequest) -> list[MemberChat]:
        """Return the members in the order in which they are asked this.

        With weights the question itself draws it: each member comes first in proportion to its weight, and the order
        of the others does not depend on who is left out (weighted rendezvous hashing).
        """
        if self.order == "fallback":
            return list(self.members)
        asked = digest(request)
        return sorted(self.members, key=lambda member: _distance(asked, member))

    async def aclose(self) -> None:
        """Release every member."""
        for member in self.members:
            await member.chat.aclose()

    def _leave_out(self, member: MemberChat, error: BudgetError) -> None:
        if member.name not in self._left_out:
            self._left_out[member.name] = error
            self.listener(CircuitChanged(endpoint=member.endpoint, model=member.name, state="open", reason=QUOTA))


def _distance(asked: str, member: MemberChat) -> float:
    """Return a draw from the exponential distribution with the member's weight as its rate."""
    drawn = int(digest(f"{asked}\x1f{member.name}")[:13], 16)  # 52 bits: exact as a float
    return -math.log((drawn + 1) / 2**52) / member.weight
