"""What a call says, as TwiML: speech where Twilio has a voice for the language, recordings of ours where it has none.

Source: https://www.twilio.com/docs/voice/twiml/gather, …/say and …/play.
"""

import unicodedata
from functools import partial
from uuid import UUID

from django.conf import settings
from django.db.models import TextChoices
from django.templatetags.static import static
from django.utils.translation import gettext
from twilio.twiml.voice_response import VoiceResponse

from messaging import texts

# The key that says "I am on my way": texts and recordings ask for it.
CONFIRM = "1"
# (voice, language) of <Say>. Twilio's own default voice speaks no Russian. It has none for Kyrgyz at all.
VOICES = {"ru": ("Polly.Tatyana", "ru-RU"), "en": ("Polly.Amy", "en-GB")}
# Languages with files in static/messaging/voice/.
RECORDED = frozenset({"ky"})
# Twilio takes 4,000 characters of TwiML; the text stands in it twice, and each of its signs may be an entity of six.
MAX_SPOKEN = 700
MAX_TWIML = 4_000
_WAIT_FOR_KEY_S = 8


class Recording(TextChoices):
    """What there is to play in each of RECORDED: the same for everyone."""

    HELP = "help"
    THANKS = "thanks"


def can_say(text: str, *, language: str, recording: str) -> bool:
    """Whether a call can say this: by a voice, if the text is not too long, or by a recording."""
    if language in VOICES:
        return len(text) <= MAX_SPOKEN
    return language in RECORDED and recording in Recording


def asking(text: str, *, language: str, recording: str, attempt_id: UUID) -> str:
    """Says it twice and waits for a key, which goes to our webhook; without one the call ends."""
    response = VoiceResponse()
    gather = response.gather(
        num_digits=1, action=f"{settings.PUBLIC_BASE_URL}{key_path(attempt_id)}", method="POST", timeout=_WAIT_FOR_KEY_S
    )
    _utter(gather, text, language=language, recording=recording)
    once = str(response)
    gather.pause(length=1)
    _utter(gather, text, language=language, recording=recording)
    twice = str(response)
    return twice if len(twice) <= MAX_TWIML else once


def thanking(*, language: str) -> str:
    """For whoever pressed the key."""
    response = VoiceResponse()
    _utter(response, _thanks(language), language=language, recording=Recording.THANKS)
    return str(response)


def key_path(attempt_id: UUID) -> str:
    return f"/api/v1/webhooks/twilio/digit/{attempt_id}/"


def question(language: str) -> str:
    return texts.render(partial(gettext, "Press 1 if you are on your way."), language=language)


def _thanks(language: str) -> str:
    return texts.render(partial(gettext, "Thank you. It is noted that you are on your way."), language=language)


def _utter(into: VoiceResponse, text: str, *, language: str, recording: str) -> None:
    """No word of the text is in a URL: a recording is chosen by what is said."""
    if language in VOICES:
        voice, locale = VOICES[language]
        into.say(_speakable(text), voice=voice, language=locale)
    else:
        into.play(f"{settings.PUBLIC_BASE_URL}{static(f'messaging/voice/{language}/{recording}.mp3')}")


def _speakable(text: str) -> str:
    """XML 1.0 has no control characters: with one the whole document would be refused."""
    return "".join(" " if unicodedata.category(sign).startswith("C") else sign for sign in text)
