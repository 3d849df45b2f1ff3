import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { REAL_FILTERS } from '../../src/corpus/real-filters.ts';
import { encodeFilter } from '../../src/model/filter-binary.ts';
import { formatFilter } from '../../src/model/filter-json.ts';
import { expectRefusal, lastJson, msrdiff, scratchFolder } from './cli.ts';

const folder = scratchFolder();
const file = (name: string, content: string | Uint8Array): string => {
  const path = join(folder, name);
  writeFileSync(path, content);
  return path;
};
const baud = REAL_FILTERS.find(({ id }) => id === 'baud-padded')!.filter;
const json = file('baud.json', formatFilter(baud));
const binary = file('baud.bin', encodeFilter(baud));

describe('msrdiff explain', () => {
  test('prints verdicts, what decided, the rule and its source', () => {
    const { code, stdout, stderr } = msrdiff('explain', json, 'tsc_deadline', '--write', '--profile', '6.18');
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(stdout).toMatchInlineSnapshot(`
      "WRMSR 0x6e0 IA32_TSC_DEADLINE; exit mask 0x7 (INVAL, UNKNOWN, FILTER); APIC mode x2apic

      profile  ioctl  reference  interval  vmx              svm
      6.18     0      filter     filter    allow, fastpath  allow, fastpath

        filter          range 1 (rw 0x6e0), bit 0 is 0: denies
        rule            the first range, in slot order, that covers the index and names the access type decides by its bit
                        api.rst, "KVM_X86_SET_MSR_FILTER"; kvm_msr_allowed() in arch/x86/kvm/x86.c (msrs.c in the newest kernels)
        without filter  handled (SDM vol. 4, table 2-2; measured)
        outcome         exit to user space, KVM_MSR_EXIT_REASON_FILTER: denied, and the mask has FILTER, unless the fastpath has completed it
                        api.rst, "KVM_CAP_X86_USER_SPACE_MSR"; kvm_msr_user_space()
        VMX             intercepted, completed by the exit fastpath (exit fastpath: completed before the filter is asked); KVM never passes it through
        SVM             intercepted, completed by the exit fastpath (exit fastpath: completed before the filter is asked); KVM never passes it through
        fastpath        the exit fastpath completes WRMSR TSC_DEADLINE before the filter is asked
                        __handle_fastpath_wrmsr() (to 6.1: handle_fastpath_set_msr_irqoff(), with the VMX preemption timer)
      "
    `);
  });

  test('takes the filter as bytes, several MSRs, all profiles, and prints JSON', () => {
    const text = msrdiff('explain', json, '0x10', '372', 'MSR_EFER', '--json', '--profile', 'all');
    const bytes = msrdiff('explain', binary, '0x10', '372', 'MSR_EFER', '--json', '--profile', 'all');
    const { accesses } = lastJson(text) as { accesses: { index: number; profiles: unknown[] }[] };
    expect(accesses.map(({ index }) => index)).toEqual([0x10, 0x174, 0xc0000080]);
    expect(accesses[0]!.profiles).toHaveLength(6);
    expect((lastJson(bytes) as { accesses: unknown }).accesses).toEqual(accesses);
  });

  test.each([
    [[json, 'IA32_TSX'], /IA32_TSX.*catalogue has IA32_TSX_CTRL/],
    [[json, '0x123456789'], /0 to 0xffffffff/],
    [[json, 'nonsense'], /give its index/],
    [[json, '0x10', '--mask', '8'], /0 to 7/],
    [[json, '0x10', '--profile', '4.2'], /Known are/],
    [[join(folder, 'absent.json'), '0x10'], /ENOENT/],
    [[folder, '0x10'], /EISDIR/],
    [[file('text.txt', 'hello'), '0x10'], /text.txt:1/],
    [[file('short.bin', new Uint8Array(17)), '0x10'], /392/],
    [[file('broken.json', '{"flags": "allow", }'), '0x10'], /broken.json:1:20/],
  ])('refuses %j', (args, pattern) => {
    expectRefusal(msrdiff('explain', ...args), pattern);
  });
});
