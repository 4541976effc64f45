"""The hooks of share/doc/watching.md, run as they stand there against a real HTTP server."""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from urllib.parse import parse_qs

import pytest

from tests.facts.test_report import GONE, HOSTILE, NOW
from tests.tools import require
from trustctl.errors import TargetError
from trustctl.facts.report import Report
from trustctl.notify import run_command
from trustctl.resources import resource

REPORT = Report("mx.us.test", NOW, (GONE, HOSTILE))


class _Service(HTTPServer):
    """A chat or a pager: keeps what it is told, answers with ``status``."""

    status = 200

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.told: list[tuple[str, bytes]] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


class _Handler(BaseHTTPRequestHandler):
    server: _Service

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.told.append((self.headers["Content-Type"], body))
        self.send_response(self.server.status)
        self.end_headers()

    def log_message(self, *_words: object) -> None:
        """Say nothing."""


@pytest.fixture
def service() -> Iterator[_Service]:
    require("curl")
    with _Service() as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def _hook(tmp_path: Path, service: _Service, number: int) -> Path:
    """The document's hook of this number, with the address of the service in it."""
    text = (resource("share") / "doc" / "watching.md").read_text()
    scripts = re.findall(r"```sh\n(#!/bin/sh\n.*?)```", text, re.DOTALL)
    assert len(scripts) == 2
    path = tmp_path / "hook"
    path.write_text(re.sub(r"https://\w+\.example", service.url, scripts[number]))
    path.chmod(0o755)
    assert service.url in path.read_text()
    return path


def test_the_chat_gets_the_summary(tmp_path: Path, service: _Service) -> None:
    """One line of text, with what is hostile in it visible and harmless."""
    run_command((str(_hook(tmp_path, service, 0)),), REPORT)
    ((_kind, body),) = service.told
    assert parse_qs(body.decode()) == {"text": [REPORT.summary]}


def test_the_pager_gets_all_of_it(tmp_path: Path, service: _Service) -> None:
    """The JSON, as it is."""
    run_command((str(_hook(tmp_path, service, 1)),), REPORT)
    ((kind, body),) = service.told
    assert kind == "application/json"
    assert json.loads(body)["count"] == 2


@pytest.mark.parametrize("number", [0, 1])
def test_a_service_that_refuses_is_a_failure(
    tmp_path: Path, service: _Service, number: int
) -> None:
    """A pager that is down is not taken for one that was told."""
    service.status = 503
    with pytest.raises(TargetError, match="failed with exit code 22"):
        run_command((str(_hook(tmp_path, service, number)),), REPORT)
