import { defineConfig } from 'vitest/config';

/** What `npm run sim:canaries` runs. */
export default defineConfig({ test: { include: ['test/simulation/*.sim.ts'] } });
