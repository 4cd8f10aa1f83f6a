import com.rabbitmq.client.AMQP.BasicProperties;
import com.rabbitmq.client.AuthenticationFailureException;
import com.rabbitmq.client.BuiltinExchangeType;
import com.rabbitmq.client.Channel;
import com.rabbitmq.client.Connection;
import com.rabbitmq.client.ConnectionFactory;
import com.rabbitmq.client.Delivery;
import com.rabbitmq.client.GetResponse;
import com.rabbitmq.client.Return;
import com.rabbitmq.client.ShutdownSignalException;
import com.rabbitmq.client.impl.LongStringHelper;
import java.net.URI;
import java.security.MessageDigest;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Date;
import java.util.HashMap;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.ConcurrentSkipListSet;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;

/** RabbitMQ's Java client through every scenario; prints the lines run.ts reads. */
public final class Scenarios {
  private static final String URL = System.getenv("AMQP_URL");
  private static final String RUN = System.getenv("INTEROP_RUN");
  /** How long to wait for something that should come at once. */
  private static final long PATIENCE_MS = 10_000;
  /** How long to watch that something does not come. */
  private static final long QUIET_MS = 300;
  /** Sizes around what fits one body frame of the usual frame_max 131072 (8 are overhead). */
  private static final int[] SIZES = {0, 1, 131063, 131064, 131065, 131072, 5 * 1024 * 1024};

  private interface Scenario {
    void run() throws Exception;
  }

  private interface Probe {
    Object get() throws Exception;
  }

  private record Binding(String key, Map<String, Object> arguments) {}

  public static void main(String[] args) throws Exception {
    Map<String, Object> client = new ConnectionFactory().getClientProperties();
    System.out.println("client amqp-client " + client.get("version"));
    boolean failed = false;
    failed |= !passes("publish-confirm", Scenarios::publishConfirm);
    failed |= !passes("consume-ack", Scenarios::consumeAck);
    failed |= !passes("mandatory-return", Scenarios::mandatoryReturn);
    failed |= !passes("heartbeat", Scenarios::heartbeat);
    failed |= !passes("big-messages", Scenarios::bigMessages);
    failed |= !passes("properties", Scenarios::properties);
    failed |= !passes("channel-errors", Scenarios::channelErrors);
    failed |= !passes("exclusive-queue", Scenarios::exclusiveQueue);
    failed |= !passes("queue-lifecycle", Scenarios::queueLifecycle);
    failed |= !passes("routing", Scenarios::routing);
    failed |= !passes("exchange-bindings", Scenarios::exchangeBindings);
    failed |= !passes("tx", Scenarios::tx);
    failed |= !passes("login-refused", Scenarios::loginRefused);
    System.exit(failed ? 1 : 0);
  }

  private static void publishConfirm() throws Exception {
    try (Connection connection = connect()) {
      Channel channel = connection.createChannel();
      String exchange = name("confirm");
      String queue = name("confirm");
      channel.exchangeDeclare(exchange, BuiltinExchangeType.DIRECT, true);
      channel.queueDeclare(queue, true, false, false, null);
      channel.queueBind(queue, exchange, "key");
      channel.confirmSelect();
      ConcurrentSkipListSet<Long> pending = new ConcurrentSkipListSet<>();
      channel.addConfirmListener(
          (tag, multiple) -> {
            if (multiple) pending.headSet(tag, true).clear();
            else pending.remove(tag);
          },
          (tag, multiple) -> {});
      BasicProperties persistent = new BasicProperties.Builder().deliveryMode(2).build();
      for (int number = 0; number < 100; number++) {
        pending.add(channel.getNextPublishSeqNo());
        channel.basicPublish(exchange, "key", persistent, bytes("" + number));
      }
      channel.waitForConfirmsOrDie(PATIENCE_MS);
      same(pending.size(), 0, "unconfirmed");
      same(ready(connection, queue), 100, "messages in the queue");
      channel.basicPublish(exchange, "unbound", null, bytes("dropped but confirmed"));
      channel.waitForConfirmsOrDie(PATIENCE_MS);
      same(channel.queueDelete(queue).getMessageCount(), 100, "messages deleted");
      channel.exchangeDelete(exchange);
    }
  }

  private static void consumeAck() throws Exception {
    try (Connection connection = connect()) {
      String queue = name("consume");
      Channel setup = connection.createChannel();
      setup.confirmSelect();
      setup.queueDeclare(queue, true, false, false, null);
      for (int number = 0; number < 10; number++) {
        setup.basicPublish("", queue, null, bytes("" + number));
      }
      setup.waitForConfirmsOrDie(PATIENCE_MS);
      Channel channel = connection.createChannel();
      channel.basicQos(3);
      BlockingQueue<Delivery> incoming = new LinkedBlockingQueue<>();
      channel.basicConsume(queue, false, (tag, delivery) -> incoming.add(delivery), tag -> {});
      List<Delivery> got = new ArrayList<>();
      receive(incoming, got, 3);
      same(ready(connection, queue), 7, "ready while 3 of 10 are unacked");
      check(got.stream().noneMatch(d -> d.getEnvelope().isRedeliver()), "redelivered at first");
      channel.basicAck(tag(got.get(2)), true);
      receive(incoming, got, 6);
      channel.basicNack(tag(got.get(5)), false, true);
      receive(incoming, got, 7);
      same(text(got.get(5)) + text(got.get(6)), "55", "the nacked message comes again");
      check(got.get(6).getEnvelope().isRedeliver(), "redelivered is not set after nack");
      channel.basicReject(tag(got.get(6)), false);
      receive(incoming, got, 8);
      same(text(got.get(7)), "6", "the message after the rejected one");
      same(tag(got.get(7)), 8L, "delivery tag");
      channel.close();
      eventually(() -> ready(connection, queue), 6, "ready after the channel closed");
      GetResponse first = setup.basicGet(queue, true);
      same(new String(first.getBody()), "3", "first message after requeue");
      check(first.getEnvelope().isRedeliver(), "redelivered is not set after channel close");
      setup.queueDelete(queue);
    }
  }

  private static void mandatoryReturn() throws Exception {
    try (Connection connection = connect()) {
      String exchange = name("return");
      Channel channel = connection.createChannel();
      channel.exchangeDeclare(exchange, BuiltinExchangeType.DIRECT);
      channel.confirmSelect();
      BlockingQueue<Object> events = new LinkedBlockingQueue<>();
      channel.addReturnListener(returned -> events.add(returned));
      channel.addConfirmListener((tag, multiple) -> events.add(tag), (tag, multiple) -> {});
      channel.basicPublish(exchange, "nowhere", true, null, bytes("lost"));
      Object event = events.poll(PATIENCE_MS, TimeUnit.MILLISECONDS);
      check(event instanceof Return, "expected a return first, got " + event);
      Return returned = (Return) event;
      same(returned.getReplyCode(), 312, "reply code");
      same(returned.getReplyText(), "NO_ROUTE", "reply text");
      same(returned.getExchange(), exchange, "exchange");
      same(returned.getRoutingKey(), "nowhere", "routing key");
      same(new String(returned.getBody()), "lost", "body");
      same(events.poll(PATIENCE_MS, TimeUnit.MILLISECONDS), 1L, "confirm after the return");
      channel.exchangeDelete(exchange);
    }
  }

  private static void heartbeat() throws Exception {
    ConnectionFactory factory = factory(URL);
    factory.setRequestedHeartbeat(1);
    try (Connection connection = factory.newConnection()) {
      same(connection.getHeartbeat(), 1, "negotiated heartbeat");
      String queue = name("heartbeat");
      Channel channel = connection.createChannel();
      channel.queueDeclare(queue, false, true, false, null);
      // The client closes the connection itself when the broker's heartbeats stay away.
      Thread.sleep(6_000);
      check(connection.isOpen(), "connection lost while idle");
      channel.confirmSelect();
      channel.basicPublish("", queue, null, bytes("alive"));
      channel.waitForConfirmsOrDie(PATIENCE_MS);
      same(ready(connection, queue), 1, "messages after the idle time");
    }
  }

  private static void bigMessages() throws Exception {
    try (Connection connection = connect()) {
      String queue = name("big");
      Channel channel = connection.createChannel();
      same(connection.getFrameMax(), 131072, "frame_max");
      channel.confirmSelect();
      channel.queueDeclare(queue, false, false, false, null);
      for (int size : SIZES) channel.basicPublish("", queue, null, bodyOf(size));
      channel.waitForConfirmsOrDie(PATIENCE_MS);
      for (int size : SIZES) {
        GetResponse message = channel.basicGet(queue, true);
        check(message != null, "no message of " + size + " bytes");
        same(message.getBody().length, size, "size");
        same(digest(message.getBody()), digest(bodyOf(size)), "hash of " + size + " bytes");
      }
      channel.queueDelete(queue);
    }
  }

  private static void properties() throws Exception {
    Date moment = new Date(1709209800000L);
    Map<String, Object> headers = new HashMap<>();
    headers.put("text", LongStringHelper.asLongString("grüße"));
    headers.put("byte", (byte) -3);
    headers.put("short", (short) -300);
    headers.put("int", -70000);
    headers.put("long", 1L << 40);
    headers.put("float", 0.5f);
    headers.put("double", 0.25);
    headers.put("yes", true);
    headers.put("no", false);
    headers.put("nothing", null);
    headers.put("moment", moment);
    headers.put("decimal", new java.math.BigDecimal("12.34"));
    headers.put(
        "list",
        Arrays.asList(
            1, LongStringHelper.asLongString("two"), false, Arrays.asList(3, Map.of("four", 4))));
    headers.put("table", Map.of("inner", Map.of("deep", true), "empty", Map.of()));
    ConnectionFactory factory = factory(URL);
    BasicProperties sent =
        new BasicProperties.Builder()
            .contentType("application/json")
            .contentEncoding("utf-8")
            .headers(headers)
            .deliveryMode(2)
            .priority(5)
            .correlationId("correlation")
            .replyTo("reply")
            .expiration("600000")
            .messageId("message")
            .timestamp(moment)
            .type("kind")
            .userId(factory.getUsername())
            .appId("interop")
            .build();
    try (Connection connection = factory.newConnection()) {
      String queue = name("properties");
      Channel channel = connection.createChannel();
      channel.confirmSelect();
      channel.queueDeclare(queue, false, false, false, null);
      channel.basicPublish("", queue, sent, bytes("x"));
      channel.basicPublish("", queue, null, bytes("bare"));
      channel.waitForConfirmsOrDie(PATIENCE_MS);
      BasicProperties got = channel.basicGet(queue, true).getProps();
      // Equal values of another class are another wire type: the types must come back too.
      same(got.getHeaders(), headers, "headers");
      same(got, sent, "properties");
      BasicProperties bare = channel.basicGet(queue, true).getProps();
      same(bare, new BasicProperties(), "absent properties");
      channel.queueDelete(queue);
    }
  }

  private static void channelErrors() throws Exception {
    try (Connection connection = connect()) {
      String queue = name("errors");
      String nowhere = name("nowhere");
      refused(
          () -> connection.createChannel().queueDeclarePassive(queue),
          "404",
          "NOT_FOUND - no queue '" + queue + "' in vhost '/'");
      connection.createChannel().queueDeclare(queue, true, false, false, null);
      refused(
          () -> connection.createChannel().queueDeclare(queue, false, false, false, null),
          "406",
          "PRECONDITION_FAILED - inequivalent arg 'durable' for queue '" + queue
              + "' in vhost '/': received 'false' but current is 'true'");
      Channel acking = connection.createChannel();
      acking.basicAck(99, false);
      refused(
          () -> acking.queueDeclarePassive(queue),
          "406",
          "PRECONDITION_FAILED - unknown delivery tag 99");
      Channel publishing = connection.createChannel();
      publishing.confirmSelect();
      publishing.basicPublish(nowhere, "", null, bytes("x"));
      refused(
          () -> publishing.waitForConfirmsOrDie(PATIENCE_MS),
          "404",
          "NOT_FOUND - no exchange '" + nowhere + "' in vhost '/'");
      Channel channel = connection.createChannel();
      channel.confirmSelect();
      channel.basicPublish("", queue, null, bytes("still works"));
      channel.waitForConfirmsOrDie(PATIENCE_MS);
      same(channel.queueDelete(queue).getMessageCount(), 1, "messages after the errors");
    }
  }

  private static void exclusiveQueue() throws Exception {
    String queue = name("exclusive");
    String locked =
        "RESOURCE_LOCKED - cannot obtain exclusive access to locked queue '" + queue
            + "' in vhost '/'";
    try (Connection other = connect()) {
      try (Connection owner = connect()) {
        owner.createChannel().queueDeclare(queue, false, true, false, null);
        refused(() -> other.createChannel().queueDeclarePassive(queue), "405", locked);
        refused(() -> other.createChannel().basicGet(queue, true), "405", locked);
      }
      check(!exists(other, queue), "the queue outlived its connection");
    }
  }

  private static void queueLifecycle() throws Exception {
    try (Connection connection = connect()) {
      Channel channel = connection.createChannel();
      channel.confirmSelect();
      String served = channel.queueDeclare().getQueue();
      check(served.startsWith("amq.gen-"), "server-named queue is " + served);

      String shortLived = name("auto-delete");
      channel.queueDeclare(shortLived, false, false, true, null);
      String tag = channel.basicConsume(shortLived, true, (t, delivery) -> {}, t -> {});
      check(exists(connection, shortLived), "the queue is missing while consumed");
      channel.basicCancel(tag);
      eventually(() -> exists(connection, shortLived), false, "auto-delete queue exists");

      String queue = name("lifecycle");
      channel.queueDeclare(queue, false, false, false, null);
      same(channel.basicGet(queue, true), null, "get from an empty queue");
      publish(channel, queue, 5);
      GetResponse message = channel.basicGet(queue, true);
      same(new String(message.getBody()), "0", "get");
      same(message.getMessageCount(), 4, "messages left");
      same(channel.queuePurge(queue).getMessageCount(), 4, "purged");
      publish(channel, queue, 3);
      same(channel.queueDelete(queue).getMessageCount(), 3, "deleted with the queue");
      same(channel.queueDelete(queue).getMessageCount(), 0, "deleted without a queue");
    }
  }

  private static void routing() throws Exception {
    try (Connection connection = connect()) {
      List<Binding> topics =
          List.of(
              new Binding("*.orange.*", null),
              new Binding("lazy.#", null),
              new Binding("#", null),
              new Binding("*", null),
              new Binding("quick.orange.rabbit.*", null));
      List<Binding> keys =
          List.of(
              new Binding("quick.orange.rabbit", null),
              new Binding("lazy.orange.elephant", null),
              new Binding("lazy", null),
              new Binding("lazy.a.b.c", null),
              new Binding("orange", null));
      same(routed(connection, "topic", topics, keys), List.of(2, 3, 5, 2, 0), "topic");
      List<Binding> fanout = List.of(new Binding("a", null), new Binding("", null));
      List<Binding> toB = List.of(new Binding("b", null));
      same(routed(connection, "fanout", fanout, toB), List.of(1, 1), "fanout");
      List<Binding> direct = List.of(new Binding("a", null), new Binding("b", null));
      same(routed(connection, "direct", direct, toB), List.of(0, 1), "direct");
      List<Binding> matches =
          List.of(
              new Binding("", Map.of("x-match", "all", "format", "pdf", "pages", 3)),
              new Binding("", Map.of("x-match", "any", "format", "pdf", "pages", 3)),
              new Binding("", Map.of("format", "pdf")));
      List<Binding> messages =
          List.of(
              new Binding("", Map.of("format", "pdf", "pages", 3L)),
              new Binding("", Map.of("format", "pdf", "pages", "3")),
              new Binding("", Map.of("pages", 3)),
              new Binding("", null));
      same(routed(connection, "headers", matches, messages), List.of(1, 3, 2), "headers");
    }
  }

  /** Messages per binding, each binding with a queue of its own. */
  private static List<Integer> routed(
      Connection connection, String kind, List<Binding> bindings, List<Binding> messages)
      throws Exception {
    Channel channel = connection.createChannel();
    channel.confirmSelect();
    String exchange = name(kind);
    channel.exchangeDeclare(exchange, kind);
    List<String> queues = new ArrayList<>();
    for (Binding binding : bindings) {
      String queue = channel.queueDeclare().getQueue();
      channel.queueBind(queue, exchange, binding.key(), binding.arguments());
      queues.add(queue);
    }
    for (Binding message : messages) {
      BasicProperties sent = new BasicProperties.Builder().headers(message.arguments()).build();
      channel.basicPublish(exchange, message.key(), sent, new byte[0]);
    }
    channel.waitForConfirmsOrDie(PATIENCE_MS);
    List<Integer> counts = new ArrayList<>();
    for (String queue : queues) counts.add(channel.queueDelete(queue).getMessageCount());
    channel.exchangeDelete(exchange);
    channel.close();
    return counts;
  }

  private static void exchangeBindings() throws Exception {
    try (Connection connection = connect()) {
      Channel channel = connection.createChannel();
      channel.confirmSelect();
      String source = name("source");
      String target = name("target");
      channel.exchangeDeclare(source, BuiltinExchangeType.TOPIC);
      channel.exchangeDeclare(target, BuiltinExchangeType.FANOUT);
      String queue = channel.queueDeclare().getQueue();
      channel.queueBind(queue, target, "");
      channel.queueBind(queue, source, "a.*");
      channel.exchangeBind(target, source, "a.#");
      channel.basicPublish(source, "a.b", null, bytes("both ways, one copy"));
      channel.basicPublish(source, "a.b.c", null, bytes("through the target"));
      channel.basicPublish(source, "ab", null, bytes("no way"));
      channel.waitForConfirmsOrDie(PATIENCE_MS);
      same(ready(connection, queue), 2, "messages");
      channel.exchangeUnbind(target, source, "a.#");
      channel.basicPublish(source, "a.b.c", null, bytes("no longer"));
      channel.waitForConfirmsOrDie(PATIENCE_MS);
      same(ready(connection, queue), 2, "messages after exchange.unbind");
      channel.exchangeDelete(source);
      channel.exchangeDelete(target);
    }
  }

  private static void tx() throws Exception {
    try (Connection connection = connect()) {
      String queue = name("tx");
      Channel channel = connection.createChannel();
      channel.queueDeclare(queue, false, false, false, null);
      channel.txSelect();
      channel.basicPublish("", queue, null, bytes("rolled back"));
      channel.txRollback();
      channel.basicPublish("", queue, null, bytes("1"));
      channel.basicPublish("", queue, null, bytes("2"));
      same(ready(connection, queue), 0, "ready before commit");
      channel.txCommit();
      same(ready(connection, queue), 2, "ready after commit");
      GetResponse message = channel.basicGet(queue, false);
      same(new String(message.getBody()), "1", "first message");
      channel.basicAck(message.getEnvelope().getDeliveryTag(), false);
      channel.txRollback();
      // The rolled back ack leaves the message unacked, so it can be acked once more.
      channel.basicAck(message.getEnvelope().getDeliveryTag(), false);
      channel.txCommit();
      channel.close();
      eventually(() -> ready(connection, queue), 1, "ready after the acked one went");
      connection.createChannel().queueDelete(queue);
    }
  }

  private static void loginRefused() throws Exception {
    ConnectionFactory factory = factory(URL);
    factory.setPassword("wrong");
    try (Connection connection = factory.newConnection()) {
      throw new Failed("a wrong password was accepted");
    } catch (AuthenticationFailureException refusal) {
      has(refusal.getMessage(), "ACCESS_REFUSED - Login was refused");
    }
  }

  private static final class Failed extends Exception {
    private static final long serialVersionUID = 1;

    Failed(String message) {
      super(message);
    }
  }

  private static boolean passes(String scenario, Scenario body) {
    try {
      body.run();
      System.out.println("ok " + scenario);
      return true;
    } catch (Exception error) {
      String reason = error.toString().replaceAll("\\s+", " ");
      System.out.println("not ok " + scenario + " - " + reason);
      error.printStackTrace();
      return false;
    }
  }

  private static ConnectionFactory factory(String url) throws Exception {
    ConnectionFactory factory = new ConnectionFactory();
    factory.setUri(new URI(url.replaceAll("/$", "")));
    return factory;
  }

  private static Connection connect() throws Exception {
    return factory(URL).newConnection();
  }

  private static String name(String noun) {
    return "interop.java." + noun + "." + RUN;
  }

  private static Integer ready(Connection connection, String queue) throws Exception {
    Channel channel = connection.createChannel();
    int count = channel.queueDeclarePassive(queue).getMessageCount();
    channel.close();
    return count;
  }

  private static boolean exists(Connection connection, String queue) throws Exception {
    try {
      ready(connection, queue);
      return true;
    } catch (java.io.IOException error) {
      has(error.getCause().getMessage(), "reply-code=404");
      return false;
    }
  }

  private static void publish(Channel channel, String queue, int count) throws Exception {
    for (int number = 0; number < count; number++) {
      channel.basicPublish("", queue, null, bytes("" + number));
    }
    channel.waitForConfirmsOrDie(PATIENCE_MS);
  }

  /** Takes deliveries until there are so many, then watches that no more come. */
  private static void receive(BlockingQueue<Delivery> incoming, List<Delivery> got, int count)
      throws Exception {
    while (got.size() < count) {
      Delivery delivery = incoming.poll(PATIENCE_MS, TimeUnit.MILLISECONDS);
      check(delivery != null, "only " + got.size() + " of " + count + " deliveries came");
      got.add(delivery);
    }
    Thread.sleep(QUIET_MS);
    same(got.size() + incoming.size(), count, "deliveries");
  }

  /** The broker closes the channel with this code and text. */
  private static void refused(Scenario body, String code, String text) throws Exception {
    ShutdownSignalException signal;
    try {
      body.run();
      throw new Failed("not refused with " + code);
    } catch (java.io.IOException error) {
      signal = (ShutdownSignalException) error.getCause();
    } catch (ShutdownSignalException error) {
      signal = error;
    }
    check(!signal.isHardError(), "the connection was closed: " + signal.getMessage());
    has(signal.getMessage(), "reply-code=" + code);
    has(signal.getMessage(), text);
  }

  /** Polls what the broker does after its reply, such as requeueing on channel close. */
  private static void eventually(Probe probe, Object expected, String what) throws Exception {
    long deadline = System.currentTimeMillis() + PATIENCE_MS;
    Object actual = probe.get();
    while (!expected.equals(actual) && System.currentTimeMillis() < deadline) {
      Thread.sleep(20);
      actual = probe.get();
    }
    same(actual, expected, what);
  }

  private static void check(boolean holds, String text) throws Failed {
    if (!holds) throw new Failed(text);
  }

  private static void same(Object actual, Object expected, String what) throws Failed {
    boolean equal = expected == null ? actual == null : expected.equals(actual);
    check(equal, what + ": expected " + expected + ", got " + actual);
  }

  private static void has(String text, String part) throws Failed {
    check(text != null && text.contains(part), "expected '" + part + "' in '" + text + "'");
  }

  private static long tag(Delivery delivery) {
    return delivery.getEnvelope().getDeliveryTag();
  }

  private static String text(Delivery delivery) {
    return new String(delivery.getBody());
  }

  private static byte[] bytes(String text) {
    return text.getBytes();
  }

  private static byte[] bodyOf(int size) {
    byte[] body = new byte[size];
    new Random(size).nextBytes(body);
    return body;
  }

  private static String digest(byte[] body) throws Exception {
    return HexFormat.of().formatHex(MessageDigest.getInstance("SHA-256").digest(body));
  }
}
