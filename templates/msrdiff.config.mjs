// What `npx msrdiff nightly` does in this folder. node_modules/msrdiff/docs/nightly.md has all keys.
import { defineConfig } from 'msrdiff/config';

export default defineConfig({
  // Seconds for the whole night.
  budget: 45 * 60,
  database: 'results/msrdiff.db',
  reports: 'results/nightly',
  campaign: {
    // Real kernels too, once `npx msrdiff engines` says that they are available: 'kvm-vmx@6.12', 'kvm-svm@6.12'.
    engines: ['reference', 'interval', 'vmx', 'svm'],
    engineModules: ['msrdiff/engine.mjs'],
    // `npx msrdiff engines` lists them: the rules of which kernels are to be followed.
    profiles: ['newest'],
  },
  proofs: [['--ranges', '3', '--engine-module', 'msrdiff/engine.mjs']],
  retention: { reports: { days: 30, megabytes: 200 }, database: { days: 90, megabytes: 500 } },
});
