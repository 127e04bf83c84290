"""The URL of a contacts' page is a key: no log and no report holds it."""

import io
import json
import logging
import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from django.test import Client
from structlog.stdlib import ProcessorFormatter

from alerts.contacts import links
from config import reporting
from config.redaction import without_tokens
from deploy.local.processes import free_port, wait_until

TOKEN = "0123456789abcdefABCD_-"
ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize(
    "text",
    [
        f"Internal Server Error: /a/{TOKEN}",
        f"GET https://sos.kg/a/{TOKEN}/live?lang=ky HTTP/1.1",
        f"Invalid Request Line: 'GET /a/{TOKEN} x'",
    ],
)
def test_a_path_loses_its_token_and_what_is_below(text: str) -> None:
    redacted = without_tokens(text)
    assert TOKEN not in redacted
    assert "live" not in redacted
    assert "/a/[token]" in redacted


def test_the_url_of_a_file_loses_its_token_too() -> None:
    assert without_tokens(f"GET /api/v1/evidence/{TOKEN}:x/ HTTP/1.1") == "GET /api/v1/evidence/[token] HTTP/1.1"


def test_no_error_report_names_a_page() -> None:
    event = {
        "transaction": f"/a/{TOKEN}",
        "logentry": {"message": "%s", "params": (f"/a/{TOKEN}/live",)},
        "level": "error",
    }
    scrubbed = json.dumps(reporting.scrub(event, {}))
    assert TOKEN not in scrubbed
    assert "[token]" in scrubbed


@pytest.mark.django_db
def test_a_failure_of_the_page_is_logged_without_its_address(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object, **__: object) -> None:
        raise RuntimeError(TOKEN)

    monkeypatch.setattr(links, "opened", fail)
    (handler,) = (h for h in logging.getLogger().handlers if isinstance(h.formatter, ProcessorFormatter))
    assert isinstance(handler, logging.StreamHandler)
    written = io.StringIO()
    monkeypatch.setattr(handler, "stream", written)
    assert Client(raise_request_exception=False).get(f"/a/{TOKEN}").status_code == 500
    assert "Internal Server Error: /a/[token]" in written.getvalue()
    assert TOKEN not in written.getvalue()


def test_gunicorn_quotes_no_page_it_does_not_understand(tmp_path: Path) -> None:
    port = free_port()
    command = [
        sys.executable,
        "-m",
        "gunicorn",
        "-c",
        "deploy/gunicorn.conf.py",
        "-b",
        f"127.0.0.1:{port}",
        "config.wsgi",
    ]
    with (tmp_path / "log").open("wb") as log:
        web = subprocess.Popen(command, cwd=ROOT, env=os.environ | {"WEB_CONCURRENCY": "1"}, stderr=log, stdout=log)
        try:
            assert wait_until(lambda: _answers(port, f"GET /a/{TOKEN} HTTP/1.1 x"), timeout_s=30)
            assert _answers(port, f"/a/{TOKEN}/live")
        finally:
            web.terminate()
            web.wait(timeout=30)
    written = (tmp_path / "log").read_text()
    assert "/a/[token]" in written
    assert TOKEN not in written


def _answers(port: int, request_line: str) -> bool:
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=5) as connection:
            connection.sendall(f"{request_line}\r\nHost: x\r\n\r\n".encode())
            return b"HTTP/1.1 4" in connection.recv(100)
    except OSError:
        return False
