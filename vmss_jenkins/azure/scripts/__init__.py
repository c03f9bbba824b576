"""Scripts of releases: their settings in a scale set, their URLs and their upload."""
