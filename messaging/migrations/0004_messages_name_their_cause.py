from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('messaging', '0003_messages_that_stand_alone'),
    ]

    operations = [
        migrations.AddField(
            model_name='message',
            name='on_behalf_of',
            field=models.CharField(blank=True, db_default='', max_length=40),
        ),
    ]
