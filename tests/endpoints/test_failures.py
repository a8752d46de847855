"""Which failures pass, and what is said of them."""

import pytest

from whatchanged.endpoints.failures import hide, is_final, reason, status

KEY = "sk-secret-0123456789abcdef"


class Http(Exception):
    def __init__(self, code):
        super().__init__(f"said no to {KEY}\nnow")
        self.status_code = code


def wrapped(error):
    try:
        try:
            raise error
        except Exception as inner:
            raise RuntimeError("RetryError[...]") from inner
    except RuntimeError as outer:
        return outer


@pytest.mark.parametrize(
    ("code", "final"), [(400, True), (404, True), (422, True), (429, False), (408, False), (500, False)]
)
def test_only_refusals_are_final(code, final):
    assert status(wrapped(Http(code))) == code
    assert is_final(wrapped(Http(code))) is final


def test_failures_without_a_status_pass():
    error = ValueError("not JSON")
    error.code = "weird"
    assert status(wrapped(error)) is None
    assert not is_final(wrapped(error))


def test_a_reason_is_one_line_about_the_cause_without_the_key():
    assert reason(wrapped(Http(500)), KEY) == "Http: said no to [key] now"
    assert len(reason(ValueError("x" * 5000))) < 400


def test_secrets_of_the_environment_are_hidden_and_placeholders_are_not(monkeypatch):
    monkeypatch.setenv("SOME_API_KEY", KEY)
    monkeypatch.setenv("LOCAL_API_KEY", "none")
    monkeypatch.setenv("SOME_NAME", "an ordinary value")
    assert hide(f"none of {KEY} is an ordinary value") == "none of [key] is an ordinary value"
