/*
 * What exported selftests use of the kernel's KVM selftest library, with the signatures of Linux 6.12 to 6.18
 * (tools/testing/selftests/kvm/include/test_util.h); written anew, so that the tests run without the kernel's tree.
 */
#ifndef TEST_UTIL_H
#define TEST_UTIL_H

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

/* Exit status of a test that cannot run here. */
#define KSFT_SKIP 4

void __attribute__((format(printf, 5, 6)))
test_assert(bool exp, const char *exp_str, const char *file, unsigned int line, const char *fmt, ...);

#define TEST_ASSERT(e, fmt, ...) test_assert((e), #e, __FILE__, __LINE__, fmt, ##__VA_ARGS__)

#define TEST_ASSERT_EQ(a, b)                                                                                           \
	do {                                                                                                           \
		__typeof__(a) left = (a);                                                                              \
		__typeof__(b) right = (b);                                                                             \
		TEST_ASSERT(left == right, "%s is %#lx, not %#lx", #a, (unsigned long)left, (unsigned long)right);     \
	} while (0)

#define TEST_FAIL(fmt, ...)                                                                                            \
	do {                                                                                                           \
		TEST_ASSERT(false, fmt, ##__VA_ARGS__);                                                                \
		__builtin_unreachable();                                                                               \
	} while (0)

#define TEST_ASSERT_KVM_EXIT_REASON(vcpu, expected)                                                                    \
	do {                                                                                                           \
		uint32_t reason = (vcpu)->run->exit_reason;                                                            \
		TEST_ASSERT(reason == (expected), "exit reason %u, not %u", reason, (expected));                       \
	} while (0)

#define TEST_REQUIRE(f)                                                                                                \
	do {                                                                                                           \
		if (!(f)) {                                                                                            \
			printf("skipped: %s\n", #f);                                                                   \
			exit(KSFT_SKIP);                                                                               \
		}                                                                                                      \
	} while (0)

#endif
