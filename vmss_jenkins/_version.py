"""The one place of the version, readable without importing anything."""

VERSION = "0.1.0"
