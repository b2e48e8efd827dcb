"""Secrets in texts that are shown: by key, by shape, and those that are known; what is none stays as it is."""

from __future__ import annotations

import pytest

from meshrun.core import redact

JWT = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJl"


@pytest.mark.parametrize(
    ("said", "shown"),
    [
        ("python app.py --db-password hunter2 -x", "python app.py --db-password *** -x"),
        ("app --token=hunter2 --port 80", "app --token=*** --port 80"),
        ("env API_KEY='hunter2 hunter2' app", "env API_KEY=*** app"),
        ('python -c secret = "hunter2 2"; go()', "python -c secret = ***; go()"),
        ('{"client_secret": "hunter2", "a": 1}', '{"client_secret": ***, "a": 1}'),
        ("Authorization: Bearer hunter2", "Authorization: ***"),
        ("sent Bearer hunter2222", "sent Bearer ***"),
        ("etcd://user:hunter2@h:2379/mesh", "etcd://user:***@h:2379/mesh"),
        ("redis://:hunter2@h:6379/0", "redis://:***@h:6379/0"),
        ("postgres://u:hunter2@2@h/db?sslmode=off", "postgres://u:***@h/db?sslmode=off"),
        ("https://h/?access_token=hunter2&page=2", "https://h/?access_token=***&page=2"),
        ("jwt %s." % JWT, "jwt ***."),
        ("key AKIAABCDEFGHIJKLMNOP", "key ***"),
        ("git ghp_abcdefghijklmnopqrstuvwxyz", "git ***"),
        ("-----BEGIN RSA PRIVATE KEY-----hunter2-----END RSA PRIVATE KEY----- end", "*** end"),
    ],
)
def test_what_looks_like_a_secret_is_not_shown(said: str, shown: str) -> None:
    assert redact.text(said) == shown


@pytest.mark.parametrize(
    "said",
    [
        "gunicorn auth:app --bind 127.0.0.1:80 --workers 2",
        "file:/var/lib/meshrun/store",
        "http://orders.default:8080/a?b=c@d",
        "uvicorn token:app --author me --tokenizer fast",
        "Policy/default/web",
        "not registered: no service name (MESHRUN_SERVICE)",
        "127.0.0.1:55200 is not opened: MESHRUN_ADMIN_TOKEN is missing",
        "\u7070\u5ea6",
    ],
)
def test_what_is_none_stays(said: str) -> None:
    assert redact.text(said) == said


def test_a_known_secret_is_found_in_any_place_of_a_structure() -> None:
    seen = {"a hunter2": ["x hunter2 y", ("hunter2",)], "n": 1, "none": None, "yes": True}
    found = redact.shape(seen, ("hunter2",))
    assert found == {"a ***": ["x *** y", ["***"]], "n": 1, "none": None, "yes": True}


def test_a_text_without_end_is_cut() -> None:
    assert len(redact.text("a " * 100_000)) == 8192
