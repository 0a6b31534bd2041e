"""What was the front gate told from outside? The one file that reads the environment."""

import json
import os
import secrets as random_secrets
from collections.abc import Mapping
from pathlib import Path
from typing import Literal

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict

from carerecord.app.catalogue import NAMES
from carerecord.app.engine import private_folder, write_private
from carerecord.app.wire import Deployment
from carerecord.kit.tokens import Keys, read_keys

SECRET_BYTES = 32


class Gate(BaseSettings):
    """Read from the environment with the prefix CARERECORD_; a flag of the command line wins."""

    model_config = SettingsConfigDict(env_prefix="CARERECORD_", extra="ignore")

    data_dir: Path = Field(default=Path(".carerecord"), description="where this program keeps its files, 0700")
    host: str = Field(default="127.0.0.1", description="the interface to listen on")
    port: int = Field(default=8080, ge=0, le=65535, description="the front door; 0 takes a free one")
    inner_port: int = Field(default=0, ge=0, le=65535, description="questions, health and metrics; 0 takes a free one")
    inner_fd: int | None = Field(default=None, ge=3, description="a bound socket for the inner door, from whoever starts us")
    nats_url: str = Field(default="", description="NATS with JetStream; empty: the program runs its own")
    peers: str = Field(default="", description="where services are that are not here: patients=http://…,locator=http://…")
    secret_file: Path | None = Field(default=None, description="the deployment's secret; empty: made in the data folder")
    keys_file: Path | None = Field(
        default=None, description="the keys of one service alone, as `carerecord keys NAME` prints them"
    )
    secrets_dir: Path | None = Field(
        default=None, description="one file for each named secret; empty: secrets/ in the data folder"
    )
    address: str = Field(default="", description="where people reach the front door, such as https://record.example")
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = Field(default="INFO", description="how much is logged")
    round_trip: bool = Field(default=False, description="encode and decode each question in process too, as across a socket")


def told_databases(environment: Mapping[str, str]) -> dict[str, str]:
    """CARERECORD_<SERVICE>_DATABASE for each service that has one."""
    return {name: told for name in NAMES if (told := environment.get(f"CARERECORD_{name.upper()}_DATABASE"))}


def told_settings(environment: Mapping[str, str]) -> dict[str, dict[str, str]]:
    """CARERECORD_<SERVICE>_<SETTING>, by service, the settings in lower case."""
    told: dict[str, dict[str, str]] = {}
    for name in NAMES:
        prefix = f"CARERECORD_{name.upper()}_"
        words = {key[len(prefix) :].lower(): value for key, value in environment.items() if key.startswith(prefix)}
        words.pop("database", None)
        if words:
            told[name] = words
    return told


def told_peers(text: str) -> dict[str, str]:
    pairs = (each.partition("=") for each in text.split(",") if each.strip())
    return {name.strip(): address.strip() for name, _, address in pairs}


def secret_of(gate: Gate) -> bytes:
    """The deployment's secret: from its file, else made once in the data folder (0600)."""
    file = gate.secret_file or gate.data_dir / "secret"
    if not file.is_file():
        private_folder(file.parent)
        write_private(file, random_secrets.token_hex(SECRET_BYTES))
    return bytes.fromhex(file.read_text(encoding="utf-8").strip())


def keys_of(gate: Gate) -> dict[str, Keys]:
    """The keys in the keys file, if one was given."""
    if gate.keys_file is None:
        return {}
    keys = read_keys(json.loads(gate.keys_file.read_text(encoding="utf-8")))
    return {keys.service: keys}


def deployment(gate: Gate, *, databases: Mapping[str, str], nats_url: str, address: str) -> Deployment:
    return Deployment(
        data_dir=gate.data_dir,
        secret=b"" if gate.keys_file else secret_of(gate),
        keys=keys_of(gate),
        databases={**databases, **told_databases(os.environ)},
        nats_url=gate.nats_url or nats_url,
        peers=told_peers(gate.peers),
        address=gate.address or address,
        settings=told_settings(os.environ),
        secrets_dir=gate.secrets_dir,
        round_trip=gate.round_trip,
    )
