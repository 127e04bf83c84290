"""Refuses PINs that somebody who holds the phone would try first, and pairs that a shaking hand would mix up."""

from itertools import pairwise

from identity.errors import InvalidField

# Four-digit PINs that read like a year somebody was born in.
_YEARS = range(1900, 2030)
# The middle column of a keypad, down and up.
_COLUMNS = ("2580", "0852")


def refuse(safe_pin: str, duress_pin: str, *, own_number: str) -> None:
    """Raises InvalidField for a PIN that is easy to guess, or for two PINs that are easy to confuse."""
    for field, pin in (("safe_pin", safe_pin), ("duress_pin", duress_pin)):
        if is_trivial(pin, own_number=own_number):
            raise InvalidField(field, "This PIN is easy to guess.", code="trivial_pin")
    if are_alike(safe_pin, duress_pin):
        raise InvalidField(
            "duress_pin", "It must differ from the safe PIN in more than one slip of a finger.", code="similar_pins"
        )


def is_trivial(pin: str, *, own_number: str) -> bool:
    """Whether the PIN is easy to guess.

    Easy are one block of digits repeated (0000, 1212), a run (1234, 7890, 4321), a year of birth (_YEARS), the middle
    column of a keypad (_COLUMNS), and the last digits of the person's own phone number.
    """
    return (
        _repeats(pin)
        or _runs(pin)
        or (len(pin) == 4 and int(pin) in _YEARS)
        or pin in _COLUMNS
        or own_number.endswith(pin)
    )


def _repeats(pin: str) -> bool:
    # A text is a repeated block exactly if it occurs in its double elsewhere than at both ends.
    return pin in (pin + pin)[1:-1]


def _runs(pin: str) -> bool:
    """Whether each digit is one more, or each is one less, than the digit before. On a keypad 0 follows 9."""
    steps = {(int(after) - int(before)) % 10 for before, after in pairwise(pin)}
    return steps in ({1}, {9})


def are_alike(one: str, other: str) -> bool:
    """Whether the PINs are equal or differ by one slip: a wrong digit, two digits swapped, or a digit too many."""
    if len(one) != len(other):
        shorter, longer = sorted((one, other), key=len)
        return len(longer) == len(shorter) + 1 and any(
            longer[:place] + longer[place + 1 :] == shorter for place in range(len(longer))
        )
    differing = [place for place, digit in enumerate(one) if digit != other[place]]
    if len(differing) == 2:
        first, second = differing
        return one[first] == other[second] and one[second] == other[first]
    return len(differing) < 2
