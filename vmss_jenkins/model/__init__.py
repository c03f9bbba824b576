"""What there is, as values: images, instances, releases, scripts, the network, and the bodies that Azure sends."""
