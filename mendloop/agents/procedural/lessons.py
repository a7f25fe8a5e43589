"""One general sentence for memory, by fault and construct."""

from __future__ import annotations

from mendloop.agents.procedural.constructs import Construct
from mendloop.agents.procedural.inference import Fault

_LESSONS: dict[Fault, dict[Construct | None, str]] = {
    "off_by_one": {
        "slice": "When a slice should keep the last element, check whether its end bound is exclusive.",
        "range": "Say the first and the last value of a range aloud: the stop bound itself is never reached.",
        "comparison": "Try a comparison at the very point where both sides are equal before trusting it.",
        "index": "Positions run from 0 to length minus 1; test an index on its first and its last use.",
        "sum": "When a result is one too large or small, look for a `+ 1` or `- 1` that is missing or one too many.",
        "length": "A length is one more than the last position; decide which of the two is meant.",
        "accumulator": "A counter that is off by one was started, stepped or read one step too early or too late.",
        None: "When a result is off by one, walk through the first and the last round of the loop by hand.",
    },
    "wrong_condition": {
        "boolean": "Write out when `and` and `or` differ: one side true, the other false, and test just that input.",
        "negation": (
            "Read a negated condition aloud for one concrete value; a lost or added `not` sends every input wrong."
        ),
        "equality": "For an equality test, name one value that should pass it and one that should not.",
        "membership": "Check a membership test in both directions: what belongs in the group, and what must stay out.",
        "identity": "Decide whether a default stands in for `None` only or for every empty value, and test both.",
        "comparison": (
            "When a branch is taken for the wrong inputs, check the direction of the comparison, not only its limit."
        ),
        "comprehension": (
            "A filter in a comprehension keeps what makes its condition true; test one kept and one dropped element."
        ),
        "ternary": "In a conditional expression, check which of the two values belongs to the true case.",
        "truth": "A bare name as a condition is false for zero, empty and None alike; ask which of them is meant.",
        None: "When two inputs take the same branch but should not, find the condition that cannot tell them apart.",
    },
    "wrong_operator": {
        "sum": "When a sign or an amount is wrong, check whether a term is to be added or subtracted.",
        "product": "When a result is off by a factor, check whether quantities are to be multiplied, added or raised.",
        "division": "Decide for every division whether the quotient, its whole part or the remainder is wanted.",
        "bits": "Check bit operations on one small pattern on paper: masks, unions and shifts look alike.",
        "accumulator": (
            "Follow an accumulator through its first update: it must grow in the way that the result is defined."
        ),
        None: "When the inputs of a formula are right and its result is not, check its operators one by one.",
    },
    "wrong_variable": {
        "name": "Where two variables have the same type, ask of each use which of them is meant.",
        "call": "When a callee is right and its result is wrong, compare each argument with the parameter it fills.",
        "unpack": "In a tuple assignment, match the names on the left with the values on the right one by one.",
        "length": "When several sequences are at hand, check whose length is being taken.",
        "yield": "A generator must yield the element of this round, not what an earlier round left behind.",
        None: (
            "When a value is plausible but belongs to something else, look for two names of similar meaning mixed up."
        ),
    },
    "missing_case": {
        "division": "Before a division, say what the result is when the divisor is zero or the input is empty.",
        "index": "Before taking an element, say what happens when there is none.",
        "raise": "Inputs that must be refused need a test that reaches the refusal before any work begins.",
        "call": (
            "A recursion needs an input that it answers without calling itself, and every call must come closer to it."
        ),
        "initial": "Handle the inputs that need no work, or allow none, before the first variable is set up.",
        None: (
            "List the special inputs, such as empty, one element and out of range, and find the line that answers each."
        ),
    },
    "missing_return": {
        "call": "A function whose last line only calls something returns None; hand the result back explicitly.",
        None: "Every path through a function that owes a value must end in a `return` with that value.",
    },
    "shared_state": {
        "default": "A mutable default is made once and shared by all calls; create the container inside the function.",
        None: (
            "When a second call differs from a first one with the same input, look for a container that "
            "outlives the call."
        ),
    },
    "mutated_argument": {
        "method": "Methods that change their object in place change the caller's object too; work on a copy.",
        None: "Do not change what the caller handed in, unless that is the purpose of the function.",
    },
    "wrong_builtin_or_method": {
        "builtin": "Built-ins with opposite meanings look alike in code; check which of the pair the task needs.",
        "method": "Methods with similar names treat sides, case or absence differently; look up which one is meant.",
        "key": "A sort key, or a reversed order, decides which element comes first; check it on two elements.",
        None: "When the data going into a call are right and its result is not, the call may be the wrong one.",
    },
    "type_mix": {
        "division": "Keep whole numbers and fractions apart: decide where a result may stop being an int.",
        "sum": "Before two values are joined with `+`, make sure that they are of one type.",
        "comparison": "Only values of one type can be put in order; convert before comparing.",
        None: "When the value is right but its type is not, find the one conversion that is missing or one too many.",
    },
    "swapped_arguments": {
        "call": "When two parameters take values of the same type, check the order of the arguments at the call.",
        "method": "In a method call, the object and the argument are easily exchanged; ask which one acts on which.",
        None: "Compare a call's arguments with the signature one by one, in number and in order.",
    },
    "wrong_initial_value": {
        "default": "A default decides what happens when the caller says nothing; test the call without that argument.",
        "initial": "Start an accumulator with the value that leaves the first element unchanged.",
        None: "When every result is off by the same amount, look at the value before the loop and not in it.",
    },
    "early_return": {
        "constant": "A fixed answer before the work is done must be guarded by a condition that holds for it alone.",
        "return": "Inside a loop, a `return` ends all rounds; be sure that no later element can matter.",
        None: "A `return` inside a loop or branch ends everything; check that nothing is left to do after it.",
    },
    "wrong_exception": {
        "raise": "The class of an exception is part of the contract: refuse with the class that callers catch.",
        "except": "Catch the class that the guarded operation really raises, no wider and no narrower.",
        None: "When a program rightly refuses an input, check that the error it raises is the documented one.",
    },
    "wrong_constant": {
        "constant": "Check literal constants against the statement, and derive the ones that can be derived.",
        "format": "Compare a format with one expected output character by character: widths, separators and signs.",
        "literal": (
            "Go through a table of literals entry by entry; one wrong entry only shows for the input that uses it."
        ),
        None: "When the steps are right and the amounts are not, compare every number in the code with the statement.",
    },
    "wrong_index_or_slice": {
        "slice": "For a slice, say which element is the first inside it and which the first outside.",
        "index": "When the wrong element is taken, check from which end, and from which number, the index counts.",
        None: "Write the valid positions beside the sequence before trusting an index into it.",
    },
    "lost_statement": {
        "accumulator": "After changing one piece of state, check whether another one has to follow it.",
        "initial": "Every variable that a loop reads must be set before it, or anew in each round.",
        "loop": "Check that each round of a loop does every step, the bookkeeping as well as the work.",
        "method": "A method that returns a new value changes nothing by itself; its result must be kept.",
        "truth": (
            "When no branch applies, something may still have to happen: a condition without `else` "
            "leaves all as it was."
        ),
        None: "When a value goes stale, look for the update that should follow the last line that touched it.",
    },
    "wrong_loop": {
        "range": "Check a loop's start, stop and step on an input small enough to list every round.",
        "while": "A `while` loop must bring its condition closer to false in every round, on every path.",
        "jump": "`break` ends the loop and `continue` only the round; choose by what later elements still need.",
        "loop": "Check over which sequence a loop runs, and whether all of its elements take part.",
        None: "Count the rounds of a loop for an input of size zero, one and two.",
    },
    "unknown_logic": {
        None: "When no single value stands out, compare the run with a correct one line by line until they part.",
    },
}
"""By construct; None is what holds for the fault in any construct."""


def lesson_of(fault: Fault, construct: Construct) -> str:
    """Return the lesson of a fault in a construct, or the fault's general one."""
    lessons = _LESSONS[fault]
    return lessons.get(construct) or lessons[None]


def all_lessons() -> frozenset[str]:
    """Return every lesson there is."""
    return frozenset(lesson for lessons in _LESSONS.values() for lesson in lessons.values())
