"""An export says whose view of the alert it is, and the view's own key signs it."""

import json
from io import BytesIO, StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command
from rest_framework.test import APIClient

from alerts.exports import keys, signing
from alerts.exports.__main__ import CHANGED, INTACT, NOT_CHECKED, main
from alerts.exports.keys import KnownKey, NoKey, View
from alerts.exports.verification import verify
from tests.alerts.exports.conftest import export
from tests.alerts.exports.test_verification import inside_of, zipped
from tests.alerts.typed import DURESS_PIN, set_pins

pytestmark = pytest.mark.django_db


@pytest.fixture
def known(tmp_path: Path) -> Path:
    """The installation's keys, as somebody saved them."""
    (tmp_path / "keys.json").write_bytes(APIClient().get("/api/v1/export-key/").content)
    return tmp_path / "keys.json"


@pytest.fixture
def whole(alert: str, tmp_path: Path) -> bytes:
    """The operator's export of Ana's alert."""
    call_command("exportalert", alert, output=tmp_path / "whole.zip", stdout=StringIO())
    return (tmp_path / "whole.zip").read_bytes()


def checked(made: bytes, known: Path) -> list[str]:
    return verify(BytesIO(made), known=keys.of_text(known.read_text())).problems


def manifest(made: bytes) -> dict[str, Any]:
    return dict(json.loads(inside_of(made)["manifest.json"]))


def signed_by(key_of: View, made: bytes, **changes: Any) -> bytes:
    """The export with these changes in its manifest, signed anew with this installation's key for a view."""
    key = signing.signing_key(key_of)
    public = {"key_id": keys.id_of(key.public_key()), "public_key": keys.pem_of(key.public_key())}
    text = json.dumps(manifest(made) | public | changes).encode()
    return zipped(inside_of(made) | {"manifest.json": text, "manifest.sig": key.sign(text)})


def test_each_view_is_named_and_has_its_own_key(
    bundle: bytes, whole: bytes, known: Path, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    (tmp_path / "owners.zip").write_bytes(bundle)
    offered = {key["view"]: key["id"] for key in json.loads(known.read_text())["keys"]}
    for name, made, view in (("owners", bundle, "owner"), ("whole", whole, "operator")):
        assert (manifest(made)["view"], manifest(made)["key_id"]) == (view, offered[view])
        assert main([str(tmp_path / f"{name}.zip"), "--key", str(known)]) == INTACT
        assert f"It is the {view}'s view" in capsys.readouterr().out
    assert offered["owner"] != offered["operator"]


def test_an_export_edited_to_be_of_the_other_view_is_refused(bundle: bytes, whole: bytes, known: Path) -> None:
    for made, other in ((bundle, "operator"), (whole, "owner")):
        inside = inside_of(made)
        text = json.dumps(manifest(made) | {"view": other}).encode()
        found = checked(zipped(inside | {"manifest.json": text}), known)
        assert "manifest.json: is not what was signed, or manifest.sig was changed" in found


def test_a_view_signed_with_the_other_views_key_is_refused(bundle: bytes, whole: bytes, known: Path) -> None:
    assert checked(signed_by(View.OWNER, bundle), known) == []
    for made, key_of, view in (
        (signed_by(View.OPERATOR, bundle), View.OPERATOR, "owner"),
        (signed_by(View.OWNER, bundle, view="operator"), View.OWNER, "operator"),
        (signed_by(View.OWNER, whole), View.OWNER, "operator"),
    ):
        assert checked(made, known) == [
            f"manifest.json: is of the {view}'s view, and its key signs the other view only"
        ], key_of


def test_one_key_without_its_view_proves_no_view(
    bundle: bytes, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    (tmp_path / "owners.zip").write_bytes(bundle)
    owners, operators = (signing.signing_key(view).public_key() for view in View)
    (tmp_path / "key.pem").write_text(keys.pem_of(owners))
    (tmp_path / "other.pem").write_text(keys.pem_of(operators))
    assert main([str(tmp_path / "owners.zip"), "--key", str(tmp_path / "key.pem")]) == INTACT
    assert "The key's view was not checked" in capsys.readouterr().out
    assert main([str(tmp_path / "owners.zip"), "--key", str(tmp_path / "other.pem")]) == CHANGED


def test_an_export_of_an_earlier_release_names_no_view(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """Earlier releases signed both views with the key that is the owner's now."""
    kept = Path(__file__).with_name("export-1.zip")
    assert "view" not in manifest(kept.read_bytes())
    own = keys.of_pem(manifest(kept.read_bytes())["public_key"])
    assert main([str(kept)]) == INTACT
    assert "It does not say whose view it is" in capsys.readouterr().out
    for view, is_fitting in ((View.OWNER, True), (None, True), (View.OPERATOR, False)):
        with kept.open("rb") as file:
            assert (verify(file, known=[KnownKey(own, view)]).problems == []) is is_fitting


@pytest.mark.parametrize(
    "text", ["{", "{}", '{"keys": []}', '{"keys": [7]}', '{"keys": [{"pem": "x", "view": "owner"}]}', "{" * 100_000]
)
def test_a_file_without_keys(text: str, tmp_path: Path, bundle: bytes) -> None:
    with pytest.raises(NoKey):
        keys.of_text(text)
    (tmp_path / "keys.json").write_text(text)
    (tmp_path / "owners.zip").write_bytes(bundle)
    assert main([str(tmp_path / "owners.zip"), "--key", str(tmp_path / "keys.json")]) == NOT_CHECKED


def test_keys_that_were_saved_from_an_earlier_release(bundle: bytes, known: Path) -> None:
    earlier = {"keys": [{"id": key.id, "pem": key.pem} for key in signing.public_keys() if key.view == View.OWNER]}
    known.write_text(json.dumps(earlier))
    assert checked(bundle, known) == []


def test_under_duress_the_owners_export_names_the_same_view_and_key(phone: APIClient, ana: Any, alert: str) -> None:
    before = manifest(export(phone, alert).getvalue())
    set_pins(ana)
    assert phone.post(f"/api/v1/sos-alerts/{alert}/cancel/", {"pin": DURESS_PIN}, format="json").status_code == 200
    after = manifest(export(phone, alert).getvalue())
    assert after.keys() == before.keys()
    assert [after[name] for name in ("view", "key_id", "public_key")] == [
        before[name] for name in ("view", "key_id", "public_key")
    ]


def test_the_keys_come_from_the_secret_key_unless_one_is_set(settings: Any) -> None:
    derived = signing.public_keys()
    assert [key.view for key in derived] == [View.OWNER, View.OPERATOR]
    settings.EXPORT_SIGNING_KEY = "ab" * 32
    own = signing.public_keys()
    assert [key.view for key in own] == [View.OWNER, View.OWNER, View.OPERATOR, View.OPERATOR]
    assert own[1::2] == derived
    assert own[0].id == keys.id_of(signing.signing_key(View.OWNER).public_key())
    assert own[2].id == keys.id_of(signing.signing_key(View.OPERATOR).public_key())
    assert len({key.id for key in own}) == 4
    settings.EXPORT_SIGNING_KEY = ""
    settings.SECRET_KEY, settings.SECRET_KEY_FALLBACKS = "another-key" * 9, [settings.SECRET_KEY]
    assert signing.public_keys()[1::2] == derived
