from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("alerts", "0001_initial")]

    operations = [
        migrations.RenameField("alertevent", "status", "kind"),
        migrations.RunSQL(
            "UPDATE alerts_alertevent SET kind = 'raised' WHERE kind = 'active'",
            "UPDATE alerts_alertevent SET kind = 'active' WHERE kind = 'raised'",
        ),
        migrations.AddField("alertevent", "data", models.JSONField(default=dict)),
        migrations.AlterField("alertevent", "by", models.CharField(max_length=50)),
        migrations.AlterField(
            "alertevent",
            "kind",
            models.CharField(
                choices=[
                    ("raised", "Raised"),
                    ("pressed_again", "Pressed Again"),
                    ("resolved", "Resolved"),
                    ("cancelled", "Cancelled"),
                ],
                max_length=30,
            ),
        ),
    ]
