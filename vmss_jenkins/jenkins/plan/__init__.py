"""Pure: the jobs that are wanted and that exist, their difference, and the hand-off record."""
