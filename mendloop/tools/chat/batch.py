"""Questions that can wait go to the provider's batch API together; what no batch answers is asked singly."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field

from mendloop.errors import ProviderError
from mendloop.events import BatchChanged
from mendloop.tools.chat.batch_api import Batch, BatchError, BatchService, BatchUnseenError
from mendloop.tools.chat.batch_run import BatchRun
from mendloop.tools.chat.clock import Clock, MonotonicClock
from mendloop.tools.chat.lane import nobody
from mendloop.tools.chat.protocol import Answer, Chat, ChatRequest, Listener, Usage

MOST_BYTES = 100_000_000
"""A batch's file is sent before it is larger; OpenAI's limit is twice that."""
SLOWER, LONGEST = 1.5, 60
"""Each look at a batch comes later than the one before, until it is so many times the first wait."""


@dataclass(frozen=True)
class BatchPlan:
    """When a batch is sent and how long it is waited for; waits in seconds, as in a scenario (`specs.Batching`)."""

    gather_s: float = 30.0
    most: int = 1_000
    poll_s: float = 5.0
    deadline_s: float = 86_400.0
    discount: float = 0.5


@dataclass
class _Question:
    """A question and those who wait for its answer. None is given where it is to be asked singly."""

    request: ChatRequest
    waiting: list[asyncio.Future[Answer | None]] = field(default_factory=list)

    @property
    def wanted(self) -> bool:
        return any(not waiter.done() for waiter in self.waiting)

    def give(self, answer: Answer | None) -> None:
        """Give the answer to all who still wait; it is paid for once."""
        for waiter in self.waiting:
            if not waiter.done():
                waiter.set_result(answer)
                answer = answer and answer.model_copy(update={"usage": Usage()})

    def drop(self) -> None:
        for waiter in self.waiting:
            waiter.cancel()


@dataclass
class BatchingChat:
    """A model whose questions wait to be sent together. `run` must be set before the first one is asked.

    A launch that ended before its batches did finds them again by the run's name, and pays for none of them twice: its
    first question waits until all of them have ended.
    """

    chat: Chat
    service: BatchService
    plan: BatchPlan = BatchPlan()
    run: BatchRun | None = None
    listener: Listener = nobody
    clock: Clock = field(default_factory=MonotonicClock)
    _asked: dict[str, _Question] = field(default_factory=dict, init=False, repr=False)
    _gathered: dict[str, bytes] = field(default_factory=dict, init=False, repr=False)
    _bytes: int = field(default=0, init=False, repr=False)
    _timer: asyncio.TimerHandle | None = field(default=None, init=False, repr=False)
    _unclaimed: dict[str, Answer] = field(default_factory=dict, init=False, repr=False)
    _recovery: asyncio.Task[None] | None = field(default=None, init=False, repr=False)
    _carried: set[asyncio.Task[None]] = field(default_factory=set, init=False, repr=False)

    @property
    def model(self) -> str:
        """The model's name."""
        return self.chat.model

    async def ask(self, request: ChatRequest) -> Answer:
        """Return the answer, from a batch or, where it has none, from the model itself.

        Raises ProviderError or BudgetError as the model does.
        """
        await self._recovered()
        key = self.service.id_of(request)
        if key in self._unclaimed:
            return self._unclaimed.pop(key)
        waiter = asyncio.get_running_loop().create_future()
        if key in self._asked:
            self._asked[key].waiting.append(waiter)
        else:
            self._asked[key] = _Question(request, [waiter])
            self._gather(key, self.service.line_of(request))
        answer = await waiter
        return await self.chat.ask(request) if answer is None else answer

    async def aclose(self) -> None:
        """Stop waiting, and release the model and its batch API. The batches go on, for a later launch to find."""
        if self._timer is not None:
            self._timer.cancel()
        tasks = [*self._carried, *([self._recovery] if self._recovery else [])]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self.service.aclose()
        await self.chat.aclose()

    def _gather(self, key: str, line: bytes) -> None:
        self._gathered[key] = line
        self._bytes += len(line)
        if len(self._gathered) >= self.plan.most or self._bytes >= MOST_BYTES:
            self._send_gathered()
        elif self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(self.plan.gather_s, self._send_gathered)

    def _send_gathered(self) -> None:
        """Send what was gathered, without the questions that nobody waits for any more."""
        if self._timer is not None:
            self._timer.cancel()
        gathered, self._gathered, self._bytes, self._timer = self._gathered, {}, 0, None
        lines = {key: line for key, line in gathered.items() if self._asked[key].wanted}
        for key in gathered.keys() - lines.keys():
            del self._asked[key]
        if lines:
            task = asyncio.get_running_loop().create_task(self._carry(lines))
            self._carried.add(task)
            task.add_done_callback(self._carried.discard)

    async def _carry(self, lines: Mapping[str, bytes]) -> None:
        """Send one batch, wait for it, and give everybody an answer or None."""
        answers: Mapping[str, Answer] = {}
        batch: Batch | None = None
        try:
            batch = await self.service.send(self._name, list(lines.values()))
            self._tell(batch.id, "sent", len(lines))
            answers = await self._answers(batch, len(lines))
        except BatchError as error:
            self._tell(batch.id if batch else "", "given_up", len(lines), reason=str(error))
        except asyncio.CancelledError:
            for key in lines:
                self._asked[key].drop()
            raise
        finally:
            for key in lines:
                self._settle(self._asked.pop(key), key, answers.get(key))

    def _settle(self, question: _Question, key: str, answer: Answer | None) -> None:
        if answer is not None and not question.wanted:
            self._unclaimed[key] = answer
        question.give(answer)

    async def _answers(self, batch: Batch, questions: int) -> Mapping[str, Answer]:
        """Wait until a batch has ended, say so, and return its answers. Raises BatchError."""
        ended = await self._ended(batch)
        results = await self.service.results(ended)
        factor = 1.0 - self.plan.discount
        answers = {key: answer.model_copy(update={"price_factor": factor}) for key, answer in results.answers.items()}
        reasons = dict.fromkeys((*([ended.reason] if ended.reason else []), *results.refusals.values()))
        reason = "; ".join([*([] if ended.status == "completed" else [ended.status]), *reasons])
        self._tell(ended.id, "ended", questions, len(answers), reason)
        return answers

    async def _ended(self, batch: Batch) -> Batch:
        """Return the batch once it has ended; after the deadline it is cancelled, and returned as it is then."""
        until, wait = self.clock.now() + self.plan.deadline_s, self.plan.poll_s
        while not batch.ended:
            if self.clock.now() >= until:
                await self.service.cancel(batch)
                return await self.service.look(batch)
            await self.clock.sleep(wait)
            wait = min(wait * SLOWER, self.plan.poll_s * LONGEST)
            try:
                batch = await self.service.look(batch)
            except BatchUnseenError:  # it goes on without being seen
                continue
        return batch

    async def _recovered(self) -> None:
        """Return when every batch of an earlier launch has ended; whoever asks first looks for them."""
        if self._recovery is None:
            self._recovery = asyncio.get_running_loop().create_task(self._recover())
        await asyncio.shield(self._recovery)

    async def _recover(self) -> None:
        if self.run is None:
            raise RuntimeError("the run of a BatchingChat was not set")
        if self.run.known:
            try:
                found = await self.service.sent_by(self.run.name)
            except BatchError as error:  # to go on would be to pay again
                what = f"the batches of this run cannot be listed: {error}"
                raise ProviderError(what, where=self.service.endpoint, remedy="resume when they can") from error
            await asyncio.gather(*(self._take_up(batch) for batch in found))

    async def _take_up(self, batch: Batch) -> None:
        self._tell(batch.id, "found", batch.questions)
        try:
            self._unclaimed.update(await self._answers(batch, batch.questions))
        except BatchError as error:
            self._tell(batch.id, "given_up", batch.questions, reason=str(error))

    @property
    def _name(self) -> str:
        return self.run.name if self.run else ""

    def _tell(self, batch: str, state: str, questions: int, answered: int = 0, reason: str = "") -> None:
        told = {"batch": batch, "state": state, "questions": questions, "answered": answered, "reason": reason[:300]}
        self.listener(BatchChanged(endpoint=self.service.endpoint, model=self.model, **told))
