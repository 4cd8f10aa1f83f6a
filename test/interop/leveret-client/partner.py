"""Kombu as the other end of our client: takes commands as JSON lines, says what it decoded as Python's repr."""

import datetime
import decimal
import json
import os
import socket
import sys
import time
import uuid

import kombu

URL = os.environ["AMQP_URL"].replace("amqp://", "pyamqp://", 1)
PATIENCE_S = 10

connection = kombu.Connection(URL, transport_options={"confirm_publish": True})

UTC = datetime.timezone.utc
BODIES = {
    "text": "Grüße",
    "bytes": b"\xff\x00",
    "number": 7,
    "object": {"id": 7, "list": [1, None, True, 0.5]},
    "typed": {
        "aware": datetime.datetime(2026, 11, 23, 10, 0, 0, 500000, tzinfo=UTC),
        "naive": datetime.datetime(2026, 11, 23, 10, 0),
        "date": datetime.date(2026, 11, 23),
        "decimal": decimal.Decimal("3.1400"),
        "uuid": uuid.UUID("01234567-89ab-4def-8123-456789abcdef"),
        "text": b"text",
        "bytes": b"\xff",
    },
}
HEADERS = {
    "text": "x",
    "whole": 5,
    "large": 2**40,
    "half": 0.5,
    "yes": True,
    "none": None,
    "at": datetime.datetime(2026, 11, 23, 10, 0),
    "list": [1, "a"],
    "table": {"a": {"b": 1}},
    "decimal": decimal.Decimal("3.14"),
}


def drain(done):
    deadline = time.monotonic() + PATIENCE_S
    while not done() and time.monotonic() < deadline:
        try:
            connection.drain_events(timeout=0.05)
        except socket.timeout:
            pass


def consume(queue, count):
    """Takes so many messages."""
    got = []

    def on_message(message):
        try:
            body = repr(message.payload)
        except Exception as error:  # what Kombu refuses is an answer too
            body = f"{type(error).__name__}: {error}"
        properties = message.properties
        got.append(
            {
                "body": body,
                "contentType": message.content_type,
                "contentEncoding": message.content_encoding,
                "headers": {name: repr(value) for name, value in message.headers.items()},
                "properties": {
                    name: repr(value)
                    for name, value in properties.items()
                    if name != "application_headers"
                },
            }
        )
        message.ack()

    accept = ["json", "text/plain", "application/data"]
    with connection.Consumer([kombu.Queue(queue)], on_message=on_message, accept=accept):
        drain(lambda: len(got) >= count)
    return got


def publish(queue, body, compression=None, headers=False, serializer=None):
    producer = connection.Producer()
    producer.publish(
        BODIES[body],
        routing_key=queue,
        declare=[kombu.Queue(queue)],
        compression=compression,
        serializer=serializer,
        headers=HEADERS if headers else None,
        priority=3,
        correlation_id="c-1",
        message_id="m-1",
        expiration=60,
    )


def answer(queue):
    """Answers one request, as Kombu's documentation does it: reply_to and correlation_id."""
    answered = []

    def on_request(body, message):
        connection.Producer().publish(
            {"sum": sum(body)},
            exchange="",
            routing_key=message.properties["reply_to"],
            correlation_id=message.properties["correlation_id"],
            serializer="json",
        )
        message.ack()
        answered.append(body)

    with connection.Consumer([kombu.Queue(queue)], callbacks=[on_request], accept=["json"]):
        drain(lambda: answered)
    return answered


def ask(queue, body):
    """Asks our server and returns what it says."""
    replies = []
    reply_queue = kombu.Queue(f"reply.{uuid.uuid4()}", exclusive=True, durable=False)
    with connection.Consumer(
        [reply_queue], callbacks=[lambda reply, _: replies.append(reply)], accept=["json"], no_ack=True
    ):
        connection.Producer().publish(
            body,
            routing_key=queue,
            reply_to=reply_queue.name,
            correlation_id="ask-1",
            serializer="json",
        )
        drain(lambda: replies)
    return replies


def ladder(queue_type):
    """Declares Kombu's ladder of delays, which must be what we declare."""
    from kombu.transport import native_delayed_delivery

    native_delayed_delivery.declare_native_delayed_delivery_exchanges_and_queues(
        connection, queue_type
    )


def delay(queue, body, seconds):
    """Publishes over Kombu's ladder, as Celery does it: the queue's own exchange is bound to the ladder's end."""
    from kombu.transport import native_delayed_delivery as ladder_of_kombu

    exchange = kombu.Exchange(queue, type="topic")
    bound = kombu.Queue(queue, exchange, routing_key=queue)
    bound(connection.default_channel).declare()
    ladder_of_kombu.bind_queue_to_native_delayed_delivery_exchange(connection, bound)
    connection.Producer().publish(
        BODIES[body],
        exchange=ladder_of_kombu.level_name(ladder_of_kombu.MAX_LEVEL),
        routing_key=ladder_of_kombu.calculate_routing_key(seconds, queue),
    )


def drop_exchange(name):
    kombu.Exchange(name, type="topic")(connection.default_channel).delete()


def send_task(queue, args):
    """Celery sends a task to whoever reads the queue."""
    from celery_tasks import app

    return app.send_task("interop.add", args=args, queue=queue, kwargs={"failures": 0}).id


COMMANDS = {
    "consume": consume,
    "publish": publish,
    "answer": answer,
    "ask": ask,
    "ladder": ladder,
    "delay": delay,
    "drop_exchange": drop_exchange,
    "send_task": send_task,
    "version": lambda: kombu.__version__,
}

for line in sys.stdin:
    command = json.loads(line)
    try:
        result = COMMANDS[command.pop("do")](**command)
        print(json.dumps({"result": result}), flush=True)
    except Exception as error:
        print(json.dumps({"error": f"{type(error).__name__}: {error}"}), flush=True)
connection.release()
