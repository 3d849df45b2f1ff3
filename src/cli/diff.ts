/** `msrdiff diff`: the accesses that two filters, or two kernels, answer differently. */
import { type Command, Option } from 'commander';
import { reference } from '../engines/reference.ts';
import { type Installed, install } from '../filters/decisions.ts';
import { accessesIn, type Change, decisionChanges, type VerdictRules, verdictChanges } from '../filters/difference.ts';
import { readFilterFile } from '../filters/read-filter.ts';
import { catalogueBase } from '../model/catalogue.ts';
import { Exit } from '../model/exit.ts';
import { KVM_MSR_EXIT_REASON_VALID_MASK, MSR_IA32_TSC_DEADLINE } from '../model/filter.ts';
import { InputError } from '../model/input-error.ts';
import { type KernelProfile, NEWEST_PROFILE } from '../model/profile.ts';
import { resultName } from '../model/result-name.ts';
import { APIC_MODE_NAMES, type ApicMode } from '../model/scenario.ts';
import { AccessType } from '../model/verdict.ts';
import { accessCounts, changesJson, changeTable } from './change-table.ts';
import { apicMode, exitMask, jsonOption, profileValue } from './options.ts';

interface DiffOptions {
  readonly profileA?: KernelProfile;
  readonly profileB?: KernelProfile;
  readonly verdicts?: boolean;
  readonly mask: number;
  readonly apic: ApicMode;
  readonly json?: boolean;
}

/** One of the two that are compared. */
interface Side extends Installed {
  readonly path: string;
  readonly profile: KernelProfile;
}

export function addDiff(program: Command): void {
  program
    .command('diff')
    .argument('<filter>', 'JSON or struct kvm_msr_filter: docs/formats.md')
    .argument('[filter]', 'another; left out: the same under --profile-b')
    .description(
      'exactly the accesses that two filters, or one under two kernels, answer differently: exit code 1 if any',
    )
    .addOption(new Option('--profile-a <name>', 'kernel of the first').argParser(profileValue))
    .addOption(
      new Option('--profile-b <name>', 'kernel of the second (default: that of the first)').argParser(profileValue),
    )
    .option('--verdicts', 'compare verdicts, not decisions: what the guest sees, by base outcome and exit mask')
    .option('--mask <n>', 'for --verdicts: exit mask, 0 to 7', exitMask, KVM_MSR_EXIT_REASON_VALID_MASK)
    .addOption(
      new Option('--apic <mode>', 'for --verdicts: APIC mode').argParser(apicMode).default(0, APIC_MODE_NAMES[0]),
    )
    .addOption(jsonOption())
    .action((first: string, second: string | undefined, options: DiffOptions) => {
      process.exitCode = diff(first, second, options);
    });
}

function diff(first: string, second: string | undefined, options: DiffOptions): Exit {
  const profileA = options.profileA ?? NEWEST_PROFILE;
  const profileB = options.profileB ?? profileA;
  if (second === undefined && profileA === profileB) {
    throw new InputError('nothing to compare: give a second filter, or one filter with --profile-a and --profile-b');
  }
  const sides = [side(first, profileA), side(second ?? first, profileB)] as const;
  const decided = decisionChanges(sides[0].decisions, sides[1].decisions);
  const changes = options.verdicts ? verdictChanges(decided, rulesOf(options)) : decided;
  const same = changes.length === 0 && sides[0].errno === sides[1].errno;
  process.stdout.write(options.json ? jsonText(sides, changes, options) : text(sides, changes, options));
  return same ? Exit.OK : Exit.DIVERGED;
}

function side(path: string, profile: KernelProfile): Side {
  return { path, profile, ...install(readFilterFile(path), profile) };
}

/** The mask and what KVM knows of an MSR are the same on both sides. */
function rulesOf({ mask, apic }: DiffOptions): VerdictRules {
  const base = catalogueBase();
  const vm = reference.createVm({ profile: NEWEST_PROFILE, base });
  vm.enableCap!({ kind: 'cap', mask: BigInt(mask) });
  return { base, apic, verdicts: vm.compiled!()!.verdicts };
}

type Sides = readonly [Side, Side];

function text(sides: Sides, changes: readonly Change[], { verdicts }: DiffOptions): string {
  const lines = sides.flatMap((side, i) => (side.errno === 0 ? [] : [rejection('AB'[i]!, side)]));
  const what = verdicts ? 'verdict' : 'decision';
  if (changes.length === 0) lines.push(`the ${what}s of all 2^33 accesses are the same`);
  else {
    lines.push(`of all 2^33 accesses, ${accessCounts(changes)} have another ${what}`);
    lines.push(changeTable(changes, verdicts ? 'verdicts' : 'decisions'));
  }
  if (changes.some(hasDeadline)) {
    lines.push('note: WRMSR 0x6e0 (IA32_TSC_DEADLINE): the exit fastpath may complete it before the filter is asked');
  }
  return `${lines.join('\n')}\n`;
}

function hasDeadline({ type, first, last }: Change): boolean {
  return type === AccessType.WRITE && first <= MSR_IA32_TSC_DEADLINE && last >= MSR_IA32_TSC_DEADLINE;
}

function rejection(letter: string, { path, profile, errno, halfBuilt }: Side): string {
  const after = halfBuilt
    ? 'in force is what was built before the error'
    : 'in a new VM no filter is in force, and in another the one set before stays';
  return `${letter}: ${path}: ${profile.id} rejects it with ${resultName('errno', errno)}; ${after}`;
}

function jsonText(sides: Sides, changes: readonly Change[], { verdicts, mask, apic }: DiffOptions): string {
  const compared = verdicts ? 'verdicts' : 'decisions';
  const document = {
    same: changes.length === 0 && sides[0].errno === sides[1].errno,
    compared,
    ...(verdicts ? { mask, apic: APIC_MODE_NAMES[apic] } : {}),
    filters: sides.map(({ path, profile, errno, halfBuilt }) => ({
      file: path,
      profile: profile.id,
      errno: errno === 0 ? 0 : resultName('errno', errno),
      halfBuilt,
    })),
    accesses: accessesIn(changes),
    changes: changesJson(changes, compared),
  };
  return `${JSON.stringify(document)}\n`;
}
