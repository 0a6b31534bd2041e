"""The door of the viewer: pages only, no questions."""

from pathlib import Path

from carerecord.kit.part import Part, Supplies
from carerecord.kit.settings import read
from carerecord.pages.rendering import environment
from carerecord.viewer.settings import ViewerSettings
from carerecord.viewer.visit import Face
from carerecord.viewer.web import routes


def build(supplies: Supplies) -> Part:
    face = Face(
        calls=supplies.calls,
        env=environment(Path(__file__).parent / "templates"),
        clock=supplies.clock,
        log=supplies.log,
        settings=read(ViewerSettings, supplies.settings),
        seal_key=supplies.keys.own_key("reason"),
        address=supplies.address,
    )
    return Part(supplies.name, routes=routes(face))
