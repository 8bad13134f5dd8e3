"""The URLs of this porch."""

from django.urls import URLPattern, URLResolver

from analytics.api.email_campaigns import CampaignById, Campaigns, CampaignsById
from analytics.api.email_events import EmailEvent, EmailEvents
from analytics.api.subscription_timeline import SubscriptionTimeline
from analytics.api.webhook_deliveries import Deliveries, DeliveryById, Replay
from analytics.api.webhooks import Pause, Resume, Rotate, TestEvent, WebhookById, Webhooks
from config.calls import call

ONE = "api/v1/webhooks/<str:webhook_id>"
FEED, CAMPAIGNS = "email/public/v1/events", "email/public/v1/campaigns"

urlpatterns: list[URLPattern | URLResolver] = [
    *call("api/v1/webhooks", Webhooks.as_view()),
    *call(ONE, WebhookById.as_view()),
    *call(f"{ONE}/rotate", Rotate.as_view()),
    *call(f"{ONE}/pause", Pause.as_view()),
    *call(f"{ONE}/resume", Resume.as_view()),
    *call(f"{ONE}/test", TestEvent.as_view()),
    *call(f"{ONE}/replay", Replay.as_view()),
    *call(f"{ONE}/deliveries", Deliveries.as_view()),
    *call(f"{ONE}/deliveries/<str:delivery_id>", DeliveryById.as_view()),
    *call(FEED, EmailEvents.as_view()),
    *call(f"{FEED}/<str:created>/<str:event_id>", EmailEvent.as_view()),
    *call("email/public/v1/subscriptions/timeline", SubscriptionTimeline.as_view()),
    *call(CAMPAIGNS, Campaigns.as_view()),
    *call(f"{CAMPAIGNS}/by-id", CampaignsById.as_view()),
    *call(f"{CAMPAIGNS}/<str:campaign_id>", CampaignById.as_view()),
]
