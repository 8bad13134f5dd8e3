from django.db import migrations


class Migration(migrations.Migration):

    dependencies = [
        ('transactional', '0034_let_incidents_be_quiet'),
    ]

    operations = [
        migrations.CreateModel(
            name='ShapingCell',
            fields=[
            ],
            options={
                'verbose_name': 'shaping cell',
                'verbose_name_plural': 'shaping cells',
                'proxy': True,
                'default_permissions': ('view', 'change'),
                'indexes': [],
                'constraints': [],
            },
            bases=('transactional.shapingrule',),
        ),
    ]
