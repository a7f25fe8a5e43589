"""A server of OpenAI's protocol that fails on demand or at random, and keeps a ledger of what it answered whole.

    with FaultServer(team(), at_random(0.1, seed=1)) as server:
        ...
    assert not server.ledger.asked_again

What an answer says follows from the request alone. Whether a fault takes its place follows from the request and from
how often it came before, so that a retry gets through, and two runs with the same requests meet the same faults.

As a process of its own it plays the model of `tests.e2e.many`, prints its address, and ends with its input:

    python -m tests.fault_server --faults 0.1 --seed 1 --delay 0.05 --ledger FILE
"""

from __future__ import annotations

import argparse
import hashlib
import json
import random
import sys
import threading
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final, TypeAlias

from tests.openai_server import (
    Answer,
    Asked,
    Json,
    OpenAIServer,
    Reply,
    choices_empty,
    choices_null,
    error_in_200,
    html_page,
    not_utf8,
    quota,
    rate_limited,
    refused,
    server_error,
    truncated_json,
)

SHORT: Final = 60
"""Bytes of a body that arrive before it is cut; every completion is longer."""
ASKED, WHOLE = "asked", "whole"

Spoil: TypeAlias = Callable[[Reply], Reply]
"""Makes an answer with a fault of one that has none."""
Plan: TypeAlias = Callable[[Asked, int], str | None]
"""Returns the fault that a request meets, or None; the number says how often the same request came before."""

SLOW: Mapping[str, Spoil] = {
    "trickle": lambda reply: replace(reply, trickle_s=0.000_2),
    "slow first byte": lambda reply: replace(reply, delay_s=0.2),
}
"""Answers that take their time and arrive whole."""
TRANSIENT: Mapping[str, Spoil] = {
    "429": lambda reply: refused(429, "Rate limit reached", kind="requests", code="rate_limit_exceeded"),
    "429 with Retry-After": lambda reply: rate_limited(0.01),
    "500": lambda reply: server_error(500),
    "502": lambda reply: server_error(502),
    "503": lambda reply: server_error(503),
    "reset": lambda reply: Reply(reset=True),
    "reset within the body": lambda reply: replace(reply, reset=True, cut_after=SHORT),
    "cut body": lambda reply: replace(reply, cut_after=SHORT),
    "truncated JSON": lambda reply: truncated_json(),
    "not UTF-8": lambda reply: not_utf8(),
    "error in 200": lambda reply: error_in_200(),
    "choices null": lambda reply: choices_null(),
    "choices empty": lambda reply: choices_empty(),
    "finish missing": lambda reply: replace(reply, finish=None),
}
"""What is gone when the same is asked again."""
ENDLESS: Mapping[str, Spoil] = {"hang": lambda reply: Reply(hang=True)}
"""What only a client's deadline ends."""
TERMINAL: Mapping[str, Spoil] = {
    "401": lambda reply: refused(401, "Incorrect API key provided", code="invalid_api_key"),
    "402": lambda reply: refused(402, "Payment required", kind="billing_error", code="payment_required"),
    "404": lambda reply: refused(404, "The model does not exist", code="model_not_found"),
    "insufficient_quota": lambda reply: quota(),
    "HTML": lambda reply: html_page(),
}
"""What waiting does not cure."""
FAULTS: Mapping[str, Spoil] = {**SLOW, **TRANSIENT, **ENDLESS, **TERMINAL}
PASSING: tuple[str, ...] = (*SLOW, *TRANSIENT)
"""What a client gets over, whatever its deadlines."""


def no_faults(asked: Asked, before: int) -> None:
    """Plan nothing."""


def at_random(
    share: float,
    seed: int,
    kinds: Sequence[str] = PASSING,
    *,
    spared: Callable[[Asked], bool] = lambda asked: False,
    most: int = 3,
) -> Plan:
    """Plan a fault for a share of the requests, drawn from the seed, the request and how often it came before.

    One request meets at most `most` faults; those that are `spared` meet none.
    """

    def plan(asked: Asked, before: int) -> str | None:
        draw = random.Random(f"{seed}/{key_of(asked.body)}/{before}")
        hit = draw.random() < share
        return draw.choice(kinds) if hit and before < most and not spared(asked) else None

    return plan


def from_then_on(number: int, fault: str) -> Plan:
    """Plan one fault for every request from the arrival of that number on, counted from 0."""
    return lambda asked, before: fault if asked.number >= number else None


def key_of(body: Json) -> str:
    """Return what makes a request the same as another, as a short hash: its messages and how they are sampled."""
    messages = [[message["role"], message["content"]] for message in body["messages"]]
    sampled = [body.get("seed"), body.get("temperature"), body.get("max_tokens")]
    return hashlib.sha256(json.dumps([messages, sampled]).encode()).hexdigest()[:20]


@dataclass
class Ledger:
    """What was asked, and what became of it, by request. Every arrival of a request counts."""

    asked: Counter[str] = field(default_factory=Counter)
    whole: Counter[str] = field(default_factory=Counter)
    faults: dict[str, Counter[str]] = field(default_factory=dict)
    asked_again: set[str] = field(default_factory=set)
    """Requests that came again although an answer to them had been sent whole."""

    def note(self, key: str, what: str) -> None:
        """Count an arrival (`asked`), an answer that was sent whole (`whole`), or a fault by its name."""
        if what == WHOLE:
            self.whole[key] += 1
        elif what == ASKED:
            self.asked[key] += 1
            if self.whole[key]:
                self.asked_again.add(key)
        else:
            self.faults.setdefault(key, Counter())[what] += 1

    @property
    def by_fault(self) -> Counter[str]:
        """How often each fault was met."""
        return sum(self.faults.values(), Counter[str]())


class LedgerFile:
    """A server's ledger as it is in its file, where that may still grow."""

    def __init__(self, path: Path) -> None:
        self._path, self._read = path, 0
        self.ledger = Ledger()

    def more(self) -> Sequence[tuple[str, str]]:
        """Take what has been written since the last time into `ledger`, and return it as (request, what)."""
        with self._path.open("rb") as file:
            file.seek(self._read)
            written = file.read()
        whole = written[: written.rfind(b"\n") + 1]
        self._read += len(whole)
        found = [(key, what) for key, what in (line.split("\t") for line in whole.decode().splitlines())]
        for key, what in found:
            self.ledger.note(key, what)
        return found


class FaultServer(OpenAIServer):
    """Answers as the function says, except where the plan names a fault.

    With `file` each arrival, fault and whole answer is a line of that file as soon as it happens.
    """

    def __init__(
        self,
        answer: Answer,
        plan: Plan = no_faults,
        *,
        file: Path | None = None,
        key: str | None = None,
    ) -> None:
        super().__init__(answer, key=key)
        self._plan = plan
        self._file = file.open("a", buffering=1, encoding="ascii") if file is not None else None
        self._counting = threading.Lock()
        self._ledger = Ledger()

    @property
    def ledger(self) -> Ledger:
        """A copy of the ledger as it is now."""
        with self._counting:
            noted = self._ledger
            faults = {key: noted.faults[key].copy() for key in noted.faults}
            return Ledger(noted.asked.copy(), noted.whole.copy(), faults, set(noted.asked_again))

    def close(self) -> None:
        """End every connection, wait for their threads, and close the ledger's file."""
        super().close()
        if self._file is not None:
            self._file.close()

    def _told(self, asked: Asked) -> Reply:
        key = key_of(asked.body)
        with self._counting:
            fault = self._plan(asked, self._ledger.asked[key])
            self._note(key, ASKED, *([fault] if fault else []))
        reply = super()._told(asked)
        if fault is None or fault in SLOW:
            reply = replace(reply, on_sent=lambda: self._sent(key))
        return FAULTS[fault](reply) if fault else reply

    def _sent(self, key: str) -> None:
        with self._counting:
            self._note(key, WHOLE)

    def _note(self, key: str, *whats: str) -> None:
        for what in whats:
            self._ledger.note(key, what)
            if self._file is not None:
                self._file.write(f"{key}\t{what}\n")


def main(arguments: Iterable[str] | None = None) -> None:
    """Serve until the input ends."""
    from tests.e2e.many import first_look, model

    parser = argparse.ArgumentParser(prog="python -m tests.fault_server", description=__doc__)
    parser.add_argument("--faults", type=float, default=0.0, help="the share of requests that meet a transient fault")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--delay", type=float, default=0.0, help="seconds that every answer takes")
    parser.add_argument("--ledger", type=Path, help="the file that the ledger is written to")
    chosen = parser.parse_args(None if arguments is None else list(arguments))
    plan = at_random(chosen.faults, chosen.seed, spared=first_look)
    with FaultServer(model(chosen.delay), plan, file=chosen.ledger) as server, suppress(KeyboardInterrupt):
        sys.stdout.write(f"{server.base_url}\n")
        sys.stdout.flush()
        sys.stdin.read()


if __name__ == "__main__":
    main()
