"""RabbitMQ's six tutorials as pika programs: each party has a connection of its own."""

import time
import uuid

import pika
from interop import PATIENCE_S, URL, check, namer, same

name = namer("pika-tutorial")


class Party:
    """One program of a tutorial."""

    def __init__(self):
        self.connection = pika.BlockingConnection(pika.URLParameters(URL))
        self.channel = self.connection.channel()
        self.heard = []

    def __enter__(self):
        return self

    def __exit__(self, *error):
        if self.connection.is_open:
            self.connection.close()

    def hear(self, queue):
        """Consumes without acks and notes key and text of each message."""

        def note(channel, method, properties, body):
            self.heard.append((method.routing_key, body.decode()))

        self.channel.basic_consume(queue, note, auto_ack=True)

    def subscribe(self, exchange, *keys):
        """Hears what the exchange sends to a temporary queue bound with these keys."""
        queue = self.channel.queue_declare("", exclusive=True).method.queue
        for key in keys:
            self.channel.queue_bind(queue, exchange, key)
        self.hear(queue)

    def wait(self, done):
        deadline = time.monotonic() + PATIENCE_S
        while not done() and time.monotonic() < deadline:
            self.connection.process_data_events(time_limit=0.05)

    def settle(self):
        """A moment in which nothing more should come."""
        self.connection.process_data_events(time_limit=0.3)


def tutorial_hello_world():
    queue = name("hello")
    with Party() as sender, Party() as receiver:
        sender.channel.queue_declare(queue)
        sender.channel.basic_publish("", queue, b"Hello World!")
        # Both declare, so either may start first.
        receiver.channel.queue_declare(queue)
        receiver.hear(queue)
        receiver.wait(lambda: receiver.heard)
        same(receiver.heard, [(queue, "Hello World!")], "what the receiver heard")
        receiver.channel.queue_delete(queue)


def tutorial_work_queues():
    """Two workers share durable tasks fairly; what one leaves unacked, the other does."""
    queue = name("tasks")
    with Party() as boss, Party() as first, Party() as second:
        boss.channel.queue_declare(queue, durable=True)
        for worker in (first, second):
            worker.channel.basic_qos(prefetch_count=1)
            worker.channel.basic_consume(
                queue,
                lambda ch, method, props, body, worker=worker: worker.heard.append((method, body)),
            )
        persistent = pika.BasicProperties(delivery_mode=pika.DeliveryMode.Persistent)
        for number in range(4):
            boss.channel.basic_publish("", queue, b"task %d" % number, persistent)
        first.wait(lambda: first.heard)
        second.wait(lambda: second.heard)
        first.settle()
        second.settle()
        same((len(first.heard), len(second.heard)), (1, 1), "tasks of two busy workers")
        first.channel.basic_ack(first.heard[0][0].delivery_tag)
        first.wait(lambda: len(first.heard) == 2)
        # The first worker stops without acking its second task.
        first.connection.close()
        for count in range(1, 4):
            second.wait(lambda count=count: len(second.heard) == count)
            same(len(second.heard), count, "tasks of the second worker")
            second.channel.basic_ack(second.heard[-1][0].delivery_tag)
        lost = first.heard[1][1]
        again = [method.redelivered for method, body in second.heard if body == lost]
        same(again, [True], "redelivered flag of the abandoned task")
        done = {first.heard[0][1], *(body for _, body in second.heard)}
        same(done, {b"task %d" % number for number in range(4)}, "tasks done")
        second.channel.queue_delete(queue)


def tutorial_publish_subscribe():
    exchange = name("logs")
    with Party() as emitter, Party() as screen, Party() as disk:
        emitter.channel.exchange_declare(exchange, "fanout")
        emitter.channel.basic_publish(exchange, "", b"nobody listens yet")
        for listener in (screen, disk):
            listener.channel.exchange_declare(exchange, "fanout")
            listener.subscribe(exchange, "")
        emitter.channel.basic_publish(exchange, "", b"info: all is well")
        for listener in (screen, disk):
            listener.wait(lambda listener=listener: listener.heard)
            listener.settle()
            same(listener.heard, [("", "info: all is well")], "log lines")
        emitter.channel.exchange_delete(exchange)


def tutorial_routing():
    exchange = name("levels")
    with Party() as emitter, Party() as everything, Party() as alarm:
        emitter.channel.exchange_declare(exchange, "direct")
        everything.subscribe(exchange, "info", "warning", "error")
        alarm.subscribe(exchange, "error")
        for level in ("info", "error", "debug", "warning"):
            emitter.channel.basic_publish(exchange, level, level.upper().encode())
        everything.wait(lambda: len(everything.heard) == 3)
        alarm.wait(lambda: alarm.heard)
        everything.settle()
        alarm.settle()
        heard = [("info", "INFO"), ("error", "ERROR"), ("warning", "WARNING")]
        same(everything.heard, heard, "all levels")
        same(alarm.heard, [("error", "ERROR")], "errors only")
        emitter.channel.exchange_delete(exchange)


def tutorial_topics():
    exchange = name("facilities")
    with Party() as emitter, Party() as kernel, Party() as critical, Party() as both:
        emitter.channel.exchange_declare(exchange, "topic")
        kernel.subscribe(exchange, "kern.*")
        critical.subscribe(exchange, "*.critical")
        both.subscribe(exchange, "kern.*", "*.critical")
        for key in ("kern.critical", "kern.info", "cron.critical", "cron.info", "kern.a.b"):
            emitter.channel.basic_publish(exchange, key, b"")
        both.wait(lambda: len(both.heard) == 3)
        for listener in (both, kernel, critical):
            listener.settle()
        same([key for key, _ in kernel.heard], ["kern.critical", "kern.info"], "kern.*")
        same([key for key, _ in critical.heard], ["kern.critical", "cron.critical"], "*.critical")
        same(
            [key for key, _ in both.heard],
            ["kern.critical", "kern.info", "cron.critical"],
            "two bindings, one copy of each message",
        )
        emitter.channel.exchange_delete(exchange)


def tutorial_rpc():
    queue = name("rpc")

    def fibonacci(number):
        before, current = 0, 1
        for _ in range(number):
            before, current = current, before + current
        return before

    with Party() as server, Party() as client:
        server.channel.queue_declare(queue)
        server.channel.basic_qos(prefetch_count=1)

        def serve(channel, method, request, body):
            channel.basic_publish(
                "",
                request.reply_to,
                str(fibonacci(int(body))).encode(),
                pika.BasicProperties(correlation_id=request.correlation_id),
            )
            channel.basic_ack(method.delivery_tag)

        server.channel.basic_consume(queue, serve)
        replies = {}
        callbacks = client.channel.queue_declare("", exclusive=True).method.queue
        client.channel.basic_consume(
            callbacks,
            lambda ch, method, reply, body: replies.update({reply.correlation_id: int(body)}),
            auto_ack=True,
        )
        calls = {}
        for number in (1, 10, 30):
            calls[number] = str(uuid.uuid4())
            client.channel.basic_publish(
                "",
                queue,
                str(number).encode(),
                pika.BasicProperties(reply_to=callbacks, correlation_id=calls[number]),
            )
        deadline = time.monotonic() + PATIENCE_S
        while len(replies) < len(calls) and time.monotonic() < deadline:
            server.connection.process_data_events(time_limit=0.02)
            client.connection.process_data_events(time_limit=0.02)
        check(len(replies) == len(calls), f"replies: {replies}")
        same([replies[calls[number]] for number in (1, 10, 30)], [1, 55, 832040], "results")
        server.channel.queue_delete(queue)


ALL = [
    tutorial_hello_world,
    tutorial_work_queues,
    tutorial_publish_subscribe,
    tutorial_routing,
    tutorial_topics,
    tutorial_rpc,
]
