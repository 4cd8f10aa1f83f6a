"""pika's BlockingConnection through every scenario, then RabbitMQ's six tutorials."""

import contextlib
import datetime
import time

import pika
import tutorials
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
from pika.exceptions import (
    ChannelClosedByBroker,
    ProbableAuthenticationError,
    UnroutableError,
)

name = namer("pika")


@contextlib.contextmanager
def connected(**parameters):
    settings = pika.URLParameters(URL)
    for key, value in parameters.items():
        setattr(settings, key, value)
    connection = pika.BlockingConnection(settings)
    try:
        yield connection
    finally:
        if connection.is_open:
            connection.close()


def ready(connection, queue):
    """Messages ready in the queue, asked on a channel of its own."""
    channel = connection.channel()
    count = channel.queue_declare(queue, passive=True).method.message_count
    channel.close()
    return count


def exists(connection, queue):
    try:
        ready(connection, queue)
        return True
    except ChannelClosedByBroker as closed:
        same(closed.reply_code, 404, "reply code")
        return False


def receive(connection, deliveries, count):
    """Serves the connection until so many deliveries came, then watches that no more do."""
    deadline = time.monotonic() + PATIENCE_S
    while len(deliveries) < count and time.monotonic() < deadline:
        connection.process_data_events(time_limit=0.05)
    quiet = time.monotonic() + QUIET_S
    while time.monotonic() < quiet:
        connection.process_data_events(time_limit=0.05)
    same(len(deliveries), count, "deliveries")


def publish_confirm():
    with connected() as connection:
        channel = connection.channel()
        exchange, queue = name("confirm"), name("confirm")
        channel.exchange_declare(exchange, "direct", durable=True)
        channel.queue_declare(queue, durable=True)
        channel.queue_bind(queue, exchange, "key")
        channel.confirm_delivery()
        # With confirms on, basic_publish returns only once the broker answered, and raises a nack.
        persistent = pika.BasicProperties(delivery_mode=2)
        for number in range(100):
            channel.basic_publish(exchange, "key", b"%d" % number, persistent)
        same(ready(connection, queue), 100, "messages in the queue")
        channel.basic_publish(exchange, "unbound", b"dropped but confirmed")
        same(ready(connection, queue), 100, "messages after an unroutable one")
        same(channel.queue_delete(queue).method.message_count, 100, "messages deleted")
        channel.exchange_delete(exchange)


def consume_ack():
    with connected() as connection:
        queue = name("consume")
        channel = connection.channel()
        channel.confirm_delivery()
        channel.queue_declare(queue, durable=True)
        for number in range(10):
            channel.basic_publish("", queue, b"%d" % number)
        consumer = connection.channel()
        consumer.basic_qos(prefetch_count=3)
        got = []
        consumer.basic_consume(queue, lambda ch, method, props, body: got.append((method, body)))
        receive(connection, got, 3)
        same(ready(connection, queue), 7, "ready while 3 of 10 are unacked")
        check(not any(method.redelivered for method, _ in got), "redelivered on first delivery")
        consumer.basic_ack(got[2][0].delivery_tag, multiple=True)
        receive(connection, got, 6)
        consumer.basic_nack(got[5][0].delivery_tag, requeue=True)
        receive(connection, got, 7)
        same([body for _, body in got[5:]], [b"5", b"5"], "the nacked message comes again")
        check(got[6][0].redelivered, "redelivered is not set after nack with requeue")
        consumer.basic_reject(got[6][0].delivery_tag, requeue=False)
        receive(connection, got, 8)
        same(got[7][1], b"6", "the message after the rejected one")
        same([m.delivery_tag for m, _ in got], list(range(1, 9)), "delivery tags")
        consumer.close()
        # 0-2 were acked and 5 rejected; 3, 4 and 6 go back with the channel.
        eventually(lambda: ready(connection, queue), 6, "ready after the channel closed")
        method, _, body = channel.basic_get(queue, auto_ack=True)
        same((body, method.redelivered), (b"3", True), "first message after requeue")
        channel.queue_delete(queue)


def mandatory_return():
    with connected() as connection:
        channel = connection.channel()
        exchange = name("return")
        channel.exchange_declare(exchange, "direct")
        channel.confirm_delivery()
        # pika raises the return once the confirm that follows it has come as an ack.
        try:
            channel.basic_publish(exchange, "nowhere", b"lost", mandatory=True)
            check(False, "no return for an unroutable mandatory message")
        except UnroutableError as error:
            same(len(error.messages), 1, "returned messages")
            returned = error.messages[0]
            same(returned.method.reply_code, 312, "reply code")
            same(returned.method.reply_text, "NO_ROUTE", "reply text")
            same(returned.method.exchange, exchange, "exchange")
            same(returned.method.routing_key, "nowhere", "routing key")
            same(returned.body, b"lost", "body")
        channel.exchange_delete(exchange)


def heartbeat():
    with connected(heartbeat=1) as connection:
        same(connection._impl.params.heartbeat, 1, "negotiated heartbeat")
        queue = name("heartbeat")
        channel = connection.channel()
        channel.queue_declare(queue, exclusive=True)
        # pika drops the connection itself when the broker was silent at two checks, 6 s apart.
        connection.process_data_events(time_limit=13)
        check(connection.is_open, "connection lost while idle")
        channel.basic_publish("", queue, b"alive")
        eventually(lambda: ready(connection, queue), 1, "messages after the idle time")


def big_messages():
    with connected() as connection:
        queue = name("big")
        channel = connection.channel()
        channel.confirm_delivery()
        channel.queue_declare(queue)
        for size in SIZES:
            channel.basic_publish("", queue, body_of(size))
        for size in SIZES:
            method, _, body = channel.basic_get(queue, auto_ack=True)
            check(method is not None, f"no message of {size} bytes")
            same(len(body), size, "size")
            same(digest(body), digest(body_of(size)), f"hash of {size} bytes")
        channel.queue_delete(queue)


def properties():
    moment = datetime.datetime(2024, 2, 29, 12, 30, tzinfo=datetime.timezone.utc)
    headers = {
        "text": "grüße",
        "small": 7,
        "negative": -40000,
        "large": 2**40,
        "yes": True,
        "no": False,
        "nothing": None,
        "moment": moment,
        "list": [1, "two", False, [3, {"four": 4}]],
        "table": {"inner": {"deep": "x"}, "empty": {}},
    }
    sent = pika.BasicProperties(
        content_type="application/json",
        content_encoding="utf-8",
        headers=headers,
        delivery_mode=2,
        priority=5,
        correlation_id="correlation",
        reply_to="reply",
        expiration="600000",
        message_id="message",
        timestamp=1709209800,
        type="kind",
        user_id=pika.URLParameters(URL).credentials.username,
        app_id="interop",
    )
    with connected() as connection:
        queue = name("properties")
        channel = connection.channel()
        channel.confirm_delivery()
        channel.queue_declare(queue)
        channel.basic_publish("", queue, b"x", sent)
        channel.basic_publish("", queue, b"bare")
        _, got, _ = channel.basic_get(queue, auto_ack=True)
        got.headers["moment"] = got.headers["moment"].replace(tzinfo=datetime.timezone.utc)
        same(got, sent, "properties")
        _, bare, _ = channel.basic_get(queue, auto_ack=True)
        same(bare, pika.BasicProperties(), "absent properties")
        channel.queue_delete(queue)


def channel_errors():
    with connected() as connection:
        queue = name("errors")
        with raises(ChannelClosedByBroker, "404", missing_queue(queue)):
            connection.channel().queue_declare(queue, passive=True)
        connection.channel().queue_declare(queue, durable=True)
        with raises(ChannelClosedByBroker, "406", not_durable(queue)):
            connection.channel().queue_declare(queue, durable=False)
        channel = connection.channel()
        with raises(ChannelClosedByBroker, "406", "PRECONDITION_FAILED - unknown delivery tag 99"):
            channel.basic_ack(99)
            channel.queue_declare(queue, passive=True)
        channel = connection.channel()
        channel.confirm_delivery()
        nowhere = name("nowhere")
        with raises(ChannelClosedByBroker, "404", f"no exchange '{nowhere}' in vhost '/'"):
            channel.basic_publish(nowhere, "", b"x")
        channel = connection.channel()
        channel.confirm_delivery()
        channel.basic_publish("", queue, b"still works")
        same(channel.queue_delete(queue).method.message_count, 1, "messages after the errors")


def exclusive_queue():
    queue = name("exclusive")
    with connected() as other:
        with connected() as owner:
            owner.channel().queue_declare(queue, exclusive=True)
            with raises(ChannelClosedByBroker, "405", locked(queue)):
                other.channel().queue_declare(queue, passive=True)
            with raises(ChannelClosedByBroker, "405", locked(queue)):
                other.channel().basic_get(queue)
        check(not exists(other, queue), "the queue outlived its connection")


def queue_lifecycle():
    with connected() as connection:
        channel = connection.channel()
        channel.confirm_delivery()
        served = channel.queue_declare("", exclusive=True).method.queue
        check(served.startswith("amq.gen-"), f"server-named queue is {served}")

        short = name("auto-delete")
        channel.queue_declare(short, auto_delete=True)
        tag = channel.basic_consume(short, lambda *delivery: None)
        check(exists(connection, short), "the queue is missing while consumed")
        channel.basic_cancel(tag)
        eventually(lambda: exists(connection, short), False, "auto-delete queue exists")

        queue = name("lifecycle")
        channel.queue_declare(queue)
        same(channel.basic_get(queue), (None, None, None), "get from an empty queue")
        for number in range(5):
            channel.basic_publish("", queue, b"%d" % number)
        method, _, body = channel.basic_get(queue, auto_ack=True)
        same((body, method.message_count), (b"0", 4), "get")
        same(method.redelivered, False, "redelivered")
        same(channel.queue_purge(queue).method.message_count, 4, "purged")
        for number in range(3):
            channel.basic_publish("", queue, b"%d" % number)
        same(channel.queue_delete(queue).method.message_count, 3, "deleted with the queue")
        same(channel.queue_delete(queue).method.message_count, 0, "deleted without a queue")


def routing():
    with connected() as connection:
        channel = connection.channel()
        channel.confirm_delivery()

        def routed(kind, bindings, publishes):
            """Messages per binding, each binding with a queue of its own."""
            exchange = name(kind)
            channel.exchange_declare(exchange, kind)
            queues = []
            for key, arguments in bindings:
                queue = channel.queue_declare("", exclusive=True).method.queue
                channel.queue_bind(queue, exchange, key, arguments)
                queues.append(queue)
            for key, headers in publishes:
                channel.basic_publish(exchange, key, b"", pika.BasicProperties(headers=headers))
            counts = [ready(connection, queue) for queue in queues]
            channel.exchange_delete(exchange)
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
        channel.confirm_delivery()
        source, target = name("source"), name("target")
        channel.exchange_declare(source, "topic")
        channel.exchange_declare(target, "fanout")
        queue = channel.queue_declare("", exclusive=True).method.queue
        channel.queue_bind(queue, target)
        channel.queue_bind(queue, source, "a.*")
        channel.exchange_bind(destination=target, source=source, routing_key="a.#")
        channel.basic_publish(source, "a.b", b"both ways, one copy")
        channel.basic_publish(source, "a.b.c", b"through the target")
        channel.basic_publish(source, "ab", b"no way")
        same(ready(connection, queue), 2, "messages")
        channel.exchange_unbind(destination=target, source=source, routing_key="a.#")
        channel.basic_publish(source, "a.b.c", b"no longer")
        same(ready(connection, queue), 2, "messages after exchange.unbind")
        channel.exchange_delete(source)
        channel.exchange_delete(target)


def tx():
    with connected() as connection:
        queue = name("tx")
        channel = connection.channel()
        channel.queue_declare(queue)
        channel.tx_select()
        channel.basic_publish("", queue, b"rolled back")
        channel.tx_rollback()
        channel.basic_publish("", queue, b"1")
        channel.basic_publish("", queue, b"2")
        same(ready(connection, queue), 0, "ready before commit")
        channel.tx_commit()
        same(ready(connection, queue), 2, "ready after commit")
        method, _, body = channel.basic_get(queue)
        same(body, b"1", "first message")
        channel.basic_ack(method.delivery_tag)
        channel.tx_rollback()
        # The rolled back ack leaves the message unacked, so it can be acked once more.
        channel.basic_ack(method.delivery_tag)
        channel.tx_commit()
        channel.close()
        eventually(lambda: ready(connection, queue), 1, "ready after the acked one went")
        connection.channel().queue_delete(queue)


def login_refused():
    with raises(ProbableAuthenticationError, "403", "ACCESS_REFUSED - Login was refused"):
        pika.BlockingConnection(pika.URLParameters(with_password(URL, "wrong")))


play(
    f"pika {pika.__version__}",
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
        *tutorials.ALL,
    ],
)
