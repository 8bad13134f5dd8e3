"""The index of the list of contacts serves that list alone: no look-up by address takes it for its own."""

from django.contrib.postgres.operations import AddIndexConcurrently, RemoveIndexConcurrently
from django.db import migrations, models


class Migration(migrations.Migration):
    atomic = False

    dependencies = [
        ('transactional', '0031_mark_dots_beyond'),
    ]

    operations = [
        AddIndexConcurrently(
            model_name='contact',
            index=models.Index(condition=models.Q(('id__gt', 0)), fields=['account', '-id'], name='contact_newest'),
        ),
        RemoveIndexConcurrently(
            model_name='contact',
            name='contact_list',
        ),
    ]
