/*
 * One VM with one vCPU on /dev/kvm that executes RDMSR and WRMSR. Functions return 0, or -1 with the reason in
 * vm_error; after that the VM is of no further use and vm_reset() makes another.
 */
#ifndef MSRDIFF_VM_H
#define MSRDIFF_VM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct filter_request;

enum { MODE_LONG, MODE_PROTECTED, MODE_REAL };
enum { APIC_NONE, APIC_XAPIC, APIC_X2APIC };
enum { VERDICT_ALLOW, VERDICT_GP, VERDICT_FILTER, VERDICT_UNKNOWN, VERDICT_INVAL };
enum { COMPLETION_NO_EXIT, COMPLETION_DONE, COMPLETION_GP };

/* Why the last function failed, one line. */
extern char vm_error[256];

/* Opens /dev/kvm and checks that it has what is needed. Once. */
int vm_open(void);
/* What runs: release, vendor module, path. */
void vm_describe(char *text, size_t size);
/* 0 none, 1 VMX, 2 SVM: whose module drives /dev/kvm. */
int vm_vendor(void);
/* Whether the forced emulation prefix reaches KVM's emulator. */
bool vm_has_emulator(void);

/* What a VM is made with beyond the usual; each changes what KVM wants to pass through, or when. */
enum {
	/* KVM_CAP_X86_DISABLE_EXITS, C-states: kvm_intel passes the residency counters. */
	VM_CSTATES_IN_GUEST = 1,
	/* CPUID says GenuineIntel: kvm_amd intercepts SYSENTER_ESP and _EIP. */
	VM_INTEL_CPUID = 2,
	/* The vCPU is made at the first access, so that filters are set before it. */
	VM_LATE_VCPU = 4,
	VM_OPTIONS = 7,
};

/* A VM in its initial state: a new one, or the last one put back. */
int vm_reset(int mode, bool irqchip, unsigned options);
int vm_set_apic(int mode);
/* The VM's file descriptor, for ioctls whose result is the answer. */
int vm_fd(void);
/* KVM_X86_SET_MSR_FILTER: 0 or a negative errno. */
int vm_set_filter(const struct filter_request *filter);

/*
 * Runs `count` accesses (directions: 0 RDMSR, 1 WRMSR; values may be NULL: 0) and writes a verdict for each. An exit
 * of the last one stays pending.
 */
int vm_access(uint32_t count, bool emulator, const uint8_t *indices, const uint8_t *types, const uint8_t *values,
	      uint8_t *verdicts);
int vm_reply(uint8_t error, uint64_t data, int *completion);

/* Calls `each` for the vCPU's scalar statistics: what they have come to since it was made. */
int vm_statistics(void (*each)(const char *name, uint64_t value, void *context), void *context);

/* Runs the batch over and over until *stop, collecting verdict bits; for a thread of its own. */
int vm_race(uint32_t count, const uint8_t *indices, const uint8_t *types, uint8_t *seen, uint32_t *runs,
	    const volatile int *stop);

#endif
