"""Registration: a pending registration becomes a person when the client sends back the code of its SMS.

Nobody may find out whether a number has an account. Known and unknown numbers get the same row, the same work, one
SMS and the same responses. The password and names belong to the pending registration that they came with, so nobody
can choose the password for another person's number.
"""

from datetime import datetime, timedelta
from uuid import UUID, uuid4

from django.contrib.auth.hashers import make_password
from django.db import IntegrityError, transaction
from django.db.models import F, QuerySet
from django.utils.crypto import salted_hmac

from identity.api import rates
from identity.api.addresses import network_of
from identity.api.rates import Limit, TooManyRequests
from identity.errors import Conflict, Invalid, NotFound
from identity.models import User, Verification
from identity.sessions import tokens
from identity.sessions.origins import NOWHERE, Origin
from identity.verification import codes, conversion, texts
from messaging.database.sql import rows
from messaging.models import MessageClass
from messaging.outbox import outgoing as outbox
from messaging.outbox.outgoing import Outgoing
from messaging.states import State

# A code is valid for this long after it was queued, and its SMS is not sent later.
CODE_LIFE = timedelta(minutes=10)
# Tries to type in the code of one pending registration. A new code gives no new tries.
TRIES = 5
# The shortest time between two SMS of one pending registration.
RESEND_AFTER = timedelta(seconds=60)
# A pending registration may ask for a new code until this long after its code has expired.
RENEWABLE_FOR = timedelta(hours=1)

# A stranger who registers a number again and again uses up the SMS of their own network first.
SMS_PER_NUMBER_AND_NETWORK = (
    Limit(scope="sms to number from address", times=5, window=timedelta(hours=1)),
    Limit(scope="sms to number from address", times=10, window=timedelta(days=1)),
)
SMS_PER_NUMBER = (
    Limit(scope="sms to number", times=10, window=timedelta(hours=1)),
    Limit(scope="sms to number", times=30, window=timedelta(days=1)),
)
# Beyond these limits a registration shares the code that the number got last, as long as the code lives: its owner
# reads it in the SMS that somebody else caused. Each share gives tries at the same code, so shares are few.
SHARES_PER_NUMBER_AND_NETWORK = Limit(scope="codes shared from address", times=5, window=timedelta(hours=1))
SHARES_PER_NUMBER = Limit(scope="codes shared", times=20, window=timedelta(hours=1))
TRIES_OF_A_SHARE = 3
# Mobile carriers put whole districts behind one client IP (CGNAT), so the limit is high: it stops SMS pumping, but not
# a busy hour. Stored counts have its scope, which therefore keeps the word "address".
SMS_PER_NETWORK = Limit(scope="sms from address", times=60, window=timedelta(hours=1))


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
    client_ip: str,
    now: datetime,
) -> Verification:
    """Store a pending registration and queue the SMS with its code. Returns the registration.

    If the number has had its limit of SMS, no SMS is sent and the registration shares the number's last code. Raises
    TooManyRequests if there is no code to share, or beyond the limits of the network and of shares.
    """
    shared = _code_to_share(phone_number=phone_number, client_ip=client_ip, now=now)
    # Hashing is slow on purpose, so it comes before the transaction, which would hold a connection meanwhile.
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
            code_salt=shared.code_salt if shared else salt,
            code_hash=shared.code_hash if shared else codes.hashed(code, salt=salt),
            tries_left=TRIES_OF_A_SHARE if shared else TRIES,
            sent_at=now,
            expires_at=shared.expires_at if shared else now + CODE_LIFE,
        )
        if not shared:
            _send(pending, code=code, client_ip=client_ip, now=now)
    return pending


def resend(*, phone_number: str, verification_id: UUID, client_ip: str, now: datetime) -> Verification:
    """Queue an SMS with a new code, valid for CODE_LIFE from now; return the registration. The number of tries stays.

    Raises VerificationUnknown, or TooManyRequests within RESEND_AFTER of the last SMS and beyond the limits of SMS.
    """
    open_ones = _open(phone_number=phone_number, verification_id=verification_id)
    pending = open_ones.filter(expires_at__gt=now - RENEWABLE_FOR).first()
    if pending is None:
        raise VerificationUnknown
    if (wait := pending.sent_at + RESEND_AFTER - now) > timedelta(0):
        raise TooManyRequests(retry_after=wait)
    _count_sms(phone_number=phone_number, client_ip=client_ip, now=now)
    code, salt = codes.new_code(), codes.new_salt()
    with transaction.atomic():
        # The conditional UPDATE lets only the first of two simultaneous resends through.
        if not open_ones.filter(sent_at=pending.sent_at).update(
            code_salt=salt,
            code_hash=codes.hashed(code, salt=salt),
            sent_at=now,
            expires_at=now + CODE_LIFE,
        ):
            raise TooManyRequests(retry_after=RESEND_AFTER)
        pending.refresh_from_db()
        _send(pending, code=code, client_ip=client_ip, now=now)
    return pending


def verify(
    *, phone_number: str, code: str, verification_id: UUID, now: datetime, origin: Origin = NOWHERE
) -> tokens.SignedIn:
    """Turn the pending registration into a person, sign them in and return their tokens. Call outside a transaction.

    Raises CodeInvalid, or AlreadyRegistered if the code is right but the number has an account by now.
    """
    is_spent = _spend_try(phone_number=phone_number, verification_id=verification_id, now=now)
    pending = Verification.objects.filter(id=verification_id).first()
    salt, expected = (pending.code_salt, pending.code_hash) if pending else (b"", b"")
    # Always compare the code, so that the response time does not reveal which check failed.
    is_right = codes.matches(code, salt=bytes(salt), expected=bytes(expected))
    if pending is None or pending.is_known_number or not (is_spent and is_right):
        raise CodeInvalid
    with transaction.atomic():
        person = _become_person(pending, now=now)
        signed_in = tokens.signed_in(person, now=now, origin=origin)
        conversion.count_verified(str(pending.phone_number), now=now)
        return signed_in


def _open(*, phone_number: str, verification_id: UUID) -> QuerySet[Verification]:
    return Verification.objects.filter(
        id=verification_id, phone_number=phone_number, verified_at=None, tries_left__gt=0
    )


def _spend_try(*, phone_number: str, verification_id: UUID, now: datetime) -> bool:
    # One conditional UPDATE, committed before the code is compared: parallel guesses cannot exceed TRIES.
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
            _refuse_known(str(pending.phone_number))
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


def _refuse_known(phone_number: str) -> None:
    """Raise AlreadyRegistered if an account has the number, whether stored plain or encrypted, under any of DATA_KEYS.

    The unique constraint compares only stored values. The lock makes two registrations of one number wait for each
    other, also if they store it differently.
    """
    rows("SELECT pg_advisory_xact_lock(hashtextextended(%s, 1))::text", [phone_number])
    if User.objects.filter(phone_number=phone_number).exists():
        raise AlreadyRegistered


def _count_sms(*, phone_number: str, client_ip: str, now: datetime) -> None:
    # Count the network first: a use that is refused to the network must not count against the phone number.
    rates.spend_by_network(SMS_PER_NETWORK, client_ip=client_ip, now=now)
    _count_sms_to_number(phone_number=phone_number, client_ip=client_ip, now=now)


def _count_sms_to_number(*, phone_number: str, client_ip: str, now: datetime) -> None:
    for limit in SMS_PER_NUMBER_AND_NETWORK:
        rates.spend_by_network(limit, phone_number, client_ip=client_ip, now=now)
    for limit in SMS_PER_NUMBER:
        rates.spend(limit, phone_number, now=now)


def _code_to_share(*, phone_number: str, client_ip: str, now: datetime) -> Verification | None:
    """The registration whose code a new one shares; None if the new one gets its own SMS. Raises TooManyRequests.

    The answer depends on the number's SMS only, so it does not show whether the number has an account.
    """
    rates.spend_by_network(SMS_PER_NETWORK, client_ip=client_ip, now=now)
    try:
        _count_sms_to_number(phone_number=phone_number, client_ip=client_ip, now=now)
    except TooManyRequests:
        living = Verification.objects.filter(phone_number=phone_number, verified_at=None, expires_at__gt=now)
        shared = living.order_by("-expires_at").first()
        if shared is None:
            raise
        rates.spend_by_network(SHARES_PER_NUMBER_AND_NETWORK, phone_number, client_ip=client_ip, now=now)
        rates.spend(SHARES_PER_NUMBER, phone_number, now=now)
        return shared
    return None


def _cause(client_ip: str) -> str:
    """The cause of a code's SMS, by which the outbox counts: a keyed hash of the client IP or its IPv6 /64."""
    return salted_hmac("alertme cause", network_of(client_ip), algorithm="sha256").hexdigest()[:32]


def _send(pending: Verification, *, code: str, client_ip: str, now: datetime) -> None:
    own = texts.code(code, language=pending.language)
    known = texts.known_number(language=pending.language)
    outgoing = Outgoing(
        address=str(pending.phone_number),
        text=known if pending.is_known_number else own,
        message_class=MessageClass.VERIFICATION,
        on_behalf_of=_cause(client_ip),
        deadline_at=pending.expires_at,
    )
    [message] = outbox.queue([outgoing], now=now)
    # Count only codes that will be sent: a refused message (daily cap, country, hourly limit) cannot be typed in.
    if message.state == State.QUEUED:
        conversion.count_sent(outgoing.address, now=now)
