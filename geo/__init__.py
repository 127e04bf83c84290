"""Fixes that phones send, people's zones, and events: a person entered or left a zone. Limits are in policy.py.

fixes      reading (from JSON), clocks (right times), tracking (store), partitions (weeks), history, exports, retention
zones      zones (change), blueprints (named sets), shapes (distances), schedules (hours), zonesets (cached), knowledge
events     hints (who is due), evaluation (runs), presence (decides), nearness, memory, telling (stores, texts), texts
"""
