"""Celery on a quorum queue: the broker itself holds what is to run later, in chained queues with TTLs and dead letters."""

import datetime
import os
import signal
import subprocess
import sys
import tempfile
import time

import celery
import kombu
from application import QUEUE, app, moment, outlive, third_time_lucky
from interop import PATIENCE_S, RUN, check, eventually, play, same

START_S = 30
NODE = f"interop-delayed-{RUN}@localhost"
LEVELS = 28
DELIVERY_EXCHANGE = "celery_delayed_delivery"


def level_name(level):
    return f"celery_delayed_{level}"


def start_worker():
    return subprocess.Popen(
        [
            *(sys.executable, "-B", "-m", "celery", "--app", "application", "worker"),
            *("--hostname", NODE, "--concurrency", "2", "--loglevel", "INFO"),
        ],
        cwd=os.path.dirname(os.path.abspath(__file__)),
        env={**os.environ, "C_FORCE_ROOT": "1"},
        stdout=sys.stderr,
        stderr=sys.stderr,
        # A group of its own, so that the whole worker can be killed at once.
        start_new_session=True,
    )


def await_worker(worker):
    deadline = time.monotonic() + START_S
    while not app.control.inspect(destination=[NODE], timeout=0.5).ping():
        if worker.poll() is not None or time.monotonic() > deadline:
            sys.exit("the worker did not start")


def ladder():
    """The worker has declared a queue for every power of two seconds."""
    with app.connection_for_write() as connection:
        channel = connection.default_channel
        for level in range(LEVELS):
            channel.queue_declare(level_name(level), passive=True)
        channel.exchange_declare(DELIVERY_EXCHANGE, "topic", passive=True)


def runs_after(seconds):
    asked = time.time()
    return asked, moment.apply_async(countdown=seconds)


def check_ran(asked, seconds, result):
    ran = result.get(timeout=seconds + PATIENCE_S) - asked
    # Celery rounds up to whole seconds.
    check(seconds - 0.05 <= ran <= seconds + 2, f"asked for {seconds} s, ran after {ran:.2f} s")


def eta():
    asked = time.time()
    when = datetime.datetime.fromtimestamp(asked + 3, datetime.timezone.utc)
    check_ran(asked, 3, moment.apply_async(eta=when))


def several_at_once():
    """Different ways through the ladder: 1 = 1, 2 = 10, 3 = 11, 5 = 101, in binary."""
    running = [(seconds, *runs_after(seconds)) for seconds in (5, 1, 3, 2, 1, 5)]
    for seconds, asked, result in running:
        check_ran(asked, seconds, result)


def retry():
    asked = time.time()
    same(third_time_lucky.delay().get(timeout=2 * PATIENCE_S), 2, "retries before success")
    check(time.time() - asked >= 2, "the retries did not wait")


def worker_killed():
    """What a worker held when it was killed goes to the next one, and what waits in the ladder goes on waiting."""
    global worker
    with tempfile.TemporaryDirectory() as directory:
        path = os.path.join(directory, "running")
        killed = outlive.delay(path)
        eventually(lambda: os.path.exists(path), True, "the task runs")
        asked, waiting = runs_after(4)
        os.killpg(worker.pid, signal.SIGKILL)
        worker.wait()
        worker = start_worker()
        await_worker(worker)
        same(killed.get(timeout=PATIENCE_S), "redelivered", "result of the second delivery")
        ran = waiting.get(timeout=START_S) - asked
        check(ran >= 3.95, f"asked for 4 s, ran after {ran:.2f} s")


def clean_up():
    with app.connection_for_write() as connection:
        channel = connection.default_channel
        same(kombu.Queue(QUEUE)(channel).delete(), 0, "tasks left in the queue")
        channel.exchange_delete(QUEUE)
        for level in range(LEVELS):
            channel.queue_delete(level_name(level))
            channel.exchange_delete(level_name(level))
        channel.exchange_delete(DELIVERY_EXCHANGE)


worker = start_worker()
try:
    await_worker(worker)
    play(
        f"celery {celery.__version__}, kombu {kombu.__version__}",
        [ladder, eta, several_at_once, retry, worker_killed],
    )
finally:
    worker.terminate()
    try:
        worker.wait(PATIENCE_S)
    except subprocess.TimeoutExpired:
        worker.kill()
        worker.wait()
    clean_up()
