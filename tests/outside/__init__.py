"""Input from outside that is wrong, odd or hostile: one file for each source, each case with the right result."""
