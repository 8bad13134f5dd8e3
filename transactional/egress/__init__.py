"""The way out: leases jobs, finds the route, talks SMTP, writes what happened."""
