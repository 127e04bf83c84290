from geo.models.blueprint import Blueprint
from geo.models.due import DueEvaluation
from geo.models.event import Direction, Told, ZoneEvent
from geo.models.fix import Activity, Fix, Network
from geo.models.whereabouts import Whereabouts
from geo.models.zone import GeoZone, Shape, ZoneType

__all__ = [
    "Activity",
    "Blueprint",
    "Direction",
    "DueEvaluation",
    "Fix",
    "GeoZone",
    "Network",
    "Shape",
    "Told",
    "Whereabouts",
    "ZoneEvent",
    "ZoneType",
]
