/** A proof in the making: shards to workers, results into the certificate, a disproof into the database. */
import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { engineHash } from '../engines/engine-hash.ts';
import { EngineUnavailable } from '../engines/engine-unavailable.ts';
import type { EngineSpec } from '../engines/registry.ts';
import { Exit } from '../model/exit.ts';
import { InputError } from '../model/input-error.ts';
import {
  type Certificate,
  emptyCertificate,
  ProofTotals,
  readCertificate,
  replaceFile,
  today,
  writeCertificate,
} from '../prove/certificate.ts';
import { certificateText, textPath } from '../prove/certificate-text.ts';
import { checkEngines, checkProgress } from '../prove/check.ts';
import type { ProofPlan, ShardProof } from '../prove/plan.ts';
import { ProofPool } from '../prove/pool.ts';
import { shardsOf } from '../prove/provers.ts';
import { limitsOf, statementOf } from '../prove/statement.ts';
import type { LoadedSubjects } from '../prove/worker-protocol.ts';
import { type Disproof, recordDisproof } from './disproof.ts';
import { quantity } from './render.ts';
import { StatusLine } from './status-line.ts';
import { VERSION } from './version.ts';

export interface ProofRunOptions {
  readonly workers: number;
  readonly seconds?: number;
  readonly timeout: number;
  readonly certificate?: string;
  readonly database: string;
  readonly json?: boolean;
}

/** How often an unfinished certificate is written. */
const SAVE_MS = 5_000;
/** The longest that a timer of Node takes. */
const MAX_TIMER_MS = 2 ** 31 - 1;

/** Goes on with the proof of an unfinished certificate. */
export async function resumed(path: string, options: ProofRunOptions): Promise<number> {
  const before = readCertificate(path);
  if (before.outcome !== 'unfinished') throw new InputError(`${path} is ${before.outcome}: there is nothing to resume`);
  if (options.certificate !== undefined && options.certificate !== path) {
    throw new InputError('--resume writes to the certificate that it goes on with: leave --certificate out');
  }
  const wrong = [...checkEngines(before), ...checkProgress(before)];
  if (wrong.length > 0) throw new InputError(`${path}: ${wrong[0]}: start the proof again`);
  const plan = before.plan as ProofPlan;
  if (before.shards !== shardsOf(plan))
    throw new InputError(`${path} was made by another version: start the proof again`);
  const run = await ProofRun.start(plan.engines, () => plan, { ...options, certificate: path }, before);
  return run.execute();
}

export class ProofRun {
  private readonly options: ProofRunOptions;
  private readonly pool: ProofPool;
  private readonly plan: ProofPlan;
  private readonly path: string;
  private readonly totals: ProofTotals;
  private readonly secondsBefore: number;
  private readonly started = performance.now();
  private readonly status = new StatusLine(process.stderr);
  private certificate: Certificate;
  private saved = performance.now();
  private stopped: 'interrupted' | 'out of time' | undefined;
  private lost: ShardProof | undefined;

  private constructor(
    pool: ProofPool,
    plan: ProofPlan,
    certificate: Certificate,
    path: string,
    options: ProofRunOptions,
  ) {
    this.options = options;
    this.pool = pool;
    this.plan = plan;
    this.path = path;
    this.certificate = certificate;
    this.totals = new ProofTotals(certificate);
    this.secondsBefore = certificate.seconds;
  }

  /** Loads the engines. Throws EngineUnavailable, InputError. */
  static async start(
    specs: readonly EngineSpec[],
    planFor: (subjects: LoadedSubjects) => ProofPlan,
    options: ProofRunOptions,
    before?: Certificate,
  ): Promise<ProofRun> {
    const hashes = specs.map(engineHash);
    const pool = new ProofPool(specs, options.workers, options.timeout * 1000);
    try {
      const subjects = await pool.load();
      const plan = planFor(subjects);
      const { names } = subjects;
      if (before?.engines.some(({ name }, i) => name !== names[i])) {
        throw new EngineUnavailable(
          `the proof is about ${before!.engines.map(({ name }) => name).join(', ')}, not ${names.join(', ')}`,
        );
      }
      const engines = names.map((name, i) => ({ name, sha256: hashes[i]! }));
      const texts = { statement: statementOf(plan, names), limits: limitsOf(plan) };
      const certificate = before ?? emptyCertificate(plan, engines, texts, shardsOf(plan), VERSION);
      const path = options.certificate ?? defaultPath(plan, names);
      if (!before) refuseToReplace(path);
      // Whether it can be written is better known now than after a night.
      writeCertificate(path, certificate);
      return new ProofRun(pool, plan, certificate, path, options);
    } catch (error) {
      await pool.close();
      throw error;
    }
  }

  async execute(): Promise<number> {
    const { options, certificate } = this;
    const timer =
      options.seconds === undefined
        ? undefined
        : setTimeout(() => this.stop('out of time'), Math.min(options.seconds * 1000, MAX_TIMER_MS));
    const onSignal = (): void => this.stop('interrupted');
    process.on('SIGINT', onSignal).on('SIGTERM', onSignal);
    if (!options.json)
      process.stdout.write(`${certificate.statement[0]}\nTo be shown; ${certificate.shards} shards.\n`);
    try {
      await this.run();
      this.status.done();
      const disproof = this.lost ? await recordDisproof(this.plan, this.lost, options.database) : undefined;
      this.save(this.outcome(), disproof);
      return this.report(disproof);
    } finally {
      clearTimeout(timer);
      process.off('SIGINT', onSignal).off('SIGTERM', onSignal);
      this.status.done();
      await this.pool.close();
    }
  }

  /** Throws InputError if the engines are not those that it began with. */
  private outcome(): Certificate['outcome'] {
    if (this.lost) return 'disproven';
    if (this.totals.done.length < this.certificate.shards) return 'unfinished';
    const changed = checkEngines(this.certificate);
    if (changed.length > 0) throw new InputError(`${changed[0]} while it was proven: start the proof again`);
    return 'proven';
  }

  private stop(why: 'interrupted' | 'out of time'): void {
    if (this.stopped === 'interrupted') process.exit(Exit.INTERRUPTED);
    this.stopped = why;
  }

  /** Every shard that is not done, a few at a time, until there are no more, or a reason to stop. */
  private async run(): Promise<void> {
    const { certificate, totals } = this;
    const done = new Set(totals.done.map(([shard]) => shard));
    let next = 0;
    const worker = async (): Promise<void> => {
      while (!this.stopped && !this.lost) {
        while (done.has(next)) next++;
        if (next >= certificate.shards) return;
        const proof = await this.pool.prove(this.plan, next++);
        if (proof.disproof !== null) this.lost ??= proof;
        else totals.add(proof);
        this.status.update(() => this.progress());
        if (performance.now() - this.saved > SAVE_MS) this.save('unfinished');
      }
    };
    await Promise.all(Array.from({ length: this.options.workers }, worker));
  }

  private progress(): string {
    const { totals, certificate } = this;
    const elapsed = (performance.now() - this.started) / 1000;
    const before = certificate.shards - totals.done.length;
    const here = totals.done.length - certificate.done.length;
    const left = here > 0 ? `${Math.ceil((before * elapsed) / here)} s left` : '';
    const share = `${totals.done.length}/${certificate.shards} shards`;
    return `${share}  ${quantity(totals.cases)} cases  ${quantity(totals.accesses)} accesses  ${left}`;
  }

  private save(outcome: Certificate['outcome'], disproof?: Disproof): void {
    const { totals } = this;
    writeCertificate(this.path, {
      ...this.certificate,
      outcome,
      day: today(),
      seconds: Math.round(this.secondsBefore * 1000 + (performance.now() - this.started)) / 1000,
      ...{ cases: totals.cases, accesses: totals.accesses, digest: totals.digest() },
      ...{ counts: { ...totals.counts, ...this.lost?.counts }, known: totals.known, done: totals.done },
      ...(disproof ? { disproof: { divergence: disproof.id, scenario: disproof.scenario } } : {}),
    });
    this.saved = performance.now();
  }

  private report(disproof: Disproof | undefined): number {
    const { options, path, totals, certificate } = this;
    const written = readCertificate(path);
    replaceFile(textPath(path), certificateText(written));
    if (options.json) {
      const { done: _, ...summary } = written;
      process.stdout.write(`${JSON.stringify({ ...summary, doneShards: totals.done.length, certificate: path })}\n`);
    } else process.stdout.write(`${this.text(written, disproof).join('\n')}\n`);
    if (disproof) return Exit.DIVERGED;
    if (this.stopped && totals.done.length < certificate.shards) {
      return this.stopped === 'interrupted' ? Exit.INTERRUPTED : Exit.UNFINISHED;
    }
    return Exit.OK;
  }

  private text(written: Certificate, disproof: Disproof | undefined): string[] {
    const { path, totals, certificate, options } = this;
    const lines = [`${quantity(totals.cases)} cases, ${quantity(totals.accesses)} accesses, ${written.seconds} s`];
    for (const [id, count] of Object.entries(totals.known)) lines.push(`known divergence ${id}: ${count} times`);
    if (disproof) {
      lines.push(`Disproven: ${disproof.summary}`, disproof.scenario);
      if (disproof.id) lines.push(`msrdiff show ${disproof.id} --database ${options.database}`);
    } else if (written.outcome === 'unfinished') {
      const share = `${totals.done.length} of ${certificate.shards} shards`;
      lines.push(`Not finished (${this.stopped}): ${share}. To continue: msrdiff prove --resume ${path}`);
    } else lines.push('Proven.', ...certificate.limits.map((limit) => `Not shown: ${limit}`));
    lines.push(`certificate ${path}, in words ${textPath(path)}`);
    return lines;
  }
}

/** A proof that was begun is not thrown away. */
function refuseToReplace(path: string): void {
  if (!existsSync(path)) return;
  const there = readCertificate(path);
  if (there.outcome !== 'unfinished' || there.done.length === 0) return;
  throw new InputError(`${path} is an unfinished proof: go on with --resume ${path}, or give another --certificate`);
}

function defaultPath(plan: ProofPlan, names: readonly string[]): string {
  const bound = plan.kind === 'ranges' ? `-${plan.ranges}` : plan.kind === 'states' ? `-${plan.length}` : '';
  // What else tells two proofs of a kind apart: filter, seed, exit mask, APIC mode.
  const plain = plan.kind === 'ranges' || plan.kind === 'states';
  const hash = plain ? '' : `-${createHash('sha256').update(JSON.stringify(plan)).digest('hex').slice(0, 8)}`;
  return `results/proof-${plan.kind}${bound}-${names.join('-')}-${plan.profile}${hash}.json`;
}
