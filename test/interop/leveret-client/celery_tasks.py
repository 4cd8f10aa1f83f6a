"""A Celery application: our client sends its worker tasks, and takes tasks that it sends. What is to wait, waits in the ladder."""

import os

import celery
from kombu import Exchange, Queue

RUN = os.environ["INTEROP_RUN"]
QUEUE = f"interop.leveret.celery.{RUN}"

app = celery.Celery(
    "celery_tasks",
    broker=os.environ["AMQP_URL"].replace("amqp://", "pyamqp://", 1),
    backend="rpc://",
)
app.conf.update(
    task_queues=[
        Queue(
            QUEUE,
            Exchange(QUEUE, type="topic"),
            routing_key=QUEUE,
            durable=True,
            queue_arguments={"x-queue-type": "quorum"},
        )
    ],
    task_default_queue=QUEUE,
    task_default_exchange=QUEUE,
    task_default_exchange_type="topic",
    task_default_routing_key=QUEUE,
    # Makes it leave waiting to the broker.
    worker_detect_quorum_queues=True,
    broker_native_delayed_delivery_queue_type="classic",
    broker_connection_retry_on_startup=True,
    result_expires=60,
)


@app.task(name="interop.add", bind=True, max_retries=3)
def add(self, one, other, failures=0):
    """Adds, after it has failed so many times."""
    if self.request.retries < failures:
        raise self.retry(countdown=1)
    return one + other
