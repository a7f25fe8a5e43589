"""Where a model answers, and how that is told without telling a secret."""

from __future__ import annotations

import traceback
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from pydantic import SecretStr

from mendloop.settings import MIN_SECRET
from mendloop.tools.chat.texts import storable

OPENAI_HOST = "api.openai.com"
OPENAI_URL = f"https://{OPENAI_HOST}/v1"
NO_KEY = "none"
"""What a server without keys is given, because the client insists on one."""
MASK = "***"
MAX_QUOTED = 300


@dataclass(frozen=True)
class Endpoint:
    """Where a model answers. `base_url` None is OpenAI's own; the names are those that an error tells people to set."""

    base_url: str | None = field(repr=False)
    key: SecretStr | None
    key_name: str = "OPENAI_API_KEY"
    url_name: str = "OPENAI_BASE_URL"

    @property
    def url(self) -> str:
        """The address as the client needs it."""
        return self.base_url or OPENAI_URL

    @property
    def secret(self) -> SecretStr:
        """The key as the client needs it."""
        return self.key or SecretStr(NO_KEY)

    @property
    def foreign(self) -> bool:
        """True for every server but OpenAI's own."""
        return self.base_url is not None and urlsplit(self.base_url).hostname != OPENAI_HOST

    @property
    def shown(self) -> str:
        """The address for people: no user, password or query."""
        if self.base_url is None:
            return OPENAI_URL
        parts = urlsplit(self.base_url)
        host = parts.hostname or ""
        return f"{parts.scheme}://{host}{f':{parts.port}' if parts.port else ''}{parts.path}"

    def masked(self, text: str) -> str:
        """Return a text without the key and the address's password, which careless servers and clients quote."""
        password = urlsplit(self.base_url).password if self.base_url else None
        for secret in (self.key.get_secret_value() if self.key else "", password or ""):
            text = text.replace(secret, MASK) if len(secret) >= MIN_SECRET else text
        return text

    def quoted(self, text: str) -> str:
        """Return what a server or a client says, fit for an error of ours and for the journal."""
        return storable(self.masked(text)[:MAX_QUOTED])[0]

    def cause(self, error: BaseException) -> BaseException | None:
        """Return an error as the cause that an error of ours names; none where its traceback would tell a secret."""
        told = "".join(traceback.format_exception(error))
        return error if self.masked(told) == told else None
