"""`manage.py demo`: everything in one process and one command, and a story that shows it working."""
