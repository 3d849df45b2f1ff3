import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { NEWEST_PROFILE } from '../model/profile.ts';
import type { Scenario } from '../model/scenario.ts';
import { parseScenario } from '../model/scenario-json.ts';
import { Verdict } from '../model/verdict.ts';
import { compiled, hasCompiler, hasKvm, run, scratch } from './compile.fixture.ts';
import { type Expectations, expectations, PERMITTED } from './expectations.ts';
import { kselftest } from './kselftest.ts';
import { DENY_SYSENTER, REFUSED } from './scenarios.fixture.ts';

/** What exported tests use of the kernel's selftest library. */
const LIBRARY = new URL('../../test/kselftest', import.meta.url).pathname;
// As the selftests are built, which do not warn of signs; -no-pie and -static is what the library here needs.
const DIALECT = ['-std=gnu99', '-fno-stack-protector', '-Wstrict-prototypes', '-Wno-sign-compare'];
// Where KVM emulates the guest's code, as without hardware virtualization, it knows few SSE instructions.
const OPTIONS = [...DIALECT, '-mgeneral-regs-only', '-static', '-no-pie', `-I${LIBRARY}`, `${LIBRARY}/library.c`];

describe('kselftest', () => {
  const folder = scratch();

  function program(scenario: Scenario, expected: Expectations, name: string): string {
    const source = join(folder, `${name}.c`);
    writeFileSync(source, kselftest(scenario, { title: 'A test /* of **// comments', name, expected }));
    return compiled(join(folder, name), source, ...OPTIONS);
  }

  const rules = expectations(DENY_SYSENTER, NEWEST_PROFILE);
  const refusals = expectations(REFUSED, NEWEST_PROFILE);

  it.runIf(hasCompiler)('compiles without a warning', () => {
    program(DENY_SYSENTER, rules, 'plain');
    program({ events: [] }, { verdicts: [], codes: [] }, 'empty');
  });

  it.runIf(hasCompiler && hasKvm)('passes where the kernel does as documented', () => {
    expect(run(program(DENY_SYSENTER, rules, 'right'))).toEqual({ status: 0, stdout: '', stderr: '' });
    expect(run(program(REFUSED, refusals, 'refused'))).toEqual({ status: 0, stdout: '', stderr: '' });
  });

  it.runIf(hasCompiler && hasKvm).each<[string, Scenario, Expectations, string]>([
    ['exit', DENY_SYSENTER, { ...rules, verdicts: [PERMITTED, Verdict.GP, PERMITTED] }, 'exit reason 29, not 2'],
    [
      'permitted',
      DENY_SYSENTER,
      { ...rules, verdicts: [PERMITTED, PERMITTED, PERMITTED] },
      'MSR 0x174 is allowed, but the filter denies it',
    ],
    [
      'allowed',
      DENY_SYSENTER,
      { ...rules, verdicts: rules.verdicts.with(0, Verdict.EXIT_FILTER) },
      'MSR 0x10 is denied, but does not exit',
    ],
    ['errno', DENY_SYSENTER, { ...rules, codes: rules.codes.with(2, -22) }, 'is 0, not 0xffffffffffffffff'],
    ['completion', DENY_SYSENTER, { ...rules, codes: rules.codes.with(4, 1) }, 'is 0xd, not 0'],
    ['faulted', REFUSED, { ...refusals, verdicts: refusals.verdicts.with(1, PERMITTED) }, 'MSR 0x175 is allowed, but'],
    ['fault', REFUSED, { ...refusals, verdicts: refusals.verdicts.with(0, Verdict.GP) }, 'is 0, not 0xd'],
    ['other-errno', REFUSED, { ...refusals, codes: refusals.codes.with(2, -22) }, 'errno is 0xe, not 0x16'],
    ['accepted', REFUSED, { ...refusals, codes: refusals.codes.with(1, 0) }, 'failed, errno 22'],
    ['no-reply', REFUSED, { ...refusals, codes: refusals.codes.with(11, 0) }, 'No exit was to be pending'],
  ])('fails where it does not: %s', (name, scenario, expected, line) => {
    const wrong = run(program(scenario, expected, name));
    expect(wrong).toMatchObject({ status: 254 });
    expect(wrong.stderr).toContain(line);
  });

  it.runIf(hasCompiler && hasKvm)('is skipped, or passes, where forced emulation is needed', () => {
    const scenario = parseScenario(
      {
        events: [
          {
            access: [
              ['0x10', 'r'],
              ['0x10', 'w'],
            ],
            form: 'emulator',
          },
        ],
      },
      'test',
    );
    const { status, stdout } = run(program(scenario, expectations(scenario, NEWEST_PROFILE), 'forced'));
    expect([`0 `, '4 skipped: is_forced_emulation_enabled\n']).toContain(`${status} ${stdout}`);
  });

  it('reads as the selftests do', () => {
    expect(kselftest(DENY_SYSENTER, { title: 'Denied', name: 'denied_test', expected: rules })).toMatchSnapshot();
  });

  it('refuses what no program can make happen', () => {
    const events = [{ kind: 'ignoreMsrs', on: true }] as const;
    const expected = { verdicts: [], codes: [] };
    expect(() => kselftest({ events }, { title: '', name: '', expected })).toThrow('event 0: ignoreMsrs is nothing');
  });
});
