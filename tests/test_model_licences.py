"""What licences say about training on outputs: known models by name, unknown ones said aloud."""

from __future__ import annotations

import pytest

from mendloop.tools.chat.licences import Training, licence_of, said_of_licence
from mendloop.tools.local.catalogue import KNOWN


@pytest.mark.parametrize(
    ("model", "licence", "training"),
    [
        ("Qwen/Qwen2.5-Coder-1.5B-Instruct", "Apache-2.0", "yes"),
        ("qwen2.5-coder-1.5b-instruct-q4_k_m", "Apache-2.0", "yes"),
        ("/models/qwen2.5-coder-3b-instruct.gguf", "Qwen Research License", "conditions"),
        ("qwen2.5-coder-32b", "Apache-2.0", "yes"),
        ("meta-llama/Llama-2-7b-chat-hf", "Llama 2 Community License", "no"),
        ("meta-llama/Meta-Llama-3-8B-Instruct", "Meta Llama 3 Community License", "no"),
        ("Meta-Llama-3.1-8B-Instruct at west", "Llama Community License (3.1 and later)", "conditions"),
        ("gemma-3-12b-it", "Gemma Terms of Use", "conditions"),
        ("gemma-4-9b", "Apache-2.0", "yes"),
        ("deepseek-coder-6.7b-instruct", "DeepSeek Model License", "conditions"),
        ("deepseek-r1-distill-llama-8b", "MIT, and that of the model underneath", "ask"),
        ("phi-4", "MIT", "yes"),
        ("ibm-granite/granite-8b-code-instruct", "Apache-2.0", "yes"),
        ("bigcode/starcoder2-15b", "BigCode OpenRAIL-M", "ask"),
        ("gpt-oss-20b", "Apache-2.0", "yes"),
        ("gpt-4o-mini", "OpenAI's terms", "conditions"),
        ("claude-sonnet-4-5", "Anthropic's commercial terms", "conditions"),
        ("gemini-2.5-flash", "Gemini API Additional Terms of Service", "conditions"),
    ],
)
def test_a_known_model_is_found_by_its_name(model: str, licence: str, training: Training) -> None:
    found = licence_of(model)
    assert found is not None
    assert (found.licence, found.training) == (licence, training)
    assert found.source.startswith("https://")
    assert said_of_licence(model).startswith(f"`{model}`: {licence}; outputs may")


def test_an_unknown_model_is_said_aloud() -> None:
    assert licence_of("scripted-model") is None
    assert "licence not known here" in said_of_licence("scripted-model")


def test_the_models_that_this_program_can_fetch_are_known() -> None:
    found = {known.name: licence_of(known.name) for known in KNOWN}
    assert {name: entry and entry.licence for name, entry in found.items()} == {
        known.name: known.licence for known in KNOWN
    }
