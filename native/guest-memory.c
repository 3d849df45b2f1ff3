#define _GNU_SOURCE
#include "vm-state.h"

#include <string.h>
#include <sys/ioctl.h>

const struct guest_labels guest_labels[] = {
	[MODE_LONG] = {guest_start64, guest_gp64, guest_ud64, guest_done64,
		       {guest_rdmsr64, guest_wrmsr64, guest_forced_rdmsr64, guest_forced_wrmsr64}},
	[MODE_PROTECTED] = {guest_start32, guest_gp32, guest_ud32, guest_done32,
			    {guest_rdmsr32, guest_wrmsr32, guest_forced_rdmsr32, guest_forced_wrmsr32}},
	[MODE_REAL] = {guest_start16, guest_gp16, guest_ud16, guest_done16,
		       {guest_rdmsr16, guest_wrmsr16, guest_forced_rdmsr16, guest_forced_wrmsr16}},
};

uint32_t guest_address(const uint8_t *label)
{
	return GUEST_CODE + (uint32_t)(label - guest_code);
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
		write_gate64(vector, guest_address(vector == 13 ? guest_gp64 : guest_ud64));
		write_gate32(vector, guest_address(vector == 13 ? guest_gp32 : guest_ud32));
		/* IP and CS; the latter stays 0 */
		const uint16_t ip = (uint16_t)guest_address(vector == 13 ? guest_gp16 : guest_ud16);
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
	struct kvm_regs regs = {.rflags = 2, .rsp = GUEST_STACK, .rip = guest_address(guest_labels[vm->mode].start)};
	if (ioctl(vm->vcpu, KVM_GET_SREGS, &sregs))
		return vm_fail_errno("KVM_GET_SREGS");
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
		return vm_fail_errno("KVM_SET_SREGS");
	if (ioctl(vm->vcpu, KVM_SET_REGS, &regs))
		return vm_fail_errno("KVM_SET_REGS");
	return 0;
}

int guest_prepare(void)
{
	write_memory();
	return set_registers();
}
