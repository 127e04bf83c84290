"""`manage.py demo`: AlertMe's processes as threads of one, and a story (story.py) of an SOS to five phones."""
