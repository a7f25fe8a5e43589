"""Settings of the machine and the person: the only module that reads the environment, and only when asked to."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, TypeAlias
from urllib.parse import urlsplit

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, SecretStr, ValidationError
from pydantic_settings import (
    BaseSettings,
    EnvSettingsSource,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
)

from mendloop.errors import InputError

__all__ = ["NamedEndpoint", "Settings", "endpoint_variables", "load_settings"]

MIN_SECRET = 8
"""Shorter keys are not redacted: local servers take `x` or `none`, and erasing those words would spoil the data."""

_ENDPOINT = re.compile(r"MENDLOOP_ENDPOINT_([A-Z][A-Z0-9_]*)_(URL|KEY)")


def _switch(value: object) -> object:
    """Read a switch as NO_COLOR defines it (any text is on), except that 0, false, no and off are off."""
    return value.strip().lower() not in ("", "0", "false", "no", "off") if isinstance(value, str) else value


Switch: TypeAlias = Annotated[bool, BeforeValidator(_switch)]


class NamedEndpoint(BaseModel):
    """An endpoint besides the one of `OPENAI_BASE_URL`: its address (None is OpenAI's own) and its key."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    url: str | None = Field(default=None, pattern=r"^https?://\S+$", repr=False)
    key: SecretStr | None = None


class Settings(BaseSettings):
    """What a scenario must not hold. Every field is a variable of the environment, named by its alias.

    `endpoints` are those that `MENDLOOP_ENDPOINT_<NAME>_URL` and `..._KEY` name, by their names in lower case.
    """

    model_config = SettingsConfigDict(
        frozen=True, extra="forbid", case_sensitive=True, env_ignore_empty=True, populate_by_name=True
    )

    cache_dir: Path = Field(validation_alias="MENDLOOP_CACHE_DIR")
    sandbox_workers: int | None = Field(default=None, ge=1, validation_alias="MENDLOOP_SANDBOX_WORKERS")
    debug: Switch = Field(default=False, validation_alias="MENDLOOP_DEBUG")
    no_color: Switch = Field(default=False, validation_alias="NO_COLOR")
    openai_api_key: SecretStr | None = Field(default=None, validation_alias="OPENAI_API_KEY")
    openai_base_url: str | None = Field(
        default=None, pattern=r"^https?://\S+$", repr=False, validation_alias="OPENAI_BASE_URL"
    )
    endpoints: Mapping[str, NamedEndpoint] = {}
    e2b_api_key: SecretStr | None = Field(default=None, validation_alias="E2B_API_KEY")
    e2b_domain: str = Field(default="e2b.app", pattern=r"^[\w.-]+$", validation_alias="E2B_DOMAIN")
    e2b_api_url: str | None = Field(default=None, pattern=r"^https?://\S+$", repr=False, validation_alias="E2B_API_URL")
    e2b_sandbox_url: str | None = Field(
        default=None, pattern=r"^https?://\S+$", repr=False, validation_alias="E2B_SANDBOX_URL"
    )
    model: str | None = Field(default=None, validation_alias="MENDLOOP_MODEL")
    hf_endpoint: str = Field(
        default="https://huggingface.co", pattern=r"^https?://\S+$", repr=False, validation_alias="HF_ENDPOINT"
    )
    bench_data: Path | None = Field(default=None, validation_alias="MENDLOOP_BENCH_DATA")
    prices: Path | None = Field(default=None, validation_alias="MENDLOOP_PRICES")

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Take what is handed in and nothing else: making a `Settings` never looks at the environment."""
        return (init_settings,)

    def secrets(self) -> tuple[str, ...]:
        """Return the strings that must stand in no output: the keys, and passwords inside addresses."""
        named = self.endpoints.values()
        held = (self.openai_api_key, self.e2b_api_key, *(endpoint.key for endpoint in named))
        keys = [key.get_secret_value().strip() for key in held if key]
        own = (self.openai_base_url, self.e2b_api_url, self.e2b_sandbox_url)
        addresses = (*own, *(endpoint.url for endpoint in named))
        passwords = [urlsplit(address).password or "" for address in addresses if address]
        return tuple(dict.fromkeys(text for text in (*keys, *passwords) if len(text) >= MIN_SECRET))


def load_settings(environ: Mapping[str, str]) -> Settings:
    """Return the settings in an environment. Raises InputError naming the variable, never a secret's value.

    `MENDLOOP_NO_COLOR` and `MENDLOOP_OPENAI_*` outrank the variables that other programs read too.
    """
    values = {**environ}
    for shared in ("NO_COLOR", "OPENAI_API_KEY", "OPENAI_BASE_URL"):
        if own := environ.get(f"MENDLOOP_{shared}"):
            values[shared] = own
    endpoints = _endpoints(environ)
    source = EnvSettingsSource(Settings)
    source.env_vars = {name: value for name, value in values.items() if value.strip()}
    found: dict[str, Any] = {**source(), "endpoints": endpoints}
    home = _home(environ)
    found["MENDLOOP_CACHE_DIR"] = _cache_dir(values, home)
    if text := found.get("MENDLOOP_BENCH_DATA"):
        found["MENDLOOP_BENCH_DATA"] = _expand(text, home)
    found["MENDLOOP_PRICES"] = _prices(values, home)
    try:
        return Settings(**found)
    except ValidationError as error:
        raise _wrong(error, str(error.errors()[0]["loc"][0])) from None


def endpoint_variables(name: str) -> tuple[str, str]:
    """Return the variables that hold the address and the key of the endpoint of this name."""
    return f"MENDLOOP_ENDPOINT_{name.upper()}_URL", f"MENDLOOP_ENDPOINT_{name.upper()}_KEY"


def _endpoints(environ: Mapping[str, str]) -> dict[str, NamedEndpoint]:
    """Return the endpoints that variables name; one of the two is enough. Raises InputError naming the variable."""
    given: dict[str, dict[str, str]] = {}
    for variable, value in sorted(environ.items()):
        if value.strip() and (match := _ENDPOINT.fullmatch(variable)):
            given.setdefault(match[1].lower(), {})[match[2].lower()] = value
    endpoints = {}
    for name, facts in given.items():
        try:
            endpoints[name] = NamedEndpoint.model_validate(facts)
        except ValidationError as error:
            raise _wrong(error, endpoint_variables(name)[0]) from None
    return endpoints


def _wrong(error: ValidationError, variable: str) -> InputError:
    """Return the error about a variable's value, which is not quoted."""
    what = error.errors(include_input=False, include_url=False)[0]["msg"]
    said = what.removeprefix("Input ").replace("should", "it should", 1)
    return InputError(said, where=variable, remedy=f"unset {variable}, or set it right")


def _home(environ: Mapping[str, str]) -> Path:
    return Path(environ["HOME"]) if environ.get("HOME") else Path.home()


def _cache_dir(environ: Mapping[str, str], home: Path) -> Path:
    """Return the cache folder; as the XDG rules say, a relative XDG_CACHE_HOME is ignored."""
    if own := environ.get("MENDLOOP_CACHE_DIR", "").strip():
        return _expand(own, home)
    shared = environ.get("XDG_CACHE_HOME", "").strip()
    return (Path(shared) if shared.startswith("/") else home / ".cache") / "mendloop"


def _prices(environ: Mapping[str, str], home: Path) -> Path | None:
    """Return the person's table of prices: the file that is named, else the one in the configuration folder, if any."""
    if own := environ.get("MENDLOOP_PRICES", "").strip():
        return _expand(own, home)
    shared = environ.get("XDG_CONFIG_HOME", "").strip()
    path = (Path(shared) if shared.startswith("/") else home / ".config") / "mendloop" / "prices.yaml"
    return path if path.is_file() else None


def _expand(text: str, home: Path) -> Path:
    return home / text[2:] if text.startswith("~/") else Path(text)
