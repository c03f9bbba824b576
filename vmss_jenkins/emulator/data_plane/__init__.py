"""Instances that answer HTTP, and load balancers that spread connections over them.

Real sockets on 127.0.0.1. This room knows names and pages, but none of Azure's resources.
"""
