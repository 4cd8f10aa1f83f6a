// What an empty broker shows: how to connect from five languages, and letters to play with.
import { useState } from 'preact/hooks';
import type { ListenerItem } from '../../http/api/overview.ts';
import { demoLeft, startDemo } from '../demo.ts';
import { attempt } from '../parts/notice.tsx';
import { Card } from '../parts/page.tsx';

const samples = (url: string): readonly (readonly [language: string, code: string])[] => [
  [
    'TypeScript',
    `import { Connection } from 'leveret';

await using connection = new Connection('${url}');
await connection.consume('hello', (message) => console.log(message.body));
await connection.publish('hello', { hello: 'Leveret' });`,
  ],
  [
    'Python',
    `import pika  # pip install pika

connection = pika.BlockingConnection(pika.URLParameters("${url}"))
channel = connection.channel()
channel.queue_declare("hello")
channel.basic_publish("", "hello", b"Hello, Leveret")`,
  ],
  [
    'Java',
    `// com.rabbitmq:amqp-client
ConnectionFactory factory = new ConnectionFactory();
factory.setUri("${url}");
Channel channel = factory.newConnection().createChannel();
channel.queueDeclare("hello", false, false, false, null);
channel.basicPublish("", "hello", null, "Hello, Leveret".getBytes());`,
  ],
  [
    'Go',
    `// go get github.com/rabbitmq/amqp091-go
connection, err := amqp.Dial("${url}")
channel, err := connection.Channel()
channel.QueueDeclare("hello", false, false, false, false, nil)
channel.Publish("", "hello", false, false, amqp.Publishing{Body: []byte("Hello, Leveret")})`,
  ],
  [
    'Ruby',
    `require "bunny" # gem install bunny

connection = Bunny.new("${url}").start
channel = connection.create_channel
channel.queue("hello").publish("Hello, Leveret")`,
  ],
];

export function FirstMinute({ listeners }: { readonly listeners: readonly ListenerItem[] }) {
  const [chosen, choose] = useState(0);
  const port = listeners.find(({ protocol }) => protocol === 'amqp')?.port ?? 5672;
  const all = samples(`amqp://guest:guest@${location.hostname}:${port}/`);
  return (
    <Card title="Nothing here yet: connect something" class="first-minute">
      <p class="quiet">
        Leveret speaks RabbitMQ’s protocol, so any of its clients will do. Declare a queue, and this
        page begins to move.
      </p>
      <div class="code-tabs">
        <div class="tabs">
          {all.map(([language], i) => (
            <button
              key={language}
              type="button"
              aria-pressed={i === chosen}
              onClick={() => choose(i)}
            >
              {language}
            </button>
          ))}
        </div>
        <pre>
          <code>{all[chosen]![1]}</code>
        </pre>
      </div>
      <div class="actions">
        <button
          type="button"
          class="primary"
          disabled={demoLeft.value > 0}
          onClick={() => attempt(startDemo, 'Letters are on their way')}
        >
          Send a sample of letters
        </button>
        <span class="quiet">
          Makes an exchange and four queues called demo.…, and uses them for a minute.
        </span>
      </div>
    </Card>
  );
}
