import { expect, test } from 'vitest';
import { sharedFromFragment, shareFragment } from './share.ts';

test('what is shared comes back', async () => {
  const shared = { profile: '6.18', scenario: '{"events": [\n  {"access": [["0x1", "r"]]}\n]}\n' };
  const fragment = await shareFragment(shared);
  expect(fragment).toMatch(/^#s=[\w-]+$/);
  expect(await sharedFromFragment(fragment)).toEqual(shared);
});

test.each(['', '#main', '#s=', '#s=AAAA', '#s=!'])('%s holds nothing', async (fragment) => {
  expect(await sharedFromFragment(fragment)).toBeUndefined();
});
