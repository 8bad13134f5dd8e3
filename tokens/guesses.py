"""Wrong guesses of a key's or a token's secret: counted, and told its owner once they add up."""

from datetime import timedelta
from typing import Literal

from django.utils import timezone

from tokens import audit, throttle
from tokens.models import ApiKey, SmtpCredential

GUESSED = "credential.guessed"
QUIET = timedelta(seconds=throttle.QUARTER)  # one entry for each wave of guesses


def note(kind: Literal["api", "smtp"], *, name: str, host: str) -> throttle.Failure:
    """Count a wrong guess of the credential with this name, known or not."""
    failure = throttle.failed(name=name, host=host)
    if failure.suspicious:
        _tell(kind, name.strip().lower() if kind == "smtp" else name, host)
    return failure


def _tell(kind: str, name: str, host: str) -> None:
    if "\0" in name:
        return
    row: ApiKey | SmtpCredential | None
    if kind == "api":
        row = ApiKey.objects.filter(prefix=name).first()
    else:
        row = SmtpCredential.objects.filter(username=name).first()
    if row is None:
        return
    target = f"{kind}:{row.pk}"
    told = audit.last(row.account_id, target=target, what=GUESSED)
    if told is None or timezone.now() - told > QUIET:
        audit.record(
            row.account_id,
            GUESSED,
            by=audit.SYSTEM,
            target=target,
            name=str(row),
            data={"failures": throttle.SUSPECT, "host": host},
        )
