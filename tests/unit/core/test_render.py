"""Documents that tools write: readable, and the same when read again."""

from __future__ import annotations

from typing import Any, Dict

import yaml
from hypothesis import given, settings

from meshrun.core import documents
from tests.contract.rule_forms import DOCUMENTS

LANE = """\
kind: Lane
namespace: shop
name: gray
tags: { lane: gray }
enter:
  - { at: [web], when: { header.x-beta: yes please, header.x-user-id: { in: ["1", "2"] } } }
  - { at: [web], percent: 10, sticky: header.x-user-id }
fallback: [other, baseline]
expires: 2027-01-01T00:00:00Z
paused: true
"""


def test_a_document_reads_like_one_written_by_hand() -> None:
    (one,) = documents.parse(LANE, "a")
    assert documents.render(one.document) == LANE.replace("yes please", '"yes please"')


def test_long_items_become_blocks() -> None:
    services = ["service-number-%d" % number for number in range(9)]
    text = "kind: Lane\nname: a\nenter:\n  - { at: [%s], percent: 5 }\n" % ", ".join(services)
    (one,) = documents.parse(text, "a")
    items = "".join("      - %s\n" % service for service in services)
    assert documents.render(one.document) == "kind: Lane\nname: a\nenter:\n  - at:\n" + items + "    percent: 5\n"


@settings(max_examples=120)
@given(DOCUMENTS)
def test_a_rendered_document_is_the_same_when_read_again(document: Dict[str, Any]) -> None:
    (one,) = documents.parse(documents.render(document), "a")
    assert one.document == document
    assert documents.render(one.document) == documents.render(document)


@settings(max_examples=60)
@given(DOCUMENTS)
def test_a_normal_form_is_a_valid_document_itself(document: Dict[str, Any]) -> None:
    """Whatever writes YAML may write the normal form; reading it changes nothing."""
    (one,) = documents.parse(yaml.safe_dump(document, allow_unicode=True), "a")
    assert one.document == document
