"""Families of injected faults in the critic's words, so that a lesson about one can be matched with the other."""

from __future__ import annotations

_DIAGNOSED: dict[str, str] = {
    "aliasing": "mutated_argument",
    "augmented_assignment": "wrong_loop",
    "boolean_mix": "wrong_condition",
    "evaluation_order": "wrong_variable",
    "float_int_division": "wrong_operator",
    "identity_vs_equality": "wrong_condition",
    "key_vs_value": "wrong_variable",
    "loop_control": "wrong_loop",
    "lost_branch": "missing_case",
    "lost_call": "lost_statement",
    "missing_base_case": "missing_case",
    "missing_conversion": "type_mix",
    "mutable_default": "shared_state",
    "negated_condition": "wrong_condition",
    "precedence": "wrong_operator",
    "swallowed_exception": "wrong_exception",
    "unpack_swap": "wrong_variable",
    "wrong_builtin": "wrong_builtin_or_method",
    "wrong_comparison": "wrong_condition",
    "wrong_default": "wrong_constant",
    "wrong_index": "wrong_index_or_slice",
    "wrong_method": "wrong_builtin_or_method",
    "wrong_nesting": "wrong_loop",
    "wrong_slice": "wrong_index_or_slice",
}


def diagnosed_as(family: str) -> str:
    """Return the fault that a critic would name for a family of operators; most have the same name."""
    return _DIAGNOSED.get(family, family)
