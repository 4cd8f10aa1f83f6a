"""aio-pika: the asyncio client, with its robust connection where recovery is the subject."""

import asyncio
import contextlib
import datetime
import importlib.metadata

import aio_pika
from aio_pika import DeliveryMode, ExchangeType, Message
from aio_pika.exceptions import (
    ChannelNotFoundEntity,
    ChannelPreconditionFailed,
    DeliveryError,
    ProbableAuthenticationError,
    QueueEmpty,
)
from aiormq.exceptions import ChannelLockedResource
from interop import (
    PATIENCE_S,
    QUIET_S,
    SIZES,
    URL,
    body_of,
    check,
    digest,
    locked,
    missing_queue,
    namer,
    not_durable,
    play,
    raises,
    same,
    with_password,
)

name = namer("aio-pika")


@contextlib.asynccontextmanager
async def connected(**options):
    connection = await aio_pika.connect(URL, **options)
    async with connection:
        yield connection


async def ready(connection, queue):
    async with connection.channel() as channel:
        return (await channel.declare_queue(queue, passive=True)).declaration_result.message_count


async def exists(connection, queue):
    try:
        await ready(connection, queue)
        return True
    except ChannelNotFoundEntity:
        return False


async def eventually(probe, expected, what):
    """Polls what the broker does after its reply, such as requeueing on channel close."""
    for _ in range(int(PATIENCE_S / 0.02)):
        actual = await probe()
        if actual == expected:
            return
        await asyncio.sleep(0.02)
    same(actual, expected, what)


async def receive(messages, count):
    async def enough():
        return len(messages) >= count

    await eventually(enough, True, f"{count} deliveries")
    await asyncio.sleep(QUIET_S)
    same(len(messages), count, "deliveries")


async def publish_confirm():
    async with connected() as connection:
        channel = await connection.channel()
        exchange = await channel.declare_exchange(name("confirm"), durable=True)
        queue = await channel.declare_queue(name("confirm"), durable=True)
        await queue.bind(exchange, "key")
        # A publish on a confirming channel, which is the default, ends with the broker's ack.
        answers = await asyncio.gather(
            *(
                exchange.publish(
                    Message(b"%d" % number, delivery_mode=DeliveryMode.PERSISTENT), "key"
                )
                for number in range(100)
            )
        )
        same({type(answer).__name__ for answer in answers}, {"Ack"}, "confirms")
        same(await ready(connection, queue.name), 100, "messages in the queue")
        answer = await exchange.publish(Message(b"dropped"), "unbound", mandatory=False)
        same(type(answer).__name__, "Ack", "confirm of an unroutable message")
        deleted = await queue.delete(if_empty=False, if_unused=False)
        same(deleted.message_count, 100, "messages deleted")
        await exchange.delete()


async def consume_ack():
    async with connected() as connection:
        setup = await connection.channel()
        queue = await setup.declare_queue(name("consume"), durable=True)
        for number in range(10):
            await setup.default_exchange.publish(Message(b"%d" % number), queue.name)
        channel = await connection.channel()
        await channel.set_qos(prefetch_count=3)
        got = []

        async def note(message):
            got.append(message)

        await (await channel.get_queue(queue.name)).consume(note)
        await receive(got, 3)
        same(await ready(connection, queue.name), 7, "ready while 3 of 10 are unacked")
        check(not any(message.redelivered for message in got), "redelivered on first delivery")
        await got[2].ack(multiple=True)
        await receive(got, 6)
        await got[5].nack(requeue=True)
        await receive(got, 7)
        same([message.body for message in got[5:]], [b"5", b"5"], "the nacked message again")
        check(got[6].redelivered, "redelivered is not set after nack with requeue")
        await got[6].reject(requeue=False)
        await receive(got, 8)
        same(got[7].body, b"6", "the message after the rejected one")
        same([message.delivery_tag for message in got], list(range(1, 9)), "delivery tags")
        await channel.close()
        await eventually(lambda: ready(connection, queue.name), 6, "ready after channel close")
        message = await queue.get()
        same((message.body, message.redelivered), (b"3", True), "first message after requeue")
        await message.ack()
        await queue.delete(if_empty=False, if_unused=False)


async def mandatory_return():
    async with connected() as connection:
        # Publishes are mandatory by default; a returned one resolves to its basic.return.
        channel = await connection.channel()
        exchange = await channel.declare_exchange(name("return"))
        returned = await exchange.publish(Message(b"lost"), "nowhere")
        method = returned.delivery
        same((method.reply_code, method.reply_text), (312, "NO_ROUTE"), "reply")
        same((method.exchange, method.routing_key), (exchange.name, "nowhere"), "address")
        same(returned.body, b"lost", "body")
        raising = await connection.channel(on_return_raises=True)
        with raises(DeliveryError, "NO_ROUTE"):
            await (await raising.get_exchange(exchange.name)).publish(Message(b"x"), "nowhere")
        await exchange.delete()


async def heartbeat():
    async with connected(heartbeat=1) as connection:
        channel = await connection.channel()
        queue = await channel.declare_queue(name("heartbeat"), exclusive=True)
        same(connection.transport.connection.connection_tune.heartbeat, 1, "negotiated heartbeat")
        closed = []
        connection.close_callbacks.add(lambda *why: closed.append(why))
        # aiormq itself gives up on a broker that was silent for 6 s.
        await asyncio.sleep(8)
        same(closed, [], "closings while idle")
        await channel.default_exchange.publish(Message(b"alive"), queue.name)
        same(await ready(connection, queue.name), 1, "messages after the idle time")


async def big_messages():
    async with connected() as connection:
        channel = await connection.channel()
        queue = await channel.declare_queue(name("big"))
        for size in SIZES:
            await channel.default_exchange.publish(Message(body_of(size)), queue.name)
        for size in SIZES:
            message = await queue.get(no_ack=True)
            same(len(message.body), size, "size")
            same(digest(message.body), digest(body_of(size)), f"hash of {size} bytes")
        await queue.delete()


async def properties():
    moment = datetime.datetime(2024, 2, 29, 12, 30, tzinfo=datetime.timezone.utc)
    headers = {
        "text": "grüße",
        "small": 7,
        "negative": -40000,
        "large": 2**40,
        "fraction": 0.25,
        "yes": True,
        "no": False,
        "nothing": None,
        "moment": moment,
        "list": [1, "two", False, [3, {"four": 4}]],
        "table": {"inner": {"deep": "x"}, "empty": {}},
    }
    async with connected() as connection:
        sent = {
            "content_type": "application/json",
            "content_encoding": "utf-8",
            "delivery_mode": DeliveryMode.PERSISTENT,
            "priority": 5,
            "correlation_id": "correlation",
            "reply_to": "reply",
            "expiration": 600,
            "message_id": "message",
            "timestamp": moment,
            "type": "kind",
            "user_id": connection.url.user,
            "app_id": "interop",
        }
        channel = await connection.channel()
        queue = await channel.declare_queue(name("properties"))
        message = Message(b"x", headers=headers, **sent)
        await channel.default_exchange.publish(message, queue.name)
        got = await queue.get(no_ack=True)
        same({key: getattr(got, key) for key in sent}, sent, "properties")
        same(got.headers, headers, "headers")
        await queue.delete()


async def channel_errors():
    queue = name("errors")
    async with connected() as connection:
        with raises(ChannelNotFoundEntity, missing_queue(queue)):
            await (await connection.channel()).declare_queue(queue, passive=True)
        await (await connection.channel()).declare_queue(queue, durable=True)
        with raises(ChannelPreconditionFailed, not_durable(queue)):
            await (await connection.channel()).declare_queue(queue, durable=False)
        channel = await connection.channel()
        # An ack has no reply to fail, so aio-pika tells of the close by callback.
        closing = asyncio.get_running_loop().create_future()
        channel.close_callbacks.add(lambda _, reason: closing.set_result(reason))
        await (await channel.get_underlay_channel()).basic_ack(99)
        with raises(ChannelPreconditionFailed, "PRECONDITION_FAILED - unknown delivery tag 99"):
            raise await asyncio.wait_for(closing, PATIENCE_S)
        nowhere = name("nowhere")
        channel = await connection.channel()
        exchange = await channel.get_exchange(nowhere, ensure=False)
        with raises(ChannelNotFoundEntity, f"no exchange '{nowhere}' in vhost '/'"):
            await exchange.publish(Message(b"x"), "")
        channel = await connection.channel()
        await channel.default_exchange.publish(Message(b"still works"), queue)
        deleted = await channel.queue_delete(queue)
        same(deleted.message_count, 1, "messages after the errors")
    # A robust channel opens itself again after the broker closed it.
    async with await aio_pika.connect_robust(URL) as connection:
        channel = await connection.channel()
        reopened = asyncio.Event()
        channel.reopen_callbacks.add(lambda *_: reopened.set())
        with raises(ChannelNotFoundEntity, missing_queue(queue)):
            await channel.get_queue(queue)
        await asyncio.wait_for(reopened.wait(), PATIENCE_S)
        again = await channel.declare_queue(queue, exclusive=True)
        same(again.declaration_result.message_count, 0, "messages in the new queue")


async def exclusive_queue():
    queue = name("exclusive")
    async with connected() as other:
        async with connected() as owner:
            await (await owner.channel()).declare_queue(queue, exclusive=True)
            with raises(ChannelLockedResource, locked(queue)):
                await (await other.channel()).declare_queue(queue, passive=True)
            with raises(ChannelLockedResource, locked(queue)):
                await (await (await other.channel()).get_queue(queue, ensure=False)).get()
        check(not await exists(other, queue), "the queue outlived its connection")


async def queue_lifecycle():
    async with connected() as connection:
        channel = await connection.channel()
        # With an empty name aio-pika leaves the choice to the broker.
        served = await channel.declare_queue("", exclusive=True)
        check(served.name.startswith("amq.gen-"), f"server-named queue is {served.name}")

        short = await channel.declare_queue(name("auto-delete"), auto_delete=True)

        async def ignore(message):
            pass

        tag = await short.consume(ignore)
        check(await exists(connection, short.name), "the queue is missing while consumed")
        await short.cancel(tag)
        await eventually(lambda: exists(connection, short.name), False, "auto-delete queue exists")

        queue = await channel.declare_queue(name("lifecycle"))
        same(await queue.get(fail=False), None, "get from an empty queue")
        with raises(QueueEmpty):
            await queue.get()
        for number in range(5):
            await channel.default_exchange.publish(Message(b"%d" % number), queue.name)
        message = await queue.get(no_ack=True)
        same((message.body, message.message_count), (b"0", 4), "get")
        same((await queue.purge()).message_count, 4, "purged")
        for number in range(3):
            await channel.default_exchange.publish(Message(b"%d" % number), queue.name)
        deleted = await queue.delete(if_empty=False, if_unused=False)
        same(deleted.message_count, 3, "deleted with the queue")
        same((await channel.queue_delete(queue.name)).message_count, 0, "deleted without a queue")


async def routed(channel, kind, bindings, publishes):
    """Messages per binding, each binding with a queue of its own."""
    exchange = await channel.declare_exchange(name(kind.value), kind)
    queues = []
    for key, arguments in bindings:
        queue = await channel.declare_queue("", exclusive=True)
        await queue.bind(exchange, key, arguments=arguments)
        queues.append(queue)
    for key, headers in publishes:
        await exchange.publish(Message(b"", headers=headers), key, mandatory=False)
    deleted = [await queue.delete(if_unused=False, if_empty=False) for queue in queues]
    await exchange.delete()
    return [each.message_count for each in deleted]


async def routing():
    async with connected() as connection:
        channel = await connection.channel()
        keys = ["quick.orange.rabbit", "lazy.orange.elephant", "lazy", "lazy.a.b.c", "orange"]
        topics = ["*.orange.*", "lazy.#", "#", "*", "quick.orange.rabbit.*"]
        bindings = [(key, None) for key in topics]
        publishes = [(key, None) for key in keys]
        same(
            await routed(channel, ExchangeType.TOPIC, bindings, publishes),
            [2, 3, 5, 2, 0],
            "topic",
        )
        bindings = [("a", None), ("", None)]
        same(await routed(channel, ExchangeType.FANOUT, bindings, [("b", None)]), [1, 1], "fanout")
        bindings = [("a", None), ("b", None)]
        same(await routed(channel, ExchangeType.DIRECT, bindings, [("a", None)]), [1, 0], "direct")
        bindings = [
            ("", {"x-match": "all", "format": "pdf", "pages": 3}),
            ("", {"x-match": "any", "format": "pdf", "pages": 3}),
            ("", {"format": "pdf"}),
        ]
        publishes = [
            ("", {"format": "pdf", "pages": 3}),
            ("", {"format": "pdf", "pages": "3"}),
            ("", {"pages": 3}),
            ("", None),
        ]
        same(
            await routed(channel, ExchangeType.HEADERS, bindings, publishes), [1, 3, 2], "headers"
        )


async def exchange_bindings():
    async with connected() as connection:
        channel = await connection.channel()
        source = await channel.declare_exchange(name("source"), ExchangeType.TOPIC)
        target = await channel.declare_exchange(name("target"), ExchangeType.FANOUT)
        queue = await channel.declare_queue("", exclusive=True)
        await queue.bind(target)
        await queue.bind(source, "a.*")
        await target.bind(source, "a.#")
        await source.publish(Message(b"both ways, one copy"), "a.b")
        await source.publish(Message(b"through the target"), "a.b.c")
        await source.publish(Message(b"no way"), "ab", mandatory=False)
        same(await ready(connection, queue.name), 2, "messages")
        await target.unbind(source, "a.#")
        await source.publish(Message(b"no longer"), "a.b.c", mandatory=False)
        same(await ready(connection, queue.name), 2, "messages after exchange.unbind")
        await source.delete()
        await target.delete()


async def tx():
    async with connected() as connection:
        channel = await connection.channel(publisher_confirms=False)
        queue = await channel.declare_queue(name("tx"))
        publish = channel.default_exchange.publish
        with contextlib.suppress(ZeroDivisionError):
            async with channel.transaction():
                await publish(Message(b"rolled back"), queue.name)
                raise ZeroDivisionError
        async with channel.transaction():
            await publish(Message(b"1"), queue.name)
            await publish(Message(b"2"), queue.name)
            same(await ready(connection, queue.name), 0, "ready before commit")
        same(await ready(connection, queue.name), 2, "ready after commit")
        transaction = channel.transaction()
        await transaction.select()
        message = await queue.get()
        same(message.body, b"1", "first message")
        await message.channel.basic_ack(message.delivery_tag)
        await transaction.rollback()
        # The rolled back ack leaves the message unacked, so it can be acked once more.
        transaction = channel.transaction()
        await transaction.select()
        await message.channel.basic_ack(message.delivery_tag)
        await transaction.commit()
        await channel.close()
        await eventually(lambda: ready(connection, queue.name), 1, "ready after the ack")
        await (await connection.channel()).queue_delete(queue.name)


async def login_refused():
    with raises(ProbableAuthenticationError, "ACCESS_REFUSED - Login was refused"):
        await aio_pika.connect(with_password(URL, "wrong"))


def synchronous(scenario):
    def run():
        asyncio.run(asyncio.wait_for(scenario(), 4 * PATIENCE_S))

    run.__name__ = scenario.__name__
    return run


play(
    f"aio-pika {importlib.metadata.version('aio-pika')}, "
    f"aiormq {importlib.metadata.version('aiormq')}",
    [
        synchronous(scenario)
        for scenario in [
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
        ]
    ],
)
