// A target that must crash: it proves that the fuzzing machinery finds what is there to find.
// `./run fuzz` runs it every time and fails when no crash is reported. The three nested bytes make
// it depend on coverage feedback: blind random input would need 16 million tries on average.
#include <cstddef>
#include <cstdint>

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size >= 3 && data[0] == 'k') {
    if (data[1] == 'i') {
      if (data[2] == 't') __builtin_trap();
    }
  }
  return 0;
}
