use crate::support::*;
use futures_lite::StreamExt;
use lapin::{
    BasicProperties, Connection, ConnectionProperties, ErrorKind, ExchangeKind,
    message::Delivery,
    options::*,
    types::{AMQPValue, DecimalValue, FieldTable},
};
use std::time::Duration;
use tokio::time::{sleep, timeout};

pub async fn publish_confirm() -> Outcome {
    let connection = connect().await?;
    let channel = confirming(&connection).await?;
    let (exchange, queue) = (name("confirm"), name("confirm"));
    let durable = ExchangeDeclareOptions { durable: true, ..Default::default() };
    channel
        .exchange_declare(
            exchange.as_str().into(),
            ExchangeKind::Direct,
            durable,
            FieldTable::default(),
        )
        .await?;
    declare_queue(&channel, &queue, true).await?;
    bind(&channel, &queue, &exchange, "key", FieldTable::default()).await?;
    let mut confirms = Vec::new();
    for number in 0..100 {
        let confirm = channel
            .basic_publish(
                exchange.as_str().into(),
                "key".into(),
                BasicPublishOptions::default(),
                number.to_string().as_bytes(),
                BasicProperties::default().with_delivery_mode(2),
            )
            .await?;
        confirms.push(confirm);
    }
    for confirm in confirms {
        check(confirm.await?.is_ack(), "a publish was not acked")?;
    }
    same(ready(&connection, &queue).await?, 100, "messages in the queue")?;
    publish_text(&channel, &exchange, "unbound", "dropped but confirmed").await?;
    same(delete_queue(&channel, &queue).await?, 100, "messages deleted")?;
    delete_exchange(&channel, &exchange).await?;
    disconnect(connection).await
}

pub async fn consume_ack() -> Outcome {
    let connection = connect().await?;
    let queue = name("consume");
    let setup = confirming(&connection).await?;
    declare_queue(&setup, &queue, true).await?;
    for number in 0..10 {
        publish_text(&setup, "", &queue, &number.to_string()).await?;
    }
    let channel = connection.create_channel().await?;
    channel.basic_qos(3, BasicQosOptions::default()).await?;
    let mut consumer = channel
        .basic_consume(
            queue.as_str().into(),
            "".into(),
            BasicConsumeOptions::default(),
            FieldTable::default(),
        )
        .await?;
    let mut got: Vec<Delivery> = Vec::new();
    receive(&mut consumer, &mut got, 3).await?;
    same(ready(&connection, &queue).await?, 7, "ready while 3 of 10 are unacked")?;
    check(!got.iter().any(|delivery| delivery.redelivered), "redelivered at first")?;
    got[2].ack(BasicAckOptions { multiple: true }).await?;
    receive(&mut consumer, &mut got, 6).await?;
    got[5].nack(BasicNackOptions { requeue: true, multiple: false }).await?;
    receive(&mut consumer, &mut got, 7).await?;
    same(&got[6].data[..], b"5", "the nacked message comes again")?;
    check(got[6].redelivered, "redelivered is not set after nack with requeue")?;
    got[6].reject(BasicRejectOptions { requeue: false }).await?;
    receive(&mut consumer, &mut got, 8).await?;
    same(&got[7].data[..], b"6", "the message after the rejected one")?;
    same(got[7].delivery_tag, 8, "delivery tag")?;
    channel.close(200, "done".into()).await?;
    let count = async || ready(&connection, &queue).await;
    eventually(count, 6, "ready after the channel closed").await?;
    let options = BasicGetOptions { no_ack: true };
    let first = setup.basic_get(queue.as_str().into(), options).await?.ok_or("empty queue")?;
    same(&first.data[..], b"3", "first message after requeue")?;
    check(first.redelivered, "redelivered is not set after the channel closed")?;
    delete_queue(&setup, &queue).await?;
    disconnect(connection).await
}

pub async fn mandatory_return() -> Outcome {
    let connection = connect().await?;
    let channel = confirming(&connection).await?;
    let exchange = name("return");
    declare_exchange(&channel, &exchange, ExchangeKind::Direct).await?;
    // lapin puts a return with the confirm that follows it; a later one would not be found here.
    let confirmation = channel
        .basic_publish(
            exchange.as_str().into(),
            "nowhere".into(),
            BasicPublishOptions { mandatory: true, ..Default::default() },
            b"lost",
            BasicProperties::default(),
        )
        .await?
        .await?;
    check(confirmation.is_ack(), "the publish was not acked")?;
    let returned = confirmation.take_message().ok_or("no return before the confirm")?;
    same(returned.reply_code, 312, "reply code")?;
    same(returned.reply_text.as_str(), "NO_ROUTE", "reply text")?;
    same(returned.exchange.as_str(), exchange.as_str(), "exchange")?;
    same(returned.routing_key.as_str(), "nowhere", "routing key")?;
    same(&returned.data[..], b"lost", "body")?;
    delete_exchange(&channel, &exchange).await?;
    disconnect(connection).await
}

pub async fn heartbeat() -> Outcome {
    let url = format!("{}?heartbeat=1", url());
    let connection = Connection::connect(&url, ConnectionProperties::default()).await?;
    same(connection.configuration().heartbeat(), 1, "negotiated heartbeat")?;
    let channel = confirming(&connection).await?;
    let queue = own_queue(&channel).await?;
    // lapin closes the connection itself when the broker's heartbeats stay away.
    sleep(Duration::from_secs(6)).await;
    check(connection.status().connected(), "connection lost while idle")?;
    publish_text(&channel, "", &queue, "alive").await?;
    same(ready(&connection, &queue).await?, 1, "messages after the idle time")?;
    disconnect(connection).await
}

pub async fn big_messages() -> Outcome {
    let connection = connect().await?;
    same(connection.configuration().frame_max(), 131072, "frame_max")?;
    let channel = confirming(&connection).await?;
    let queue = name("big");
    declare_queue(&channel, &queue, false).await?;
    for size in SIZES {
        publish(&channel, "", &queue, BasicProperties::default(), &body_of(size)).await?;
    }
    for size in SIZES {
        let options = BasicGetOptions { no_ack: true };
        let message = channel.basic_get(queue.as_str().into(), options).await?;
        let message = message.ok_or(format!("no message of {size} bytes"))?;
        same(message.data.len(), size, "size")?;
        check(message.data == body_of(size), format!("the content of {size} bytes differs"))?;
    }
    delete_queue(&channel, &queue).await?;
    disconnect(connection).await
}

pub async fn properties() -> Outcome {
    let text = |text: &str| AMQPValue::LongString(text.into());
    let inner = table(&[("deep", text("x"))]);
    let list = vec![
        AMQPValue::LongInt(1),
        text("two"),
        AMQPValue::Boolean(false),
        AMQPValue::FieldArray(vec![AMQPValue::FieldTable(inner.clone())].into()),
    ];
    // Each variant is a wire type of its own: the types must come back too.
    let headers = table(&[
        ("text", text("grüße")),
        ("i8", AMQPValue::ShortShortInt(-3)),
        ("u8", AMQPValue::ShortShortUInt(200)),
        ("i16", AMQPValue::ShortInt(-300)),
        ("u16", AMQPValue::ShortUInt(60000)),
        ("i32", AMQPValue::LongInt(-70000)),
        ("u32", AMQPValue::LongUInt(u32::MAX)),
        ("i64", AMQPValue::LongLongInt(i64::MIN)),
        ("f32", AMQPValue::Float(0.5)),
        ("f64", AMQPValue::Double(0.25)),
        ("decimal", AMQPValue::DecimalValue(DecimalValue { scale: 2, value: 1234 })),
        ("yes", AMQPValue::Boolean(true)),
        ("void", AMQPValue::Void),
        ("bytes", AMQPValue::ByteArray(vec![0, 1, 255].into())),
        ("moment", AMQPValue::Timestamp(1709209800)),
        ("list", AMQPValue::FieldArray(list.into())),
        ("no items", AMQPValue::FieldArray(vec![].into())),
        ("table", AMQPValue::FieldTable(table(&[("inner", AMQPValue::FieldTable(inner))]))),
        ("empty", AMQPValue::FieldTable(FieldTable::default())),
    ]);
    let uri: lapin::uri::AMQPUri = url().parse()?;
    let sent = BasicProperties::default()
        .with_content_type("application/json".into())
        .with_content_encoding("utf-8".into())
        .with_headers(headers)
        .with_delivery_mode(2)
        .with_priority(5)
        .with_correlation_id("correlation".into())
        .with_reply_to("reply".into())
        .with_expiration("600000".into())
        .with_message_id("message".into())
        .with_timestamp(1709209800)
        .with_type("kind".into())
        .with_user_id(uri.authority.userinfo.username.as_str().into())
        .with_app_id("interop".into())
        .with_cluster_id("cluster".into());
    let connection = connect().await?;
    let channel = confirming(&connection).await?;
    let queue = name("properties");
    declare_queue(&channel, &queue, false).await?;
    publish(&channel, "", &queue, sent.clone(), b"x").await?;
    publish_text(&channel, "", &queue, "bare").await?;
    for expected in [sent, BasicProperties::default()] {
        let options = BasicGetOptions { no_ack: true };
        let message = channel.basic_get(queue.as_str().into(), options).await?;
        same(&message.ok_or("empty queue")?.properties, &expected, "properties")?;
    }
    delete_queue(&channel, &queue).await?;
    disconnect(connection).await
}

pub async fn channel_errors() -> Outcome {
    let connection = connect().await?;
    let (queue, nowhere) = (name("errors"), name("nowhere"));
    let channel = connection.create_channel().await?;
    let missing = format!("NOT_FOUND - no queue '{queue}' in vhost '/'");
    refused(passive(&channel, &queue).await, 404, &missing)?;

    let channel = connection.create_channel().await?;
    declare_queue(&channel, &queue, true).await?;
    let inequivalent = format!(
        "PRECONDITION_FAILED - inequivalent arg 'durable' for queue '{queue}' in vhost '/': \
         received 'false' but current is 'true'"
    );
    refused(declare_queue(&channel, &queue, false).await, 406, &inequivalent)?;

    // An ack has no reply to fail, so lapin tells of the close through the channel's consumers.
    let channel = connection.create_channel().await?;
    let mut consumer = channel
        .basic_consume(
            queue.as_str().into(),
            "".into(),
            BasicConsumeOptions::default(),
            FieldTable::default(),
        )
        .await?;
    channel.basic_ack(99, BasicAckOptions::default()).await?;
    let end = timeout(PATIENCE, consumer.next()).await?.ok_or("cancelled")?;
    refused(end, 406, "PRECONDITION_FAILED - unknown delivery tag 99")?;

    let channel = confirming(&connection).await?;
    let lost = channel
        .basic_publish(
            nowhere.as_str().into(),
            "".into(),
            BasicPublishOptions::default(),
            b"x",
            BasicProperties::default(),
        )
        .await?;
    let no_exchange = format!("NOT_FOUND - no exchange '{nowhere}' in vhost '/'");
    refused(lost.await, 404, &no_exchange)?;

    let channel = confirming(&connection).await?;
    publish_text(&channel, "", &queue, "still works").await?;
    same(delete_queue(&channel, &queue).await?, 1, "messages after the errors")?;
    disconnect(connection).await
}

pub async fn exclusive_queue() -> Outcome {
    let queue = name("exclusive");
    let locked = format!(
        "RESOURCE_LOCKED - cannot obtain exclusive access to locked queue '{queue}' in vhost '/'"
    );
    let (other, owner) = (connect().await?, connect().await?);
    let channel = owner.create_channel().await?;
    let options = QueueDeclareOptions::exclusive();
    channel.queue_declare(queue.as_str().into(), options, FieldTable::default()).await?;
    let channel = other.create_channel().await?;
    refused(passive(&channel, &queue).await, 405, &locked)?;
    let channel = other.create_channel().await?;
    let got = channel.basic_get(queue.as_str().into(), BasicGetOptions::default()).await;
    refused(got, 405, &locked)?;
    disconnect(owner).await?;
    check(!exists(&other, &queue).await?, "the queue outlived its connection")?;
    disconnect(other).await
}

pub async fn queue_lifecycle() -> Outcome {
    let connection = connect().await?;
    let channel = confirming(&connection).await?;
    let served = own_queue(&channel).await?;
    check(served.starts_with("amq.gen-"), format!("server-named queue is {served}"))?;

    let brief = name("auto-delete");
    let options = QueueDeclareOptions::default().auto_delete();
    channel.queue_declare(brief.as_str().into(), options, FieldTable::default()).await?;
    let consumer = channel
        .basic_consume(
            brief.as_str().into(),
            "tag".into(),
            BasicConsumeOptions::default(),
            FieldTable::default(),
        )
        .await?;
    check(exists(&connection, &brief).await?, "the queue is missing while consumed")?;
    channel.basic_cancel(consumer.tag(), BasicCancelOptions::default()).await?;
    let there = async || exists(&connection, &brief).await;
    eventually(there, false, "auto-delete queue exists").await?;

    let queue = name("lifecycle");
    declare_queue(&channel, &queue, false).await?;
    let get = || channel.basic_get(queue.as_str().into(), BasicGetOptions { no_ack: true });
    check(get().await?.is_none(), "an empty queue gave a message")?;
    for number in 0..5 {
        publish_text(&channel, "", &queue, &number.to_string()).await?;
    }
    let message = get().await?.ok_or("no message")?;
    same(&message.data[..], b"0", "get")?;
    same(message.message_count, 4, "messages left")?;
    let options = QueuePurgeOptions::default();
    same(channel.queue_purge(queue.as_str().into(), options).await?, 4, "purged")?;
    for number in 0..3 {
        publish_text(&channel, "", &queue, &number.to_string()).await?;
    }
    same(delete_queue(&channel, &queue).await?, 3, "deleted with the queue")?;
    same(delete_queue(&channel, &queue).await?, 0, "deleted without a queue")?;
    disconnect(connection).await
}

type Address<'a> = (&'a str, FieldTable);

/// Messages per binding, each binding with a queue of its own.
async fn routed(
    connection: &Connection,
    kind: ExchangeKind,
    bindings: &[Address<'_>],
    messages: &[Address<'_>],
) -> Outcome<Vec<u32>> {
    let channel = confirming(connection).await?;
    let exchange = name(&format!("{kind:?}"));
    declare_exchange(&channel, &exchange, kind).await?;
    let mut queues = Vec::new();
    for (key, arguments) in bindings {
        let queue = own_queue(&channel).await?;
        bind(&channel, &queue, &exchange, key, arguments.clone()).await?;
        queues.push(queue);
    }
    for (key, headers) in messages {
        let properties = BasicProperties::default().with_headers(headers.clone());
        publish(&channel, &exchange, key, properties, b"").await?;
    }
    let mut counts = Vec::new();
    for queue in queues {
        counts.push(delete_queue(&channel, &queue).await?);
    }
    delete_exchange(&channel, &exchange).await?;
    // A dropped channel closes by itself, which must not meet the closing of the connection.
    channel.close(200, "done".into()).await?;
    Ok(counts)
}

fn keys<'a, const N: usize>(keys: [&'a str; N]) -> [Address<'a>; N] {
    keys.map(|key| (key, FieldTable::default()))
}

pub async fn routing() -> Outcome {
    let connection = connect().await?;
    let topics = keys(["*.orange.*", "lazy.#", "#", "*", "quick.orange.rabbit.*"]);
    let sent =
        keys(["quick.orange.rabbit", "lazy.orange.elephant", "lazy", "lazy.a.b.c", "orange"]);
    let counts = routed(&connection, ExchangeKind::Topic, &topics, &sent).await?;
    same(counts, vec![2, 3, 5, 2, 0], "topic")?;
    let counts = routed(&connection, ExchangeKind::Fanout, &keys(["a", ""]), &keys(["b"])).await?;
    same(counts, vec![1, 1], "fanout")?;
    let counts = routed(&connection, ExchangeKind::Direct, &keys(["a", "b"]), &keys(["a"])).await?;
    same(counts, vec![1, 0], "direct")?;
    let text = |text: &str| AMQPValue::LongString(text.into());
    let (format, pages) = (("format", text("pdf")), ("pages", AMQPValue::LongInt(3)));
    let matches = [
        ("", table(&[("x-match", text("all")), format.clone(), pages.clone()])),
        ("", table(&[("x-match", text("any")), format.clone(), pages.clone()])),
        ("", table(std::slice::from_ref(&format))),
    ];
    let messages = [
        ("", table(&[format.clone(), ("pages", AMQPValue::LongLongInt(3))])),
        ("", table(&[format, ("pages", text("3"))])),
        ("", table(&[pages])),
        ("", FieldTable::default()),
    ];
    let counts = routed(&connection, ExchangeKind::Headers, &matches, &messages).await?;
    same(counts, vec![1, 3, 2], "headers")?;
    disconnect(connection).await
}

pub async fn exchange_bindings() -> Outcome {
    let connection = connect().await?;
    let channel = confirming(&connection).await?;
    let (source, target) = (name("source"), name("target"));
    declare_exchange(&channel, &source, ExchangeKind::Topic).await?;
    declare_exchange(&channel, &target, ExchangeKind::Fanout).await?;
    let queue = own_queue(&channel).await?;
    bind(&channel, &queue, &target, "", FieldTable::default()).await?;
    bind(&channel, &queue, &source, "a.*", FieldTable::default()).await?;
    channel
        .exchange_bind(
            target.as_str().into(),
            source.as_str().into(),
            "a.#".into(),
            ExchangeBindOptions::default(),
            FieldTable::default(),
        )
        .await?;
    publish_text(&channel, &source, "a.b", "both ways, one copy").await?;
    publish_text(&channel, &source, "a.b.c", "through the target").await?;
    publish_text(&channel, &source, "ab", "no way").await?;
    same(ready(&connection, &queue).await?, 2, "messages")?;
    channel
        .exchange_unbind(
            target.as_str().into(),
            source.as_str().into(),
            "a.#".into(),
            ExchangeUnbindOptions::default(),
            FieldTable::default(),
        )
        .await?;
    publish_text(&channel, &source, "a.b.c", "no longer").await?;
    same(ready(&connection, &queue).await?, 2, "messages after exchange.unbind")?;
    delete_exchange(&channel, &source).await?;
    delete_exchange(&channel, &target).await?;
    disconnect(connection).await
}

pub async fn tx() -> Outcome {
    let connection = connect().await?;
    let channel = connection.create_channel().await?;
    let queue = name("tx");
    declare_queue(&channel, &queue, false).await?;
    let send = async |text: &str| -> Outcome {
        let options = BasicPublishOptions::default();
        let properties = BasicProperties::default();
        let key = queue.as_str().into();
        channel.basic_publish("".into(), key, options, text.as_bytes(), properties).await?;
        Ok(())
    };
    channel.tx_select().await?;
    send("rolled back").await?;
    channel.tx_rollback().await?;
    send("1").await?;
    send("2").await?;
    same(ready(&connection, &queue).await?, 0, "ready before commit")?;
    channel.tx_commit().await?;
    same(ready(&connection, &queue).await?, 2, "ready after commit")?;
    let got = channel.basic_get(queue.as_str().into(), BasicGetOptions::default()).await?;
    let message = got.ok_or("no message")?;
    same(&message.data[..], b"1", "first message")?;
    channel.basic_ack(message.delivery_tag, BasicAckOptions::default()).await?;
    channel.tx_rollback().await?;
    // The rolled back ack leaves the message unacked, so it can be acked once more.
    channel.basic_ack(message.delivery_tag, BasicAckOptions::default()).await?;
    channel.tx_commit().await?;
    channel.close(200, "done".into()).await?;
    let count = async || ready(&connection, &queue).await;
    eventually(count, 1, "ready after the acked one went").await?;
    let channel = connection.create_channel().await?;
    delete_queue(&channel, &queue).await?;
    disconnect(connection).await
}

pub async fn login_refused() -> Outcome {
    let mut uri: lapin::uri::AMQPUri = url().parse()?;
    uri.authority.userinfo.password = "wrong".into();
    let Err(error) = Connection::connect_uri(uri, ConnectionProperties::default()).await else {
        return Err("a wrong password was accepted".into());
    };
    let ErrorKind::ProtocolError(closing) = error.kind() else {
        return Err(format!("expected 403, got {error}").into());
    };
    // The spec counts 403 among the channel errors; here it closes the connection.
    same(closing.get_id(), 403, "reply code")?;
    let text = closing.get_message().as_str();
    check(text.contains("ACCESS_REFUSED - Login was refused"), format!("text is {text:?}"))
}
