/* What the parts of the helper's VM share; nobody else includes it. */
#ifndef MSRDIFF_VM_STATE_H
#define MSRDIFF_VM_STATE_H

#include "guest.h"
#include "vm.h"

#include <linux/kvm.h>

/* Successful writes that a reset undoes one by one; after more, the VM is made anew. */
#define MAX_DIRTY 256
#define MSR_APIC_BASE 0x1b

struct vm {
	int fd, vcpu, stats;
	struct kvm_run *run;
	uint8_t *memory;
	/* BATCH_CAPACITY entries and the one after the last. */
	struct entry *batch;
	int mode;
	bool irqchip;
	unsigned options;
	int resets;
	int apic;
	/* The last access has exited and user space has not answered. */
	bool pending;
	/* MSRs as they were, for resets. */
	struct kvm_msrs *initial;
	struct kvm_lapic_state lapic;
	uint32_t dirty[MAX_DIRTY];
	int dirty_count;
	bool dirty_lapic;
	/* A filter has been set since the VM was made; one from before the last reset is still in force. */
	bool filtered, leftover;
};

/* The one that was reset last. */
extern struct vm *vm;

/* Set vm_error and return -1; the second adds what errno says. */
int vm_fail(const char *format, ...) __attribute__((format(printf, 1, 2)));
int vm_fail_errno(const char *what);
/* Takes away the filter that a reset has left, before anything depends on it. */
int vm_drop_leftover(void);
/* Everything that fails leaves no VM behind: ends it and returns -1. */
int vm_broken(void);
int vm_create_vcpu(void);

/* The guest's code, by mode. */
struct guest_labels {
	const uint8_t *start, *gp, *ud, *done;
	/* By operation: bit 0 WRMSR, bit 1 forced emulation. */
	const uint8_t *operations[4];
};
extern const struct guest_labels guest_labels[];
uint32_t guest_address(const uint8_t *label);
/* Fills guest memory and the vCPU's registers so that it starts at the batch. */
int guest_prepare(void);

/* access.c: lets the watchdog's timer tick; ends the exit that is pending, if one is. */
int access_open(void);
int access_finish_pending(void);

/* statistics.c */
int statistics_open(void);

#endif
