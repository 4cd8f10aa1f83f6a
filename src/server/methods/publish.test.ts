// What becomes of a publish, as far as a client cannot see it from outside.
import { expect, test } from 'vitest';
import { contentOf } from '../../../test/support/content.ts';
import { MemoryFiles } from '../../../test/support/memory-files.ts';
import { ModelBroker } from '../../../test/support/model-broker.ts';
import { Enqueued } from '../../broker/enqueue.ts';
import type { Channel } from '../channel.ts';
import { publishHeld } from './publish.ts';

test('a repeated message has to last as long as what it repeats is not on disk', async () => {
  const model = new ModelBroker(new MemoryFiles());
  const { vhost } = model;
  model.exchange('x', 'fanout', { arguments: { 'x-message-deduplication': true } });
  model.queue('q');
  model.bind('x', 'q');
  await model.settled();
  const block = { hasLogged: false };
  const channel = { vhost, store: vhost.store, connection: { block } } as unknown as Channel;
  const properties = { deliveryMode: 2, headers: { 'x-deduplication-header': 'k' } };
  const publish = () =>
    publishHeld(channel, contentOf({ exchange: 'x', body: 'm', properties }), false);
  expect(publish()).toBe(Enqueued.TAKEN | Enqueued.MUST_LAST);
  expect(publish()).toBe(Enqueued.MUST_LAST);
  await model.settled();
  expect(publish()).toBe(0);
  expect(await model.texts('q')).toEqual(['m']);
  await model.broker.close();
});
