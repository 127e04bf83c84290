import django.db.models.deletion
from django.db import migrations, models

# Steps go only with their alert: whoever erases a whole alert erases its timeline too, and nobody a part of it. Checked
# at commit, because an alert is deleted after its steps.
FORWARDS = """
CREATE OR REPLACE FUNCTION alerts_refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    -- Sealed once, and nothing else.
    IF OLD.seq IS NULL AND NEW.seq IS NOT NULL
        AND to_jsonb(NEW) - ARRAY['seq', 'hash'] = to_jsonb(OLD) - ARRAY['seq', 'hash'] THEN
        RETURN NEW;
    END IF;
    RAISE EXCEPTION 'the timeline of an alert is append-only' USING ERRCODE = 'integrity_constraint_violation';
END $$;
CREATE FUNCTION alerts_refuse_deletion() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (SELECT FROM alerts_sosalert WHERE id = OLD.alert_id) THEN
        RAISE EXCEPTION 'the timeline of an alert is append-only' USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    RETURN NULL;
END $$;
CREATE CONSTRAINT TRIGGER alertevent_goes_with_its_alert AFTER DELETE ON alerts_alertevent
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION alerts_refuse_deletion();
CREATE CONSTRAINT TRIGGER timelineseal_goes_with_its_alert AFTER DELETE ON alerts_timelineseal
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION alerts_refuse_deletion();
"""
BACKWARDS = """
DROP TRIGGER timelineseal_goes_with_its_alert ON alerts_timelineseal;
DROP TRIGGER alertevent_goes_with_its_alert ON alerts_alertevent;
DROP FUNCTION alerts_refuse_deletion();
CREATE OR REPLACE FUNCTION alerts_refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'the timeline of an alert is append-only' USING ERRCODE = 'integrity_constraint_violation';
END $$;
"""


class Migration(migrations.Migration):

    dependencies = [
        ('alerts', '0012_timeline_is_append_only'),
    ]

    operations = [
        migrations.CreateModel(
            name='TimelineSeal',
            fields=[
                ('alert', models.OneToOneField(on_delete=django.db.models.deletion.CASCADE, primary_key=True, related_name='seal', serialize=False, to='alerts.sosalert')),
                ('entries', models.PositiveIntegerField(default=0)),
                ('head', models.CharField(blank=True, max_length=64)),
                ('due_at', models.DateTimeField(null=True)),
            ],
        ),
        migrations.AddField(
            model_name='alertevent',
            name='hash',
            field=models.CharField(blank=True, db_default='', max_length=64),
        ),
        migrations.AddField(
            model_name='alertevent',
            name='message_event_id',
            field=models.BigIntegerField(null=True),
        ),
        migrations.AddField(
            model_name='alertevent',
            name='seq',
            field=models.PositiveIntegerField(null=True),
        ),
        migrations.AlterField(
            model_name='alertevent',
            name='kind',
            field=models.CharField(choices=[('raised', 'Raised'), ('pressed_again', 'Pressed Again'), ('check_in_missed', 'Check In Missed'), ('step_taken', 'Step Taken'), ('acknowledged', 'Acknowledged'), ('declined', 'Declined'), ('exhausted', 'Exhausted'), ('resolved', 'Resolved'), ('cancelled', 'Cancelled'), ('gave_way', 'a drill ended because the person pressed SOS'), ('pin_wrong', 'Pin Wrong'), ('duress', 'Duress'), ('evidence_added', 'Evidence Added'), ('evidence_held', 'Evidence Held'), ('evidence_released', 'Evidence Released'), ('evidence_erased', 'Evidence Erased'), ('message', 'what became of an SMS or a call that asks for help')], max_length=30),
        ),
        migrations.AddIndex(
            model_name='alertevent',
            index=models.Index(condition=models.Q(('seq', None)), fields=['id'], name='event_to_seal'),
        ),
        migrations.AddConstraint(
            model_name='alertevent',
            constraint=models.UniqueConstraint(condition=models.Q(('seq__isnull', False)), fields=('alert', 'seq'), name='event_seq_once'),
        ),
        migrations.AddConstraint(
            model_name='alertevent',
            constraint=models.UniqueConstraint(condition=models.Q(('message_event_id__isnull', False)), fields=('alert', 'message_event_id'), name='event_of_a_move_once'),
        ),
        migrations.AddConstraint(
            model_name='alertevent',
            constraint=models.CheckConstraint(condition=models.Q(('seq', None), models.Q(('hash', ''), _negated=True), _connector='XOR'), name='event_has_a_hash_iff_sealed'),
        ),
        migrations.AddIndex(
            model_name='timelineseal',
            index=models.Index(condition=models.Q(('due_at__isnull', False)), fields=['due_at'], name='seal_due'),
        ),
        migrations.RunSQL(FORWARDS, BACKWARDS),
    ]
