"""How is each source called? For pages that know a source by its id alone."""

from carerecord.contracts.sources import REGISTRY, RegistryAsked
from carerecord.kit.errors import Unavailable
from carerecord.viewer.visit import Visit


async def source_names(visit: Visit) -> dict[str, str]:
    """Names by id; none while the registry does not answer: the ids then stand for themselves."""
    try:
        registry = (await visit.face.calls.ask(REGISTRY, RegistryAsked())).registry
    except Unavailable:
        return {}
    return {each.id: each.name for each in registry.sources} if registry else {}
