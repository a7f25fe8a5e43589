"""What a person should check on a line, by the fault suspected there and by what the line is made of."""

from __future__ import annotations

from mendloop.agents.procedural.constructs import Construct
from mendloop.agents.procedural.inference import Fault

_LOOK_FOR: dict[Fault, str] = {
    "lost_statement": "Look at what has to happen between this line and the next one that runs",
    "missing_case": "Look at which inputs should be answered or refused before the run gets past this point",
    "missing_return": "Look at whether what is worked out here is handed back",
    "early_return": "Look at whether everything is done when the function ends here",
    "shared_state": "Look at which container lives longer than one call",
    "mutated_argument": "Look at whether an object of the caller is changed instead of a copy",
    "wrong_exception": "Look at which class of error this input deserves, and where it is raised",
}

_LOOK: dict[Construct, str] = {
    "accumulator": "Look at how the update combines the old value with the new one",
    "bits": "Look at which bit operation joins the two patterns",
    "boolean": "Look at each part of the condition: what it compares, whether it holds, and how the parts are joined",
    "builtin": "Look at whether this built-in function, with these arguments, does what the step needs",
    "call": "Look at what is passed to the call, and in which order",
    "comparison": "Look at the direction of the comparison, and at what happens when both sides are equal",
    "comprehension": "Look at what the comprehension runs over, what it keeps, and what it makes of each element",
    "constant": "Look at the literal value on the line",
    "default": "Look at the value a parameter takes when the caller leaves it out",
    "division": "Look at which of quotient, whole part and remainder is taken, and of what",
    "equality": "Look at what is compared with what, and at whether equal or unequal is meant",
    "except": "Look at which exception is caught and what happens then",
    "format": "Look at the pieces of the text and their order",
    "identity": "Look at which values should count as absent here",
    "index": "Look at which position is asked for, counted from which end",
    "initial": "Look at the value that the variable starts with",
    "jump": "Look at whether the loop should end here or only this round of it",
    "key": "Look at the order or the fallback that the call is told to use",
    "length": "Look at whose length is taken and what is done with it",
    "literal": "Look at the entries written on the line",
    "loop": "Look at what the loop runs over",
    "membership": "Look at which group is searched, and at whether being in it or out of it counts",
    "method": "Look at which method is called, on which object and with what",
    "name": "Look at whether this is the variable that is meant",
    "negation": "Look at whether the condition should be negated",
    "product": "Look at how the factors are combined",
    "raise": "Look at when an error is raised here and of which class",
    "range": "Look at where the range starts, where it stops and in which steps it goes",
    "return": "Look at whether the function should end here at all",
    "slice": "Look at both bounds of the slice: which element is the first inside, and which the first outside",
    "sum": "Look at the signs of the terms, and at any constant added or taken away",
    "ternary": "Look at which of the two values belongs to which case",
    "truth": "Look at which values count as true here and which as false",
    "unpack": "Look at which value goes to which name",
    "while": "Look at what keeps the loop going and what changes it in each round",
    "yield": "Look at what is handed out in each round",
    "other": "Look at what this line does for the values above",
}


def look_at(fault: Fault, construct: Construct) -> str:
    """Return what a person should check on a line, given the fault that is suspected there."""
    return _LOOK_FOR.get(fault) or _LOOK[construct]
