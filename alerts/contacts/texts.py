"""Texts that contacts read and hear. An SMS takes one segment in every language: some carriers do not join segments.

Each SMS to a contact holds the owner's verified number or the contact's own link. A name proves nothing: another
account may have the same.
"""

from collections.abc import Callable

from django.conf import settings
from django.utils.translation import gettext, override

from alerts.models import AlertKind, AlertStatus, SosAlert
from identity import names
from identity.models import User
from messaging import texts
from messaging.segments import count_segments

# The most UTF-16 units of the person's first name in a text with two names, tried in this order.
_FIRST_NAME_UNITS = (15, 8, 4)
# A name is not shortened below this before other words or another name are.
_LEAST_OF_NAME = 4


def sos(owner: User, *, language: str, link: str) -> str:
    """The SOS: who needs help, the contact's link, and the person's number, because contacts do not know our sender.

    The link and a name always stay. If one segment is too short, the text loses parts in this order: the words, the
    last name, the number (the page shows it too), the end of the first name.
    """
    phone, name, first_name = str(owner.phone_number), _name(owner), names.in_text(owner.first_name)
    with override(language):
        who = name or gettext("Someone")
        words = gettext("SOS! {name} needs help: {link} Call {phone}").format(name=who, link=link, phone=phone)
    first_name = first_name or name
    shorter = (f"{who} {phone}", f"{first_name} {phone}", name, first_name) if name else (f"{who} {phone}", phone)
    whole = [words, *(_sos(signature, link) for signature in shorter)]
    for text in whole:
        if count_segments(text) == 1:
            return text
    return texts.fit_name(lambda shortened: _sos(shortened, link), name=first_name, language=language)


def _sos(who: str, link: str) -> str:
    return f"SOS! {who} {link}"


def missed_check_in(owner: User, *, language: str, link: str) -> str:
    """A timer ran out: who missed a check-in, the contact's link, and the person's number if there is room."""
    phone, name = str(owner.phone_number), _name(owner)
    who = name or phone
    first_name = names.in_text(owner.first_name) or who
    with override(language):
        words = gettext("{name} missed a check-in: {link} Call {phone}").format(name=who, link=link, phone=phone)
        shorter = [_missed(each, link) for each in dict.fromkeys((f"{who} {phone}", f"{first_name} {phone}", who))]
        shortest = gettext("Timer! {name} {link}")
    for text in (words, *shorter):
        if count_segments(text) == 1:
            return text
    compose = lambda shortened: shortest.format(name=shortened, link=link)  # noqa: E731
    return texts.fit_name(compose, name=first_name, language=language)


def _missed(who: str, link: str) -> str:
    return gettext("No check-in: {name} {link}").format(name=who, link=link)


def timer_ends(minutes: int, *, language: str) -> str:
    """The nudge: an SMS to the timer's owner before the timer ends."""
    return texts.render(
        lambda: gettext("Your timer ends in {minutes} min. Check in, or your contacts are told.").format(
            minutes=minutes
        ),
        language=language,
    )


def drill(owner: User, *, language: str, link: str) -> str:
    """The SMS of a drill. If one segment is too short, the text loses parts in this order: the words, the last name,
    the end of the first name. TEST and the link always stay.
    """
    name, first_name = _name(owner) or str(owner.phone_number), names.in_text(owner.first_name)
    with override(language):
        words = gettext("TEST, nobody needs help: {name} tries out AlertMe. {link}").format(name=name, link=link)
    for text in (words, f"TEST! {name} {link}"):
        if count_segments(text) == 1:
            return text
    return texts.fit_name(lambda shorter: f"TEST! {shorter} {link}", name=first_name or name, language=language)


def all_clear(alert: SosAlert, owner: User, *, language: str) -> str:
    """The all-clear, for contacts who were asked for help: the owner is safe, it was a false alarm, or a TEST ended."""
    if alert.is_drill:
        return texts.fit_name(_with_number(_drill_over, owner), name=_name(owner), language=language)
    compose = _cancelled if alert.status == AlertStatus.CANCELLED else _resolved
    return texts.fit_name(_with_number(compose, owner), name=_name(owner), language=language)


def duress(owner: User, *, language: str, link: str) -> str:
    """For contacts of an alert under duress: somebody threatens the owner; do not call the owner, call the police.

    The link proves that the text is genuine, so that nobody has to ask the owner. The page that it opens says more. If
    one segment is too short, the name is shortened first and left out next; then the words get fewer.
    """
    with override(language):
        fitting = (text for words in _threats(owner) if count_segments(text := f"{words} {link}") == 1)
        return next(fitting, f"{gettext('Do not call!')} {link}")


def _threats(owner: User) -> list[str]:
    """The texts of the warning, without the link, from the longest to the shortest."""
    name, first_name, number = _name(owner), names.in_text(owner.first_name), settings.EMERGENCY_NUMBER
    shortest = texts.shortened(first_name, _LEAST_OF_NAME)
    whole = gettext("{name} is under threat! Do not call them. Call the police: {number}")
    few = gettext("{name}: threat! Do not call! {number}")
    return [
        *(whole.format(name=who, number=number) for who in (name, first_name, shortest) if who),
        gettext("Under threat! Do not call them. Call the police: {number}").format(number=number),
        *(few.format(name=who, number=number) for who in (first_name, shortest) if who),
        gettext("Threat! Do not call! {number}").format(number=number),
        gettext("Do not call! {number}").format(number=number),
    ]


def contact_declined(name: str, phone: str, *, language: str) -> str:
    """For the person: somebody does not want to be their contact. The number is there if the whole name leaves room."""
    name = names.in_text(name)
    text = texts.render(lambda: _declined(f"{name} ({phone})" if name else phone), language=language)
    return text if count_segments(text) == 1 else texts.fit_name(_declined, name=name, language=language)


def _declined(name: str) -> str:
    return gettext("{name} no longer wants to be your emergency contact. Add somebody else.").format(name=name)


def _drill_over(name: str) -> str:
    return gettext("The TEST of {name} is over. There is nothing to do.").format(name=name)


def _resolved(name: str) -> str:
    return gettext("{name} is safe. The alert has ended.").format(name=name)


def _cancelled(name: str) -> str:
    return gettext("False alarm: {name} cancelled the alert.").format(name=name)


def _with_number(compose: Callable[[str], str], owner: User) -> Callable[[str], str]:
    return lambda name: compose(_who(name, owner))


def _who(name: str, owner: User) -> str:
    phone = str(owner.phone_number)
    return f"{name} ({phone})" if name else phone


def _name(owner: User) -> str:
    return names.in_text(owner.first_name, owner.last_name)


def call(owner: User, *, kind: AlertKind, language: str) -> str:
    """The words of a telephone call that asks a contact for help: who needs it, and which key says "on the way"."""
    name = _name(owner) or str(owner.phone_number)
    with override(language):
        if kind == AlertKind.MISSED_CHECK_IN:
            return gettext(
                "This is an emergency call from AlertMe. {name} has missed a check-in and may need your help. "
                "The details are in the SMS. Press 1 if you are on your way."
            ).format(name=name)
        return gettext(
            "This is an emergency call from AlertMe. {name} has pressed SOS and needs your help. "
            "The details are in the SMS. Press 1 if you are on your way."
        ).format(name=name)


def responder(name: str, owner: User, *, language: str) -> str:
    """For the other contacts: this contact is on the way."""
    return _of_two(lambda: gettext("{contact} is on the way to {name}."), name, owner, language=language)


def withdrawn(name: str, owner: User, *, language: str) -> str:
    """For the other contacts: the only contact who was on the way cannot come."""
    return _of_two(
        lambda: gettext("{contact} cannot come after all. {name} still needs help!"), name, owner, language=language
    )


def coming(name: str, *, language: str) -> str:
    """For the person: this contact is on the way."""
    return texts.fit_name(
        lambda shorter: gettext("{contact} is on the way to you.").format(contact=shorter or _a_contact()),
        name=names.in_text(name),
        language=language,
    )


def not_coming(name: str, *, language: str) -> str:
    """For the person: the only contact who was on the way cannot come."""
    return texts.fit_name(
        lambda shorter: gettext("{contact} cannot come after all. The others are called.").format(
            contact=shorter or _a_contact()
        ),
        name=names.in_text(name),
        language=language,
    )


def _a_contact() -> str:
    """Words in place of a contact's name that has no character an SMS may hold, for example a name of emoji alone."""
    return gettext("A contact")


def nobody_answered(owner: User) -> str:
    """For the person: every contact was tried and nobody has answered."""
    with override(owner.language):
        text = gettext("None of your contacts has answered yet. Call {number}.")
    return text.format(number=settings.EMERGENCY_NUMBER)


def _of_two(sentence: Callable[[], str], contact: str, owner: User, *, language: str) -> str:
    """A text with a contact's name and the person's first name and number. Both names are shortened, never the number.

    If there is no room for two names, the person's first name goes: the contacts know the number.
    """
    first_name, contact = names.in_text(owner.first_name), names.in_text(contact)
    firsts = [texts.shortened(first_name, units) for units in _FIRST_NAME_UNITS]
    with override(language):
        words, contact = sentence(), contact or _a_contact()
    least = texts.shortened(contact, _LEAST_OF_NAME)
    for who in (*(_who(first, owner) for first in dict.fromkeys(firsts)), str(owner.phone_number)):
        if count_segments(words.format(contact=least, name=who)) == 1:
            break
    return texts.fit_name(lambda shorter: words.format(contact=shorter, name=who), name=contact, language=language)
