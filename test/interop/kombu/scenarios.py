"""Kombu over py-amqp: entities, producers and consumers, SimpleQueue and ConsumerMixin."""

import contextlib
import datetime
import socket
import threading
import time

import amqp
import kombu
from amqp.exceptions import AccessRefused, NotFound, PreconditionFailed, ResourceLocked
from interop import (
    PATIENCE_S,
    QUIET_S,
    SIZES,
    URL,
    body_of,
    check,
    digest,
    eventually,
    locked,
    missing_queue,
    namer,
    not_durable,
    play,
    raises,
    same,
    with_password,
)
from kombu.mixins import ConsumerMixin

name = namer("kombu")


@contextlib.contextmanager
def connected(**options):
    """A connection whose publishes wait for the broker's confirm."""
    # "amqp" names py-amqp also where another transport is installed.
    connection = kombu.Connection(
        URL.replace("amqp://", "pyamqp://", 1),
        transport_options={"confirm_publish": True},
        **options,
    )
    try:
        yield connection
    finally:
        connection.release()


def ready(connection, queue):
    with connection.channel() as channel:
        return channel.queue_declare(queue, passive=True).message_count


def exists(connection, queue):
    channel = connection.channel()
    try:
        channel.queue_declare(queue, passive=True)
        channel.close()
        return True
    except NotFound:
        return False


def drain(connection, done=lambda: False, limit=PATIENCE_S):
    deadline = time.monotonic() + limit
    while not done() and time.monotonic() < deadline:
        with contextlib.suppress(socket.timeout):
            connection.drain_events(timeout=0.05)


def receive(connection, messages, count):
    drain(connection, lambda: len(messages) >= count)
    drain(connection, limit=QUIET_S)
    same(len(messages), count, "deliveries")


def publish_confirm():
    with connected() as connection:
        exchange = kombu.Exchange(name("confirm"), "direct", durable=True)
        queue = kombu.Queue(name("confirm"), exchange, "key", durable=True)
        channel = connection.channel()
        bound = queue(channel)
        bound.declare()
        confirmed = []
        channel.events["basic_ack"].add(lambda tag, multiple: confirmed.append(tag))
        producer = connection.Producer(channel, exchange)
        for number in range(100):
            producer.publish(f"{number}", routing_key="key", delivery_mode=2)
        same(max(confirmed), 100, "last confirmed publish")
        same(ready(connection, queue.name), 100, "messages in the queue")
        producer.publish("dropped but confirmed", routing_key="unbound")
        same(max(confirmed), 101, "last confirmed publish")
        same(bound.delete(), 100, "messages deleted")
        exchange(channel).delete()


def consume_ack():
    with connected() as connection:
        queue = kombu.Queue(name("consume"), durable=True)
        setup = connection.channel()
        queue(setup).declare()
        for number in range(10):
            connection.Producer(setup).publish(f"{number}", routing_key=queue.name)
        channel = connection.channel()
        got = []
        consumer = kombu.Consumer(channel, [queue], on_message=got.append)
        consumer.qos(prefetch_count=3)
        consumer.consume()
        receive(connection, got, 3)
        same(ready(connection, queue.name), 7, "ready while 3 of 10 are unacked")
        check(not any(m.delivery_info["redelivered"] for m in got), "redelivered at first")
        got[2].ack(multiple=True)
        receive(connection, got, 6)
        got[5].requeue()
        receive(connection, got, 7)
        same([m.payload for m in got[5:]], ["5", "5"], "the requeued message comes again")
        check(got[6].delivery_info["redelivered"], "redelivered is not set after requeue")
        got[6].reject()
        receive(connection, got, 8)
        same(got[7].payload, "6", "the message after the rejected one")
        channel.close()
        eventually(lambda: ready(connection, queue.name), 6, "ready after the channel closed")
        message = queue(setup).get()
        same(message.payload, "3", "first message after requeue")
        check(message.delivery_info["redelivered"], "redelivered is not set after channel close")
        message.ack()
        queue(setup).delete()


def mandatory_return():
    with connected() as connection:
        exchange = kombu.Exchange(name("return"), "direct", durable=False)
        returned = []
        producer = connection.Producer(
            exchange=exchange, on_return=lambda *details: returned.append(details)
        )
        exchange(producer.channel).declare()
        acks = []
        producer.channel.events["basic_ack"].add(
            lambda tag, multiple: acks.append((tag, len(returned)))
        )
        producer.publish("lost", routing_key="nowhere", mandatory=True)
        same(acks, [(1, 1)], "confirm, and returns seen before it")
        error, where, key, message = returned[0]
        same(error.reply_code, 312, "reply code")
        same(error.reply_text, "NO_ROUTE", "reply text")
        same((where, key), (exchange.name, "nowhere"), "exchange and routing key")
        same(message.body, "lost", "body")
        exchange(producer.channel).delete()


def heartbeat():
    with connected(heartbeat=2) as connection:
        queue = name("heartbeat")
        channel = connection.default_channel
        channel.queue_declare(queue, exclusive=True)
        same(connection.connection.heartbeat, 2, "negotiated heartbeat")
        # Kombu leaves heartbeats to the application, which also hears of a silent broker here.
        for _ in range(18):
            connection.heartbeat_check(rate=4)
            with contextlib.suppress(socket.timeout):
                connection.drain_events(timeout=0.5)
        check(connection.connected, "connection lost while idle")
        connection.Producer().publish("alive", routing_key=queue)
        same(ready(connection, queue), 1, "messages after the idle time")


def big_messages():
    with connected() as connection:
        queue = kombu.Queue(name("big"))
        bound = queue(connection.default_channel)
        bound.declare()
        producer = connection.Producer()
        for size in SIZES:
            producer.publish(body_of(size), routing_key=queue.name)
        for size in SIZES:
            message = bound.get(no_ack=True)
            check(message is not None, f"no message of {size} bytes")
            # A binary body of no bytes is decoded to an empty text.
            body = bytes(message.body or b"")
            same(len(body), size, "size")
            same(digest(body), digest(body_of(size)), f"hash of {size} bytes")
        bound.delete()


def properties():
    headers = {
        "text": "grüße",
        "small": 7,
        "negative": -40000,
        "large": 2**40,
        "fraction": 0.25,
        "yes": True,
        "no": False,
        "nothing": None,
        "moment": datetime.datetime(2024, 2, 29, 12, 30),
        "list": [1, "two", False, [3, {"four": 4}]],
        "table": {"inner": {"deep": "x"}, "empty": {}},
    }
    sent = {
        "delivery_mode": 2,
        "priority": 5,
        "correlation_id": "correlation",
        "reply_to": "reply",
        "expiration": "600000",
        "message_id": "message",
        "timestamp": 1709209800,
        "type": "kind",
        "app_id": "interop",
    }
    with connected() as connection:
        sent["user_id"] = connection.userid
        queue = kombu.Queue(name("properties"))
        bound = queue(connection.default_channel)
        bound.declare()
        connection.Producer().publish(
            {"json": [1, None]},
            routing_key=queue.name,
            headers=headers,
            **{**sent, "expiration": 600},
        )
        message = bound.get(no_ack=True)
        same(message.payload, {"json": [1, None]}, "payload")
        same(message.content_type, "application/json", "content type")
        same(message.content_encoding, "utf-8", "content encoding")
        same(message.headers, headers, "headers")
        got = {key: message.properties.get(key) for key in sent}
        same(got, sent, "properties")
        bound.delete()


def channel_errors():
    with connected() as connection:
        queue = name("errors")
        with raises(NotFound, "404", missing_queue(queue)):
            kombu.Queue(queue)(connection.channel()).queue_declare(passive=True)
        kombu.Queue(queue, durable=True)(connection.channel()).queue_declare()
        with raises(PreconditionFailed, "406", not_durable(queue)):
            kombu.Queue(queue, durable=False)(connection.channel()).queue_declare()
        channel = connection.channel()
        channel.basic_ack(99)
        with raises(PreconditionFailed, "PRECONDITION_FAILED - unknown delivery tag 99"):
            channel.queue_declare(queue, passive=True)
        nowhere = name("nowhere")
        with raises(NotFound, f"no exchange '{nowhere}' in vhost '/'"):
            connection.Producer(connection.channel()).publish("x", exchange=nowhere)
        channel = connection.channel()
        connection.Producer(channel).publish("still works", routing_key=queue)
        same(kombu.Queue(queue)(channel).delete(), 1, "messages after the errors")


def exclusive_queue():
    queue = kombu.Queue(name("exclusive"), exclusive=True)
    with connected() as other:
        with connected() as owner:
            queue(owner.channel()).queue_declare()
            with raises(ResourceLocked, "405", locked(queue.name)):
                queue(other.channel()).queue_declare()
            with raises(ResourceLocked, "405", locked(queue.name)):
                queue(other.channel()).get()
        check(not exists(other, queue.name), "the queue outlived its connection")


def queue_lifecycle():
    with connected() as connection:
        channel = connection.channel()
        producer = connection.Producer(channel)
        served = kombu.Queue("", exclusive=True)(channel)
        served.queue_declare()
        check(served.name.startswith("amq.gen-"), f"server-named queue is {served.name}")

        short = kombu.Queue(name("auto-delete"), durable=False, auto_delete=True)
        consumer = kombu.Consumer(channel, [short])
        consumer.consume()
        check(exists(connection, short.name), "the queue is missing while consumed")
        consumer.cancel()
        eventually(lambda: exists(connection, short.name), False, "auto-delete queue exists")

        queue = kombu.Queue(name("lifecycle"))(channel)
        queue.declare()
        same(queue.get(), None, "get from an empty queue")
        for number in range(5):
            producer.publish(f"{number}", routing_key=queue.name)
        message = queue.get(no_ack=True)
        same(message.payload, "0", "get")
        same(message.delivery_info["message_count"], 4, "messages left")
        same(queue.purge(), 4, "purged")
        for number in range(3):
            producer.publish(f"{number}", routing_key=queue.name)
        same(queue.delete(), 3, "deleted with the queue")
        same(queue.delete(), 0, "deleted without a queue")


def routing():
    with connected() as connection:
        channel = connection.channel()

        def routed(kind, bindings, publishes):
            """Messages per binding, each binding with a queue of its own."""
            exchange = kombu.Exchange(name(kind), kind)(channel)
            exchange.declare()
            queues = []
            for number, (key, arguments) in enumerate(bindings):
                queue = kombu.Queue(
                    name(f"{kind}-{number}"),
                    exchange,
                    key,
                    binding_arguments=arguments,
                    exclusive=True,
                )(channel)
                queue.declare()
                queues.append(queue)
            producer = connection.Producer(channel, exchange)
            for key, headers in publishes:
                producer.publish("", routing_key=key, headers=headers)
            counts = [queue.delete() for queue in queues]
            exchange.delete()
            return counts

        keys = ["quick.orange.rabbit", "lazy.orange.elephant", "lazy", "lazy.a.b.c", "orange"]
        topics = ["*.orange.*", "lazy.#", "#", "*", "quick.orange.rabbit.*"]
        same(
            routed("topic", [(key, None) for key in topics], [(key, None) for key in keys]),
            [2, 3, 5, 2, 0],
            "topic",
        )
        same(routed("fanout", [("a", None), ("", None)], [("b", None)]), [1, 1], "fanout")
        same(routed("direct", [("a", None), ("b", None)], [("a", None)]), [1, 0], "direct")
        same(
            routed(
                "headers",
                [
                    ("", {"x-match": "all", "format": "pdf", "pages": 3}),
                    ("", {"x-match": "any", "format": "pdf", "pages": 3}),
                    ("", {"format": "pdf"}),
                ],
                [
                    ("", {"format": "pdf", "pages": 3}),
                    ("", {"format": "pdf", "pages": "3"}),
                    ("", {"pages": 3}),
                    ("", None),
                ],
            ),
            [1, 3, 2],
            "headers",
        )


def exchange_bindings():
    with connected() as connection:
        channel = connection.channel()
        source = kombu.Exchange(name("source"), "topic")(channel)
        target = kombu.Exchange(name("target"), "fanout")(channel)
        source.declare()
        target.declare()
        queue = kombu.Queue(
            name("e2e"),
            bindings=[kombu.binding(target), kombu.binding(source, "a.*")],
            exclusive=True,
        )(channel)
        queue.declare()
        target.bind_to(source, "a.#")
        producer = connection.Producer(channel, source)
        producer.publish("both ways, one copy", routing_key="a.b")
        producer.publish("through the target", routing_key="a.b.c")
        producer.publish("no way", routing_key="ab")
        same(ready(connection, queue.name), 2, "messages")
        target.unbind_from(source, "a.#")
        producer.publish("no longer", routing_key="a.b.c")
        same(queue.delete(), 2, "messages after exchange.unbind")
        source.delete()
        target.delete()


def tx():
    # py-amqp selects confirms on a channel's first publish, so transactions go without them.
    with kombu.Connection(URL) as connection:
        queue = name("tx")
        channel = connection.channel()
        channel.queue_declare(queue, auto_delete=False)
        channel.tx_select()
        producer = connection.Producer(channel)
        producer.publish("rolled back", routing_key=queue)
        channel.tx_rollback()
        producer.publish("1", routing_key=queue)
        producer.publish("2", routing_key=queue)
        same(ready(connection, queue), 0, "ready before commit")
        channel.tx_commit()
        same(ready(connection, queue), 2, "ready after commit")
        message = channel.basic_get(queue)
        same(message.body, "1", "first message")
        channel.basic_ack(message.delivery_tag)
        channel.tx_rollback()
        # The rolled back ack leaves the message unacked, so it can be acked once more.
        channel.basic_ack(message.delivery_tag)
        channel.tx_commit()
        channel.close()
        eventually(lambda: ready(connection, queue), 1, "ready after the acked one went")
        connection.channel().queue_delete(queue)


def login_refused():
    with raises(AccessRefused, "403", "ACCESS_REFUSED - Login was refused"):
        kombu.Connection(with_password(URL, "wrong")).connect()


def simple_queue():
    with connected() as connection:
        queue = connection.SimpleQueue(name("simple"))
        queue.put({"task": 1}, serializer="json", compression="zlib")
        queue.put([2])
        same(queue.qsize(), 2, "size")
        first = queue.get(timeout=PATIENCE_S)
        same(first.payload, {"task": 1}, "first message")
        first.ack()
        second = queue.get(timeout=PATIENCE_S)
        second.requeue()
        again = queue.get(timeout=PATIENCE_S)
        same((again.payload, again.delivery_info["redelivered"]), ([2], True), "requeued")
        again.ack()
        with raises(queue.Empty):
            queue.get(timeout=QUIET_S)
        # The broker would cancel the consumer of a deleted queue, which Kombu raises as an error.
        queue.close()
        channel = connection.channel()
        kombu.Queue(name("simple"))(channel).delete()
        kombu.Exchange(name("simple"))(channel).delete()


def consumer_mixin():
    """A ConsumerMixin finds its queue deleted under it and consumes again by itself."""
    queue = kombu.Queue(name("mixin"), durable=True)
    got = []

    class Worker(ConsumerMixin):
        def __init__(self, connection):
            self.connection = connection
            self.consuming = 0

        def get_consumers(self, Consumer, channel):
            return [Consumer([queue], on_message=self.on_message, prefetch_count=2)]

        def on_consume_ready(self, connection, channel, consumers, **options):
            self.consuming += 1

        def on_message(self, message):
            got.append(message.payload)
            message.ack()

    with connected() as publishing, connected() as consuming:
        worker = Worker(consuming)
        thread = threading.Thread(target=worker.run, daemon=True)
        thread.start()
        eventually(lambda: worker.consuming, 1, "times the worker began to consume")
        publishing.Producer().publish("before", routing_key=queue.name)
        eventually(lambda: got, ["before"], "messages")
        # The broker's basic.cancel makes the mixin start over, which declares the queue again.
        queue(publishing.default_channel).delete()
        eventually(lambda: worker.consuming, 2, "times the worker began to consume")
        publishing.Producer().publish("after", routing_key=queue.name)
        eventually(lambda: got, ["before", "after"], "messages")
        worker.should_stop = True
        thread.join(PATIENCE_S)
        queue(publishing.default_channel).delete()


play(
    f"kombu {kombu.__version__}, py-amqp {amqp.__version__}",
    [
        publish_confirm,
        consume_ack,
        mandatory_return,
        heartbeat,
        big_messages,
        properties,
        channel_errors,
        exclusive_queue,
        queue_lifecycle,
        routing,
        exchange_bindings,
        tx,
        login_refused,
        simple_queue,
        consumer_mixin,
    ],
)
