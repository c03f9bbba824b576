"""The provider Microsoft.Storage.

Its storage accounts and routes, and the container of blobs from which extensions download their scripts.
"""
