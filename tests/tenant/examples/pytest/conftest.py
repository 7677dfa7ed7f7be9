"""Fixtures: a tenant, and logins that run while the test answers them.

LOGONBOX_TENANT is the path of the program, if it is not in PATH.
"""

import os
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor

import my_application
import pytest
from tenant import Tenant


@pytest.fixture(scope="session")
def server(tmp_path_factory):
    """One tenant for all tests."""
    directory = tmp_path_factory.mktemp("tenant")
    port, ca = directory / "port", directory / "ca.pem"
    program = os.environ.get("LOGONBOX_TENANT", "logonbox-tenant")
    with open(directory / "log", "w") as log:
        process = subprocess.Popen([program, "--port-file", port, "--ca", ca], stdout=log)
    while not port.exists():
        assert process.poll() is None, "the tenant has ended"
        time.sleep(0.05)
    yield Tenant(f"localhost:{port.read_text().strip()}", ca)
    process.terminate()
    process.wait()


@pytest.fixture
def tenant(server):
    """The tenant, without the traces of other tests."""
    server.reset()
    return server


@pytest.fixture
def log_in(tenant):
    """Starts a login of the application, and returns its future."""
    with ThreadPoolExecutor() as pool:
        yield lambda user: pool.submit(my_application.log_in, tenant.authority, tenant.ca, user)
        # Ends logins that still wait.
        tenant.reset()
