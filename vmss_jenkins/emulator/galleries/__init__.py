"""Compute galleries: definitions, versions, their replication, and which image a reference of a model means.

Its ``api`` parses requests and renders answers.
"""
