import { expect, test } from 'vitest';
import { parseScenario } from '../../src/model/scenario-json.ts';
import type { AccessOutcome, RunReply } from '../../src/web/api.ts';
import { commonVerdict, decisiveFilter, firstDifference, markersOf, rejection } from './outcomes.ts';

const FILTER = { flags: 'allow', ranges: [{ flags: 'r', base: '0x10', nmsrs: 1, bitmap: '0000000000000000' }] };
const scenario = parseScenario(
  {
    events: [
      { filter: FILTER },
      { access: [['0x1', 'r']] },
      { filter: FILTER },
      {
        access: [
          ['0x10', 'r'],
          ['0x10', 'w'],
        ],
      },
    ],
  },
  'test',
);
const outcome = (index: number, write: boolean, ...verdicts: string[]): AccessOutcome => ({
  index,
  name: null,
  write,
  differs: new Set(verdicts.filter((verdict) => verdict !== '-')).size > 1,
  verdicts: verdicts.map((verdict) => ({ verdict })),
});
const reply: RunReply = {
  engines: ['a', 'b'],
  bitmaps: [],
  absent: [],
  events: [
    { kind: 'filter', results: { a: '0', b: '-' } },
    { kind: 'access', accesses: [outcome(1, false, 'allow', '-')] },
    { kind: 'filter', results: { a: '0', b: '0' } },
    { kind: 'access', accesses: [outcome(0x10, false, 'gp', 'allow'), outcome(0x10, true, 'allow', 'allow')] },
  ],
};

test('a verdict is common to those that take part', () => {
  expect(commonVerdict(outcome(1, false, 'gp', '-'))).toBe('gp');
  expect(commonVerdict(outcome(1, false, 'gp', 'allow'))).toBe('≠');
  expect(commonVerdict(outcome(1, false, '-'))).toBeUndefined();
});

test('the picture is that of the filter before what differs, with the accesses up to the next filter', () => {
  expect(firstDifference(reply)).toEqual({ event: 3, access: 0 });
  expect(decisiveFilter(scenario, 3)).toBe(2);
  expect(decisiveFilter(scenario, 1)).toBe(0);
  expect(markersOf(scenario, 2, reply)).toEqual([
    { index: 0x10, write: false, verdict: '≠', differs: true },
    { index: 0x10, write: true, verdict: 'allow', differs: false },
  ]);
  expect(markersOf(scenario, 0, reply).map(({ index }) => index)).toEqual([1]);
});

test('an answer to what has been edited since is not shown', () => {
  const older = {
    ...reply,
    events: reply.events.with(1, { kind: 'access', accesses: [outcome(2, false, 'gp', 'gp')] }),
  };
  expect(markersOf(scenario, 0, older)).toEqual([{ index: 1, write: false, verdict: undefined, differs: false }]);
});

test('a filter is rejected if all engines that take part say so', () => {
  const answers = (results: Record<string, string>) =>
    rejection({ ...reply, events: [{ kind: 'filter', results }] }, 0);
  expect(answers({ a: '-EINVAL', b: '-EINVAL', c: '-' })).toBe('-EINVAL');
  expect(answers({ a: '0', b: '0' })).toBeUndefined();
  expect(answers({ a: '0', b: '-EINVAL' })).toBeUndefined();
  expect(rejection(undefined, 0)).toBeUndefined();
});

test('an errno that differs comes before an access that does', () => {
  const errno = { ...reply, events: reply.events.with(0, { kind: 'filter', results: { a: '0', b: '-EINVAL' } }) };
  expect(firstDifference(errno)).toEqual({ event: 0, access: undefined });
});
