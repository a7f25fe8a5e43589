from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import SecretStr

from mendloop.errors import InputError
from mendloop.settings import Settings, endpoint_variables, load_settings


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


WEST = {
    "MENDLOOP_ENDPOINT_WEST_URL": "https://ada:pass-phrase@west.test/v1",
    "MENDLOOP_ENDPOINT_WEST_KEY": "sk-west-01",
}


def test_further_endpoints_are_named_by_their_variables() -> None:
    settings = load_settings({**WEST, "MENDLOOP_ENDPOINT_FAR_EAST_KEY": "sk-east-02", "MENDLOOP_ENDPOINT_OFF_URL": " "})
    assert set(settings.endpoints) == {"west", "far_east"}
    west, east = settings.endpoints["west"], settings.endpoints["far_east"]
    assert (west.url, west.key) == (WEST["MENDLOOP_ENDPOINT_WEST_URL"], SecretStr("sk-west-01"))
    assert (east.url, east.key) == (None, SecretStr("sk-east-02"))
    assert endpoint_variables("far_east") == ("MENDLOOP_ENDPOINT_FAR_EAST_URL", "MENDLOOP_ENDPOINT_FAR_EAST_KEY")


def test_the_secrets_of_named_endpoints_are_shown_nowhere_and_listed_for_redaction() -> None:
    settings = load_settings({**WEST, "OPENAI_API_KEY": "sk-canary-1"})
    assert settings.secrets() == ("sk-canary-1", "sk-west-01", "pass-phrase")
    assert not [secret for secret in settings.secrets() if secret in repr(settings) + str(settings)]


def test_a_wrong_address_of_a_named_endpoint_names_its_variable_and_is_not_quoted() -> None:
    with pytest.raises(InputError) as caught:
        load_settings({"MENDLOOP_ENDPOINT_WEST_URL": "west.test/secret-path"})
    assert str(caught.value).startswith("MENDLOOP_ENDPOINT_WEST_URL: ")
    assert "secret-path" not in str(caught.value)
