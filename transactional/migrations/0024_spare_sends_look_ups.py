"""An insert of a contact or a sendId looks up no account any more, and writes one index less."""

import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('tokens', '0003_add_company_to_account'),
        ('transactional', '0023_note_clock_jumps'),
    ]

    operations = [
        migrations.AlterField(
            model_name='contact',
            name='account',
            field=models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='contacts', to='tokens.account'),
        ),
        migrations.AlterField(
            model_name='sendidentity',
            name='account',
            field=models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='+', to='tokens.account'),
        ),
    ]
