"""Tasks in a quorum queue. There Celery leaves waiting to the broker: 28 chained queues (native delayed delivery)."""

import time

import celery
from interop import RUN, URL
from kombu import Exchange, Queue

QUEUE = f"interop.celery-delayed.{RUN}"

app = celery.Celery("interop-delayed", broker=URL, backend="rpc://")
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
    worker_detect_quorum_queues=True,
    broker_native_delayed_delivery_queue_type="classic",
    task_acks_late=True,
    task_reject_on_worker_lost=True,
    worker_prefetch_multiplier=1,
    broker_connection_retry_on_startup=True,
    broker_transport_options={"confirm_publish": True},
    result_expires=60,
)


@app.task
def moment():
    return time.time()


@app.task(bind=True, max_retries=3)
def third_time_lucky(self):
    if self.request.retries < 2:
        raise self.retry(countdown=1)
    return self.request.retries


@app.task(bind=True)
def outlive(self, path):
    """Writes down that it runs, and takes so long that its whole worker is killed meanwhile, unless this is a redelivery."""
    if self.request.delivery_info["redelivered"]:
        return "redelivered"
    with open(path, "w", encoding="utf8") as file:
        file.write("running")
    time.sleep(600)
    return "not killed"
