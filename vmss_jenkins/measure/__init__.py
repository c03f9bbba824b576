"""How gates measure: HTTP requests, programs, SSH tunnels, health."""
