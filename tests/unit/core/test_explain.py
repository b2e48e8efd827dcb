from __future__ import annotations

from typing import Any

import pytest

from meshrun.core import explain
from meshrun.core.call import Local
from meshrun.core.explain import QuestionError
from meshrun.core.index import Index, Snapshot
from meshrun.core.model import Instance


def test_the_answer_is_a_function_of_snapshot_question_and_draw() -> None:
    members = tuple(Instance("i%d" % n, "default/orders", "10.0.0.%d" % n, 80) for n in range(1, 9))
    index = Index(Snapshot(instances={"default/orders": members}))
    question = explain.read({"to": "orders", "draw": 0.4}, "default")
    shapes = [explain.explain(index, question, "default", Local(), 5.0, lambda: 0.9).shape() for _ in range(3)]
    assert shapes[0]["chosen"] == "10.0.0.4:80"
    assert shapes[0]["service"] == "orders.default"
    assert shapes == [shapes[0]] * 3


@pytest.mark.parametrize(
    "asked",
    [
        [],
        "x",
        {},
        {"to": 5},
        {"to": "a", "url": "http://a/"},
        {"to": "a", "headers": ["x"]},
        {"to": "a", "headers": {"x": 1}},
        {"to": "a", "colour": 7},
        {"to": "a", "draw": "0.5"},
        {"to": "a", "from": "."},
        {"url": "http://"},
    ],
)
def test_a_question_in_json_that_cannot_be_read_raises_only_its_own_error(asked: Any) -> None:
    with pytest.raises(QuestionError):
        explain.read(asked, "default")


def test_a_question_in_json_is_read_whole() -> None:
    question = explain.read(
        {
            "from": "web.shop",
            "url": "https://orders/a?b=c",
            "method": "put",
            "headers": {"X-A": "1"},
            "colour": {"LANE": "gray"},
            "draw": 1,
        },
        "default",
    )
    assert question.caller == "shop/web"
    assert (question.host, question.port, question.protocol, question.tls) == ("orders", 443, "http", True)
    assert (question.method, question.path, question.headers) == ("PUT", "/a?b=c", {"x-a": "1"})
    assert question.colour == (("lane", "gray"),)
    assert question.draw is not None
    assert question.draw < 1
