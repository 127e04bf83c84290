"""Contacts are asked: who accepts gets everything, who has not answered gets an SOS, who declines gets nothing."""

import requests

from tests.scenarios.story import LINK, Story, call, invitation, safe, sos
from tests.world import Person


def test_one_accepts_one_declines_and_one_says_nothing(story: Story) -> None:
    aida = story.person("Aida", "Bek", "Cholpon", "Daniyar", invited=True)
    bek, cholpon, _ = aida.contacts
    asked = [invitation(aida)]
    story.expect(Bek=asked, Cholpon=asked, Daniyar=asked)

    # A preview of the link, and a scanner: neither answers.
    assert requests.head(story.invitation(bek).url, timeout=20).status_code == 200
    assert "asks you to be an emergency contact" in story.invitation(bek).text()
    assert _states(aida) == ["invited", "invited", "invited"]

    assert "You have accepted." in story.invitation(bek).choose("accept")
    assert "You have declined." in story.invitation(cholpon).choose("decline")
    assert _states(aida) == ["accepted", "declined", "invited"]
    declined = f"Cholpon ({cholpon.phone}) no longer wants to be your emergency contact. Add somebody else."
    story.expect(Bek=asked, Cholpon=asked, Daniyar=asked, Aida=[declined])

    # A drill is for those alone who know of it.
    drill = aida.press_sos(drill=True).json()["id"]
    test = f"TEST, nobody needs help: Aida Asanova tries out AlertMe. {LINK}"
    story.expect(Bek=[*asked, test], Cholpon=asked, Daniyar=asked, Aida=[declined])
    over = f"The TEST of Aida Asanova ({aida.phone}) is over. There is nothing to do."
    assert aida.post(f"sos-alerts/{drill}/resolve/").status_code == 200
    story.expect(Bek=[*asked, test, over], Cholpon=asked, Daniyar=asked, Aida=[declined])

    # An SOS reaches everyone but whom nothing may reach.
    alert = aida.press_sos().json()["id"]
    told = {"Bek": [*asked, test, over, sos(aida)], "Cholpon": asked, "Daniyar": [*asked, sos(aida)]}
    story.expect(**told, Aida=[declined])
    story.world.pass_time(minutes=1)
    story.wait_for(Bek=[*told["Bek"], call(aida)], Daniyar=[*told["Daniyar"], call(aida)])
    assert aida.post(f"sos-alerts/{alert}/resolve/").status_code == 200
    story.wait_for(Daniyar=[*told["Daniyar"], call(aida), safe(aida)], Cholpon=asked)


def _states(person: Person) -> list[str]:
    contacts = person.get("me/contacts/").json()["results"]
    return [contact["consent"]["state"] for contact in contacts]
