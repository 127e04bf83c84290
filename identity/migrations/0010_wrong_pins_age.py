import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

# Wrong tries that stand count on: each as one that was made just now.
_CARRY_OVER = """
UPDATE identity_pin SET tries_forgotten_at = now() + least(wrong_tries, 8) * interval '72 minutes' WHERE wrong_tries > 0
"""


class Migration(migrations.Migration):

    dependencies = [
        ('identity', '0009_idempotency_is_encrypted'),
    ]

    operations = [
        migrations.AddField(
            model_name='pin',
            name='tries_forgotten_at',
            field=models.DateTimeField(null=True),
        ),
        migrations.AlterField(
            model_name='pin',
            name='wrong_tries',
            field=models.PositiveIntegerField(db_default=0, default=0),
        ),
        migrations.CreateModel(
            name='AcceptedPin',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('thing', models.CharField(max_length=60)),
                ('is_duress', models.BooleanField()),
                ('at', models.DateTimeField()),
                ('user', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, to=settings.AUTH_USER_MODEL)),
            ],
            options={
                'indexes': [models.Index(fields=['at'], name='accepted_pin_age')],
                'constraints': [models.UniqueConstraint(fields=('user', 'thing'), name='accepted_pin_once')],
            },
        ),
        migrations.RunSQL(_CARRY_OVER, migrations.RunSQL.noop),
    ]
