/*
 * What the guest runs: a batch of RDMSR and WRMSR in shared memory, each entry with the address of the code for its
 * operation, so that one access takes few instructions: where there is no hardware to run the guest, KVM emulates each
 * of them. Three builds, for real, protected and long mode. The bytes from guest_code to guest_code_end are copied to
 * GUEST_CODE in guest-physical memory, which is mapped one to one. No segment but the flat ones is used, and neither
 * FS nor GS, whose bases are MSRs under test.
 */
#include "guest.h"

.section .rodata
.global guest_code, guest_code_end
.global guest_start16, guest_gp16, guest_ud16, guest_done16
.global guest_start32, guest_gp32, guest_ud32, guest_done32
.global guest_start64, guest_gp64, guest_ud64, guest_done64
.global guest_rdmsr16, guest_wrmsr16, guest_forced_rdmsr16, guest_forced_wrmsr16
.global guest_rdmsr32, guest_wrmsr32, guest_forced_rdmsr32, guest_forced_wrmsr32
.global guest_rdmsr64, guest_wrmsr64, guest_forced_rdmsr64, guest_forced_wrmsr64

/* KVM's forced emulation prefix (arch/x86/kvm/x86.c, handle_ud()): ud2, then "kvm". */
#define FORCED_EMULATION .byte 0x0f, 0x0b, 0x6b, 0x76, 0x6d

/* esi: the entry, where the host finds it when the guest exits. */
.macro dispatch bits
	movl	ENTRY_INDEX(%esi), %ecx
	.if \bits == 16
	jmpw	*ENTRY_TARGET(%esi)
	.elseif \bits == 32
	jmpl	*ENTRY_TARGET(%esi)
	.else
	jmpq	*ENTRY_TARGET(%esi)
	.endif
.endm

.macro next bits
	addl	$ENTRY_SIZE, %esi
	dispatch \bits
.endm

.macro load_value
	movl	ENTRY_VALUE(%esi), %eax
	movl	(ENTRY_VALUE + 4)(%esi), %edx
.endm

.macro guest bits, batch
guest_start\bits:
	movl	$\batch, %esi
	dispatch \bits
guest_rdmsr\bits:
	rdmsr
	next	\bits
guest_wrmsr\bits:
	load_value
	wrmsr
	next	\bits
guest_forced_rdmsr\bits:
	FORCED_EMULATION
	rdmsr
	next	\bits
guest_forced_wrmsr\bits:
	load_value
	FORCED_EMULATION
	wrmsr
	next	\bits
/* The entry after the last: keeps what the last RDMSR returned, and starts over when the host comes back. */
guest_done\bits:
	movl	%eax, ENTRY_VALUE(%esi)
	movl	%edx, (ENTRY_VALUE + 4)(%esi)
	outb	%al, $DOORBELL_PORT
	jmp	guest_start\bits
/*
 * No IRET: interrupts are off and stay off, so setting the stack back is all that a return needs, and KVM's emulator
 * knows IRET in real mode only.
 */
guest_gp\bits:
	movb	$STATUS_GP, ENTRY_STATUS(%esi)
	movl	$GUEST_STACK, %esp
	next	\bits
guest_ud\bits:
	movb	$STATUS_UD, ENTRY_STATUS(%esi)
	movl	$GUEST_STACK, %esp
	next	\bits
.endm

guest_code:
.code16
guest 16, 0			/* DS is based at the batch */
.code32
guest 32, GUEST_BATCH
.code64
guest 64, GUEST_BATCH
guest_code_end:

.section .note.GNU-stack, "", @progbits
