from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('identity', '0008_staff_second_factor'),
    ]

    operations = [
        migrations.AddField(
            model_name='idempotencyrecord',
            name='encrypted_body',
            field=models.BinaryField(null=True),
        ),
    ]
