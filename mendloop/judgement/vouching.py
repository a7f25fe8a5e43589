"""Vouching: which programs do what an accepted one does, and which agree with each other on something else."""

from __future__ import annotations

from collections.abc import Sequence

from mendloop.frozen import Frozen
from mendloop.judgement.behaviour import Behaviour, agreement, clusters, telling
from mendloop.judgement.edges import alone_on


class Vouched(Frozen):
    """What peers say of an accepted program.

    `agreeing` numbers the peers, from 0, that do the same on the `inputs` that count; `rivals` is the size of the
    largest group of the others that agree with each other; `contested_edges` counts the edge inputs on which the
    program stands against more peers than with it.
    """

    agreeing: tuple[int, ...]
    inputs: int
    rivals: int
    contested_edges: int


def vouched(
    accepted: Behaviour,
    peers: Sequence[Behaviour],
    edges: Sequence[Behaviour] = (),
    *,
    slack: float = 0.0,
    unordered: bool = False,
) -> Vouched:
    """Return what peers say of the accepted program, all run on the same valid inputs.

    `edges` is what the accepted program and then its peers do on edge inputs. A peer agrees when it parts on at most a
    share `slack` of the inputs that count; where none counts, nobody agrees.
    """
    places = telling([accepted, *peers])
    parted = [len(agreement(accepted, peer, places, unordered=unordered).parted) for peer in peers]
    agreeing = tuple(number for number, count in enumerate(parted) if places and count <= slack * len(places))
    apart = [peer for number, peer in enumerate(peers) if number not in agreeing] if places else []
    groups = clusters(apart, places, slack=slack, unordered=unordered)
    return Vouched(
        agreeing=agreeing,
        inputs=len(places),
        rivals=max(map(len, groups), default=0),
        contested_edges=len(alone_on(edges, 0, unordered=unordered)) if edges else 0,
    )
