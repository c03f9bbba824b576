"""From old Jenkinsfiles with the plugin's steps to our commands, and the faults that lay in them."""
