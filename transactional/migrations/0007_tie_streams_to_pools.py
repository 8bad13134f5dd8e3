from django.db import migrations, models

# Marketing streams that somebody pointed at a dedicated pool go back to the operator's; transactional
# ones at another's pool, to their account's own
REPAIR = """
INSERT INTO domains_pool (account_id, name, dedicated)
SELECT NULL, 'shared', false WHERE EXISTS (
    SELECT FROM transactional_stream s JOIN domains_pool p ON p.id = s.pool_id
    WHERE s.kind <> 'transactional' AND p.owner <> 0
) ON CONFLICT DO NOTHING;
INSERT INTO domains_pool (account_id, name, dedicated)
SELECT DISTINCT s.account_id, 'dedicated', true
FROM transactional_stream s JOIN domains_pool p ON p.id = s.pool_id
WHERE s.kind = 'transactional' AND p.owner <> s.account_id
ON CONFLICT DO NOTHING;
UPDATE transactional_stream s SET pool_id = shared.id
FROM domains_pool p, domains_pool shared
WHERE p.id = s.pool_id AND s.kind <> 'transactional' AND p.owner <> 0
    AND shared.name = 'shared' AND shared.account_id IS NULL;
UPDATE transactional_stream s SET pool_id = own.id
FROM domains_pool p, domains_pool own
WHERE p.id = s.pool_id AND s.kind = 'transactional' AND p.owner <> s.account_id
    AND own.name = 'dedicated' AND own.account_id = s.account_id;
SET CONSTRAINTS ALL IMMEDIATE;
"""
TIE = """
ALTER TABLE transactional_stream
    ADD CONSTRAINT stream_owner_pool FOREIGN KEY (pool_id, pool_owner)
    REFERENCES domains_pool (id, owner) DEFERRABLE INITIALLY DEFERRED;
"""
UNTIE = "ALTER TABLE transactional_stream DROP CONSTRAINT stream_owner_pool;"


class Migration(migrations.Migration):
    dependencies = [
        ("domains", "0002_add_source_history"),
        ("transactional", "0006_add_email_settings"),
    ]

    operations = [
        migrations.RunSQL(REPAIR, migrations.RunSQL.noop),
        migrations.AddField(
            model_name="stream",
            name="pool_owner",
            field=models.GeneratedField(
                db_persist=True,
                expression=models.Case(
                    models.When(kind="transactional", then=models.F("account")),
                    default=models.Value(0),
                ),
                help_text="Whose pool it must be. The database holds it (`stream_owner_pool`).",
                output_field=models.BigIntegerField(),
            ),
        ),
        migrations.RunSQL(TIE, UNTIE),
    ]
