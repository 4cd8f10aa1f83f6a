//! Connections, checks and waits that the scenarios share.

use futures_lite::StreamExt;
use lapin::{
    BasicProperties, Channel, Confirmation, Connection, ConnectionProperties, Consumer, ErrorKind,
    message::Delivery,
    options::*,
    types::{AMQPValue, FieldTable},
};
use std::{env, error::Error, fmt::Debug, time::Duration};
use tokio::time::{sleep, timeout};

pub type Outcome<T = ()> = Result<T, Box<dyn Error>>;

/// How long to wait for something that should come at once.
pub const PATIENCE: Duration = Duration::from_secs(10);
/// How long to watch that something does not come.
const QUIET: Duration = Duration::from_millis(300);
/// Sizes around what fits one body frame of the usual frame_max 131072 (8 bytes are overhead).
pub const SIZES: [usize; 7] = [0, 1, 131063, 131064, 131065, 131072, 5 << 20];

pub fn check(holds: bool, text: impl Into<String>) -> Outcome {
    if holds { Ok(()) } else { Err(text.into().into()) }
}

pub fn same<T: PartialEq + Debug>(actual: T, expected: T, what: &str) -> Outcome {
    let holds = actual == expected;
    check(holds, format!("{what}: expected {expected:?}, got {actual:?}"))
}

/// The broker closed the channel, and nothing more, with this code and text.
pub fn refused<T>(result: lapin::Result<T>, code: u16, text: &str) -> Outcome {
    let Err(error) = result else {
        return Err(format!("not refused with {code}").into());
    };
    check(error.is_amqp_soft_error(), format!("not a channel error: {error}"))?;
    let ErrorKind::ProtocolError(closing) = error.kind() else {
        return Err(format!("expected {code}, got {error}").into());
    };
    same(closing.get_id(), code, "reply code")?;
    let words = closing.get_message().as_str();
    check(words.contains(text), format!("expected {text:?} in {words:?}"))
}

pub fn name(noun: &str) -> String {
    let run = env::var("INTEROP_RUN").expect("INTEROP_RUN is set");
    format!("interop.lapin.{noun}.{run}")
}

/// The broker's address; this library wants the vhost `/` written out.
pub fn url() -> String {
    let url = env::var("AMQP_URL").expect("AMQP_URL is set");
    format!("{}/%2f", url.trim_end_matches('/'))
}

pub async fn connect() -> Outcome<Connection> {
    Ok(Connection::connect(&url(), ConnectionProperties::default()).await?)
}

pub async fn disconnect(connection: Connection) -> Outcome {
    Ok(connection.close(200, "done".into()).await?)
}

/// A channel whose publishes the broker confirms.
pub async fn confirming(connection: &Connection) -> Outcome<Channel> {
    let channel = connection.create_channel().await?;
    channel.confirm_select(ConfirmSelectOptions::default()).await?;
    Ok(channel)
}

/// Publishes and waits for the confirm, which must be an ack.
pub async fn publish(
    channel: &Channel,
    exchange: &str,
    key: &str,
    properties: BasicProperties,
    body: &[u8],
) -> Outcome {
    let options = BasicPublishOptions::default();
    let sent = channel.basic_publish(exchange.into(), key.into(), options, body, properties);
    same(sent.await?.await?, Confirmation::Ack(None), "confirm")
}

pub async fn publish_text(channel: &Channel, exchange: &str, key: &str, text: &str) -> Outcome {
    publish(channel, exchange, key, BasicProperties::default(), text.as_bytes()).await
}

/// Declares a queue that stays until it is deleted.
pub async fn declare_queue(channel: &Channel, queue: &str, durable: bool) -> lapin::Result<()> {
    let options = QueueDeclareOptions { durable, ..Default::default() };
    channel.queue_declare(queue.into(), options, FieldTable::default()).await?;
    Ok(())
}

/// A queue of this connection, with a name from the broker.
pub async fn own_queue(channel: &Channel) -> Outcome<String> {
    let options = QueueDeclareOptions::exclusive();
    let queue = channel.queue_declare("".into(), options, FieldTable::default()).await?;
    Ok(queue.name().to_string())
}

pub async fn declare_exchange(
    channel: &Channel,
    exchange: &str,
    kind: lapin::ExchangeKind,
) -> Outcome {
    let options = ExchangeDeclareOptions::default();
    Ok(channel.exchange_declare(exchange.into(), kind, options, FieldTable::default()).await?)
}

pub async fn bind(
    channel: &Channel,
    queue: &str,
    exchange: &str,
    key: &str,
    arguments: FieldTable,
) -> Outcome {
    let options = QueueBindOptions::default();
    Ok(channel.queue_bind(queue.into(), exchange.into(), key.into(), options, arguments).await?)
}

pub async fn delete_queue(channel: &Channel, queue: &str) -> Outcome<u32> {
    Ok(channel.queue_delete(queue.into(), QueueDeleteOptions::default()).await?)
}

pub async fn delete_exchange(channel: &Channel, exchange: &str) -> Outcome {
    Ok(channel.exchange_delete(exchange.into(), ExchangeDeleteOptions::default()).await?)
}

pub async fn passive(channel: &Channel, queue: &str) -> lapin::Result<u32> {
    let options = QueueDeclareOptions::default().passive();
    let queue = channel.queue_declare(queue.into(), options, FieldTable::default()).await?;
    Ok(queue.message_count())
}

/// Messages ready in the queue, asked on a channel of its own.
pub async fn ready(connection: &Connection, queue: &str) -> Outcome<u32> {
    let channel = connection.create_channel().await?;
    let count = passive(&channel, queue).await?;
    channel.close(200, "done".into()).await?;
    Ok(count)
}

pub async fn exists(connection: &Connection, queue: &str) -> Outcome<bool> {
    let channel = connection.create_channel().await?;
    match passive(&channel, queue).await {
        Ok(_) => {
            channel.close(200, "done".into()).await?;
            Ok(true)
        }
        gone => {
            refused(gone, 404, "no queue")?;
            Ok(false)
        }
    }
}

/// Polls what the broker does after its reply, such as requeueing on channel close.
pub async fn eventually<T: PartialEq + Debug>(
    probe: impl AsyncFn() -> Outcome<T>,
    expected: T,
    what: &str,
) -> Outcome {
    for _ in 0..PATIENCE.as_millis() / 20 {
        if probe().await? == expected {
            return Ok(());
        }
        sleep(Duration::from_millis(20)).await;
    }
    same(probe().await?, expected, what)
}

/// Takes deliveries until there are so many, then watches that no more come.
pub async fn receive(consumer: &mut Consumer, got: &mut Vec<Delivery>, count: usize) -> Outcome {
    while got.len() < count {
        let next = timeout(PATIENCE, consumer.next()).await;
        let next = next.map_err(|_| format!("only {} of {count} deliveries came", got.len()))?;
        got.push(next.ok_or("the consumer was cancelled")??);
    }
    let extra = timeout(QUIET, consumer.next()).await;
    check(extra.is_err(), format!("more than {count} deliveries came"))
}

pub fn table(pairs: &[(&str, AMQPValue)]) -> FieldTable {
    let mut table = FieldTable::default();
    for (key, value) in pairs {
        table.insert((*key).into(), value.clone());
    }
    table
}

/// Bytes of which no two frames' worth are alike.
pub fn body_of(size: usize) -> Vec<u8> {
    let mut state = size as u32 ^ 0x9e37_79b9;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 17;
        state ^= state << 5;
        (state >> 24) as u8
    };
    (0..size).map(|_| next()).collect()
}
