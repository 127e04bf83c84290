from django.db import migrations

# The application's role may not own the table (config/roles.py), and only an owner adds or drops a partition. Temporary
# tables come last in the search path: a caller's own must not be taken for ours.
FORWARDS = """
CREATE FUNCTION geo_make_week(week text) RETURNS void LANGUAGE plpgsql
    SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    since date := to_date(substr(week, 9), 'IYYY_IW');
BEGIN
    IF week !~ '^geo_fix_[0-9]{4}_[0-9]{2}$' OR week <> to_char(since, '"geo_fix_"IYYY_IW') THEN
        RAISE EXCEPTION 'not the name of a week' USING ERRCODE = 'invalid_parameter_value';
    END IF;
    EXECUTE format(
        'CREATE TABLE IF NOT EXISTS %I PARTITION OF geo_fix FOR VALUES FROM (%L) TO (%L)',
        week, since::text || ' 00:00:00+00', (since + 7)::text || ' 00:00:00+00'
    );
END $$;
CREATE FUNCTION geo_drop_week(week text) RETURNS void LANGUAGE plpgsql
    SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    IF week !~ '^geo_fix_[0-9]{4}_[0-9]{2}$' THEN
        RAISE EXCEPTION 'not the name of a week' USING ERRCODE = 'invalid_parameter_value';
    END IF;
    EXECUTE format('DROP TABLE %I', week);
END $$;
"""
BACKWARDS = """
DROP FUNCTION geo_drop_week(text);
DROP FUNCTION geo_make_week(text);
"""


class Migration(migrations.Migration):
    dependencies = [("geo", "0005_events_say_when_the_boundary_was_crossed")]

    operations = [migrations.RunSQL(FORWARDS, BACKWARDS)]
