import { InvalidArgumentError } from 'commander';
import { maskValue, msrArgument } from '../../../src/cli/filter-options.ts';
import {
  apicMode,
  exitMask,
  kernelOptionsOf,
  nameList,
  positiveInteger,
  positiveNumber,
  profileValue,
  seedValue,
} from '../../../src/cli/options.ts';
import { EngineUnavailable } from '../../../src/engines/engine-unavailable.ts';
import { parseKernelEngine } from '../../../src/engines/kernel/engine-name.ts';
import { engineSpecs } from '../../../src/engines/registry.ts';
import { msrIndices } from '../../../src/model/catalogue.ts';
import { readQuery } from '../../../src/web/query.ts';
import { isU32 } from '../check-filter.ts';
import { accepted, asText, expect, type Target } from '../target.ts';

/** Every reader of a value gets every text. */
export const target: Target = {
  name: 'options',
  form: 'text',
  seeds: [
    '7',
    '1.5',
    '0xffffffffffffffff',
    'reference,svm',
    '6.1',
    'x2apic',
    'filter,unknown',
    'kvm-svm@6.12',
    'IA32_TSC',
  ],
  words: [
    'newest',
    'none',
    'xapic',
    'inval',
    'kvm-vmx@',
    'interval',
    'kvm_intel preemption_timer=0',
    'EFER',
    'MSR_',
    '1e3',
  ],
  sources: [
    'src/cli/options',
    'src/cli/filter-options',
    'src/web/query',
    'src/engines/kernel/engine-name',
    'src/model/cat',
  ],
  run(input) {
    const text = asText(input);
    const argument = <T>(read: (text: string) => T): T | undefined =>
      accepted(() => read(text), '', InvalidArgumentError);
    const integer = argument(positiveInteger);
    if (integer !== undefined) {
      expect(/^[\d.][\d.e+-]*$/i.test(text), `${JSON.stringify(text)} is taken for ${integer}`);
      expect(
        Number.isSafeInteger(integer) && integer >= 1 && integer === Number.parseFloat(text),
        `${text} became ${integer}`,
      );
    }
    const number = argument(positiveNumber);
    if (number !== undefined) {
      expect(/^[\d.][\d.e+-]*$/i.test(text), `${JSON.stringify(text)} is taken for ${number}`);
      expect(Number.isFinite(number) && number > 0, `the number ${number}`);
    }
    const seed = argument(seedValue);
    if (seed !== undefined) expect(seed >= 0n && seed < 1n << 64n && seed === BigInt(text), `the seed ${seed}`);
    const mask = argument(exitMask);
    if (mask !== undefined) expect(mask >= 0 && mask <= 7, `the mask ${mask}`);
    const other = argument(maskValue);
    if (other !== undefined) expect(Number.isInteger(other) && other >= 0 && other <= 7, `the mask ${other}`);
    const names = argument(nameList);
    if (names) expect(!names.includes(''), 'a name that is empty');
    argument(profileValue);
    argument(apicMode);
    const index = accepted(() => msrArgument(text));
    if (index !== undefined) expect(isU32(index), `the MSR ${index}`);
    expect(msrIndices(text).every(isU32), 'an MSR that is none');
    accepted(() => kernelOptionsOf({ moduleParameters: [text] }));
    if (names) accepted(() => engineSpecs(names, []), '', EngineUnavailable);
    parseKernelEngine(text);
    const parameters = new URLSearchParams(text);
    const all = Object.fromEntries([...new Set(parameters.keys())].map((key) => [key, parameters.getAll(key)]));
    const query = accepted(() => readQuery(all), 'query');
    if (query) expect((query.limit ?? 1) <= 200 && query.offset >= 0, 'a page that is too long');
  },
};
