"""What peers say of an accepted program."""

from __future__ import annotations

from mendloop.executions import Outcome
from mendloop.judgement.vouching import Vouched, vouched
from mendloop.tools.values import tag

LOST = Outcome(id="c", status="timeout")


def does(*values: object) -> list[Outcome]:
    return [LOST if value is LOST else Outcome(id="c", status="returned", value=tag(value)) for value in values]


def test_peers_that_do_the_same_vouch() -> None:
    found = vouched(does(1, 2, 3), [does(1, 2, 3), does(1, 2, 4), does(1, 2, 3)])
    assert found == Vouched(agreeing=(0, 2), inputs=3, rivals=1, contested_edges=0)


def test_peers_that_agree_on_something_else_are_rivals() -> None:
    found = vouched(does(1, 2), [does(1, 3), does(1, 3), does(1, 4), does(1, 2)])
    assert (found.agreeing, found.rivals) == ((3,), 2)


def test_an_input_on_which_most_give_nothing_does_not_count() -> None:
    found = vouched(does(1, 2), [does(1, LOST), does(1, LOST)])
    assert (found.agreeing, found.inputs) == ((0, 1), 1)


def test_nobody_vouches_where_no_input_counts() -> None:
    assert vouched(does(LOST), [does(LOST)]) == Vouched(agreeing=(), inputs=0, rivals=0, contested_edges=0)


def test_slack_forgives_a_share_of_the_inputs() -> None:
    mine, peer = does(*range(10)), does(*range(9), 0)
    assert vouched(mine, [peer]).agreeing == ()
    assert vouched(mine, [peer], slack=0.1).agreeing == (0,)


def test_edges_on_which_the_program_is_alone_are_counted() -> None:
    edges = [does(0, 1), does(5, 1), does(5, 1)]
    assert vouched(does(1), [does(1), does(1)], edges).contested_edges == 1
