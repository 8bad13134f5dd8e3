"""A small internet on loopback: a mail sink, simulated readers, and DNS. Never part of real mail."""
