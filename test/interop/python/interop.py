"""What the Python programs share: names of this run, checks, and the lines run.ts reads."""

import contextlib
import hashlib
import os
import sys
import time
import traceback
from urllib.parse import urlsplit, urlunsplit

URL = os.environ["AMQP_URL"]
RUN = os.environ["INTEROP_RUN"]

# Sizes around what fits one body frame of the usual frame_max 131072 (8 bytes are overhead).
SIZES = [0, 1, 131063, 131064, 131065, 131072, 5 * 1024 * 1024]

# How long a program waits for something that should come at once.
PATIENCE_S = 10
# How long it watches that something does not come.
QUIET_S = 0.3


class Failed(Exception):
    """An expectation that did not hold."""


def check(holds, text):
    if not holds:
        raise Failed(text)


def same(actual, expected, what):
    check(actual == expected, f"{what}: expected {expected!r}, got {actual!r}")


def has(text, part):
    check(part in str(text), f"expected {part!r} in {text!r}")


@contextlib.contextmanager
def raises(error, *parts):
    """The block ends with this error, and its text holds all parts."""
    try:
        yield
    except error as raised:
        for part in parts:
            has(repr(raised), part)
    else:
        raise Failed(f"expected {error}")


def eventually(probe, expected, what):
    """Polls what the broker does after its reply, such as requeueing on channel close."""
    deadline = time.monotonic() + PATIENCE_S
    while (actual := probe()) != expected:
        if time.monotonic() > deadline:
            same(actual, expected, what)
        time.sleep(0.02)


def body_of(size):
    """Bytes of which no two frames' worth are alike."""
    return hashlib.shake_256(str(size).encode()).digest(size)


def digest(body):
    return hashlib.sha256(body).hexdigest()


def with_password(url, password):
    parts = urlsplit(url)
    user = parts.username or "guest"
    port = f":{parts.port}" if parts.port else ""
    return urlunsplit(parts._replace(netloc=f"{user}:{password}@{parts.hostname}{port}"))


def namer(client):
    return lambda noun: f"interop.{client}.{noun}.{RUN}"


def missing_queue(name):
    return f"NOT_FOUND - no queue '{name}' in vhost '/'"


def not_durable(name):
    return (
        f"PRECONDITION_FAILED - inequivalent arg 'durable' for queue '{name}' in vhost '/': "
        "received 'false' but current is 'true'"
    )


def locked(name):
    return (
        f"RESOURCE_LOCKED - cannot obtain exclusive access to locked queue '{name}' in vhost '/'"
    )


def report(scenario, error):
    if error is None:
        print(f"ok {scenario}", flush=True)
        return
    frame = traceback.extract_tb(error.__traceback__)[-1]
    reason = f"{type(error).__name__}: {error} ({os.path.basename(frame.filename)}:{frame.lineno})"
    print(f"not ok {scenario} - {' '.join(reason.split())}", flush=True)
    traceback.print_exception(error, file=sys.stderr)


def play(version, scenarios):
    """Runs each scenario function; its name with dashes is the scenario's name."""
    print(f"client {version}", flush=True)
    failures = 0
    for scenario in scenarios:
        error = None
        try:
            scenario()
        except Exception as raised:
            error = raised
            failures += 1
        report(scenario.__name__.replace("_", "-"), error)
    sys.exit(1 if failures else 0)
