/*
 * The functions of the KVM selftest library that exported selftests use, on /dev/kvm. As there, the guest runs in long
 * mode in a copy of the program, at the same addresses, so that what the host changes has to be synced. For programs
 * that are linked with -static -no-pie.
 */
#include <stdarg.h>

#include "processor.h"

#define CHECK(call) TEST_ASSERT((call) >= 0, "errno %d", errno)

/* Guest-physical addresses, which are the virtual ones too. */
enum { PAGE = 4096, SUPPORT = 0x10000, PML4 = 0x10000, PDPT = 0x11000, PD = 0x12000, IDT = 0x13000, GDT = 0x14000 };
enum { STACK_TOP = 0x1fff8, SUPPORT_END = 0x20000, UCALL_PORT = 0x4 };

extern char __executable_start[], _end[];
extern char gp_handler[];

bool is_forced_emulation_enabled;

static uint8_t *support, *image;
static uint64_t image_start;
static int kvm = -1;

/* #GP pushes an error code; the program's fixup address is in r11. */
asm(".pushsection .text\n"
    "gp_handler:\n"
    "	pop %r10\n"
    "	mov %r11, (%rsp)\n"
    "	mov $13, %r9d\n"
    "	iretq\n"
    ".popsection\n");

void test_assert(bool exp, const char *exp_str, const char *file, unsigned int line, const char *fmt, ...)
{
	va_list args;

	if (exp)
		return;
	fprintf(stderr, "%s:%u: %s: ", file, line, exp_str);
	va_start(args, fmt);
	vfprintf(stderr, fmt, args);
	va_end(args);
	fprintf(stderr, "\n");
	exit(254);
}

static int kvm_fd(void)
{
	if (kvm < 0)
		CHECK(kvm = open("/dev/kvm", O_RDWR));
	return kvm;
}

bool kvm_has_cap(long cap)
{
	FILE *parameter = fopen("/sys/module/kvm/parameters/force_emulation_prefix", "r");

	if (parameter) {
		int value = fgetc(parameter);
		is_forced_emulation_enabled = value != '0' && value != 'N';
		fclose(parameter);
	}
	return ioctl(kvm_fd(), KVM_CHECK_EXTENSION, cap) > 0;
}

static void add_memory(struct kvm_vm *vm, uint32_t slot, uint64_t start, uint8_t *memory, size_t size)
{
	struct kvm_userspace_memory_region region = {
		.slot = slot, .guest_phys_addr = start, .memory_size = size, .userspace_addr = (uintptr_t)memory,
	};

	CHECK(ioctl(vm->fd, KVM_SET_USER_MEMORY_REGION, &region));
}

static uint8_t *zeroes(size_t size)
{
	uint8_t *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	TEST_ASSERT(memory != MAP_FAILED, "mmap");
	return memory;
}

static void copy_program(struct kvm_vm *vm)
{
	uint64_t start = (uint64_t)__executable_start & ~(uint64_t)(PAGE - 1);
	size_t size = ((uint64_t)_end - start + PAGE - 1) & ~(size_t)(PAGE - 1);
	int memory = open("/proc/self/mem", O_RDONLY);

	CHECK(memory);
	image_start = start;
	image = zeroes(size);
	/* Page by page: between two segments there may be none. */
	for (size_t at = 0; at < size; at += PAGE)
		if (pread(memory, image + at, PAGE, start + at) < 0)
			continue;
	close(memory);
	add_memory(vm, 1, start, image, size);
}

static void fill_tables(void)
{
	uint64_t *pml4 = (uint64_t *)(support + PML4 - SUPPORT), *pdpt = (uint64_t *)(support + PDPT - SUPPORT);
	uint64_t *pd = (uint64_t *)(support + PD - SUPPORT), *gdt = (uint64_t *)(support + GDT - SUPPORT);
	uint64_t *gate = (uint64_t *)(support + IDT - SUPPORT) + GP_VECTOR * 2, handler = (uint64_t)gp_handler;

	pml4[0] = PDPT | 3;
	pdpt[0] = PD | 3;
	for (uint64_t i = 0; i < 512; i++)
		pd[i] = i << 21 | 0x83;
	gdt[1] = 0x00af9b000000ffffull;
	gdt[2] = 0x00cf93000000ffffull;
	gate[0] = (handler & 0xffff) | 8 << 16 | 0x8e00ull << 32 | (handler >> 16 & 0xffff) << 48;
	gate[1] = handler >> 32;
}

static void enter_long_mode(struct kvm_vcpu *vcpu, void *guest_code)
{
	struct kvm_regs regs = {.rip = (uint64_t)guest_code, .rsp = STACK_TOP, .rflags = 2};
	struct kvm_segment code = {
		.selector = 8, .limit = 0xffffffff, .type = 11, .present = 1, .s = 1, .l = 1, .g = 1,
	};
	struct kvm_segment data = {
		.selector = 16, .limit = 0xffffffff, .type = 3, .present = 1, .s = 1, .db = 1, .g = 1,
	};
	struct kvm_sregs sregs;

	vcpu_sregs_get(vcpu, &sregs);
	sregs.cs = code;
	sregs.ds = sregs.es = sregs.fs = sregs.gs = sregs.ss = data;
	sregs.tr.type = 11;
	sregs.tr.s = 0;
	sregs.tr.present = 1;
	sregs.tr.limit = 0xffff;
	sregs.gdt.base = GDT;
	sregs.gdt.limit = 3 * 8 - 1;
	sregs.idt.base = IDT;
	sregs.idt.limit = PAGE - 1;
	sregs.cr0 = 0x80000031;
	sregs.cr3 = PML4;
	sregs.cr4 = 0x620;
	sregs.efer = 0x500;
	vcpu_sregs_set(vcpu, &sregs);
	CHECK(ioctl(vcpu->fd, KVM_SET_REGS, &regs));
}

struct kvm_vm *vm_create_with_one_vcpu(struct kvm_vcpu **vcpu, void *guest_code)
{
	static struct {
		struct kvm_cpuid2 head;
		struct kvm_cpuid_entry2 entries[256];
	} cpuid = {.head.nent = 256};
	struct kvm_vm *vm = calloc(1, sizeof(*vm));
	int size;

	*vcpu = calloc(1, sizeof(**vcpu));
	CHECK(vm->fd = ioctl(kvm_fd(), KVM_CREATE_VM, 0));
	CHECK(ioctl(vm->fd, KVM_SET_TSS_ADDR, 0xfffbd000));
	CHECK(ioctl(vm->fd, KVM_CREATE_IRQCHIP, 0));
	support = zeroes(SUPPORT_END - SUPPORT);
	add_memory(vm, 0, SUPPORT, support, SUPPORT_END - SUPPORT);
	fill_tables();
	copy_program(vm);
	(*vcpu)->vm = vm;
	CHECK((*vcpu)->fd = ioctl(vm->fd, KVM_CREATE_VCPU, 0));
	CHECK(ioctl(kvm_fd(), KVM_GET_SUPPORTED_CPUID, &cpuid));
	CHECK(ioctl((*vcpu)->fd, KVM_SET_CPUID2, &cpuid));
	CHECK(size = ioctl(kvm_fd(), KVM_GET_VCPU_MMAP_SIZE, 0));
	(*vcpu)->run = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, (*vcpu)->fd, 0);
	TEST_ASSERT((*vcpu)->run != MAP_FAILED, "mmap");
	enter_long_mode(*vcpu, guest_code);
	return vm;
}

void kvm_vm_free(struct kvm_vm *vm)
{
	close(vm->fd);
	free(vm);
}

void vcpu_run(struct kvm_vcpu *vcpu)
{
	CHECK(ioctl(vcpu->fd, KVM_RUN, 0));
}

void vcpu_sregs_get(struct kvm_vcpu *vcpu, struct kvm_sregs *sregs)
{
	CHECK(ioctl(vcpu->fd, KVM_GET_SREGS, sregs));
}

void vcpu_sregs_set(struct kvm_vcpu *vcpu, struct kvm_sregs *sregs)
{
	CHECK(ioctl(vcpu->fd, KVM_SET_SREGS, sregs));
}

void vm_enable_cap(struct kvm_vm *vm, uint32_t cap, uint64_t arg0)
{
	struct kvm_enable_cap enable_cap = {.cap = cap, .args = {arg0}};

	vm_ioctl(vm, KVM_ENABLE_CAP, &enable_cap);
}

void *addr_gva2hva(struct kvm_vm *vm, uint64_t gva)
{
	(void)vm;
	return gva >= SUPPORT && gva < SUPPORT_END ? support + (gva - SUPPORT) : image + (gva - image_start);
}

/* Runs in the guest. */
void ucall(uint64_t cmd, int nargs, ...)
{
	struct ucall uc = {.cmd = cmd};
	va_list args;

	va_start(args, nargs);
	for (int i = 0; i < nargs; i++)
		uc.args[i] = va_arg(args, uint64_t);
	va_end(args);
	asm volatile("out %%al, %[port]" : : [port] "i"(UCALL_PORT), "D"(&uc), "a"(0) : "memory");
}

uint64_t get_ucall(struct kvm_vcpu *vcpu, struct ucall *uc)
{
	struct kvm_regs regs;

	if (vcpu->run->exit_reason != KVM_EXIT_IO || vcpu->run->io.port != UCALL_PORT)
		return UCALL_NONE;
	CHECK(ioctl(vcpu->fd, KVM_GET_REGS, &regs));
	*uc = *(struct ucall *)addr_gva2hva(vcpu->vm, regs.rdi);
	return uc->cmd;
}
