"""Reads the jobs of a Jenkins server, and changes them to the jobs of a file."""
