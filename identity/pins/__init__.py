"""The safe PIN, which ends an alert, and the duress PIN, which only seems to (pins.py). Wrong tries lock."""
