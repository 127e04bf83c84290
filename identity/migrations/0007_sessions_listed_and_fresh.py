from django.db import migrations, models
from django.db.models.functions import Now


class Migration(migrations.Migration):

    dependencies = [
        ('identity', '0006_contacts_of_before_consent'),
    ]

    operations = [
        migrations.AddField(
            model_name='session',
            name='created_at',
            field=models.DateTimeField(db_default=Now()),
        ),
        migrations.AddField(
            model_name='session',
            name='last_used_at',
            field=models.DateTimeField(null=True),
        ),
        migrations.AddField(
            model_name='session',
            name='authenticated_at',
            field=models.DateTimeField(null=True),
        ),
        migrations.AddField(
            model_name='session',
            name='name',
            field=models.CharField(db_default='', default='', max_length=100),
        ),
        migrations.AddField(
            model_name='session',
            name='platform',
            field=models.CharField(blank=True, choices=[('android', 'Android'), ('ios', 'Ios'), ('other', 'Other')], db_default='', default='', max_length=10),
        ),
        migrations.AddField(
            model_name='session',
            name='network',
            field=models.CharField(db_default='', default='', max_length=43),
        ),
    ]
