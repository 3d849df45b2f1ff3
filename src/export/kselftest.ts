/**
 * A scenario as a test in the form of the kernel's KVM selftests, that is to be built in their tree.
 * Source: tools/testing/selftests/kvm/x86/userspace_msr_exit_test.c, Linux 6.12 to 6.18.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { helperSources } from '../engines/kernel/build-native.ts';
import { msrName } from '../model/catalogue.ts';
import { EFAULT, EINVAL, ENOTTY, KVM_CAP_X86_USER_SPACE_MSR, KVM_MSR_EXIT_REASON_VALID_MASK } from '../model/filter.ts';
import { hex } from '../model/json-fields.ts';
import type { ApicMode, Scenario } from '../model/scenario.ts';
import { Completion, Verdict } from '../model/verdict.ts';
import type { Expectations } from './expectations.ts';
import {
  byteLines,
  commentText,
  filledIn,
  type ProgramAccess,
  type ProgramStep,
  programSteps,
} from './program-steps.ts';

export interface KselftestOptions {
  /** Comment at the top: what this reproduces. */
  readonly title: string;
  /** Of the test, as the name of its file has it. */
  readonly name: string;
  readonly expected: Expectations;
}

type FilterStep = ProgramStep & { readonly kind: 'filter' };

/** Bits of the APIC base MSR by `ApicMode`. */
const APIC_BITS = ['0', 'APIC_ENABLE', 'APIC_ENABLE | APIC_X2APIC'] as const;
const FILTER_FLAGS = ['KVM_MSR_FILTER_DEFAULT_ALLOW', 'KVM_MSR_FILTER_DEFAULT_DENY'];
const RANGE_FLAGS = ['0', 'KVM_MSR_FILTER_READ', 'KVM_MSR_FILTER_WRITE', 'KVM_MSR_FILTER_READ | KVM_MSR_FILTER_WRITE'];
const REASONS = ['INVAL', 'UNKNOWN', 'FILTER'];
const ERRNO: Readonly<Record<number, string>> = { [EFAULT]: 'EFAULT', [EINVAL]: 'EINVAL', [ENOTTY]: 'ENOTTY' };

/** Throws InputError if the scenario has an event that user space cannot make happen. */
export function kselftest(scenario: Scenario, { title, name, expected }: KselftestOptions): string {
  const steps = programSteps(scenario, expected);
  const filters = steps.filter((step) => step.kind === 'filter');
  const helpers = [
    ...(filters.some(({ ranges }) => ranges.some(({ cutOff }) => cutOff)) ? [BEFORE_HOLE] : []),
    ...(steps.some((step) => step.kind === 'reply' && step.code !== Completion.NO_EXIT_PENDING) ? [REPLY] : []),
    SET_APIC_MODE,
  ];
  const forced = steps.some((step) => step.kind === 'access' && step.forced);
  // KVM's selftests create an in-kernel APIC, which is on; a scenario starts without.
  const lines = [`set_apic_mode(vcpu, ${APIC_BITS[0]});`, ...steps.flatMap(stepLines)];
  return filledIn(readFileSync(join(helperSources(), 'kselftest.c.in'), 'utf8'), {
    TITLE: commentText(title),
    NAME: name,
    FILTERS: filters.map((filter) => `${filterData(filter)}\n`).join(''),
    HELPERS: helpers.map((helper) => `${helper}\n`).join(''),
    REQUIREMENTS: forced ? '\tTEST_REQUIRE(is_forced_emulation_enabled);\n' : '',
    STEPS: lines.map((line) => `\t${line}`).join('\n'),
  });
}

function stepLines(step: ProgramStep): string[] {
  switch (step.kind) {
    case 'cap':
      return capLines(step);
    case 'filter':
      return setFilterLines(step);
    case 'apic':
      return [`set_apic_mode(vcpu, ${APIC_BITS[step.mode satisfies ApicMode]});`];
    case 'access':
      return [accessLine(step)];
    case 'reply': {
      const call = `reply(vcpu, ${step.error}, ${hex(step.data)}ull)`;
      if (step.code === undefined) return [`${call};`];
      if (step.code === Completion.NO_EXIT_PENDING) return ['TEST_ASSERT(!pending, "No exit was to be pending");'];
      return [`TEST_ASSERT_EQ(${call}, ${step.code === Completion.GP ? 'GP_VECTOR' : '0'});`];
    }
  }
}

function capLines({ cap, flags, mask, code }: ProgramStep & { kind: 'cap' }): string[] {
  if (code === 0 && flags === 0) return [`set_exit_mask(vm, ${maskText(mask)});`];
  const number = cap === KVM_CAP_X86_USER_SPACE_MSR ? 'KVM_CAP_X86_USER_SPACE_MSR' : String(cap);
  const flagsText = flags === 0 ? '' : `.flags = ${hex(flags)}, `;
  const data = `{ .cap = ${number}, ${flagsText}.args = { ${hex(mask)}ull } }`;
  return ioctlLines('KVM_ENABLE_CAP', `&((struct kvm_enable_cap)${data})`, code);
}

function maskText(mask: bigint): string {
  if (mask === 0n || mask > BigInt(KVM_MSR_EXIT_REASON_VALID_MASK)) return `${hex(mask)}ull`;
  const names = REASONS.filter((_, bit) => (mask & (1n << BigInt(bit))) !== 0n);
  return names.map((name) => `KVM_MSR_EXIT_REASON_${name}`).join(' | ');
}

function setFilterLines({ event, ranges, code }: FilterStep): string[] {
  const lines = ranges.flatMap(({ bitmap, cutOff }, slot) => {
    if (!bitmap || !cutOff) return [];
    const bytes = bitmap.length > 0 ? `bitmap_${event}_${slot}` : '""';
    return [`filter_${event}.ranges[${slot}].bitmap = before_hole(${bytes}, ${bitmap.length});`];
  });
  return [...lines, ...ioctlLines('KVM_X86_SET_MSR_FILTER', `&filter_${event}`, code)];
}

function ioctlLines(name: string, argument: string, code: number | undefined): string[] {
  if (code === 0) return [`vm_ioctl(vm, ${name}, ${argument});`];
  const call = `__vm_ioctl(vm, ${name}, ${argument})`;
  if (code === undefined) return [`(void)${call};`];
  return [`TEST_ASSERT_EQ(${call}, -1);`, `TEST_ASSERT_EQ(errno, ${ERRNO[code] ?? -code});`];
}

function accessLine({ forced, write, index, value, verdict }: ProgramAccess): string {
  const fields = [
    `.index = ${hex(index)}`,
    ...(write ? ['.write = true'] : []),
    ...(forced ? ['.forced = true'] : []),
    ...(value === 0n ? [] : [`.value = ${hex(value)}ull`]),
  ].join(', ');
  const outcome = verdict === Verdict.GP ? 'DENIED_GP' : verdict === Verdict.EXIT_FILTER ? 'DENIED_EXIT' : 'PERMITTED';
  return `access_msr(vcpu, (struct request){ ${fields} }, ${outcome});${nameComment(index)}`;
}

function nameComment(index: number): string {
  const name = msrName(index);
  return name === undefined ? '' : ` /* ${name} */`;
}

/** The filter and its bitmaps as initialized variables. */
function filterData({ event, flags, ranges }: FilterStep): string {
  const bitmaps: string[] = [];
  const slots = ranges.map(({ flags, nmsrs, base, bitmap, cutOff }, slot) => {
    const own = bitmap !== null && bitmap.length > 0;
    if (own) bitmaps.push(`static uint8_t bitmap_${event}_${slot}[] = {\n${byteLines(bitmap)}\n};\n`);
    // One whose memory is to end somewhere is set at run time.
    const pointer = bitmap === null ? '(void *)16 /* not mapped */' : cutOff ? 'NULL' : `bitmap_${event}_${slot}`;
    return [
      '\t\t{',
      `\t\t\t.flags = ${RANGE_FLAGS[flags] ?? hex(flags)},`,
      `\t\t\t.nmsrs = ${nmsrs},`,
      `\t\t\t.base = ${hex(base)},${nameComment(base)}`,
      `\t\t\t.bitmap = ${pointer},`,
      '\t\t},',
    ].join('\n');
  });
  const rows = slots.length === 0 ? '' : `\t.ranges = {\n${slots.join('\n')}\n\t},\n`;
  const head = `static struct kvm_msr_filter filter_${event} = {\n\t.flags = ${FILTER_FLAGS[flags] ?? hex(flags)},\n`;
  return `${bitmaps.join('')}${head}${rows}};\n`;
}

const SET_APIC_MODE = `#define APIC_X2APIC 0x400
#define APIC_ENABLE 0x800

static void set_apic_mode(struct kvm_vcpu *vcpu, uint64_t bits)
{
	struct kvm_sregs sregs;

	vcpu_sregs_get(vcpu, &sregs);
	sregs.apic_base &= ~(uint64_t)(APIC_ENABLE | APIC_X2APIC);
	sregs.apic_base |= bits;
	vcpu_sregs_set(vcpu, &sregs);
}
`;

const REPLY = `/* Answers the pending exit; the vector that the guest's instruction ends with. */
static uint8_t reply(struct kvm_vcpu *vcpu, uint8_t error, uint64_t data)
{
	if (!pending)
		return 0;
	vcpu->run->msr.error = error;
	vcpu->run->msr.data = data;
	return complete(vcpu);
}
`;

const BEFORE_HOLE = `/* A copy of the bytes at the end of mapped memory. */
static uint8_t *before_hole(const void *bytes, size_t length)
{
	size_t page = getpagesize();
	size_t mapped = (length + page) / page * page;
	uint8_t *memory = mmap(NULL, mapped + page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	TEST_ASSERT(memory != MAP_FAILED, "mmap() failed");
	TEST_ASSERT(!mprotect(memory + mapped, page, PROT_NONE), "mprotect() failed");
	return memcpy(memory + mapped - length, bytes, length);
}
`;
