#include "base/error.h"

#include <set>

namespace kith::base {
namespace {

TEST(Error, NumbersAndNamesAreAPromise) {
  // Numbers go on the wire and into files, names into JSON: a line here is never changed.
  constexpr std::pair<int, std::string_view> promised[] = {
      {1, "internal"},    {2, "truncated"},     {3, "malformed"}, {4, "too_large"},
      {5, "unsupported"}, {6, "bad_signature"}, {7, "bad_key"},   {8, "wrong_peer"},
      {9, "not_found"},   {10, "exists"},       {11, "refused"},  {12, "timeout"},
      {13, "closed"},     {14, "reset"},        {15, "limit"},    {16, "protocol"},
      {17, "io"},         {18, "permission"},   {19, "usage"},    {20, "config"},
      {21, "locked"},     {22, "unreachable"},  {23, "canceled"}, {24, "passphrase"},
  };
  for (const auto& [number, name] : promised) {
    EXPECT_EQ(name_of(static_cast<Code>(number)), name);
  }
}

TEST(Error, NumbersAndNamesAreUnique) {
  std::set<int> numbers;
  std::set<std::string_view> names;
#define X(name, number, meaning)                        \
  EXPECT_TRUE(numbers.insert(number).second) << number; \
  EXPECT_TRUE(names.insert(#name).second) << #name;     \
  EXPECT_FALSE(std::string_view(meaning).empty());
  KITH_ERROR_CODES(X)
#undef X
}

TEST(Error, AnUnknownNumberHasAName) {
  EXPECT_EQ(name_of(static_cast<Code>(60'000)), "unknown");
  EXPECT_EQ(name_of(Code{}), "unknown");
}

TEST(Error, SaysCodeAndSentence) {
  EXPECT_EQ(to_string({Code::too_large, "9000 bytes, limit 8192"}),
            "too_large: 9000 bytes, limit 8192");
  EXPECT_EQ(to_string({Code::closed, ""}), "closed");
}

Result<int> positive(int value) {
  if (value <= 0) return fail(Code::malformed, "not positive: " + std::to_string(value));
  return value;
}

int calls_after = 0;

Result<std::string> doubled(int value) {
  const int number = TRY(positive(value));
  ++calls_after;
  return std::to_string(2 * number);
}

Result<void> checked(int value) {
  TRY_VOID(positive(value));
  ++calls_after;
  return {};
}

Result<std::unique_ptr<int>> owned(int value) {
  auto pointer = TRY([&]() -> Result<std::unique_ptr<int>> {
    if (value < 0) return fail(Code::limit, "negative");
    return std::make_unique<int>(value);
  }());
  return pointer;
}

TEST(Try, UnwrapsOrReturnsTheErrorAsItIs) {
  calls_after = 0;
  EXPECT_EQ(doubled(21).value(), "42");
  EXPECT_TRUE(checked(1));
  EXPECT_EQ(calls_after, 2);
  const auto failed = doubled(-3);
  ASSERT_FALSE(failed);
  EXPECT_EQ(failed.error(), (Error{Code::malformed, "not positive: -3"}));
  EXPECT_EQ(checked(0).error().code, Code::malformed);
  EXPECT_EQ(calls_after, 2);
}

TEST(Try, MovesWhatCannotBeCopied) {
  EXPECT_EQ(*owned(5).value(), 5);
  EXPECT_EQ(owned(-1).error().code, Code::limit);
}

TEST(Fail, PassesAnErrorOn) {
  const Result<int> result = fail(Error{Code::reset, "gone"});
  EXPECT_EQ(result.error().message, "gone");
}

}  // namespace
}  // namespace kith::base
