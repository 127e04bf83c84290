from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('alerts', '0015_positions_are_named_like_fixes'),
    ]

    operations = [
        migrations.AddField(
            model_name='sosalert',
            name='raised_before',
            field=models.PositiveSmallIntegerField(db_default=0, default=0),
        ),
        migrations.AddField(
            model_name='notification',
            name='is_confirmed',
            field=models.BooleanField(db_default=True, default=True),
        ),
    ]
