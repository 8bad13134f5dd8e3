"""The JSON API of this floor: webhooks."""
