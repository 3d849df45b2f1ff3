/* As test_util.h: the part of x86/processor.h that exported selftests use. */
#ifndef PROCESSOR_H
#define PROCESSOR_H

#include <stdint.h>

#include "kvm_util.h"

#define GP_VECTOR 13

/* Forced emulation prefix of KVM. */
#define KVM_FEP "ud2; .byte 'k', 'v', 'm';"

/* The handler in library.c goes on at the address in r11, with the vector in r9. */
#define SAFE(prefix, insn) "xor %%r9d, %%r9d\n\tlea 1f(%%rip), %%r11\n\t" prefix insn "\n1:\tmov %%r9b, %[vector]\n\t"

#define safe(prefix, insn, inputs...)                                                                                  \
	({                                                                                                             \
		uint8_t vector_;                                                                                       \
		asm volatile(SAFE(prefix, insn) : [vector] "=qm"(vector_) : inputs : "r9", "r10", "r11");              \
		vector_;                                                                                               \
	})
#define kvm_asm_safe(insn, inputs...) safe("", insn, inputs)
#define kvm_asm_safe_fep(insn, inputs...) safe(KVM_FEP, insn, inputs)

#define READ_SAFE(name, prefix)                                                                                        \
	static inline uint8_t name(uint32_t index, uint64_t *value)                                                    \
	{                                                                                                              \
		uint32_t low, high;                                                                                    \
		uint8_t vector;                                                                                        \
		asm volatile(SAFE(prefix, "rdmsr")                                                                     \
			     : "=a"(low), "=d"(high), [vector] "=qm"(vector)                                           \
			     : "c"(index)                                                                              \
			     : "r9", "r10", "r11");                                                                    \
		*value = (uint64_t)high << 32 | low;                                                                   \
		return vector;                                                                                         \
	}

READ_SAFE(rdmsr_safe, "")
READ_SAFE(rdmsr_safe_fep, KVM_FEP)

static inline uint8_t wrmsr_safe(uint32_t index, uint64_t value)
{
	return kvm_asm_safe("wrmsr", "a"((uint32_t)value), "d"((uint32_t)(value >> 32)), "c"(index));
}

#endif
