"""Nothing that the procedural team works out may depend on Python's hash seed: a seeded run must repeat itself."""

from __future__ import annotations

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

WORKED_OUT = """
import asyncio, hashlib, json, sys
from mendloop.agents.procedural.faults import propose_faults
from mendloop.agents.procedural.purity import NotUsable
from mendloop.agents.procedural.source import read_source
from mendloop.agents.procedural.survey import survey
from mendloop.executions import Execution, Request
from mendloop.frozen import canonical_json

requests = {}

async def run(slot: str, request: Request) -> Execution:
    requests[slot] = request
    raise NotUsable("only the requests are wanted")

candidates = read_source("stdlib")
asyncio.run(survey(candidates, run, 0))
parts = {
    "candidates": candidates,
    "requests": sorted((slot, canonical_json(request)) for slot, request in requests.items()),
    "faults": [propose_faults(each.code, each.entry_point) for each in candidates.items[::6]],
}
assert len(requests) > 100
print(json.dumps({name: hashlib.sha256(canonical_json(part).encode()).hexdigest() for name, part in parts.items()}))
"""


def worked_out(hash_seed: int) -> str:
    done = subprocess.run(
        [sys.executable, "-c", WORKED_OUT],
        env={"PYTHONHASHSEED": str(hash_seed)},
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout


def test_candidates_probes_and_faults_are_the_same_under_every_hash_seed() -> None:
    with ThreadPoolExecutor(2) as pool:
        one, two = pool.map(worked_out, (1, 2))
    assert one == two
