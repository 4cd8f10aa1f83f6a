import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vitest/config';

const source = (path: string): string => fileURLToPath(new URL(`src/${path}`, import.meta.url));

export default defineConfig({
  // What users import by the package's name; tsconfig.json says the same.
  resolve: {
    alias: [
      { find: /^leveret$/, replacement: source('client/index.ts') },
      { find: 'leveret/broker', replacement: source('embedded.ts') },
      { find: 'leveret/testing', replacement: source('testing.ts') },
      { find: 'leveret/otel', replacement: source('otel.ts') },
    ],
  },
  test: {
    include: ['src/**/*.test.ts', 'test/**/*.test.ts'],
    // For a machine that has much else to do.
    testTimeout: 60_000,
  },
});
