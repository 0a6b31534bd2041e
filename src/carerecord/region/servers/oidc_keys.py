"""With which keys does a pretend identity provider sign? A ring that turns: the newest signs, the older are still shown."""

from __future__ import annotations

import secrets
from typing import Any

from joserfc import jwt
from joserfc.jwk import ECKey, KeyParameters, RSAKey

Key = RSAKey | ECKey


class Keyring:
    """The signing key and those that are still published."""

    def __init__(self, algorithm: str) -> None:
        self.algorithm = algorithm
        self._keys: list[Key] = [self._make()]

    @property
    def current(self) -> Key:
        return self._keys[-1]

    def rotate(self, *, keep_old: bool = True) -> None:
        self._keys = [*(self._keys if keep_old else ()), self._make()]

    def sign(self, claims: dict[str, Any], **header: Any) -> str:
        stated = {"alg": self.algorithm, "kid": self.current.kid, "typ": "JWT", **header}
        return jwt.encode(stated, claims, self.current, algorithms=[self.algorithm])

    def published(self) -> dict[str, Any]:
        return {"keys": [{**key.as_dict(private=False), "use": "sig", "alg": self.algorithm} for key in self._keys]}

    def _make(self) -> Key:
        name: KeyParameters = {"kid": secrets.token_hex(8)}
        if self.algorithm.startswith("ES"):
            return ECKey.generate_key("P-256", name)
        return RSAKey.generate_key(2048, name)
