# frozen_string_literal: true

# Bunny through every scenario; prints the lines run.ts reads.

require 'bunny'
require 'digest'
require 'logger'
require 'timeout'
require 'uri'

URL = ENV.fetch('AMQP_URL')
RUN = ENV.fetch('INTEROP_RUN')

# How long to wait for something that should come at once.
PATIENCE_S = 10
# How long to watch that something does not come.
QUIET_S = 0.3
# Sizes around what fits one body frame of the usual frame_max 131072 (8 bytes are overhead).
SIZES = [0, 1, 131_063, 131_064, 131_065, 131_072, 5 * 1024 * 1024].freeze

class Failed < StandardError; end

def check(holds, text)
  raise Failed, text unless holds
end

def same(actual, expected, what)
  check(actual == expected, "#{what}: expected #{expected.inspect}, got #{actual.inspect}")
end

# The block ends with this error, and its text holds all parts.
def refused(error, *parts)
  yield
rescue error => e
  parts.each { |part| check(e.message.include?(part), "expected #{part.inspect} in #{e.message.inspect}") }
else
  raise Failed, "expected #{error}"
end

# Polls what the broker does after its reply, such as requeueing on channel close.
def eventually(expected, what)
  deadline = Process.clock_gettime(Process::CLOCK_MONOTONIC) + PATIENCE_S
  actual = yield
  while actual != expected && Process.clock_gettime(Process::CLOCK_MONOTONIC) < deadline
    sleep 0.02
    actual = yield
  end
  same(actual, expected, what)
end

# Waits until there are so many deliveries, then watches that no more come.
def receive(deliveries, count)
  eventually(true, "#{count} deliveries") { deliveries.size >= count }
  sleep QUIET_S
  same(deliveries.size, count, 'deliveries')
end

def name(noun)
  "interop.bunny.#{noun}.#{RUN}"
end

def connected(**options)
  settings = { logger: Logger.new($stderr, level: Logger::FATAL), automatically_recover: false }
  connection = Bunny.new(URL.chomp('/'), **settings, **options).start
  yield connection
ensure
  connection.close if connection&.open?
end

# A channel whose publishes the broker confirms.
def confirming(connection)
  channel = connection.create_channel
  channel.confirm_select
  channel
end

def confirmed(channel)
  check(channel.wait_for_confirms, 'the broker nacked a publish')
end

def ready(connection, queue)
  channel = connection.create_channel
  channel.queue_declare(queue, passive: true).message_count
ensure
  channel.close if channel.open?
end

def body_of(size)
  Random.new(size).bytes(size)
end

SCENARIOS = {
  'publish-confirm' => lambda do
    connected do |connection|
      channel = confirming(connection)
      exchange = channel.direct(name('confirm'), durable: true)
      queue = channel.queue(name('confirm'), durable: true).bind(exchange, routing_key: 'key')
      100.times { |number| exchange.publish(number.to_s, routing_key: 'key', persistent: true) }
      confirmed(channel)
      same(channel.next_publish_seq_no, 101, 'next publish number')
      same(channel.unconfirmed_set.to_a, [], 'unconfirmed')
      same(queue.message_count, 100, 'messages in the queue')
      exchange.publish('dropped but confirmed', routing_key: 'unbound')
      confirmed(channel)
      same(queue.delete.message_count, 100, 'messages deleted')
      exchange.delete
    end
  end,

  'consume-ack' => lambda do
    connected do |connection|
      setup = confirming(connection)
      queue = setup.queue(name('consume'), durable: true)
      10.times { |number| queue.publish(number.to_s) }
      confirmed(setup)
      channel = connection.create_channel
      channel.prefetch(3)
      got = []
      channel.queue(queue.name, passive: true).subscribe(manual_ack: true) do |info, _, body|
        got << [info, body]
      end
      receive(got, 3)
      same(ready(connection, queue.name), 7, 'ready while 3 of 10 are unacked')
      check(got.none? { |info, _| info.redelivered? }, 'redelivered on first delivery')
      channel.ack(got[2][0].delivery_tag, true)
      receive(got, 6)
      channel.nack(got[5][0].delivery_tag, false, true)
      receive(got, 7)
      same(got[5..].map(&:last), %w[5 5], 'the nacked message comes again')
      check(got[6][0].redelivered?, 'redelivered is not set after nack with requeue')
      channel.reject(got[6][0].delivery_tag, false)
      receive(got, 8)
      same(got[7][1], '6', 'the message after the rejected one')
      same(got.map { |info, _| info.delivery_tag.to_i }, (1..8).to_a, 'delivery tags')
      channel.close
      eventually(6, 'ready after the channel closed') { ready(connection, queue.name) }
      info, _, body = queue.pop
      same([body, info.redelivered?], ['3', true], 'first message after requeue')
      queue.delete
    end
  end,

  'mandatory-return' => lambda do
    connected do |connection|
      channel = connection.create_channel
      events = Queue.new
      channel.confirm_select(->(tag, _multiple, nack) { events << [:confirm, tag, nack] })
      exchange = channel.direct(name('return'))
      exchange.on_return { |info, _, body| events << [:return, info, body] }
      exchange.publish('lost', routing_key: 'nowhere', mandatory: true)
      kind, info, body = Timeout.timeout(PATIENCE_S) { events.pop }
      same(kind, :return, 'first event')
      same([info.reply_code, info.reply_text], [312, 'NO_ROUTE'], 'reply')
      same([info.exchange, info.routing_key], [exchange.name, 'nowhere'], 'address')
      same(body, 'lost', 'body')
      same(Timeout.timeout(PATIENCE_S) { events.pop }, [:confirm, 1, false], 'second event')
      exchange.delete
    end
  end,

  'heartbeat' => lambda do
    connected(heartbeat: 2) do |connection|
      same(connection.heartbeat, 2, 'negotiated heartbeat')
      channel = confirming(connection)
      queue = channel.queue(name('heartbeat'), exclusive: true)
      # Bunny closes the connection itself when the broker's heartbeats stay away.
      sleep 9
      check(connection.open?, 'connection lost while idle')
      queue.publish('alive')
      confirmed(channel)
      same(queue.message_count, 1, 'messages after the idle time')
    end
  end,

  'big-messages' => lambda do
    connected do |connection|
      channel = confirming(connection)
      same(connection.frame_max, 131_072, 'frame_max')
      queue = channel.queue(name('big'))
      SIZES.each { |size| queue.publish(body_of(size)) }
      confirmed(channel)
      SIZES.each do |size|
        info, _, body = queue.pop
        check(info, "no message of #{size} bytes")
        same(body.bytesize, size, 'size')
        expected = Digest::SHA256.hexdigest(body_of(size))
        same(Digest::SHA256.hexdigest(body), expected, "hash of #{size} bytes")
      end
      queue.delete
    end
  end,

  'properties' => lambda do
    moment = Time.at(1_709_209_800)
    headers = {
      'text' => 'grüße', 'small' => 7, 'negative' => -40_000, 'large' => 2**40, 'double' => 0.25,
      'yes' => true, 'no' => false, 'nothing' => nil, 'moment' => moment,
      'list' => [1, 'two', false, [3, { 'four' => 4 }]],
      'table' => { 'inner' => { 'deep' => 'x' }, 'empty' => {} }
    }
    connected do |connection|
      sent = {
        content_type: 'application/json', content_encoding: 'utf-8', headers: headers,
        delivery_mode: 2, priority: 5, correlation_id: 'correlation', reply_to: 'reply',
        expiration: '600000', message_id: 'message', timestamp: moment.to_i, type: 'kind',
        user_id: connection.user, app_id: 'interop'
      }
      channel = confirming(connection)
      queue = channel.queue(name('properties'))
      queue.publish('x', **sent)
      confirmed(channel)
      _, got, = queue.pop
      got = got.to_hash
      # Texts come as bytes; what matters here is that they are the bytes that were sent.
      got[:headers]['text'] = got[:headers]['text'].dup.force_encoding('UTF-8')
      same(got, { **sent, timestamp: moment }, 'properties')
      queue.delete
    end
  end,

  'channel-errors' => lambda do
    connected do |connection|
      queue = name('errors')
      refused(Bunny::NotFound, "NOT_FOUND - no queue '#{queue}' in vhost '/'") do
        connection.create_channel.queue(queue, passive: true)
      end
      connection.create_channel.queue(queue, durable: true)
      refused(
        Bunny::PreconditionFailed,
        "PRECONDITION_FAILED - inequivalent arg 'durable' for queue '#{queue}' in vhost '/': " \
        "received 'false' but current is 'true'"
      ) { connection.create_channel.queue(queue, durable: false) }

      # An ack has no reply to fail, so Bunny tells of the close by its handler.
      channel = connection.create_channel
      closed = Queue.new
      channel.on_error { |_, close| closed << [close.reply_code, close.reply_text] }
      channel.basic_ack(99, false)
      unknown = Timeout.timeout(PATIENCE_S) { closed.pop }
      same(unknown, [406, 'PRECONDITION_FAILED - unknown delivery tag 99'], 'ack of nothing')
      # After a publish that closes its channel, Bunny tells no more than that it is closed.
      channel = connection.create_channel
      channel.basic_publish('x', name('nowhere'), '')
      eventually(true, 'channel closed by a publish to nowhere') { channel.closed? }

      channel = confirming(connection)
      channel.default_exchange.publish('still works', routing_key: queue)
      confirmed(channel)
      same(channel.queue_delete(queue).message_count, 1, 'messages after the errors')
    end
  end,

  'exclusive-queue' => lambda do
    queue = name('exclusive')
    locked = "RESOURCE_LOCKED - cannot obtain exclusive access to locked queue '#{queue}' in vhost '/'"
    connected do |other|
      connected do |owner|
        owner.create_channel.queue(queue, exclusive: true)
        refused(Bunny::ResourceLocked, locked) do
          other.create_channel.queue(queue, passive: true)
        end
        refused(Bunny::ResourceLocked, locked) { other.create_channel.basic_get(queue) }
      end
      check(!other.queue_exists?(queue), 'the queue outlived its connection')
    end
  end,

  'queue-lifecycle' => lambda do
    connected do |connection|
      channel = confirming(connection)
      served = channel.temporary_queue
      check(served.name.start_with?('amq.gen-'), "server-named queue is #{served.name}")

      short = channel.queue(name('auto-delete'), auto_delete: true)
      consumer = short.subscribe { nil }
      check(connection.queue_exists?(short.name), 'the queue is missing while consumed')
      consumer.cancel
      eventually(false, 'auto-delete queue exists') { connection.queue_exists?(short.name) }

      queue = channel.queue(name('lifecycle'))
      same(queue.pop, [nil, nil, nil], 'get from an empty queue')
      5.times { |number| queue.publish(number.to_s) }
      confirmed(channel)
      same(queue.pop.last, '0', 'get')
      same(queue.message_count, 4, 'messages left')
      same(channel.queue_purge(queue.name).message_count, 4, 'purged')
      3.times { |number| queue.publish(number.to_s) }
      confirmed(channel)
      same(queue.delete.message_count, 3, 'deleted with the queue')
      same(channel.queue_delete(queue.name).message_count, 0, 'deleted without a queue')
    end
  end,

  'routing' => lambda do
    connected do |connection|
      channel = confirming(connection)
      # Messages per binding, each binding with a queue of its own.
      routed = lambda do |kind, bindings, messages|
        exchange = channel.exchange(name(kind), type: kind)
        queues = bindings.map do |key, arguments|
          options = { routing_key: key, arguments: arguments || {} }
          channel.queue('', exclusive: true).bind(exchange, options)
        end
        messages.each { |key, headers| exchange.publish('', routing_key: key, headers: headers || {}) }
        confirmed(channel)
        counts = queues.map { |queue| queue.delete.message_count }
        exchange.delete
        counts
      end

      keys = %w[quick.orange.rabbit lazy.orange.elephant lazy lazy.a.b.c orange]
      topics = %w[*.orange.* lazy.# # * quick.orange.rabbit.*]
      same(routed.call('topic', topics.zip, keys.zip), [2, 3, 5, 2, 0], 'topic')
      same(routed.call('fanout', [['a'], ['']], [['b']]), [1, 1], 'fanout')
      same(routed.call('direct', [['a'], ['b']], [['a']]), [1, 0], 'direct')
      matches = [
        ['', { 'x-match' => 'all', 'format' => 'pdf', 'pages' => 3 }],
        ['', { 'x-match' => 'any', 'format' => 'pdf', 'pages' => 3 }],
        ['', { 'format' => 'pdf' }]
      ]
      messages = [
        ['', { 'format' => 'pdf', 'pages' => 3 }],
        ['', { 'format' => 'pdf', 'pages' => '3' }],
        ['', { 'pages' => 3 }],
        ['', nil]
      ]
      same(routed.call('headers', matches, messages), [1, 3, 2], 'headers')
    end
  end,

  'exchange-bindings' => lambda do
    connected do |connection|
      channel = confirming(connection)
      source = channel.topic(name('source'))
      target = channel.fanout(name('target'))
      queue = channel.queue('', exclusive: true).bind(target).bind(source, routing_key: 'a.*')
      target.bind(source, routing_key: 'a.#')
      source.publish('both ways, one copy', routing_key: 'a.b')
      source.publish('through the target', routing_key: 'a.b.c')
      source.publish('no way', routing_key: 'ab')
      confirmed(channel)
      same(queue.message_count, 2, 'messages')
      target.unbind(source, routing_key: 'a.#')
      source.publish('no longer', routing_key: 'a.b.c')
      confirmed(channel)
      same(queue.message_count, 2, 'messages after exchange.unbind')
      source.delete
      target.delete
    end
  end,

  'tx' => lambda do
    connected do |connection|
      channel = connection.create_channel
      queue = channel.queue(name('tx'))
      channel.tx_select
      queue.publish('rolled back')
      channel.tx_rollback
      queue.publish('1')
      queue.publish('2')
      same(ready(connection, queue.name), 0, 'ready before commit')
      channel.tx_commit
      same(ready(connection, queue.name), 2, 'ready after commit')
      info, _, body = queue.pop(manual_ack: true)
      same(body, '1', 'first message')
      channel.basic_ack(info.delivery_tag.to_i, false)
      channel.tx_rollback
      # The rolled back ack leaves the message unacked, so it can be acked once more.
      channel.basic_ack(info.delivery_tag.to_i, false)
      channel.tx_commit
      channel.close
      eventually(1, 'ready after the acked one went') { ready(connection, queue.name) }
      connection.create_channel.queue_delete(queue.name)
    end
  end,

  'login-refused' => lambda do
    address = URI.parse(URL.chomp('/'))
    address.password = 'wrong'
    # Bunny raises this one for the broker's 403, and its parent class for a dropped socket.
    refused(Bunny::AuthenticationFailureError, 'Authentication with RabbitMQ failed') do
      Bunny.new(address.to_s, logger: Logger.new(IO::NULL)).start
    end
  end
}.freeze

$stdout.sync = true
puts "client bunny #{Bunny::VERSION}"
failures = SCENARIOS.reject do |scenario, body|
  # Bunny raises a lost connection in the thread that opened it, at any time: one for each scenario.
  thread = Thread.new { body.call }
  thread.report_on_exception = false
  thread.join
  puts "ok #{scenario}"
  true
rescue StandardError => e
  puts "not ok #{scenario} - #{"#{e.class}: #{e.message}".split.join(' ')}"
  warn e.full_message(highlight: false)
  false
end
exit(failures.empty? ? 0 : 1)
