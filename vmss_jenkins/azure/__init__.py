"""Adapters to Azure: each call is made once, and a failure becomes an `AzureError` with a next step."""
