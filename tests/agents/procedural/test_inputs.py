"""Drawing inputs: distinct, short, repeatable, and of the kinds the contract names."""

from __future__ import annotations

import ast
import random

import pytest

from mendloop.agents.procedural.drawing import draw_value, mutated
from mendloop.agents.procedural.inputs import draw_inputs, fresh_calls, mutated_call, observed_call, passes
from mendloop.agents.procedural.item import Item
from mendloop.agents.procedural.kinds import KINDS
from mendloop.agents.procedural.palette import Palette, tokens_of
from mendloop.executions import Call
from mendloop.judgement.calls import literal
from mendloop.records import Contract, Parameter, Source

CODE = 'def f(items, sep="-", *rest, n=1):\n    """Do."""\n    return sep.join(items)\n'
SIGNATURE = "f(items, sep='-', *rest, n=1)"
CONTRACT = Contract(
    parameters=(
        Parameter(name="items", kinds=("list[int]",)),
        Parameter(name="sep", kinds=("str",), optional=True),
        Parameter(name="rest", kinds=("int",), optional=True),
        Parameter(name="n", kinds=("int",), optional=True),
    )
)


def an_item(**changes: object) -> Item:
    fields: dict[str, object] = {
        "id": "i", "module": "m", "qualname": "m.f", "entry_point": "f", "code": CODE, "signature": SIGNATURE,
        "docstring": "Do.", "contract": CONTRACT, "source": Source(kind="python", package="m", qualname="m.f"),
        "pool": tuple(f"f([{n}, 2])" for n in range(30)), "raising": (Call(id="r1", call="f([], '')"),),
    }  # fmt: skip
    return Item.model_validate({**fields, **changes})


def test_the_same_seed_draws_the_same_calls() -> None:
    one, two = (draw_inputs(an_item(), random.Random(7), 30) for _ in range(2))
    assert one == two
    assert one != draw_inputs(an_item(), random.Random(8), 30)


def test_calls_are_distinct_short_and_numbered() -> None:
    calls = draw_inputs(an_item(), random.Random(1), 40)
    assert len({(call.call, call.setup) for call in calls}) == len({call.id for call in calls}) == 40
    assert all(len(call.call or "") + len(call.setup or "") <= 120 for call in calls)


def test_known_inputs_come_before_new_ones() -> None:
    item = an_item()
    plain = [call.call for call in draw_inputs(item, random.Random(1), 12) if not call.setup]
    known = [call for call in plain if call in item.pool]
    assert len(known) >= 7


def test_some_calls_show_mutation_hidden_state_and_exceptions() -> None:
    calls = draw_inputs(an_item(), random.Random(1), 24)
    assert any(call.after == ("items",) and call.call == "f(items)" for call in calls)
    assert any((call.call or "").startswith("[f(") for call in calls)
    assert any(call.call == "f([], '')" for call in calls)


def test_a_function_that_mutates_is_always_observed() -> None:
    calls = draw_inputs(an_item(mutates=True, raising=()), random.Random(1), 12)
    assert all(call.after or (call.call or "").startswith("[f(") for call in calls)


def test_an_item_without_a_pool_is_drawn_from_its_contract() -> None:
    assert len(draw_inputs(an_item(pool=(), raising=()), random.Random(1), 10)) == 10


def test_fresh_calls_keep_to_the_signature() -> None:
    for text in fresh_calls(SIGNATURE, CONTRACT, CODE, random.Random(3), 60):
        call = ast.parse(text, mode="eval").body
        assert isinstance(call, ast.Call)
        assert {keyword.arg for keyword in call.keywords} <= {"sep", "n"}
        assert len(call.args) != 0


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("style", ["basic", "edge", "large"])
def test_every_kind_draws_literals(kind: str, style: str) -> None:
    palette = Palette("x", seen=("1",), tokens=(",",))
    for seed in range(20):
        value = draw_value(kind, random.Random(seed), palette, style)
        text = literal(value)
        assert text == "set()" or ast.literal_eval(text) == value
        assert len(text) < 140


@pytest.mark.parametrize("value", [1, 1.5, "2024-01-02", b"ab", [1, 2], (1, 2), {"a": 1}, {1, 2}, True, None, ""])
def test_a_mutation_keeps_the_type(value: object) -> None:
    assert {type(mutated(value, random.Random(seed), Palette())) for seed in range(30)} == {type(value)}


def test_rows_of_a_table_keep_their_length() -> None:
    for seed in range(40):
        changed = mutated([(1, "a"), (2, "b")], random.Random(seed), Palette())
        assert all(len(row) == 2 for row in changed)


def test_sets_are_written_in_one_order() -> None:
    assert literal({"b", "a", "c"}) == "{'a', 'b', 'c'}"


def test_tokens_are_the_strings_outside_docstrings() -> None:
    assert tokens_of(CODE) == ("-",)


def test_a_mutated_call_changes_one_argument() -> None:
    assert mutated_call("f(x)", random.Random(1), CODE) is None
    assert (mutated_call("f(5)", random.Random(1), CODE) or "").startswith("f(")


def test_an_observed_call_names_its_containers() -> None:
    call = observed_call("f(a, b, c=0)", "f([1; 2], 3)".replace(";", ","))
    assert call == Call(id="observed", call="f(a, 3)", setup="a = [1, 2]", after=("a",))
    assert observed_call("f(a)", "f(1)") is None


def test_what_a_call_passes_is_known() -> None:
    assert [passes("f([1], n=2)", SIGNATURE, name) for name in ("items", "sep", "n")] == [True, False, True]
