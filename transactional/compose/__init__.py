"""From a version and its data to signed bytes: templates, rendering, building."""
