"""A scenario of any number of small sessions: wrong programs in a file, and a model that knows what is right.

The programs are variants of a few by a number, so that no two sessions are alike. Of five numbers one is hopeless: the
model never repairs its programs, and the session is dropped. For another one only the second sample is right.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from mendloop.events import LlmAnswered
from mendloop.runs.reader import Reader
from mendloop.tools.chat.protocol import ChatRequest
from tests.e2e.model_team import KEY, fence, first_sample, role_of, team
from tests.e2e.product import environment
from tests.fault_server import key_of
from tests.openai_server import MODEL, Asked, Reply

SCENARIO = """goal: repairs of many small programs
target: {{records: {sessions}, min_tier: C}}
seed: 11
deterministic: true
source: {{kind: failures, path: wrong.jsonl}}
models:
  teacher:
    kind: openai
    model: {model}
    max_tokens: 256
    retry: {{first_wait: 5ms, longest_wait: 20ms, cool_down: 20ms, open: 20ms, give_up: 300ms}}
loop: {{max_repairs: 1, samples: 2, peers: 0, concurrency: {concurrency}, memory: {{enabled: false}}}}
sandbox: {{limits: {{wall_s: 600}}}}
export: [sft_multiturn]
"""
CONCURRENCY = 8
EACH = 5
"""Of so many numbers in a row one is hopeless and one stubborn."""


@dataclass(frozen=True)
class Kind:
    """A small program with a number in it: the right one, the wrong one that is given, and another wrong one.

    `value` is what the right program returns for a list and the number.
    """

    name: str
    statement: str
    right: str
    wrong: str
    worse: str
    value: Callable[[list[int], int], Any]

    def program(self, body: str, number: int) -> str:
        """Return the function with one of the three bodies."""
        lines = [f"    {line}" for line in body.format(k=number).splitlines()]
        return "\n".join([f"def {self.name}_{number}(items):", *lines, ""])


KINDS = (
    Kind(
        name="add",
        statement="Return a list of the same length with {k} added to every item.",
        right="result = []\nfor item in items:\n    result.append(item + {k})\nreturn result",
        wrong="result = []\nfor item in items[1:]:\n    result.append(item + {k})\nreturn result",
        worse="return list(items)",
        value=lambda items, k: [item + k for item in items],
    ),
    Kind(
        name="above",
        statement="Return how many items are larger than {k}.",
        right="return sum(item > {k} for item in items)",
        wrong="return sum(item >= {k} for item in items)",
        worse="return len(items)",
        value=lambda items, k: sum(item > k for item in items),
    ),
    Kind(
        name="capped",
        statement="Return the items in order, with {k} in place of every item that is larger.",
        right="return [min(item, {k}) for item in items]",
        wrong="return [max(item, {k}) for item in items]",
        worse="return list(items)",
        value=lambda items, k: [min(item, k) for item in items],
    ),
    Kind(
        name="multiples",
        statement="Return the items that {k} divides without a rest, in order.",
        right="return [item for item in items if item % {k} == 0]",
        wrong="return [item for item in items if item % {k} == 1]",
        worse="return list(items)",
        value=lambda items, k: [item for item in items if item % k == 0],
    ),
)
_DEFINED = re.compile(rf"def ({'|'.join(kind.name for kind in KINDS)})_(\d+)\(")


def write_many(folder: Path, sessions: int, concurrency: int = CONCURRENCY) -> Path:
    """Write a scenario of so many sessions, and the programs that it begins with; return the scenario."""
    folder.mkdir(parents=True, exist_ok=True)
    rows = [json.dumps(_row(KINDS[index % len(KINDS)], _number(index))) for index in range(sessions)]
    (folder / "wrong.jsonl").write_text("\n".join(rows) + "\n")
    scenario = folder / "many.yaml"
    scenario.write_text(SCENARIO.format(sessions=sessions, model=MODEL, concurrency=concurrency))
    return scenario


def kept_of(sessions: int) -> int:
    """Return how many of so many sessions are kept."""
    return sum(not _hopeless(_number(index)) for index in range(sessions))


def _number(index: int) -> int:
    return index // len(KINDS) + 2


def _hopeless(number: int) -> bool:
    return number % EACH == 0


def _row(kind: Kind, number: int) -> dict[str, str]:
    name = f"{kind.name}_{number}"
    inputs: Sequence[list[int]] = (
        [number, number + 1],
        [],
        [2 * number, 1, number],
        [number + 3, number - 1],
        [3 * number, number * number, -number],
        [0, -1, number + 1],
    )
    return {
        "id": name,
        "prompt": f"`{name}(items: list[int])`: {kind.statement.format(k=number)}",
        "code": kind.program(kind.wrong, number),
        "tests": "\n".join(f"assert {name}({items}) == {kind.value(items, number)!r}" for items in inputs),
    }


def model(delay_s: float = 0.0) -> Callable[[Asked], Reply]:
    """Return the model of this scenario; each answer takes so long."""
    play = team(repair=_repaired)
    return lambda asked: replace(play(asked), delay_s=delay_s)


def first_look(asked: Asked) -> bool:
    """Tell whether a request is only the first look at the server, with which every launch begins."""
    return role_of(asked) == "hello"


def _repaired(asked: Asked) -> str:
    found = _DEFINED.search(asked.last)
    assert found is not None, "a repair of another program"
    kind, number = next(kind for kind in KINDS if kind.name == found[1]), int(found[2])
    stubborn = number % EACH == 1 and first_sample(asked)
    return fence(kind.program(kind.worse if _hopeless(number) or stubborn else kind.right, number))


def served_by(base_url: str, **changes: str) -> dict[str, str]:
    """Return the environment of a process that is to ask this server."""
    return environment(OPENAI_BASE_URL=base_url, OPENAI_API_KEY=KEY, MENDLOOP_MODEL="", **changes)


def journalled(run: Path, after_n: int = 0) -> tuple[set[str], int]:
    """Return the requests whose answers a run has stored after event `after_n`, and the number of its last event."""
    found, last = set(), after_n
    with Reader(run) as reader:
        for stored in reader.tail(after_n):
            last = stored.n
            if stored.kind == "llm_call" and isinstance(stored.event, LlmAnswered) and stored.event.prompt is not None:
                found.add(key_of_request(reader.load(stored.event.prompt, ChatRequest)))
    return found, last


def key_of_request(request: ChatRequest) -> str:
    """Return a journalled request as the server names it."""
    messages = [{"role": message.role, "content": message.content} for message in request.messages]
    sampled = {"seed": request.seed, "temperature": request.temperature, "max_tokens": request.max_tokens}
    return key_of({"messages": messages, **sampled})
