/** Whether the engines decide what is known, and what real kernels as engines need. */
import { runSelftest } from '../corpus/selftest.ts';
import { availability } from '../engines/kernel/machines.ts';
import { neededTools } from '../engines/kernel/tools-needed.ts';
import { builtIn, builtInNames } from '../engines/registry.ts';
import { runScenario, type ScenarioRun } from '../fuzz/scenario-run.ts';
import type { ScenarioJson } from '../model/scenario-json.ts';
import { type Finding, Findings, few, reason } from './finding.ts';

/** Always wrong by intent. */
const WRONG = 'canary';

/** What kernels did; indices are from MSRs that every KVM has. */
interface Fact {
  readonly source: string;
  readonly scenario: ScenarioJson;
  readonly results: ScenarioRun['results'];
}

const FACTS: readonly Fact[] = [
  {
    source: 'test/ground-truth/linux-6.12-svm.jsonl.gz: default deny with no range is refused, and nothing changes',
    scenario: { events: [{ filter: { flags: 'deny', ranges: [] } }, { access: [['0x1', 'r']] }] },
    results: ['-EINVAL', ['allow']],
  },
  {
    source: 'Documentation/virt/kvm/api.rst, KVM_X86_SET_MSR_FILTER: a set bit allows, a clear one denies',
    scenario: {
      events: [
        { filter: { flags: 'allow', ranges: [{ flags: 'r', base: '0x174', nmsrs: 2, bitmap: { allow: ['0x174'] } }] } },
        {
          access: [
            ['0x174', 'r'],
            ['0x175', 'r'],
            ['0x175', 'w'],
            ['0x176', 'r'],
          ],
        },
      ],
    },
    results: ['0', ['allow', 'gp', 'allow', 'allow']],
  },
];

/** One line for each thing that the engine got wrong. */
function mistakes(name: string): string[] {
  const wrong = [...runSelftest(builtIn(name))];
  for (const { source, scenario, results } of FACTS) {
    const run = runScenario(builtIn(name), scenario, '6.1');
    if (JSON.stringify(run.results) !== JSON.stringify(results)) wrong.push(`not as in ${source}`);
  }
  return wrong;
}

export function checkEngines(): Finding[] {
  const findings = new Findings('engines');
  for (const name of builtInNames()) {
    try {
      const wrong = mistakes(name);
      const bad = name === WRONG ? wrong.length === 0 : wrong.length > 0;
      if (!bad) findings.ok(name, name === WRONG ? 'is wrong, as it should be' : 'decides the known cases as KVM does');
      else {
        const what = name === WRONG ? 'is right, and should not be' : `is wrong: ${few(wrong, 1)}`;
        findings.problem(name, what, 'install msrdiff again');
      }
    } catch (error) {
      findings.problem(name, `does not run: ${reason(error)}`, 'install msrdiff again');
    }
  }
  const native = availability('kvm');
  if (native.available) findings.ok('/dev/kvm', 'can be used (engine kvm)');
  else {
    // "This machine has no /dev/kvm" is no fault: the emulators need none.
    const [what, advice] = native.missing.split(/: (.*)/s);
    findings.warning('/dev/kvm', what!, advice ?? 'see docs/kernels.md');
  }
  for (const { name, purpose, installed, install } of neededTools()) {
    if (installed) findings.ok(name, 'is installed');
    else findings.warning(name, `is not installed; it is for ${purpose}`, install);
  }
  return findings.all;
}
