// Error: what went wrong, for a program (a code from one registry) and for a person (a sentence
// that holds the offending value). Result<T> carries a value or an Error. Part of the public API;
// the node's own code includes it through base/error.h, which adds TRY.
//
// The registry is the list below: the number goes on the wire and into files, the name into JSON.
// Never renumber or reuse; add at the end.
#pragma once

#include <cstdint>
#include <expected>
#include <string>
#include <string_view>
#include <utility>

// X(name, number, meaning)
#define KITH_ERROR_CODES(X)                                             \
  X(internal, 1, "a failure that is nobody's input")                    \
  X(truncated, 2, "fewer bytes than the format says")                   \
  X(malformed, 3, "bytes or text that break the format")                \
  X(too_large, 4, "over a stated limit")                                \
  X(unsupported, 5, "well-formed, but a kind this node does not speak") \
  X(bad_signature, 6, "a signature or tag that does not verify")        \
  X(bad_key, 7, "a key that is damaged, weak or of the wrong kind")     \
  X(wrong_peer, 8, "the peer is not who it should be")                  \
  X(not_found, 9, "nothing under that name")                            \
  X(exists, 10, "something is there already")                           \
  X(refused, 11, "understood and declined")                             \
  X(timeout, 12, "a deadline passed")                                   \
  X(closed, 13, "the connection or stream has ended")                   \
  X(reset, 14, "the other side gave up at once")                        \
  X(limit, 15, "a quota or queue is full")                              \
  X(protocol, 16, "the peer broke a protocol's rules")                  \
  X(io, 17, "the operating system reported an error")                   \
  X(permission, 18, "not allowed")                                      \
  X(usage, 19, "arguments that do not fit")                             \
  X(config, 20, "a configuration that does not hold")                   \
  X(locked, 21, "in use by another process")                            \
  X(unreachable, 22, "no way to the peer was found")                    \
  X(canceled, 23, "called off by the caller")                           \
  X(passphrase, 24, "a passphrase is missing or wrong")

namespace kith::base {

enum class Code : std::uint16_t {
#define X(name, number, meaning) name = number,
  KITH_ERROR_CODES(X)
#undef X
};

/// The code's name as JSON shows it, for example "too_large".
std::string_view name_of(Code code);

/// What went wrong: a code for programs, a sentence for people.
struct Error {
  /// What programs decide by.
  Code code = Code::internal;
  /// Names the offending value.
  std::string message;

  /// The same code and the same sentence.
  friend bool operator==(const Error&, const Error&) = default;
};

/// "too_large: identify message of 9000 bytes, limit 8192"
std::string to_string(const Error& error);

/// std::expected, and a compiler warning for whoever drops it.
template <class T>
class [[nodiscard]] Result : public std::expected<T, Error> {
 public:
  using std::expected<T, Error>::expected;
};

/// An Error on its way into a Result: `return fail(Code::malformed, "...")`.
inline std::unexpected<Error> fail(Code code, std::string message) {
  return std::unexpected<Error>(Error{code, std::move(message)});
}
inline std::unexpected<Error> fail(Error error) { return std::unexpected<Error>(std::move(error)); }

}  // namespace kith::base

namespace kith {
using base::Code;
using base::Error;
using base::fail;
using base::Result;
}  // namespace kith
