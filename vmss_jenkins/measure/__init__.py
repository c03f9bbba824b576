"""How the world is asked for a verdict: HTTP requests, programs, SSH tunnels, health."""
