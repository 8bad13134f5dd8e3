"""A column for mail whose story ended in doubt; adding it rewrites no table."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("analytics", "0005_count_complaints")]

    operations = [
        migrations.AddField(
            model_name="campaignday",
            name="unknown",
            field=models.BigIntegerField(db_default=0, default=0),
        ),
    ]
