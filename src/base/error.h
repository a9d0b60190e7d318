// The public Error and Result (kith/error.h), and the macros that pass an Error on.
#pragma once

#include <kith/error.h>

/// Unwraps a Result or returns its error from the enclosing function. Not for coroutines.
#define TRY(expression)                                                          \
  __extension__({                                                                \
    auto try_result_ = (expression);                                             \
    if (!try_result_) return ::kith::base::fail(std::move(try_result_).error()); \
    *std::move(try_result_);                                                     \
  })
/// The same for a Result<void>.
#define TRY_VOID(expression)                                                     \
  do {                                                                           \
    auto try_result_ = (expression);                                             \
    if (!try_result_) return ::kith::base::fail(std::move(try_result_).error()); \
  } while (false)
