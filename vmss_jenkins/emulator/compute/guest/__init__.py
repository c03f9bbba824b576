"""What runs inside an instance: extensions, their scripts, applications, and the page that all of them leave."""
