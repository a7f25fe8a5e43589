"""Nothing uploads prompts: the tracing of the libraries that run models and graphs is off, whatever variables say."""

from __future__ import annotations


def no_uploads() -> None:
    """Turn LangSmith's tracing off in this process; the variables LANGSMITH_* and LANGCHAIN_* are ignored."""
    import langsmith

    langsmith.configure(enabled=False)
