from typing import Any

import pytest
from django.test import override_settings

from alerts.contacts.checks import links_leave_room


@pytest.mark.parametrize(
    ("settings", "found"),
    [
        ({"LINK_BASE_URL": "https://sos.kg"}, []),
        ({"LINK_BASE_URL": "https://" + "h" * 24}, []),
        ({"LINK_BASE_URL": "https://" + "h" * 25}, ["alerts.E001"]),
        ({"LINK_BASE_URL": "https://sos.kg", "ALLOWED_HOSTS": ["alertme.kg"]}, ["alerts.E002"]),
        ({"LINK_BASE_URL": "https://sos.kg:8443", "ALLOWED_HOSTS": ["alertme.kg", "sos.kg"]}, []),
        ({"LINK_BASE_URL": "http://127.0.0.1:8000", "ALLOWED_HOSTS": []}, []),
    ],
)
def test_the_start_stops_when_links_are_too_long_for_an_sms(settings: dict[str, Any], found: list[str]) -> None:
    with override_settings(**settings):
        assert [problem.id for problem in links_leave_room()] == found
