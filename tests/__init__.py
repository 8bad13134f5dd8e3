"""Postino's tests: they mirror the code, and use real parts."""
