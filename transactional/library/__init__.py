"""The image library: what may be uploaded, where it is kept, who uses it."""
