"""The documentation: what its pages show is what today's version prints."""
