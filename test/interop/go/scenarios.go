package main

import (
	"fmt"
	"math"
	"net/url"
	"strings"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"
)

func publishConfirm() {
	connection := connect()
	defer connection.Close()
	channel := confirming(connection)
	exchange, queue := name("confirm"), name("confirm")
	must(channel.ExchangeDeclare(exchange, amqp.ExchangeDirect, true, false, false, false, nil))
	value(channel.QueueDeclare(queue, true, false, false, false, nil))
	must(channel.QueueBind(queue, "key", exchange, false, nil))
	confirms := channel.NotifyPublish(make(chan amqp.Confirmation, 101))
	for number := range 100 {
		message := text(fmt.Sprint(number))
		message.DeliveryMode = amqp.Persistent
		must(channel.Publish(exchange, "key", false, false, message))
	}
	must(channel.Publish(exchange, "unbound", false, false, text("dropped but confirmed")))
	// The library sorts confirms and splits multiple ones: each tag once, in order.
	for tag := uint64(1); tag <= 101; tag++ {
		select {
		case confirm := <-confirms:
			same(confirm, amqp.Confirmation{DeliveryTag: tag, Ack: true}, "confirm")
		case <-time.After(patience):
			panic(fmt.Sprintf("no confirm for %d", tag))
		}
	}
	same(ready(connection, queue), 100, "messages in the queue")
	same(value(channel.QueueDelete(queue, false, false, false)), 100, "messages deleted")
	must(channel.ExchangeDelete(exchange, false, false))
}

func consumeAck() {
	connection := connect()
	defer connection.Close()
	queue := name("consume")
	setup := confirming(connection)
	value(setup.QueueDeclare(queue, true, false, false, false, nil))
	for number := range 10 {
		publish(setup, "", queue, text(fmt.Sprint(number)))
	}
	channel := open(connection)
	must(channel.Qos(3, 0, false))
	incoming := value(channel.Consume(queue, "", false, false, false, false, nil))
	got := receive(incoming, nil, 3)
	same(ready(connection, queue), 7, "ready while 3 of 10 are unacked")
	for _, delivery := range got {
		check(!delivery.Redelivered, "redelivered on first delivery")
	}
	must(got[2].Ack(true))
	got = receive(incoming, got, 6)
	must(got[5].Nack(false, true))
	got = receive(incoming, got, 7)
	same(string(got[5].Body)+string(got[6].Body), "55", "the nacked message comes again")
	check(got[6].Redelivered, "redelivered is not set after nack with requeue")
	must(got[6].Reject(false))
	got = receive(incoming, got, 8)
	same(string(got[7].Body), "6", "the message after the rejected one")
	same(got[7].DeliveryTag, uint64(8), "delivery tag")
	must(channel.Close())
	eventually(func() any { return ready(connection, queue) }, 6, "ready after the channel closed")
	first, _, err := setup.Get(queue, true)
	must(err)
	same(string(first.Body), "3", "first message after requeue")
	check(first.Redelivered, "redelivered is not set after the channel closed")
	value(setup.QueueDelete(queue, false, false, false))
}

func mandatoryReturn() {
	connection := connect()
	defer connection.Close()
	channel := confirming(connection)
	exchange := name("return")
	must(channel.ExchangeDeclare(exchange, amqp.ExchangeDirect, false, false, false, false, nil))
	// Unbuffered, so that the library cannot report the confirm before we took the return.
	returns := channel.NotifyReturn(make(chan amqp.Return))
	confirms := channel.NotifyPublish(make(chan amqp.Confirmation, 1))
	must(channel.Publish(exchange, "nowhere", true, false, text("lost")))
	select {
	case returned := <-returns:
		same(returned.ReplyCode, uint16(amqp.NoRoute), "reply code")
		same(returned.ReplyText, "NO_ROUTE", "reply text")
		same(returned.Exchange, exchange, "exchange")
		same(returned.RoutingKey, "nowhere", "routing key")
		same(string(returned.Body), "lost", "body")
	case confirm := <-confirms:
		panic(fmt.Sprintf("confirm %v before the return", confirm))
	case <-time.After(patience):
		panic("no return")
	}
	select {
	case confirm := <-confirms:
		same(confirm, amqp.Confirmation{DeliveryTag: 1, Ack: true}, "confirm after the return")
	case <-time.After(patience):
		panic("no confirm after the return")
	}
	must(channel.ExchangeDelete(exchange, false, false))
}

func heartbeat() {
	connection := value(amqp.DialConfig(brokerURL, amqp.Config{Heartbeat: time.Second}))
	defer connection.Close()
	same(connection.Config.Heartbeat, time.Second, "negotiated heartbeat")
	closed := connection.NotifyClose(make(chan *amqp.Error, 1))
	queue := name("heartbeat")
	channel := confirming(connection)
	value(channel.QueueDeclare(queue, false, false, true, false, nil))
	select {
	case err := <-closed:
		panic(fmt.Sprintf("connection lost while idle: %v", err))
	// The library gives up on a broker that was silent for three intervals.
	case <-time.After(6 * time.Second):
	}
	publish(channel, "", queue, text("alive"))
	same(ready(connection, queue), 1, "messages after the idle time")
}

func bigMessages() {
	connection := connect()
	defer connection.Close()
	same(connection.Config.FrameSize, 131072, "frame_max")
	queue := name("big")
	channel := confirming(connection)
	value(channel.QueueDeclare(queue, false, false, false, false, nil))
	for _, size := range sizes {
		publish(channel, "", queue, amqp.Publishing{Body: bodyOf(size)})
	}
	for _, size := range sizes {
		message, ok, err := channel.Get(queue, true)
		must(err)
		check(ok, "no message of %d bytes", size)
		sameBody(message.Body, bodyOf(size), fmt.Sprintf("%d bytes", size))
	}
	value(channel.QueueDelete(queue, false, false, false))
}

func properties() {
	connection := connect()
	defer connection.Close()
	queue := name("properties")
	channel := confirming(connection)
	value(channel.QueueDeclare(queue, false, false, false, false, nil))
	moment := time.Unix(1709209800, 0)
	// Each Go type is a wire type of its own: the types must come back too.
	headers := amqp.Table{
		"text":    "grüße",
		"int8":    int8(-3),
		"uint8":   uint8(200),
		"int16":   int16(-300),
		"uint16":  uint16(60000),
		"int32":   int32(-70000),
		"uint32":  uint32(math.MaxUint32),
		"int64":   int64(1) << 40,
		"float":   float32(0.5),
		"double":  0.25,
		"yes":     true,
		"no":      false,
		"nothing": nil,
		"bytes":   []byte{0, 1, 255},
		"decimal": amqp.Decimal{Scale: 2, Value: 1234},
		"moment":  moment,
		"list":    []any{int32(1), "two", false, []any{int32(3), amqp.Table{"four": int32(4)}}},
		"table":   amqp.Table{"inner": amqp.Table{"deep": "x"}, "empty": amqp.Table{}},
	}
	sent := amqp.Publishing{
		Headers:         headers,
		ContentType:     "application/json",
		ContentEncoding: "utf-8",
		DeliveryMode:    amqp.Persistent,
		Priority:        5,
		CorrelationId:   "correlation",
		ReplyTo:         "reply",
		Expiration:      "600000",
		MessageId:       "message",
		Timestamp:       moment,
		Type:            "kind",
		UserId:          value(amqp.ParseURI(brokerURL)).Username,
		AppId:           "interop",
		Body:            []byte("x"),
	}
	publish(channel, "", queue, sent)
	got, _, err := channel.Get(queue, true)
	must(err)
	for key, expected := range headers {
		same(got.Headers[key], expected, "header "+key)
	}
	same(len(got.Headers), len(headers), "number of headers")
	same(amqp.Publishing{
		Headers:         got.Headers,
		ContentType:     got.ContentType,
		ContentEncoding: got.ContentEncoding,
		DeliveryMode:    got.DeliveryMode,
		Priority:        got.Priority,
		CorrelationId:   got.CorrelationId,
		ReplyTo:         got.ReplyTo,
		Expiration:      got.Expiration,
		MessageId:       got.MessageId,
		Timestamp:       got.Timestamp,
		Type:            got.Type,
		UserId:          got.UserId,
		AppId:           got.AppId,
		Body:            got.Body,
	}, sent, "properties")
	value(channel.QueueDelete(queue, false, false, false))
}

func channelErrors() {
	connection := connect()
	defer connection.Close()
	queue, nowhere := name("errors"), name("nowhere")
	_, err := open(connection).QueueDeclarePassive(queue, true, false, false, false, nil)
	refused(err, amqp.NotFound, "NOT_FOUND - no queue '"+queue+"' in vhost '/'")
	value(open(connection).QueueDeclare(queue, true, false, false, false, nil))
	_, err = open(connection).QueueDeclare(queue, false, false, false, false, nil)
	refused(err, amqp.PreconditionFailed, "PRECONDITION_FAILED - inequivalent arg 'durable' for queue '"+
		queue+"' in vhost '/': received 'false' but current is 'true'")

	// These two have no reply to fail, so the library tells of the close by itself.
	closing := func(provoke func(channel *amqp.Channel) error) error {
		channel := open(connection)
		closed := channel.NotifyClose(make(chan *amqp.Error, 1))
		must(provoke(channel))
		select {
		case err := <-closed:
			return err
		case <-time.After(patience):
			panic("the channel was not closed")
		}
	}
	refused(
		closing(func(channel *amqp.Channel) error { return channel.Ack(99, false) }),
		amqp.PreconditionFailed,
		"PRECONDITION_FAILED - unknown delivery tag 99",
	)
	refused(
		closing(func(channel *amqp.Channel) error {
			return channel.Publish(nowhere, "", false, false, text("x"))
		}),
		amqp.NotFound,
		"NOT_FOUND - no exchange '"+nowhere+"' in vhost '/'",
	)
	channel := confirming(connection)
	publish(channel, "", queue, text("still works"))
	same(value(channel.QueueDelete(queue, false, false, false)), 1, "messages after the errors")
}

func exclusiveQueue() {
	queue := name("exclusive")
	locked := "RESOURCE_LOCKED - cannot obtain exclusive access to locked queue '" + queue + "' in vhost '/'"
	other := connect()
	defer other.Close()
	owner := connect()
	defer owner.Close()
	value(open(owner).QueueDeclare(queue, false, false, true, false, nil))
	_, err := open(other).QueueDeclarePassive(queue, false, false, true, false, nil)
	refused(err, amqp.ResourceLocked, locked)
	_, _, err = open(other).Get(queue, true)
	refused(err, amqp.ResourceLocked, locked)
	must(owner.Close())
	check(!exists(other, queue), "the queue outlived its connection")
}

func queueLifecycle() {
	connection := connect()
	defer connection.Close()
	channel := confirming(connection)
	served := value(channel.QueueDeclare("", false, false, true, false, nil)).Name
	check(strings.HasPrefix(served, "amq.gen-"), "server-named queue is %s", served)

	short := name("auto-delete")
	value(channel.QueueDeclare(short, false, true, false, false, nil))
	value(channel.Consume(short, "tag", true, false, false, false, nil))
	check(exists(connection, short), "the queue is missing while consumed")
	must(channel.Cancel("tag", false))
	eventually(func() any { return exists(connection, short) }, false, "auto-delete queue exists")

	queue := name("lifecycle")
	value(channel.QueueDeclare(queue, false, false, false, false, nil))
	_, ok, err := channel.Get(queue, true)
	must(err)
	check(!ok, "get from an empty queue gave a message")
	for number := range 5 {
		publish(channel, "", queue, text(fmt.Sprint(number)))
	}
	message, _, err := channel.Get(queue, true)
	must(err)
	same(string(message.Body), "0", "get")
	same(message.MessageCount, uint32(4), "messages left")
	same(value(channel.QueuePurge(queue, false)), 4, "purged")
	for number := range 3 {
		publish(channel, "", queue, text(fmt.Sprint(number)))
	}
	same(value(channel.QueueDelete(queue, false, false, false)), 3, "deleted with the queue")
	same(value(channel.QueueDelete(queue, false, false, false)), 0, "deleted without a queue")
}

// A binding's key and arguments, or a message's key and headers.
type address struct {
	key   string
	table amqp.Table
}

func routing() {
	connection := connect()
	defer connection.Close()
	channel := confirming(connection)

	// Messages per binding, each binding with a queue of its own.
	routed := func(kind string, bindings, messages []address) []int {
		exchange := name(kind)
		must(channel.ExchangeDeclare(exchange, kind, false, false, false, false, nil))
		var queues []string
		for _, binding := range bindings {
			queue := value(channel.QueueDeclare("", false, false, true, false, nil)).Name
			must(channel.QueueBind(queue, binding.key, exchange, false, binding.table))
			queues = append(queues, queue)
		}
		for _, message := range messages {
			publish(channel, exchange, message.key, amqp.Publishing{Headers: message.table})
		}
		var counts []int
		for _, queue := range queues {
			counts = append(counts, value(channel.QueueDelete(queue, false, false, false)))
		}
		must(channel.ExchangeDelete(exchange, false, false))
		return counts
	}

	topics := []address{{key: "*.orange.*"}, {key: "lazy.#"}, {key: "#"}, {key: "*"}, {key: "quick.orange.rabbit.*"}}
	keys := []address{{key: "quick.orange.rabbit"}, {key: "lazy.orange.elephant"}, {key: "lazy"}, {key: "lazy.a.b.c"}, {key: "orange"}}
	same(routed("topic", topics, keys), []int{2, 3, 5, 2, 0}, "topic")
	same(routed("fanout", []address{{key: "a"}, {}}, []address{{key: "b"}}), []int{1, 1}, "fanout")
	same(routed("direct", []address{{key: "a"}, {key: "b"}}, []address{{key: "a"}}), []int{1, 0}, "direct")
	matches := []address{
		{table: amqp.Table{"x-match": "all", "format": "pdf", "pages": 3}},
		{table: amqp.Table{"x-match": "any", "format": "pdf", "pages": 3}},
		{table: amqp.Table{"format": "pdf"}},
	}
	messages := []address{
		{table: amqp.Table{"format": "pdf", "pages": int64(3)}},
		{table: amqp.Table{"format": "pdf", "pages": "3"}},
		{table: amqp.Table{"pages": 3}},
		{},
	}
	same(routed("headers", matches, messages), []int{1, 3, 2}, "headers")
}

func exchangeBindings() {
	connection := connect()
	defer connection.Close()
	channel := confirming(connection)
	source, target := name("source"), name("target")
	must(channel.ExchangeDeclare(source, amqp.ExchangeTopic, false, false, false, false, nil))
	must(channel.ExchangeDeclare(target, amqp.ExchangeFanout, false, false, false, false, nil))
	queue := value(channel.QueueDeclare("", false, false, true, false, nil)).Name
	must(channel.QueueBind(queue, "", target, false, nil))
	must(channel.QueueBind(queue, "a.*", source, false, nil))
	must(channel.ExchangeBind(target, "a.#", source, false, nil))
	publish(channel, source, "a.b", text("both ways, one copy"))
	publish(channel, source, "a.b.c", text("through the target"))
	publish(channel, source, "ab", text("no way"))
	same(ready(connection, queue), 2, "messages")
	must(channel.ExchangeUnbind(target, "a.#", source, false, nil))
	publish(channel, source, "a.b.c", text("no longer"))
	same(ready(connection, queue), 2, "messages after exchange.unbind")
	must(channel.ExchangeDelete(source, false, false))
	must(channel.ExchangeDelete(target, false, false))
}

func transactions() {
	connection := connect()
	defer connection.Close()
	queue := name("tx")
	channel := open(connection)
	value(channel.QueueDeclare(queue, false, false, false, false, nil))
	must(channel.Tx())
	must(channel.Publish("", queue, false, false, text("rolled back")))
	must(channel.TxRollback())
	must(channel.Publish("", queue, false, false, text("1")))
	must(channel.Publish("", queue, false, false, text("2")))
	same(ready(connection, queue), 0, "ready before commit")
	must(channel.TxCommit())
	same(ready(connection, queue), 2, "ready after commit")
	message, _, err := channel.Get(queue, false)
	must(err)
	same(string(message.Body), "1", "first message")
	must(message.Ack(false))
	must(channel.TxRollback())
	// The rolled back ack leaves the message unacked, so it can be acked once more.
	must(message.Ack(false))
	must(channel.TxCommit())
	must(channel.Close())
	eventually(func() any { return ready(connection, queue) }, 1, "ready after the acked one went")
	value(open(connection).QueueDelete(queue, false, false, false))
}

func loginRefused() {
	address := value(url.Parse(brokerURL))
	address.User = url.UserPassword(address.User.Username(), "wrong")
	// This library does not say authentication_failure_close, so the broker drops the socket with
	// no method, and the library concludes what happened. A broker's own reply would differ.
	_, err := amqp.Dial(address.String())
	same(err, error(amqp.ErrCredentials), "error of a wrong password")
}
