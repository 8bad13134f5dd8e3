"""What else a receiver said while an incident drained; adding the column rewrites no table."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("transactional", "0035_list_shaping_cells")]

    operations = [
        migrations.AddField(
            model_name="incident",
            name="also",
            field=models.JSONField(
                blank=True,
                db_default=[],
                default=list,
                help_text="Other refusals that parked it again while it drained: skeleton and sample.",
            ),
        ),
    ]
