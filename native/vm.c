#define _GNU_SOURCE
#include "vm-state.h"

#include "filter.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/utsname.h>
#include <unistd.h>

/* A VM is put back rather than made anew this many times: making one takes a millisecond, in an emulator 30. */
#define RESETS_PER_VM 1000
#define MAX_MSRS 1024

#define APIC_BASE_ADDRESS 0xfee00000u
#define APIC_BASE_BSP 0x100u
#define APIC_BASE_X2APIC 0x400u
#define APIC_BASE_ENABLE 0x800u

char vm_error[256];

static int kvm = -1;
static int run_size;
static struct kvm_cpuid2 *cpuid;

/* One without and one with irqchip, because cases need now the one and now the other. */
static struct vm vms[2] = {{.fd = -1, .vcpu = -1, .stats = -1}, {.fd = -1, .vcpu = -1, .stats = -1}};
struct vm *vm = &vms[0];

int vm_fail(const char *format, ...)
{
	va_list arguments;
	va_start(arguments, format);
	vsnprintf(vm_error, sizeof(vm_error), format, arguments);
	va_end(arguments);
	return -1;
}

int vm_fail_errno(const char *what)
{
	return vm_fail("%s: %s", what, strerror(errno));
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

int vm_open(void)
{
	kvm = open("/dev/kvm", O_RDWR | O_CLOEXEC);
	if (kvm < 0)
		return vm_fail("/dev/kvm cannot be opened: %s", strerror(errno));
	if (ioctl(kvm, KVM_GET_API_VERSION, 0) != KVM_API_VERSION)
		return vm_fail("/dev/kvm speaks another API version than %d", KVM_API_VERSION);
	if (ioctl(kvm, KVM_CHECK_EXTENSION, KVM_CAP_X86_MSR_FILTER) <= 0)
		return vm_fail("this kernel has no KVM_CAP_X86_MSR_FILTER: Linux 5.10 or newer is needed");
	run_size = ioctl(kvm, KVM_GET_VCPU_MMAP_SIZE, 0);
	if (run_size < (int)sizeof(struct kvm_run))
		return vm_fail_errno("KVM_GET_VCPU_MMAP_SIZE");

	cpuid = calloc(1, sizeof(*cpuid) + 256 * sizeof(struct kvm_cpuid_entry2));
	cpuid->nent = 256;
	if (ioctl(kvm, KVM_GET_SUPPORTED_CPUID, cpuid))
		return vm_fail_errno("KVM_GET_SUPPORTED_CPUID");

	for (int i = 0; i < 2; i++) {
		vms[i].memory = mmap(NULL, GUEST_MEMORY, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		if (vms[i].memory == MAP_FAILED)
			return vm_fail_errno("guest memory");
		vms[i].batch = (struct entry *)(vms[i].memory + GUEST_BATCH);
	}

	return access_open();
}

int vm_fd(void)
{
	return vm->fd;
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
	return result ? vm_fail_errno("KVM_SET_CPUID2") : 0;
}

/* Reads the MSRs that KVM lists, so that a reset can undo writes. */
static int read_initial(void)
{
	struct kvm_msr_list *list = calloc(1, sizeof(*list) + MAX_MSRS * sizeof(uint32_t));
	list->nmsrs = MAX_MSRS;
	if (ioctl(kvm, KVM_GET_MSR_INDEX_LIST, list)) {
		free(list);
		return vm_fail_errno("KVM_GET_MSR_INDEX_LIST");
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
int vm_broken(void)
{
	destroy();
	return -1;
}

int vm_create_vcpu(void)
{
	vm->vcpu = ioctl(vm->fd, KVM_CREATE_VCPU, 0);
	if (vm->vcpu < 0)
		return vm_fail_errno("KVM_CREATE_VCPU");
	vm->run = mmap(NULL, (size_t)run_size, PROT_READ | PROT_WRITE, MAP_SHARED, vm->vcpu, 0);
	if (vm->run == MAP_FAILED) {
		vm->run = NULL;
		return vm_fail_errno("mapping kvm_run");
	}
	vm->run->kvm_valid_regs = KVM_SYNC_X86_REGS;
	if (set_cpuid() || guest_prepare() || statistics_open() || read_initial())
		return -1;
	if (vm->irqchip) {
		const int wanted = vm->apic;
		vm->apic = -1;
		if (vm_set_apic(APIC_NONE))
			return -1;
		if (ioctl(vm->vcpu, KVM_GET_LAPIC, &vm->lapic))
			return vm_fail_errno("KVM_GET_LAPIC");
		if (vm_set_apic(wanted))
			return -1;
	}
	return 0;
}

static int create(int mode, bool irqchip, unsigned options)
{
	destroy();
	vm->mode = mode;
	vm->irqchip = irqchip;
	vm->options = options;
	vm->resets = 0;
	vm->apic = APIC_NONE;
	vm->pending = vm->filtered = vm->leftover = false;
	vm->dirty_count = 0;
	vm->dirty_lapic = false;
	/* mm_take_all_locks() (mm/mmap.c) gives up when a signal is pending, as the watchdog's is once a second. */
	do
		vm->fd = ioctl(kvm, KVM_CREATE_VM, 0);
	while (vm->fd < 0 && errno == EINTR);
	if (vm->fd < 0)
		return vm_fail_errno("KVM_CREATE_VM");
	/* kvm_intel without unrestricted guest runs real mode in a TSS and page table of its own. */
	uint64_t identity_map = 0xfffbc000;
	ioctl(vm->fd, KVM_SET_IDENTITY_MAP_ADDR, &identity_map);
	ioctl(vm->fd, KVM_SET_TSS_ADDR, 0xfffbd000);
	struct kvm_enable_cap cstates = {.cap = KVM_CAP_X86_DISABLE_EXITS, .args = {KVM_X86_DISABLE_EXITS_CSTATE}};
	if ((options & VM_CSTATES_IN_GUEST) && ioctl(vm->fd, KVM_ENABLE_CAP, &cstates))
		return vm_fail_errno("KVM_CAP_X86_DISABLE_EXITS");
	if (irqchip && ioctl(vm->fd, KVM_CREATE_IRQCHIP, 0))
		return vm_fail_errno("KVM_CREATE_IRQCHIP");
	struct kvm_userspace_memory_region region = {.memory_size = GUEST_MEMORY, .userspace_addr = (uintptr_t)vm->memory};
	if (ioctl(vm->fd, KVM_SET_USER_MEMORY_REGION, &region))
		return vm_fail_errno("KVM_SET_USER_MEMORY_REGION");
	return options & VM_LATE_VCPU ? 0 : vm_create_vcpu();
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
		return vm_fail("an APIC mode was asked for in a VM without irqchip");
	static const uint32_t bits[] = {0, APIC_BASE_ENABLE, APIC_BASE_ENABLE | APIC_BASE_X2APIC};
	struct kvm_msr_entry entry = {.index = MSR_APIC_BASE, .data = APIC_BASE_ADDRESS | APIC_BASE_BSP | bits[mode]};
	if (set_msr(entry))
		return vm_fail("KVM_SET_MSRS does not accept APIC_BASE %#llx", (unsigned long long)entry.data);
	vm->apic = mode;
	return 0;
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

/* Most cases set a filter before the first access, so the last case's is not taken away for nothing. */
int vm_drop_leftover(void)
{
	if (!vm->leftover)
		return 0;
	vm->leftover = vm->filtered = false;
	return filter_remove(vm->fd) ? vm_fail("the last filter cannot be taken away") : 0;
}

int vm_set_filter(const struct filter_request *filter)
{
	const int result = filter_set(vm->fd, filter);
	if (result == 0) {
		vm->filtered = true;
		vm->leftover = false;
	}
	return result;
}

int vm_reset(int mode, bool irqchip, unsigned options)
{
	vm = &vms[irqchip];
	const bool same = vm->vcpu >= 0 && vm->mode == mode && vm->options == 0 && options == 0;
	/* What is left of a VM that failed is not put back. */
	if (same && vm->resets++ < RESETS_PER_VM && access_finish_pending() == 0) {
		const struct kvm_enable_cap mask = {.cap = KVM_CAP_X86_USER_SPACE_MSR};
		vm->leftover = vm->filtered;
		if (ioctl(vm->fd, KVM_ENABLE_CAP, &mask) == 0 && restore() == 0)
			return 0;
	}
	return create(mode, irqchip, options) ? vm_broken() : 0;
}
