from django.db import migrations, models

CHANNELS = [("sms", "Sms"), ("voice", "Voice"), ("email", "Email")]


class Migration(migrations.Migration):

    dependencies = [("messaging", "0001_initial")]

    operations = [
        migrations.RemoveConstraint(model_name="sender", name="sender_has_an_origin"),
        migrations.RenameField(model_name="sender", old_name="phone_number", new_name="origin"),
        migrations.AlterField(
            model_name="sender", name="origin", field=models.CharField(blank=True, max_length=254)
        ),
        migrations.AddConstraint(
            model_name="sender",
            constraint=models.CheckConstraint(
                condition=models.Q(("messaging_service_sid", ""), ("origin", ""), _negated=True),
                name="sender_has_an_origin",
            ),
        ),
        migrations.AddField(
            model_name="sender",
            name="channel",
            field=models.CharField(choices=CHANNELS, default="sms", max_length=8),
        ),
        migrations.AlterField(
            model_name="message",
            name="channel",
            field=models.CharField(choices=CHANNELS, default="sms", max_length=8),
        ),
        migrations.AlterField(model_name="message", name="address", field=models.CharField(max_length=254)),
    ]
