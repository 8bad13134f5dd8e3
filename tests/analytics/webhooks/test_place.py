"""The webhooks' place in the event log goes with the last endpoint, so that it holds nothing back."""

from analytics.models import EndpointState, FoldCursor, WebhookEndpoint
from analytics.webhooks import outbox


def test_a_place_that_nobody_needs_is_forgotten(endpoint: WebhookEndpoint) -> None:
    FoldCursor.objects.create(name=outbox.CURSOR, xid=5, event_id=outbox.BEGINNING)
    other = FoldCursor.objects.create(name="campaign_day", xid=5, event_id=outbox.BEGINNING)
    outbox.forget_place()
    assert FoldCursor.objects.filter(name=outbox.CURSOR).exists()
    endpoint.state = EndpointState.DISABLED
    endpoint.save()
    outbox.forget_place()
    assert list(FoldCursor.objects.values_list("name", flat=True)) == [other.name]
