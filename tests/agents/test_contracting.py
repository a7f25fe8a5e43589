"""Input contracts of stated problems: what a model proposes is believed as far as known inputs bear it out."""

from __future__ import annotations

import pytest

from mendloop.agents.contracting import contract_of, predicate_in, valid_calls
from mendloop.agents.prompted.sections import Malformed
from mendloop.judgement.envelope import envelope_of
from mendloop.records import Case, Contract, Problem, Source
from mendloop.runs.store import Store
from mendloop.tools.chat.protocol import Answer
from mendloop.tools.sandbox.protocol import Sandbox
from tests.agents.prompted.acting import PROSE, Watched, bench_of, fenced, saying
from tests.graphs.conftest import sandbox, store

__all__ = ["sandbox", "store"]

SIGNATURE = "nth_smallest(xs: List[int], n: int = 1) -> int"
PROBLEM = Problem(
    id="p",
    statement="Write `nth_smallest(xs, n)`. It returns the nth smallest item of a list; n counts from 1.\n",
    entry_point="nth_smallest",
    signature=SIGNATURE,
    contract=Contract(notes="xs is not empty", evidence=("doctests",)),
    examples=(
        Case(id="e1", call="nth_smallest([3, 1], 1)", expect="1"),
        Case(id="e2", call="nth_smallest([5])", expect="5"),
    ),
    source=Source(kind="goal", package="", qualname=""),
)
KNOWN = ("nth_smallest([2, 9, 4], 3)",)
GOOD = "def valid(xs: List[int], n: int = 1) -> bool:\n    return bool(xs) and 1 <= n <= len(xs)\n"


async def test_a_predicate_that_accepts_all_known_inputs_is_kept(store: Store, sandbox: Sandbox) -> None:
    model = saying(fenced(GOOD))
    contract = await contract_of(model.voice(), await bench_of(store, sandbox), PROBLEM, KNOWN)
    assert contract == Contract(predicate=GOOD, notes="xs is not empty", evidence=("doctests", "proposed", "examples"))


async def test_the_model_sees_the_statement_and_no_expected_value(store: Store, sandbox: Sandbox) -> None:
    model = saying(fenced(GOOD))
    await contract_of(model.voice(), await bench_of(store, sandbox), PROBLEM, KNOWN)
    (asked,) = model.prompts
    assert PROBLEM.statement.strip() in asked
    assert "def valid(xs, n=1) -> bool" in asked
    assert "[3, 1]" not in asked


@pytest.mark.parametrize(
    "body",
    [
        "return n < len(xs)",
        "return xs[1] > 0",
        "return 1",
        "return hash('a') < 0",  # of the two hash seeds, one says no
        "while True: pass",
    ],
    ids=["refuses one", "raises", "is no bool", "depends on the hash seed", "has no end"],
)
async def test_a_predicate_that_known_inputs_refute_is_dropped(store: Store, sandbox: Sandbox, body: str) -> None:
    model = saying(fenced(f"def valid(xs, n=1):\n    {body}\n"))
    contract = await contract_of(model.voice(), await bench_of(store, sandbox), PROBLEM, KNOWN)
    assert contract.predicate == ""
    assert contract.evidence == ("doctests",)
    assert contract.notes.startswith("xs is not empty\nNo predicate: it does not accept ")


@pytest.mark.parametrize(
    "answer", [PROSE, fenced("def valid(xs):\n    return True\n"), Answer(text="", finish="refusal")]
)
async def test_an_unusable_answer_leaves_a_contract_without_predicate(
    store: Store, sandbox: Sandbox, answer: str | Answer
) -> None:
    contract = await contract_of(saying(answer).voice(), await bench_of(store, sandbox), PROBLEM, KNOWN)
    assert contract.predicate == ""
    assert "No predicate: contract: " in contract.notes


async def test_known_texts_that_are_no_calls_are_left_out(store: Store, sandbox: Sandbox) -> None:
    model = saying(fenced(GOOD))
    known = ("nth_smallest(range(3))", "nth_smallest(", "nth_smallest([1], 1, 1)")
    contract = await contract_of(model.voice(), await bench_of(store, sandbox), PROBLEM, known)
    assert contract.predicate == GOOD


async def test_only_calls_that_envelope_and_predicate_accept_are_valid(store: Store, sandbox: Sandbox) -> None:
    envelope = envelope_of(SIGNATURE, ["nth_smallest([3, 1, 4], 2)", "nth_smallest([5, 8], 1)"])
    contract = Contract(predicate="def valid(xs, n=1):\n    return xs[0] < 5 or n < 2 and 1 / (xs[0] - 6) > 0\n")
    calls = [
        "nth_smallest([4, 1, 1], 2)",
        "nth_smallest([-4, 1], 1)",  # no negative item was seen
        "nth_smallest([5, 7], 1)",  # the predicate says no
        "nth_smallest([6, 7], 1)",  # the predicate raises
        "nth_smallest([7, 2], 1)",
        "nth_smallest(list(), 1)",
    ]
    found = await valid_calls(await bench_of(store, sandbox), "fuzz", contract, envelope, calls)
    assert found == ("nth_smallest([4, 1, 1], 2)", "nth_smallest([7, 2], 1)")


async def test_a_predicate_without_end_accepts_nothing_on_which_it_hangs(store: Store, sandbox: Sandbox) -> None:
    envelope = envelope_of("f(n)", ["f(1)", "f(9)"])
    contract = Contract(predicate="def valid(n):\n    while n == 3: pass\n    return True\n")
    found = await valid_calls(await bench_of(store, sandbox), "fuzz", contract, envelope, ["f(2)", "f(3)", "f(4)"])
    assert found == ("f(2)", "f(4)")


async def test_without_a_predicate_nothing_is_run(store: Store, sandbox: Sandbox) -> None:
    watched = Watched(sandbox)
    envelope = envelope_of("f(n)", ["f(1)", "f(9)"])
    found = await valid_calls(await bench_of(store, watched), "fuzz", Contract(), envelope, ["f(2)", "f(-2)"])
    assert (found, watched.ran) == (("f(2)",), [])


async def test_a_predicate_is_tried_under_two_hash_seeds(store: Store, sandbox: Sandbox) -> None:
    watched = Watched(sandbox)
    await contract_of(saying(fenced(GOOD)).voice(), await bench_of(store, watched), PROBLEM, KNOWN)
    assert [request.hash_seed for request in watched.ran] == [0, 1]


@pytest.mark.parametrize(
    ("program", "why"),
    [
        ("def valid(ys, n=1):\n    return True\n", "does not take the parameters"),
        ("def valid(xs, *, n=1):\n    return True\n", "does not take the parameters"),
        ("def other(xs, n=1):\n    return True\n", "valid"),
        ("def valid(xs, n=1):\n    return True\n" + "# more\n" * 1_000, "longer than 4000"),
    ],
)
def test_a_predicate_takes_the_same_parameters(program: str, why: str) -> None:
    with pytest.raises(Malformed, match=why):
        predicate_in(fenced(program), SIGNATURE)
