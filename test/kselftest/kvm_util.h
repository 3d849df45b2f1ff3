/* As test_util.h: the part of kvm_util.h, ucall_common.h and x86/kvm_util_arch.h that exported selftests use. */
#ifndef KVM_UTIL_H
#define KVM_UTIL_H

#include <linux/kvm.h>
#include <sys/ioctl.h>

#include "test_util.h"

struct kvm_vm {
	int fd;
};

struct kvm_vcpu {
	int fd;
	struct kvm_vm *vm;
	struct kvm_run *run;
};

enum { UCALL_NONE, UCALL_SYNC, UCALL_ABORT, UCALL_DONE };

struct ucall {
	uint64_t cmd;
	uint64_t args[7];
};

extern bool is_forced_emulation_enabled;

bool kvm_has_cap(long cap);
struct kvm_vm *vm_create_with_one_vcpu(struct kvm_vcpu **vcpu, void *guest_code);
void kvm_vm_free(struct kvm_vm *vm);
void vcpu_run(struct kvm_vcpu *vcpu);
void vcpu_sregs_get(struct kvm_vcpu *vcpu, struct kvm_sregs *sregs);
void vcpu_sregs_set(struct kvm_vcpu *vcpu, struct kvm_sregs *sregs);
void vm_enable_cap(struct kvm_vm *vm, uint32_t cap, uint64_t arg0);
void *addr_gva2hva(struct kvm_vm *vm, uint64_t gva);
uint64_t get_ucall(struct kvm_vcpu *vcpu, struct ucall *uc);
void ucall(uint64_t cmd, int nargs, ...);

/* The kernel's checks the argument's size too. */
#define __vm_ioctl(vm, cmd, arg)                                                                                       \
	({                                                                                                             \
		_Static_assert(sizeof(*(arg)) == _IOC_SIZE(cmd), "size of the argument");                              \
		ioctl((vm)->fd, cmd, arg);                                                                             \
	})

#define vm_ioctl(vm, cmd, arg)                                                                                         \
	({                                                                                                             \
		int ret = __vm_ioctl(vm, cmd, arg);                                                                    \
		TEST_ASSERT(!ret, "%s failed, errno %d", #cmd, errno);                                                 \
	})

#define sync_global_to_guest(vm, g) memcpy(addr_gva2hva(vm, (uint64_t)&(g)), &(g), sizeof(g))

#define GUEST_SYNC(stage) ucall(UCALL_SYNC, 2, "hello", stage)
#define GUEST_ASSERT(condition)                                                                                        \
	do {                                                                                                           \
		if (!(condition))                                                                                      \
			ucall(UCALL_ABORT, 3, #condition, __FILE__, __LINE__);                                         \
	} while (0)
#define REPORT_GUEST_ASSERT(uc) TEST_FAIL("guest: %s", (const char *)(uc).args[0])

#endif
