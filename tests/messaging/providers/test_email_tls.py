"""E-mail to a server that wants TLS and a sign-in, as real mail providers do: nothing leaves unencrypted."""

import ssl
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path
from typing import Any, Literal

import pytest
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from messaging.delivery.courier import Courier
from messaging.models import Channel, Message, OperatorAlarm
from messaging.states import State
from tests.mailbox import Mailbox
from tests.messaging.engine import dispatched

USER, PASSWORD = "alertme@example.org", "a pass word: with signs \\ %"
Wrapped = Literal["STARTTLS", "TLS"]


def _certificate(folder: Path) -> Path:
    """Write a key and a self-signed certificate of 127.0.0.1 to one file."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    private = key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    (folder / "server.pem").write_bytes(private + certificate.public_bytes(pem))
    return folder / "server.pem"


def _signs_in(server: SMTP, session: Session, envelope: Envelope, mechanism: str, data: Any) -> AuthResult:
    is_known = isinstance(data, LoginPassword) and (data.login, data.password) == (USER.encode(), PASSWORD.encode())
    return AuthResult(success=is_known, handled=False)


@contextmanager
def _server(wrapped: Wrapped, certificate: Path, settings: Any) -> Iterator[Mailbox]:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    options: dict[str, Any] = {"authenticator": _signs_in, "auth_required": True}
    if wrapped == "TLS":
        # aiosmtpd checks for TLS that it has begun itself; here TLS was there before the first word.
        options |= {"ssl_context": context, "auth_require_tls": False}
    else:
        options |= {"tls_context": context, "require_starttls": True}
    running = Mailbox(**options)
    running.start()
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", running.port
    settings.EMAIL_USE_TLS, settings.EMAIL_USE_SSL = wrapped == "STARTTLS", wrapped == "TLS"
    settings.EMAIL_HOST_USER, settings.EMAIL_HOST_PASSWORD = USER, PASSWORD
    yield running
    running.stop()


@pytest.fixture
def certificate(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A certificate that this process trusts like those of the system."""
    made = _certificate(tmp_path)
    monkeypatch.setenv("SSL_CERT_FILE", str(made))
    return made


@pytest.fixture(params=["STARTTLS", "TLS"])
def server(request: pytest.FixtureRequest, certificate: Path, settings: Any) -> Iterator[Mailbox]:
    with _server(request.param, certificate, settings) as running:
        yield running


def _sent(courier: Courier) -> Message:
    [message_id] = dispatched(to="ana@example.org", channel=Channel.EMAIL, text="Aida is in danger", language="en")
    courier.deliver([message_id])
    assert courier.drain(20)
    return Message.objects.get(id=message_id)


def test_it_arrives_over_tls_after_signing_in(make_courier: Callable[[], Courier], server: Mailbox) -> None:
    assert _sent(make_courier()).state == State.DELIVERED
    [letter] = server.mails
    assert letter["To"] == "ana@example.org"


def test_a_wrong_password_alarms_and_nothing_leaves(
    make_courier: Callable[[], Courier], server: Mailbox, settings: Any
) -> None:
    settings.EMAIL_HOST_PASSWORD = "yesterday's"
    message = _sent(make_courier())
    assert (message.state, message.error_code) == (State.QUEUED, "535")
    assert server.mails == []
    assert [alarm.code for alarm in OperatorAlarm.objects.all()] == ["provider_configuration"]


def test_a_server_that_is_not_who_it_says_gets_neither_password_nor_text(
    make_courier: Callable[[], Courier], server: Mailbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("SSL_CERT_FILE")
    message = _sent(make_courier())
    assert (message.state, message.error_code) == (State.QUEUED, "SSLCertVerificationError")
    assert server.mails == []
    assert [alarm.code for alarm in OperatorAlarm.objects.all()] == ["provider_configuration"]


def test_a_server_without_tls_gets_neither_password_nor_text(
    make_courier: Callable[[], Courier], mailbox: Mailbox, settings: Any
) -> None:
    settings.EMAIL_USE_TLS, settings.EMAIL_HOST_USER, settings.EMAIL_HOST_PASSWORD = True, USER, PASSWORD
    message = _sent(make_courier())
    assert (message.state, message.error_code) == (State.QUEUED, "SMTPNotSupportedError")
    assert mailbox.mails == []
