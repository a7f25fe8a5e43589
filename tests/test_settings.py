from __future__ import annotations

from pathlib import Path

import pytest

from mendloop.errors import InputError
from mendloop.settings import Settings, load_settings


def test_an_empty_environment_gives_the_defaults() -> None:
    assert load_settings({"HOME": "/home/ada"}) == Settings(cache_dir=Path("/home/ada/.cache/mendloop"))


def test_the_process_environment_is_never_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MENDLOOP_SANDBOX_WORKERS", "7")
    monkeypatch.setenv("OPENAI_API_KEY", "sk-canary-0123456789")
    settings = load_settings({"HOME": "/home/ada"})
    assert (settings.sandbox_workers, settings.openai_api_key) == (None, None)
    assert Settings(cache_dir=Path("/c")).sandbox_workers is None


@pytest.mark.parametrize(
    ("environ", "expected"),
    [
        ({"MENDLOOP_CACHE_DIR": "/var/c", "XDG_CACHE_HOME": "/x"}, "/var/c"),
        ({"MENDLOOP_CACHE_DIR": "~/c"}, "/home/ada/c"),
        ({"XDG_CACHE_HOME": "/x"}, "/x/mendloop"),
        ({"XDG_CACHE_HOME": "relative"}, "/home/ada/.cache/mendloop"),
        ({"MENDLOOP_CACHE_DIR": "  "}, "/home/ada/.cache/mendloop"),
    ],
)
def test_the_cache_folder_follows_the_xdg_rules(environ: dict[str, str], expected: str) -> None:
    assert load_settings({"HOME": "/home/ada", **environ}).cache_dir == Path(expected)


@pytest.mark.parametrize(
    ("environ", "expected"),
    [({"NO_COLOR": "please"}, True), ({"NO_COLOR": ""}, False), ({"NO_COLOR": "1", "MENDLOOP_NO_COLOR": "0"}, False)],
)
def test_colour_is_switched_off_by_either_variable(environ: dict[str, str], expected: bool) -> None:
    assert load_settings(environ).no_color is expected


def test_our_own_variable_outranks_the_shared_one() -> None:
    settings = load_settings({"OPENAI_API_KEY": "shared-key-1", "MENDLOOP_OPENAI_API_KEY": "our-own-key-2"})
    assert settings.secrets() == ("our-own-key-2",)


@pytest.mark.parametrize(
    ("name", "value"),
    [("MENDLOOP_SANDBOX_WORKERS", "many"), ("MENDLOOP_SANDBOX_WORKERS", "0"), ("OPENAI_BASE_URL", "x")],
)
def test_a_wrong_value_names_the_variable(name: str, value: str) -> None:
    with pytest.raises(InputError) as caught:
        load_settings({name: value})
    assert str(caught.value).startswith(f"{name}: ")


def test_secrets_are_shown_nowhere_and_listed_for_redaction() -> None:
    settings = load_settings({"OPENAI_API_KEY": "sk-canary-1", "OPENAI_BASE_URL": "http://ada:passphrase@host/v1"})
    assert settings.secrets() == ("sk-canary-1", "passphrase")
    assert "canary" not in repr(settings) + str(settings)
    assert "passphrase" not in repr(settings) + str(settings)


def test_a_placeholder_key_is_no_secret() -> None:
    assert load_settings({"OPENAI_API_KEY": "none"}).secrets() == ()
