import { sharedFromFragment, shareFragment } from '../../../web/route/share.ts';
import { asText, expect, type Target } from '../target.ts';
import { SCENARIO_SEEDS } from './scenario.ts';

const fragments = await Promise.all(SCENARIO_SEEDS.map((scenario) => shareFragment({ profile: '6.1', scenario })));

/** An address of the page: what is damaged is none; text that has been shared comes back. */
export const target: Target = {
  name: 'share',
  form: 'text',
  seeds: [...fragments, '#s=', ''],
  words: ['#s=', '#', 'AAAA', '_-'],
  sources: ['web/route/share'],
  async run(input) {
    const text = asText(input);
    const shared = await sharedFromFragment(text);
    if (!shared) return;
    const again = await sharedFromFragment(await shareFragment(shared));
    expect(again?.profile === shared.profile && again.scenario === shared.scenario, 'another scenario comes back');
  },
};
