"""The public REST API, as far as the tests use it."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from typing import Any


class RefusedError(Exception):
    """The server answered with a status of 400 or more, and said why."""

    def __init__(self, status: int, body: str) -> None:
        super().__init__(f"{status}: {body}")
        self.status = status
        self.body = body


class RestClient:
    """A client of one API server that lets everybody in as an administrator."""

    def __init__(self, port: int) -> None:
        self._url = f"http://127.0.0.1:{port}"
        self._token = self._request("GET", "/auth/token")["access_token"]

    def trigger(self, dag_id: str, run_id: str) -> None:
        """Create a run. Raises RefusedError."""
        self._request("POST", f"/api/v2/dags/{dag_id}/dagRuns", {"dag_run_id": run_id, "logical_date": None})

    @property
    def headers(self) -> dict[str, str]:
        """The headers that authorize a request."""
        return {"Authorization": f"Bearer {self._token}"}

    def get(self, path: str) -> bytes:
        """The body of one GET, undecoded, so that two servers can be compared byte for byte."""
        return self._send(self._prepared("GET", path))

    def _request(self, method: str, path: str, body: dict[str, Any] | None = None) -> Any:
        return json.loads(self._send(self._prepared(method, path, body)))

    def _prepared(self, method: str, path: str, body: dict[str, Any] | None = None) -> urllib.request.Request:
        headers = {"Content-Type": "application/json"}
        if token := getattr(self, "_token", None):
            headers["Authorization"] = f"Bearer {token}"
        data = None if body is None else json.dumps(body).encode()
        return urllib.request.Request(self._url + path, method=method, data=data, headers=headers)

    @staticmethod
    def _send(request: urllib.request.Request) -> bytes:
        try:
            with urllib.request.urlopen(request, timeout=120) as answer:
                body: bytes = answer.read()
                return body
        except urllib.error.HTTPError as error:
            raise RefusedError(error.code, error.read().decode(errors="replace")) from error
