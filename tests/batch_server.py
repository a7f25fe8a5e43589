"""The server that tests ask, with the batch API beside it: uploaded files, and batches that end when looked at.

with BatchServer(answer, looks=2) as server:
    ...
server.batched  # the questions that were answered in batches
"""

from __future__ import annotations

import email.policy
import json
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from email.parser import BytesParser
from typing import Any

from tests.openai_server import CREATED, Answer, Asked, Json, OpenAIServer, Reply, _plain, _rendered, refused

BATCHES, FILES = "/v1/batches", "/v1/files"
Ending = Callable[[int], str]
"""Says for the batch of a number (from 0) with which status it ends: completed, failed, expired, cancelled."""


def completed(number: int) -> str:
    """End every batch well."""
    return "completed"


@dataclass
class Job:
    """One batch on the server."""

    number: int
    input_file: str
    metadata: Mapping[str, str]
    status: str = "in_progress"
    looks: int = 0
    output_file: str | None = None
    error_file: str | None = None
    asked: list[str] = field(default_factory=list)

    @property
    def id(self) -> str:
        """What the provider calls it."""
        return f"batch_{self.number}"

    def shown(self) -> Json:
        """Return it as the API shows it."""
        failed = {
            "object": "list",
            "data": [{"code": "token_limit_exceeded", "message": "Enqueued token limit reached"}],
        }
        return {
            "id": self.id,
            "object": "batch",
            "endpoint": "/v1/chat/completions",
            "errors": failed if self.status == "failed" else None,
            "input_file_id": self.input_file,
            "completion_window": "24h",
            "status": self.status,
            "output_file_id": self.output_file,
            "error_file_id": self.error_file,
            "created_at": CREATED,
            "request_counts": {"total": len(self.asked), "completed": 0, "failed": 0},
            "metadata": self.metadata,
        }


class BatchServer(OpenAIServer):
    """Serves files and batches too. A batch ends at the look after `looks` others, as `ending` says for its number.

    An expired or cancelled batch has answered the first half of its questions. `fault` may take the place of what is
    answered to a visit such as `POST /v1/batches`, before it is looked at; with `lost` the visit is done first.
    """

    def __init__(
        self,
        answer: Answer,
        *,
        looks: int = 0,
        ending: Ending = completed,
        fault: Callable[[str], Reply | None] = lambda visit: None,
        lost: Callable[[str], Reply | None] = lambda visit: None,
        **given: Any,
    ) -> None:
        super().__init__(answer, **given)
        self.looks, self._ending, self._fault, self._lost = looks, ending, fault, lost
        self.jobs: list[Job] = []
        self.batched: list[Asked] = []
        self.made = threading.Event()
        self._files: dict[str, bytes] = {}

    def reply_to(self, visit: str, headers: dict[str, str], payload: bytes) -> Reply:
        """Return the answer to one request, its body rendered."""
        if not visit.partition(" ")[2].startswith((BATCHES, FILES)):
            return super().reply_to(visit, headers, payload)
        with self._lock:
            self._visits.append(visit)
            reply = self._unauthorized(headers) or self._fault(visit) or self._done(visit, headers, payload)
            return _plain(self._lost(visit) or reply)

    def _done(self, visit: str, headers: Mapping[str, str], payload: bytes) -> Reply:
        match visit.split("/")[2:]:
            case ["files"]:
                return self._uploaded(headers, payload)
            case ["files", name, "content"] if name in self._files:
                return Reply(body=self._files[name], content_type="application/octet-stream")
            case ["batches"] if visit.startswith("POST"):
                return self._made(json.loads(payload))
            case ["batches"]:
                return _document(
                    {"object": "list", "data": [job.shown() for job in self.jobs[::-1]], "has_more": False}
                )
            case ["batches", name]:
                return self._seen(name)
            case ["batches", name, "cancel"]:
                self._end(self._job(name), "cancelled")
                return _document(self._job(name).shown())
            case _:
                return refused(404, f"Invalid URL ({visit})")

    def _uploaded(self, headers: Mapping[str, str], payload: bytes) -> Reply:
        form = BytesParser(policy=email.policy.HTTP).parsebytes(
            f"Content-Type: {headers['content-type']}\r\n\r\n".encode() + payload
        )
        parts = {part.get_param("name", header="content-disposition"): part for part in form.iter_parts()}
        if parts["purpose"].get_content().strip() != "batch":
            return refused(400, "purpose must be batch")
        name = f"file-{len(self._files)}"
        self._files[name] = parts["file"].get_content()
        shown = {"id": name, "object": "file", "bytes": len(self._files[name]), "created_at": CREATED}
        return _document({**shown, "filename": "questions.jsonl", "purpose": "batch", "status": "processed"})

    def _made(self, body: Json) -> Reply:
        if body["endpoint"] != "/v1/chat/completions" or body["completion_window"] != "24h":
            return refused(400, "no such endpoint or window")
        job = Job(len(self.jobs), body["input_file_id"], body["metadata"])
        job.asked = self._files[job.input_file].decode().splitlines()
        self.jobs.append(job)
        self.made.set()
        return _document(job.shown())

    def _seen(self, name: str) -> Reply:
        job = self._job(name)
        job.looks += 1
        if job.status == "in_progress" and job.looks > self.looks:
            self._end(job, self._ending(job.number))
        return _document(job.shown())

    def _job(self, name: str) -> Job:
        return next(job for job in self.jobs if job.id == name)

    def _end(self, job: Job, status: str) -> None:
        job.status = status
        lines = [json.loads(line) for line in job.asked]
        some = {"completed": len(lines), "failed": 0}.get(status, len(lines) // 2)
        rows = [self._answered(line) for line in lines[:some]]
        if status != "failed":
            late = {"code": "batch_expired", "message": "This request could not be executed in time."}
            rows += [{"custom_id": line["custom_id"], "response": None, "error": late} for line in lines[some:]]
        good = [row for row in rows if row["response"] and row["response"]["status_code"] == 200]
        job.output_file = self._written(good)
        job.error_file = self._written([row for row in rows if row not in good])

    def _answered(self, line: Json) -> Json:
        asked = Asked(len(self.batched), line["body"], {})
        self.batched.append(asked)
        reply = self._answer(asked)
        whole = json.loads(_rendered(asked, replace(reply, usage=True)).body or b"{}")
        response = {"status_code": reply.status, "request_id": f"req_{asked.number}", "body": whole}
        return {"id": f"line_{asked.number}", "custom_id": line["custom_id"], "response": response, "error": None}

    def _written(self, rows: list[Json]) -> str | None:
        if not rows:
            return None
        name = f"file-{len(self._files)}"
        self._files[name] = "".join(f"{json.dumps(row)}\n" for row in reversed(rows)).encode()
        return name


def _document(value: Json) -> Reply:
    return Reply(body=json.dumps(value).encode())
