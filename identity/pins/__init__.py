"""The safe PIN ends an alert, the duress PIN only seems to end it (pins.py). Wrong tries lock both for a while."""
