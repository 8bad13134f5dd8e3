"""Another kind of change that a domain's owners are told of; nothing changes in the database."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("domains", "0010_pause_by_complaints")]

    operations = [
        migrations.AlterField(
            model_name="domainchange",
            name="kind",
            field=models.CharField(
                choices=[
                    ("broke", "A record broke"),
                    ("recovered", "Every record is right again"),
                    ("elsewhere", "Another account verified the same name"),
                    ("refused", "A receiver refuses its mail as not authenticated"),
                ],
                max_length=10,
            ),
        ),
    ]
