import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { expectRefusal, lastJson, msrdiff, type Outcome, ROOT, scratchFolder } from '../e2e/cli.ts';
import { NO_TLS_REDIS, startProcess, startTlsRedis, type TlsServer } from './redis.ts';

if (NO_TLS_REDIS !== '') console.log(`test/queue, TLS: ${NO_TLS_REDIS}`);

describe.skipIf(NO_TLS_REDIS !== '')('a queue behind TLS', { timeout: 120_000 }, () => {
  const folder = scratchFolder();
  // What the document says is what is tried.
  const documented = /^ *(user msrdiff .*)$/m.exec(readFileSync(join(ROOT, 'docs/scaling.md'), 'utf8'))![1]!;
  let server: TlsServer;
  const url = (user: string, scheme = 'rediss'): string => `${scheme}://${user}@${server.address}`;

  beforeAll(async () => {
    const others = ['msrdiff:*', '+@scripting', '+time'].map((part, n) =>
      documented.replace('user msrdiff', `user without${n}`).replace(part, part === 'msrdiff:*' ? 'other:*' : ''),
    );
    server = await startTlsRedis(folder, [documented, ...others]);
    process.env.NODE_EXTRA_CA_CERTS = server.certificate;
    return () => {
      delete process.env.NODE_EXTRA_CA_CERTS;
    };
  });

  it('serves a user that has the documented permissions', async () => {
    const database = join(folder, 'secured.db');
    const queue = ['--queue', url('msrdiff:password')];
    const run = startProcess('fuzz', '--json', ...queue, '--database', database, '--cases', '128', '--seed', '1');
    const worker = startProcess('worker', ...queue, '--workers', '1');
    const outcome = await run.ended;
    expect({ code: outcome.code, cases: lastJson(outcome).cases }).toEqual({ code: 0, cases: 128 });
    worker.process.kill('SIGTERM');
    expect((await worker.ended).stdout).toMatch(/2 shards done/);
  });

  /** Without what a worker says of itself. */
  const refused = (outcome: Outcome): Outcome => ({
    ...outcome,
    stdout: outcome.stdout.replace(/^worker .*threads\n/, ''),
  });
  const fuzz = (queue: string): Outcome =>
    msrdiff('fuzz', '--queue', queue, '--database', join(folder, 'refused.db'), '--cases', '64');

  it('says which permission is missing', () => {
    expectRefusal(fuzz(url('without0:password')), /the queue refuses \(NOPERM .*keys.*docs\/scaling\.md/, 3);
    expectRefusal(fuzz(url('without1:password')), /the queue refuses \(NOPERM .*'eval' command/, 3);
    expectRefusal(refused(msrdiff('worker', '--queue', url('without2:password'))), /NOPERM .*'time' command/, 3);
  });

  it('says what is wrong with the address', () => {
    expectRefusal(fuzz(url('msrdiff:no')), /WRONGPASS.*: give user and password as/, 3);
    expectRefusal(fuzz(url('msrdiff:password', 'redis')), /whether it wants TLS \(rediss:\/\/\)/, 3);
    delete process.env.NODE_EXTRA_CA_CERTS;
    expectRefusal(fuzz(url('msrdiff:password')), /SELF_SIGNED_CERT\): name the authority .* NODE_EXTRA_CA_CERTS/, 3);
  });
});
