"""The variables an email asks of whoever sends it: declared, checked, filled in, masked, proposed."""
