"""Migration from the plugin: reads Jenkinsfiles and jobs, writes our commands and vmss.yaml, and names faults."""
