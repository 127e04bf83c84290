"""Codes of authenticator apps: the test vectors of RFC 6238, appendix B (SHA-1), by their last six digits."""

import base64

import pytest

from identity.staff import totp

SECRET = base64.b32encode(b"12345678901234567890").decode()
VECTORS = [
    (59, "287082"),
    (1111111109, "081804"),
    (1111111111, "050471"),
    (1234567890, "005924"),
    (2000000000, "279037"),
    (20000000000, "353130"),
]


@pytest.mark.parametrize(("at_s", "code"), VECTORS)
def test_vectors_of_the_rfc(at_s: int, code: str) -> None:
    assert totp.code(SECRET, step=at_s // 30) == code
    assert totp.step_of(code, secret=SECRET, at_s=at_s) == at_s // 30


@pytest.mark.parametrize(("off_s", "is_taken"), [(-60, False), (-30, True), (0, True), (30, True), (60, False)])
def test_clocks_may_differ_by_one_step(off_s: int, is_taken: bool) -> None:
    assert (totp.step_of("005924", secret=SECRET, at_s=1234567890 + off_s) is not None) is is_taken


def test_secrets_are_random_and_the_url_is_read_by_apps() -> None:
    secret = totp.new_secret()
    assert len(base64.b32decode(secret)) == 20
    assert secret != totp.new_secret()
    expected = f"otpauth://totp/AlertMe%3A%2B996700123456?secret={secret}&issuer=AlertMe&digits=6&period=30"
    assert totp.url(secret, account="+996700123456") == expected
