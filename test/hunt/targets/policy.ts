import { isDeepStrictEqual } from 'node:util';
import { policyDecisions } from '../../../src/filters/policy/policy.ts';
import { formatPolicy, parsePolicy } from '../../../src/filters/policy/policy-json.ts';
import { parseJsonText } from '../../../src/model/json-text.ts';
import { isU32 } from '../check-filter.ts';
import { accepted, asText, expect, type Target } from '../target.ts';

export const target: Target = {
  name: 'policy',
  form: 'json',
  seeds: [
    '{"default":"deny","rules":[{"msrs":["IA32_TSC","0x174-0x176"],"read":"allow"},{"msrs":"0x10","write":"allow"}]}',
    '{"default":"allow","rules":[{"msrs":[372,"0xc0000080-0xc0000082"],"read":"deny","write":"deny"}]}',
  ],
  words: [
    'default',
    'rules',
    'msrs',
    'read',
    'write',
    'allow',
    'deny',
    'IA32_TSC',
    '0x174-0x176',
    '0x0-0xffffffff',
    'efer',
  ],
  sources: ['src/filters/policy/', 'src/filters/index-set', 'src/filters/msr-range-text', 'src/model/catalogue'],
  run(input) {
    const policy = accepted(() => parsePolicy(parseJsonText(asText(input), 'FILE'), 'FILE'), 'FILE');
    if (!policy) return;
    const text = formatPolicy(policy);
    const again = parsePolicy(JSON.parse(text), 'again');
    expect(isDeepStrictEqual(again, policy), 'JSON gives back another policy');
    expect(formatPolicy(again) === text, 'equal policies give different JSON');
    const [reads, writes] = policyDecisions(policy);
    for (const { msrs } of policy.rules) {
      for (const { first, last } of msrs) {
        expect(isU32(first) && isU32(last) && first <= last, `a range from ${first} to ${last}`);
        // The first rule that names the access decides: asked rule by rule, without the sets.
        for (const index of [first, last]) {
          for (const [set, direction] of [[reads, 'read'] as const, [writes, 'write'] as const]) {
            const rule = policy.rules.find(
              (candidate) =>
                candidate[direction] !== undefined &&
                candidate.msrs.some((range) => range.first <= index && index <= range.last),
            );
            const allowed = (rule?.[direction] ?? policy.default) === 'allow';
            expect((set.next(index) === index) === allowed, `${direction} of ${index} is decided otherwise`);
          }
        }
      }
    }
  },
};
