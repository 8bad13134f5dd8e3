"""Compare what DNS has with what a domain needs, and name the difference. Pure: asks nothing."""

from domains.diagnose.judge import judge

__all__ = ["judge"]
