"""An account's changes of subscriptions, newest first, along an index."""

from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models


class Migration(migrations.Migration):
    atomic = False

    dependencies = [
        ("transactional", "0032_list_contacts_apart"),
    ]

    operations = [
        AddIndexConcurrently(
            model_name="subscriptionchange",
            index=models.Index(fields=["account", "-id"], name="subscription_changes"),
        ),
    ]
