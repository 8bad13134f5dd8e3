"""What the caller knows a message by. A column without a default: no row is rewritten."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ('transactional', '0029_decide_held_mail'),
    ]

    operations = [
        migrations.AddField(
            model_name='message',
            name='labels',
            field=models.JSONField(editable=False, help_text='What the caller knows it by: sendId and metadata.', null=True),
        ),
    ]
