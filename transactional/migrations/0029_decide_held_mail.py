"""A message's lane and lifetime, for mail that is sent again; what is held, by account."""

from django.db import migrations, models

from transactional.models.partition_index import AddPartitionedIndex


class Migration(migrations.Migration):
    atomic = False

    dependencies = [
        ('transactional', '0028_tell_incidents_later'),
    ]

    operations = [
        migrations.AddField(
            model_name='message',
            name='lane',
            field=models.SmallIntegerField(choices=[(0, 'Urgent'), (1, 'Normal'), (2, 'Bulk')], null=True),
        ),
        migrations.AddField(
            model_name='message',
            name='lifetime',
            field=models.PositiveIntegerField(help_text='Seconds for which it is of use; empty: before this was noted.', null=True),
        ),
        AddPartitionedIndex(
            model_name='recipient',
            index=models.Index(condition=models.Q(('status', 'held')), fields=['account', '-id'], name='recipient_held'),
        ),
    ]
