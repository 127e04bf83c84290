from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('alerts', '0019_people_are_encrypted'),
    ]

    operations = [
        migrations.AddField(
            model_name='alertposition',
            name='at_is_known',
            field=models.BooleanField(db_default=True, default=True),
        ),
        migrations.AddField(
            model_name='sosalert',
            name='battery_pct',
            field=models.PositiveSmallIntegerField(null=True),
        ),
    ]
