"""The settings of `make up`: environment variables, and `.env` for variables that are not set.

Without `.env`, var/local.env takes its place. The first run makes it, with random secrets and the SMS sandbox.
"""

from __future__ import annotations

import os
import secrets
from pathlib import Path
from urllib.parse import urlsplit

from config import environment

ROOT = Path(__file__).resolve().parents[2]
VAR = ROOT / "var"

LOCAL_VALUES = """\
# Made by `make up` because there is no .env; delete it for new values. SMS go to the sandbox, not to phones.
SECRET_KEY={secret_key}
{data_keys}
DEBUG=False
ALLOWED_HOSTS=127.0.0.1,localhost
PUBLIC_BASE_URL=http://127.0.0.1:8000
TWILIO_ACCOUNT_SID=AC{account}
TWILIO_AUTH_TOKEN={token}
TWILIO_PHONE_NUMBER=+15005550006
TWILIO_VOICE_NUMBER=+15005550009
TWILIO_API_BASE_URL=http://127.0.0.1:8001
TWILIO_SEGMENTS_PER_SECOND=10
SMS_COUNTRIES=KG,US
"""


def load() -> None:
    """Set the missing variables in this process's environment; processes that it starts inherit them."""
    file = ROOT / ".env"
    if not file.exists():
        file = local_file()
    os.environ["ENV_FILE"] = str(file)
    environment.load(file)


def local_file() -> Path:
    file = VAR / "local.env"
    if not file.exists():
        VAR.mkdir(exist_ok=True)
        file.touch(mode=0o600)
        file.write_text(
            LOCAL_VALUES.format(
                secret_key=secrets.token_urlsafe(50),
                data_keys=_data_keys(),
                account=secrets.token_hex(16),
                token=secrets.token_hex(16),
            )
        )
    elif "DATA_KEYS=" not in file.read_text():
        # A release before DATA_KEYS made the file.
        with file.open("a") as lines:
            lines.write(f"{_data_keys()}\n")
    return file


def _data_keys() -> str:
    return f"DATA_KEYS={secrets.token_urlsafe(50)}"


def uses_sandbox() -> bool:
    """Whether TWILIO_API_BASE_URL names a sandbox on this machine. Otherwise Twilio sends the SMS to real phones."""
    return urlsplit(environment.given("TWILIO_API_BASE_URL")).hostname in {"127.0.0.1", "localhost", "::1"}
