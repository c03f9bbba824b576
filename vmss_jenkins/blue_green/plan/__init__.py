"""Which set of a pair gets a release, which rule is switched, and what forbids it. Pure."""
