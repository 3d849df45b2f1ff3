/** interval's bit pages: addresses, the copy of bits, and the x2APIC window. */
import * as interval from './formulas/interval.ts';
import * as reference from './formulas/reference.ts';
import * as svm from './formulas/svm.ts';
import * as vmx from './formulas/vmx.ts';
import { bitAt, shiftRight, uint32 } from './javascript.ts';
import type { Lemma } from './lemma.ts';
import {
  and,
  bv,
  bvadd,
  bvand,
  bvlshr,
  bvmul,
  bvsub,
  bvule,
  bvult,
  concat,
  distinct,
  eq,
  iff,
  implies,
  ite,
  not,
  variable,
  zeroExtend,
} from './term.ts';

const MAX_PAGES = 66;

const index = variable('index', 32);
const other = variable('other', 32);
const page = variable('page', 32);
const otherPage = variable('otherPage', 32);
const type = variable('type', 1);
const otherType = variable('otherType', 1);

const pageAddress: Lemma = {
  id: 'page-address',
  title: 'page, type and index have a bit of their own',
  statement:
    'Two lookups read the same bit of the same word only if page, type and position in the page are the same; and ' +
    'the word is one of the 256 of its page: 128 for reads, then 128 for writes.',
  code: 'src/engines/interval-map.ts allows(); src/engines/interval.ts access()',
  variables: [index, other, page, otherPage, type, otherType],
  assumptions: [bvult(page, MAX_PAGES), bvult(otherPage, MAX_PAGES)],
  goal: (() => {
    const word = interval.lookupWord(page, type, index);
    const sameBit = and(
      eq(word, interval.lookupWord(otherPage, otherType, other)),
      eq(interval.lookupBit(index), interval.lookupBit(other)),
    );
    return and(
      implies(sameBit, and(eq(page, otherPage), eq(type, otherType), eq(bvand(index, 4095), bvand(other, 4095)))),
      eq(bvlshr(word, 8), page),
      eq(bvand(bvlshr(word, 7), 1), uint32(type)),
      bvult(word, MAX_PAGES * 256),
    );
  })(),
};

const at = variable('at', 32);
const done = variable('done', 32);

const pageWriteRead: Lemma = {
  id: 'page-write-read',
  title: 'a bit is looked up where it was written',
  statement:
    'The bit that own() and copyBits() write for MSR at + done, in the page of `at`, is the one that the lookup of ' +
    'that MSR reads.',
  code: 'src/engines/interval-map.ts own(), copyBits(), allows(); src/engines/interval.ts access()',
  variables: [at, done, page, type],
  assumptions: [bvult(page, MAX_PAGES), bvult(done, 4096), bvult(bvadd(interval.positionInPage(at), done), 4096)],
  goal: (() => {
    const msr = bvadd(at, done);
    const position = bvadd(interval.positionInPage(at), done);
    return and(
      eq(interval.directoryEntry(msr), interval.directoryEntry(at)),
      eq(bvadd(interval.firstWord(page, type), bvlshr(position, 5)), interval.lookupWord(page, type, msr)),
      eq(bvand(position, 31), interval.lookupBit(msr)),
    );
  })(),
};

const base = variable('base', 32);
const nmsrs = variable('nmsrs', 32);

const pagesPerRange: Lemma = {
  id: 'pages-per-range',
  title: 'a range of at most 12,288 MSRs touches at most 4 pages',
  statement:
    'So 16 ranges, the default and the x2APIC window need at most 66 pages: they fit into the memory that is ' +
    'reserved, and a page number into the byte of the directory.',
  code: 'src/engines/interval-map.ts MAX_PAGES, directory, pageOf()',
  variables: [base, nmsrs],
  assumptions: [distinct(nmsrs, 0), bvule(nmsrs, 12_288), not(interval.wraps(base, nmsrs))],
  goal: bvule(bvsub(interval.directoryEntry(bvsub(bvadd(base, nmsrs), 1)), interval.directoryEntry(base)), 3),
};

const old = variable('old', 32);
const low = variable('low', 32);
const high = variable('high', 32);
const to = variable('to', 32);
const count = variable('count', 32);
const from = variable('from', 32);
const place = interval.copyStep(to, count, from, done);

const copyPlace: Lemma = {
  id: 'copy-place',
  title: 'steps of the copy are in order, inside the page and inside the source',
  statement:
    'A step at `done` reads from source bit from + done on and writes from page bit to + done on, at least one bit ' +
    'and at most what is left, none of them beyond one word of the page; the word is in its half of the page, and ' +
    'both source words exist.',
  code: 'src/engines/interval-map.ts copyBits()',
  variables: [to, count, from, done],
  assumptions: [
    bvule(to, 4096),
    bvule(count, 4096),
    bvule(bvadd(to, count), 4096),
    bvule(from, 12_288),
    bvule(bvadd(from, count), 12_288),
    bvult(done, count),
  ],
  goal: and(
    eq(bvadd(bvmul(place.word, 32), place.bit), bvadd(to, done)),
    eq(bvadd(bvmul(place.sourceWord, 32), place.shift), bvadd(from, done)),
    bvult(place.bit, 32),
    bvult(place.shift, 32),
    distinct(place.taken, 0),
    bvule(bvadd(place.bit, place.taken), 32),
    bvule(bvadd(done, place.taken), count),
    bvult(place.word, 128),
    bvult(bvadd(place.sourceWord, 1), 0x600 / 4 + 2),
  ),
};

const first = variable('first', 32);
const taken = variable('taken', 32);
const shift = variable('shift', 32);
const bit = variable('bit', 32);

const copyStep: Lemma = {
  id: 'copy-step',
  title: 'one step of the copy puts each bit where it belongs and leaves the others',
  statement:
    'For every content of the page word and of the two source words, and every step inside a word (copy-place): bit ' +
    'first + n, for n below `taken`, becomes bit shift + n of the source, and all other bits of the word stay.',
  code: 'src/engines/interval-map.ts copyBits()',
  variables: [old, low, high, first, taken, shift, bit],
  assumptions: [
    bvult(first, 32),
    bvule(taken, 32),
    distinct(taken, 0),
    bvule(bvadd(first, taken), 32),
    bvult(shift, 32),
    bvult(bit, 32),
  ],
  goal: (() => {
    const after = interval.copiedWord(old, low, high, { bit: first, taken, shift });
    const ahead = bvsub(bit, first);
    const isCopied = and(bvule(first, bit), bvult(ahead, taken));
    const source = zeroExtend(bvadd(shift, ahead), 64);
    return and(
      implies(isCopied, eq(bitAt(after, bit), bitAt(concat(high, low), source))),
      implies(not(isCopied), eq(bitAt(after, bit), bitAt(old, bit))),
    );
  })(),
};

const bytes = [0, 1, 2, 3].map((n) => variable(`byte${n}`, 8));
const position = variable('position', 32);

const littleEndian: Lemma = {
  id: 'little-endian',
  title: 'bits of bytes are bits of words',
  statement:
    'On a little-endian machine, bit p & 7 of byte p >>> 3 is bit p & 31 of word p >>> 5: interval reads bitmaps by ' +
    'words and reference by bytes; vmx writes its page by bytes, and its CPU reads words (test_bit() counts so too).',
  code: 'src/engines/interval-map.ts source, sourceBytes; src/engines/vmx.ts page, words',
  variables: [position, ...bytes],
  assumptions: [],
  goal: (() => {
    const [b0, b1, b2, b3] = bytes as [(typeof bytes)[0], (typeof bytes)[0], (typeof bytes)[0], (typeof bytes)[0]];
    const word = concat(concat(b3, b2), concat(b1, b0));
    const byteInWord = bvand(shiftRight(position, 3), 3);
    const byte = ite(eq(byteInWord, 0), b0, ite(eq(byteInWord, 1), b1, ite(eq(byteInWord, 2), b2, b3)));
    return and(
      eq(bvadd(bvmul(shiftRight(position, 5), 4), byteInWord), reference.byteOf(position)),
      eq(bitAt(word, bvand(position, 31)), bitAt(zeroExtend(byte, 32), reference.bitInByte(position))),
    );
  })(),
};

const x2apicWindow: Lemma = {
  id: 'x2apic-window',
  title: 'the engines exempt the same MSRs',
  statement:
    'For every index, index >>> 8 === 8, 0x800 <= index < 0x900 and 0x800 <= index <= 0x8ff are the same ' +
    '(kvm_msr_allowed(): "x2APIC MSRs do not support filtering"; api.rst).',
  code: 'src/engines/reference.ts exempt(), vmx.ts VmxFilter.allows(), svm.ts permitted()',
  variables: [index],
  assumptions: [],
  goal: and(
    iff(reference.exempt(index), vmx.exempt(index)),
    iff(reference.exempt(index), svm.exempt(index)),
    iff(reference.exempt(index), and(bvule(bv(0x800, 32), index), bvule(index, 0x8ff))),
  ),
};

const x2apicWords: Lemma = {
  id: 'x2apic-words',
  title: 'the words that are filled are those of the x2APIC window',
  statement:
    'An index is exempt exactly if its directory entry is that of 0x800 and its word is one of those that exempt() ' +
    'fills in both halves of the page.',
  code: 'src/engines/interval-map.ts exempt()',
  variables: [index],
  assumptions: [],
  goal: iff(
    reference.exempt(index),
    and(
      eq(interval.directoryEntry(index), interval.directoryEntry(bv(0x800, 32))),
      interval.exemptWord(interval.lookupWord(bv(0, 32), bv(0, 1), index)),
    ),
  ),
};

export const PAGE_LEMMAS: readonly Lemma[] = [
  pageAddress,
  pageWriteRead,
  pagesPerRange,
  copyPlace,
  copyStep,
  littleEndian,
  x2apicWindow,
  x2apicWords,
];
