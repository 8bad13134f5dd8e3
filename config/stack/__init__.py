"""The processes of one installation: embedded PostgreSQL and Valkey, and their supervisor."""
