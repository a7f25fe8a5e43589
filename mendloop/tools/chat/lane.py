"""What all users of one model behind one endpoint share: its pace, its circuit, its counts, and who hears of them."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from mendloop.errors import ProviderError
from mendloop.events import AnyEvent, CircuitChanged, PaceChanged
from mendloop.tools.chat.circuit import Circuit, State
from mendloop.tools.chat.clock import MACHINE, Clock
from mendloop.tools.chat.failing import AttemptError, RefusalError
from mendloop.tools.chat.pace import Pace
from mendloop.tools.chat.patience import STANDARD, Patience
from mendloop.tools.chat.protocol import Answer, Listener, Rates

SHUTS = ("auth", "model")
"""Refusals that hold for every further call."""


def nobody(event: AnyEvent) -> None:
    """Hear nothing."""


@dataclass
class Lane:
    """The way to one model behind one endpoint: at most `ceiling` requests are under way on it.

    A `steady` lane has its ceiling as its pace, for a server of so many slots. The `listener` may be set later.
    """

    model: str
    endpoint: str
    ceiling: int
    patience: Patience = STANDARD
    steady: bool = False
    listener: Listener = nobody
    clock: Clock = MACHINE
    pace: Pace = field(init=False, repr=False)
    circuit: Circuit = field(init=False, repr=False)
    answered: int = field(default=0, init=False)
    failed: int = field(default=0, init=False)
    rate_limited: int = field(default=0, init=False)

    def __post_init__(self) -> None:
        """Make the pace and the circuit."""
        self.pace = Pace(
            self.ceiling,
            steady=self.steady,
            cool_down_s=self.patience.cool_down_s,
            clock=self.clock,
            changed=self._paced,
        )
        self.circuit = Circuit(
            self.model,
            self.endpoint,
            open_s=self.patience.open_s,
            give_up_s=self.patience.give_up_s,
            clock=self.clock,
            moved=self._moved,
        )

    async def attempt(self, call: Callable[[], Awaitable[Answer]]) -> Answer:
        """Make one call when it is its turn, and learn from what becomes of it.

        Raises what the call raises, and ProviderError where the circuit is open for good.
        """
        async with self._turn() as probe:
            try:
                answer = await call()
            except AttemptError as failure:
                failure.probe = probe
                self._learn(failure, probe)
                raise
            except RefusalError as refusal:
                self._refused(refusal, probe)
                raise
            except BaseException:
                self.circuit.abandoned(probe)
                raise
            self._answered(probe)
            return answer

    def rates(self) -> Rates:
        """Return how the model is doing now."""
        return Rates(
            model=self.model,
            endpoint=self.endpoint,
            state=self.circuit.state,
            limit=self.pace.limit,
            under_way=self.pace.under_way,
            waiting=self.pace.waiting,
            answered=self.answered,
            failed=self.failed,
            rate_limited=self.rate_limited,
        )

    @asynccontextmanager
    async def _turn(self) -> AsyncIterator[bool]:
        """Wait until a call may be made, with its permit; what is given says whether it is the circuit's probe."""
        while True:
            await self.circuit.passable()
            async with self.pace.permit():
                claimed = self.circuit.claim()
                if claimed is None:  # it opened while this call waited for its permit
                    continue
                yield claimed == "probe"
                return

    def _answered(self, probe: bool) -> None:
        self.answered += 1
        self.pace.answered()
        self.circuit.succeeded(probe)

    def _learn(self, failure: AttemptError, probe: bool) -> None:
        match failure.attempt.fault:
            case "rate_limited":  # the server is there, and has too much to do
                self.rate_limited += 1
                self.pace.rate_limited(failure.asked_s)
                self.circuit.succeeded(probe)
            case "missing_finish":  # an answer, for all that a server can do
                self._answered(probe)
            case _:
                self.failed += 1
                self.pace.faltered()
                self.circuit.failed(probe)

    def _refused(self, refusal: RefusalError, probe: bool) -> None:
        error = refusal.in_a_run()
        if refusal.ground in SHUTS and isinstance(error, ProviderError):
            self.circuit.shut(error, refusal.ground)
        else:
            self.circuit.succeeded(probe)

    def _paced(self, limit: int, reason: str, asked_s: float) -> None:
        self.listener(
            PaceChanged(endpoint=self.endpoint, model=self.model, limit=limit, reason=reason, waited_s=asked_s)
        )

    def _moved(self, state: State, reason: str) -> None:
        self.listener(CircuitChanged(endpoint=self.endpoint, model=self.model, state=state, reason=reason))
