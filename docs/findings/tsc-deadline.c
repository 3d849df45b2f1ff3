/*
 * Divergence fa5aaa2019aab740: verdict of kvm-vmx@7.3, rules of profile 6.18
 *
 * Runs on /dev/kvm: cc -o reproducer reproducer.c && ./reproducer
 * Exit status: 0 every access ended as the documentation says, 1 one did not, 2 the program could not run.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/kvm.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

enum verdict { ALLOW, GP, EXIT_FILTER, EXIT_UNKNOWN, EXIT_INVAL, ANY };
static const char *const verdict_names[] = {
	"allow", "#GP", "exit to user space, FILTER", "exit to user space, UNKNOWN", "exit to user space, INVAL",
};

enum apic_mode { APIC_NONE, APIC_XAPIC, APIC_X2APIC };

/* Addresses of the guest's code, in real mode. */
enum operation { RDMSR = 0x1000, WRMSR = 0x1010, FORCED_RDMSR = 0x1020, FORCED_WRMSR = 0x1030 };
enum { FAULTED = 0x1040, DONE_PORT = 0xf0, FAULT_PORT = 0xf1 };

static int vm, vcpu;
static struct kvm_run *run;
static struct kvm_msr_filter filter;
static int wrong, pending;

static void die(const char *what)
{
	fprintf(stderr, "%s: %s\n", what, strerror(errno));
	exit(2);
}

static void enable_cap(uint32_t number, uint32_t flags, uint64_t argument)
{
	struct kvm_enable_cap cap = {.cap = number, .flags = flags, .args = {argument}};
	int result = ioctl(vm, KVM_ENABLE_CAP, &cap) ? -errno : 0;
	printf("KVM_ENABLE_CAP(%u, %#llx): %d\n", number, (unsigned long long)argument, result);
}

static void clear_filter(uint32_t flags)
{
	memset(&filter, 0, sizeof(filter));
	filter.flags = flags;
}

static void set_range(int slot, uint32_t flags, uint32_t nmsrs, uint32_t base, void *bitmap)
{
	filter.ranges[slot] =
		(struct kvm_msr_filter_range){.flags = flags, .nmsrs = nmsrs, .base = base, .bitmap = bitmap};
}

static void set_filter(void)
{
	int result = ioctl(vm, KVM_X86_SET_MSR_FILTER, &filter) ? -errno : 0;
	printf("KVM_X86_SET_MSR_FILTER: %d\n", result);
}

static void set_apic_mode(enum apic_mode mode)
{
	static const uint64_t bits[] = {0, 0x800, 0xc00};
	struct kvm_sregs sregs;
	if (ioctl(vcpu, KVM_GET_SREGS, &sregs))
		die("KVM_GET_SREGS");
	sregs.apic_base = 0xfee00100 | bits[mode];
	if (ioctl(vcpu, KVM_SET_SREGS, &sregs))
		die("KVM_SET_SREGS");
}

/* Lets the guest go on until it is done with its instruction: DONE_PORT or FAULT_PORT. */
static int finish(void)
{
	pending = 0;
	if (ioctl(vcpu, KVM_RUN, 0))
		die("KVM_RUN");
	if (run->exit_reason != KVM_EXIT_IO) {
		fprintf(stderr, "unexpected exit reason %u\n", run->exit_reason);
		exit(2);
	}
	return run->io.port;
}

static void access_msr(enum operation operation, uint32_t index, uint64_t value, enum verdict expected)
{
	struct kvm_regs regs = {
		.rip = operation, .rsp = 0x800, .rflags = 2, .rcx = index, .rax = (uint32_t)value, .rdx = value >> 32,
	};
	const int write = operation == WRMSR || operation == FORCED_WRMSR;
	enum verdict verdict;
	if (pending)
		finish();
	if (ioctl(vcpu, KVM_SET_REGS, &regs))
		die("KVM_SET_REGS");
	if (ioctl(vcpu, KVM_RUN, 0))
		die("KVM_RUN");
	if (run->exit_reason == KVM_EXIT_X86_RDMSR || run->exit_reason == KVM_EXIT_X86_WRMSR) {
		pending = 1;
		verdict = run->msr.reason == KVM_MSR_EXIT_REASON_FILTER	   ? EXIT_FILTER
			  : run->msr.reason == KVM_MSR_EXIT_REASON_UNKNOWN ? EXIT_UNKNOWN
									   : EXIT_INVAL;
	} else if (run->exit_reason == KVM_EXIT_IO)
		verdict = run->io.port == FAULT_PORT ? GP : ALLOW;
	else {
		fprintf(stderr, "unexpected exit reason %u\n", run->exit_reason);
		exit(2);
	}
	printf("%s %#x: %s", write ? "WRMSR" : "RDMSR", index, verdict_names[verdict]);
	if (expected != ANY && verdict != expected) {
		printf(", WRONG: expected %s", verdict_names[expected]);
		wrong = 1;
	}
	printf("\n");
}

__attribute__((unused)) static void reply(uint8_t error, uint64_t data)
{
	int port;
	if (!pending) {
		printf("no exit is pending\n");
		return;
	}
	run->msr.error = error;
	run->msr.data = data;
	port = finish();
	printf("after the reply: %s\n", port == FAULT_PORT ? "#GP" : "done");
}

static void make_vm(int irqchip)
{
	static const uint8_t code[] = {
		[0x00] = 0x0f, 0x32, 0xe6, DONE_PORT,				      /* rdmsr; out */
		[0x10] = 0x0f, 0x30, 0xe6, DONE_PORT,				      /* wrmsr; out */
		[0x20] = 0x0f, 0x0b, 'k', 'v', 'm', 0x0f, 0x32, 0xe6, DONE_PORT,      /* the same, emulated */
		[0x30] = 0x0f, 0x0b, 'k', 'v', 'm', 0x0f, 0x30, 0xe6, DONE_PORT,
		[0x40] = 0xe6, FAULT_PORT,					      /* #GP */
	};
	static struct {
		struct kvm_cpuid2 head;
		struct kvm_cpuid_entry2 entries[256];
	} cpuid = {.head.nent = 256};
	struct kvm_userspace_memory_region region = {.memory_size = 0x2000};
	struct kvm_sregs sregs;
	uint16_t handler = FAULTED;
	uint8_t *memory = mmap(NULL, 0x2000, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	int kvm = open("/dev/kvm", O_RDWR);
	if (kvm < 0)
		die("/dev/kvm");
	memcpy(memory + RDMSR, code, sizeof(code));
	memcpy(memory + 13 * 4, &handler, sizeof(handler));
	vm = ioctl(kvm, KVM_CREATE_VM, 0);
	if (vm < 0)
		die("KVM_CREATE_VM");
	ioctl(vm, KVM_SET_TSS_ADDR, 0xfffbd000);
	if (irqchip && ioctl(vm, KVM_CREATE_IRQCHIP, 0))
		die("KVM_CREATE_IRQCHIP");
	region.userspace_addr = (uintptr_t)memory;
	if (ioctl(vm, KVM_SET_USER_MEMORY_REGION, &region))
		die("KVM_SET_USER_MEMORY_REGION");
	vcpu = ioctl(vm, KVM_CREATE_VCPU, 0);
	if (vcpu < 0)
		die("KVM_CREATE_VCPU");
	if (ioctl(kvm, KVM_GET_SUPPORTED_CPUID, &cpuid) || ioctl(vcpu, KVM_SET_CPUID2, &cpuid))
		die("KVM_SET_CPUID2");
	run = mmap(NULL, ioctl(kvm, KVM_GET_VCPU_MMAP_SIZE, 0), PROT_READ | PROT_WRITE, MAP_SHARED, vcpu, 0);
	if (ioctl(vcpu, KVM_GET_SREGS, &sregs))
		die("KVM_GET_SREGS");
	sregs.cs.base = 0;
	sregs.cs.selector = 0;
	if (ioctl(vcpu, KVM_SET_SREGS, &sregs))
		die("KVM_SET_SREGS");
	if (irqchip)
		set_apic_mode(APIC_NONE);
}

static uint8_t bitmap_0_0[] = {
	0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
};

int main(void)
{
	setvbuf(stdout, NULL, _IONBF, 0);
	make_vm(0);
	clear_filter(0x0);
	set_range(0, 0x2, 1, 0x6e0, bitmap_0_0);
	set_filter();
	access_msr(WRMSR, 0x6e0, 0x0ull, GP);
	printf(wrong ? "WRONG\n" : "as documented\n");
	return wrong;
}
