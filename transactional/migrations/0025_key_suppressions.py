"""Suppressed addresses stand with their domain in A-labels: both spellings become one entry."""

import unicodedata

import idna
from django.db import migrations, models

FOREIGN = r"@.*[^\x01-\x7f]"  # something beyond ASCII in the domain


def keyed(address):
    """What `wire.address.address_key` said when this was written, cut to the column."""
    local, _, domain = address.lower().rpartition("@")
    try:
        name = idna.encode(unicodedata.normalize("NFC", domain), strict=True, std3_rules=True)
    except UnicodeError:
        return address
    return f"{local}@{name.decode()}"[:254]


def rewrite(apps, _editor):
    """Each row by itself: there are few. Where both spellings stand, the wider and longer one rules."""
    Suppression = apps.get_model("transactional", "Suppression")
    for row in Suppression.objects.filter(address__regex=FOREIGN).order_by("pk"):
        address = keyed(row.address)
        if address == row.address:
            continue
        other = Suppression.objects.filter(
            account_id=row.account_id, address=address, reason=row.reason
        ).first()
        if other is None:
            row.address = address
            row.save(update_fields=["address"])
            continue
        if row.scope == "all":
            other.scope = "all"
        if row.trial_at is None or (other.trial_at is not None and row.trial_at > other.trial_at):
            other.trial_at = row.trial_at
        other.save(update_fields=["scope", "trial_at"])
        row.delete()
    GlobalBlock = apps.get_model("transactional", "GlobalBlock")
    for row in GlobalBlock.objects.filter(address__regex=FOREIGN).order_by("pk"):
        address = keyed(row.address)
        other = GlobalBlock.objects.filter(address=address).first()
        if other is None:
            row.address = address
            row.save(update_fields=["address"])
        elif other.pk != row.pk:
            other.until, other.accounts = max(other.until, row.until), max(other.accounts, row.accounts)
            other.save(update_fields=["until", "accounts"])
            row.delete()
    SuppressionChange = apps.get_model("transactional", "SuppressionChange")
    for row in SuppressionChange.objects.filter(address__regex=FOREIGN).order_by("pk"):
        row.address = keyed(row.address)
        row.save(update_fields=["address"])


class Migration(migrations.Migration):

    dependencies = [
        ('transactional', '0024_spare_sends_look_ups'),
    ]

    operations = [
        migrations.AlterField(
            model_name='suppression',
            name='address',
            field=models.CharField(help_text='Lower case, the domain in A-labels.', max_length=254),
        ),
        migrations.RunPython(rewrite, migrations.RunPython.noop),
    ]
