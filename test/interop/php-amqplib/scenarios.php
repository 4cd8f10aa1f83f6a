<?php

// php-amqplib through every scenario; prints the lines run.ts reads. It logs in by AMQPLAIN, which
// is this library's default.

declare(strict_types=1);

require_once 'PhpAmqpLib/autoload.php';

use PhpAmqpLib\Channel\AMQPChannel;
use PhpAmqpLib\Connection\AMQPStreamConnection;
use PhpAmqpLib\Exception\AMQPConnectionClosedException;
use PhpAmqpLib\Exception\AMQPProtocolChannelException;
use PhpAmqpLib\Exception\AMQPTimeoutException;
use PhpAmqpLib\Message\AMQPMessage;
use PhpAmqpLib\Package;
use PhpAmqpLib\Wire\AMQPAbstractCollection;
use PhpAmqpLib\Wire\AMQPArray;
use PhpAmqpLib\Wire\AMQPTable;

// How long to wait for something that should come at once.
const PATIENCE_S = 10;
// How long to watch that something does not come.
const QUIET_S = 0.3;
// Sizes around what fits one body frame of the usual frame_max 131072 (8 bytes are overhead).
const SIZES = [0, 1, 131063, 131064, 131065, 131072, 5 * 1024 * 1024];

function check(bool $holds, string $text): void
{
    if (!$holds) {
        throw new RuntimeException($text);
    }
}

function same(mixed $actual, mixed $expected, string $what): void
{
    $text = fn (mixed $value): string => is_string($value) ? $value : (string) json_encode($value);
    check($actual === $expected, "$what: expected {$text($expected)}, got {$text($actual)}");
}

function has(string $text, string $part): void
{
    check(str_contains($text, $part), "expected '$part' in '$text'");
}

/** The broker closes the channel with this code and text. */
function refused(int $code, string $text, callable $body): void
{
    try {
        $body();
    } catch (AMQPProtocolChannelException $closed) {
        same($closed->getCode(), $code, 'reply code');
        has($closed->getMessage(), $text);
        return;
    }
    throw new RuntimeException("not refused with $code");
}

/** Polls what the broker does after its reply, such as requeueing on channel close. */
function eventually(mixed $expected, string $what, callable $probe): void
{
    $deadline = microtime(true) + PATIENCE_S;
    while (($actual = $probe()) !== $expected && microtime(true) < $deadline) {
        usleep(20_000);
    }
    same($actual, $expected, $what);
}

function name(string $noun): string
{
    return "interop.php.$noun." . getenv('INTEROP_RUN');
}

function connect(int $heartbeat = 0, ?string $password = null): AMQPStreamConnection
{
    $url = parse_url((string) getenv('AMQP_URL'));
    return new AMQPStreamConnection(
        $url['host'],
        $url['port'] ?? 5672,
        $url['user'] ?? 'guest',
        $password ?? $url['pass'] ?? 'guest',
        read_write_timeout: PATIENCE_S,
        heartbeat: $heartbeat,
        channel_rpc_timeout: PATIENCE_S,
    );
}

/** A channel whose publishes the broker confirms. */
function confirming(AMQPStreamConnection $connection): AMQPChannel
{
    $channel = $connection->channel();
    $channel->set_nack_handler(fn () => throw new RuntimeException('the broker nacked a publish'));
    $channel->confirm_select();
    return $channel;
}

/** Declares a queue that stays until it is deleted. */
function declareQueue(AMQPChannel $channel, string $queue, bool $durable = false): void
{
    $channel->queue_declare($queue, durable: $durable, auto_delete: false);
}

/** A queue of this connection, with a name from the broker. */
function ownQueue(AMQPChannel $channel): string
{
    return $channel->queue_declare('', exclusive: true, auto_delete: false)[0];
}

function publish(AMQPChannel $channel, string $queue, string ...$bodies): void
{
    foreach ($bodies as $body) {
        $channel->basic_publish(new AMQPMessage($body), '', $queue);
    }
    $channel->wait_for_pending_acks(PATIENCE_S);
}

function ready(AMQPStreamConnection $connection, string $queue): int
{
    $channel = $connection->channel();
    $count = $channel->queue_declare($queue, passive: true)[1];
    $channel->close();
    return $count;
}

function exists(AMQPStreamConnection $connection, string $queue): bool
{
    try {
        ready($connection, $queue);
        return true;
    } catch (AMQPProtocolChannelException $closed) {
        same($closed->getCode(), 404, 'reply code');
        return false;
    }
}

/** Serves the channel until so many deliveries came, then watches that no more do. */
function receive(AMQPChannel $channel, array &$deliveries, int $count): void
{
    $deadline = microtime(true) + PATIENCE_S;
    $quiet = null;
    while (microtime(true) < ($quiet ?? $deadline)) {
        try {
            $channel->wait(null, false, 0.05);
        } catch (AMQPTimeoutException) {
            // Nothing came in this while.
        }
        if ($quiet === null && count($deliveries) >= $count) {
            $quiet = microtime(true) + QUIET_S;
        }
    }
    same(count($deliveries), $count, 'deliveries');
}

function bodyOf(int $size): string
{
    $body = '';
    for ($block = 0; strlen($body) < $size; $block++) {
        $body .= hash('sha512', "$size/$block", true);
    }
    return substr($body, 0, $size);
}

function publishConfirm(): void
{
    $connection = connect();
    $channel = confirming($connection);
    $exchange = $queue = name('confirm');
    $channel->exchange_declare($exchange, 'direct', durable: true, auto_delete: false);
    declareQueue($channel, $queue, durable: true);
    $channel->queue_bind($queue, $exchange, 'key');
    $confirmed = 0;
    $channel->set_ack_handler(function () use (&$confirmed): void {
        $confirmed++;
    });
    $properties = ['delivery_mode' => AMQPMessage::DELIVERY_MODE_PERSISTENT];
    for ($number = 0; $number < 100; $number++) {
        $channel->basic_publish(new AMQPMessage("$number", $properties), $exchange, 'key');
    }
    $channel->wait_for_pending_acks(PATIENCE_S);
    same($confirmed, 100, 'confirms');
    same(ready($connection, $queue), 100, 'messages in the queue');
    $channel->basic_publish(new AMQPMessage('dropped but confirmed'), $exchange, 'unbound');
    $channel->wait_for_pending_acks(PATIENCE_S);
    same($confirmed, 101, 'confirms');
    same($channel->queue_delete($queue), 100, 'messages deleted');
    $channel->exchange_delete($exchange);
    $connection->close();
}

function consumeAck(): void
{
    $connection = connect();
    $queue = name('consume');
    $setup = confirming($connection);
    declareQueue($setup, $queue, durable: true);
    publish($setup, $queue, ...array_map('strval', range(0, 9)));
    $channel = $connection->channel();
    $channel->basic_qos(0, 3, false);
    $got = [];
    $channel->basic_consume($queue, callback: function (AMQPMessage $message) use (&$got): void {
        $got[] = $message;
    });
    receive($channel, $got, 3);
    same(ready($connection, $queue), 7, 'ready while 3 of 10 are unacked');
    foreach ($got as $message) {
        check(!$message->isRedelivered(), 'redelivered on first delivery');
    }
    $got[2]->ack(true);
    receive($channel, $got, 6);
    $got[5]->nack(true);
    receive($channel, $got, 7);
    same($got[5]->getBody() . $got[6]->getBody(), '55', 'the nacked message comes again');
    check($got[6]->isRedelivered(), 'redelivered is not set after nack with requeue');
    $got[6]->reject(false);
    receive($channel, $got, 8);
    same($got[7]->getBody(), '6', 'the message after the rejected one');
    same($got[7]->getDeliveryTag(), 8, 'delivery tag');
    $channel->close();
    eventually(6, 'ready after the channel closed', fn () => ready($connection, $queue));
    $first = $setup->basic_get($queue, true);
    same($first->getBody(), '3', 'first message after requeue');
    check((bool) $first->isRedelivered(), 'redelivered is not set after the channel closed');
    $setup->queue_delete($queue);
    $connection->close();
}

function mandatoryReturn(): void
{
    $connection = connect();
    $channel = confirming($connection);
    $exchange = name('return');
    $channel->exchange_declare($exchange, 'direct', auto_delete: false);
    $events = [];
    $channel->set_return_listener(function (...$details) use (&$events): void {
        $events[] = $details;
    });
    $channel->set_ack_handler(function () use (&$events): void {
        $events[] = 'confirm';
    });
    $channel->basic_publish(new AMQPMessage('lost'), $exchange, 'nowhere', mandatory: true);
    $channel->wait_for_pending_acks_returns(PATIENCE_S);
    same(count($events), 2, 'events');
    check(is_array($events[0]), 'the confirm came before the return');
    [$code, $text, $from, $key, $message] = $events[0];
    same([$code, $text], [312, 'NO_ROUTE'], 'reply');
    same([$from, $key], [$exchange, 'nowhere'], 'exchange and routing key');
    same($message->getBody(), 'lost', 'body');
    same($events[1], 'confirm', 'second event');
    $channel->exchange_delete($exchange);
    $connection->close();
}

function heartbeat(): void
{
    $connection = connect(heartbeat: 2);
    same($connection->getHeartbeat(), 2, 'negotiated heartbeat');
    $channel = confirming($connection);
    $queue = ownQueue($channel);
    // The library leaves sending to the application, and raises when the broker was silent for 4 s.
    for ($until = microtime(true) + 9; microtime(true) < $until;) {
        try {
            $channel->wait(null, false, 0.5);
        } catch (AMQPTimeoutException) {
            $connection->checkHeartBeat();
        }
    }
    publish($channel, $queue, 'alive');
    same(ready($connection, $queue), 1, 'messages after the idle time');
    $connection->close();
}

function bigMessages(): void
{
    $connection = connect();
    $channel = confirming($connection);
    $queue = name('big');
    declareQueue($channel, $queue);
    foreach (SIZES as $size) {
        publish($channel, $queue, bodyOf($size));
    }
    foreach (SIZES as $size) {
        $message = $channel->basic_get($queue, true);
        check($message !== null, "no message of $size bytes");
        same(strlen($message->getBody()), $size, 'size');
        same(hash('sha256', $message->getBody()), hash('sha256', bodyOf($size)), "hash of $size bytes");
    }
    $channel->queue_delete($queue);
    $connection->close();
}

function properties(): void
{
    $headers = new AMQPTable([
        'text' => 'grüße',
        'small' => 7,
        'negative' => -40000,
        'large' => 2 ** 40,
        'yes' => true,
        'no' => false,
        'nothing' => null,
        'list' => [1, 'two', false, [3, ['four' => 4]]],
        'table' => ['inner' => ['deep' => 'x'], 'more' => []],
    ]);
    $headers->set('moment', 1709209800, AMQPTable::T_TIMESTAMP);
    $headers->set('byte', -3, AMQPTable::T_INT_SHORTSHORT);
    $headers->set('short', -300, AMQPTable::T_INT_SHORT);
    $headers->set('array', new AMQPArray([1, 2]));
    $url = parse_url((string) getenv('AMQP_URL'));
    $sent = [
        'content_type' => 'application/json',
        'content_encoding' => 'utf-8',
        'application_headers' => $headers,
        'delivery_mode' => 2,
        'priority' => 5,
        'correlation_id' => 'correlation',
        'reply_to' => 'reply',
        'expiration' => '600000',
        'message_id' => 'message',
        'timestamp' => 1709209800,
        'type' => 'kind',
        'user_id' => $url['user'] ?? 'guest',
        'app_id' => 'interop',
    ];
    $connection = connect();
    $channel = confirming($connection);
    $queue = name('properties');
    declareQueue($channel, $queue);
    $channel->basic_publish(new AMQPMessage('x', $sent), '', $queue);
    publish($channel, $queue, 'bare');
    $got = $channel->basic_get($queue, true)->get_properties();
    same(typed($got['application_headers']), typed($headers), 'headers');
    unset($got['application_headers'], $sent['application_headers']);
    ksort($got);
    ksort($sent);
    same($got, $sent, 'properties');
    same($channel->basic_get($queue, true)->get_properties(), [], 'absent properties');
    $channel->queue_delete($queue);
    $connection->close();
}

/** A table's or array's wire types and values, with those of what it holds; a bool reads as 0 or 1. */
function typed(AMQPAbstractCollection $collection): array
{
    $pairs = [];
    foreach ($collection as $key => [$type, $value]) {
        $letter = AMQPAbstractCollection::getSymbolForDataType($type);
        $pairs[$key] = [$letter, match (true) {
            $value instanceof AMQPAbstractCollection => typed($value),
            is_bool($value) => (int) $value,
            default => $value,
        }];
    }
    ksort($pairs);
    return $pairs;
}

function channelErrors(): void
{
    $connection = connect();
    $queue = name('errors');
    $nowhere = name('nowhere');
    refused(
        404,
        "NOT_FOUND - no queue '$queue' in vhost '/'",
        fn () => $connection->channel()->queue_declare($queue, passive: true),
    );
    declareQueue($connection->channel(), $queue, durable: true);
    refused(
        406,
        "PRECONDITION_FAILED - inequivalent arg 'durable' for queue '$queue' in vhost '/': "
            . "received 'false' but current is 'true'",
        fn () => declareQueue($connection->channel(), $queue),
    );
    refused(406, 'PRECONDITION_FAILED - unknown delivery tag 99', function () use ($connection, $queue): void {
        $channel = $connection->channel();
        $channel->basic_ack(99);
        $channel->queue_declare($queue, passive: true);
    });
    refused(
        404,
        "NOT_FOUND - no exchange '$nowhere' in vhost '/'",
        function () use ($connection, $nowhere): void {
            $channel = confirming($connection);
            $channel->basic_publish(new AMQPMessage('x'), $nowhere);
            $channel->wait_for_pending_acks(PATIENCE_S);
        },
    );
    $channel = confirming($connection);
    publish($channel, $queue, 'still works');
    same($channel->queue_delete($queue), 1, 'messages after the errors');
    $connection->close();
}

function exclusiveQueue(): void
{
    $queue = name('exclusive');
    $locked = "RESOURCE_LOCKED - cannot obtain exclusive access to locked queue '$queue' in vhost '/'";
    $other = connect();
    $owner = connect();
    $owner->channel()->queue_declare($queue, exclusive: true, auto_delete: false);
    refused(405, $locked, fn () => $other->channel()->queue_declare($queue, passive: true));
    refused(405, $locked, fn () => $other->channel()->basic_get($queue));
    $owner->close();
    check(!exists($other, $queue), 'the queue outlived its connection');
    $other->close();
}

function queueLifecycle(): void
{
    $connection = connect();
    $channel = confirming($connection);
    $served = ownQueue($channel);
    check(str_starts_with($served, 'amq.gen-'), "server-named queue is $served");

    $short = name('auto-delete');
    $channel->queue_declare($short, auto_delete: true);
    $tag = $channel->basic_consume($short, callback: fn () => null);
    check(exists($connection, $short), 'the queue is missing while consumed');
    $channel->basic_cancel($tag);
    eventually(false, 'auto-delete queue exists', fn () => exists($connection, $short));

    $queue = name('lifecycle');
    declareQueue($channel, $queue);
    same($channel->basic_get($queue, true), null, 'get from an empty queue');
    publish($channel, $queue, '0', '1', '2', '3', '4');
    $message = $channel->basic_get($queue, true);
    same([$message->getBody(), $message->getMessageCount()], ['0', 4], 'get');
    same($channel->queue_purge($queue), 4, 'purged');
    publish($channel, $queue, '0', '1', '2');
    same($channel->queue_delete($queue), 3, 'deleted with the queue');
    same($channel->queue_delete($queue), 0, 'deleted without a queue');
    $connection->close();
}

/** Messages per binding, each binding with a queue of its own. */
function routed(AMQPChannel $channel, string $kind, array $bindings, array $messages): array
{
    $exchange = name($kind);
    $channel->exchange_declare($exchange, $kind, auto_delete: false);
    $queues = [];
    foreach ($bindings as [$key, $arguments]) {
        $queue = ownQueue($channel);
        $channel->queue_bind($queue, $exchange, $key, arguments: new AMQPTable($arguments));
        $queues[] = $queue;
    }
    foreach ($messages as [$key, $headers]) {
        $message = new AMQPMessage('', ['application_headers' => new AMQPTable($headers)]);
        $channel->basic_publish($message, $exchange, $key);
    }
    $channel->wait_for_pending_acks(PATIENCE_S);
    $counts = array_map(fn (string $queue) => $channel->queue_delete($queue), $queues);
    $channel->exchange_delete($exchange);
    return $counts;
}

function routing(): void
{
    $connection = connect();
    $channel = confirming($connection);
    $plain = fn (string ...$keys): array => array_map(fn (string $key) => [$key, []], $keys);
    $topics = $plain('*.orange.*', 'lazy.#', '#', '*', 'quick.orange.rabbit.*');
    $keys = $plain('quick.orange.rabbit', 'lazy.orange.elephant', 'lazy', 'lazy.a.b.c', 'orange');
    same(routed($channel, 'topic', $topics, $keys), [2, 3, 5, 2, 0], 'topic');
    same(routed($channel, 'fanout', $plain('a', ''), $plain('b')), [1, 1], 'fanout');
    same(routed($channel, 'direct', $plain('a', 'b'), $plain('a')), [1, 0], 'direct');
    $matches = [
        ['', ['x-match' => 'all', 'format' => 'pdf', 'pages' => 3]],
        ['', ['x-match' => 'any', 'format' => 'pdf', 'pages' => 3]],
        ['', ['format' => 'pdf']],
    ];
    $messages = [
        ['', ['format' => 'pdf', 'pages' => 3]],
        ['', ['format' => 'pdf', 'pages' => '3']],
        ['', ['pages' => 3]],
        ['', []],
    ];
    same(routed($channel, 'headers', $matches, $messages), [1, 3, 2], 'headers');
    $connection->close();
}

function exchangeBindings(): void
{
    $connection = connect();
    $channel = confirming($connection);
    $source = name('source');
    $target = name('target');
    $channel->exchange_declare($source, 'topic', auto_delete: false);
    $channel->exchange_declare($target, 'fanout', auto_delete: false);
    $queue = ownQueue($channel);
    $channel->queue_bind($queue, $target);
    $channel->queue_bind($queue, $source, 'a.*');
    $channel->exchange_bind($target, $source, 'a.#');
    // 'a.b' has two ways and arrives once, 'a.b.c' comes through the target, 'ab' has no way.
    foreach (['a.b', 'a.b.c', 'ab'] as $key) {
        $channel->basic_publish(new AMQPMessage('x'), $source, $key);
    }
    $channel->wait_for_pending_acks(PATIENCE_S);
    same(ready($connection, $queue), 2, 'messages');
    $channel->exchange_unbind($target, $source, 'a.#');
    $channel->basic_publish(new AMQPMessage('no longer'), $source, 'a.b.c');
    $channel->wait_for_pending_acks(PATIENCE_S);
    same(ready($connection, $queue), 2, 'messages after exchange.unbind');
    $channel->exchange_delete($source);
    $channel->exchange_delete($target);
    $connection->close();
}

function tx(): void
{
    $connection = connect();
    $channel = $connection->channel();
    $queue = name('tx');
    declareQueue($channel, $queue);
    $channel->tx_select();
    $channel->basic_publish(new AMQPMessage('rolled back'), '', $queue);
    $channel->tx_rollback();
    $channel->basic_publish(new AMQPMessage('1'), '', $queue);
    $channel->basic_publish(new AMQPMessage('2'), '', $queue);
    same(ready($connection, $queue), 0, 'ready before commit');
    $channel->tx_commit();
    same(ready($connection, $queue), 2, 'ready after commit');
    $message = $channel->basic_get($queue);
    same($message->getBody(), '1', 'first message');
    $channel->basic_ack($message->getDeliveryTag());
    $channel->tx_rollback();
    // The rolled back ack leaves the message unacked, so it can be acked once more.
    $channel->basic_ack($message->getDeliveryTag());
    $channel->tx_commit();
    $channel->close();
    eventually(1, 'ready after the acked one went', fn () => ready($connection, $queue));
    $connection->channel()->queue_delete($queue);
    $connection->close();
}

function loginRefused(): void
{
    try {
        connect(password: 'wrong');
    } catch (AMQPConnectionClosedException $closed) {
        same($closed->getCode(), 403, 'reply code');
        has($closed->getMessage(), 'ACCESS_REFUSED - Login was refused using authentication mechanism AMQPLAIN');
        return;
    }
    throw new RuntimeException('a wrong password was accepted');
}

const SCENARIOS = [
    'publish-confirm' => 'publishConfirm',
    'consume-ack' => 'consumeAck',
    'mandatory-return' => 'mandatoryReturn',
    'heartbeat' => 'heartbeat',
    'big-messages' => 'bigMessages',
    'properties' => 'properties',
    'channel-errors' => 'channelErrors',
    'exclusive-queue' => 'exclusiveQueue',
    'queue-lifecycle' => 'queueLifecycle',
    'routing' => 'routing',
    'exchange-bindings' => 'exchangeBindings',
    'tx' => 'tx',
    'login-refused' => 'loginRefused',
];

echo 'client php-amqplib ', Package::VERSION, "\n";
$status = 0;
foreach (SCENARIOS as $scenario => $body) {
    try {
        $body();
        echo "ok $scenario\n";
    } catch (Throwable $error) {
        $reason = preg_replace('/\s+/', ' ', get_class($error) . ': ' . $error->getMessage());
        echo "not ok $scenario - $reason\n";
        fwrite(STDERR, "$error\n");
        $status = 1;
    }
}
exit($status);
