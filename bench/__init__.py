"""What a message costs: the real processes, one load generator, one sink, CPU counted per process."""
