import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('identity', '0007_sessions_listed_and_fresh'),
    ]

    operations = [
        migrations.CreateModel(
            name='StaffFactor',
            fields=[
                ('user', models.OneToOneField(on_delete=django.db.models.deletion.CASCADE, primary_key=True, related_name='staff_factor', serialize=False, to=settings.AUTH_USER_MODEL)),
                ('secret', models.BinaryField()),
                ('last_step', models.BigIntegerField(default=0)),
                ('recovery_hashes', models.JSONField(default=list)),
                ('sessions_from', models.DateTimeField()),
            ],
        ),
    ]
