"""The ``file`` engine passes the suite of all engines."""

from __future__ import annotations

import pathlib

import pytest

from tests.contract.engines import InstancesContract, RulesContract


class _Folder:
    @pytest.fixture
    def url(self, tmp_path: pathlib.Path) -> str:
        return "file:%s" % (tmp_path / "store")


class TestRules(_Folder, RulesContract):
    """Rules, revisions and who may change them."""


class TestInstances(_Folder, InstancesContract):
    """Leases, slots and vacancies."""
