"""A rollout as a page, with its stylesheet and pictures."""
