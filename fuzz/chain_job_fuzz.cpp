// Orders to the jobs, records, and entries of jobs: what is read encodes to the very same bytes.
#include <cstdint>

#include "codec/chain_job_state.h"
#include "codec/chain_record.h"

namespace {

template <class Entry>
void entry(kith::ByteView bytes) {
  using namespace kith;
  if (const auto decoded = codec::decode_entry<Entry>(bytes)) {
    ASSERT(base::equal(codec::encode_entry(*decoded), bytes));
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace kith;
  const ByteView bytes{data, size};
  if (const auto order = codec::decode_job_order(bytes)) {
    ASSERT(base::equal(codec::encode_job_order(*order), bytes));
    ASSERT(codec::signature_jobs(*order, {}).size() == codec::carried_by(bytes));
    if (const auto* submit = std::get_if<codec::SubmitJob>(&*order)) {
      const auto checked = codec::units_checked(submit->spec, static_cast<std::uint32_t>(size));
      ASSERT(checked <= submit->spec.units && codec::parts_of(checked) <= codec::task_parts_max);
      (void)codec::passes_to_mature(submit->spec, 3'000);
    }
  }
  if (const auto record = codec::decode_record(bytes)) {
    ASSERT(base::equal(codec::encode_record(*record), bytes));
    (void)codec::cid_of(*record);
    (void)codec::verify_record(*record);
  }
  entry<codec::JobEntry>(bytes);
  entry<codec::JobsEntry>(bytes);
  entry<codec::SlotEntry>(bytes);
  entry<codec::RedoPage>(bytes);
  entry<codec::DisputeEntry>(bytes);
  entry<codec::RegionEntry>(bytes);
  entry<codec::MemberEntry>(bytes);
  entry<codec::EnrolmentEntry>(bytes);
  entry<codec::FindEntry>(bytes);
  return 0;
}
