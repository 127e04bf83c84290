"""Texts that contacts read and hear. An SMS takes one segment in every language: some carriers do not join segments."""

from collections.abc import Callable

from django.conf import settings
from django.utils.translation import gettext, override

from alerts.models import AlertKind, AlertStatus, SosAlert
from identity.models import User
from messaging import texts
from messaging.segments import count_segments

# The most characters of the person's first name in a text with two names.
_FIRST_NAME = 15


def sos(owner: User, *, language: str, link: str) -> str:
    """The SOS: who needs help, the contact's link, and the person's number, because contacts do not know our sender.

    The link and a name always stay. If one segment is too short, the text loses parts in this order: the words, the
    last name, the number (the page shows it too), the end of the first name.
    """
    phone, name, first_name = str(owner.phone_number), _name(owner).strip(), owner.first_name.strip()
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
    phone, name, first_name = str(owner.phone_number), _name(owner).strip(), owner.first_name.strip()
    who = name or phone
    with override(language):
        words = gettext("{name} missed a check-in: {link} Call {phone}").format(name=who, link=link, phone=phone)
        shorter = [_missed(each, link) for each in dict.fromkeys((f"{who} {phone}", f"{first_name} {phone}", who))]
        shortest = gettext("Timer! {name} {link}")
    for text in (words, *shorter):
        if count_segments(text) == 1:
            return text
    compose = lambda shortened: shortest.format(name=shortened, link=link)  # noqa: E731
    return texts.fit_name(compose, name=first_name or who, language=language)


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
    """The SOS of a drill. TEST and the link always stay; first the words go to save room, then the last name."""
    name, first_name = _name(owner).strip() or str(owner.phone_number), owner.first_name.strip()
    with override(language):
        words = gettext("TEST, nobody needs help: {name} tries out AlertMe. {link}").format(name=name, link=link)
    for text in (words, f"TEST! {name} {link}"):
        if count_segments(text) == 1:
            return text
    return texts.fit_name(lambda shorter: f"TEST! {shorter} {link}", name=first_name or name, language=language)


def all_clear(alert: SosAlert, owner: User, *, language: str) -> str:
    """For contacts who were asked for help: the alert has ended, and how."""
    if alert.is_drill:
        return texts.fit_name(_or_number(_drill_over, owner), name=_name(owner), language=language)
    compose = _cancelled if alert.status == AlertStatus.CANCELLED else _resolved
    return texts.fit_name(_or_number(compose, owner), name=_name(owner), language=language)


def duress(owner: User, *, language: str) -> str:
    """For contacts who were asked for help: somebody threatens the owner, who has therefore ended the alert."""
    return texts.fit_name(_or_number(_under_threat, owner), name=_name(owner), language=language)


def _under_threat(name: str) -> str:
    text = gettext("{name} is under threat! Do not call them. Call the police: {number}")
    return text.format(name=name, number=settings.EMERGENCY_NUMBER)


def contact_declined(name: str, *, language: str) -> str:
    """For the person: somebody no longer wants to be their contact."""
    return texts.fit_name(_declined, name=name, language=language)


def _declined(name: str) -> str:
    return gettext("{name} no longer wants to be your emergency contact. Add somebody else.").format(name=name)


def _drill_over(name: str) -> str:
    return gettext("The TEST of {name} is over. There is nothing to do.").format(name=name)


def _resolved(name: str) -> str:
    return gettext("{name} is safe. The alert has ended.").format(name=name)


def _cancelled(name: str) -> str:
    return gettext("False alarm: {name} cancelled the alert.").format(name=name)


def _or_number(compose: Callable[[str], str], owner: User) -> Callable[[str], str]:
    return lambda name: compose(name or str(owner.phone_number))


def _name(owner: User) -> str:
    return f"{owner.first_name} {owner.last_name}"


def call(owner: User, *, kind: AlertKind, language: str) -> str:
    """The words of a telephone call that asks for help."""
    name = _name(owner).strip() or str(owner.phone_number)
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
        lambda shorter: gettext("{contact} is on the way to you.").format(contact=shorter), name=name, language=language
    )


def not_coming(name: str, *, language: str) -> str:
    """For the person: the only contact who was on the way cannot come."""
    return texts.fit_name(
        lambda shorter: gettext("{contact} cannot come after all. The others are called.").format(contact=shorter),
        name=name,
        language=language,
    )


def nobody_answered(owner: User) -> str:
    """For the person: every contact was tried and nobody has answered."""
    with override(owner.language):
        text = gettext("None of your contacts has answered yet. Call {number}.")
    return text.format(number=settings.EMERGENCY_NUMBER)


def _of_two(sentence: Callable[[], str], contact: str, owner: User, *, language: str) -> str:
    name = owner.first_name.strip()[:_FIRST_NAME] or str(owner.phone_number)
    return texts.fit_name(
        lambda shorter: sentence().format(contact=shorter, name=name), name=contact, language=language
    )
