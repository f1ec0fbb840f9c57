"""Which parts of the plugin the installed release gets, and releases to come."""

from __future__ import annotations

from tests.contracts.known_code import KnownCodeContract
from tests.contracts.vocabulary import VocabularyContract


class TestKnownCode(KnownCodeContract):
    pass


class TestVocabulary(VocabularyContract):
    pass
