// `npm run test:rabbitmq`: the wire suite, and the suite of the HTTP API, against a real RabbitMQ that is started for it and stopped afterwards. Arguments
// go to vitest, such as the name of a test file.
import { spawn } from 'node:child_process';
import { findRabbitmq, startRabbitmq } from './rabbitmq.ts';

const scripts = findRabbitmq();
if (scripts === undefined) {
  console.error(
    'rabbitmq-server is not installed, so the wire suite was NOT run against it. Install it (Debian: apt-get install rabbitmq-server) and try again.',
  );
  process.exit(1);
}

/** All that does not care which broker it meets. */
const EVERYTHING = ['test/wire', 'test/http', 'test/client/any-broker.test.ts'];

const rabbitmq = await startRabbitmq(scripts);
try {
  console.log(`RabbitMQ is ready at ${rabbitmq.url}`);
  process.exitCode = await runVitest();
} finally {
  await rabbitmq.stop();
}

function runVitest(): Promise<number> {
  const files = process.argv.slice(2);
  const vitest = spawn('npx', ['vitest', 'run', ...(files.length > 0 ? files : EVERYTHING)], {
    env: {
      ...process.env,
      AMQP_URL: rabbitmq.url,
      HTTP_URL: rabbitmq.httpUrl,
      METRICS_URL: rabbitmq.metricsUrl,
      AMQP_CTL: JSON.stringify(rabbitmq.ctl),
    },
    stdio: 'inherit',
  });
  return new Promise((resolve, reject) => {
    vitest.once('error', reject);
    vitest.once('exit', (status) => resolve(status ?? 1));
  });
}
