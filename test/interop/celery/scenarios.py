"""Celery: a real worker process, real tasks, and results over the rpc:// backend."""

import datetime
import os
import signal
import subprocess
import sys
import tempfile
import time

import celery
import kombu
from application import (
    PRIORITY_QUEUE,
    QUEUE,
    add,
    app,
    die_once,
    moment,
    outlive,
    refuse,
    third_time_lucky,
)
from interop import PATIENCE_S, RUN, check, eventually, play, raises, same

START_S = 30
NODE = f"interop-{RUN}@localhost"


def start_worker():
    """A worker with two child processes, and all that Celery talks over the broker by default."""
    return subprocess.Popen(
        [
            *(sys.executable, "-B", "-m", "celery", "--app", "application", "worker"),
            *("--hostname", NODE, "--concurrency", "2", "--loglevel", "INFO", "--events"),
            *("--queues", QUEUE),
        ],
        cwd=os.path.dirname(os.path.abspath(__file__)),
        env={**os.environ, "C_FORCE_ROOT": "1"},
        stdout=sys.stderr,
        stderr=sys.stderr,
        # A group of its own, so that the whole worker can be killed at once.
        start_new_session=True,
    )


def inspect(timeout=PATIENCE_S):
    return app.control.inspect(destination=[NODE], timeout=timeout)


def await_worker(worker):
    deadline = time.monotonic() + START_S
    while not inspect(timeout=0.5).ping():
        if worker.poll() is not None or time.monotonic() > deadline:
            sys.exit("the worker did not start")


def delay():
    results = [add.delay(number, 1) for number in range(20)]
    same([result.get(timeout=PATIENCE_S) for result in results], list(range(1, 21)), "sums")


def retry():
    same(third_time_lucky.delay().get(timeout=PATIENCE_S), 2, "retries before success")


def group():
    results = celery.group(add.s(number, number) for number in range(10))()
    same(results.get(timeout=PATIENCE_S), [2 * number for number in range(10)], "sums")


def countdown():
    asked = time.time()
    ran = moment.apply_async(countdown=1.5).get(timeout=PATIENCE_S)
    check(1.4 <= ran - asked < PATIENCE_S, f"ran {ran - asked:.2f} s after it was asked for")


def eta():
    due = time.time() + 1.5
    when = datetime.datetime.fromtimestamp(due, datetime.timezone.utc)
    ran = moment.apply_async(eta=when).get(timeout=PATIENCE_S)
    check(-0.1 <= ran - due < PATIENCE_S, f"ran {ran - due:.2f} s after its time")


def priority():
    """What waits in a queue with priorities is worked off from the highest down."""
    results = {level: [] for level in (1, 5, 9)}
    for number in range(12):
        level = (1, 5, 9)[number % 3]
        results[level].append(moment.apply_async(queue=PRIORITY_QUEUE, priority=level))
    app.control.add_consumer(PRIORITY_QUEUE, destination=[NODE], reply=True)
    ran = {
        level: [result.get(timeout=PATIENCE_S) for result in of_level]
        for level, of_level in results.items()
    }
    app.control.cancel_consumer(PRIORITY_QUEUE, destination=[NODE], reply=True)
    check(max(ran[9]) < min(ran[1]), f"ran at {ran}")


def error_result():
    with raises(ValueError, "no luck"):
        refuse.delay().get(timeout=PATIENCE_S)


def acks_late():
    # A message whose worker process died before its ack is requeued by Celery's reject.
    same(die_once.delay().get(timeout=PATIENCE_S), "redelivered", "result of the second delivery")


def worker_killed():
    """What a worker held when it was killed with all its processes goes to the next one."""
    global worker
    with tempfile.TemporaryDirectory() as directory:
        path = os.path.join(directory, "running")
        result = outlive.delay(path)
        eventually(lambda: os.path.exists(path), True, "the task runs")
        os.killpg(worker.pid, signal.SIGKILL)
        worker.wait()
        worker = start_worker()
        await_worker(worker)
        same(result.get(timeout=PATIENCE_S), "redelivered", "result of the second delivery")


def inspect_worker():
    """Remote control: a broadcast over a fanout exchange, answers through a reply queue."""
    same(inspect(timeout=2).ping(), {NODE: {"ok": "pong"}}, "ping")
    queues = inspect(timeout=2).active_queues()
    same([queue["name"] for queue in queues[NODE]], [QUEUE], "the worker's queues")


def task_events():
    """Events of the worker reach a receiver bound to the topic exchange celeryev."""
    seen = []
    with app.connection_for_read() as connection:
        receiver = app.events.Receiver(connection, handlers={"*": seen.append})
        # Receiving asks the workers for a heartbeat event, so the first event comes soon.
        events = receiver.itercapture(timeout=PATIENCE_S)
        next(events)
        check(any(event["type"] == "worker-heartbeat" for event in seen), f"events: {seen}")
        result = add.delay(1, 2)
        deadline = time.monotonic() + PATIENCE_S
        while ("task-succeeded", result.id) not in [
            (event["type"], event.get("uuid")) for event in seen
        ]:
            check(time.monotonic() < deadline, f"no task-succeeded event among {seen}")
            next(events)
        events.close()
    same(result.get(timeout=PATIENCE_S), 3, "sum")


def clean_up():
    with app.connection_for_write() as connection:
        channel = connection.default_channel
        for queue in (QUEUE, PRIORITY_QUEUE):
            same(kombu.Queue(queue)(channel).delete(), 0, f"tasks left in {queue}")


worker = start_worker()
try:
    await_worker(worker)
    play(
        f"celery {celery.__version__}, kombu {kombu.__version__}",
        [
            delay,
            retry,
            group,
            countdown,
            eta,
            priority,
            error_result,
            acks_late,
            worker_killed,
            inspect_worker,
            task_events,
        ],
    )
finally:
    worker.terminate()
    try:
        worker.wait(PATIENCE_S)
    except subprocess.TimeoutExpired:
        worker.kill()
        worker.wait()
    clean_up()
