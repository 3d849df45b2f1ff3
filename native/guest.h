/* Guest-physical memory, and the batch that host and guest share. Included by C and by assembly. */
#ifndef MSRDIFF_GUEST_H
#define MSRDIFF_GUEST_H

#define GUEST_MEMORY 0x200000
#define GUEST_IVT 0x0000
#define GUEST_GDT 0x1000
#define GUEST_IDT64 0x2000
#define GUEST_IDT32 0x3000
#define GUEST_PML4 0x4000
#define GUEST_PDPT 0x5000
#define GUEST_PD 0x6000
#define GUEST_STACK 0x7ff0
#define GUEST_CODE 0x8000
#define GUEST_BATCH 0x10000

#define DOORBELL_PORT 0xf0

/* struct entry */
#define ENTRY_INDEX 0
#define ENTRY_STATUS 4
#define ENTRY_TARGET 8
#define ENTRY_VALUE 16
#define ENTRY_SIZE 32

#define STATUS_DONE 0
#define STATUS_GP 1
#define STATUS_UD 2

/* Fits, with the entry after the last, the 64 KiB that a real-mode segment reaches. */
#define BATCH_CAPACITY 1024

#ifndef __ASSEMBLER__
#include <stdint.h>

/* The host writes index, target and value; the guest writes status if the access faults. */
struct entry {
	uint32_t index;
	uint8_t status, unused[3];
	/* Address of the code for the operation. */
	uint64_t target;
	/* What WRMSR writes; in the entry after the last, what the last RDMSR returned. */
	uint64_t value;
	/* Not the guest's: the direction, for messages. */
	uint64_t write;
};

#define GUEST_LABELS(bits)                                                                                             \
	guest_start##bits[], guest_gp##bits[], guest_ud##bits[], guest_done##bits[], guest_rdmsr##bits[],              \
		guest_wrmsr##bits[], guest_forced_rdmsr##bits[], guest_forced_wrmsr##bits[]

extern const uint8_t guest_code[], guest_code_end[];
extern const uint8_t GUEST_LABELS(16), GUEST_LABELS(32), GUEST_LABELS(64);
#endif

#endif
