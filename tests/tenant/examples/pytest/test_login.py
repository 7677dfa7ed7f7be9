"""Logins of an application, whose users approve them or not."""

import concurrent.futures
import urllib.error

import pytest


def test_approved(tenant, log_in):
    login = log_in("page")
    request = tenant.wait_for_request()
    assert request["remoteName"] == "my application"
    tenant.answer(request, "approve")
    assert login.result(timeout=10) is True


@pytest.mark.parametrize("answer", ["decline", "wrong-key"])
def test_refused(tenant, log_in, answer):
    login = log_in("page")
    tenant.answer(tenant.wait_for_request(), answer)
    assert login.result(timeout=10) is False


def test_the_phone_decides_by_itself(log_in):
    assert log_in("approve").result(timeout=10) is True
    assert log_in("decline").result(timeout=10) is False


def test_an_account_of_your_own(tenant, log_in):
    tenant.define(name="lee@acme.example", phones=[{"name": "Old phone", "key": "rsa"}])
    assert log_in("lee@acme.example").result(timeout=10) is True
    assert any("lee@acme.example" in line for line in tenant.log())


def test_nobody_answers(tenant, log_in):
    login = log_in("page")
    request = tenant.wait_for_request()
    with pytest.raises(concurrent.futures.TimeoutError):
        login.result(timeout=0.1)
    tenant.reset()
    assert login.result(timeout=10) is False
    with pytest.raises(urllib.error.HTTPError, match="404"):
        tenant.answer(request, "approve")
