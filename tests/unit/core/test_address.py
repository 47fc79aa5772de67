"""No password is shown, however odd it is."""

import pytest

from synth.core.address import redact, shown_address

ODD = [
    "hunter2",
    "p@ss",
    "p@@w@",
    "a/b",
    "a/b@c",
    "x?y",
    "x#y@z",
    "a:b",
    "p%40w",
    "ends/",
    "?@/",
    "a b",
    "a'b",
    'a"b',
]


@pytest.mark.parametrize("password", ODD)
@pytest.mark.parametrize("user", ["ada", "a.b@example.com", ""])
def test_no_password_is_shown(password: str, user: str) -> None:
    address = (
        f"postgresql+psycopg://{user}:KEEP{password}KEEP@ledger.example:5432/book?password=KEEP{password}"
    )
    shown = shown_address(address)
    assert "KEEP" not in shown
    assert password not in shown.partition("://")[2] or password in "ledger.example:5432/book"
    assert user == "" or user not in shown
    assert shown.startswith("postgresql+psycopg://")


@pytest.mark.parametrize("password", [odd for odd in ODD if not set(odd) & set("?# '\"")])
def test_the_host_is_told_and_in_a_text_too(password: str) -> None:
    address = f"https://ada:{password}@mlflow.example/x?token=SECRET"
    assert shown_address(address) == "https://mlflow.example/x"
    assert redact(f"View run at {address} now, or '{address}'.") == (
        "View run at https://mlflow.example/x now, or 'https://mlflow.example/x'."
    )


def test_a_password_in_the_query_is_cut_off_with_it() -> None:
    assert shown_address("postgresql://host/db?user=a&password=b") == "postgresql://host/db"
    assert shown_address("postgresql://host/db?user=a&password=b@c") == "postgresql://..."


def test_a_file_keeps_its_path_and_a_word_is_no_address() -> None:
    assert shown_address("sqlite:////tmp/a@b/mlflow.db?mode=ro") == "sqlite:////tmp/a@b/mlflow.db"
    assert shown_address("databricks") == redact("databricks") == "databricks"
