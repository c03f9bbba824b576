"""What Azure does with scale sets by itself, while no client asks for it."""
