from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("geo", "0006_weeks_are_made_by_the_owner")]

    operations = [
        migrations.AddField("geozone", "is_kept", models.BooleanField(db_default=False, default=False)),
        migrations.AddField("zoneevent", "is_kept", models.BooleanField(db_default=False, default=False)),
    ]
