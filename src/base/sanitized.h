/*
 * sanitized.h - SANITIZED is defined where this is compiled with AddressSanitizer
 * or ThreadSanitizer: these have threads of their own, and LeakSanitizer looks
 * at the process from another one.
 */
#ifndef BASE_SANITIZED_H
#define BASE_SANITIZED_H

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define SANITIZED 1
#endif
#endif

#endif
