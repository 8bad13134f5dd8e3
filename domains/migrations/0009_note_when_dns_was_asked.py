from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('domains', '0008_name_dmarc_sources'),
    ]

    operations = [
        migrations.AddField(
            model_name='domain',
            name='asked_at',
            field=models.DateTimeField(blank=True, help_text='When DNS was asked for what stands here.', null=True),
        ),
        migrations.AddField(
            model_name='egresssource',
            name='asked_at',
            field=models.DateTimeField(blank=True, help_text='When DNS was asked for what stands here.', null=True),
        ),
    ]
