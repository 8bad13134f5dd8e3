"""The events of an account by time, for the events feed: made beside running traffic."""

from django.db import migrations, models

from transactional.models.partition_index import AddPartitionedIndex


class Migration(migrations.Migration):
    atomic = False

    dependencies = [
        ('transactional', '0025_key_suppressions'),
    ]

    operations = [
        AddPartitionedIndex(
            model_name='event',
            index=models.Index(fields=['account', 'at', 'id'], name='event_feed'),
        ),
        AddPartitionedIndex(
            model_name='event',
            index=models.Index(condition=models.Q(('recipient__isnull', True)), fields=['account', 'at', 'id'], name='event_refused'),
        ),
    ]
