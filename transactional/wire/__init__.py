"""Where the RFCs live: pure modules, one per RFC or concept; no framework, database, settings or clock."""
