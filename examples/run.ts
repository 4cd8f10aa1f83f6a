// `npm run example NAME`: runs one of the examples against a broker that it starts, or any other.
//
//     npm run example                                            lists them
//     npm run example basics                                     against a broker started for the purpose
//     npm run example basics -- --url amqp://guest:guest@host/   against one that runs already
import { setTimeout as delay } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { AMQPError } from 'leveret';
import { startBroker } from 'leveret/broker';
import { exampleNames, loadExample, milliseconds } from './catalogue.ts';
import type { Stage } from './stage.ts';

const { values, positionals } = parseArgs({
  options: { url: { type: 'string' } },
  allowPositionals: true,
});
const [name] = positionals;
const names = exampleNames();

if (name === undefined) {
  console.log(`Examples: ${names.join(', ')}\nRun one with: npm run example NAME`);
} else if (!names.includes(name)) {
  console.error(`there is no example '${name}'; there are ${names.join(', ')}`);
  process.exitCode = 2;
} else {
  const own = values.url === undefined ? await startBroker({ port: 0 }) : undefined;
  const stage: Stage = {
    broker: values.url ?? own!.url,
    print: (line) => console.log(line),
    pass: async (time) => void (await delay(milliseconds(time))),
    interrupt: async (connection) => {
      await delay(100);
      connection.collect();
    },
  };
  try {
    const { example } = await loadExample(name);
    await example(stage);
  } catch (error) {
    if (!(error instanceof AMQPError)) throw error;
    console.error(`${error.code}: ${error.message}`);
    process.exitCode = 1;
  } finally {
    await own?.close();
  }
}
