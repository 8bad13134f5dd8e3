"""The way in: one door for the HTTP API, the browser and SMTP."""
