import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
        ("alerts", "0020_positions_of_unknown_age"),
    ]

    operations = [
        migrations.AddField("activitytimer", "kept_of", models.UUIDField(null=True)),
        migrations.AddField("activitytimer", "proved_at", models.DateTimeField(null=True)),
        migrations.AddField("sosalert", "is_silent", models.BooleanField(db_default=False, default=False)),
        migrations.AddField("sosalert", "beside", models.UUIDField(null=True)),
        migrations.CreateModel(
            name="KeptPolicy",
            fields=[
                (
                    "owner",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.CASCADE,
                        primary_key=True,
                        related_name="kept_policy",
                        serialize=False,
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                ("waves", models.JSONField(null=True)),
                ("give_up_after_s", models.PositiveIntegerField()),
            ],
        ),
    ]
