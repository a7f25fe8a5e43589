"""Weights arrive whole and checked, or not at all, whatever the network does."""

from __future__ import annotations

from pathlib import Path

import pytest

from mendloop.errors import InputError, StorageError
from mendloop.tools.local.catalogue import KnownModel
from mendloop.tools.local.hub import pull
from mendloop.tools.local.weights import find_weights, weights_folder, weights_path
from tests.tools.local.hub_server import CONTENT, FakeHub, model_of

MODEL = model_of(CONTENT)
AT_ONCE = (0.0, 0.0)


def silent(done: int, total: int) -> None:
    pass


def fetch(hub: FakeHub, cache: Path, model: KnownModel = MODEL) -> Path:
    return pull(model, cache, hub.address, silent, delays=AT_ONCE)


def files(cache: Path) -> set[str]:
    return {path.name for path in weights_folder(cache).iterdir()}


def interrupt(done: int, total: int) -> None:
    if done > total // 3:
        raise KeyboardInterrupt


def interrupted(hub: FakeHub, cache: Path) -> Path:
    """Return the part that an interrupted call leaves."""
    with pytest.raises(KeyboardInterrupt):
        pull(MODEL, cache, hub.address, interrupt)
    hub.asked.clear()
    return weights_folder(cache) / f"{MODEL.file}.part"


def test_weights_arrive_checked_and_leave_nothing_else(hub: FakeHub, tmp_path: Path) -> None:
    told: list[tuple[int, int]] = []
    path = pull(MODEL, tmp_path, hub.address, lambda done, total: told.append((done, total)))
    assert path.read_bytes() == CONTENT
    assert files(tmp_path) == {MODEL.file, f"{MODEL.file}.sha256"}
    assert told[-1] == (len(CONTENT), len(CONTENT))
    assert find_weights(MODEL.name, tmp_path, [MODEL]).sha256 == MODEL.sha256


def test_weights_that_are_here_are_not_asked_for(hub: FakeHub, tmp_path: Path) -> None:
    fetch(hub, tmp_path)
    hub.asked.clear()
    assert fetch(hub, tmp_path) == weights_path(MODEL, tmp_path)
    assert hub.asked == []


def test_a_token_stays_with_the_hub(hub: FakeHub, tmp_path: Path) -> None:
    pull(MODEL, tmp_path, hub.address, silent, token="hf_canary")
    seen = {each.path.startswith("/storage/"): each.headers.get("authorization") for each in hub.asked}
    assert seen == {False: "Bearer hf_canary", True: None}


def test_a_renamed_repository_is_followed(hub: FakeHub, tmp_path: Path) -> None:
    hub.renamed = True
    assert fetch(hub, tmp_path).read_bytes() == CONTENT


def test_a_connection_that_is_cut_is_taken_up_where_it_ended(hub: FakeHub, tmp_path: Path) -> None:
    hub.faults = ["cut", "cut", "cut", "cut"]  # more than there are tries: each brought something
    assert fetch(hub, tmp_path).read_bytes() == CONTENT
    first, second, *_ = hub.gets()
    assert "range" not in first.headers
    assert (second.headers["range"], second.headers["if-range"]) == (f"bytes={len(CONTENT) // 2}-", hub.tag)


def test_an_interrupted_call_is_taken_up_by_the_next_one(hub: FakeHub, tmp_path: Path) -> None:
    have = interrupted(hub, tmp_path).stat().st_size
    assert fetch(hub, tmp_path).read_bytes() == CONTENT
    assert [each.headers["range"] for each in hub.gets()] == [f"bytes={have}-"]
    assert files(tmp_path) == {MODEL.file, f"{MODEL.file}.sha256"}


def test_a_part_of_another_file_is_begun_again(hub: FakeHub, tmp_path: Path) -> None:
    interrupted(hub, tmp_path).write_bytes(b"something else")
    hub.tag = '"tag-2"'
    assert fetch(hub, tmp_path).read_bytes() == CONTENT


def test_a_server_without_ranges_sends_it_all_again(hub: FakeHub, tmp_path: Path) -> None:
    interrupted(hub, tmp_path)
    hub.ranges = False
    assert fetch(hub, tmp_path).read_bytes() == CONTENT


def test_a_part_that_is_whole_is_only_checked(hub: FakeHub, tmp_path: Path) -> None:
    interrupted(hub, tmp_path).write_bytes(CONTENT)
    assert fetch(hub, tmp_path).read_bytes() == CONTENT
    assert hub.gets() == []


def test_a_part_that_is_too_long_is_begun_again(hub: FakeHub, tmp_path: Path) -> None:
    interrupted(hub, tmp_path).write_bytes(CONTENT + b"more")
    assert fetch(hub, tmp_path).read_bytes() == CONTENT


@pytest.mark.parametrize("fault", ["503", "nothing"])
def test_one_fault_of_the_server_is_survived(hub: FakeHub, tmp_path: Path, fault: str) -> None:
    hub.faults = [fault]
    assert fetch(hub, tmp_path).read_bytes() == CONTENT


@pytest.mark.parametrize(("fault", "told"), [("503", "the server answered 503"), ("nothing", "disconnected")])
def test_three_faults_in_a_row_are_not(hub: FakeHub, tmp_path: Path, fault: str, told: str) -> None:
    hub.faults = [fault] * 3
    with pytest.raises(InputError, match=told):
        fetch(hub, tmp_path)
    assert hub.faults == []


@pytest.mark.parametrize(
    ("status", "told"),
    [(404, "has no such file"), (401, "refused to give the file"), (403, "refused to give the file"), (400, "400")],
)
def test_a_refusal_ends_it_at_once(hub: FakeHub, tmp_path: Path, status: int, told: str) -> None:
    hub.status = status
    with pytest.raises(InputError, match=told):
        fetch(hub, tmp_path)
    assert len(hub.asked) == 1


def test_a_server_that_cannot_be_asked_first_is_asked_for_the_bytes(hub: FakeHub, tmp_path: Path) -> None:
    hub.status = 405
    with pytest.raises(InputError, match="405"):
        fetch(hub, tmp_path)
    assert [each.method for each in hub.asked] == ["HEAD", "GET"]


def test_a_page_that_asks_for_a_login_is_no_file(hub: FakeHub, tmp_path: Path) -> None:
    hub.web_page = True
    with pytest.raises(InputError, match="does this network ask for a login"):
        fetch(hub, tmp_path)


def test_a_file_of_another_size_is_not_begun(hub: FakeHub, tmp_path: Path) -> None:
    hub.announced_size = 7
    with pytest.raises(InputError, match=f"has 7 bytes, expected {MODEL.bytes}"):
        fetch(hub, tmp_path)
    assert hub.gets() == []


def test_a_file_of_another_hash_is_not_begun(hub: FakeHub, tmp_path: Path) -> None:
    hub.announced_sha256 = "0" * 64
    with pytest.raises(InputError, match=f"has sha256 {'0' * 64}, expected {MODEL.sha256}"):
        fetch(hub, tmp_path)
    assert hub.gets() == []


@pytest.mark.parametrize("content", [b"?" * len(CONTENT), CONTENT + b"?"], ids=["other bytes", "too many"])
def test_wrong_bytes_are_removed(hub: FakeHub, tmp_path: Path, content: bytes) -> None:
    hub.content, hub.announced_size, hub.announced_sha256 = content, MODEL.bytes, MODEL.sha256
    with pytest.raises(InputError, match=r"what came is not the file .* and was removed"):
        fetch(hub, tmp_path)
    assert files(tmp_path) == {f"{MODEL.file}.lock"}


def test_without_a_network_the_error_says_how_to_do_without(hub: FakeHub, tmp_path: Path) -> None:
    with pytest.raises(InputError) as caught:
        pull(MODEL, tmp_path, "http://127.0.0.1:9", silent, delays=AT_ONCE)
    assert caught.value.where == f"http://127.0.0.1:9/{MODEL.repository}/resolve/main/{MODEL.file}"
    assert caught.value.remedy == (
        f"try again, or put the file at {weights_path(MODEL, tmp_path)} yourself: "
        f"{MODEL.bytes} bytes, sha256 {MODEL.sha256}"
    )


def test_an_address_that_is_none_is_an_error_of_the_input(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="was not fetched"):
        pull(MODEL, tmp_path, "http://[", silent, delays=AT_ONCE)


def test_two_at_once_are_one_too_many(hub: FakeHub, tmp_path: Path) -> None:
    refused: list[str] = []

    def fetch_too(done: int, total: int) -> None:
        if not refused:
            with pytest.raises(StorageError) as caught:
                fetch(hub, tmp_path)
            refused.append(caught.value.what)

    assert pull(MODEL, tmp_path, hub.address, fetch_too).read_bytes() == CONTENT
    assert refused == ["another process is fetching these weights"]


def test_a_disk_without_room_is_noticed_before_anything_is_fetched(hub: FakeHub, tmp_path: Path) -> None:
    giant = MODEL.model_copy(update={"bytes": 10**18})
    hub.announced_size = giant.bytes
    with pytest.raises(StorageError, match="are needed"):
        fetch(hub, tmp_path, giant)
    assert hub.gets() == []


def test_a_folder_that_cannot_be_made_is_told(hub: FakeHub, tmp_path: Path) -> None:
    weights_folder(tmp_path).write_text("a file")
    with pytest.raises(StorageError, match="cannot be written"):
        fetch(hub, tmp_path)


def test_a_wrong_file_in_the_place_is_refused_and_left_alone(hub: FakeHub, tmp_path: Path) -> None:
    weights_folder(tmp_path).mkdir()
    weights_path(MODEL, tmp_path).write_bytes(b"mine")
    with pytest.raises(InputError, match="4 bytes instead of"):
        fetch(hub, tmp_path)
    assert weights_path(MODEL, tmp_path).read_bytes() == b"mine"
