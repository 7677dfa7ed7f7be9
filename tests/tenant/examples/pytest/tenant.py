"""Plays the user of a simulated LogonBox tenant, with Python's standard library."""

import json
import ssl
import urllib.request


class Tenant:
    """A running tenant: the host and port, and the path of its CA certificate."""

    def __init__(self, authority, ca):
        self.authority = authority
        self.ca = ca

    def call(self, path, post=None):
        """Calls the JSON API. An error of the API is an HTTPError."""
        data = None if post is None else json.dumps(post).encode()
        request = urllib.request.Request(f"https://{self.authority}/api/v1/{path}", data)
        context = ssl.create_default_context(cafile=self.ca)
        with urllib.request.urlopen(request, timeout=70, context=context) as answer:
            return json.load(answer)

    def wait_for_request(self):
        """The first request that waits for the user."""
        requests = self.call("requests?wait=10")["requests"]
        assert requests, "no request has reached the phone within 10 seconds"
        return requests[0]

    def answer(self, request, answer):
        """Approves or declines a request, or signs with a wrong key: "wrong-key"."""
        self.call(f"requests/{request['id']}/{answer}", {})

    def define(self, **account):
        """Adds an account, as in an account file."""
        self.call("accounts", account)

    def log(self):
        """The lines of the log."""
        return [line["text"] for line in self.call("log")["lines"]]

    def reset(self):
        """Forgets all requests, log lines and accounts."""
        self.call("reset", {})
