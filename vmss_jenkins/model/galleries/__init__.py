"""What Azure tells about the images of galleries and of the marketplace."""
