"""What a surge does next: new instances first, old ones deleted after. Pure."""
