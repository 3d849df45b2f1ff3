import { describe, expect, it } from 'vitest';
import { AccessType } from '../model/verdict.ts';
import { buildHash, engineHashes } from './build.ts';
import { hasSample } from './coordinator.ts';
import type { RunDescription } from './messages.ts';
import { kernelsDifference, localEngines, type WorkerMeans } from './worker-means.ts';

const MEANS: WorkerMeans = {
  ...{ name: 'w', version: '1.0.0', threads: 1, modules: [], commands: [], kernels: true },
  kernelOptions: { guestMode: 'long', kernelImage: '/here/bzImage' },
};

function description(engines: RunDescription['config']['engines'], change: object = {}): RunDescription {
  const config = { profile: '6.18', engines } as unknown as RunDescription['config'];
  const hashes = engineHashes(engines);
  const base = { token: 't', run: 'r', version: '2.0.0', build: buildHash(), label: 'l', timeoutMs: 1 };
  return { ...base, config, engineHashes: hashes, ...change };
}

describe('localEngines', () => {
  it('takes built-in engines of the same content', () => {
    const specs = [{ kind: 'built-in', name: 'reference' }] as const;
    expect(localEngines(description(specs), MEANS)).toEqual(specs);
    expect(() => localEngines(description(specs, { engineHashes: ['00'] }), MEANS)).toThrow(
      /engine reference is another one here/,
    );
  });

  it('refuses a coordinator of other code, and names both versions', () => {
    const other = description([], { build: 'f'.repeat(64) });
    expect(() => localEngines(other, MEANS)).toThrow(/msrdiff 2\.0\.0 \(code ffffffffffff\) and this is 1\.0\.0/);
  });

  it('runs no command that the worker was not given', () => {
    const specs = [{ kind: 'command', command: 'rm -rf /' }] as const;
    expect(() => localEngines(description(specs), MEANS)).toThrow(/--engine-command 'rm -rf \/'/);
    expect(localEngines(description(specs), { ...MEANS, commands: ['rm -rf /'] })).toEqual(specs);
  });

  it('opens no file of a kernel that the worker was not given', () => {
    const options = { guestMode: 'real', kernelImage: '/etc/shadow', modules: '/etc' } as const;
    const [spec] = localEngines(description([{ kind: 'kernel', name: 'kvm-svm@x', options }]), MEANS);
    expect(spec).toEqual({
      kind: 'kernel',
      name: 'kvm-svm@x',
      options: { guestMode: 'real', kernelImage: '/here/bzImage' },
    });
  });
});

describe('kernelsDifference', () => {
  const kernel = {
    description: 'Linux 6.1, kvm_amd',
    profile: '6.1',
    rows: [{ index: 0x10, read: 0, write: 0 } as const, { index: 0x1b, read: 0, write: 2 } as const],
    unsteady: [],
  };

  it('is none for the same kernel, and for one whose unsteady MSRs came out otherwise', () => {
    expect(kernelsDifference({ k: kernel }, { k: structuredClone(kernel) })).toBe('');
    const unsteady = [{ index: 0x1b, type: AccessType.WRITE }];
    expect(kernelsDifference({ k: kernel }, { k: { ...kernel, rows: kernel.rows.slice(0, 1), unsteady } })).toBe('');
  });

  it('names the release, or the MSRs', () => {
    expect(kernelsDifference({ k: kernel }, { k: { ...kernel, description: 'Linux 6.12' } })).toMatch(
      /is Linux 6\.12 here/,
    );
    expect(kernelsDifference({ k: kernel }, { k: { ...kernel, rows: [] } })).toMatch(
      /2 MSRs otherwise .*\(0x10, 0x1b\)/,
    );
    expect(kernelsDifference({}, { k: kernel })).toMatch(/has not been measured/);
  });
});

describe('hasSample', () => {
  it('is true for shards with a case that kernels get', () => {
    const shards = Array.from({ length: 10 }, (_, n) => ({ firstCase: n * 64, cases: 64 }));
    const sampled = shards.flatMap((shard, n) => (hasSample(shard, 200) ? [n] : []));
    expect(sampled).toEqual([0, 3, 6, 9]);
    expect(shards.every((shard) => hasSample(shard, 64))).toBe(true);
    expect(hasSample({ firstCase: 128, cases: 8 }, 137)).toBe(false);
    expect(hasSample({ firstCase: 128, cases: 10 }, 137)).toBe(true);
  });
});
