// What `msrdiff nightly --config examples/msrdiff.config.mjs` does. Paths are relative to this file; docs/nightly.md
// has all keys. In TypeScript (msrdiff.config.ts) it is the same.
import { defineConfig } from 'msrdiff/config';

export default defineConfig({
  budget: 45 * 60,
  database: '../results/nightly.db',
  reports: '../results/nightly',
  campaign: {
    engines: ['reference', 'interval', 'vmx', 'svm', 'kvm-svm@6.12', 'kvm-vmx@6.12'],
    profiles: ['6.1'],
  },
  conformance: {
    recordings: ['../test/ground-truth'],
    engines: ['reference', 'interval', 'vmx', 'svm'],
  },
  proofs: [
    ['--ranges', '3'],
    ['--states', '3'],
  ],
  retention: { reports: { days: 30, megabytes: 200 }, database: { days: 90, megabytes: 500 } },
});
