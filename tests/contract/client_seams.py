"""The client contract: tracebacks, warnings, cycles and lifetimes are those of the library alone."""

from __future__ import annotations

from typing import Any

import pytest

from tests.contract.client_base import ClientTests, statuses
from tests.contract.mesh import Mesh, gets
from tests.contract.servers import refused

HERE = "tests.contract.scripts_seams:"


class Seams(ClientTests):
    """What shows at the seams."""

    def both(self, mesh: Mesh, script: str, plan: Any, env: Any = None, instances: int = 2) -> Any:
        """The script bare, and under meshrun with the address that it writes meaning a service of so many instances."""
        written = mesh.server()
        url = "http://127.0.0.1:%d" % written.port
        plan = dict(plan, asks=gets([url + path for path in plan["paths"]]))
        bare = mesh.bare(self.driver, HERE + script, plan, env)
        mesh.service("orders", instances)
        mesh.alias("127.0.0.1:%d" % written.port, "orders")
        meshed = mesh.run(self.driver, HERE + script, plan, env)
        return bare, meshed

    def test_the_traceback_of_a_failed_call_hides_nothing_of_bare(self, mesh: Mesh) -> None:
        with refused() as written, refused() as gone, refused() as lost:
            asks = gets(["http://127.0.0.1:%d/x" % written[1]] * 2)
            expected = mesh.bare(self.driver, HERE + "raised", {"asks": asks})
            outside = mesh.run(self.driver, HERE + "raised", {"asks": asks})
            for address in (gone, lost):
                mesh.instance("orders", address)
            mesh.alias("127.0.0.1:%d" % written[1], "orders")
            routed = mesh.run(self.driver, HERE + "raised", {"asks": asks})
        assert all(link["frames"] for link in expected[0])
        assert sum(link["ours"] for chain in expected for link in chain) == 0
        assert sum(link["ours"] for chain in routed for link in chain) > 0
        for found in (outside, routed):
            assert [_bare(chain) for chain in found] == [_bare(chain) for chain in expected]

    def test_an_answer_that_never_comes_is_told_as_bare(self, mesh: Mesh) -> None:
        plan = {"paths": ["/hang", "/x"], "options": {"connect": 20.0, "read": 0.3}}
        bare, meshed = self.both(mesh, "raised", plan)
        assert [_bare(chain) for chain in meshed] == [_bare(chain) for chain in bare]
        assert bare[0] != []
        assert bare[1] == []

    def test_warnings_are_those_of_bare_and_point_to_the_same_lines(self, mesh: Mesh) -> None:
        bare, meshed = self.both(mesh, "warned", {"paths": ["/", "/close", "/stream/3", "/status/500"]})
        assert meshed == bare

    def test_under_python_x_dev_with_warnings_as_errors_nothing_is_said(self, mesh: Mesh) -> None:
        env = {"PYTHONDEVMODE": "1", "PYTHONWARNINGS": "error"}
        try:
            mesh.bare(self.driver, HERE + "dev_mode", {"asks": []}, env)
        except AssertionError as error:
            pytest.skip("this release warns by itself: " + str(error).splitlines()[-1])
        bare, meshed = self.both(mesh, "dev_mode", {"paths": ["/", "/close", "/status/503"] * 2}, env)
        assert meshed == bare
        assert bare["mode"]

    def test_calls_leave_no_cycles_behind(self, mesh: Mesh) -> None:
        paths = ["/", "/stream/2", "/close", "/status/500", "/redirect?to=/there"]
        # Of one instance: each connect of anyio leaves a cycle, and there are to be as many of them as bare.
        bare, meshed = self.both(mesh, "cyclic", {"paths": paths, "options": {"follow": True}}, instances=1)
        _no_more_cycles(meshed, bare)

    def test_failed_calls_leave_no_cycles_behind(self, mesh: Mesh) -> None:
        with refused() as written, refused() as gone, refused() as lost:
            asks = gets(["http://127.0.0.1:%d/x" % written[1]] * 2)
            bare = mesh.bare(self.driver, HERE + "cyclic", {"asks": asks})
            for address in (gone, lost):
                mesh.instance("orders", address)
            mesh.alias("127.0.0.1:%d" % written[1], "orders")
            meshed = mesh.run(self.driver, HERE + "cyclic", {"asks": asks})
        _no_more_cycles(meshed, bare)

    def test_what_the_app_drops_is_gone_as_soon_as_bare(self, mesh: Mesh) -> None:
        bare, meshed = self.both(mesh, "dying", {"paths": ["/", "/stream/2", "/status/404"] * 3})
        assert meshed == bare

    def test_an_agent_that_wraps_ours_stays_is_told_its_object_and_may_go(self, mesh: Mesh) -> None:
        mesh.service("orders", 2)
        plan = {"asks": gets(["http://orders/", "http://orders/stream/2"] * 2)}
        result = mesh.run(self.driver, HERE + "wrapt_above", plan)
        for round_ in (result["first"], result["second"]):
            assert statuses(round_["results"]) == [200] * 4
        assert (sum(result["first"]["counts"].values()), sum(result["second"]["counts"].values())) == (4, 8)
        assert (result["kept"], result["once"], result["back"]) == (True, True, True)
        assert result["seen"]
        assert set(result["seen"].values()) == {True}

    def test_an_agent_below_ours_is_told_its_object_as_bare(self, mesh: Mesh) -> None:
        mesh.service("orders", 2)
        plan = {"asks": gets(["http://orders/", "http://orders/stream/2"] * 2)}
        result = mesh.run(self.driver, HERE + "wrapt_below", plan, door=False)
        assert statuses(result["first"]["results"]) == [200] * 4
        assert (sum(result["first"]["counts"].values()), result["first"]["errors"]) == (4, {})
        assert (result["kept"], result["back"]) == (True, True)
        assert result["seen"]
        assert set(result["seen"].values()) == {True}


def _no_more_cycles(meshed: Any, bare: Any) -> None:
    """Where the library leaves cycles, objects of ours may hang on them, such as frames of a traceback. No new ones."""
    # A routed call is one of ours beside the app's, or has a copy of its headers.
    copied = ("httpcore.Request", "requests.structures.CaseInsensitiveDict", "collections.OrderedDict")
    more = {name: number for name, number in meshed["all"].items() if number > bare["all"].get(name, 0)}
    own = ("builtins.", "_", "meshrun")
    theirs = {name: number for name, number in more.items() if not name.startswith(own) and name not in copied}
    assert not theirs, "%s, of %s, bare %s" % (theirs, meshed["all"], bare["all"])
    assert bare["all"] or not meshed["all"], meshed["all"]


def _bare(chain: Any) -> Any:
    return [{key: value for key, value in link.items() if key != "ours"} for link in chain]
