"""A domain of the browser tests' world that has everything its page may show."""

from django.utils import timezone

from domains.models import DkimKey, DnsMode, Domain, DomainChange, KeyState
from tests.cast import Cast

LED = "xn--80ak6aa92e.example"  # Cyrillic letters that look like another name


def make_led(cast: Cast) -> None:
    """A domain that is led to our own DNS and looks like another's, with keys in every state, and
    something that broke.
    """
    led = Domain.objects.create(
        account=cast.account, name=LED, dns_mode=DnsMode.DELEGATED, verified_at=timezone.now()
    )
    key = DkimKey.objects.filter(domain__account=cast.account, algorithm="rsa").first()
    assert key is not None
    states = (KeyState.ACTIVE, KeyState.NEXT, KeyState.RETIRING, KeyState.RETIRED)
    for number, state in enumerate(states):
        key.pk, key.domain, key.selector, key.state = None, led, f"mail{number}", state
        key.imported, key.bits = True, 1024
        key.save()
    finding = {"purpose": "dmarc", "host": f"_dmarc.{LED}", "status": "missing", "code": "missing"}
    DomainChange.objects.create(domain=led, kind="broke", findings=[finding])
    DomainChange.objects.create(domain=led, kind="elsewhere", told_at=timezone.now())


def led(cast: Cast) -> int:
    """The number of that domain."""
    return int(Domain.objects.of(cast.account).get(name=LED).pk)
