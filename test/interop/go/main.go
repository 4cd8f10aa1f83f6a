// amqp091-go through every scenario; prints the lines run.ts reads.
package main

import (
	"fmt"
	"os"
	"runtime/debug"
	"strings"
)

const library = "github.com/rabbitmq/amqp091-go"

var scenarios = []struct {
	name string
	run  func()
}{
	{"publish-confirm", publishConfirm},
	{"consume-ack", consumeAck},
	{"mandatory-return", mandatoryReturn},
	{"heartbeat", heartbeat},
	{"big-messages", bigMessages},
	{"properties", properties},
	{"channel-errors", channelErrors},
	{"exclusive-queue", exclusiveQueue},
	{"queue-lifecycle", queueLifecycle},
	{"routing", routing},
	{"exchange-bindings", exchangeBindings},
	{"tx", transactions},
	{"login-refused", loginRefused},
}

func main() {
	fmt.Printf("client amqp091-go %s\n", version())
	status := 0
	for _, scenario := range scenarios {
		if reason := attempt(scenario.run); reason != "" {
			fmt.Printf("not ok %s - %s\n", scenario.name, reason)
			status = 1
		} else {
			fmt.Printf("ok %s\n", scenario.name)
		}
	}
	os.Exit(status)
}

// attempt runs a scenario and gives the reason of its failure, which is a panic.
func attempt(run func()) (reason string) {
	defer func() {
		if failure := recover(); failure != nil {
			reason = strings.Join(strings.Fields(fmt.Sprint(failure)), " ")
			fmt.Fprintf(os.Stderr, "%s\n%s", reason, debug.Stack())
		}
	}()
	run()
	return ""
}

func version() string {
	info, _ := debug.ReadBuildInfo()
	for _, module := range info.Deps {
		if module.Path == library {
			return module.Version
		}
	}
	return "unknown"
}
