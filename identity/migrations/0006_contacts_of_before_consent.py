"""Stores a consent for each contact that was added before this upgrade: accepted, or declined if they had declined.

So nobody loses protection by the upgrade.
"""

from django.db import migrations

FORWARDS = """
CREATE FUNCTION identity_refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'the history of consent is append-only' USING ERRCODE = 'integrity_constraint_violation';
END $$;
CREATE TRIGGER consentrecord_append_only BEFORE UPDATE ON identity_consentrecord
    FOR EACH ROW EXECUTE FUNCTION identity_refuse_change();

INSERT INTO identity_contactconsent
    (id, user_id, phone_number, state, at, how, text_version, language, texts_sent, generation)
SELECT gen_random_uuid(), user_id, phone_number, CASE WHEN declined_at IS NULL THEN 'accepted' ELSE 'declined' END,
    coalesce(declined_at, now()), 'before', 0, language, 0, 0
FROM identity_emergencycontact ON CONFLICT DO NOTHING;
INSERT INTO identity_consentrecord (user_id, phone_number, state, at, how, text_version, language)
SELECT user_id, phone_number, state, at, how, text_version, language FROM identity_contactconsent WHERE how = 'before';
"""
BACKWARDS = """
DROP TRIGGER consentrecord_append_only ON identity_consentrecord;
DROP FUNCTION identity_refuse_change();
DELETE FROM identity_consentrecord;
DELETE FROM identity_contactconsent;
"""


class Migration(migrations.Migration):
    dependencies = [("identity", "0005_consent_of_contacts")]

    operations = [migrations.RunSQL(FORWARDS, BACKWARDS)]
