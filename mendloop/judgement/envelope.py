"""Envelopes: what valid calls of a function look like, inferred from calls that are known to be valid.

Differential testing is only as good as its inputs: programs that are all right part on inputs that nobody promised to
handle (Liu et al., arXiv 2305.01210, section 2.3, write contracts by hand for that reason). An envelope stays close to
what was seen: it never has a sign, an emptiness or a character that no valid call had.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import prod
from typing import Any

from mendloop.frozen import Frozen
from mendloop.judgement.calls import Slot, bound, layout
from mendloop.judgement.inputs.domains import Domain, Whole
from mendloop.judgement.inputs.fitting import fits
from mendloop.judgement.inputs.learning import domain_of
from mendloop.judgement.inputs.numbers import higher
from mendloop.judgement.inputs.promised import promised
from mendloop.judgement.inputs.relations import Relation, keeps, relations_of
from mendloop.judgement.inputs.resembling import resembles
from mendloop.records import Contract

MAX_CALLS = 2_000
"""Calls that an envelope is inferred from; further ones are not read."""

ROOM = 64
"""Inputs that a function of integers has at least, if that can be."""
FEW = 4
"""Calls that show too little of a range of integers."""


class Argument(Frozen):
    """One parameter: its values, and whether valid calls may leave it out."""

    name: str
    domain: Domain
    optional: bool = False


class Envelope(Frozen):
    """What valid calls of `signature` look like: the values of each parameter, and how they relate.

    `calls` counts the calls that it was inferred from.
    """

    signature: str
    arguments: tuple[Argument, ...]
    relations: tuple[Relation, ...] = ()
    calls: int = 0

    def domain(self, name: str) -> Domain:
        """Return the domain of a parameter; an empty one for a name that is none."""
        return next((argument.domain for argument in self.arguments if argument.name == name), ())


def envelope_of(signature: str, calls: Sequence[str], contract: Contract | None = None) -> Envelope:
    """Infer the envelope of `name(parameters) -> type` from texts of valid calls with literal arguments.

    Calls that cannot be read (other arguments, another function's parameters, too long or too deep) are left out.
    Annotations and the parameters of a contract say something about parameters that no call has a value for. The same
    texts give the same envelope. Raises SyntaxError for a text that is no signature.
    """
    read = [binding for call in calls[:MAX_CALLS] if (binding := bound(signature, call)) is not None]
    arguments = [_argument(slot, read, contract or Contract()) for slot in layout(signature)]
    return Envelope(
        signature=signature,
        arguments=_roomy(tuple(argument for argument in arguments if argument is not None), len(read)),
        relations=relations_of(read),
        calls=len(read),
    )


def _argument(slot: Slot, read: Sequence[Mapping[str, Any]], contract: Contract) -> Argument | None:
    values = [binding[slot.name] for binding in read if slot.name in binding]
    domain = domain_of(values) if values else promised(slot, contract) if slot.required or not read else ()
    if not values and not slot.required:
        return None
    return Argument(name=slot.name, domain=domain, optional=not slot.required and len(values) < len(read))


def _roomy(arguments: tuple[Argument, ...], calls: int) -> tuple[Argument, ...]:
    """Return arguments with more range where a few small integers are all that a function takes, and few were seen.

    There would be hardly an input beside those that were seen.
    """
    parts = [part for argument in arguments for part in argument.domain]
    wholes = [part for part in parts if isinstance(part, Whole)]
    size = prod(part.high - part.low + 1 for part in wholes)
    if calls > FEW or len(wholes) != len(parts) or size >= ROOM:
        return arguments
    return tuple(argument.model_copy(update={"domain": tuple(map(higher, argument.domain))}) for argument in arguments)


def within(envelope: Envelope, call: str) -> bool:
    """Tell whether a call keeps to an envelope; every call that it was inferred from does."""
    binding = bound(envelope.signature, call)
    return binding is not None and contains(envelope, binding)


def is_like(envelope: Envelope, call: str) -> bool:
    """Tell whether a call passes values of the types that valid calls pass, whatever their size, sign or form.

    That is what can be asked of a test's input where few calls are known: an empty list that no example has is an edge
    case, not a mistake. Every call within the envelope is like it.
    """
    binding = bound(envelope.signature, call)
    return binding is not None and all(resembles(envelope.domain(name), value) for name, value in binding.items())


def contains(envelope: Envelope, binding: Mapping[str, Any]) -> bool:
    """Tell whether arguments by parameter keep to an envelope."""
    if not binding.keys() <= {argument.name for argument in envelope.arguments}:
        return False
    for argument in envelope.arguments:
        if argument.name not in binding:
            if not argument.optional:
                return False
        elif not fits(argument.domain, binding[argument.name]):
            return False
    return all(keeps(relation, binding) for relation in envelope.relations)
