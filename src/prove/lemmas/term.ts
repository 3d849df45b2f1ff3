/**
 * Bit-vector and Boolean terms, as in SMT-LIB 2 (theories FixedSizeBitVectors and Core): an operator's name here is its
 * name there. A term can be printed for a solver and evaluated over BigInt, so that the formula which is proven is the
 * formula which the tests compare with the engines. There is no division: none of its corner cases can be mistaken.
 */

interface Node {
  readonly op: string;
  readonly args: readonly Term[];
  /** Numbers of an indexed operator: `(_ extract 7 0)`, `(_ zero_extend 32)`. */
  readonly indices: readonly number[];
  /** Of a variable. */
  readonly name: string;
  /** Of a constant. */
  readonly value: bigint;
}

export interface BitVec extends Node {
  readonly sort: 'BitVec';
  readonly width: number;
}

export interface Bool extends Node {
  readonly sort: 'Bool';
  readonly width: 1;
}

export type Term = BitVec | Bool;

/** An operand next to a bit vector: a number is a constant of the same width. */
type Operand = BitVec | number | bigint;

/** Values of variables by name. */
export type Assignment = Readonly<Record<string, bigint | boolean>>;

/** Values of the operands in, value out, cut to the term's width by the caller; Booleans are 0 and 1. */
type Meaning = (args: readonly bigint[], term: Term) => bigint;

const truth = (holds: boolean): bigint => (holds ? 1n : 0n);
/** An operand as a signed number. */
const signed = (value: bigint, term: Term): bigint => BigInt.asIntN(term.args[0]!.width, value);
/** A shift by the width or more leaves nothing, and BigInt need not build a huge number to see that. */
const beyond = (count: bigint, term: Term): boolean => count >= BigInt(term.width);

const MEANINGS: Readonly<Record<string, Meaning>> = {
  bvnot: ([a]) => ~a!,
  bvneg: ([a]) => -a!,
  bvand: ([a, b]) => a! & b!,
  bvor: ([a, b]) => a! | b!,
  bvxor: ([a, b]) => a! ^ b!,
  bvadd: ([a, b]) => a! + b!,
  bvsub: ([a, b]) => a! - b!,
  bvmul: ([a, b]) => a! * b!,
  bvshl: ([a, b], term) => (beyond(b!, term) ? 0n : a! << b!),
  bvlshr: ([a, b], term) => (beyond(b!, term) ? 0n : a! >> b!),
  bvult: ([a, b]) => truth(a! < b!),
  bvule: ([a, b]) => truth(a! <= b!),
  bvslt: ([a, b], term) => truth(signed(a!, term) < signed(b!, term)),
  bvsle: ([a, b], term) => truth(signed(a!, term) <= signed(b!, term)),
  '=': ([a, b]) => truth(a === b),
  ite: ([condition, a, b]) => (condition === 1n ? a! : b!),
  extract: ([a], term) => a! >> BigInt(term.indices[1]!),
  zero_extend: ([a]) => a!,
  concat: ([high, low], term) => (high! << BigInt(term.args[1]!.width)) | low!,
  not: ([a]) => truth(a === 0n),
  and: (args) => truth(args.every((arg) => arg === 1n)),
  or: (args) => truth(args.some((arg) => arg === 1n)),
  xor: ([a, b]) => truth(a !== b),
  '=>': ([a, b]) => truth(a === 0n || b === 1n),
};

const EMPTY = { args: [], indices: [], name: '', value: 0n };

function requireWidth(width: number): void {
  if (!Number.isInteger(width) || width < 1) throw new RangeError(`a bit vector has at least one bit, not ${width}`);
}

function requireName(name: string): void {
  // What SMT-LIB takes without quotes, less the characters that only quoted or generated names need here.
  if (!/^[a-z][A-Za-z0-9]*$/.test(name)) throw new RangeError(`'${name}' is no name for a variable`);
}

function node(op: string, width: number, args: readonly Term[], indices: readonly number[] = []): BitVec {
  return { ...EMPTY, sort: 'BitVec', op, width, args, indices };
}

function formula(op: string, args: readonly Term[]): Bool {
  return { ...EMPTY, sort: 'Bool', op, width: 1, args };
}

function requireBits(term: Term): asserts term is BitVec {
  if (term.sort !== 'BitVec') throw new TypeError(`a bit vector is needed, not ${print(term)}`);
}

function requireBools(op: string, terms: readonly Term[]): void {
  const wrong = terms.find((term) => term.sort !== 'Bool');
  if (wrong) throw new TypeError(`${op} takes Booleans, not ${print(wrong)}`);
}

/** The operand as a term of that width. */
function operand(value: Operand, width: number): BitVec {
  if (typeof value !== 'object') return bv(value, width);
  requireBits(value);
  if (value.width !== width) throw new TypeError(`widths differ: ${width} and ${value.width} bits (${print(value)})`);
  return value;
}

function binary(op: string, a: BitVec, b: Operand): BitVec {
  requireBits(a);
  return node(op, a.width, [a, operand(b, a.width)]);
}

function comparison(op: string, a: BitVec, b: Operand): Bool {
  requireBits(a);
  return formula(op, [a, operand(b, a.width)]);
}

/** A bit-vector variable. */
export function variable(name: string, width: number): BitVec {
  requireName(name);
  requireWidth(width);
  return { ...EMPTY, sort: 'BitVec', op: 'variable', width, name };
}

/** A Boolean variable. */
export function proposition(name: string): Bool {
  requireName(name);
  return { ...EMPTY, sort: 'Bool', op: 'variable', width: 1, name };
}

/** A constant; a negative one is its two's complement. Throws if it does not fit. */
export function bv(value: number | bigint, width: number): BitVec {
  requireWidth(width);
  const exact = BigInt(value);
  if (exact >= 1n << BigInt(width) || exact < -(1n << BigInt(width - 1))) {
    throw new RangeError(`${exact} does not fit into ${width} bits`);
  }
  return { ...EMPTY, sort: 'BitVec', op: 'constant', width, value: BigInt.asUintN(width, exact) };
}

export const TRUE: Bool = { ...EMPTY, sort: 'Bool', op: 'constant', width: 1, value: 1n };
export const FALSE: Bool = { ...EMPTY, sort: 'Bool', op: 'constant', width: 1, value: 0n };

export const bvnot = (a: BitVec): BitVec => node('bvnot', a.width, [a]);
export const bvneg = (a: BitVec): BitVec => node('bvneg', a.width, [a]);
export const bvand = (a: BitVec, b: Operand): BitVec => binary('bvand', a, b);
export const bvor = (a: BitVec, b: Operand): BitVec => binary('bvor', a, b);
export const bvxor = (a: BitVec, b: Operand): BitVec => binary('bvxor', a, b);
export const bvadd = (a: BitVec, b: Operand): BitVec => binary('bvadd', a, b);
export const bvsub = (a: BitVec, b: Operand): BitVec => binary('bvsub', a, b);
export const bvmul = (a: BitVec, b: Operand): BitVec => binary('bvmul', a, b);
export const bvshl = (a: BitVec, b: Operand): BitVec => binary('bvshl', a, b);
export const bvlshr = (a: BitVec, b: Operand): BitVec => binary('bvlshr', a, b);
export const bvult = (a: BitVec, b: Operand): Bool => comparison('bvult', a, b);
export const bvule = (a: BitVec, b: Operand): Bool => comparison('bvule', a, b);
export const bvslt = (a: BitVec, b: Operand): Bool => comparison('bvslt', a, b);
export const bvsle = (a: BitVec, b: Operand): Bool => comparison('bvsle', a, b);
export const eq = (a: BitVec, b: Operand): Bool => comparison('=', a, b);
export const distinct = (a: BitVec, b: Operand): Bool => not(eq(a, b));

/** Bits high to low of a term. */
export function extract(high: number, low: number, a: BitVec): BitVec {
  requireBits(a);
  if (!Number.isInteger(low) || low < 0 || high < low || high >= a.width) {
    throw new RangeError(`no bits ${high} to ${low} in ${a.width} bits`);
  }
  return node('extract', high - low + 1, [a], [high, low]);
}

/** Widened with zeros to a width. */
export function zeroExtend(a: BitVec, width: number): BitVec {
  requireBits(a);
  if (width < a.width) throw new TypeError(`${a.width} bits cannot be extended to ${width}`);
  return width === a.width ? a : node('zero_extend', width, [a], [width - a.width]);
}

/** The first operand becomes the high bits. */
export function concat(high: BitVec, low: BitVec): BitVec {
  requireBits(high);
  requireBits(low);
  return node('concat', high.width + low.width, [high, low]);
}

/** a if the condition holds, else b. */
export function ite(condition: Bool, a: BitVec, b: Operand): BitVec {
  requireBools('ite', [condition]);
  requireBits(a);
  return node('ite', a.width, [condition, a, operand(b, a.width)]);
}

function connective(op: string, terms: readonly Bool[]): Bool {
  requireBools(op, terms);
  return formula(op, terms);
}

export const not = (a: Bool): Bool => connective('not', [a]);
export const implies = (a: Bool, b: Bool): Bool => connective('=>', [a, b]);
export const iff = (a: Bool, b: Bool): Bool => connective('=', [a, b]);
export const exclusive = (a: Bool, b: Bool): Bool => connective('xor', [a, b]);

export function and(...terms: readonly Bool[]): Bool {
  return terms.length === 0 ? TRUE : terms.length === 1 ? terms[0]! : connective('and', terms);
}

export function or(...terms: readonly Bool[]): Bool {
  return terms.length === 0 ? FALSE : terms.length === 1 ? terms[0]! : connective('or', terms);
}

/** Each operand once, before what uses it; recursion is as deep as the terms are. */
function postorder(roots: readonly Term[]): Term[] {
  const seen = new Set<Term>();
  const visit = (term: Term): void => {
    if (seen.has(term)) return;
    for (const arg of term.args) visit(arg);
    seen.add(term);
  };
  for (const root of roots) visit(root);
  return [...seen];
}

/** The variables that occur in terms, in order of occurrence. */
export function variablesOf(...terms: readonly Term[]): Term[] {
  return postorder(terms).filter((term) => term.op === 'variable');
}

/** The SMT-LIB name of a term's sort. */
export const sortOf = (term: Term): string => (term.sort === 'Bool' ? 'Bool' : `(_ BitVec ${term.width})`);

function print(term: Term, names?: ReadonlyMap<Term, string>): string {
  const name = names?.get(term);
  if (name !== undefined) return name;
  return printNode(term, names);
}

function printNode(term: Term, names?: ReadonlyMap<Term, string>): string {
  const { op, args, indices } = term;
  if (op === 'variable') return term.name;
  if (op === 'constant') return printConstant(term);
  const head = indices.length === 0 ? op : `(_ ${op} ${indices.join(' ')})`;
  return `(${[head, ...args.map((arg) => print(arg, names))].join(' ')})`;
}

function printConstant({ sort, width, value }: Term): string {
  if (sort === 'Bool') return value === 1n ? 'true' : 'false';
  if (width % 4 === 0) return `#x${value.toString(16).padStart(width / 4, '0')}`;
  return `#b${value.toString(2).padStart(width, '0')}`;
}

/** Terms as SMT-LIB text, with a `define-fun` for whatever occurs more than once, so that text grows with the DAG. */
export interface Printed {
  readonly definitions: readonly string[];
  readonly terms: readonly string[];
}

export function toSmtLib(roots: readonly Term[]): Printed {
  const uses = new Map<Term, number>();
  const order = postorder(roots);
  for (const term of order) for (const arg of term.args) uses.set(arg, (uses.get(arg) ?? 0) + 1);
  const names = new Map<Term, string>();
  const definitions: string[] = [];
  for (const term of order) {
    if (term.args.length === 0 || (uses.get(term) ?? 0) < 2) continue;
    // '_' is in no variable's name.
    const name = `t_${names.size + 1}`;
    definitions.push(`(define-fun ${name} () ${sortOf(term)} ${printNode(term, names)})`);
    names.set(term, name);
  }
  return { definitions, terms: roots.map((root) => print(root, names)) };
}

/** The value of a term; throws if a variable has none, or one that does not fit. */
export function evaluate(term: Bool, assignment: Assignment): boolean;
export function evaluate(term: BitVec, assignment: Assignment): bigint;
export function evaluate(term: Term, assignment: Assignment): bigint | boolean {
  const values = new Map<Term, bigint>();
  for (const each of postorder([term])) values.set(each, compute(each, values, assignment));
  const value = values.get(term)!;
  return term.sort === 'Bool' ? value === 1n : value;
}

function compute(term: Term, values: ReadonlyMap<Term, bigint>, assignment: Assignment): bigint {
  if (term.op === 'constant') return term.value;
  if (term.op === 'variable') return assigned(term, assignment);
  const args = term.args.map((arg) => values.get(arg)!);
  return BigInt.asUintN(term.width, MEANINGS[term.op]!(args, term));
}

function assigned({ name, sort, width }: Term, assignment: Assignment): bigint {
  const given = assignment[name];
  if (given === undefined) throw new RangeError(`no value for ${name}`);
  if ((typeof given === 'boolean') !== (sort === 'Bool')) throw new TypeError(`${name} has the sort ${sort}`);
  const value = BigInt(given);
  if (BigInt.asUintN(width, value) !== value)
    throw new RangeError(`${name} = ${value} does not fit into ${width} bits`);
  return value;
}
