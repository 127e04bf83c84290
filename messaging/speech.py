"""The TwiML of telephone calls: speech if Twilio has a voice for the language, else our audio files (prompts).

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

# The key that says "I am on my way". The texts and the prompts name it.
CONFIRM = "1"
# Language -> (voice, language) of <Say>. Twilio's default voice speaks no Russian, and Twilio has no Kyrgyz voice.
VOICES = {"ru": ("Polly.Tatyana", "ru-RU"), "en": ("Polly.Amy", "en-GB")}
# Languages with prompts in static/messaging/voice/.
PROMPT_LANGUAGES = frozenset({"ky"})
# Twilio takes 4,000 characters of TwiML. It holds the text twice if both fit; one character may become an XML entity of
# six characters, like &quot;.
MAX_SPOKEN = 700
MAX_TWIML = 4_000
_WAIT_FOR_KEY_S = 8


class Prompt(TextChoices):
    """The audio files that exist in each of PROMPT_LANGUAGES. A prompt holds no name and is the same in every call."""

    HELP = "help"
    THANKS = "thanks"


def can_say(text: str, *, language: str, recording: str) -> bool:
    """Whether a call can say this: by a voice, if the text has at most MAX_SPOKEN characters, or by a prompt."""
    if language in VOICES:
        return len(text) <= MAX_SPOKEN
    return language in PROMPT_LANGUAGES and recording in Prompt


def asking(text: str, *, language: str, recording: str, attempt_id: UUID) -> str:
    """TwiML of a call that says the text twice, or once if the TwiML would exceed MAX_TWIML, and waits for a key.

    Twilio sends the key to our webhook. The call ends if no key is pressed within _WAIT_FOR_KEY_S after the text.
    """
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
    """TwiML that thanks the person who pressed the key."""
    response = VoiceResponse()
    _utter(response, _thanks(language), language=language, recording=Prompt.THANKS)
    return str(response)


def key_path(attempt_id: UUID) -> str:
    return f"/api/v1/webhooks/twilio/digit/{attempt_id}/"


def question(language: str) -> str:
    return texts.render(partial(gettext, "Press 1 if you are on your way."), language=language)


def _thanks(language: str) -> str:
    return texts.render(partial(gettext, "Thank you. It is noted that you are on your way."), language=language)


def _utter(into: VoiceResponse, text: str, *, language: str, recording: str) -> None:
    """Add the spoken text, or the prompt where there is no voice. The URL of a prompt holds no word of the text."""
    if language in VOICES:
        voice, locale = VOICES[language]
        into.say(_speakable(text), voice=voice, language=locale)
    else:
        into.play(f"{settings.PUBLIC_BASE_URL}{static(f'messaging/voice/{language}/{recording}.mp3')}")


def _speakable(text: str) -> str:
    """The text without control characters: XML 1.0 forbids them, and Twilio would refuse the whole document."""
    return "".join(" " if unicodedata.category(sign).startswith("C") else sign for sign in text)
