"""Whether a final dot was for a smarthost. A column with a default of the database's: no row is rewritten."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ('transactional', '0030_label_messages'),
    ]

    operations = [
        migrations.AddField(
            model_name='queuerow',
            name='beyond',
            field=models.BooleanField(db_default=False, default=False, help_text='That final dot is for a smarthost.'),
        ),
    ]
