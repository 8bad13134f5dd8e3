"""Company and postal address of brand kits, into accounts that had none."""

import re

from django.db import migrations

# After the first line: 42121 Reggio, D-10115 Berlin, 1234 AB Amsterdam
_TOWN = re.compile(r"((?:[A-Z]{1,2}-)?\d{4,6}(?:-\d{3,4}| [A-Z]{2}(?= ))?)\s+(\S.*)")
FIELDS = ("street", "street_2", "postcode", "city", "region", "country")
LONGEST = {"street": 200, "street_2": 200, "postcode": 20}
FORMER = 10


def parts_of(address):
    """A typed address in the fields of an account: read again, it has the same words in order."""
    lines = [" ".join(line.split()) for line in address.splitlines() if line.strip()]
    one_line = len(lines) == 1
    if one_line:
        lines = [part.strip() for part in lines[0].split(",") if part.strip()]
    if not lines:
        return {}
    found = {"street": lines[0]}
    at = next((at for at, line in enumerate(lines) if at and _TOWN.fullmatch(line)), None)
    if at is not None:
        found["postcode"], found["city"] = _TOWN.fullmatch(lines[at]).groups()
        before, after = lines[1:at], lines[at + 1 :]
        if len(after) > 1:
            found["region"] = after.pop(0)
        found["country"] = ", ".join(after)
    else:
        if len(lines) > 2:
            found["country"] = lines.pop()
        if len(lines) > 1:
            found["city"] = lines.pop()
        before = lines[1:]
    if one_line:
        found["street"] = ", ".join([lines[0], *before])
    else:
        found["street_2"] = ", ".join(before)
    return {name: text[: LONGEST.get(name, 100)] for name, text in found.items() if text}


def footer_of(company, address):
    """The paragraph that drafts got from this kit."""
    shown = []
    for line in [company, *address.splitlines()[:6]]:
        text = "".join(char for char in line.strip() if char.isprintable())
        for char, safe in (("&", "&amp;"), ("<", "&lt;"), (">", "&gt;"), ("{", "(")):
            text = text.replace(char, safe)
        if text:
            shown.append(text)
    return f"<p>{'<br>'.join(shown)}</p>" if shown else ""


def carry(apps, schema_editor):
    """Fill empty fields only; a footer that is another now is found again in drafts."""
    kits = apps.get_model("transactional", "BrandKit").objects.select_related("account")
    for kit in kits.iterator(chunk_size=500):
        account, changed = kit.account, []
        if kit.company and not account.company_name and kit.company != account.name:
            account.company_name = kit.company
            changed.append("company_name")
        if not any(getattr(account, name) for name in FIELDS):
            for name, text in parts_of(kit.address).items():
                setattr(account, name, text)
                changed.append(name)
        if changed:
            account.save(update_fields=changed)
        had = footer_of(kit.company, kit.address)
        if had and had not in kit.former:
            kit.former = [had, *kit.former][:FORMER]
            kit.save(update_fields=["former"])


class Migration(migrations.Migration):

    dependencies = [
        ("tokens", "0003_add_company_to_account"),
        ("transactional", "0018_add_incidents"),
    ]

    operations = [migrations.RunPython(carry, migrations.RunPython.noop)]
