"""Sends from the app: an email to typed addresses, lists or the rows of a file, through the one door."""
