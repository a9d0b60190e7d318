#include "rt/store_chain.h"

#include <rocksdb/cache.h>
#include <rocksdb/db.h>
#include <rocksdb/filter_policy.h>
#include <rocksdb/table.h>
#include <rocksdb/utilities/table_properties_collectors.h>
#include <rocksdb/write_buffer_manager.h>

#include <mutex>

#include "base/format.h"
#include "codec/reader.h"
#include "codec/writer.h"
#include "rt/files.h"
#include "rt/leaf_file.h"

namespace kith::rt {
namespace {

// Our own record: what the last batch was. Behind every table of the ledger.
constexpr std::uint8_t own_table = 0xff;
constexpr std::uint8_t mark_format = 1;

constexpr int bloom_bits_a_key = 10;  // 1 % of lookups of what is absent read a block
constexpr int open_files_max = 256;
constexpr int background_jobs = 2;
constexpr std::uint64_t wal_bytes_max = 64 * 1024 * 1024;
constexpr std::size_t own_log_bytes_max = 4 * 1024 * 1024;
constexpr std::size_t own_logs_max = 2;
// A file with a stretch of so many keys, most of them deletions, is compacted before its turn.
constexpr std::size_t deletions_window = 128 * 1024;
constexpr std::size_t deletions_trigger = 96 * 1024;

rocksdb::Slice slice(ByteView bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}
ByteView view(const rocksdb::Slice& slice) {
  return {reinterpret_cast<const std::uint8_t*>(slice.data()), slice.size()};
}

Bytes key_of(std::uint8_t table, ByteView key) {
  Bytes bytes{table};
  base::append(bytes, key);
  return bytes;
}
Bytes key_of(ledger::Table table, ByteView key) {
  return key_of(static_cast<std::uint8_t>(table), key);
}

Error error_of(const rocksdb::Status& status, const std::string& folder, const char* doing) {
  const std::string text = status.ToString();
  if (status.IsIOError() && text.find("LOCK") != std::string::npos) {
    return {Code::locked,
            base::format("the chain's state in {} is in use by another process", folder)};
  }
  const bool is_damage = status.IsCorruption();
  return {is_damage ? Code::malformed : Code::io,
          base::format("{} the chain's state in {}: {}{}", doing, folder,
                       is_damage ? "it is damaged: " : "", text)};
}

rocksdb::Options options_of(const ChainStoreConfig& config) {
  rocksdb::BlockBasedTableOptions table;
  table.block_cache = rocksdb::NewLRUCache(config.memory_bytes);
  // Indexes and filters in the cache too, in parts: otherwise they grow with the chain.
  table.cache_index_and_filter_blocks = true;
  table.pin_l0_filter_and_index_blocks_in_cache = true;
  table.index_type = rocksdb::BlockBasedTableOptions::kTwoLevelIndexSearch;
  table.partition_filters = true;
  table.filter_policy.reset(rocksdb::NewBloomFilterPolicy(bloom_bits_a_key));

  rocksdb::Options options;
  options.create_if_missing = true;
  options.table_factory.reset(rocksdb::NewBlockBasedTableFactory(table));
  options.write_buffer_size = config.write_buffer_bytes;
  options.max_write_buffer_number = 2;
  options.write_buffer_manager = std::make_shared<rocksdb::WriteBufferManager>(
      2 * config.write_buffer_bytes, table.block_cache);
  options.compression = rocksdb::kNoCompression;
  options.wal_compression = rocksdb::kNoCompression;
  options.level_compaction_dynamic_level_bytes = true;  // a tenth of the space is waste, at most
  options.table_properties_collector_factories.push_back(
      rocksdb::NewCompactOnDeletionCollectorFactory(deletions_window, deletions_trigger));
  options.max_background_jobs = background_jobs;
  options.max_open_files = open_files_max;
  options.max_total_wal_size = wal_bytes_max;
  options.paranoid_checks = true;
  // A batch that was torn goes; going back further is found out by the floor (LeafFile).
  options.wal_recovery_mode = rocksdb::WALRecoveryMode::kPointInTimeRecovery;
  options.info_log_level = rocksdb::InfoLogLevel::WARN_LEVEL;
  options.max_log_file_size = own_log_bytes_max;
  options.keep_log_file_num = own_logs_max;
  return options;
}

struct Mark {
  std::uint64_t height = 0;
  std::uint64_t leaves = 0;
};
Bytes encode(const Mark& mark) {
  Bytes bytes;
  codec::Writer out(bytes);
  out.u8(mark_format);
  out.u64(mark.height);
  out.u64(mark.leaves);
  return bytes;
}
Result<Mark> decode_mark(ByteView bytes) {
  codec::Reader in(bytes);
  if (TRY(in.u8()) != mark_format) return fail(Code::unsupported, "a later version wrote it");
  Mark mark;
  mark.height = TRY(in.u64());
  mark.leaves = TRY(in.u64());
  TRY_VOID(in.finish());
  return mark;
}

}  // namespace

struct ChainStore::Inside {
  Inside(std::string where, LeafFile leaf_file)
      : folder(std::move(where)), leaves(std::move(leaf_file)) {}

  Result<std::optional<Bytes>> get(const Bytes& key) const {
    rocksdb::PinnableSlice value;
    const auto status = db->Get({}, db->DefaultColumnFamily(), slice(key), &value);
    if (status.IsNotFound()) return std::nullopt;
    if (!status.ok()) return fail(error_of(status, folder, "reading"));
    return base::to_bytes(view(value));
  }
  Result<void> check_floor();
  Result<void> write(const ledger::WriteBatch& batch, const Mark& now);
  std::optional<Mark> mark() const {
    const std::lock_guard lock(mutex);
    return last;
  }

  const std::string folder;
  LeafFile leaves;
  std::unique_ptr<rocksdb::DB> db;
  std::optional<Error> failed;  // the writer's
  mutable std::mutex mutex;
  std::optional<Mark> last;  // under the mutex
};

ChainStore::ChainStore(std::unique_ptr<Inside> inside) : inside_(std::move(inside)) {}

ChainStore::~ChainStore() = default;

Result<std::unique_ptr<ChainStore>> ChainStore::open(std::string folder, ChainStoreConfig config) {
  TRY_VOID(make_dirs(folder, private_dir_mode));
  // The database first: its lock is for both.
  rocksdb::DB* db = nullptr;
  const auto status = rocksdb::DB::Open(options_of(config), folder + "/state", &db);
  std::unique_ptr<rocksdb::DB> owned(db);
  if (!status.ok()) return fail(error_of(status, folder, "opening"));
  auto inside = std::make_unique<Inside>(folder, TRY(LeafFile::open(folder + "/leaves.dat")));
  inside->db = std::move(owned);
  if (const auto bytes = TRY(inside->get({own_table}))) {
    auto mark = decode_mark(*bytes);
    if (!mark) return fail(mark.error().code, folder + ": the last batch: " + mark.error().message);
    inside->last = *mark;
  }
  TRY_VOID(inside->check_floor());
  TRY_VOID(inside->leaves.keep(inside->last ? inside->last->leaves : 0));
  return std::unique_ptr<ChainStore>(new ChainStore(std::move(inside)));
}

Result<void> ChainStore::Inside::check_floor() {
  const auto floor = leaves.floor();
  if (!floor || (last && last->height >= *floor)) return {};
  return fail(
      Code::malformed,
      base::format(
          "the chain's state in {} is damaged: {}, though height {} was kept", folder,
          last ? base::format("it ends at height {}", last->height) : std::string("it is empty"),
          *floor));
}

Result<std::optional<Bytes>> ChainStore::get(ledger::Table table, ByteView key) const {
  return inside_->get(key_of(table, key));
}

Result<void> ChainStore::scan(ledger::Table table, const Visit& visit) const {
  TRY(scan_from(table, {}, SIZE_MAX, visit));
  return {};
}

Result<std::optional<Bytes>> ChainStore::scan_from(ledger::Table table, ByteView from,
                                                   std::size_t limit, const Visit& visit) const {
  const Bytes end{static_cast<std::uint8_t>(static_cast<std::uint8_t>(table) + 1)};
  const rocksdb::Slice bound = slice(end);
  rocksdb::ReadOptions options;
  options.iterate_upper_bound = &bound;
  options.fill_cache = false;
  const std::unique_ptr<rocksdb::Iterator> at(inside_->db->NewIterator(options));
  std::optional<Bytes> next;
  for (at->Seek(slice(key_of(table, from))); at->Valid(); at->Next()) {
    const ByteView key = view(at->key()).subspan(1);
    if (limit-- == 0) {
      next = base::to_bytes(key);
      break;
    }
    visit(key, view(at->value()));
  }
  if (!at->status().ok()) return fail(error_of(at->status(), inside_->folder, "reading"));
  return next;
}

std::uint64_t ChainStore::leaf_count() const {
  const auto mark = inside_->mark();
  return mark ? mark->leaves : 0;
}

std::optional<ledger::Height> ChainStore::height() const {
  const auto mark = inside_->mark();
  return mark ? std::optional(ledger::Height{mark->height}) : std::nullopt;
}

Result<std::vector<ledger::Hash>> ChainStore::leaves(std::uint64_t first, std::size_t count) const {
  const std::uint64_t all = leaf_count();
  if (first > all || count > all - first) {
    return fail(Code::usage, base::format("leaves {} to {} of {}", first, first + count, all));
  }
  return inside_->leaves.read(first, count);
}

Result<void> ChainStore::write(const ledger::WriteBatch& batch) {
  Inside& in = *inside_;
  if (in.failed) return fail(*in.failed);
  const auto before = in.mark();
  const std::uint64_t leaves = before ? before->leaves : 0;
  if (!batch.leaves.empty() && batch.first_leaf != leaves) {
    return fail(Code::usage, base::format("leaves at {}, where {} are", batch.first_leaf, leaves));
  }
  if (before && batch.height.value < before->height) {
    return fail(Code::usage,
                base::format("height {} after {}", batch.height.value, before->height));
  }
  auto written = in.write(batch, Mark{batch.height.value, leaves + batch.leaves.size()});
  if (!written) in.failed = written.error();
  return written;
}

Result<void> ChainStore::Inside::write(const ledger::WriteBatch& batch, const Mark& now) {
  // The batch before is durable; this one is not yet.
  TRY_VOID(leaves.append(batch.leaves, last ? std::optional(last->height) : std::nullopt));
  rocksdb::WriteBatch changes;
  for (const auto& record : batch.records) {
    const Bytes key = key_of(record.table, record.key);
    const auto status =
        record.value ? changes.Put(slice(key), slice(*record.value)) : changes.Delete(slice(key));
    if (!status.ok()) return fail(error_of(status, folder, "writing"));
  }
  const Bytes key{own_table};
  auto status = changes.Put(slice(key), slice(encode(now)));
  rocksdb::WriteOptions options;
  options.sync = true;
  if (status.ok()) status = db->Write(options, &changes);
  if (!status.ok()) return fail(error_of(status, folder, "writing"));
  const std::lock_guard lock(mutex);
  last = now;
  return {};
}

Result<void> ChainStore::compact() {
  rocksdb::CompactRangeOptions options;
  options.bottommost_level_compaction = rocksdb::BottommostLevelCompaction::kForce;
  const auto status = inside_->db->CompactRange(options, nullptr, nullptr);
  if (!status.ok()) return fail(error_of(status, inside_->folder, "compacting"));
  return {};
}

}  // namespace kith::rt
