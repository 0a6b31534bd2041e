"""What a client asks for, as it is sent."""

from typing import Any

from carerecord.subscriptions.model import CONTENT, FHIR_JSON

ID_ONLY = {"payload": FHIR_JSON, "_payload": {"extension": [{"url": CONTENT, "valueCode": "id-only"}]}}


def asking(endpoint: str, criteria: str = "Observation", **channel: Any) -> dict[str, Any]:
    """One that asks for ids; a member of the channel that is None is left out."""
    whole = {"type": "rest-hook", "endpoint": endpoint, **ID_ONLY, **channel}
    return {
        "resourceType": "Subscription", "status": "requested", "reason": "Ward board", "criteria": criteria,
        "channel": {name: value for name, value in whole.items() if value is not None},
    }  # fmt: skip
