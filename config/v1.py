"""What all calls of HubSpot's first version share: the one app that all mail belongs to, and its dates."""

from datetime import UTC, datetime, timedelta

APP_ID, APP_NAME = 22709, "SmtpApi"  # there one app of many; here all mail

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def milliseconds(at: datetime) -> int:
    """Since 1970, as v1 writes every date."""
    return (at - _EPOCH) // timedelta(milliseconds=1)
