#define _GNU_SOURCE
#include "vm-state.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/time.h>

/* KVM_RUN that does not come back in this many seconds is an error. */
#define WATCHDOG_SECONDS 5
#define X2APIC_FIRST 0x800
#define X2APIC_LAST 0x8ff

/* One timer for all, because setting one for every KVM_RUN costs as much as the run. */
static volatile sig_atomic_t watching, seconds_watched;

static void on_alarm(int signal)
{
	(void)signal;
	if (watching && ++seconds_watched > WATCHDOG_SECONDS && vm->run)
		vm->run->immediate_exit = 1;
}

int access_open(void)
{
	const struct sigaction action = {.sa_handler = on_alarm, .sa_flags = SA_RESTART};
	const struct itimerval second = {.it_interval.tv_sec = 1, .it_value.tv_sec = 1};
	sigaction(SIGALRM, &action, NULL);
	return setitimer(ITIMER_REAL, &second, NULL) ? vm_fail_errno("setitimer") : 0;
}

/* The access that the guest was at when it exited. */
static uint32_t current(void)
{
	const uint64_t offset = vm->run->s.regs.regs.rsi - (vm->mode == MODE_REAL ? 0 : GUEST_BATCH);
	return offset < (uint64_t)BATCH_CAPACITY * ENTRY_SIZE ? (uint32_t)(offset / ENTRY_SIZE) : BATCH_CAPACITY;
}

static void mark_dirty(uint32_t index)
{
	if (index >= X2APIC_FIRST && index <= X2APIC_LAST) {
		vm->dirty_lapic = true;
		return;
	}
	for (int i = 0; i < vm->dirty_count && i < MAX_DIRTY; i++)
		if (vm->dirty[i] == index)
			return;
	if (vm->dirty_count < MAX_DIRTY)
		vm->dirty[vm->dirty_count] = index;
	vm->dirty_count++;
}

static void watch(bool on)
{
	seconds_watched = 0;
	watching = on;
}

/* Returns the exit reason or -1. */
static int run_vcpu(void)
{
	int error;
	do {
		if (ioctl(vm->vcpu, KVM_RUN, 0) == 0)
			return (int)vm->run->exit_reason;
		error = errno;
	} while (error == EINTR && seconds_watched <= WATCHDOG_SECONDS);
	const struct entry *entry = &vm->batch[current()];
	if (error == EINTR) {
		vm->run->immediate_exit = 0;
		return vm_fail("KVM_RUN did not come back within %d s, at %s of MSR %#x", WATCHDOG_SECONDS,
			    entry->write ? "WRMSR" : "RDMSR", entry->index);
	}
	return vm_fail("KVM_RUN: %s, at %s of MSR %#x", strerror(error), entry->write ? "WRMSR" : "RDMSR", entry->index);
}

static bool at_doorbell(int reason)
{
	return reason == KVM_EXIT_IO && vm->run->io.port == DOORBELL_PORT;
}

static int unexpected_exit(int reason)
{
	if (reason == KVM_EXIT_INTERNAL_ERROR)
		return vm_fail("KVM_EXIT_INTERNAL_ERROR, suberror %u", vm->run->internal.suberror);
	if (reason == KVM_EXIT_FAIL_ENTRY)
		return vm_fail("KVM_EXIT_FAIL_ENTRY, hardware reason %#llx",
			    (unsigned long long)vm->run->fail_entry.hardware_entry_failure_reason);
	return vm_fail("unexpected exit reason %d", reason);
}

/* Checks what KVM says about an exit, and returns the verdict, or -1. */
static int exit_verdict(int reason)
{
	const struct entry *entry = &vm->batch[current()];
	const bool write = entry->write;
	if (reason != KVM_EXIT_X86_RDMSR && reason != KVM_EXIT_X86_WRMSR)
		return unexpected_exit(reason);
	if ((reason == KVM_EXIT_X86_WRMSR) != write || vm->run->msr.index != entry->index)
		return vm_fail("%s exit for MSR %#x at %s of MSR %#x", reason == KVM_EXIT_X86_WRMSR ? "WRMSR" : "RDMSR",
			    vm->run->msr.index, write ? "WRMSR" : "RDMSR", entry->index);
	if (vm->run->msr.error != 0)
		return vm_fail("kvm_run.msr.error is %u at an exit, not 0", vm->run->msr.error);
	if (vm->run->msr.data != (write ? entry->value : 0))
		return vm_fail("kvm_run.msr.data is %#llx at the %s exit of MSR %#x", (unsigned long long)vm->run->msr.data,
			    write ? "WRMSR" : "RDMSR", entry->index);
	switch (vm->run->msr.reason) {
	case KVM_MSR_EXIT_REASON_FILTER: return VERDICT_FILTER;
	case KVM_MSR_EXIT_REASON_UNKNOWN: return VERDICT_UNKNOWN;
	case KVM_MSR_EXIT_REASON_INVAL: return VERDICT_INVAL;
	default: return vm_fail("kvm_run.msr.reason is %u, which is no single reason", vm->run->msr.reason);
	}
}

/* Re-enters after the last exit, with kvm_run.msr as it is, and comes back at the doorbell. */
int access_finish_pending(void)
{
	if (!vm->pending)
		return 0;
	vm->pending = false;
	watch(true);
	int reason = run_vcpu();
	watch(false);
	if (reason < 0)
		return -1;
	return at_doorbell(reason) ? 0 : unexpected_exit(reason);
}

/* Enters the guest until it rings the doorbell, or, in the last batch of a request, until its last access exits. */
static int enter_guest(uint32_t count, uint8_t *verdicts, bool last)
{
	while (true) {
		int reason = run_vcpu();
		if (reason < 0)
			return -1;
		if (at_doorbell(reason))
			return 0;
		if (current() >= count)
			return unexpected_exit(reason);
		int verdict = exit_verdict(reason);
		if (verdict < 0)
			return -1;
		verdicts[current()] = (uint8_t)verdict;
		if (last && current() == count - 1) {
			vm->pending = true;
			return 0;
		}
	}
}

static int run_batch(uint32_t count, uint8_t *verdicts, bool last)
{
	memset(verdicts, 0xff, count);
	watch(true);
	int result = enter_guest(count, verdicts, last);
	watch(false);
	if (result)
		return -1;
	for (uint32_t i = 0; i < count; i++) {
		const struct entry *entry = &vm->batch[i];
		if (verdicts[i] != 0xff)
			continue; /* it exited */
		if (entry->status == STATUS_DONE)
			verdicts[i] = VERDICT_ALLOW;
		else if (entry->status == STATUS_GP)
			verdicts[i] = VERDICT_GP;
		else
			return vm_fail("MSR %#x: the guest saw #UD: the forced emulation prefix is off", entry->index);
		if (verdicts[i] == VERDICT_ALLOW && entry->write)
			mark_dirty(entry->index);
	}
	return 0;
}

static uint32_t fill_batch(uint32_t from, uint32_t count, bool emulator, const uint8_t *indices, const uint8_t *types,
			   const uint8_t *values)
{
	uint32_t n = 0;
	while (n < BATCH_CAPACITY && from + n < count) {
		struct entry *entry = &vm->batch[n];
		const uint32_t at = from + n++;
		memcpy(&entry->index, indices + 4 * (size_t)at, 4);
		entry->status = STATUS_DONE;
		entry->target = guest_address(guest_labels[vm->mode].operations[types[at] | (emulator ? 2 : 0)]);
		entry->write = types[at];
		entry->value = 0;
		if (values)
			memcpy(&entry->value, values + 8 * (size_t)at, 8);
		/* A write of APIC_BASE changes what the next access meets: the mode is put back before that. */
		if (entry->index == MSR_APIC_BASE && types[at])
			break;
	}
	vm->batch[n].target = guest_address(guest_labels[vm->mode].done);
	return n;
}

int vm_access(uint32_t count, bool emulator, const uint8_t *indices, const uint8_t *types, const uint8_t *values,
	      uint8_t *verdicts)
{
	if (vm->fd < 0)
		return vm_fail("there is no VM: RESET comes first");
	if (count == 0)
		return 0;
	if (vm_drop_leftover() || (vm->vcpu < 0 && vm_create_vcpu()))
		return vm_broken();
	if (access_finish_pending())
		return vm_broken();
	for (uint32_t at = 0; at < count;) {
		uint32_t n = fill_batch(at, count, emulator, indices, types, values);
		if (run_batch(n, verdicts + at, at + n == count))
			return vm_broken();
		const struct entry *last = &vm->batch[n - 1];
		if (vm->irqchip && last->index == MSR_APIC_BASE && verdicts[at + n - 1] == VERDICT_ALLOW) {
			int mode = vm->apic;
			vm->apic = -1;
			if (vm_set_apic(mode))
				return vm_broken();
		}
		at += n;
	}
	return 0;
}

int vm_reply(uint8_t error, uint64_t data, int *completion)
{
	*completion = COMPLETION_NO_EXIT;
	if (vm->fd < 0)
		return vm_fail("there is no VM: RESET comes first");
	if (!vm->pending)
		return 0;
	const struct entry *entry = &vm->batch[current()];
	vm->run->msr.error = error;
	if (!entry->write)
		vm->run->msr.data = data;
	if (access_finish_pending())
		return vm_broken();
	*completion = entry->status == STATUS_DONE ? COMPLETION_DONE : COMPLETION_GP;
	if (*completion == COMPLETION_DONE && !entry->write && entry[1].value != data) {
		vm_fail("RDMSR of MSR %#x returned %#llx, the reply was %#llx", entry->index,
		     (unsigned long long)entry[1].value, (unsigned long long)data);
		return vm_broken();
	}
	return 0;
}

int vm_race(uint32_t count, const uint8_t *indices, const uint8_t *types, uint8_t *seen, uint32_t *runs,
	    const volatile int *stop)
{
	static uint8_t verdicts[BATCH_CAPACITY];
	*runs = 0;
	while (!*stop) {
		if (vm_access(count, false, indices, types, NULL, verdicts))
			return -1;
		for (uint32_t i = 0; i < count; i++)
			seen[i] |= (uint8_t)(1u << verdicts[i]);
		++*runs;
	}
	return 0;
}
