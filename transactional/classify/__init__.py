"""What a reply or a report says about an address: the only place that tells hard from soft."""

from transactional.classify.judge import Verdict, reply, report
from transactional.classify.reasons import CATEGORY, WEARING, Category, Reason

__all__ = ["CATEGORY", "WEARING", "Category", "Reason", "Verdict", "reply", "report"]
