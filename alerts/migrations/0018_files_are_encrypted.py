import uuid_utils.compat
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("alerts", "0017_contacts_not_told_of_duress"),
    ]

    operations = [
        migrations.AddField(
            model_name="evidence",
            name="file_key",
            field=models.BinaryField(db_default=b"", default=b""),
        ),
        migrations.AddField(
            model_name="evidence",
            name="spare_name",
            field=models.CharField(blank=True, db_default="", default="", max_length=100),
        ),
        migrations.AddField(
            model_name="upload",
            name="beginning",
            field=models.BinaryField(db_default=b"", default=b""),
        ),
        migrations.AddField(
            model_name="upload",
            name="file_key",
            field=models.BinaryField(db_default=b"", default=b""),
        ),
        migrations.AlterField(
            model_name="upload",
            name="id",
            field=models.UUIDField(default=uuid_utils.compat.uuid7, editable=False, primary_key=True, serialize=False),
        ),
    ]
