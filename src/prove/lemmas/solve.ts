/**
 * Proves lemmas with Z3 (npm's z3-solver, WebAssembly, an optional dependency). Z3 reads the text that `smt2Of` prints,
 * so that what is proven here is what any other solver is given.
 */
import type { Lemma } from './lemma.ts';
import { type Assignment, evaluate, sortOf, type Term, toSmtLib } from './term.ts';

interface Solved {
  /** Id of the lemma. */
  readonly lemma: string;
  readonly milliseconds: number;
}

/** Its negation has no model. */
export interface ProvenLemma extends Solved {
  readonly status: 'proven';
}

/** `counterexample` meets the assumptions and not the goal, by the evaluator too. */
export interface RefutedLemma extends Solved {
  readonly status: 'refuted';
  readonly counterexample: Assignment;
}

/** Out of time, mostly; `reason` is the solver's. */
export interface UnknownLemma extends Solved {
  readonly status: 'unknown';
  readonly reason: string;
}

export type LemmaResult = ProvenLemma | RefutedLemma | UnknownLemma;

export interface SolverOptions {
  /** Time for one lemma; 30 seconds unless told. */
  readonly timeoutMilliseconds?: number;
}

const DEFAULT_TIMEOUT_MILLISECONDS = 30_000;
/** Z3_lbool. */
const UNSATISFIABLE = -1;
const SATISFIABLE = 1;

const COMMENT_WIDTH = 100;

function comment(text: string): string[] {
  const lines: string[] = [];
  let line = ';';
  for (const word of text.split(/\s+/)) {
    if (line.length + word.length >= COMMENT_WIDTH) {
      lines.push(line);
      line = ';  ';
    }
    line += ` ${word}`;
  }
  return [...lines, line];
}

/**
 * The lemma as a complete SMT-LIB 2 file in QF_BV, negated: `unsat` is a proof, and a model of it is a counterexample.
 * It has no solver's options, so that any solver takes it.
 */
export function smt2Of(lemma: Lemma): string {
  const { definitions, terms } = toSmtLib([...lemma.assumptions, lemma.goal]);
  const assumptions = terms.slice(0, -1);
  return [
    ...comment(`${lemma.id}: ${lemma.title}`),
    ...comment(lemma.statement),
    ...comment(`Code: ${lemma.code}`),
    '; unsat: the lemma holds.',
    '(set-logic QF_BV)',
    ...lemma.variables.map((variable) => `(declare-const ${variable.name} ${sortOf(variable)})`),
    ...definitions,
    ...assumptions.map((assumption) => `(assert ${assumption})`),
    `(assert (not ${terms.at(-1)}))`,
    '(check-sat)',
    '',
  ].join('\n');
}

/** npm's z3-solver is not installed, or this system cannot run it. */
export class SolverUnavailable extends Error {
  constructor(cause: unknown) {
    const mend = 'npm install z3-solver, or write the lemmas with --smt2 DIR and run any solver';
    super(`z3-solver is not installed: ${mend}`, { cause });
    this.name = 'SolverUnavailable';
  }
}

/** Pointers into the memory of the WebAssembly module. */
type Pointer = number;

/** The part of z3-solver that is used: Z3's C interface. */
interface Z3Module {
  readonly Z3: {
    mk_config(): Pointer;
    del_config(config: Pointer): void;
    mk_context(config: Pointer): Pointer;
    del_context(context: Pointer): void;
    get_error_code(context: Pointer): number;
    get_error_msg(context: Pointer, code: number): string;
    mk_string_symbol(context: Pointer, name: string): Pointer;
    mk_params(context: Pointer): Pointer;
    params_inc_ref(context: Pointer, params: Pointer): void;
    params_set_uint(context: Pointer, params: Pointer, name: Pointer, value: number): void;
    mk_solver_for_logic(context: Pointer, logic: Pointer): Pointer;
    solver_inc_ref(context: Pointer, solver: Pointer): void;
    solver_set_params(context: Pointer, solver: Pointer, params: Pointer): void;
    solver_from_string(context: Pointer, solver: Pointer, text: string): void;
    solver_get_assertions(context: Pointer, solver: Pointer): Pointer;
    ast_vector_size(context: Pointer, vector: Pointer): number;
    /** -1: unsatisfiable, 1: satisfiable, 0: unknown. */
    solver_check(context: Pointer, solver: Pointer): Promise<number>;
    solver_get_reason_unknown(context: Pointer, solver: Pointer): string;
    solver_get_model(context: Pointer, solver: Pointer): Pointer;
    model_to_string(context: Pointer, model: Pointer): string;
  };
  readonly em: object;
}

interface Solver extends Z3Module {
  end(): Promise<void>;
}

interface Library {
  init(overrides: object): Promise<Z3Module>;
  killThreads(em: object): Promise<void>;
}

let loading: Promise<Solver> | undefined;
/** Z3 in WebAssembly runs one call at a time. */
let queue: Promise<unknown> = Promise.resolve();

async function load(): Promise<Solver> {
  try {
    // Not a literal, so that this compiles where the optional package is absent.
    const name = 'z3-solver';
    const library = ((await import(name)) as { default: Library }).default;
    // Nothing of what a program in WebAssembly prints belongs into our output.
    const module = await library.init({ print: () => {}, printErr: () => {} });
    return { Z3: module.Z3, em: module.em, end: () => library.killThreads(module.em) };
  } catch (cause) {
    throw new SolverUnavailable(cause);
  }
}

function inTurn<T>(work: () => Promise<T>): Promise<T> {
  const turn = queue.then(work);
  queue = turn.catch(() => {});
  return turn;
}

/** Proves one lemma, or finds a counterexample. Throws `SolverUnavailable` where there is no Z3. */
export async function proveLemma(lemma: Lemma, options: SolverOptions = {}): Promise<LemmaResult> {
  return inTurn(async () => {
    loading ??= load();
    const solver = await loading;
    return solve(solver, lemma, options.timeoutMilliseconds ?? DEFAULT_TIMEOUT_MILLISECONDS);
  });
}

/** Ends Z3's threads, which keep the process alive. Lemmas can be proven afterwards: Z3 is started again. */
export async function close(): Promise<void> {
  await inTurn(async () => {
    const started = loading;
    loading = undefined;
    const solver = await started?.catch(() => undefined);
    await solver?.end();
  });
}

async function solve({ Z3 }: Solver, lemma: Lemma, timeoutMilliseconds: number): Promise<LemmaResult> {
  const config = Z3.mk_config();
  const context = Z3.mk_context(config);
  Z3.del_config(config);
  try {
    const solver = Z3.mk_solver_for_logic(context, Z3.mk_string_symbol(context, 'QF_BV'));
    Z3.solver_inc_ref(context, solver);
    const params = Z3.mk_params(context);
    Z3.params_inc_ref(context, params);
    Z3.params_set_uint(context, params, Z3.mk_string_symbol(context, 'timeout'), timeoutMilliseconds);
    Z3.solver_set_params(context, solver, params);

    const started = performance.now();
    // Not Z3_eval_smtlib2_string(): it runs in another thread, and its text is on this thread's stack, which may be
    // overwritten before it has been read.
    Z3.solver_from_string(context, solver, smt2Of(lemma));
    const error = Z3.get_error_code(context);
    if (error !== 0) throw new Error(`Z3 does not take lemma ${lemma.id}: ${Z3.get_error_msg(context, error)}`);
    const asserted = Z3.ast_vector_size(context, Z3.solver_get_assertions(context, solver));
    if (asserted !== lemma.assumptions.length + 1)
      throw new Error(`Z3 has read ${asserted} terms of lemma ${lemma.id}`);
    const answer = await Z3.solver_check(context, solver);
    const solved = { lemma: lemma.id, milliseconds: performance.now() - started };
    if (answer === UNSATISFIABLE) return { ...solved, status: 'proven' };
    if (answer !== SATISFIABLE) {
      return { ...solved, status: 'unknown', reason: Z3.solver_get_reason_unknown(context, solver) };
    }
    const model = Z3.model_to_string(context, Z3.solver_get_model(context, solver));
    return { ...solved, status: 'refuted', counterexample: counterexampleIn(model, lemma) };
  } finally {
    Z3.del_context(context);
  }
}

/** Reads a model, `x -> #x0a` by line. Throws if the evaluator does not agree that it refutes the lemma. */
function counterexampleIn(model: string, lemma: Lemma): Assignment {
  const found = Object.fromEntries(lemma.variables.map((variable) => [variable.name, valueIn(model, variable)]));
  const meets = lemma.assumptions.every((assumption) => evaluate(assumption, found));
  if (!meets || evaluate(lemma.goal, found)) throw new Error(`Z3 and the evaluator disagree on lemma ${lemma.id}`);
  return found;
}

/** A variable that the model leaves out may have any value. */
function valueIn(model: string, { name, sort }: Term): bigint | boolean {
  const value = new RegExp(`^${name} -> (?:#([xb][0-9a-f]+)|(true|false))$`, 'm').exec(model);
  if (sort === 'Bool') return value?.[2] === 'true';
  return value?.[1] === undefined ? 0n : BigInt(`0${value[1]}`);
}
