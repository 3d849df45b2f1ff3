/** Builds the page that `msrdiff serve` hands out. Its content security policy allows no inline script or style. */
import { defineConfig } from 'vite';

export default defineConfig({
  build: {
    outDir: '../dist/web',
    emptyOutDir: true,
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    // The page is for engineers' browsers; older ones are not worth the bytes.
    target: ['chrome123', 'firefox125', 'safari17.5'],
    reportCompressedSize: true,
  },
});
