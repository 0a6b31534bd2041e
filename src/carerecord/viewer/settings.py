"""What may be told to the viewer from outside?"""

from dataclasses import dataclass


@dataclass(frozen=True)
class ViewerSettings:
    """Read from the environment with the prefix CARERECORD_VIEWER_."""

    region: str = "Shared care record"  # what the bar calls this deployment
    tour: str = ""  # the demo alone: the address of the pretend region's tour
    reason_hours: float = 12.0  # how long a stated reason holds within one sign-in
    emergency_minutes: float = 60.0  # how long a record stays open that was opened without a relationship
