"""Time and waiting: the clock, retries, deadlines, signs of life."""
