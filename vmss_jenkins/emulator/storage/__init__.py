"""The provider Microsoft.Storage.

Storage accounts and their routes. Blobs are served by Azurite, or by the container in ``front.blobs``.
"""
