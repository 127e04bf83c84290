"""Positions, geozones and zone blueprints: an empty place in the map until they are built."""
