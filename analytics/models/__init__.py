"""Tables of floor 4: everything here can be rebuilt from the event log."""

from analytics.models.counters import CampaignDay, FirstEngagement, FoldCursor

__all__ = ["CampaignDay", "FirstEngagement", "FoldCursor"]
