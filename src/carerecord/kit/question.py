"""What is one question, and what is a stream of answers?"""

from dataclasses import dataclass
from functools import cached_property
from typing import Any, Generic, TypeVar

import msgspec

A = TypeVar("A")
R = TypeVar("R")


@dataclass(frozen=True)
class Question(Generic[A, R]):
    """A word that one service may be asked, with the shape asked and the shape answered.

    Both ends import the same constant. `asked` and `answered` are types that msgspec can encode: frozen structs, tuples of
    them, strings and numbers.
    """

    service: str
    word: str
    asked: type[A]
    answered: type[R]

    @property
    def name(self) -> str:
        return f"{self.service}.{self.word}"

    @cached_property
    def asked_decoder(self) -> "msgspec.json.Decoder[Any]":
        return msgspec.json.Decoder(self.asked)

    @cached_property
    def answered_decoder(self) -> "msgspec.json.Decoder[Any]":
        return msgspec.json.Decoder(self.answered)


class Stream(Question[A, R]):
    """A question that is answered in several chunks, each of the shape answered."""


_encoder = msgspec.json.Encoder()


def encode(value: object) -> bytes:
    """The one way in which a value is written for a socket."""
    return _encoder.encode(value)
