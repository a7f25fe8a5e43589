"""Tokens and keys of well-known services, by the form that the service itself gives them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from typing import Final

from mendloop.screening.findings import Finding
from mendloop.screening.placeholders import is_placeholder

_FORMS: Final[tuple[tuple[str, str], ...]] = (
    ("AKIA", r"AKIA[A-Z0-9]{16}"),  # Amazon Web Services
    ("ASIA", r"ASIA[A-Z0-9]{16}"),
    ("AIza", r"AIza[\w-]{35}"),  # Google
    ("GOCSPX-", r"GOCSPX-[\w-]{28}"),
    ("ya29.", r"ya29\.[\w-]{30,}"),
    ("AccountKey=", r"(?<=AccountKey=)[A-Za-z0-9+/]{86}=="),  # Azure
    ("ghp_", r"ghp_[A-Za-z0-9]{36,}"),  # GitHub
    ("gho_", r"gho_[A-Za-z0-9]{36,}"),
    ("ghu_", r"ghu_[A-Za-z0-9]{36,}"),
    ("ghs_", r"ghs_[A-Za-z0-9]{36,}"),
    ("ghr_", r"ghr_[A-Za-z0-9]{36,}"),
    ("github_pat_", r"github_pat_\w{40,}"),
    ("glpat-", r"glpat-[\w-]{20,}"),  # GitLab
    ("xox", r"xox[abeoprs]-[\w-]{15,}"),  # Slack
    ("xapp-", r"xapp-\d-[\w-]{20,}"),
    ("hooks.slack.com", r"(?<=hooks\.slack\.com/services/)T\w{6,}/B\w{6,}/\w{16,}"),
    ("_live_", r"[rs]k_live_[A-Za-z0-9]{16,}"),  # Stripe
    ("_test_", r"[rs]k_test_[A-Za-z0-9]{16,}"),
    ("hf_", r"hf_[A-Za-z0-9]{30,}"),  # Hugging Face
    ("gsk_", r"gsk_[A-Za-z0-9]{40,}"),  # Groq
    ("xai-", r"xai-[A-Za-z0-9]{40,}"),  # xAI
    ("r8_", r"r8_[A-Za-z0-9]{37,}"),  # Replicate
    ("e2b_", r"e2b_[0-9a-f]{40}"),  # E2B
    ("lsv2_", r"lsv2_(?:pt|sk)_[0-9a-f]{32}_[0-9a-f]{10}"),  # LangSmith
    ("pypi-", r"pypi-[\w-]{60,}"),  # PyPI
    ("npm_", r"npm_[A-Za-z0-9]{36}"),  # npm
    ("dckr_pat_", r"dckr_pat_[\w-]{27}"),  # Docker
    ("SG.", r"SG\.[\w-]{22}\.[\w-]{43}"),  # SendGrid
    ("key-", r"key-[0-9a-f]{32}"),  # Mailgun
    ("-us", r"[0-9a-f]{32}-us\d{1,2}"),  # Mailchimp
    ("SK", r"SK[0-9a-f]{32}"),  # Twilio
    (":AA", r"\d{8,10}:AA[\w-]{33}"),  # Telegram
    ("_v1_", r"do[opr]_v1_[0-9a-f]{64}"),  # DigitalOcean
    ("dapi", r"dapi[0-9a-f]{32}"),  # Databricks
    ("shp", r"shp(?:at|ca|pa|ss)_[0-9a-fA-F]{32}"),  # Shopify
    ("sq0", r"sq0(?:atp|csp)-[\w-]{22,}"),  # Square
    ("ATATT3", r"ATATT3[\w=-]{50,}"),  # Atlassian
    ("NRAK-", r"NRAK-[A-Z0-9]{27}"),  # New Relic
    ("glsa_", r"glsa_[A-Za-z0-9]{32}_[0-9a-f]{8}"),  # Grafana
    ("lin_api_", r"lin_api_[A-Za-z0-9]{40}"),  # Linear
    ("hvs.", r"hvs\.[\w-]{24,}"),  # Vault
    ("tskey-", r"tskey-[a-z]+-\w{8,}-\w{16,}"),  # Tailscale
    ("PMAK-", r"PMAK-[0-9a-f]{24}-[0-9a-f]{34}"),  # Postman
    ("AGE-SECRET-KEY-1", r"AGE-SECRET-KEY-1[A-Z0-9]{58}"),  # age
    ("eyJ", r"eyJ[\w-]{10,}\.eyJ[\w-]{10,}\.[\w-]{16,}"),  # JSON Web Token (RFC 7519)
    ("sk-", r"sk-(?=[\w-]*\d[\w-]*\d[\w-]*\d)[A-Za-z0-9][\w-]{18,}"),  # OpenAI, Anthropic, DeepSeek, OpenRouter
)
"""A piece that every token of a form holds (looked for first, which is fast), and the form."""

_PRIVATE = re.compile(
    r"-----BEGIN [A-Z0-9 ]*PRIVATE KEY(?: BLOCK)?-----"
    r"(?=(?:(?!-----).){0,400}?[A-Za-z0-9+/=]{20})(?:(?!-----).){20,20000}"
    r"(?:-----END [A-Z0-9 ]*PRIVATE KEY(?: BLOCK)?-----)?",
    re.DOTALL,
)
"""A key in the textual form of RFC 7468: a begin line alone, as code that reads keys has it, is none."""


@cache
def _compiled(form: str) -> re.Pattern[str]:
    return re.compile(rf"(?<![A-Za-z0-9_]){form}(?![A-Za-z0-9_])" if not form.startswith("(?<=") else form)


def find_tokens(text: str) -> Iterator[Finding]:
    """Yield private keys and the tokens of well-known services."""
    if "PRIVATE KEY" in text:
        yield from (Finding(*found.span(), "private key") for found in _PRIVATE.finditer(text))
    for piece, form in _FORMS:
        if piece in text:
            for found in _compiled(form).finditer(text):
                if not is_placeholder(found[0]):
                    yield Finding(*found.span(), "token")
