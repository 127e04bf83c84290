from typing import Any

import pytest

from messaging.numbers import is_allowed, is_personal

KYRGYZ = "+996700123456"


@pytest.mark.parametrize("address", [KYRGYZ, "+996555123456", "+12025550123"])
def test_valid_numbers_of_the_listed_countries_are_allowed(address: str) -> None:
    assert is_allowed(address)


@pytest.mark.parametrize(
    "address",
    [
        "+77012345678",  # Kazakhstan: not listed.
        "+79161234567",  # Russia shares its calling code with Kazakhstan.
        "+18765551234",  # Jamaica shares the calling code of the United States.
        "+882165000000",  # A satellite network: no country.
        "+9967001234",
        "+9967001234567890",
        "+0996700123456",
        "+999700123456",
        "",
        "+",
        "help",
    ],
)
def test_other_countries_and_invalid_numbers_are_refused(address: str) -> None:
    assert not is_allowed(address)


@pytest.mark.parametrize(
    "address",
    [
        "996700123456",
        "0700123456",
        "+996 700 123 456",
        "+996700123456;ext=1",
        "tel:+996700123456",
        "+٩٩٦٧٠٠١٢٣٤٥٦",
        KYRGYZ + "\n",
        KYRGYZ + "\0",
    ],
)
def test_another_spelling_of_a_number_is_refused(address: str) -> None:
    assert not is_allowed(address)


def test_the_list_is_the_settings(settings: Any) -> None:
    settings.SMS_COUNTRIES = ["KZ"]
    assert is_allowed("+77012345678")
    assert not is_allowed(KYRGYZ)


@pytest.mark.parametrize(
    ("number", "expected"),
    [
        ("+996700123456", True),  # Mobile.
        ("+996312123456", True),  # A fixed line in Bishkek.
        ("+12025550123", True),  # The plan of the United States does not tell mobile from fixed.
        ("+996199123456", True),  # A range that the library does not know: carriers open new ones.
        ("+19005550123", False),  # Premium rate.
        ("+996800123456", False),  # Toll-free.
        ("+448431234567", False),  # Shared cost.
        ("+447640123456", False),  # Pager.
        ("+445512345678", False),  # A company (UAN).
        ("+447012345678", False),  # Personal numbers cost what their owners choose.
    ],
)
def test_the_type_of_a_number(number: str, expected: bool) -> None:
    assert is_personal(number) is expected
