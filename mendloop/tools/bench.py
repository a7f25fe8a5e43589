"""A role's bench: the outside world as one role may use it in one node visit, each use journalled before it is seen."""

from __future__ import annotations

import hashlib
import random
from dataclasses import dataclass, replace

from mendloop.events import AnyEvent, Executed, LlmAnswered, Ref
from mendloop.records import Execution, Probe, Request
from mendloop.tools.chat.protocol import Answer, Chat, ChatRequest
from mendloop.tools.journal import Journal
from mendloop.tools.sandbox.protocol import Sandbox


@dataclass(frozen=True)
class Bench:
    """Journalled tools bound to (session, node, visit, role)."""

    journal: Journal
    sandbox: Sandbox
    seed: int
    session: str
    node: str
    visit: int
    role: str

    def as_role(self, role: str) -> Bench:
        """Return the same bench for another role."""
        return replace(self, role=role)

    def key(self, slot: str) -> str:
        """Return the journal key of a slot: `node#visit/role/slot`."""
        return f"{self.node}#{self.visit}/{self.role}/{slot}"

    async def run(self, slot: str, request: Request) -> Execution:
        """Execute a program in the sandbox; the answer is durable before it is returned."""
        return await self.journal.effect(
            self.key(slot), request, lambda: self.sandbox.run(request), Execution, _executed
        )

    async def ask(self, slot: str, chat: Chat, request: ChatRequest) -> Answer:
        """Ask a model; the prompt is stored, and the answer is durable before it is returned."""
        prompt = self.journal.put(request)

        def answered(hashed: str, ref: Ref, answer: Answer) -> AnyEvent:
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
            )

        return await self.journal.effect(self.key(slot), request, lambda: chat.ask(request), Answer, answered)

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
