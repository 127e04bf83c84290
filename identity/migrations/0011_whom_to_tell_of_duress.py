from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ("identity", "0010_wrong_pins_age"),
    ]

    operations = [
        migrations.AddField(
            model_name="emergencycontact",
            name="tell_of_duress",
            field=models.BooleanField(db_default=True, default=True),
        ),
    ]
