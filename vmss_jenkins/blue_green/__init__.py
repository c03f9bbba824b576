"""Blue-green: carries out a release to a pair of scale sets, and the switch between them."""
