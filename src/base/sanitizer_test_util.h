// How much a test does where each instruction costs ten: under sanitizers the same code over less.
#pragma once

namespace kith::test {

#if defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
inline constexpr bool is_sanitized = true;
#else
inline constexpr bool is_sanitized = false;
#endif
#elif defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
inline constexpr bool is_sanitized = true;
#else
inline constexpr bool is_sanitized = false;
#endif

/// `whole`, or `less` in a build with sanitizers.
template <typename T>
constexpr T less_if_sanitized(T whole, T less) {
  return is_sanitized ? less : whole;
}

}  // namespace kith::test
