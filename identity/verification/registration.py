"""Registration: a pending one becomes a person when the code sent to its number comes back.

Whether a number is known must not show: both kinds get the same row, the same work, one SMS and the same answers.
The password and names stay with the pending registration they came with, so nobody can pre-register another's
number.
"""

from datetime import datetime, timedelta
from uuid import UUID, uuid4

from django.contrib.auth.hashers import make_password
from django.db import IntegrityError, transaction
from django.db.models import F, QuerySet

from identity.api import rates
from identity.api.rates import Limit, TooManyRequests
from identity.errors import Conflict, Invalid, NotFound
from identity.models import User, Verification
from identity.sessions import tokens
from identity.verification import codes, conversion, texts
from messaging.models import MessageClass
from messaging.outbox import outgoing as outbox
from messaging.outbox.outgoing import Outgoing
from messaging.states import State

CODE_LIFE = timedelta(minutes=10)
TRIES = 5
RESEND_AFTER = timedelta(seconds=60)
# For so long after its code expired a pending registration may ask for a new one.
RENEWABLE_FOR = timedelta(hours=1)

SMS_PER_NUMBER = (
    Limit(scope="sms to number", times=5, window=timedelta(hours=1)),
    Limit(scope="sms to number", times=10, window=timedelta(days=1)),
)
# Mobile carriers put whole districts behind one address (CGNAT), so this stops pumping, not a busy hour.
SMS_PER_ADDRESS = Limit(scope="sms from address", times=60, window=timedelta(hours=1))


class CodeInvalid(Invalid):
    """The code is wrong, expired, used, unknown or out of tries. The response does not tell which."""

    code = "code_invalid"
    detail = "The code is wrong or no longer valid."


class AlreadyRegistered(Conflict):
    code = "already_registered"
    detail = "This number has an account. Sign in."


class VerificationUnknown(NotFound):
    code = "verification_unknown"
    detail = "This registration cannot be continued. Register again."


def register(
    *,
    phone_number: str,
    password: str,
    first_name: str,
    last_name: str,
    language: str,
    address: str,
    now: datetime,
) -> Verification:
    """Keep a pending registration and queue the SMS with its code; `address` is the client's IP address.

    Raises TooManyRequests.
    """
    _count_sms(phone_number=phone_number, address=address, now=now)
    # Slow on purpose, so done before the transaction, which would hold its connection meanwhile.
    password_hash = make_password(password)
    with transaction.atomic():
        account_language = User.objects.filter(phone_number=phone_number).values_list("language", flat=True).first()
        code, salt = codes.new_code(), codes.new_salt()
        pending = Verification.objects.create(
            id=uuid4(),
            phone_number=phone_number,
            is_known_number=account_language is not None,
            password=password_hash,
            first_name=first_name,
            last_name=last_name,
            language=account_language or language,
            code_salt=salt,
            code_hash=codes.hashed(code, salt=salt),
            tries_left=TRIES,
            sent_at=now,
            expires_at=now + CODE_LIFE,
        )
        _send(pending, code=code, now=now)
    return pending


def resend(*, phone_number: str, verification_id: UUID, address: str, now: datetime) -> Verification:
    """Send a new code, which lives from now; the tries stay what they were.

    Raises VerificationUnknown, or TooManyRequests within 60 s of the last SMS.
    """
    open_ones = _open(phone_number=phone_number, verification_id=verification_id)
    pending = open_ones.filter(expires_at__gt=now - RENEWABLE_FOR).first()
    if pending is None:
        raise VerificationUnknown
    if (wait := pending.sent_at + RESEND_AFTER - now) > timedelta(0):
        raise TooManyRequests(retry_after=wait)
    _count_sms(phone_number=phone_number, address=address, now=now)
    code, salt = codes.new_code(), codes.new_salt()
    with transaction.atomic():
        # Of two simultaneous resends only the first finds the row as both read it.
        if not open_ones.filter(sent_at=pending.sent_at).update(
            code_salt=salt,
            code_hash=codes.hashed(code, salt=salt),
            sent_at=now,
            expires_at=now + CODE_LIFE,
        ):
            raise TooManyRequests(retry_after=RESEND_AFTER)
        pending.refresh_from_db()
        _send(pending, code=code, now=now)
    return pending


def verify(*, phone_number: str, code: str, verification_id: UUID, now: datetime) -> tokens.SignedIn:
    """Make the pending registration a person and sign them in. Call outside a transaction.

    Raises CodeInvalid; AlreadyRegistered when the code is right but the number got an account meanwhile.
    """
    is_spent = _spend_try(phone_number=phone_number, verification_id=verification_id, now=now)
    pending = Verification.objects.filter(id=verification_id).first()
    salt, expected = (pending.code_salt, pending.code_hash) if pending else (b"", b"")
    # Compared whatever else is wrong, so that the time does not tell what was.
    is_right = codes.matches(code, salt=bytes(salt), expected=bytes(expected))
    if pending is None or pending.is_known_number or not (is_spent and is_right):
        raise CodeInvalid
    with transaction.atomic():
        user = _become_person(pending, now=now)
        signed_in = tokens.SignedIn(user=user, tokens=tokens.open_session(user, now=now))
        conversion.count_verified(str(pending.phone_number), now=now)
        return signed_in


def _open(*, phone_number: str, verification_id: UUID) -> QuerySet[Verification]:
    return Verification.objects.filter(
        id=verification_id, phone_number=phone_number, verified_at=None, tries_left__gt=0
    )


def _spend_try(*, phone_number: str, verification_id: UUID, now: datetime) -> bool:
    # One conditional UPDATE, committed before the code is looked at: however many guess at once, five are heard.
    return bool(
        _open(phone_number=phone_number, verification_id=verification_id)
        .filter(expires_at__gt=now)
        .update(tries_left=F("tries_left") - 1)
    )


def _become_person(pending: Verification, *, now: datetime) -> User:
    if not Verification.objects.filter(id=pending.id, verified_at=None).update(verified_at=now):
        raise CodeInvalid
    try:
        with transaction.atomic():
            return User.objects.create(
                phone_number=pending.phone_number,
                password=pending.password,
                first_name=pending.first_name,
                last_name=pending.last_name,
                language=pending.language,
                date_joined=now,
            )
    except IntegrityError as error:
        raise AlreadyRegistered from error


def _count_sms(*, phone_number: str, address: str, now: datetime) -> None:
    # The address first: what one address is refused does not count against the number it aimed at.
    rates.spend(SMS_PER_ADDRESS, rates.network_of(address), now=now)
    for limit in SMS_PER_NUMBER:
        rates.spend(limit, phone_number, now=now)


def _send(pending: Verification, *, code: str, now: datetime) -> None:
    own = texts.code(code, language=pending.language)
    known = texts.known_number(language=pending.language)
    outgoing = Outgoing(
        address=str(pending.phone_number),
        text=known if pending.is_known_number else own,
        message_class=MessageClass.VERIFICATION,
        deadline_at=pending.expires_at,
    )
    [message] = outbox.queue([outgoing], now=now)
    # Nobody can type in a code that is refused here: by a cap, a country, a ceiling.
    if message.state == State.QUEUED:
        conversion.count_sent(outgoing.address, now=now)
