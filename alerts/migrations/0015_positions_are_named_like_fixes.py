from django.db import migrations, models


def named(model: str, old: str, new: str, field: models.Field) -> list[migrations.operations.base.Operation]:
    return [migrations.RenameField(model, old, new), migrations.AlterField(model, new, field)]


class Migration(migrations.Migration):
    """Live positions and heartbeats get the field names of fixes. Columns keep their names, so no SQL is run: an old
    release stores positions before, during and after this migration."""

    dependencies = [
        ('alerts', '0014_gave_way_to_the_next'),
    ]

    operations = [
        migrations.SeparateDatabaseAndState(
            state_operations=[
                # The index names its fields; in the database it is the same index of the same columns.
                migrations.RemoveIndex('alertposition', 'position_by_time'),
                *named('alertposition', 'accuracy', 'accuracy_m', models.FloatField(db_column='accuracy', null=True)),
                *named('alertposition', 'altitude', 'altitude_m', models.FloatField(db_column='altitude', null=True)),
                *named('alertposition', 'speed', 'speed_mps', models.FloatField(db_column='speed', null=True)),
                *named('alertposition', 'course', 'course_deg', models.FloatField(db_column='course', null=True)),
                *named('alertposition', 'battery', 'battery_pct', models.PositiveSmallIntegerField(db_column='battery', null=True)),
                *named('alertposition', 'recorded_at', 'at', models.DateTimeField(db_column='recorded_at')),
                migrations.AddIndex('alertposition', models.Index(fields=['alert', '-at', '-id'], name='position_by_time')),
                *named('heartbeat', 'accuracy', 'accuracy_m', models.FloatField(db_column='accuracy', null=True)),
                *named('heartbeat', 'battery', 'battery_pct', models.PositiveSmallIntegerField(db_column='battery', null=True)),
            ],
        ),
    ]
