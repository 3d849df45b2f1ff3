/** The search in one target: inputs from inputs, keeping those that reach blocks that none before has reached. */
import { Random } from '../../src/fuzz/random.ts';
import type { BlockCoverage, Blocks } from './block-coverage.ts';
import { MAX_INPUT, Mutator } from './mutate.ts';
import type { Target } from './target.ts';

export interface SearchOptions {
  readonly target: Target;
  readonly seed: number;
  /** Inputs kept earlier, and those that once failed. */
  readonly kept: readonly Uint8Array[];
  /** Undefined: nothing guides the search. */
  readonly coverage: BlockCoverage | undefined;
  /** Before each input is run. */
  readonly onInput?: (input: Uint8Array) => void;
  /** For each new input that is worth keeping. */
  readonly onKept?: (input: Uint8Array) => void;
}

/** Inputs between two looks at the coverage, at first and at most. */
const FIRST_BATCH = 64;
const LAST_BATCH = 4096;
/** So many without one that is kept, and the search goes on without guidance. */
const QUIET_INPUTS = 40_000;

export class Search {
  inputs = 0;
  readonly corpus: Uint8Array[];
  private readonly options: SearchOptions;
  private readonly random: Random;
  private readonly mutator: Mutator;
  /** Once nothing guides the search any more. */
  blocks: Blocks = { covered: 0, all: 0 };
  private coverage: BlockCoverage | undefined;
  private batch = FIRST_BATCH;
  /** Inputs since the last one that was kept. */
  private quiet = 0;

  constructor(options: SearchOptions) {
    this.options = options;
    const { target, seed, kept, coverage } = options;
    this.coverage = coverage;
    this.random = new Random(seed, target.name.length, target.name.charCodeAt(0));
    this.mutator = new Mutator(this.random, target);
    const encoder = new TextEncoder();
    const seeds = target.seeds.map((given) => (typeof given === 'string' ? encoder.encode(given) : given));
    this.corpus = [...seeds, ...kept].filter(({ length }) => length <= MAX_INPUT);
  }

  /** Runs all that is known. Throws what the target throws. */
  async start(): Promise<void> {
    for (const input of this.corpus) await this.run(input);
    this.coverage?.take();
    this.coverage?.commit();
  }

  /** Runs new inputs until so many have been run in all, or the time (as performance.now() counts) is over. */
  async until(inputs: number, deadline = Number.POSITIVE_INFINITY): Promise<void> {
    while (this.inputs < inputs && performance.now() < deadline) {
      const batch: Uint8Array[] = [];
      for (let i = Math.min(this.batch, inputs - this.inputs); i > 0; i--) batch.push(this.next());
      await this.runAll(batch);
      const { coverage } = this;
      if (!coverage) continue;
      if (coverage.take() === 0) {
        this.batch = Math.min(this.batch * 2, LAST_BATCH);
        this.quiet += batch.length;
        if (this.quiet >= QUIET_INPUTS) this.endGuidance();
      } else {
        this.batch = FIRST_BATCH;
        this.quiet = 0;
        await this.locate(batch, coverage);
      }
    }
  }

  /** From here on inputs are made of what was kept. Counting blocks takes more time than most readers. */
  endGuidance(): void {
    if (!this.coverage) return;
    this.blocks = this.coverage.blocks();
    this.coverage.close();
    this.coverage = undefined;
  }

  /** Runs halves of a batch again until the inputs are found that reach what is new, and keeps them. */
  private async locate(inputs: readonly Uint8Array[], coverage: BlockCoverage): Promise<void> {
    if (inputs.length === 1) {
      coverage.commit();
      const input = inputs[0]!.slice();
      this.corpus.push(input);
      this.options.onKept?.(input);
      return;
    }
    const middle = inputs.length >>> 1;
    for (const half of [inputs.slice(0, middle), inputs.slice(middle)]) {
      await this.runAll(half);
      if (coverage.take() > 0) await this.locate(half, coverage);
    }
  }

  private next(): Uint8Array {
    const { corpus, random } = this;
    // The newest are tried more often: nothing has been made of them yet.
    const recent = random.below(3) === 0 ? Math.max(0, corpus.length - 16) : 0;
    const chosen = corpus[recent + random.below(corpus.length - recent)]!;
    return this.mutator.mutate(chosen, corpus[random.below(corpus.length)]!);
  }

  private async runAll(inputs: readonly Uint8Array[]): Promise<void> {
    for (const input of inputs) await this.run(input);
  }

  private async run(input: Uint8Array): Promise<void> {
    const { target, onInput } = this.options;
    this.inputs++;
    onInput?.(input);
    const running = target.run(input);
    if (running) await running;
  }
}
