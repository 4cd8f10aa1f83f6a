// Builds the page into dist/ui, from where src/http/page.ts serves it.
import { defineConfig } from 'vite';

export default defineConfig({
  root: import.meta.dirname,
  build: {
    outDir: '../../dist/ui',
    emptyOutDir: true,
    // Everything a file of its own: the content security policy lets no data: address in.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
  },
});
