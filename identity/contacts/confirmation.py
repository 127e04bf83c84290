"""Whether a contact has confirmed that they want this person's messages."""

from identity.models import EmergencyContact


def is_confirmed(contact: EmergencyContact) -> bool:
    """Every contact counts as confirmed until contacts can accept or refuse to be one."""
    return True
