from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("identity", "0012_people_are_encrypted")]

    operations = [
        migrations.AddField("emergencycontact", "is_kept", models.BooleanField(db_default=False, default=False)),
        migrations.AddField("device", "is_kept", models.BooleanField(db_default=False, default=False)),
    ]
