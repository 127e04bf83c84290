import django.contrib.postgres.fields
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ("alerts", "0016_presses_are_counted"),
    ]

    operations = [
        migrations.AddField(
            model_name="feignedend",
            name="untold",
            field=django.contrib.postgres.fields.ArrayField(
                base_field=models.UUIDField(),
                db_default=models.Value("{}", django.contrib.postgres.fields.ArrayField(models.UUIDField())),
                default=list,
                size=None,
            ),
        ),
    ]
