"""The tasks that the worker process runs and scenarios.py calls."""

import os
import time

import celery
from interop import RUN, URL
from kombu import Queue

QUEUE = f"interop.celery.tasks.{RUN}"
# Consumed only when a scenario says so.
PRIORITY_QUEUE = f"interop.celery.priority.{RUN}"

app = celery.Celery("interop", broker=URL, backend="rpc://")
app.conf.update(
    task_queues=[
        Queue(QUEUE, durable=True),
        Queue(PRIORITY_QUEUE, durable=True, max_priority=10),
    ],
    task_default_queue=QUEUE,
    task_acks_late=True,
    task_reject_on_worker_lost=True,
    worker_prefetch_multiplier=1,
    worker_cancel_long_running_tasks_on_connection_loss=True,
    broker_heartbeat=2,
    broker_connection_retry_on_startup=True,
    broker_transport_options={"confirm_publish": True},
    result_expires=60,
)


@app.task
def add(left, right):
    return left + right


@app.task(bind=True, max_retries=3)
def third_time_lucky(self):
    if self.request.retries < 2:
        raise self.retry(countdown=0.2)
    return self.request.retries


@app.task
def refuse():
    raise ValueError("no luck")


@app.task
def moment():
    return time.time()


@app.task(bind=True)
def die_once(self):
    """Takes its worker process along, unless this is the message's second delivery."""
    if self.request.delivery_info["redelivered"]:
        return "redelivered"
    os._exit(1)


@app.task(bind=True)
def outlive(self, path):
    """Writes down that it runs, and takes so long that its whole worker is killed meanwhile, unless this is a redelivery."""
    if self.request.delivery_info["redelivered"]:
        return "redelivered"
    with open(path, "w", encoding="utf8") as file:
        file.write("running")
    time.sleep(600)
    return "not killed"
