import { expect, test } from 'vitest';
import { version } from '../../version.ts';
import { clientProperties, VERSION } from './client-properties.ts';

test('the version is the package’s', () => {
  expect(VERSION).toBe(version);
});

test('it says what it understands, and its name', () => {
  const properties = clientProperties('my service');
  expect(properties.get('connection_name')).toEqual({ type: 'S', value: 'my service' });
  const capabilities = properties.get('capabilities');
  const names = capabilities?.type === 'F' ? capabilities.value.entries.map(([name]) => name) : [];
  expect(names).toContain('connection.blocked');
  expect(names).toContain('consumer_cancel_notify');
  expect(clientProperties(undefined).has('connection_name')).toBe(false);
});
