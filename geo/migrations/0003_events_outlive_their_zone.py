import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

# Whose they are, and what the zone is called now: what it was called then nobody knows.
OWNERS = """
UPDATE geo_zoneevent SET owner_id = geo_geozone.owner_id, zone_name = geo_geozone.name
FROM geo_geozone WHERE geo_geozone.id = geo_zoneevent.zone_id
"""


class Migration(migrations.Migration):

    dependencies = [
        ('geo', '0002_blueprints_and_cached_zones'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.AddField(
            model_name='zoneevent',
            name='owner',
            field=models.ForeignKey(db_index=False, null=True, on_delete=django.db.models.deletion.CASCADE, related_name='+', to=settings.AUTH_USER_MODEL),
        ),
        migrations.AddField(
            model_name='zoneevent',
            name='zone_name',
            field=models.CharField(db_default='', max_length=100),
        ),
        migrations.AlterField(
            model_name='zoneevent',
            name='zone',
            field=models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='events', to='geo.geozone'),
        ),
        migrations.AddIndex(
            model_name='zoneevent',
            index=models.Index(fields=['owner', 'id'], name='zone_event_of_owner'),
        ),
        # Last: rows that were just changed keep the table from being altered.
        migrations.RunSQL(OWNERS, migrations.RunSQL.noop),
    ]
