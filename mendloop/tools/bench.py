"""A role's bench: the outside world as one role may use it in one node visit, each use journalled before it is seen."""

from __future__ import annotations

import hashlib
import random
from dataclasses import dataclass, field, replace

from mendloop.events import AnyEvent, Executed, LlmAnswered, QuestionRefused, Ref
from mendloop.executions import Execution, Probe, Request
from mendloop.tools.allowance import SESSION_USED_UP, Allowance, OverBudget
from mendloop.tools.chat.protocol import Answer, Chat, ChatRequest
from mendloop.tools.journal import Journal
from mendloop.tools.sandbox.protocol import Sandbox

SANDBOX_TRIES = 3
"""How often a program is executed before a fault of the sandbox is handed on as one; it is never a turn."""


@dataclass(frozen=True)
class Bench:
    """Journalled tools bound to (session, node, visit, role); all benches of a session share its `allowance`."""

    journal: Journal
    sandbox: Sandbox
    seed: int
    session: str
    node: str
    visit: int
    role: str
    allowance: Allowance = field(default_factory=Allowance)

    def as_role(self, role: str) -> Bench:
        """Return the same bench for another role."""
        return replace(self, role=role)

    def key(self, slot: str) -> str:
        """Return the journal key of a slot: `node#visit/role/slot`."""
        return f"{self.node}#{self.visit}/{self.role}/{slot}"

    async def run(self, slot: str, request: Request) -> Execution:
        """Execute a program in the sandbox; the answer is durable before it is returned.

        A fault of the sandbox is retried under a slot of its own: a killed worker must not look like a result.
        """
        for attempt in range(SANDBOX_TRIES):
            key = self.key(slot if attempt == 0 else f"{slot}/retry{attempt}")
            execution = await self.journal.effect(key, request, lambda: self.sandbox.run(request), Execution, _executed)
            self.allowance.executed(execution)
            if execution.status != "sandbox_error":
                break
        return execution

    async def ask(self, slot: str, chat: Chat, request: ChatRequest) -> Answer:
        """Ask a model; the prompt is stored, and the answer is durable before it is returned.

        Where the session's own budget is used up, nothing is asked: that is journalled in place of an answer, so that
        a session which is resumed or replayed ends at the same question. Raises OverBudget with the reason.
        """
        prompt = self.journal.put(request)

        async def asked() -> Answer:
            if used_up := self.allowance.used_up:
                return Answer(text=used_up, finish="budget", model=chat.model)
            return await chat.ask(request)

        def answered(hashed: str, ref: Ref, answer: Answer) -> AnyEvent:
            if answer.finish == "budget":
                return QuestionRefused(request=hashed, result=ref, reason=answer.text)
            return LlmAnswered(
                request=hashed,
                result=ref,
                prompt=prompt,
                model=answer.model or chat.model,
                finish=answer.finish,
                prompt_tokens=answer.usage.prompt,
                completion_tokens=answer.usage.completion,
                cached_tokens=answer.usage.cached,
                reasoning_tokens=answer.usage.reasoning,
                degenerate=answer.degenerate,
                ms=answer.ms,
                usd=answer.usd,
            )

        answer = await self.journal.effect(self.key(slot), request, asked, Answer, answered)
        if answer.finish == "budget":
            raise OverBudget(f"{SESSION_USED_UP}: {answer.text}")
        self.allowance.answered(answer)
        return answer

    def checker(self, slot: str) -> BenchSandbox:
        """Return a sandbox whose runs are journalled under `slot/check`, for judging results by expressions."""
        return BenchSandbox(self, f"{slot}/check")

    def random(self, purpose: str) -> random.Random:
        """Return the generator for one purpose: its seed derives from (seed, session, purpose) alone."""
        return random.Random(derive(self.seed, self.session, purpose))  # noqa: S311 - sampling, not secrecy


@dataclass
class BenchSandbox:
    """The bench's sandbox as a `Sandbox`: each run takes the next slot."""

    bench: Bench
    slot: str
    runs: int = 0

    async def probe(self) -> tuple[Probe, ...]:
        """Probe the sandbox behind the bench."""
        return await self.bench.sandbox.probe()

    async def run(self, request: Request) -> Execution:
        """Run under the next journalled slot."""
        self.runs += 1
        return await self.bench.run(f"{self.slot}{self.runs - 1}", request)

    async def aclose(self) -> None:
        """Do nothing: the sandbox belongs to the run."""


def derive(seed: int, *parts: object) -> int:
    """Return the sub-seed of sha256(seed, parts...)."""
    text = "\x1f".join([str(seed), *map(str, parts)])
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big")


def _executed(request: str, ref: Ref, result: Execution) -> AnyEvent:
    return Executed(request=request, result=ref, status=result.status)
