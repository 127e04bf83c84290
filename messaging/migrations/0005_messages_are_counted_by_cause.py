from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models


class Migration(migrations.Migration):
    """Builds the index without a transaction (CONCURRENTLY), so that an SOS can be written to the table meanwhile."""

    atomic = False

    dependencies = [
        ('messaging', '0004_messages_name_their_cause'),
    ]

    operations = [
        AddIndexConcurrently(
            model_name='message',
            index=models.Index(fields=['address', 'on_behalf_of', 'queued_at'], name='message_by_cause'),
        ),
    ]
