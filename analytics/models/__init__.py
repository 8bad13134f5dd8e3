"""Tables of floor 4: counters that can be rebuilt from the event log, and webhooks that tell of it."""

from analytics.models.counters import (
    CampaignDay,
    ComplaintDay,
    EventTotal,
    FirstEngagement,
    FoldCursor,
)
from analytics.models.webhooks import (
    DeliveryState,
    EndpointState,
    WebhookDelivery,
    WebhookEndpoint,
)

__all__ = [
    "CampaignDay",
    "ComplaintDay",
    "DeliveryState",
    "EndpointState",
    "EventTotal",
    "FirstEngagement",
    "FoldCursor",
    "WebhookDelivery",
    "WebhookEndpoint",
]
