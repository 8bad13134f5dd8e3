"""HubL for templates that move over: the filters, tests and variables that make sense outside HubSpot."""
