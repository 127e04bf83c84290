"""Starting, stopping, and the log of arrivals, in a thread and as a process."""

import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest
import requests

from messaging.sandbox.control import SandboxControl
from messaging.sandbox.server import SandboxThread
from tests.messaging.sandbox.conftest import ACCOUNT_SID, AUTH_TOKEN, CONFIG, client_for

ANA = "+996700000001"
ROOT = Path(__file__).parents[3]


def test_a_taken_port_is_an_error() -> None:
    with SandboxThread(CONFIG) as running:
        port = int(running.url.rsplit(":", 1)[1])
        second = SandboxThread(replace(CONFIG, port=port))
        with pytest.raises(OSError, match="address already in use"):
            second.start()
        second.stop()


def test_it_stops_and_starts_again_on_its_port() -> None:
    with SandboxThread(CONFIG) as running:
        url = running.url
    with pytest.raises(requests.ConnectionError):
        requests.get(url, timeout=1)
    with SandboxThread(replace(CONFIG, port=int(url.rsplit(":", 1)[1]))) as again:
        assert again.url == url
        assert SandboxControl(url, ACCOUNT_SID, AUTH_TOKEN).messages() == []


def test_the_public_host_may_ask_for_the_page() -> None:
    config = replace(CONFIG, public_base_url="https://phones.example")
    with SandboxThread(config) as running:
        answer = requests.get(f"{running.url}/sandbox/", headers={"Host": "phones.example"}, timeout=5)
        assert answer.status_code == 200


def test_the_log_has_a_line_for_each_accepted_message(tmp_path: Path) -> None:
    log_path = tmp_path / "arrivals.jsonl"
    with SandboxThread(replace(CONFIG, log_path=log_path)) as running:
        control = SandboxControl(running.url, ACCOUNT_SID, AUTH_TOKEN)
        control.behave(to="+996700000002", status=500)
        messages = client_for(running.url).messages
        callback = "http://127.0.0.1:1/attempt"
        made = messages.create(to=ANA, from_="AlertMe", body="Привет", status_callback=callback)
        time.sleep(0.1)
        (line,) = log_path.read_text(encoding="utf-8").splitlines()
        assert json.loads(line) == {
            "sid": made.sid,
            "to": ANA,
            "from": "AlertMe",
            "body": "Привет",
            "at": control.arrivals()[0].at,
            "segments": 1,
            "attempt_url": callback,
        }


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_process_says_its_url_and_stops_on_a_signal(number: signal.Signals) -> None:
    program = (
        "from messaging.sandbox.server import SandboxConfig, run\n"
        f"run(SandboxConfig(account_sid={ACCOUNT_SID!r}, auth_token={AUTH_TOKEN!r}))"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", program],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
        env=os.environ | {"PYTHONPATH": "."},
    )
    assert process.stdout is not None
    with process.stdout as output:
        url = output.readline().split("Twilio API at ")[1].rstrip(")\n")
        assert requests.get(f"{url}/sandbox/", timeout=5).status_code == 200
        process.send_signal(number)
        assert process.wait(timeout=5) == 0


def test_it_needs_no_django() -> None:
    program = "import sys, messaging.sandbox.server; sys.exit('django' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program], cwd=ROOT, check=False).returncode == 0
