"""How days and moments are written, by language: so that nobody takes a day for a month."""
