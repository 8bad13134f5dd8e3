"""Why a message fared as it did: the decisions that were taken about it, in order, in words."""

from transactional.explain.errors import tell_error, tell_reply
from transactional.explain.held import WhyHeld, why_held
from transactional.explain.story import Ahead, Explanation, Told, Try, explain, of_story
from transactional.explain.tell import Step, steps
from transactional.explain.values import tell_barred

__all__ = [
    "Ahead",
    "Explanation",
    "Step",
    "Told",
    "Try",
    "WhyHeld",
    "explain",
    "of_story",
    "steps",
    "tell_barred",
    "tell_error",
    "tell_reply",
    "why_held",
]
