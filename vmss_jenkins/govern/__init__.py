"""Azure's automatic OS upgrades, governed: each batch waits until gates have judged the one before."""
