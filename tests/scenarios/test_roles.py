"""The main job runs with a role that owns no table, and that role rewrites nothing."""

from pathlib import Path

import psycopg
import pytest
from psycopg import errors

from alerts.exports.verification import verify
from deploy.local.postgres import as_application
from tests.alerts.evidence import files
from tests.world import World


def test_the_main_job_needs_no_owner(world: World, tmp_path: Path) -> None:
    aida = world.new_person("Aida")
    [contact] = aida.add_contacts("Bek")
    alert = aida.press_sos().json()["id"]
    [sms] = world.wait_for_arrivals([contact.phone], timeout_s=5)
    assert "SOS" in sms.body
    sent = aida.session.post(
        f"{world.url}/api/v1/sos-alerts/{alert}/upload_audio/", files={"audio": files.wav()}, timeout=20
    )
    assert sent.status_code == 201
    sealed = "SELECT count(*) FROM alerts_alertevent WHERE alert_id = %s AND seq IS NOT NULL"
    assert aida.get(f"sos-alerts/{alert}/timeline/").json()["entries"]
    assert world.rows(sealed, alert)[0][0] >= 2
    with aida.session.get(f"{world.url}/api/v1/sos-alerts/{alert}/export/", timeout=60) as answer:
        (tmp_path / "alert.zip").write_bytes(answer.content)
    with (tmp_path / "alert.zip").open("rb") as made:
        assert verify(made).problems == []

    application = as_application(world.database_url)
    connected = "SELECT DISTINCT usename FROM pg_stat_activity WHERE datname = current_database() AND pid <> %s"
    with psycopg.connect(application, autocommit=True) as role:
        users = {name for (name,) in role.execute(connected, [role.info.backend_pid])}
        assert users <= {"alertme_app"}
        for statement in (
            "DROP TRIGGER alertevent_append_only ON alerts_alertevent",
            "DELETE FROM alerts_alertevent",
            "UPDATE alerts_alertevent SET data = '{}'",
            "TRUNCATE alerts_alertevent",
        ):
            with pytest.raises(errors.InsufficientPrivilege):
                role.execute(statement)
