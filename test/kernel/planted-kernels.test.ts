/** Planted bugs in real code: a kernel whose answers one fault is put into is found out, and the fault minimized. */
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { lastJson, msrdiff, ROOT, scratchFolder } from '../e2e/cli.ts';
import { anyKernel, wrapped } from './kernels.ts';

const folder = scratchFolder();
const kernel = anyKernel();

/** Kinds and events of every divergence that a fault is to leave, in the order in which they are printed by size. */
const FAULTS: Readonly<Record<string, readonly string[]>> = {
  'range-end': ['verdict filter,access'],
  'stale-filter': ['errno filter', 'verdict filter,filter,access'],
  'syscall-writes': ['verdict cap,filter,access'],
  'mask-without-filter': ['verdict cap,filter,access'],
  'x2apic-filtered': ['verdict cap,filter,access'],
};

describe.runIf(kernel)('a kernel with a planted fault', () => {
  test.each(Object.keys(FAULTS))('%s', { timeout: 240_000 }, (fault) => {
    const database = join(folder, `${fault}.db`);
    const proxy = `exec ${process.execPath} ${join(ROOT, 'test/kernel/faulty-kernel.mjs')} ${fault}`;
    const outcome = msrdiff(
      ...['fuzz', '--engines', 'reference,interval', '--engine-command', wrapped(proxy, kernel!)],
      ...['--sample', '1', '--accesses', '256', '--cases', '1024', '--seed', '4', '--database', database, '--json'],
    );
    expect({ code: outcome.code, stderr: outcome.stderr.split('\n').at(-1) }).toEqual({ code: 1, stderr: '' });
    const found = (lastJson(outcome).divergences as { id: string; kind: string; size: number }[]).map(
      ({ id, kind, size }) => {
        const { stdout } = msrdiff('export', id, '--format', 'json', '--database', database);
        const { events } = JSON.parse(stdout) as { events: Record<string, unknown>[] };
        const kinds = events.map((event) => ['cap', 'filter', 'access'].find((key) => key in event) ?? '?');
        return { size, text: `${kind} ${kinds.sort((a, b) => ORDER.indexOf(a) - ORDER.indexOf(b)).join()}` };
      },
    );
    expect(found.map(({ text }) => text).sort()).toEqual(FAULTS[fault]);
    expect(Math.max(...found.map(({ size }) => size))).toBeLessThan(10);
  });
});

const ORDER = ['cap', 'filter', 'access'];
