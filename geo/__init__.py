"""Positions, geozones, presence inside and outside of them, and zone blueprints."""
