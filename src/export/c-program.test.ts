import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { NEWEST_PROFILE } from '../model/profile.ts';
import type { Scenario } from '../model/scenario.ts';
import { parseScenario } from '../model/scenario-json.ts';
import { Verdict } from '../model/verdict.ts';
import { cProgram } from './c-program.ts';
import { compiled, hasCompiler, hasKvm, run, scratch } from './compile.fixture.ts';
import { type Expectations, expectations } from './expectations.ts';
import { DENY_SYSENTER, REFUSED } from './scenarios.fixture.ts';

describe('cProgram', () => {
  const folder = scratch();

  function program(scenario: Scenario, expected: Expectations, name: string): string {
    const source = join(folder, `${name}.c`);
    writeFileSync(source, cProgram(scenario, { title: 'A test /* of **// comments', expected }));
    return compiled(join(folder, name), source);
  }

  const rules = expectations(DENY_SYSENTER, NEWEST_PROFILE);

  it.runIf(hasCompiler)('compiles without a warning', () => {
    program(DENY_SYSENTER, rules, 'plain');
    program({ events: [] }, { verdicts: [], codes: [] }, 'empty');
  });

  it.runIf(hasCompiler && hasKvm)('says that the kernel does as documented', () => {
    const right = run(program(DENY_SYSENTER, rules, 'right'));
    expect(right).toMatchObject({ status: 0 });
    expect(right.stdout).toContain('RDMSR 0x174: exit to user space, FILTER\nafter the reply: #GP\nWRMSR 0x175');
    expect(right.stdout).toContain('as documented');
    const refused = run(program(REFUSED, expectations(REFUSED, NEWEST_PROFILE), 'refused'));
    expect(refused).toMatchObject({ status: 0 });
    expect(refused.stdout.match(/-\d+/g)).toEqual(['-22', '-22', '-14', '-14', '-22']);
  });

  it.runIf(hasCompiler && hasKvm).each<[string, Expectations, string]>([
    ['verdict', { ...rules, verdicts: [-1, Verdict.ALLOW, -1] }, 'RDMSR 0x174: exit to user space, FILTER, WRONG: e'],
    ['permitted', { ...rules, verdicts: [-1, -1, -1] }, 'FILTER, WRONG: expected no denial by the filter'],
    ['errno', { ...rules, codes: rules.codes.with(2, -22) }, 'KVM_X86_SET_MSR_FILTER: 0, WRONG: expected -22'],
    ['completion', { ...rules, codes: rules.codes.with(4, 1) }, 'after the reply: #GP, WRONG: expected done'],
  ])('says what the kernel does instead: %s', (name, expected, line) => {
    const wrong = run(program(DENY_SYSENTER, expected, name));
    expect(wrong).toMatchObject({ status: 1 });
    expect(wrong.stdout).toContain(line);
  });

  it.runIf(hasCompiler && hasKvm)('tells a #GP of the filter from one of the kernel', () => {
    const refusals = expectations(REFUSED, NEWEST_PROFILE);
    const wrong = run(program(REFUSED, { ...refusals, verdicts: refusals.verdicts.with(1, -1) }, 'denied'));
    expect(wrong.stdout).toContain('WRMSR 0x175: #GP, WRONG: expected no denial by the filter');
    const unknown = parseScenario({ events: [{ access: [['0x12345678', 'r']] }] }, 'test');
    const right = run(program(unknown, expectations(unknown, NEWEST_PROFILE), 'unknown'));
    expect(right).toMatchObject({ status: 0, stdout: 'RDMSR 0x12345678: #GP\nas documented\n' });
  });

  it.runIf(hasCompiler && hasKvm)('does not take an access for an emulated one', () => {
    const events = [{ access: [['0x10', 'r']], form: 'emulator' }];
    const scenario = parseScenario({ events }, 'test');
    const { status, stderr } = run(program(scenario, expectations(scenario, NEWEST_PROFILE), 'forced'));
    const off = '2 no forced emulation: load the module kvm with force_emulation_prefix=1\n';
    expect(['0 ', off]).toContain(`${status} ${stderr}`);
  });

  it('refuses what no program can make happen', () => {
    const events = [{ kind: 'candidates', changes: [] }] as const;
    const expected = { verdicts: [], codes: [] };
    expect(() => cProgram({ events }, { title: '', expected })).toThrow(
      'event 0: candidates is nothing that a program can do',
    );
  });
});
