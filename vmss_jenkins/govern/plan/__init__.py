"""What is answered when Azure asks whether it may upgrade instances; pure."""
