#include "rt/store_chain.h"

#include <rocksdb/cache.h>
#include <rocksdb/db.h>
#include <rocksdb/filter_policy.h>
#include <rocksdb/table.h>
#include <rocksdb/utilities/table_properties_collectors.h>
#include <rocksdb/write_buffer_manager.h>

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <thread>

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

/// For a state that is only written, once, in any order of keys.
void for_import(rocksdb::Options& options, const ChainStoreConfig& config) {
  constexpr int never = 1 << 30;
  options.disable_auto_compactions = true;
  options.level0_file_num_compaction_trigger = never;
  options.level0_slowdown_writes_trigger = never;
  options.level0_stop_writes_trigger = never;
  options.write_buffer_size = config.import_buffer_bytes;
  options.write_buffer_manager.reset();
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

constexpr const char* adopt_mark = "ADOPT";
constexpr auto release_wait = std::chrono::seconds(2);

/// Again from the start when a crash broke it off: each step is done or is not.
Result<void> finish_adopting(const std::string& folder) {
  std::error_code error;
  for (const char* const name : {"/state", "/leaves.dat"}) {
    const std::string from = folder + "/import" + name;
    if (!std::filesystem::exists(from)) continue;
    std::filesystem::remove_all(folder + name, error);
    if (!error) std::filesystem::rename(from, folder + name, error);
    if (error) return fail(Code::io, "cannot move " + from + ": " + error.message());
  }
  std::filesystem::remove_all(folder + "/import", error);
  TRY_VOID(sync_folder(folder));
  std::filesystem::remove(folder + "/" + adopt_mark, error);
  return sync_folder(folder);
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

  static Result<std::shared_ptr<Inside>> open(const std::string& folder,
                                              const ChainStoreConfig& config, bool is_import);

  Result<std::optional<Bytes>> get(const Bytes& key,
                                   const rocksdb::Snapshot* as_of = nullptr) const {
    rocksdb::ReadOptions options;
    options.snapshot = as_of;
    rocksdb::PinnableSlice value;
    const auto status = db->Get(options, db->DefaultColumnFamily(), slice(key), &value);
    if (status.IsNotFound()) return std::nullopt;
    if (!status.ok()) return fail(error_of(status, folder, "reading"));
    return base::to_bytes(view(value));
  }
  Result<std::optional<Bytes>> scan_from(ledger::Table table, ByteView from, std::size_t limit,
                                         const ledger::Store::Visit& visit,
                                         const rocksdb::Snapshot* as_of = nullptr) const;
  Result<std::vector<ledger::Hash>> read_leaves(std::uint64_t first, std::size_t count) const;
  Result<void> check_floor();
  Result<void> check_and_write(const ledger::WriteBatch& batch);
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
  bool is_import = false;
};

/// What a job reads: as it was at a moment, or the import.
class ChainStore::View final : public ledger::Store {
 public:
  View(std::shared_ptr<Inside> inside, bool is_frozen)
      : inside_(std::move(inside)),
        as_of_(is_frozen ? inside_->db->GetSnapshot() : nullptr),
        mark_(inside_->mark()) {}
  ~View() override {
    if (as_of_ != nullptr) inside_->db->ReleaseSnapshot(as_of_);
  }
  Result<std::optional<Bytes>> get(ledger::Table table, ByteView key) const override {
    return inside_->get(key_of(table, key), as_of_);
  }
  Result<void> scan(ledger::Table table, const Visit& visit) const override {
    TRY(inside_->scan_from(table, {}, SIZE_MAX, visit, as_of_));
    return {};
  }
  Result<std::optional<Bytes>> scan_from(ledger::Table table, ByteView from, std::size_t limit,
                                         const Visit& visit) const override {
    return inside_->scan_from(table, from, limit, visit, as_of_);
  }
  Result<std::vector<ledger::Hash>> leaves(std::uint64_t first, std::size_t count) const override {
    // Of a frozen one those that came later are none.
    const std::uint64_t all = mark_ ? mark_->leaves : 0;
    if (as_of_ != nullptr && (first > all || count > all - first)) {
      return fail(Code::usage, base::format("leaves {} to {} of {}", first, first + count, all));
    }
    return inside_->read_leaves(first, count);
  }

 private:
  const std::shared_ptr<Inside> inside_;
  const rocksdb::Snapshot* const as_of_;
  const std::optional<Mark> mark_;
};

ChainStore::ChainStore(std::string folder, ChainStoreConfig config)
    : folder_(std::move(folder)),
      config_(config),
      shelf_(std::make_unique<SnapshotFiles>(folder_ + "/snapshots")) {}

ChainStore::~ChainStore() = default;

std::shared_ptr<ChainStore::Inside> ChainStore::now() const {
  const std::lock_guard lock(mutex_);
  return inside_;
}

std::shared_ptr<ChainStore::Inside> ChainStore::importing() const {
  const std::lock_guard lock(mutex_);
  return import_;
}

Result<std::unique_ptr<ChainStore>> ChainStore::open(std::string folder, ChainStoreConfig config) {
  TRY_VOID(make_dirs(folder, private_dir_mode));
  std::unique_ptr<ChainStore> store(new ChainStore(std::move(folder), config));
  if (file_exists(store->folder_ + "/" + adopt_mark)) TRY_VOID(finish_adopting(store->folder_));
  TRY_VOID(store->open_state());
  store->open_import();
  return store;
}

Result<void> ChainStore::open_state() {
  auto inside = TRY(Inside::open(folder_, config_, false));
  const std::lock_guard lock(mutex_);
  inside_ = std::move(inside);
  return {};
}

/// One that does not open is begun anew.
void ChainStore::open_import() {
  const std::string path = folder_ + "/import";
  if (!std::filesystem::exists(path + "/state")) return;
  auto inside = Inside::open(path, config_, true);
  if (!inside) {
    std::error_code ignored;
    std::filesystem::remove_all(path, ignored);
    return;
  }
  const std::lock_guard lock(mutex_);
  import_ = *std::move(inside);
}

Result<std::shared_ptr<ChainStore::Inside>> ChainStore::Inside::open(const std::string& folder,
                                                                     const ChainStoreConfig& config,
                                                                     bool is_import) {
  // The database first: its lock is for both.
  rocksdb::DB* db = nullptr;
  rocksdb::Options options = options_of(config);
  if (is_import) for_import(options, config);
  const auto status = rocksdb::DB::Open(options, folder + "/state", &db);
  std::unique_ptr<rocksdb::DB> owned(db);
  if (!status.ok()) return fail(error_of(status, folder, "opening"));
  auto inside = std::make_shared<Inside>(folder, TRY(LeafFile::open(folder + "/leaves.dat")));
  inside->is_import = is_import;
  inside->db = std::move(owned);
  if (const auto bytes = TRY(inside->get({own_table}))) {
    auto mark = decode_mark(*bytes);
    if (!mark) return fail(mark.error().code, folder + ": the last batch: " + mark.error().message);
    inside->last = *mark;
  }
  TRY_VOID(inside->check_floor());
  TRY_VOID(inside->leaves.keep(inside->last ? inside->last->leaves : 0));
  return inside;
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
  return now()->get(key_of(table, key));
}

Result<void> ChainStore::scan(ledger::Table table, const Visit& visit) const {
  TRY(scan_from(table, {}, SIZE_MAX, visit));
  return {};
}

Result<std::optional<Bytes>> ChainStore::scan_from(ledger::Table table, ByteView from,
                                                   std::size_t limit, const Visit& visit) const {
  return now()->scan_from(table, from, limit, visit);
}

Result<std::optional<Bytes>> ChainStore::Inside::scan_from(ledger::Table table, ByteView from,
                                                           std::size_t limit, const Visit& visit,
                                                           const rocksdb::Snapshot* as_of) const {
  const Bytes end{static_cast<std::uint8_t>(static_cast<std::uint8_t>(table) + 1)};
  const rocksdb::Slice bound = slice(end);
  rocksdb::ReadOptions options;
  options.iterate_upper_bound = &bound;
  options.fill_cache = false;
  options.snapshot = as_of;
  const std::unique_ptr<rocksdb::Iterator> at(db->NewIterator(options));
  std::optional<Bytes> next;
  for (at->Seek(slice(key_of(table, from))); at->Valid(); at->Next()) {
    const ByteView key = view(at->key()).subspan(1);
    if (limit-- == 0) {
      next = base::to_bytes(key);
      break;
    }
    visit(key, view(at->value()));
  }
  if (!at->status().ok()) return fail(error_of(at->status(), folder, "reading"));
  return next;
}

std::uint64_t ChainStore::leaf_count() const {
  const auto mark = now()->mark();
  return mark ? mark->leaves : 0;
}

std::optional<ledger::Height> ChainStore::height() const {
  const auto mark = now()->mark();
  return mark ? std::optional(ledger::Height{mark->height}) : std::nullopt;
}

Result<std::vector<ledger::Hash>> ChainStore::leaves(std::uint64_t first, std::size_t count) const {
  return now()->read_leaves(first, count);
}

Result<std::vector<ledger::Hash>> ChainStore::Inside::read_leaves(std::uint64_t first,
                                                                  std::size_t count) const {
  const auto counted = mark();
  const std::uint64_t all = counted ? counted->leaves : 0;
  if (first > all || count > all - first) {
    return fail(Code::usage, base::format("leaves {} to {} of {}", first, first + count, all));
  }
  return leaves.read(first, count);
}

Result<void> ChainStore::write(const ledger::WriteBatch& batch) {
  switch (batch.target) {
    case ledger::BatchTarget::state: return now()->check_and_write(batch);
    case ledger::BatchTarget::import_anew:
    case ledger::BatchTarget::import: return write_import(batch);
    case ledger::BatchTarget::adopt: return adopt();
    case ledger::BatchTarget::drop: return drop_import();
  }
  UNREACHABLE();
}

Result<void> ChainStore::write_import(const ledger::WriteBatch& batch) {
  if (batch.target == ledger::BatchTarget::import_anew) TRY_VOID(drop_import());
  auto inside = importing();
  if (inside == nullptr) {
    TRY_VOID(make_dirs(folder_ + "/import", private_dir_mode));
    inside = TRY(Inside::open(folder_ + "/import", config_, true));
    const std::lock_guard lock(mutex_);
    import_ = inside;
  }
  return inside->check_and_write(batch);
}

Result<void> ChainStore::drop_import() {
  {
    const std::lock_guard lock(mutex_);
    import_.reset();
  }
  std::error_code error;
  std::filesystem::remove_all(folder_ + "/import", error);
  if (error) return fail(Code::io, "cannot remove " + folder_ + "/import: " + error.message());
  return {};
}

/// Whoever still reads the old state may be told that it cannot be read.
Result<void> ChainStore::adopt() {
  std::shared_ptr<Inside> import = importing();
  if (import == nullptr) return fail(Code::usage, "there is no import to adopt");
  if (const auto status = import->db->Flush({}); !status.ok()) {
    return fail(error_of(status, folder_, "writing"));
  }
  TRY_VOID(write_file_atomic(folder_ + "/" + adopt_mark, {}, private_file_mode));
  const std::lock_guard lock(mutex_);  // nobody reads meanwhile
  import_.reset();
  const auto end = std::chrono::steady_clock::now() + release_wait;
  // A database holds its files until the last who reads lets go of it.
  while ((import.use_count() > 1 || inside_.use_count() > 1) &&
         std::chrono::steady_clock::now() < end) {
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  import.reset();
  inside_.reset();
  TRY_VOID(finish_adopting(folder_));
  inside_ = TRY(Inside::open(folder_, config_, false));
  return {};
}

Result<void> ChainStore::Inside::check_and_write(const ledger::WriteBatch& batch) {
  if (failed) return fail(*failed);
  const auto before = mark();
  const std::uint64_t count = before ? before->leaves : 0;
  if (!batch.leaves.empty() && batch.first_leaf != count) {
    return fail(Code::usage, base::format("leaves at {}, where {} are", batch.first_leaf, count));
  }
  if (before && batch.height.value < before->height) {
    return fail(Code::usage,
                base::format("height {} after {}", batch.height.value, before->height));
  }
  auto written = write(batch, Mark{batch.height.value, count + batch.leaves.size()});
  if (!written) failed = written.error();
  return written;
}

Result<void> ChainStore::Inside::write(const ledger::WriteBatch& batch, const Mark& now) {
  // The batch before is durable; this one is not yet.
  const bool has_floor = last && !is_import;
  TRY_VOID(leaves.append(batch.leaves, has_floor ? std::optional(last->height) : std::nullopt));
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
  options.sync = !is_import;
  options.disableWAL = is_import;
  if (status.ok()) status = db->Write(options, &changes);
  if (!status.ok()) return fail(error_of(status, folder, "writing"));
  const std::lock_guard lock(mutex);
  last = now;
  return {};
}

Result<void> ChainStore::compact() {
  rocksdb::CompactRangeOptions options;
  options.bottommost_level_compaction = rocksdb::BottommostLevelCompaction::kForce;
  const auto inside = now();
  const auto status = inside->db->CompactRange(options, nullptr, nullptr);
  if (!status.ok()) return fail(error_of(status, inside->folder, "compacting"));
  return {};
}

std::shared_ptr<const ledger::Store> ChainStore::freeze() const {
  return std::make_shared<const View>(now(), true);
}

std::shared_ptr<const ledger::Store> ChainStore::import() const {
  auto inside = importing();
  return inside == nullptr ? nullptr : std::make_shared<const View>(std::move(inside), false);
}

void ChainStore::reclaim(ledger::Table table, ByteView from, ByteView to) const {
  rocksdb::CompactRangeOptions options;
  options.exclusive_manual_compaction = false;  // the store's own go on
  options.bottommost_level_compaction = rocksdb::BottommostLevelCompaction::kIfHaveCompactionFilter;
  const Bytes first = key_of(table, from);
  const Bytes last = key_of(table, to);
  const rocksdb::Slice begin = slice(first);
  const rocksdb::Slice end = slice(last);
  // What it cannot do now its own compactions will.
  (void)now()->db->CompactRange(options, &begin, &end);
}

std::uint64_t ChainStore::disk_bytes() const {
  const auto inside = now();
  std::uint64_t tables = 0;
  inside->db->GetIntProperty(rocksdb::DB::Properties::kLiveSstFilesSize, &tables);
  return tables + leaf_count() * sizeof(ledger::Hash) + shelf_->bytes();
}

}  // namespace kith::rt
