from django.db import migrations


class Migration(migrations.Migration):

    dependencies = [
        ("transactional", "0019_carry_footers_to_accounts"),
    ]

    operations = [
        migrations.RemoveField(model_name="brandkit", name="company"),
        migrations.RemoveField(model_name="brandkit", name="address"),
    ]
