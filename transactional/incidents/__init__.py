"""Incidents: watched for in what receivers answer, opened, probed, drained, closed, undone."""
