"""English: 26 Nov 2026, 08:19. Django's own 11/26/2026 is another day, or none, to most of its readers."""

DATE_FORMAT = SHORT_DATE_FORMAT = "j M Y"
TIME_FORMAT = "H:i"
DATETIME_FORMAT = SHORT_DATETIME_FORMAT = "j M Y, H:i"
