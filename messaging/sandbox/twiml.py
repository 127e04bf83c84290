"""Reading TwiML as a phone would hear it: what is said or played, and where a pressed key goes."""

from dataclasses import dataclass
from xml.etree import ElementTree

from messaging.sandbox.errors import TwilioError

MAX_CHARACTERS = 4_000
PARSE_FAILURE = 12100


@dataclass(frozen=True, slots=True)
class Script:
    """`lines` in order, a recording by its URL; `action` is empty when no key is asked for."""

    lines: tuple[str, ...]
    action: str


def read(document: str) -> Script:
    """Raises TwilioError for what Twilio could not play."""
    # A document type could define entities that grow without bound; TwiML has none.
    if len(document) > MAX_CHARACTERS or "<!" in document:
        raise TwilioError(PARSE_FAILURE)
    try:
        # From bytes: an encoding may be declared.
        root = ElementTree.fromstring(document.encode())  # noqa: S314 no document type, so no entities
    except (ElementTree.ParseError, UnicodeEncodeError, LookupError, ValueError):
        raise TwilioError(PARSE_FAILURE) from None
    if root.tag != "Response":
        raise TwilioError(PARSE_FAILURE)
    spoken = [verb for verb in root.iter() if verb.tag in ("Say", "Play")]
    gather = root.find("Gather")
    return Script(
        lines=tuple(" ".join((verb.text or "").split()) for verb in spoken),
        action="" if gather is None else gather.get("action", ""),
    )
