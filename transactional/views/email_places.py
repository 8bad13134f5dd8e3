"""Where emails are kept: the folders and tags an account uses."""

from django.db import connection

from transactional.models import Email

MOST = 200  # folders, tags: more are found by the search

_TAGS = """
SELECT DISTINCT tag FROM transactional_email, jsonb_array_elements_text(tags) AS tag
WHERE account_id = %s AND archived_at IS NULL ORDER BY tag LIMIT %s
"""


def folders(account_id: int) -> list[str]:
    """The account's folders, in alphabetical order."""
    rows = Email.objects.of(account_id).exclude(folder="").order_by("folder")
    return list(rows.values_list("folder", flat=True).distinct()[:MOST])


def tags(account_id: int) -> list[str]:
    """The tags of its emails in use, in alphabetical order."""
    with connection.cursor() as cursor:
        cursor.execute(_TAGS, [account_id, MOST])
        return [row[0] for row in cursor.fetchall()]
