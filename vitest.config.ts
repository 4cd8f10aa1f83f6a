import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['src/**/*.test.ts', 'test/**/*.test.ts'],
    // For a machine that has much else to do.
    testTimeout: 60_000,
  },
});
