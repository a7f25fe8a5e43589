"""What a server asks for is read in every form that the protocol has."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from mendloop.tools.chat.retry_after import asked_to_wait

NOW = datetime(2026, 1, 5, 12, 0, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"retry-after": "7"}, 7.0),
        ({"retry-after": "0.25"}, 0.25),
        ({"retry-after-ms": "1500"}, 1.5),
        ({"retry-after-ms": "250", "retry-after": "1"}, 0.25),
        ({"retry-after-ms": "soon", "retry-after": "3"}, 3.0),
        ({"retry-after": "Mon, 05 Jan 2026 12:00:30 GMT"}, 30.0),
        ({"retry-after": "Mon, 05 Jan 2026 13:00:30 GMT", "date": "Mon, 05 Jan 2026 13:00:10 GMT"}, 20.0),
        ({"retry-after": "Mon, 05 Jan 2026 11:00:00 GMT"}, 0.0),
        ({"retry-after": "Mon, 05 Jan 2026 12:00:30"}, 30.0),
        ({"retry-after": "-5"}, 0.0),
        ({"retry-after": "nan"}, 0.0),
        ({"retry-after": "inf"}, 0.0),
        ({"retry-after": "soon"}, 0.0),
        ({}, 0.0),
    ],
)
def test_the_wish_of_a_server(headers: dict[str, str], seconds: float) -> None:
    assert asked_to_wait(headers, NOW) == seconds
