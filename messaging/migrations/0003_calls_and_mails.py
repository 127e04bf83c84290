import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [("messaging", "0002_channels")]

    operations = [
        migrations.AddField(
            model_name="message", name="language", field=models.CharField(blank=True, max_length=2)
        ),
        migrations.AddField(
            model_name="message", name="recording", field=models.CharField(blank=True, max_length=20)
        ),
        # The release before writes neither column.
        migrations.RunSQL(
            "ALTER TABLE messaging_message ALTER language SET DEFAULT '', ALTER recording SET DEFAULT ''",
            "ALTER TABLE messaging_message ALTER language DROP DEFAULT, ALTER recording DROP DEFAULT",
        ),
        migrations.AlterField(
            model_name="message",
            name="sender",
            field=models.ForeignKey(
                null=True, on_delete=django.db.models.deletion.PROTECT, to="messaging.sender"
            ),
        ),
        migrations.AddConstraint(
            model_name="message",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("sender__isnull", False),
                    ("state__in", ("delivered", "undelivered", "failed", "expired", "cancelled", "unconfirmed")),
                    _connector="OR",
                ),
                name="message_has_sender",
            ),
        ),
        migrations.CreateModel(
            name="KeyPress",
            fields=[
                (
                    "attempt",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.CASCADE,
                        primary_key=True,
                        serialize=False,
                        to="messaging.attempt",
                    ),
                ),
                ("digit", models.CharField(max_length=1)),
                ("at", models.DateTimeField()),
            ],
        ),
    ]
