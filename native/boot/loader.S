/*
 * Boot sector of the disk from which Bochs starts a kernel: reads runs of sectors into memory with programmed I/O, 32
 * bits at a time (Bochs does 40 MB/s), and enters the kernel as the PVH protocol has it: in protected mode without
 * paging, EBX pointing to the start information. src/engines/kernel/boot-disk.ts fills in the plan.
 */
#define SECTOR_WORDS 128
/* READ SECTORS takes a count of one byte. */
#define MAX_SECTORS 255

#define DATA_PORT 0x1f0
#define COUNT_PORT 0x1f2
#define COMMAND_PORT 0x1f7
#define CONTROL_PORT 0x3f6
#define NO_INTERRUPT 0x02
#define DEVICE_LBA 0xe0
#define READ_SECTORS 0x20
#define BUSY 0x80

#define PARALLEL_DATA 0x378
#define PARALLEL_CONTROL 0x37a
#define PARALLEL_IDLE 0x0c
#define PARALLEL_STROBE 0x0d
/* Rings the host's bell (native/transfer-mailbox.c): the second time, the machine was reset. */
#define BELL_BOOT '!'

#define CODE 0x08
#define DATA 0x10

	.text
	.code16
	.globl _start
_start:
	cli
	cld
	xorw %ax, %ax
	movw %ax, %ds
	/* Address line 20. */
	inb $0x92, %al
	orb $2, %al
	outb %al, $0x92
	lgdtl gdt_pointer
	movl %cr0, %eax
	orb $1, %al
	movl %eax, %cr0
	ljmpl $CODE, $protected

	.code32
protected:
	movw $DATA, %ax
	movw %ax, %ds
	movw %ax, %es
	movw %ax, %ss
	movl $0x7c00, %esp
	movw $PARALLEL_DATA, %dx
	movb $BELL_BOOT, %al
	outb %al, %dx
	movw $PARALLEL_CONTROL, %dx
	movb $PARALLEL_STROBE, %al
	outb %al, %dx
	movb $PARALLEL_IDLE, %al
	outb %al, %dx
	movw $CONTROL_PORT, %dx
	movb $NO_INTERRUPT, %al
	outb %al, %dx
	movl $runs, %esi
run:	movl (%esi), %ebx		/* first sector */
	movl 4(%esi), %ebp		/* sectors left */
	movl 8(%esi), %edi		/* address */
	addl $12, %esi
	testl %ebp, %ebp
	jz enter
command:
	movl $MAX_SECTORS, %ecx
	cmpl %ecx, %ebp
	cmovbl %ebp, %ecx
	subl %ecx, %ebp
	movw $COUNT_PORT, %dx
	movb %cl, %al
	outb %al, %dx
	movl %ebx, %eax
	addl %ecx, %ebx
	.rept 3
	incl %edx
	outb %al, %dx
	shrl $8, %eax
	.endr
	incl %edx
	orb $DEVICE_LBA, %al
	outb %al, %dx
	incl %edx
	movb $READ_SECTORS, %al
	outb %al, %dx
sector:	movw $COMMAND_PORT, %dx
busy:	inb %dx, %al
	testb $BUSY, %al
	jnz busy
	movw $DATA_PORT, %dx
	pushl %ecx
	movl $SECTOR_WORDS, %ecx
	rep insl
	popl %ecx
	loop sector
	testl %ebp, %ebp
	jnz command
	jmp run

enter:	movl start_information, %ebx
	jmpl *entry

	.balign 4
gdt:	.quad 0
	.quad 0x00cf9b000000ffff	/* code, 32 bits, 4 GiB */
	.quad 0x00cf93000000ffff	/* data */
gdt_pointer:
	.word . - gdt - 1
	.long gdt

	/* The plan, at offset 0x100: where to go, with what, and runs {first sector, count, address} up to a count of 0. */
	.org 0x100
entry:	.long 0
start_information:
	.long 0
runs:
	.org 0x1fe
	.word 0xaa55
