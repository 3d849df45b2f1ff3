/**
 * The rows of the MSR catalogue, ascending by index: names, base outcomes, and what kvm_intel (`vmx`) and
 * kvm_amd (`svm`) can pass through.
 *
 * Base outcomes belong to a kernel, its configuration and the guest's CPUID. The ones here stand for a guest that
 * has every MSR some KVM handles: where measured kernels differ, `handled` if one of them handles it. What all
 * measured kernels agree on is as measured, except what can be passed through, which is handled. Writes were
 * mostly not measured; they are what kvm_set_msr_common() does with a valid value. A measured base table can
 * replace all of it.
 *
 * MSRs that are not listed are unknown to KVM. In the x2APIC window 0x800-0x8ff the rows hold in x2APIC mode, and
 * what is not listed there is invalid.
 */
import type { MsrRow, PassthroughCandidate } from './catalogue.ts';

const SDM = 'SDM vol. 4, table 2-2; measured';
const SDM_CPU = 'SDM vol. 4, model-specific tables; measured';
const SDM_ONLY = 'SDM vol. 4; arch/x86/include/asm/msr-index.h';
const MCE = 'SDM vol. 3B, "Machine-Check MSRs"; set_msr_mce() in arch/x86/kvm/x86.c; measured';
const MTRR = 'SDM vol. 3A, "MTRRs"; arch/x86/kvm/mtrr.c; measured';
const PMU = 'SDM vol. 4, table 2-2; arch/x86/kvm/vmx/pmu_intel.c';
const VMX_CAPS = 'SDM vol. 3D, appendix A; vmx_set_vmx_msr() in arch/x86/kvm/vmx/nested.c; measured';
const PT = 'SDM vol. 3C, "Intel Processor Trace"; pt_update_intercept_for_msr() in arch/x86/kvm/vmx/vmx.c';
const CET = 'SDM vol. 1, "Control-flow Enforcement Technology"; kvm_get_msr_common(), Linux 6.18';
const CSTATE = 'SDM vol. 4; vmx_possible_passthrough_msrs[], kvm_cstate_in_guest()';
const APIC = 'SDM vol. 3A, "x2APIC Register Address Space"; kvm_x2apic_msr_read(), kvm_x2apic_msr_write(); measured';
const HYPERV =
  'TLFS, "MSR Index"; include/hyperv/hvgdk_mini.h; kvm_hv_get_msr_common(); measured without Hyper-V CPUID';
const KVM_PV = 'Documentation/virt/kvm/x86/msr.rst; measured';
const APM = 'APM vol. 2, appendix A; arch/x86/include/asm/msr-index.h; measured';
const AMD_PMU = 'APM vol. 2, "Performance Monitoring Counters"; arch/x86/kvm/svm/pmu.c';

type Outcome = MsrRow['read'];
type Extra = Pick<MsrRow, 'count' | 'vmx' | 'svm'>;

function msr(
  index: number,
  name: string,
  vendor: MsrRow['vendor'],
  read: Outcome,
  write: Outcome,
  source: string,
  extra?: Extra,
): MsrRow {
  return { index, name, vendor, read, write, source, ...extra };
}

function pass(
  directions: PassthroughCandidate['directions'],
  wish: PassthroughCandidate['wish'],
  since: number,
  releases?: Pick<PassthroughCandidate, 'mergedSince' | 'until'>,
): PassthroughCandidate {
  return { directions, wish, since, ...releases };
}

// Candidates are those of vmx_possible_passthrough_msrs[] and direct_access_msrs[] (to 6.16), and of
// vmx_recalc_msr_intercepts() and svm_recalc_msr_intercepts() (6.17 on); merged ones are those of
// nested_vmx_prepare_msr_bitmap() and nested_svm_vmrun_msrpm().
const ALWAYS = pass('rw', 'always', 0);
const ALWAYS_MERGED = pass('rw', 'always', 0, { mergedSince: 0 });
/** Always from 5.13 on, when SYSENTER_ESP and _EIP joined SVM's list. */
const ALWAYS_5_13 = pass('rw', 'always', 5013, { mergedSince: 5013 });
const PRED_CMD = pass('w', 'dynamic', 0, { mergedSince: 0 });
const FLUSH_CMD = pass('w', 'dynamic', 6004, { mergedSince: 6004 });
const DYNAMIC = pass('rw', 'dynamic', 0);
const DYNAMIC_MERGED = pass('rw', 'dynamic', 0, { mergedSince: 0 });
const RESIDENCY = pass('r', 'dynamic', 0);
/** MPERF and APERF: kvm_aperfmperf_in_guest(). */
const APERFMPERF = pass('r', 'dynamic', 6018, { mergedSince: 6018 });
/** EFER and PAT on SVM: for SEV-ES guests. */
const SEV_ES = pass('rw', 'dynamic', 5013, { until: 6016, mergedSince: 5013 });
const CET_VMX = pass('rw', 'dynamic', 6018, { mergedSince: 6018 });
const CET_SVM = pass('rw', 'dynamic', 6018);

/** IA32_MTRR_PHYSBASEn and PHYSMASKn; KVM has 8 of them. */
function* variableMtrrs(): Generator<MsrRow> {
  for (let n = 0; n < 8; n++) {
    yield msr(0x200 + 2 * n, `IA32_MTRR_PHYSBASE${n}`, 'both', 'handled', 'handled', MTRR);
    yield msr(0x201 + 2 * n, `IA32_MTRR_PHYSMASK${n}`, 'both', 'handled', 'handled', MTRR);
  }
}

/** Machine-check banks; KVM has 32 (KVM_MAX_MCE_BANKS). */
function* machineCheckBanks(): Generator<MsrRow> {
  for (let n = 0; n < 32; n++) {
    for (const [i, register] of ['CTL', 'STATUS', 'ADDR', 'MISC'].entries()) {
      yield msr(0x400 + 4 * n + i, `IA32_MC${n}_${register}`, 'both', 'handled', 'handled', MCE);
    }
  }
}

export const MSR_ROWS: readonly MsrRow[] = [
  msr(0x0, 'IA32_P5_MC_ADDR', 'both', 'handled', 'unknown', SDM),
  msr(0x1, 'IA32_P5_MC_TYPE', 'both', 'handled', 'unknown', SDM),
  msr(0x10, 'IA32_TSC', 'both', 'handled', 'handled', SDM, { vmx: pass('r', 'always', 0) }),
  msr(0x11, 'MSR_KVM_WALL_CLOCK', 'kvm', 'handled', 'handled', KVM_PV),
  msr(0x12, 'MSR_KVM_SYSTEM_TIME', 'kvm', 'handled', 'handled', KVM_PV),
  msr(0x17, 'IA32_PLATFORM_ID', 'intel', 'handled', 'unknown', SDM),
  msr(0x1b, 'IA32_APIC_BASE', 'both', 'handled', 'handled', SDM),
  msr(0x2a, 'MSR_EBL_CR_POWERON', 'intel', 'handled', 'unknown', SDM_CPU),
  msr(0x2c, 'MSR_EBC_FREQUENCY_ID', 'intel', 'handled', 'unknown', SDM_CPU),
  msr(0x34, 'MSR_SMI_COUNT', 'intel', 'handled', 'invalid', SDM_CPU),
  msr(0x35, 'MSR_CORE_THREAD_COUNT', 'intel', 'unknown', 'unknown', SDM_CPU),
  msr(0x3a, 'IA32_FEATURE_CONTROL', 'intel', 'handled', 'handled', SDM),
  msr(0x3b, 'IA32_TSC_ADJUST', 'both', 'handled', 'handled', SDM),
  msr(0x48, 'IA32_SPEC_CTRL', 'both', 'handled', 'handled', SDM, { vmx: DYNAMIC_MERGED, svm: DYNAMIC_MERGED }),
  msr(0x49, 'IA32_PRED_CMD', 'both', 'unknown', 'handled', SDM, { vmx: PRED_CMD, svm: PRED_CMD }),
  msr(0x79, 'IA32_BIOS_UPDT_TRIG', 'intel', 'unknown', 'handled', SDM),
  msr(0x8b, 'IA32_BIOS_SIGN_ID', 'both', 'handled', 'handled', SDM),
  msr(0x8c, 'IA32_SGXLEPUBKEYHASH0', 'intel', 'invalid', 'invalid', SDM, { count: 4 }),
  msr(0x9e, 'IA32_SMBASE', 'intel', 'invalid', 'invalid', SDM),
  msr(0xc1, 'IA32_PMC0', 'intel', 'handled', 'handled', SDM),
  msr(0xc2, 'IA32_PMC1', 'intel', 'handled', 'handled', SDM),
  msr(0xcd, 'MSR_FSB_FREQ', 'intel', 'handled', 'unknown', SDM_CPU),
  msr(0xce, 'MSR_PLATFORM_INFO', 'intel', 'handled', 'invalid', SDM_CPU),
  msr(0xe1, 'IA32_UMWAIT_CONTROL', 'intel', 'handled', 'handled', SDM_ONLY),
  msr(0xe7, 'IA32_MPERF', 'both', 'handled', 'unknown', SDM_ONLY, { vmx: APERFMPERF, svm: APERFMPERF }),
  msr(0xe8, 'IA32_APERF', 'both', 'handled', 'unknown', SDM_ONLY, { vmx: APERFMPERF, svm: APERFMPERF }),
  msr(0xfe, 'IA32_MTRRCAP', 'both', 'handled', 'unknown', MTRR),
  msr(0x10a, 'IA32_ARCH_CAPABILITIES', 'intel', 'handled', 'unknown', SDM),
  msr(0x10b, 'IA32_FLUSH_CMD', 'both', 'unknown', 'handled', SDM, { vmx: FLUSH_CMD, svm: FLUSH_CMD }),
  msr(0x11e, 'MSR_BBL_CR_CTL3', 'intel', 'handled', 'handled', SDM_CPU),
  msr(0x122, 'IA32_TSX_CTRL', 'intel', 'invalid', 'invalid', SDM),
  msr(0x140, 'MSR_MISC_FEATURES_ENABLES', 'intel', 'handled', 'handled', SDM_ONLY),
  msr(0x174, 'IA32_SYSENTER_CS', 'both', 'handled', 'handled', SDM, { vmx: ALWAYS, svm: ALWAYS_MERGED }),
  msr(0x175, 'IA32_SYSENTER_ESP', 'both', 'handled', 'handled', SDM, { vmx: ALWAYS, svm: ALWAYS_5_13 }),
  msr(0x176, 'IA32_SYSENTER_EIP', 'both', 'handled', 'handled', SDM, { vmx: ALWAYS, svm: ALWAYS_5_13 }),
  msr(0x179, 'IA32_MCG_CAP', 'both', 'handled', 'unknown', MCE),
  msr(0x17a, 'IA32_MCG_STATUS', 'both', 'handled', 'handled', MCE),
  msr(0x17b, 'IA32_MCG_CTL', 'both', 'invalid', 'invalid', MCE),
  msr(0x186, 'IA32_PERFEVTSEL0', 'intel', 'handled', 'handled', SDM),
  msr(0x187, 'IA32_PERFEVTSEL1', 'intel', 'handled', 'handled', SDM),
  msr(0x198, 'IA32_PERF_STATUS', 'intel', 'handled', 'unknown', SDM),
  msr(0x199, 'IA32_PERF_CTL', 'intel', 'handled', 'unknown', SDM),
  msr(0x19b, 'IA32_THERM_INTERRUPT', 'intel', 'unknown', 'unknown', SDM),
  msr(0x19c, 'IA32_THERM_STATUS', 'intel', 'unknown', 'unknown', SDM),
  msr(0x1a0, 'IA32_MISC_ENABLE', 'both', 'handled', 'handled', SDM),
  msr(0x1a2, 'MSR_TEMPERATURE_TARGET', 'intel', 'unknown', 'unknown', SDM_CPU),
  msr(0x1b0, 'IA32_ENERGY_PERF_BIAS', 'intel', 'unknown', 'unknown', SDM),
  msr(0x1b1, 'IA32_PACKAGE_THERM_STATUS', 'intel', 'unknown', 'unknown', SDM),
  msr(0x1c4, 'IA32_XFD', 'both', 'handled', 'handled', SDM_ONLY, { vmx: pass('rw', 'dynamic', 5017) }),
  msr(0x1c5, 'IA32_XFD_ERR', 'both', 'handled', 'handled', SDM_ONLY, { vmx: pass('r', 'dynamic', 5017) }),
  msr(0x1d9, 'IA32_DEBUGCTL', 'both', 'handled', 'handled', SDM),
  msr(0x1db, 'MSR_LASTBRANCHFROMIP', 'both', 'handled', 'handled', SDM_CPU, { svm: DYNAMIC_MERGED }),
  msr(0x1dc, 'MSR_LASTBRANCHTOIP', 'both', 'handled', 'handled', SDM_CPU, { svm: DYNAMIC_MERGED }),
  msr(0x1dd, 'MSR_LASTINTFROMIP', 'both', 'handled', 'handled', SDM_CPU, { svm: DYNAMIC_MERGED }),
  msr(0x1de, 'MSR_LASTINTTOIP', 'both', 'handled', 'handled', SDM_CPU, { svm: DYNAMIC_MERGED }),
  msr(0x1fc, 'MSR_POWER_CTL', 'intel', 'handled', 'handled', SDM_CPU),
  ...variableMtrrs(),
  // Accepted by kvm_get_msr_common() as MTRRs, then rejected: more than KVM has, or no MTRR at all.
  msr(0x210, 'IA32_MTRR_PHYSBASE8', 'both', 'invalid', 'invalid', MTRR, { count: 0x40 }),
  msr(0x250, 'IA32_MTRR_FIX64K_00000', 'both', 'handled', 'handled', MTRR),
  msr(0x251, 'MTRR_RESERVED_251', 'both', 'invalid', 'invalid', MTRR, { count: 7 }),
  msr(0x258, 'IA32_MTRR_FIX16K_80000', 'both', 'handled', 'handled', MTRR),
  msr(0x259, 'IA32_MTRR_FIX16K_A0000', 'both', 'handled', 'handled', MTRR),
  msr(0x25a, 'MTRR_RESERVED_25A', 'both', 'invalid', 'invalid', MTRR, { count: 14 }),
  msr(0x268, 'IA32_MTRR_FIX4K_C0000', 'both', 'handled', 'handled', MTRR),
  msr(0x269, 'IA32_MTRR_FIX4K_C8000', 'both', 'handled', 'handled', MTRR),
  msr(0x26a, 'IA32_MTRR_FIX4K_D0000', 'both', 'handled', 'handled', MTRR),
  msr(0x26b, 'IA32_MTRR_FIX4K_D8000', 'both', 'handled', 'handled', MTRR),
  msr(0x26c, 'IA32_MTRR_FIX4K_E0000', 'both', 'handled', 'handled', MTRR),
  msr(0x26d, 'IA32_MTRR_FIX4K_E8000', 'both', 'handled', 'handled', MTRR),
  msr(0x26e, 'IA32_MTRR_FIX4K_F0000', 'both', 'handled', 'handled', MTRR),
  msr(0x26f, 'IA32_MTRR_FIX4K_F8000', 'both', 'handled', 'handled', MTRR),
  msr(0x277, 'IA32_PAT', 'both', 'handled', 'handled', SDM, { svm: SEV_ES }),
  // Needs MCG_CMCI_P in MCG_CAP, which user space has to set (KVM_X86_SETUP_MCE).
  msr(0x280, 'IA32_MC0_CTL2', 'both', 'invalid', 'invalid', MCE, { count: 32 }),
  msr(0x2ff, 'IA32_MTRR_DEF_TYPE', 'both', 'handled', 'handled', MTRR),
  msr(0x309, 'IA32_FIXED_CTR0', 'intel', 'handled', 'handled', PMU),
  msr(0x30a, 'IA32_FIXED_CTR1', 'intel', 'handled', 'handled', PMU),
  msr(0x30b, 'IA32_FIXED_CTR2', 'intel', 'handled', 'handled', PMU),
  msr(0x345, 'IA32_PERF_CAPABILITIES', 'intel', 'handled', 'invalid', PMU),
  msr(0x38d, 'IA32_FIXED_CTR_CTRL', 'intel', 'handled', 'handled', PMU),
  msr(0x38e, 'IA32_PERF_GLOBAL_STATUS', 'intel', 'handled', 'invalid', PMU),
  msr(0x38f, 'IA32_PERF_GLOBAL_CTRL', 'intel', 'handled', 'handled', PMU),
  msr(0x390, 'IA32_PERF_GLOBAL_OVF_CTRL', 'intel', 'handled', 'handled', PMU),
  msr(0x3f1, 'IA32_PEBS_ENABLE', 'intel', 'handled', 'handled', PMU),
  msr(0x3fc, 'MSR_CORE_C3_RESIDENCY', 'intel', 'handled', 'unknown', CSTATE, { vmx: RESIDENCY }),
  msr(0x3fd, 'MSR_CORE_C6_RESIDENCY', 'intel', 'handled', 'unknown', CSTATE, { vmx: RESIDENCY }),
  msr(0x3fe, 'MSR_CORE_C7_RESIDENCY', 'intel', 'handled', 'unknown', CSTATE, { vmx: RESIDENCY }),
  ...machineCheckBanks(),
  msr(0x480, 'IA32_VMX_BASIC', 'intel', 'handled', 'invalid', VMX_CAPS),
  msr(0x481, 'IA32_VMX_PINBASED_CTLS', 'intel', 'handled', 'invalid', VMX_CAPS),
  msr(0x482, 'IA32_VMX_PROCBASED_CTLS', 'intel', 'handled', 'invalid', VMX_CAPS),
  msr(0x483, 'IA32_VMX_EXIT_CTLS', 'intel', 'handled', 'invalid', VMX_CAPS),
  msr(0x484, 'IA32_VMX_ENTRY_CTLS', 'intel', 'handled', 'invalid', VMX_CAPS),
  msr(0x485, 'IA32_VMX_MISC', 'intel', 'handled', 'invalid', VMX_CAPS),
  msr(0x486, 'IA32_VMX_CR0_FIXED0', 'intel', 'handled', 'invalid', VMX_CAPS),
  msr(0x487, 'IA32_VMX_CR0_FIXED1', 'intel', 'handled', 'invalid', VMX_CAPS),
  msr(0x488, 'IA32_VMX_CR4_FIXED0', 'intel', 'handled', 'invalid', VMX_CAPS),
  msr(0x489, 'IA32_VMX_CR4_FIXED1', 'intel', 'handled', 'invalid', VMX_CAPS),
  msr(0x48a, 'IA32_VMX_VMCS_ENUM', 'intel', 'handled', 'invalid', VMX_CAPS),
  msr(0x48b, 'IA32_VMX_PROCBASED_CTLS2', 'intel', 'handled', 'invalid', VMX_CAPS),
  msr(0x48c, 'IA32_VMX_EPT_VPID_CAP', 'intel', 'handled', 'invalid', VMX_CAPS),
  msr(0x48d, 'IA32_VMX_TRUE_PINBASED_CTLS', 'intel', 'handled', 'invalid', VMX_CAPS),
  msr(0x48e, 'IA32_VMX_TRUE_PROCBASED_CTLS', 'intel', 'handled', 'invalid', VMX_CAPS),
  msr(0x48f, 'IA32_VMX_TRUE_EXIT_CTLS', 'intel', 'handled', 'invalid', VMX_CAPS),
  msr(0x490, 'IA32_VMX_TRUE_ENTRY_CTLS', 'intel', 'handled', 'invalid', VMX_CAPS),
  msr(0x491, 'IA32_VMX_VMFUNC', 'intel', 'handled', 'invalid', VMX_CAPS),
  msr(0x4c1, 'IA32_A_PMC0', 'intel', 'handled', 'handled', PMU, { count: 8 }),
  msr(0x4d0, 'IA32_MCG_EXT_CTL', 'intel', 'invalid', 'invalid', SDM),
  msr(0x560, 'IA32_RTIT_OUTPUT_BASE', 'intel', 'handled', 'handled', PT, { vmx: DYNAMIC }),
  msr(0x561, 'IA32_RTIT_OUTPUT_MASK_PTRS', 'intel', 'handled', 'handled', PT, { vmx: DYNAMIC }),
  msr(0x570, 'IA32_RTIT_CTL', 'intel', 'handled', 'handled', PT),
  msr(0x571, 'IA32_RTIT_STATUS', 'intel', 'handled', 'handled', PT, { vmx: DYNAMIC }),
  msr(0x572, 'IA32_RTIT_CR3_MATCH', 'intel', 'handled', 'handled', PT, { vmx: DYNAMIC }),
  msr(0x580, 'IA32_RTIT_ADDR0_A', 'intel', 'handled', 'handled', PT, { vmx: DYNAMIC }),
  msr(0x581, 'IA32_RTIT_ADDR0_B', 'intel', 'handled', 'handled', PT, { vmx: DYNAMIC }),
  msr(0x582, 'IA32_RTIT_ADDR1_A', 'intel', 'handled', 'handled', PT, { vmx: DYNAMIC }),
  msr(0x583, 'IA32_RTIT_ADDR1_B', 'intel', 'handled', 'handled', PT, { vmx: DYNAMIC }),
  msr(0x584, 'IA32_RTIT_ADDR2_A', 'intel', 'handled', 'handled', PT, { vmx: DYNAMIC }),
  msr(0x585, 'IA32_RTIT_ADDR2_B', 'intel', 'handled', 'handled', PT, { vmx: DYNAMIC }),
  msr(0x586, 'IA32_RTIT_ADDR3_A', 'intel', 'handled', 'handled', PT, { vmx: DYNAMIC }),
  msr(0x587, 'IA32_RTIT_ADDR3_B', 'intel', 'handled', 'handled', PT, { vmx: DYNAMIC }),
  msr(0x600, 'IA32_DS_AREA', 'intel', 'handled', 'handled', PMU),
  msr(0x606, 'MSR_RAPL_POWER_UNIT', 'intel', 'handled', 'unknown', SDM_CPU),
  msr(0x610, 'MSR_PKG_POWER_LIMIT', 'intel', 'unknown', 'unknown', SDM_CPU),
  msr(0x611, 'MSR_PKG_ENERGY_STATUS', 'intel', 'handled', 'unknown', SDM_CPU),
  msr(0x614, 'MSR_PKG_POWER_INFO', 'intel', 'unknown', 'unknown', SDM_CPU),
  msr(0x619, 'MSR_DRAM_ENERGY_STATUS', 'intel', 'handled', 'unknown', SDM_CPU),
  msr(0x639, 'MSR_PP0_ENERGY_STATUS', 'intel', 'handled', 'unknown', SDM_CPU),
  msr(0x641, 'MSR_PP1_ENERGY_STATUS', 'intel', 'handled', 'unknown', SDM_ONLY),
  msr(0x660, 'MSR_CORE_C1_RES', 'intel', 'handled', 'unknown', CSTATE, { vmx: RESIDENCY }),
  msr(0x6a0, 'IA32_U_CET', 'both', 'handled', 'handled', CET, { vmx: CET_VMX, svm: CET_SVM }),
  msr(0x6a2, 'IA32_S_CET', 'both', 'handled', 'handled', CET, { vmx: CET_VMX, svm: CET_SVM }),
  msr(0x6a4, 'IA32_PL0_SSP', 'both', 'handled', 'handled', CET, { vmx: CET_VMX, svm: CET_SVM }),
  msr(0x6a5, 'IA32_PL1_SSP', 'both', 'handled', 'handled', CET, { vmx: CET_VMX, svm: CET_SVM }),
  msr(0x6a6, 'IA32_PL2_SSP', 'both', 'handled', 'handled', CET, { vmx: CET_VMX, svm: CET_SVM }),
  msr(0x6a7, 'IA32_PL3_SSP', 'both', 'handled', 'handled', CET, { vmx: CET_VMX, svm: CET_SVM }),
  msr(0x6a8, 'IA32_INTERRUPT_SSP_TABLE_ADDR', 'both', 'handled', 'handled', CET),
  msr(0x6e0, 'IA32_TSC_DEADLINE', 'both', 'handled', 'handled', SDM),
  msr(0x6e1, 'IA32_PKRS', 'intel', 'unknown', 'unknown', SDM),
  msr(0x770, 'IA32_PM_ENABLE', 'intel', 'unknown', 'unknown', SDM_ONLY),
  msr(0x774, 'IA32_HWP_REQUEST', 'intel', 'unknown', 'unknown', SDM_ONLY),
  // x2APIC mode. Of the writes, ESR takes only 0.
  msr(0x802, 'IA32_X2APIC_APICID', 'both', 'handled', 'invalid', APIC),
  msr(0x803, 'IA32_X2APIC_VERSION', 'both', 'handled', 'invalid', APIC),
  msr(0x808, 'IA32_X2APIC_TPR', 'both', 'handled', 'handled', APIC),
  msr(0x80a, 'IA32_X2APIC_PPR', 'both', 'handled', 'invalid', APIC),
  msr(0x80b, 'IA32_X2APIC_EOI', 'both', 'invalid', 'handled', APIC),
  msr(0x80d, 'IA32_X2APIC_LDR', 'both', 'handled', 'invalid', APIC),
  msr(0x80f, 'IA32_X2APIC_SIVR', 'both', 'handled', 'handled', APIC),
  msr(0x810, 'IA32_X2APIC_ISR0', 'both', 'handled', 'invalid', APIC, { count: 8 }),
  msr(0x818, 'IA32_X2APIC_TMR0', 'both', 'handled', 'invalid', APIC, { count: 8 }),
  msr(0x820, 'IA32_X2APIC_IRR0', 'both', 'handled', 'invalid', APIC, { count: 8 }),
  msr(0x828, 'IA32_X2APIC_ESR', 'both', 'handled', 'handled', APIC),
  msr(0x830, 'IA32_X2APIC_ICR', 'both', 'handled', 'handled', APIC),
  msr(0x832, 'IA32_X2APIC_LVT_TIMER', 'both', 'handled', 'handled', APIC),
  msr(0x833, 'IA32_X2APIC_LVT_THERMAL', 'both', 'handled', 'handled', APIC),
  msr(0x834, 'IA32_X2APIC_LVT_PMI', 'both', 'handled', 'handled', APIC),
  msr(0x835, 'IA32_X2APIC_LVT_LINT0', 'both', 'handled', 'handled', APIC),
  msr(0x836, 'IA32_X2APIC_LVT_LINT1', 'both', 'handled', 'handled', APIC),
  msr(0x837, 'IA32_X2APIC_LVT_ERROR', 'both', 'handled', 'handled', APIC),
  msr(0x838, 'IA32_X2APIC_INIT_COUNT', 'both', 'handled', 'handled', APIC),
  msr(0x839, 'IA32_X2APIC_CUR_COUNT', 'both', 'handled', 'invalid', APIC),
  msr(0x83e, 'IA32_X2APIC_DIV_CONF', 'both', 'handled', 'handled', APIC),
  msr(0x83f, 'IA32_X2APIC_SELF_IPI', 'both', 'invalid', 'handled', APIC),
  msr(0xda0, 'IA32_XSS', 'both', 'handled', 'handled', SDM_ONLY),
  msr(0x40000000, 'HV_X64_MSR_GUEST_OS_ID', 'hyperv', 'invalid', 'invalid', HYPERV),
  msr(0x40000001, 'HV_X64_MSR_HYPERCALL', 'hyperv', 'invalid', 'invalid', HYPERV),
  msr(0x40000002, 'HV_X64_MSR_VP_INDEX', 'hyperv', 'invalid', 'invalid', HYPERV),
  msr(0x40000003, 'HV_X64_MSR_RESET', 'hyperv', 'invalid', 'invalid', HYPERV),
  msr(0x40000004, 'HV_RESERVED_40000004', 'hyperv', 'invalid', 'invalid', HYPERV, { count: 12 }),
  msr(0x40000010, 'HV_X64_MSR_VP_RUNTIME', 'hyperv', 'invalid', 'invalid', HYPERV),
  msr(0x40000011, 'HV_RESERVED_40000011', 'hyperv', 'invalid', 'invalid', HYPERV, { count: 15 }),
  msr(0x40000020, 'HV_X64_MSR_TIME_REF_COUNT', 'hyperv', 'invalid', 'invalid', HYPERV),
  msr(0x40000021, 'HV_X64_MSR_REFERENCE_TSC', 'hyperv', 'invalid', 'invalid', HYPERV),
  msr(0x40000022, 'HV_X64_MSR_TSC_FREQUENCY', 'hyperv', 'invalid', 'invalid', HYPERV),
  msr(0x40000023, 'HV_X64_MSR_APIC_FREQUENCY', 'hyperv', 'invalid', 'invalid', HYPERV),
  msr(0x40000024, 'HV_RESERVED_40000024', 'hyperv', 'invalid', 'invalid', HYPERV, { count: 0x4c }),
  msr(0x40000070, 'HV_X64_MSR_EOI', 'hyperv', 'invalid', 'invalid', HYPERV),
  msr(0x40000071, 'HV_X64_MSR_ICR', 'hyperv', 'invalid', 'invalid', HYPERV),
  msr(0x40000072, 'HV_X64_MSR_TPR', 'hyperv', 'invalid', 'invalid', HYPERV),
  msr(0x40000073, 'HV_X64_MSR_VP_ASSIST_PAGE', 'hyperv', 'invalid', 'invalid', HYPERV),
  msr(0x40000074, 'HV_RESERVED_40000074', 'hyperv', 'invalid', 'invalid', HYPERV, { count: 12 }),
  msr(0x40000080, 'HV_X64_MSR_SCONTROL', 'hyperv', 'invalid', 'invalid', HYPERV),
  msr(0x40000081, 'HV_X64_MSR_SVERSION', 'hyperv', 'invalid', 'invalid', HYPERV),
  msr(0x40000082, 'HV_X64_MSR_SIEFP', 'hyperv', 'invalid', 'invalid', HYPERV),
  msr(0x40000083, 'HV_X64_MSR_SIMP', 'hyperv', 'invalid', 'invalid', HYPERV),
  msr(0x40000084, 'HV_X64_MSR_EOM', 'hyperv', 'invalid', 'invalid', HYPERV),
  msr(0x40000085, 'HV_RESERVED_40000085', 'hyperv', 'invalid', 'invalid', HYPERV, { count: 11 }),
  msr(0x40000090, 'HV_X64_MSR_SINT0', 'hyperv', 'invalid', 'invalid', HYPERV, { count: 16 }),
  msr(0x400000b0, 'HV_X64_MSR_STIMER0_CONFIG', 'hyperv', 'invalid', 'invalid', HYPERV, { count: 8 }),
  msr(0x400000f1, 'HV_X64_MSR_SYNDBG_CONTROL', 'hyperv', 'invalid', 'invalid', HYPERV, { count: 5 }),
  msr(0x400000ff, 'HV_X64_MSR_SYNDBG_OPTIONS', 'hyperv', 'invalid', 'invalid', HYPERV),
  msr(0x40000100, 'HV_X64_MSR_CRASH_P0', 'hyperv', 'invalid', 'invalid', HYPERV, { count: 5 }),
  msr(0x40000105, 'HV_X64_MSR_CRASH_CTL', 'hyperv', 'invalid', 'invalid', HYPERV),
  msr(0x40000106, 'HV_X64_MSR_REENLIGHTENMENT_CONTROL', 'hyperv', 'invalid', 'invalid', HYPERV),
  msr(0x40000107, 'HV_X64_MSR_TSC_EMULATION_CONTROL', 'hyperv', 'invalid', 'invalid', HYPERV),
  msr(0x40000108, 'HV_X64_MSR_TSC_EMULATION_STATUS', 'hyperv', 'invalid', 'invalid', HYPERV),
  msr(0x40000118, 'HV_X64_MSR_TSC_INVARIANT_CONTROL', 'hyperv', 'invalid', 'invalid', HYPERV),
  msr(0x4b564d00, 'MSR_KVM_WALL_CLOCK_NEW', 'kvm', 'handled', 'handled', KVM_PV),
  msr(0x4b564d01, 'MSR_KVM_SYSTEM_TIME_NEW', 'kvm', 'handled', 'handled', KVM_PV),
  msr(0x4b564d02, 'MSR_KVM_ASYNC_PF_EN', 'kvm', 'handled', 'handled', KVM_PV),
  msr(0x4b564d03, 'MSR_KVM_STEAL_TIME', 'kvm', 'handled', 'handled', KVM_PV),
  msr(0x4b564d04, 'MSR_KVM_EOI_EN', 'kvm', 'handled', 'handled', KVM_PV),
  msr(0x4b564d05, 'MSR_KVM_POLL_CONTROL', 'kvm', 'handled', 'handled', KVM_PV),
  msr(0x4b564d06, 'MSR_KVM_ASYNC_PF_INT', 'kvm', 'handled', 'handled', KVM_PV),
  msr(0x4b564d07, 'MSR_KVM_ASYNC_PF_ACK', 'kvm', 'handled', 'handled', KVM_PV),
  // Left to user space, which filters it (msr.rst).
  msr(0x4b564d08, 'MSR_KVM_MIGRATION_CONTROL', 'kvm', 'unknown', 'unknown', KVM_PV),
  msr(0x4b564d11, 'KVM_PV_4B564D11', 'kvm', 'handled', 'handled', 'measured: Linux 6.18, para-virtual backend'),
  msr(0x4b564d12, 'KVM_PV_4B564D12', 'kvm', 'handled', 'handled', 'measured: Linux 6.18, para-virtual backend'),
  // KVM's own index for the guest's SSP; a guest access is rejected.
  msr(
    0x4b564dff,
    'MSR_KVM_INTERNAL_GUEST_SSP',
    'kvm',
    'invalid',
    'invalid',
    'arch/x86/kvm/x86.c, Linux 6.18; measured',
  ),
  msr(0xc0000080, 'IA32_EFER', 'both', 'handled', 'handled', SDM, { svm: SEV_ES }),
  msr(0xc0000081, 'IA32_STAR', 'both', 'handled', 'handled', SDM, { svm: ALWAYS_MERGED }),
  msr(0xc0000082, 'IA32_LSTAR', 'both', 'handled', 'handled', SDM, { svm: ALWAYS_MERGED }),
  msr(0xc0000083, 'IA32_CSTAR', 'both', 'handled', 'handled', SDM, { svm: ALWAYS_MERGED }),
  msr(0xc0000084, 'IA32_FMASK', 'both', 'handled', 'handled', SDM, { svm: ALWAYS_MERGED }),
  msr(0xc0000100, 'IA32_FS_BASE', 'both', 'handled', 'handled', SDM, { vmx: ALWAYS_MERGED, svm: ALWAYS_MERGED }),
  msr(0xc0000101, 'IA32_GS_BASE', 'both', 'handled', 'handled', SDM, { vmx: ALWAYS_MERGED, svm: ALWAYS_MERGED }),
  msr(0xc0000102, 'IA32_KERNEL_GS_BASE', 'both', 'handled', 'handled', SDM, { vmx: ALWAYS_MERGED, svm: ALWAYS_MERGED }),
  msr(0xc0000103, 'IA32_TSC_AUX', 'both', 'handled', 'handled', SDM),
  msr(0xc0000104, 'MSR_AMD64_TSC_RATIO', 'amd', 'invalid', 'invalid', APM),
  msr(0xc0000300, 'MSR_AMD64_PERF_CNTR_GLOBAL_STATUS', 'amd', 'handled', 'invalid', AMD_PMU),
  msr(0xc0000301, 'MSR_AMD64_PERF_CNTR_GLOBAL_CTL', 'amd', 'handled', 'handled', AMD_PMU),
  msr(0xc0000302, 'MSR_AMD64_PERF_CNTR_GLOBAL_STATUS_CLR', 'amd', 'handled', 'handled', AMD_PMU),
  msr(0xc0010000, 'MSR_K7_EVNTSEL0', 'amd', 'handled', 'handled', APM, { count: 4 }),
  msr(0xc0010004, 'MSR_K7_PERFCTR0', 'amd', 'handled', 'handled', APM, { count: 4 }),
  msr(0xc0010010, 'MSR_AMD64_SYSCFG', 'amd', 'handled', 'unknown', APM),
  msr(0xc0010015, 'MSR_K7_HWCR', 'amd', 'handled', 'handled', APM),
  msr(0xc001001b, 'MSR_K7_CLK_CTL', 'amd', 'handled', 'handled', APM),
  msr(0xc001001f, 'MSR_AMD64_NB_CFG', 'amd', 'handled', 'handled', APM),
  msr(0xc0010020, 'MSR_AMD64_PATCH_LOADER', 'amd', 'unknown', 'handled', APM),
  msr(0xc0010055, 'MSR_K8_INT_PENDING_MSG', 'amd', 'handled', 'unknown', APM),
  msr(0xc0010058, 'MSR_FAM10H_MMIO_CONF_BASE', 'amd', 'handled', 'handled', APM),
  msr(0xc0010112, 'MSR_K8_TSEG_ADDR', 'amd', 'handled', 'unknown', APM),
  msr(0xc0010113, 'MSR_K8_TSEG_MASK', 'amd', 'handled', 'unknown', APM),
  msr(0xc0010114, 'MSR_VM_CR', 'amd', 'handled', 'handled', APM),
  msr(0xc0010115, 'MSR_VM_IGNNE', 'amd', 'unknown', 'handled', APM),
  msr(0xc0010117, 'MSR_VM_HSAVE_PA', 'amd', 'handled', 'handled', APM),
  msr(0xc001011f, 'MSR_AMD64_VIRT_SPEC_CTRL', 'amd', 'handled', 'handled', APM),
  msr(0xc0010130, 'MSR_AMD64_SEV_ES_GHCB', 'amd', 'handled', 'handled', APM, {
    svm: pass('rw', 'always', 5013, { until: 6016 }),
  }),
  msr(0xc0010140, 'MSR_AMD64_OSVW_ID_LENGTH', 'amd', 'handled', 'handled', APM),
  msr(0xc0010141, 'MSR_AMD64_OSVW_STATUS', 'amd', 'handled', 'handled', APM),
  msr(0xc0010200, 'MSR_F15H_PERF_CTL0', 'amd', 'handled', 'handled', AMD_PMU, { count: 12 }),
  msr(0xc0011022, 'MSR_AMD64_DC_CFG', 'amd', 'handled', 'handled', APM),
  msr(0xc0011023, 'MSR_AMD64_TW_CFG', 'amd', 'handled', 'handled', APM),
  msr(0xc0011029, 'MSR_AMD64_DE_CFG', 'amd', 'handled', 'handled', APM),
  msr(0xc001102a, 'MSR_AMD64_BU_CFG2', 'amd', 'handled', 'handled', APM),
  msr(0xc001102c, 'MSR_F15H_EX_CFG', 'amd', 'handled', 'handled', APM),
];
