/*
 * rabbitmq-c (librabbitmq) through every scenario; prints the lines run.ts reads. A check that does
 * not hold jumps out of its scenario with the reason.
 */
#define _POSIX_C_SOURCE 200809L

#include <amqp.h>
#include <amqp_framing.h>
#include <amqp_tcp_socket.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

enum {
  /* How long to wait for something that should come at once. */
  PATIENCE_S = 10,
  /* How long to watch that something does not come. */
  QUIET_MS = 300,
  TEXT = 1024,
  /* The channel that `ready` and `exists` open and close. */
  PROBE = 99,
};

/* Sizes around what fits one body frame of the usual frame_max 131072 (8 bytes are overhead). */
static const size_t SIZES[] = {0, 1, 131063, 131064, 131065, 131072, 5 * 1024 * 1024};
static const size_t SIZE_COUNT = sizeof SIZES / sizeof *SIZES;

typedef amqp_connection_state_t Connection;
typedef amqp_channel_t Channel;

static struct amqp_connection_info address;
static jmp_buf failure;
static char reason[TEXT];

/* ---- checks ---- */

static void fail(const char *format, ...) {
  va_list details;
  va_start(details, format);
  vsnprintf(reason, sizeof reason, format, details);
  va_end(details);
  longjmp(failure, 1);
}

static void check(bool holds, const char *text) {
  if (!holds) fail("%s", text);
}

static void same(long actual, long expected, const char *what) {
  if (actual != expected) fail("%s: expected %ld, got %ld", what, expected, actual);
}

static void same_text(amqp_bytes_t actual, const char *expected, const char *what) {
  if (actual.len != strlen(expected) || memcmp(actual.bytes, expected, actual.len) != 0) {
    fail("%s: expected '%s', got '%.*s'", what, expected, (int)actual.len, (char *)actual.bytes);
  }
}

static amqp_bytes_t bytes(const char *text) { return amqp_cstring_bytes(text); }

/* A name of this run; four may be in use at a time. */
static const char *name(const char *noun) {
  static char names[4][128];
  static unsigned next;
  char *slot = names[next++ % 4];
  snprintf(slot, sizeof names[0], "interop.c.%s.%s", noun, getenv("INTEROP_RUN"));
  return slot;
}

/* Code and text of the broker's close, or of the library's own error. */
static int explain(amqp_rpc_reply_t reply, char *text) {
  amqp_bytes_t words = amqp_empty_bytes;
  int code = -1;
  *text = '\0';
  if (reply.reply_type == AMQP_RESPONSE_LIBRARY_EXCEPTION) {
    snprintf(text, TEXT, "library error: %s", amqp_error_string2(reply.library_error));
    return code;
  }
  if (reply.reply_type != AMQP_RESPONSE_SERVER_EXCEPTION) return code;
  if (reply.reply.id == AMQP_CHANNEL_CLOSE_METHOD) {
    amqp_channel_close_t *closing = reply.reply.decoded;
    code = closing->reply_code;
    words = closing->reply_text;
  } else if (reply.reply.id == AMQP_CONNECTION_CLOSE_METHOD) {
    amqp_connection_close_t *closing = reply.reply.decoded;
    code = closing->reply_code;
    words = closing->reply_text;
  }
  snprintf(text, TEXT, "%.*s", (int)words.len, (char *)words.bytes);
  return code;
}

static void done(amqp_rpc_reply_t reply, const char *what) {
  char text[TEXT];
  if (reply.reply_type == AMQP_RESPONSE_NORMAL) return;
  int code = explain(reply, text);
  fail("%s: %d %.800s", what, code, text);
}

static void sent(int status, const char *what) {
  if (status != AMQP_STATUS_OK) fail("%s: %s", what, amqp_error_string2(status));
}

/* The broker closed the channel with this code and text; the close is answered. */
static void refused(Connection connection, Channel channel, amqp_rpc_reply_t reply, int code,
                    const char *expected) {
  char text[TEXT];
  same(explain(reply, text), code, "reply code");
  if (strstr(text, expected) == NULL) fail("expected '%.400s' in '%.400s'", expected, text);
  same(reply.reply.id, AMQP_CHANNEL_CLOSE_METHOD, "closing method");
  amqp_channel_close_ok_t ok = {0};
  sent(amqp_send_method(connection, channel, AMQP_CHANNEL_CLOSE_OK_METHOD, &ok), "close-ok");
}

/* ---- connections, channels, queues ---- */

static amqp_rpc_reply_t login(Connection connection, const char *password, int heartbeat) {
  amqp_socket_t *socket = amqp_tcp_socket_new(connection);
  check(socket != NULL, "no socket");
  sent(amqp_socket_open(socket, address.host, address.port), "connect");
  return amqp_login(connection, address.vhost, AMQP_DEFAULT_MAX_CHANNELS, AMQP_DEFAULT_FRAME_SIZE,
                    heartbeat, AMQP_SASL_METHOD_PLAIN, address.user, password);
}

static Connection connected(int heartbeat) {
  Connection connection = amqp_new_connection();
  struct timeval patience = {.tv_sec = PATIENCE_S};
  sent(amqp_set_rpc_timeout(connection, &patience), "time-out");
  done(login(connection, address.password, heartbeat), "login");
  return connection;
}

static void disconnect(Connection connection) {
  done(amqp_connection_close(connection, AMQP_REPLY_SUCCESS), "connection.close");
  amqp_destroy_connection(connection);
}

static Channel opened(Connection connection, Channel channel) {
  amqp_channel_open(connection, channel);
  done(amqp_get_rpc_reply(connection), "channel.open");
  return channel;
}

/* A channel whose publishes the broker confirms. */
static Channel confirming(Connection connection, Channel channel) {
  opened(connection, channel);
  amqp_confirm_select(connection, channel);
  done(amqp_get_rpc_reply(connection), "confirm.select");
  return channel;
}

static void declare_queue(Connection connection, Channel channel, const char *queue, bool durable) {
  amqp_queue_declare(connection, channel, bytes(queue), false, durable, false, false,
                     amqp_empty_table);
  done(amqp_get_rpc_reply(connection), "queue.declare");
}

/* A queue of this connection, with a name from the broker; the caller frees it. */
static amqp_bytes_t own_queue(Connection connection, Channel channel) {
  amqp_queue_declare_ok_t *ok = amqp_queue_declare(connection, channel, amqp_empty_bytes, false,
                                                   false, true, false, amqp_empty_table);
  done(amqp_get_rpc_reply(connection), "queue.declare");
  return amqp_bytes_malloc_dup(ok->queue);
}

static void declare_exchange(Connection connection, Channel channel, const char *exchange,
                             const char *kind) {
  amqp_exchange_declare(connection, channel, bytes(exchange), bytes(kind), false, false, false,
                        false, amqp_empty_table);
  done(amqp_get_rpc_reply(connection), "exchange.declare");
}

static void delete_exchange(Connection connection, Channel channel, const char *exchange) {
  amqp_exchange_delete(connection, channel, bytes(exchange), false);
  done(amqp_get_rpc_reply(connection), "exchange.delete");
}

static void bind(Connection connection, Channel channel, amqp_bytes_t queue, const char *exchange,
                 const char *key, amqp_table_t arguments) {
  amqp_queue_bind(connection, channel, queue, bytes(exchange), bytes(key), arguments);
  done(amqp_get_rpc_reply(connection), "queue.bind");
}

static long delete_queue(Connection connection, Channel channel, amqp_bytes_t queue) {
  amqp_queue_delete_ok_t *ok = amqp_queue_delete(connection, channel, queue, false, false);
  done(amqp_get_rpc_reply(connection), "queue.delete");
  return ok->message_count;
}

static amqp_queue_declare_ok_t *passive(Connection connection, Channel channel,
                                        amqp_bytes_t queue) {
  return amqp_queue_declare(connection, channel, queue, true, false, false, false,
                            amqp_empty_table);
}

static void close_channel(Connection connection, Channel channel) {
  done(amqp_channel_close(connection, channel, AMQP_REPLY_SUCCESS), "channel.close");
}

static long ready(Connection connection, amqp_bytes_t queue) {
  opened(connection, PROBE);
  amqp_queue_declare_ok_t *ok = passive(connection, PROBE, queue);
  done(amqp_get_rpc_reply(connection), "passive queue.declare");
  long count = ok->message_count;
  close_channel(connection, PROBE);
  return count;
}

static bool exists(Connection connection, const char *queue) {
  opened(connection, PROBE);
  if (passive(connection, PROBE, bytes(queue)) != NULL) {
    close_channel(connection, PROBE);
    return true;
  }
  refused(connection, PROBE, amqp_get_rpc_reply(connection), 404, "no queue");
  return false;
}

static void pause_ms(long ms) {
  struct timespec pause = {.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000};
  nanosleep(&pause, NULL);
}

/* Polls what the broker does after its reply, such as requeueing on channel close. */
static void eventually_ready(Connection connection, const char *queue, long expected) {
  for (int attempt = 0; attempt < PATIENCE_S * 50; attempt++) {
    if (ready(connection, bytes(queue)) == expected) return;
    pause_ms(20);
  }
  same(ready(connection, bytes(queue)), expected, "messages ready");
}

/* ---- publishing, confirms, deliveries ---- */

/* The next method frame that comes on the channel by itself, such as basic.ack. */
static amqp_method_t await_method(Connection connection, Channel channel) {
  struct timeval patience = {.tv_sec = PATIENCE_S};
  amqp_frame_t frame;
  sent(amqp_simple_wait_frame_noblock(connection, &frame, &patience), "waiting for a method");
  same(frame.channel, channel, "channel of the frame");
  same(frame.frame_type, AMQP_FRAME_METHOD, "frame type");
  return frame.payload.method;
}

/* Waits until the broker has acked each publish up to the last once, in whatever order. */
static void await_confirms(Connection connection, Channel channel, uint64_t last) {
  bool acked[128] = {false};
  check(last < sizeof acked, "more publishes than await_confirms has room for");
  for (uint64_t count = 0; count < last;) {
    amqp_method_t method = await_method(connection, channel);
    same(method.id, AMQP_BASIC_ACK_METHOD, "method instead of basic.ack");
    amqp_basic_ack_t *ack = method.decoded;
    check(ack->delivery_tag <= last && !acked[ack->delivery_tag], "ack of an unknown tag");
    for (uint64_t tag = ack->multiple ? 1 : ack->delivery_tag; tag <= ack->delivery_tag; tag++) {
      count += !acked[tag];
      acked[tag] = true;
    }
  }
}

static void publish_to(Connection connection, Channel channel, const char *exchange,
                       const char *key, amqp_basic_properties_t *properties, amqp_bytes_t body) {
  sent(amqp_basic_publish(connection, channel, bytes(exchange), bytes(key), false, false,
                          properties, body),
       "basic.publish");
}

/* Publishes the texts "0", "1" and so on to the queue and waits for their confirms. */
static void publish_numbers(Connection connection, Channel channel, const char *queue, int count) {
  confirming(connection, channel);
  for (int number = 0; number < count; number++) {
    char body[16];
    snprintf(body, sizeof body, "%d", number);
    publish_to(connection, channel, "", queue, NULL, bytes(body));
  }
  await_confirms(connection, channel, count);
  close_channel(connection, channel);
}

/* Gets a message without ack; false when the queue is empty. */
static bool get(Connection connection, Channel channel, const char *queue, bool no_ack,
                amqp_basic_get_ok_t *ok, amqp_message_t *message) {
  amqp_rpc_reply_t reply = amqp_basic_get(connection, channel, bytes(queue), no_ack);
  done(reply, "basic.get");
  if (reply.reply.id == AMQP_BASIC_GET_EMPTY_METHOD) return false;
  same(reply.reply.id, AMQP_BASIC_GET_OK_METHOD, "answer to basic.get");
  *ok = *(amqp_basic_get_ok_t *)reply.reply.decoded;
  done(amqp_read_message(connection, channel, message, 0), "message");
  return true;
}

/* Takes so many deliveries, keeping the last, then watches that no more come. */
static void receive(Connection connection, int count, amqp_envelope_t *last) {
  struct timeval patience = {.tv_sec = PATIENCE_S};
  for (int number = 0; number < count; number++) {
    amqp_destroy_envelope(last);
    done(amqp_consume_message(connection, last, &patience, 0), "delivery");
  }
  struct timeval quiet = {.tv_usec = QUIET_MS * 1000};
  amqp_envelope_t extra;
  amqp_rpc_reply_t reply = amqp_consume_message(connection, &extra, &quiet, 0);
  check(reply.reply_type == AMQP_RESPONSE_LIBRARY_EXCEPTION &&
            reply.library_error == AMQP_STATUS_TIMEOUT,
        "a delivery beyond the prefetch limit");
}

/* Bytes of which no two frames' worth are alike; the caller frees them. */
static amqp_bytes_t body_of(size_t size) {
  amqp_bytes_t body = amqp_bytes_malloc(size);
  uint32_t state = (uint32_t)size * 2654435761u + 1;
  for (size_t index = 0; index < size; index++) {
    state ^= state << 13;
    state ^= state >> 17;
    state ^= state << 5;
    ((unsigned char *)body.bytes)[index] = (unsigned char)(state >> 24);
  }
  return body;
}

/* ---- scenarios ---- */

static void publish_confirm(void) {
  Connection connection = connected(0);
  Channel channel = confirming(connection, 1);
  const char *exchange = name("confirm"), *queue = name("confirm");
  amqp_exchange_declare(connection, channel, bytes(exchange), bytes("direct"), false, true, false,
                        false, amqp_empty_table);
  done(amqp_get_rpc_reply(connection), "exchange.declare");
  declare_queue(connection, channel, queue, true);
  bind(connection, channel, bytes(queue), exchange, "key", amqp_empty_table);
  amqp_basic_properties_t persistent = {._flags = AMQP_BASIC_DELIVERY_MODE_FLAG,
                                        .delivery_mode = AMQP_DELIVERY_PERSISTENT};
  for (int number = 0; number < 100; number++) {
    publish_to(connection, channel, exchange, "key", &persistent, bytes("x"));
  }
  await_confirms(connection, channel, 100);
  same(ready(connection, bytes(queue)), 100, "messages in the queue");
  publish_to(connection, channel, exchange, "unbound", NULL, bytes("dropped but confirmed"));
  same(((amqp_basic_ack_t *)await_method(connection, channel).decoded)->delivery_tag, 101,
       "confirm of an unroutable message");
  same(delete_queue(connection, channel, bytes(queue)), 100, "messages deleted");
  delete_exchange(connection, channel, exchange);
  disconnect(connection);
}

static void consume_ack(void) {
  Connection connection = connected(0);
  Channel channel = opened(connection, 1);
  const char *queue = name("consume");
  declare_queue(connection, channel, queue, true);
  publish_numbers(connection, 2, queue, 10);
  amqp_basic_qos(connection, channel, 0, 3, false);
  done(amqp_get_rpc_reply(connection), "basic.qos");
  amqp_basic_consume(connection, channel, bytes(queue), amqp_empty_bytes, false, false, false,
                     amqp_empty_table);
  done(amqp_get_rpc_reply(connection), "basic.consume");
  amqp_envelope_t last = {0};
  receive(connection, 3, &last);
  same(last.delivery_tag, 3, "delivery tag");
  check(!last.redelivered, "redelivered on first delivery");
  same(ready(connection, bytes(queue)), 7, "ready while 3 of 10 are unacked");
  sent(amqp_basic_ack(connection, channel, 3, true), "basic.ack");
  receive(connection, 3, &last);
  same_text(last.message.body, "5", "sixth delivery");
  sent(amqp_basic_nack(connection, channel, 6, false, true), "basic.nack");
  receive(connection, 1, &last);
  same_text(last.message.body, "5", "the nacked message comes again");
  check(last.redelivered, "redelivered is not set after nack with requeue");
  sent(amqp_basic_reject(connection, channel, 7, false), "basic.reject");
  receive(connection, 1, &last);
  same_text(last.message.body, "6", "the message after the rejected one");
  same(last.delivery_tag, 8, "delivery tag");
  amqp_destroy_envelope(&last);
  close_channel(connection, channel);
  eventually_ready(connection, queue, 6);
  opened(connection, channel);
  amqp_basic_get_ok_t ok;
  amqp_message_t message;
  check(get(connection, channel, queue, true, &ok, &message), "the queue is empty");
  same_text(message.body, "3", "first message after requeue");
  check(ok.redelivered, "redelivered is not set after the channel closed");
  amqp_destroy_message(&message);
  delete_queue(connection, channel, bytes(queue));
  disconnect(connection);
}

static void mandatory_return(void) {
  Connection connection = connected(0);
  Channel channel = confirming(connection, 1);
  const char *exchange = name("return");
  declare_exchange(connection, channel, exchange, "direct");
  sent(amqp_basic_publish(connection, channel, bytes(exchange), bytes("nowhere"), true, false, NULL,
                          bytes("lost")),
       "basic.publish");
  amqp_method_t method = await_method(connection, channel);
  same(method.id, AMQP_BASIC_RETURN_METHOD, "method instead of basic.return");
  amqp_basic_return_t *returned = method.decoded;
  same(returned->reply_code, 312, "reply code");
  same_text(returned->reply_text, "NO_ROUTE", "reply text");
  same_text(returned->exchange, exchange, "exchange");
  same_text(returned->routing_key, "nowhere", "routing key");
  amqp_message_t message;
  done(amqp_read_message(connection, channel, &message, 0), "returned message");
  same_text(message.body, "lost", "body");
  amqp_destroy_message(&message);
  await_confirms(connection, channel, 1);
  delete_exchange(connection, channel, exchange);
  disconnect(connection);
}

static void heartbeat(void) {
  Connection connection = connected(1);
  same(amqp_get_heartbeat(connection), 1, "negotiated heartbeat");
  Channel channel = confirming(connection, 1);
  amqp_bytes_t queue = own_queue(connection, channel);
  /* Waiting sends heartbeats, and ends with another status when the broker's stay away. */
  struct timeval idle = {.tv_sec = 6};
  amqp_frame_t frame;
  int status = amqp_simple_wait_frame_noblock(connection, &frame, &idle);
  if (status != AMQP_STATUS_TIMEOUT) fail("lost while idle: %s", amqp_error_string2(status));
  sent(amqp_basic_publish(connection, channel, amqp_empty_bytes, queue, false, false, NULL,
                          bytes("alive")),
       "basic.publish");
  await_confirms(connection, channel, 1);
  same(ready(connection, queue), 1, "messages after the idle time");
  amqp_bytes_free(queue);
  disconnect(connection);
}

static void big_messages(void) {
  Connection connection = connected(0);
  same(amqp_get_frame_max(connection), 131072, "frame_max");
  Channel channel = confirming(connection, 1);
  const char *queue = name("big");
  declare_queue(connection, channel, queue, false);
  for (size_t index = 0; index < SIZE_COUNT; index++) {
    amqp_bytes_t body = body_of(SIZES[index]);
    publish_to(connection, channel, "", queue, NULL, body);
    amqp_bytes_free(body);
  }
  await_confirms(connection, channel, SIZE_COUNT);
  for (size_t index = 0; index < SIZE_COUNT; index++) {
    amqp_basic_get_ok_t ok;
    amqp_message_t message;
    check(get(connection, channel, queue, true, &ok, &message), "a message is missing");
    amqp_bytes_t expected = body_of(SIZES[index]);
    same(message.body.len, SIZES[index], "size");
    check(memcmp(message.body.bytes, expected.bytes, expected.len) == 0, "the content differs");
    amqp_bytes_free(expected);
    amqp_destroy_message(&message);
  }
  delete_queue(connection, channel, bytes(queue));
  disconnect(connection);
}

static amqp_table_entry_t text_entry(const char *key, const char *text) {
  return (amqp_table_entry_t){
      .key = bytes(key), .value = {.kind = AMQP_FIELD_KIND_UTF8, .value.bytes = bytes(text)}};
}

static amqp_table_entry_t int_entry(const char *key, int value) {
  return (amqp_table_entry_t){.key = bytes(key),
                              .value = {.kind = AMQP_FIELD_KIND_I32, .value.i32 = value}};
}

static amqp_bytes_t encoded(amqp_table_t *table, char *buffer, size_t size) {
  size_t length = 0;
  amqp_bytes_t target = {.len = size, .bytes = buffer};
  sent(amqp_encode_table(target, table, &length), "encoding a table");
  target.len = length;
  return target;
}

static void properties(void) {
  amqp_table_entry_t deep[] = {text_entry("deep", "x")};
  amqp_field_value_t items[] = {
      {.kind = AMQP_FIELD_KIND_I32, .value.i32 = 1},
      {.kind = AMQP_FIELD_KIND_UTF8, .value.bytes = bytes("two")},
      {.kind = AMQP_FIELD_KIND_BOOLEAN, .value.boolean = false},
      {.kind = AMQP_FIELD_KIND_TABLE, .value.table = {.num_entries = 1, .entries = deep}},
  };
  amqp_table_entry_t entries[] = {
      text_entry("text", "gr\xc3\xbc\xc3\x9f" "e"),
      int_entry("i32", -40000),
      {bytes("i8"), {.kind = AMQP_FIELD_KIND_I8, .value.i8 = -3}},
      {bytes("u8"), {.kind = AMQP_FIELD_KIND_U8, .value.u8 = 200}},
      {bytes("i16"), {.kind = AMQP_FIELD_KIND_I16, .value.i16 = -300}},
      {bytes("u16"), {.kind = AMQP_FIELD_KIND_U16, .value.u16 = 60000}},
      {bytes("u32"), {.kind = AMQP_FIELD_KIND_U32, .value.u32 = UINT32_MAX}},
      {bytes("i64"), {.kind = AMQP_FIELD_KIND_I64, .value.i64 = INT64_MIN}},
      {bytes("f32"), {.kind = AMQP_FIELD_KIND_F32, .value.f32 = 0.5f}},
      {bytes("f64"), {.kind = AMQP_FIELD_KIND_F64, .value.f64 = 0.25}},
      {bytes("decimal"), {.kind = AMQP_FIELD_KIND_DECIMAL, .value.decimal = {2, 1234}}},
      {bytes("bool"), {.kind = AMQP_FIELD_KIND_BOOLEAN, .value.boolean = true}},
      {bytes("void"), {.kind = AMQP_FIELD_KIND_VOID}},
      {bytes("bytes"), {.kind = AMQP_FIELD_KIND_BYTES, .value.bytes = {3, "\0\1\xff"}}},
      {bytes("moment"), {.kind = AMQP_FIELD_KIND_TIMESTAMP, .value.u64 = 1709209800}},
      {bytes("list"), {.kind = AMQP_FIELD_KIND_ARRAY, .value.array = {4, items}}},
      {bytes("table"), {.kind = AMQP_FIELD_KIND_TABLE, .value.table = {1, deep}}},
      {bytes("empty"), {.kind = AMQP_FIELD_KIND_TABLE, .value.table = {0, NULL}}},
  };
  amqp_basic_properties_t publishing = {
      ._flags = AMQP_BASIC_CONTENT_TYPE_FLAG | AMQP_BASIC_CONTENT_ENCODING_FLAG |
                AMQP_BASIC_HEADERS_FLAG | AMQP_BASIC_DELIVERY_MODE_FLAG |
                AMQP_BASIC_PRIORITY_FLAG | AMQP_BASIC_CORRELATION_ID_FLAG |
                AMQP_BASIC_REPLY_TO_FLAG | AMQP_BASIC_EXPIRATION_FLAG |
                AMQP_BASIC_MESSAGE_ID_FLAG | AMQP_BASIC_TIMESTAMP_FLAG | AMQP_BASIC_TYPE_FLAG |
                AMQP_BASIC_USER_ID_FLAG | AMQP_BASIC_APP_ID_FLAG | AMQP_BASIC_CLUSTER_ID_FLAG,
      .content_type = bytes("application/json"),
      .content_encoding = bytes("utf-8"),
      .headers = {.num_entries = sizeof entries / sizeof *entries, .entries = entries},
      .delivery_mode = AMQP_DELIVERY_PERSISTENT,
      .priority = 5,
      .correlation_id = bytes("correlation"),
      .reply_to = bytes("reply"),
      .expiration = bytes("600000"),
      .message_id = bytes("message"),
      .timestamp = 1709209800,
      .type = bytes("kind"),
      .user_id = bytes(address.user),
      .app_id = bytes("interop"),
      .cluster_id = bytes("cluster"),
  };
  Connection connection = connected(0);
  Channel channel = confirming(connection, 1);
  const char *queue = name("properties");
  declare_queue(connection, channel, queue, false);
  publish_to(connection, channel, "", queue, &publishing, bytes("x"));
  publish_to(connection, channel, "", queue, NULL, bytes("bare"));
  await_confirms(connection, channel, 2);
  amqp_basic_get_ok_t ok;
  amqp_message_t message;
  check(get(connection, channel, queue, true, &ok, &message), "the message is missing");
  amqp_basic_properties_t *got = &message.properties;
  same(got->_flags, publishing._flags, "property flags");
  same_text(got->content_type, "application/json", "content_type");
  same_text(got->content_encoding, "utf-8", "content_encoding");
  same(got->delivery_mode, AMQP_DELIVERY_PERSISTENT, "delivery_mode");
  same(got->priority, 5, "priority");
  same_text(got->correlation_id, "correlation", "correlation_id");
  same_text(got->reply_to, "reply", "reply_to");
  same_text(got->expiration, "600000", "expiration");
  same_text(got->message_id, "message", "message_id");
  same(got->timestamp, 1709209800, "timestamp");
  same_text(got->type, "kind", "type");
  same_text(got->user_id, address.user, "user_id");
  same_text(got->app_id, "interop", "app_id");
  same_text(got->cluster_id, "cluster", "cluster_id");
  /* Encoded alike means the same keys, wire types and values in the same order. */
  char left[TEXT], right[TEXT];
  amqp_bytes_t before = encoded(&publishing.headers, left, sizeof left);
  amqp_bytes_t after = encoded(&got->headers, right, sizeof right);
  same(after.len, before.len, "size of the headers");
  check(memcmp(before.bytes, after.bytes, after.len) == 0, "the headers differ");
  amqp_destroy_message(&message);
  check(get(connection, channel, queue, true, &ok, &message), "the bare message is missing");
  same(message.properties._flags, 0, "flags of absent properties");
  amqp_destroy_message(&message);
  delete_queue(connection, channel, bytes(queue));
  disconnect(connection);
}

static void channel_errors(void) {
  Connection connection = connected(0);
  const char *queue = name("errors"), *nowhere = name("nowhere");
  char text[TEXT];
  Channel channel = opened(connection, 1);
  passive(connection, channel, bytes(queue));
  snprintf(text, sizeof text, "NOT_FOUND - no queue '%s' in vhost '/'", queue);
  refused(connection, channel, amqp_get_rpc_reply(connection), 404, text);

  /* The number of a closed channel may be used again. */
  opened(connection, channel);
  declare_queue(connection, channel, queue, true);
  amqp_queue_declare(connection, channel, bytes(queue), false, false, false, false,
                     amqp_empty_table);
  snprintf(text, sizeof text,
           "PRECONDITION_FAILED - inequivalent arg 'durable' for queue '%s' in vhost '/': "
           "received 'false' but current is 'true'",
           queue);
  refused(connection, channel, amqp_get_rpc_reply(connection), 406, text);

  opened(connection, channel);
  sent(amqp_basic_ack(connection, channel, 99, false), "basic.ack");
  passive(connection, channel, bytes(queue));
  refused(connection, channel, amqp_get_rpc_reply(connection), 406,
          "PRECONDITION_FAILED - unknown delivery tag 99");

  opened(connection, channel);
  publish_to(connection, channel, nowhere, "", NULL, bytes("x"));
  passive(connection, channel, bytes(queue));
  snprintf(text, sizeof text, "NOT_FOUND - no exchange '%s' in vhost '/'", nowhere);
  refused(connection, channel, amqp_get_rpc_reply(connection), 404, text);

  publish_numbers(connection, 2, queue, 1);
  opened(connection, channel);
  same(delete_queue(connection, channel, bytes(queue)), 1, "messages after the errors");
  disconnect(connection);
}

static void exclusive_queue(void) {
  const char *queue = name("exclusive");
  char locked[TEXT];
  snprintf(locked, sizeof locked,
           "RESOURCE_LOCKED - cannot obtain exclusive access to locked queue '%s' in vhost '/'",
           queue);
  Connection other = connected(0), owner = connected(0);
  amqp_queue_declare(owner, opened(owner, 1), bytes(queue), false, false, true, false,
                     amqp_empty_table);
  done(amqp_get_rpc_reply(owner), "queue.declare");
  passive(other, opened(other, 1), bytes(queue));
  refused(other, 1, amqp_get_rpc_reply(other), 405, locked);
  opened(other, 1);
  refused(other, 1, amqp_basic_get(other, 1, bytes(queue), true), 405, locked);
  disconnect(owner);
  check(!exists(other, queue), "the queue outlived its connection");
  disconnect(other);
}

static void queue_lifecycle(void) {
  Connection connection = connected(0);
  Channel channel = opened(connection, 1);
  amqp_bytes_t served = own_queue(connection, channel);
  check(served.len > 8 && memcmp(served.bytes, "amq.gen-", 8) == 0, "server-named queue's name");
  amqp_bytes_free(served);

  const char *brief = name("auto-delete");
  amqp_queue_declare(connection, channel, bytes(brief), false, false, false, true,
                     amqp_empty_table);
  done(amqp_get_rpc_reply(connection), "queue.declare");
  amqp_basic_consume(connection, channel, bytes(brief), bytes("tag"), false, true, false,
                     amqp_empty_table);
  done(amqp_get_rpc_reply(connection), "basic.consume");
  check(exists(connection, brief), "the queue is missing while consumed");
  amqp_basic_cancel(connection, channel, bytes("tag"));
  done(amqp_get_rpc_reply(connection), "basic.cancel");
  bool there = true;
  for (int attempt = 0; there && attempt < PATIENCE_S * 50; attempt++) {
    there = exists(connection, brief);
    if (there) pause_ms(20);
  }
  check(!there, "the auto-delete queue is still there");

  const char *queue = name("lifecycle");
  declare_queue(connection, channel, queue, false);
  amqp_basic_get_ok_t ok;
  amqp_message_t message;
  check(!get(connection, channel, queue, true, &ok, &message), "an empty queue gave a message");
  publish_numbers(connection, 2, queue, 5);
  check(get(connection, channel, queue, true, &ok, &message), "no message");
  same_text(message.body, "0", "get");
  same(ok.message_count, 4, "messages left");
  check(!ok.redelivered, "redelivered on first delivery");
  amqp_destroy_message(&message);
  amqp_queue_purge_ok_t *purged = amqp_queue_purge(connection, channel, bytes(queue));
  done(amqp_get_rpc_reply(connection), "queue.purge");
  same(purged->message_count, 4, "purged");
  publish_numbers(connection, 2, queue, 3);
  same(delete_queue(connection, channel, bytes(queue)), 3, "deleted with the queue");
  same(delete_queue(connection, channel, bytes(queue)), 0, "deleted without a queue");
  disconnect(connection);
}

typedef struct {
  const char *key;
  amqp_table_t table;
} Address;

/* Routes the messages and checks how many each binding's own queue got. */
static void routed(Connection connection, const char *kind, const Address *bindings,
                   const long *expected, int binding_count, const Address *messages,
                   int message_count) {
  const char *exchange = name(kind);
  amqp_bytes_t queues[8];
  Channel channel = confirming(connection, 1);
  declare_exchange(connection, channel, exchange, kind);
  for (int index = 0; index < binding_count; index++) {
    queues[index] = own_queue(connection, channel);
    bind(connection, channel, queues[index], exchange, bindings[index].key, bindings[index].table);
  }
  for (int index = 0; index < message_count; index++) {
    amqp_basic_properties_t headers = {._flags = AMQP_BASIC_HEADERS_FLAG,
                                       .headers = messages[index].table};
    publish_to(connection, channel, exchange, messages[index].key, &headers, amqp_empty_bytes);
  }
  await_confirms(connection, channel, message_count);
  for (int index = 0; index < binding_count; index++) {
    long count = delete_queue(connection, channel, queues[index]);
    if (count != expected[index]) {
      fail("%s, binding %d: expected %ld, got %ld", kind, index, expected[index], count);
    }
    amqp_bytes_free(queues[index]);
  }
  delete_exchange(connection, channel, exchange);
  close_channel(connection, channel);
}

static void routing(void) {
  Connection connection = connected(0);
  Address topics[] = {{.key = "*.orange.*"},
                      {.key = "lazy.#"},
                      {.key = "#"},
                      {.key = "*"},
                      {.key = "quick.orange.rabbit.*"}};
  Address keys[] = {{.key = "quick.orange.rabbit"},
                    {.key = "lazy.orange.elephant"},
                    {.key = "lazy"},
                    {.key = "lazy.a.b.c"},
                    {.key = "orange"}};
  routed(connection, "topic", topics, (long[]){2, 3, 5, 2, 0}, 5, keys, 5);
  Address both[] = {{.key = "a"}, {.key = "b"}};
  Address to_a[] = {{.key = "a"}}, to_c[] = {{.key = "c"}};
  routed(connection, "fanout", both, (long[]){1, 1}, 2, to_c, 1);
  routed(connection, "direct", both, (long[]){1, 0}, 2, to_a, 1);
  amqp_table_entry_t all[] = {text_entry("x-match", "all"), text_entry("format", "pdf"),
                              int_entry("pages", 3)};
  amqp_table_entry_t any[] = {text_entry("x-match", "any"), text_entry("format", "pdf"),
                              int_entry("pages", 3)};
  amqp_table_entry_t format[] = {text_entry("format", "pdf")};
  Address matches[] = {{"", {3, all}}, {"", {3, any}}, {"", {1, format}}};
  amqp_table_entry_t equal[] = {text_entry("format", "pdf"), int_entry("pages", 3)};
  amqp_table_entry_t other_type[] = {text_entry("format", "pdf"), text_entry("pages", "3")};
  amqp_table_entry_t pages[] = {int_entry("pages", 3)};
  Address messages[] = {{"", {2, equal}}, {"", {2, other_type}}, {"", {1, pages}}, {"", {0, NULL}}};
  routed(connection, "headers", matches, (long[]){1, 3, 2}, 3, messages, 4);
  disconnect(connection);
}

static void exchange_bindings(void) {
  Connection connection = connected(0);
  Channel channel = confirming(connection, 1);
  const char *source = name("source"), *target = name("target");
  declare_exchange(connection, channel, source, "topic");
  declare_exchange(connection, channel, target, "fanout");
  amqp_bytes_t queue = own_queue(connection, channel);
  bind(connection, channel, queue, target, "", amqp_empty_table);
  bind(connection, channel, queue, source, "a.*", amqp_empty_table);
  amqp_exchange_bind(connection, channel, bytes(target), bytes(source), bytes("a.#"),
                     amqp_empty_table);
  done(amqp_get_rpc_reply(connection), "exchange.bind");
  publish_to(connection, channel, source, "a.b", NULL, bytes("both ways, one copy"));
  publish_to(connection, channel, source, "a.b.c", NULL, bytes("through the target"));
  publish_to(connection, channel, source, "ab", NULL, bytes("no way"));
  await_confirms(connection, channel, 3);
  same(ready(connection, queue), 2, "messages");
  amqp_exchange_unbind(connection, channel, bytes(target), bytes(source), bytes("a.#"),
                       amqp_empty_table);
  done(amqp_get_rpc_reply(connection), "exchange.unbind");
  publish_to(connection, channel, source, "a.b.c", NULL, bytes("no longer"));
  same(await_method(connection, channel).id, AMQP_BASIC_ACK_METHOD, "confirm");
  same(ready(connection, queue), 2, "messages after exchange.unbind");
  amqp_bytes_free(queue);
  delete_exchange(connection, channel, source);
  delete_exchange(connection, channel, target);
  disconnect(connection);
}

static void tx(void) {
  Connection connection = connected(0);
  Channel channel = opened(connection, 1);
  const char *queue = name("tx");
  declare_queue(connection, channel, queue, false);
  amqp_tx_select(connection, channel);
  done(amqp_get_rpc_reply(connection), "tx.select");
  publish_to(connection, channel, "", queue, NULL, bytes("rolled back"));
  amqp_tx_rollback(connection, channel);
  done(amqp_get_rpc_reply(connection), "tx.rollback");
  publish_to(connection, channel, "", queue, NULL, bytes("1"));
  publish_to(connection, channel, "", queue, NULL, bytes("2"));
  same(ready(connection, bytes(queue)), 0, "ready before commit");
  amqp_tx_commit(connection, channel);
  done(amqp_get_rpc_reply(connection), "tx.commit");
  same(ready(connection, bytes(queue)), 2, "ready after commit");
  amqp_basic_get_ok_t ok;
  amqp_message_t message;
  check(get(connection, channel, queue, false, &ok, &message), "no message");
  same_text(message.body, "1", "first message");
  amqp_destroy_message(&message);
  sent(amqp_basic_ack(connection, channel, ok.delivery_tag, false), "basic.ack");
  amqp_tx_rollback(connection, channel);
  done(amqp_get_rpc_reply(connection), "tx.rollback");
  /* The rolled back ack leaves the message unacked, so it can be acked once more. */
  sent(amqp_basic_ack(connection, channel, ok.delivery_tag, false), "basic.ack");
  amqp_tx_commit(connection, channel);
  done(amqp_get_rpc_reply(connection), "tx.commit");
  close_channel(connection, channel);
  eventually_ready(connection, queue, 1);
  opened(connection, channel);
  delete_queue(connection, channel, bytes(queue));
  disconnect(connection);
}

static void login_refused(void) {
  char text[TEXT];
  Connection connection = amqp_new_connection();
  amqp_rpc_reply_t reply = login(connection, "wrong", 0);
  same(explain(reply, text), 403, "reply code");
  same(reply.reply.id, AMQP_CONNECTION_CLOSE_METHOD, "closing method");
  if (strstr(text, "ACCESS_REFUSED - Login was refused") == NULL) fail("text is '%.800s'", text);
  amqp_destroy_connection(connection);
}

static const struct {
  const char *name;
  void (*run)(void);
} SCENARIOS[] = {
    {"publish-confirm", publish_confirm},
    {"consume-ack", consume_ack},
    {"mandatory-return", mandatory_return},
    {"heartbeat", heartbeat},
    {"big-messages", big_messages},
    {"properties", properties},
    {"channel-errors", channel_errors},
    {"exclusive-queue", exclusive_queue},
    {"queue-lifecycle", queue_lifecycle},
    {"routing", routing},
    {"exchange-bindings", exchange_bindings},
    {"tx", tx},
    {"login-refused", login_refused},
};

int main(void) {
  setvbuf(stdout, NULL, _IOLBF, 0);
  char *url = getenv("AMQP_URL");
  if (url == NULL || getenv("INTEROP_RUN") == NULL) {
    fprintf(stderr, "AMQP_URL and INTEROP_RUN must be set\n");
    return 2;
  }
  /* This library reads a URL that ends in a slash as one with an empty vhost name. */
  char *copy = strdup(url);
  size_t length = strlen(copy);
  if (copy[length - 1] == '/') copy[length - 1] = '\0';
  if (amqp_parse_url(copy, &address) != AMQP_STATUS_OK) {
    fprintf(stderr, "AMQP_URL cannot be read: %s\n", url);
    return 2;
  }
  printf("client rabbitmq-c %s\n", amqp_version());
  volatile int status = 0;
  for (volatile size_t index = 0; index < sizeof SCENARIOS / sizeof *SCENARIOS; index++) {
    if (setjmp(failure) == 0) {
      SCENARIOS[index].run();
      printf("ok %s\n", SCENARIOS[index].name);
    } else {
      printf("not ok %s - %s\n", SCENARIOS[index].name, reason);
      status = 1;
    }
  }
  return status;
}
