/** `msrdiff explain`: what becomes of an access under a filter, and why. */
import type { Command } from 'commander';
import { explain } from '../filters/explain/explain.ts';
import { maskText, reasonBlocks, verdictRows } from '../filters/explain/text.ts';
import { readFilterFile } from '../filters/read-filter.ts';
import { KVM_MSR_EXIT_REASON_VALID_MASK } from '../model/filter.ts';
import { hex } from '../model/json-fields.ts';
import { KERNEL_PROFILES, type KernelProfile } from '../model/profile.ts';
import { APIC_MODE_NAMES, type ApicMode } from '../model/scenario.ts';
import { AccessType } from '../model/verdict.ts';
import { apicOption, maskOption, msrArgument, profilesOption } from './filter-options.ts';
import { jsonOption } from './options.ts';
import { table } from './render.ts';

interface ExplainOptions {
  readonly write?: boolean;
  readonly mask: number;
  readonly apic: (typeof APIC_MODE_NAMES)[number];
  readonly profile?: readonly KernelProfile[];
  readonly json?: boolean;
}

export function addExplain(program: Command): void {
  program
    .command('explain')
    .argument('<filter>', 'a filter, JSON or binary: docs/formats.md')
    .argument('<index...>', 'MSRs: 0x174, 372 or IA32_SYSENTER_CS')
    .description('say what becomes of an access under a filter, on every engine and kernel, and why')
    .option('--write', 'WRMSR (default: RDMSR)')
    .addOption(
      maskOption('exit mask (KVM_CAP_X86_USER_SPACE_MSR): 0 to 7, or inval,unknown,filter').default(
        KVM_MSR_EXIT_REASON_VALID_MASK,
        '7, so that the verdict says the reason',
      ),
    )
    .addOption(apicOption())
    .addOption(profilesOption('kernel whose rules apply (repeatable; default: all)'))
    .addOption(jsonOption())
    .action((path: string, names: string[], options: ExplainOptions) => {
      const { mask, profile: profiles = KERNEL_PROFILES, json } = options;
      const filter = readFilterFile(path);
      const apic = APIC_MODE_NAMES.indexOf(options.apic) as ApicMode;
      const type = options.write ? AccessType.WRITE : AccessType.READ;
      const accesses = explain({ filter, indices: names.map(msrArgument), type, mask, apic, profiles });
      if (json) {
        process.stdout.write(`${JSON.stringify({ filter: path, mask, apic: options.apic, accesses })}\n`);
        return;
      }
      const sections = accesses.map((access) => {
        const name = access.name === null ? '' : ` ${access.name}`;
        const title = `${access.write ? 'WRMSR' : 'RDMSR'} ${hex(access.index)}${name}`;
        const blocks = reasonBlocks(access, filter).map(({ title: profilesOf, rows }) => {
          const indented = table(rows.map((row) => ['', ...row]));
          return profilesOf === '' ? indented : `${profilesOf}:\n${indented}`;
        });
        const head = `${title}; exit mask ${maskText(mask)}; APIC mode ${options.apic}`;
        return [head, table(verdictRows(access)), ...blocks].join('\n\n');
      });
      process.stdout.write(`${sections.join('\n\n\n')}\n`);
    });
}
