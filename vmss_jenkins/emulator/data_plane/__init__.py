"""Instances that answer HTTP, and load balancers that spread connections over them.

Real sockets on 127.0.0.1. The room knows names and pages, nothing of Azure's resources.
"""
