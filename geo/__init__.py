"""Fixes that phones send, people's zones, and events: a person entered or left a zone. Limits are in policy.py.

fixes      reading (from JSON), clocks (right times), tracking (store), partitions (weeks), history, exports, retention
zones      zones (change), keptzones (hidden under duress), blueprints (named sets), shapes (distances),
           schedules (days and hours), zonesets (cached for evaluation), knowledge (presence that is shown)
events     hints (who is due), evaluation (runs), track and errors (fixes that count), nearness (zones to ask),
           presence (decides), memory (state as JSON), telling (stores events, texts contacts), texts
"""
