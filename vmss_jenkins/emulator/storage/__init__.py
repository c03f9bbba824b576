"""The provider Microsoft.Storage.

Storage accounts and their routes. Blobs are another server's: Azurite, or the container in ``front.blobs``.
"""
