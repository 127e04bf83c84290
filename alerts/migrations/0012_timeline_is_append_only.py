from django.db import migrations

FORWARDS = """
CREATE FUNCTION alerts_refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'the timeline of an alert is append-only' USING ERRCODE = 'integrity_constraint_violation';
END $$;
CREATE TRIGGER alertevent_append_only BEFORE UPDATE ON alerts_alertevent
    FOR EACH ROW EXECUTE FUNCTION alerts_refuse_change();
"""
BACKWARDS = """
DROP TRIGGER alertevent_append_only ON alerts_alertevent;
DROP FUNCTION alerts_refuse_change();
"""


class Migration(migrations.Migration):
    dependencies = [("alerts", "0011_drills")]

    operations = [migrations.RunSQL(FORWARDS, BACKWARDS)]
