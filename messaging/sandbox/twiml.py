"""Reads TwiML: the texts and audio files that a call plays, and the URL to which a pressed key is posted."""

from dataclasses import dataclass
from xml.etree import ElementTree  # see read()  # nosec B405

from messaging.sandbox.errors import TwilioError

MAX_CHARACTERS = 4_000
PARSE_FAILURE = 12100


@dataclass(frozen=True, slots=True)
class Script:
    """`lines` are the spoken texts, and the URLs of prompts, in order. `action` is empty if no key is asked for."""

    lines: tuple[str, ...]
    action: str


def read(document: str) -> Script:
    """Read a TwiML document. Raises TwilioError for a document that Twilio could not play."""
    # A document type could define entities that expand without bound. TwiML has no document type.
    if len(document) > MAX_CHARACTERS or "<!" in document:
        raise TwilioError(PARSE_FAILURE)
    try:
        # Parse bytes, because the document may declare an encoding.
        root = ElementTree.fromstring(document.encode())  # noqa: S314  # no entities  # nosec B314
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
