from django.contrib.postgres.operations import AddIndexConcurrently, RemoveIndexConcurrently
from django.db import migrations, models


class Migration(migrations.Migration):

    atomic = False

    dependencies = [
        ('transactional', '0004_add_lists_and_subscriptions'),
    ]

    operations = [
        AddIndexConcurrently(
            model_name='queuerow',
            index=models.Index(condition=models.Q(('lease__isnull', True)), fields=['lane', 'stream', 'due_at'], name='queue_fair'),
        ),
        RemoveIndexConcurrently(model_name='queuerow', name='queue_claim'),
    ]
