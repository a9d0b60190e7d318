// Work of snapshots for other threads (node/snapshot_service.h): reading what a peer asks for,
// checking what a peer gave, and turning it into batches for the import.
#pragma once

#include "codec/chain_snapshot.h"
#include "host/world_chain.h"
#include "ledger/snapshot_shelf.h"
#include "node/chain_store.h"

namespace kith::node {

/// Keys of the import's meta table that are gone once it is whole.
inline constexpr std::string_view import_key = "import";            // the manifest
inline constexpr std::string_view import_next_key = "import_next";  // the part that is to come

inline constexpr std::size_t epochs_an_answer = 64;
inline constexpr std::size_t epochs_bytes_max = 4 * 1024 * 1024;

/// Answers a request from the store and its shelf.
class ReadSnapshotJob final : public host::Job {
 public:
  ReadSnapshotJob(const Store& store, StreamId stream, codec::SnapshotRequest request)
      : store_(store), stream_(stream), request_(request) {}
  void run() override;
  StreamId stream() const { return stream_; }
  std::vector<Buffer> take_frames() { return std::move(frames_); }

 private:
  void read_epochs(codec::Epoch from);

  const Store& store_;
  const StreamId stream_;
  const codec::SnapshotRequest request_;
  std::vector<Buffer> frames_;
};

/// From validators that are known, epoch by epoch.
class VerifyEpochsJob final : public host::Job {
 public:
  VerifyEpochsJob(PeerId from, std::vector<codec::EpochEnd> ends, Hash genesis,
                  std::uint64_t epoch_blocks, codec::Epoch first, codec::ValidatorSet validators)
      : from_(from),
        ends_(std::move(ends)),
        genesis_(genesis),
        epoch_blocks_(epoch_blocks),
        first_(first),
        validators_(std::move(validators)) {}
  void run() override;
  const PeerId& from() const { return from_; }
  codec::Epoch first() const { return first_; }
  std::vector<codec::EpochEnd>& ends() { return ends_; }
  const Result<void>& verdict() const { return verdict_; }

 private:
  const PeerId from_;
  std::vector<codec::EpochEnd> ends_;
  const Hash genesis_;
  const std::uint64_t epoch_blocks_;
  const codec::Epoch first_;
  const codec::ValidatorSet validators_;
  Result<void> verdict_;
};

/// Whether the manifest is that of a header that is known to be final; then the import's first
/// batch.
class BeginImportJob final : public host::Job {
 public:
  /// `is_indexed`: with the index of addresses (node/chain_index.h).
  BeginImportJob(PeerId from, Bytes manifest, const Store& store,
                 std::shared_ptr<const std::vector<codec::EpochEnd>> ends, bool is_indexed)
      : from_(from),
        bytes_(std::move(manifest)),
        store_(store),
        ends_(std::move(ends)),
        is_indexed_(is_indexed) {}
  void run() override;
  const PeerId& from() const { return from_; }
  Result<codec::SnapshotManifest>& manifest() { return manifest_; }
  std::shared_ptr<WriteBatch> batch() const { return batch_; }

 private:
  Result<codec::SnapshotManifest> begin();

  const PeerId from_;
  const Bytes bytes_;
  const Store& store_;  // what is known of earlier epochs is taken over
  const std::shared_ptr<const std::vector<codec::EpochEnd>> ends_;
  const bool is_indexed_;
  Result<codec::SnapshotManifest> manifest_ = fail(Code::internal, "not read yet");
  std::shared_ptr<WriteBatch> batch_;
};

/// What an import that was broken off had come to; one that was with an index where there is to be
/// none, or without, is not gone on with.
class ResumeImportJob final : public host::Job {
 public:
  ResumeImportJob(const Store& store, bool is_indexed) : store_(store), is_indexed_(is_indexed) {}
  void run() override;
  struct Found {
    codec::SnapshotManifest manifest;
    std::uint64_t next = 0;
  };
  std::optional<Found>& found() { return found_; }

 private:
  const Store& store_;
  const bool is_indexed_;
  std::optional<Found> found_;
};

class CheckPartJob final : public host::Job {
 public:
  CheckPartJob(PeerId from, Height height, std::uint64_t index, Bytes part,
               std::shared_ptr<const codec::SnapshotManifest> manifest, bool is_indexed)
      : from_(from),
        height_(height),
        index_(index),
        bytes_(std::move(part)),
        manifest_(std::move(manifest)),
        is_indexed_(is_indexed) {}
  void run() override;
  const PeerId& from() const { return from_; }
  Height height() const { return height_; }
  std::uint64_t index() const { return index_; }
  /// An error is the peer's.
  const Result<void>& verdict() const { return verdict_; }
  std::shared_ptr<WriteBatch> batch() const { return batch_; }

 private:
  Result<void> check();

  const PeerId from_;
  const Height height_;
  const std::uint64_t index_;
  Bytes bytes_;
  const std::shared_ptr<const codec::SnapshotManifest> manifest_;
  const bool is_indexed_;
  Result<void> verdict_;
  std::shared_ptr<WriteBatch> batch_;
};

/// The import's last batch.
WriteBatch end_import(const codec::SnapshotManifest& manifest, const Hash& genesis);

}  // namespace kith::node
