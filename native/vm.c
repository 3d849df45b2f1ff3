#define _GNU_SOURCE
#include "vm.h"

#include "filter.h"
#include "guest.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/kvm.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <sys/utsname.h>
#include <unistd.h>

/* KVM_RUN that does not come back in this many seconds is an error. */
#define WATCHDOG_SECONDS 5
/* A VM is put back rather than made anew this many times: making one takes a millisecond, in an emulator 30. */
#define RESETS_PER_VM 1000
#define MAX_MSRS 1024
/* Successful writes that a reset undoes one by one; after more, the VM is made anew. */
#define MAX_DIRTY 256

#define MSR_APIC_BASE 0x1b
#define APIC_BASE_ADDRESS 0xfee00000u
#define APIC_BASE_BSP 0x100u
#define APIC_BASE_X2APIC 0x400u
#define APIC_BASE_ENABLE 0x800u
#define X2APIC_FIRST 0x800
#define X2APIC_LAST 0x8ff

char vm_error[256];

static int kvm = -1;
static int run_size;
static struct kvm_cpuid2 *cpuid;

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
	/* The statistics' data block at the last reset. */
	uint8_t *baseline;
};

/* One without and one with irqchip, because cases need now the one and now the other. */
static struct vm vms[2] = {{.fd = -1, .vcpu = -1, .stats = -1}, {.fd = -1, .vcpu = -1, .stats = -1}};
/* The one that was reset last. */
static struct vm *vm = &vms[0];

static struct {
	struct kvm_stats_header header;
	uint8_t *descriptors;
	size_t descriptor_size;
	size_t data_size;
	/* The data block now. */
	uint8_t *data;
} statistics;

static int fail(const char *format, ...) __attribute__((format(printf, 1, 2)));
static int fail(const char *format, ...)
{
	va_list arguments;
	va_start(arguments, format);
	vsnprintf(vm_error, sizeof(vm_error), format, arguments);
	va_end(arguments);
	return -1;
}

static int fail_errno(const char *what)
{
	return fail("%s: %s", what, strerror(errno));
}

static bool parameter_is_on(const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	char text = 'N';
	if (fd < 0)
		return false;
	if (read(fd, &text, 1) != 1)
		text = 'N';
	close(fd);
	return text == 'Y' || (text >= '1' && text <= '9');
}

bool vm_has_emulator(void)
{
	return parameter_is_on("/sys/module/kvm/parameters/force_emulation_prefix");
}

int vm_vendor(void)
{
	if (access("/sys/module/kvm_intel", F_OK) == 0)
		return 1;
	return access("/sys/module/kvm_amd", F_OK) == 0 ? 2 : 0;
}

void vm_describe(char *text, size_t size)
{
	struct utsname name;
	uname(&name);
	const char *module = vm_vendor() == 1 ? "kvm_intel" : vm_vendor() == 2 ? "kvm_amd" : "no vendor module";
	/* The version has a distribution's patch level, which the release need not. */
	snprintf(text, size, "Linux %s (%s), %s", name.release, name.version, module);
}

/* One timer for all, because setting one for every KVM_RUN costs as much as the run. */
static volatile sig_atomic_t watching, seconds_watched;

static void on_alarm(int signal)
{
	(void)signal;
	if (watching && ++seconds_watched > WATCHDOG_SECONDS && vm->run)
		vm->run->immediate_exit = 1;
}

int vm_open(void)
{
	kvm = open("/dev/kvm", O_RDWR | O_CLOEXEC);
	if (kvm < 0)
		return fail("/dev/kvm cannot be opened: %s", strerror(errno));
	if (ioctl(kvm, KVM_GET_API_VERSION, 0) != KVM_API_VERSION)
		return fail("/dev/kvm speaks another API version than %d", KVM_API_VERSION);
	if (ioctl(kvm, KVM_CHECK_EXTENSION, KVM_CAP_X86_MSR_FILTER) <= 0)
		return fail("this kernel has no KVM_CAP_X86_MSR_FILTER: Linux 5.10 or newer is needed");
	run_size = ioctl(kvm, KVM_GET_VCPU_MMAP_SIZE, 0);
	if (run_size < (int)sizeof(struct kvm_run))
		return fail_errno("KVM_GET_VCPU_MMAP_SIZE");

	cpuid = calloc(1, sizeof(*cpuid) + 256 * sizeof(struct kvm_cpuid_entry2));
	cpuid->nent = 256;
	if (ioctl(kvm, KVM_GET_SUPPORTED_CPUID, cpuid))
		return fail_errno("KVM_GET_SUPPORTED_CPUID");

	for (int i = 0; i < 2; i++) {
		vms[i].memory = mmap(NULL, GUEST_MEMORY, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		if (vms[i].memory == MAP_FAILED)
			return fail_errno("guest memory");
		vms[i].batch = (struct entry *)(vms[i].memory + GUEST_BATCH);
	}

	const struct sigaction action = {.sa_handler = on_alarm, .sa_flags = SA_RESTART};
	const struct itimerval second = {.it_interval.tv_sec = 1, .it_value.tv_sec = 1};
	sigaction(SIGALRM, &action, NULL);
	setitimer(ITIMER_REAL, &second, NULL);
	return 0;
}

int vm_fd(void)
{
	return vm->fd;
}

/* The guest's code by mode. */
static const struct guest_labels {
	const uint8_t *start, *gp, *ud, *done;
	/* By operation: bit 0 WRMSR, bit 1 forced emulation. */
	const uint8_t *operations[4];
} labels[] = {
	[MODE_LONG] = {guest_start64, guest_gp64, guest_ud64, guest_done64,
		       {guest_rdmsr64, guest_wrmsr64, guest_forced_rdmsr64, guest_forced_wrmsr64}},
	[MODE_PROTECTED] = {guest_start32, guest_gp32, guest_ud32, guest_done32,
			    {guest_rdmsr32, guest_wrmsr32, guest_forced_rdmsr32, guest_forced_wrmsr32}},
	[MODE_REAL] = {guest_start16, guest_gp16, guest_ud16, guest_done16,
		       {guest_rdmsr16, guest_wrmsr16, guest_forced_rdmsr16, guest_forced_wrmsr16}},
};

static uint32_t address_of(const uint8_t *label)
{
	return GUEST_CODE + (uint32_t)(label - guest_code);
}

/* The access that the guest was at when it exited. */
static uint32_t current(void)
{
	const uint64_t offset = vm->run->s.regs.regs.rsi - (vm->mode == MODE_REAL ? 0 : GUEST_BATCH);
	return offset < (uint64_t)BATCH_CAPACITY * ENTRY_SIZE ? (uint32_t)(offset / ENTRY_SIZE) : BATCH_CAPACITY;
}

static void write_gate64(int vector, uint32_t handler)
{
	uint64_t low = (handler & 0xffffu) | (0x08u << 16) | (uint64_t)(0x8e00u | (uint64_t)(handler >> 16) << 16) << 32;
	uint64_t gate[2] = {low, 0};
	memcpy(vm->memory + GUEST_IDT64 + vector * 16, gate, sizeof(gate));
}

static void write_gate32(int vector, uint32_t handler)
{
	uint64_t gate = (handler & 0xffffu) | (0x08u << 16) | (uint64_t)(0x8e00u | (uint64_t)(handler >> 16) << 16) << 32;
	memcpy(vm->memory + GUEST_IDT32 + vector * 8, &gate, sizeof(gate));
}

static void write_memory(void)
{
	static const uint64_t gdt64[] = {0, 0x00af9b000000ffff, 0x00cf93000000ffff};
	static const uint64_t gdt32[] = {0, 0x00cf9b000000ffff, 0x00cf93000000ffff};
	memset(vm->memory, 0, GUEST_MEMORY);
	memcpy(vm->memory + GUEST_CODE, guest_code, (size_t)(guest_code_end - guest_code));
	memcpy(vm->memory + GUEST_GDT, vm->mode == MODE_LONG ? gdt64 : gdt32, sizeof(gdt64));
	for (int vector = 6; vector <= 13; vector += 7) {
		write_gate64(vector, address_of(vector == 13 ? guest_gp64 : guest_ud64));
		write_gate32(vector, address_of(vector == 13 ? guest_gp32 : guest_ud32));
		/* IP and CS; the latter stays 0 */
		const uint16_t ip = (uint16_t)address_of(vector == 13 ? guest_gp16 : guest_ud16);
		memcpy(vm->memory + GUEST_IVT + vector * 4, &ip, sizeof(ip));
	}
	uint64_t table = GUEST_PDPT | 3;
	memcpy(vm->memory + GUEST_PML4, &table, 8);
	table = GUEST_PD | 3;
	memcpy(vm->memory + GUEST_PDPT, &table, 8);
	table = 0x83;
	memcpy(vm->memory + GUEST_PD, &table, 8);
}

static int set_registers(void)
{
	struct kvm_sregs sregs;
	struct kvm_regs regs = {.rflags = 2, .rsp = GUEST_STACK, .rip = address_of(labels[vm->mode].start)};
	if (ioctl(vm->vcpu, KVM_GET_SREGS, &sregs))
		return fail_errno("KVM_GET_SREGS");
	if (vm->mode == MODE_REAL) {
		sregs.cs.base = 0;
		sregs.cs.selector = 0;
		sregs.ss.base = sregs.ss.selector = 0;
		sregs.ds.base = sregs.es.base = GUEST_BATCH;
		sregs.ds.selector = sregs.es.selector = GUEST_BATCH >> 4;
		sregs.idt.base = GUEST_IVT;
		sregs.idt.limit = 0x3ff;
		
	} else {
		struct kvm_segment code = {
			.limit = 0xffffffff, .selector = 0x08, .type = 11, .present = 1, .s = 1, .g = 1,
			.l = vm->mode == MODE_LONG, .db = vm->mode != MODE_LONG,
		};
		struct kvm_segment data = code;
		data.selector = 0x10;
		data.type = 3;
		data.l = 0;
		data.db = 1;
		sregs.cs = code;
		sregs.ds = sregs.es = sregs.ss = sregs.fs = sregs.gs = data;
		sregs.gdt.base = GUEST_GDT;
		sregs.gdt.limit = 23;
		sregs.cr0 |= 1;
		if (vm->mode == MODE_LONG) {
			sregs.idt.base = GUEST_IDT64;
			sregs.idt.limit = 16 * 32 - 1;
			sregs.cr3 = GUEST_PML4;
			sregs.cr4 |= 1 << 5;
			sregs.cr0 |= 1u << 31;
			sregs.efer |= 0x500;
			
		} else {
			sregs.idt.base = GUEST_IDT32;
			sregs.idt.limit = 8 * 32 - 1;
			
		}
	}
	if (ioctl(vm->vcpu, KVM_SET_SREGS, &sregs))
		return fail_errno("KVM_SET_SREGS");
	if (ioctl(vm->vcpu, KVM_SET_REGS, &regs))
		return fail_errno("KVM_SET_REGS");
	return 0;
}

static int set_cpuid(void)
{
	const size_t size = sizeof(*cpuid) + cpuid->nent * sizeof(struct kvm_cpuid_entry2);
	struct kvm_cpuid2 *guest = malloc(size);
	memcpy(guest, cpuid, size);
	for (uint32_t i = 0; i < guest->nent; i++) {
		struct kvm_cpuid_entry2 *entry = &guest->entries[i];
		/* KVM reports the timer's deadline mode as a capability only. */
		if (entry->function == 1 && vm->irqchip && ioctl(kvm, KVM_CHECK_EXTENSION, KVM_CAP_TSC_DEADLINE_TIMER) > 0)
			entry->ecx |= 1u << 24;
		if (entry->function == 0 && (vm->options & VM_INTEL_CPUID)) {
			memcpy(&entry->ebx, "Genu", 4);
			memcpy(&entry->edx, "ineI", 4);
			memcpy(&entry->ecx, "ntel", 4);
		}
	}
	const int result = ioctl(vm->vcpu, KVM_SET_CPUID2, guest);
	free(guest);
	return result ? fail_errno("KVM_SET_CPUID2") : 0;
}

/* Reads the MSRs that KVM lists, so that a reset can undo writes. */
static int read_initial(void)
{
	struct kvm_msr_list *list = calloc(1, sizeof(*list) + MAX_MSRS * sizeof(uint32_t));
	list->nmsrs = MAX_MSRS;
	if (ioctl(kvm, KVM_GET_MSR_INDEX_LIST, list)) {
		free(list);
		return fail_errno("KVM_GET_MSR_INDEX_LIST");
	}
	free(vm->initial);
	const size_t size = sizeof(*vm->initial) + list->nmsrs * sizeof(struct kvm_msr_entry);
	vm->initial = calloc(1, size);
	struct kvm_msrs *rest = calloc(1, size);
	for (uint32_t at = 0; at < list->nmsrs;) {
		rest->nmsrs = list->nmsrs - at;
		for (uint32_t i = 0; i < rest->nmsrs; i++)
			rest->entries[i].index = list->indices[at + i];
		/* Reads up to the first that cannot be read. */
		const int count = ioctl(vm->vcpu, KVM_GET_MSRS, rest);
		if (count < 0)
			break;
		memcpy(&vm->initial->entries[vm->initial->nmsrs], rest->entries, (size_t)count * sizeof(rest->entries[0]));
		vm->initial->nmsrs += (uint32_t)count;
		at += (uint32_t)count + 1;
	}
	free(rest);
	free(list);
	return 0;
}

static int set_msr(struct kvm_msr_entry entry)
{
	struct {
		struct kvm_msrs head;
		struct kvm_msr_entry entry;
	} one = {.head.nmsrs = 1, .entry = entry};
	return ioctl(vm->vcpu, KVM_SET_MSRS, &one) == 1 ? 0 : -1;
}

static const struct kvm_stats_desc *descriptor(uint32_t number)
{
	return (const struct kvm_stats_desc *)(statistics.descriptors + number * statistics.descriptor_size);
}

static int open_statistics(void)
{
	vm->stats = ioctl(vm->vcpu, KVM_GET_STATS_FD, NULL);
	if (vm->stats < 0)
		return 0; /* before Linux 5.14 there are none, and STATS answers with an empty list */
	if (pread(vm->stats, &statistics.header, sizeof(statistics.header), 0) != (ssize_t)sizeof(statistics.header))
		return fail_errno("KVM_GET_STATS_FD header");
	const struct kvm_stats_header *header = &statistics.header;
	statistics.descriptor_size = sizeof(struct kvm_stats_desc) + header->name_size;
	size_t size = statistics.descriptor_size * header->num_desc;
	statistics.descriptors = realloc(statistics.descriptors, size);
	if (pread(vm->stats, statistics.descriptors, size, header->desc_offset) != (ssize_t)size)
		return fail_errno("KVM_GET_STATS_FD descriptors");
	statistics.data_size = 0;
	for (uint32_t i = 0; i < header->num_desc; i++) {
		const size_t end = descriptor(i)->offset + descriptor(i)->size * sizeof(uint64_t);
		if (end > statistics.data_size)
			statistics.data_size = end;
	}
	statistics.data = realloc(statistics.data, statistics.data_size);
	vm->baseline = realloc(vm->baseline, statistics.data_size);
	return 0;
}

static int read_statistics(uint8_t *data)
{
	if (pread(vm->stats, data, statistics.data_size, statistics.header.data_offset) == (ssize_t)statistics.data_size)
		return 0;
	return fail_errno("KVM_GET_STATS_FD data");
}

static int take_baseline(void)
{
	return vm->stats < 0 ? 0 : read_statistics(vm->baseline);
}

int vm_statistics(void (*each)(const char *name, uint64_t value, void *context), void *context)
{
	if (vm->stats < 0)
		return 0;
	if (read_statistics(statistics.data))
		return -1;
	for (uint32_t i = 0; i < statistics.header.num_desc; i++) {
		uint64_t now, before;
		if (descriptor(i)->size != 1)
			continue; /* a histogram */
		memcpy(&now, statistics.data + descriptor(i)->offset, sizeof(now));
		memcpy(&before, vm->baseline + descriptor(i)->offset, sizeof(before));
		each((const char *)(descriptor(i) + 1), now - before, context);
	}
	return 0;
}

static void destroy(void)
{
	if (vm->run)
		munmap(vm->run, (size_t)run_size);
	vm->run = NULL;
	if (vm->stats >= 0)
		close(vm->stats);
	if (vm->vcpu >= 0)
		close(vm->vcpu);
	if (vm->fd >= 0)
		close(vm->fd);
	vm->fd = vm->vcpu = vm->stats = -1;
}

/* Everything that fails leaves no VM behind. */
static int broken(void)
{
	destroy();
	return -1;
}

static int create_vcpu(void)
{
	vm->vcpu = ioctl(vm->fd, KVM_CREATE_VCPU, 0);
	if (vm->vcpu < 0)
		return fail_errno("KVM_CREATE_VCPU");
	vm->run = mmap(NULL, (size_t)run_size, PROT_READ | PROT_WRITE, MAP_SHARED, vm->vcpu, 0);
	if (vm->run == MAP_FAILED) {
		vm->run = NULL;
		return fail_errno("mapping kvm_run");
	}
	vm->run->kvm_valid_regs = KVM_SYNC_X86_REGS;
	write_memory();
	if (set_cpuid() || set_registers() || open_statistics() || read_initial())
		return -1;
	if (vm->irqchip) {
		const int wanted = vm->apic;
		vm->apic = -1;
		if (vm_set_apic(APIC_NONE))
			return -1;
		if (ioctl(vm->vcpu, KVM_GET_LAPIC, &vm->lapic))
			return fail_errno("KVM_GET_LAPIC");
		if (vm_set_apic(wanted))
			return -1;
	}
	return take_baseline();
}

static int create(int mode, bool irqchip, unsigned options)
{
	destroy();
	vm->mode = mode;
	vm->irqchip = irqchip;
	vm->options = options;
	vm->resets = 0;
	vm->apic = APIC_NONE;
	vm->pending = false;
	vm->dirty_count = 0;
	vm->dirty_lapic = false;
	vm->fd = ioctl(kvm, KVM_CREATE_VM, 0);
	if (vm->fd < 0)
		return fail_errno("KVM_CREATE_VM");
	/* kvm_intel without unrestricted guest runs real mode in a TSS and page table of its own. */
	uint64_t identity_map = 0xfffbc000;
	ioctl(vm->fd, KVM_SET_IDENTITY_MAP_ADDR, &identity_map);
	ioctl(vm->fd, KVM_SET_TSS_ADDR, 0xfffbd000);
	struct kvm_enable_cap cstates = {.cap = KVM_CAP_X86_DISABLE_EXITS, .args = {KVM_X86_DISABLE_EXITS_CSTATE}};
	if ((options & VM_CSTATES_IN_GUEST) && ioctl(vm->fd, KVM_ENABLE_CAP, &cstates))
		return fail_errno("KVM_CAP_X86_DISABLE_EXITS");
	if (irqchip && ioctl(vm->fd, KVM_CREATE_IRQCHIP, 0))
		return fail_errno("KVM_CREATE_IRQCHIP");
	struct kvm_userspace_memory_region region = {.memory_size = GUEST_MEMORY, .userspace_addr = (uintptr_t)vm->memory};
	if (ioctl(vm->fd, KVM_SET_USER_MEMORY_REGION, &region))
		return fail_errno("KVM_SET_USER_MEMORY_REGION");
	return options & VM_LATE_VCPU ? 0 : create_vcpu();
}

int vm_set_apic(int mode)
{
	if (mode == vm->apic)
		return 0;
	if (vm->fd >= 0 && vm->vcpu < 0 && vm->irqchip && vm->apic >= 0) {
		vm->apic = mode; /* for when the vCPU is made */
		return 0;
	}
	if (!vm->irqchip)
		return fail("an APIC mode was asked for in a VM without irqchip");
	static const uint32_t bits[] = {0, APIC_BASE_ENABLE, APIC_BASE_ENABLE | APIC_BASE_X2APIC};
	struct kvm_msr_entry entry = {.index = MSR_APIC_BASE, .data = APIC_BASE_ADDRESS | APIC_BASE_BSP | bits[mode]};
	if (set_msr(entry))
		return fail("KVM_SET_MSRS does not accept APIC_BASE %#llx", (unsigned long long)entry.data);
	vm->apic = mode;
	return 0;
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

/* Undoes what the guest wrote. Returns -1 where that cannot be done: the VM must be made anew. */
static int restore(void)
{
	if (vm->dirty_count > MAX_DIRTY)
		return -1;
	for (int i = 0; i < vm->dirty_count; i++)
		for (uint32_t n = 0; n < vm->initial->nmsrs; n++)
			if (vm->initial->entries[n].index == vm->dirty[i] && vm->dirty[i] != MSR_APIC_BASE &&
			    set_msr(vm->initial->entries[n]))
				return -1;
	if (vm->irqchip) {
		/* The guest may have written APIC_BASE behind our back. */
		vm->apic = -1;
		if (vm_set_apic(APIC_NONE))
			return -1;
		if (vm->dirty_lapic && ioctl(vm->vcpu, KVM_SET_LAPIC, &vm->lapic))
			return -1;
	}
	vm->dirty_count = 0;
	vm->dirty_lapic = false;
	return 0;
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
		return fail("KVM_RUN did not come back within %d s, at %s of MSR %#x", WATCHDOG_SECONDS,
			    entry->write ? "WRMSR" : "RDMSR", entry->index);
	}
	return fail("KVM_RUN: %s, at %s of MSR %#x", strerror(error), entry->write ? "WRMSR" : "RDMSR", entry->index);
}

static bool at_doorbell(int reason)
{
	return reason == KVM_EXIT_IO && vm->run->io.port == DOORBELL_PORT;
}

static int unexpected_exit(int reason)
{
	if (reason == KVM_EXIT_INTERNAL_ERROR)
		return fail("KVM_EXIT_INTERNAL_ERROR, suberror %u", vm->run->internal.suberror);
	if (reason == KVM_EXIT_FAIL_ENTRY)
		return fail("KVM_EXIT_FAIL_ENTRY, hardware reason %#llx",
			    (unsigned long long)vm->run->fail_entry.hardware_entry_failure_reason);
	return fail("unexpected exit reason %d", reason);
}

/* Checks what KVM says about an exit, and returns the verdict, or -1. */
static int exit_verdict(int reason)
{
	const struct entry *entry = &vm->batch[current()];
	const bool write = entry->write;
	if (reason != KVM_EXIT_X86_RDMSR && reason != KVM_EXIT_X86_WRMSR)
		return unexpected_exit(reason);
	if ((reason == KVM_EXIT_X86_WRMSR) != write || vm->run->msr.index != entry->index)
		return fail("%s exit for MSR %#x at %s of MSR %#x", reason == KVM_EXIT_X86_WRMSR ? "WRMSR" : "RDMSR",
			    vm->run->msr.index, write ? "WRMSR" : "RDMSR", entry->index);
	if (vm->run->msr.error != 0)
		return fail("kvm_run.msr.error is %u at an exit, not 0", vm->run->msr.error);
	if (vm->run->msr.data != (write ? entry->value : 0))
		return fail("kvm_run.msr.data is %#llx at the %s exit of MSR %#x", (unsigned long long)vm->run->msr.data,
			    write ? "WRMSR" : "RDMSR", entry->index);
	switch (vm->run->msr.reason) {
	case KVM_MSR_EXIT_REASON_FILTER: return VERDICT_FILTER;
	case KVM_MSR_EXIT_REASON_UNKNOWN: return VERDICT_UNKNOWN;
	case KVM_MSR_EXIT_REASON_INVAL: return VERDICT_INVAL;
	default: return fail("kvm_run.msr.reason is %u, which is no single reason", vm->run->msr.reason);
	}
}

/* Re-enters after the last exit, with kvm_run.msr as it is, and comes back at the doorbell. */
static int finish_pending(void)
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

int vm_reset(int mode, bool irqchip, unsigned options)
{
	vm = &vms[irqchip];
	const bool same = vm->vcpu >= 0 && vm->mode == mode && vm->options == 0 && options == 0;
	/* What is left of a VM that failed is not put back. */
	if (same && vm->resets++ < RESETS_PER_VM && finish_pending() == 0) {
		struct kvm_enable_cap mask = {.cap = KVM_CAP_X86_USER_SPACE_MSR};
		if (filter_remove(vm->fd) == 0 && ioctl(vm->fd, KVM_ENABLE_CAP, &mask) == 0 && restore() == 0)
			return take_baseline() ? broken() : 0;
	}
	return create(mode, irqchip, options) ? broken() : 0;
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
			return fail("MSR %#x: the guest saw #UD: the forced emulation prefix is off", entry->index);
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
		entry->target = address_of(labels[vm->mode].operations[types[at] | (emulator ? 2 : 0)]);
		entry->write = types[at];
		entry->value = 0;
		if (values)
			memcpy(&entry->value, values + 8 * (size_t)at, 8);
		/* A write of APIC_BASE changes what the next access meets: the mode is put back before that. */
		if (entry->index == MSR_APIC_BASE && types[at])
			break;
	}
	vm->batch[n].target = address_of(labels[vm->mode].done);
	return n;
}

int vm_access(uint32_t count, bool emulator, const uint8_t *indices, const uint8_t *types, const uint8_t *values,
	      uint8_t *verdicts)
{
	if (vm->fd < 0)
		return fail("there is no VM: RESET comes first");
	if (count == 0)
		return 0;
	if (vm->vcpu < 0 && create_vcpu())
		return broken();
	if (finish_pending())
		return broken();
	for (uint32_t at = 0; at < count;) {
		uint32_t n = fill_batch(at, count, emulator, indices, types, values);
		if (run_batch(n, verdicts + at, at + n == count))
			return broken();
		const struct entry *last = &vm->batch[n - 1];
		if (vm->irqchip && last->index == MSR_APIC_BASE && verdicts[at + n - 1] == VERDICT_ALLOW) {
			int mode = vm->apic;
			vm->apic = -1;
			if (vm_set_apic(mode))
				return broken();
		}
		at += n;
	}
	return 0;
}

int vm_reply(uint8_t error, uint64_t data, int *completion)
{
	*completion = COMPLETION_NO_EXIT;
	if (vm->fd < 0)
		return fail("there is no VM: RESET comes first");
	if (!vm->pending)
		return 0;
	const struct entry *entry = &vm->batch[current()];
	vm->run->msr.error = error;
	if (!entry->write)
		vm->run->msr.data = data;
	if (finish_pending())
		return broken();
	*completion = entry->status == STATUS_DONE ? COMPLETION_DONE : COMPLETION_GP;
	if (*completion == COMPLETION_DONE && !entry->write && entry[1].value != data) {
		fail("RDMSR of MSR %#x returned %#llx, the reply was %#llx", entry->index,
		     (unsigned long long)entry[1].value, (unsigned long long)data);
		return broken();
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
