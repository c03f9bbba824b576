"""A release to a pair of scale sets, and the switch between them, carried out."""
