"""Renderers of the event stream."""
