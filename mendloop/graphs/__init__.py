"""LangGraph state machines: repair (one problem) and synthesis (a goal, many problems)."""
