// Connections, checks and waits that the scenarios share. A check that fails panics.
package main

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"math/rand"
	"os"
	"reflect"
	"strings"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"
)

const (
	// How long to wait for something that should come at once.
	patience = 10 * time.Second
	// How long to watch that something does not come.
	quiet = 300 * time.Millisecond
)

var brokerURL = os.Getenv("AMQP_URL")

// Sizes around what fits one body frame of the usual frame_max 131072 (8 bytes are overhead).
var sizes = []int{0, 1, 131063, 131064, 131065, 131072, 5 << 20}

func name(noun string) string {
	return "interop.go." + noun + "." + os.Getenv("INTEROP_RUN")
}

func must(err error) {
	if err != nil {
		panic(err)
	}
}

func value[T any](result T, err error) T {
	must(err)
	return result
}

func check(holds bool, format string, details ...any) {
	if !holds {
		panic(fmt.Sprintf(format, details...))
	}
}

func same(actual, expected any, what string) {
	check(reflect.DeepEqual(actual, expected), "%s: expected %#v, got %#v", what, expected, actual)
}

func has(text, part string) {
	check(strings.Contains(text, part), "expected %q in %q", part, text)
}

// refused checks that the broker closed the channel with this code and text.
func refused(err error, code int, text string) {
	closing, ok := err.(*amqp.Error)
	check(ok, "expected %d, got %v", code, err)
	same(closing.Code, code, "reply code")
	has(closing.Reason, text)
}

func connect() *amqp.Connection {
	return value(amqp.Dial(brokerURL))
}

func open(connection *amqp.Connection) *amqp.Channel {
	return value(connection.Channel())
}

// confirming opens a channel whose publishes the broker confirms.
func confirming(connection *amqp.Connection) *amqp.Channel {
	channel := open(connection)
	must(channel.Confirm(false))
	return channel
}

// publish sends a message and waits for its confirm.
func publish(channel *amqp.Channel, exchange, key string, message amqp.Publishing) {
	confirm := value(channel.PublishWithDeferredConfirm(exchange, key, false, false, message))
	select {
	case <-confirm.Done():
		check(confirm.Acked(), "the broker nacked a publish")
	case <-time.After(patience):
		panic("no confirm")
	}
}

func text(body string) amqp.Publishing {
	return amqp.Publishing{Body: []byte(body)}
}

// ready counts a queue's ready messages on a channel of its own.
func ready(connection *amqp.Connection, queue string) int {
	channel := open(connection)
	defer channel.Close()
	return value(channel.QueueDeclarePassive(queue, false, false, false, false, nil)).Messages
}

func exists(connection *amqp.Connection, queue string) bool {
	channel := open(connection)
	defer channel.Close()
	_, err := channel.QueueDeclarePassive(queue, false, false, false, false, nil)
	if err != nil {
		refused(err, amqp.NotFound, "no queue '"+queue+"'")
	}
	return err == nil
}

// eventually polls what the broker does after its reply, such as requeueing on channel close.
func eventually(probe func() any, expected any, what string) {
	deadline := time.Now().Add(patience)
	actual := probe()
	for actual != expected && time.Now().Before(deadline) {
		time.Sleep(20 * time.Millisecond)
		actual = probe()
	}
	same(actual, expected, what)
}

// receive takes deliveries until there are so many, then watches that no more come.
func receive(incoming <-chan amqp.Delivery, got []amqp.Delivery, count int) []amqp.Delivery {
	for len(got) < count {
		select {
		case delivery, more := <-incoming:
			check(more, "the consumer was cancelled")
			got = append(got, delivery)
		case <-time.After(patience):
			panic(fmt.Sprintf("only %d of %d deliveries came", len(got), count))
		}
	}
	select {
	case <-incoming:
		panic(fmt.Sprintf("more than %d deliveries came", count))
	case <-time.After(quiet):
	}
	return got
}

func bodyOf(size int) []byte {
	body := make([]byte, size)
	rand.New(rand.NewSource(int64(size))).Read(body)
	return body
}

func sameBody(actual, expected []byte, what string) {
	same(len(actual), len(expected), what+" size")
	left, right := sha256.Sum256(actual), sha256.Sum256(expected)
	check(bytes.Equal(left[:], right[:]), "%s: hash differs", what)
}
