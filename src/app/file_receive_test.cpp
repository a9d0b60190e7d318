#include "app/file_receive.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include <sys/stat.h>

#include "base/rng.h"

namespace kith::app {
namespace {

namespace fs = std::filesystem;

Bytes noise(std::size_t size) {
  SeededRng rng(size);
  Bytes bytes(size);
  rng.fill(bytes);
  return bytes;
}

std::string text_of(const fs::path& path) {
  std::ifstream in(path, std::ios::binary);
  EXPECT_TRUE(in.good()) << path;
  return std::string(std::istreambuf_iterator<char>(in), {});
}

class IncomingFileTest : public testing::Test {
 protected:
  void SetUp() override {
    std::string name = testing::TempDir() + "kith-file-XXXXXX";
    ASSERT_NE(::mkdtemp(name.data()), nullptr);
    dir_ = name;
  }
  void TearDown() override { fs::remove_all(dir_); }

  static codec::FileOffer offer(const Bytes& content, std::string name = "file") {
    return {std::move(name), content.size(), crypto::sha256(content)};
  }
  Result<IncomingFile> open(const codec::FileOffer& offer, std::uint64_t size_max = UINT64_MAX) {
    return IncomingFile::open({dir_, size_max}, offer, [] { return false; });
  }
  /// All of it at once; the path.
  Result<std::string> receive(const Bytes& content, const std::string& name) {
    auto file = TRY(open(offer(content, name)));
    TRY_VOID(file.write(content));
    return file.finish();
  }
  std::size_t files() const {
    return static_cast<std::size_t>(
        std::distance(fs::directory_iterator(dir_), fs::directory_iterator()));
  }
  fs::path part(const codec::FileOffer& o) const { return fs::path(dir_) / part_file_name(o); }

  std::string dir_;
};

TEST_F(IncomingFileTest, BecomesAFileOfItsOwnAndLeavesNothingElse) {
  const Bytes content = noise(300'000);
  auto file = open(offer(content));
  ASSERT_TRUE(file.has_value());
  EXPECT_EQ(file->received(), 0u);
  for (std::size_t at = 0; at < content.size(); at += 1000) {
    ASSERT_TRUE(file->write(ByteView(content).subspan(at, 1000)).has_value());
  }
  EXPECT_TRUE(file->is_whole());
  EXPECT_FALSE(fs::exists(dir_ + "/file"));  // not before the hash is known to be right
  EXPECT_EQ(file->finish().value(), dir_ + "/file");
  EXPECT_EQ(text_of(dir_ + "/file"), base::as_text(content));
  EXPECT_EQ(files(), 1u);
}

TEST_F(IncomingFileTest, AnEmptyFileIsAFile) {
  EXPECT_EQ(receive({}, "nothing").value(), dir_ + "/nothing");
  EXPECT_EQ(fs::file_size(dir_ + "/nothing"), 0u);
}

TEST_F(IncomingFileTest, NothingIsReplaced) {
  EXPECT_EQ(receive(noise(1), "a").value(), dir_ + "/a");
  EXPECT_EQ(receive(noise(2), "a").value(), dir_ + "/a.1");
  EXPECT_EQ(receive(noise(3), "a").value(), dir_ + "/a.2");
  EXPECT_EQ(text_of(dir_ + "/a"), base::as_text(noise(1)));
  EXPECT_EQ(text_of(dir_ + "/a.2"), base::as_text(noise(3)));
  fs::create_directory(dir_ + "/folder");
  EXPECT_EQ(receive(noise(1), "folder").value(), dir_ + "/folder.1");
  fs::create_symlink("/nowhere", dir_ + "/link");
  EXPECT_EQ(receive(noise(1), "link").value(), dir_ + "/link.1");
}

TEST_F(IncomingFileTest, TheLongestNamesFitWithAllThatIsAdded) {
  const std::string name(255, 'n');
  EXPECT_EQ(receive(noise(1), name).value(), dir_ + "/" + name);
  EXPECT_EQ(receive(noise(2), name).value(), dir_ + "/" + std::string(253, 'n') + ".1");
  std::string wide;
  while (wide.size() + 3 <= 255) wide += "☺";
  EXPECT_EQ(receive(noise(1), wide).value(), dir_ + "/" + wide);
  EXPECT_EQ(receive(noise(2), wide).value(), dir_ + "/" + wide.substr(0, 252) + ".1");
  EXPECT_LE(part_file_name(offer({}, wide)).size(), 255u);
}

TEST_F(IncomingFileTest, GoesOnFromAPart) {
  const Bytes content = noise(700'000);
  {
    auto file = open(offer(content));
    ASSERT_TRUE(file->write(ByteView(content).first(400'001)).has_value());
  }
  EXPECT_EQ(files(), 1u);
  auto file = open(offer(content));
  ASSERT_TRUE(file.has_value());
  EXPECT_EQ(file->received(), 400'001u);
  ASSERT_TRUE(file->write(ByteView(content).subspan(400'001)).has_value());
  EXPECT_EQ(text_of(file->finish().value()), base::as_text(content));
  EXPECT_EQ(files(), 1u);
}

TEST_F(IncomingFileTest, APartIsOnlyForTheContentItBeganWith) {
  const Bytes content = noise(1000);
  Bytes other = content;
  other.back() ^= 1;
  {
    auto file = open(offer(content));
    ASSERT_TRUE(file->write(ByteView(content).first(10)).has_value());
  }
  EXPECT_EQ(open(offer(other))->received(), 0u);
  EXPECT_EQ(open(offer(content, "other"))->received(), 0u);
  EXPECT_EQ(open(offer(content))->received(), 10u);
}

TEST_F(IncomingFileTest, AWrongHashLeavesNothing) {
  const Bytes content = noise(1000);
  Bytes wrong = content;
  wrong[500] ^= 1;
  auto file = open(offer(content));
  ASSERT_TRUE(file->write(wrong).has_value());
  EXPECT_EQ(file->finish().error().code, Code::malformed);
  EXPECT_EQ(files(), 0u);
  // The same where the part was damaged between two tries.
  {
    auto half = open(offer(content));
    ASSERT_TRUE(half->write(ByteView(content).first(600)).has_value());
  }
  std::fstream(part(offer(content)), std::ios::in | std::ios::out)
      .put(static_cast<char>(~content[0]));
  auto rest = open(offer(content));
  ASSERT_EQ(rest->received(), 600u);
  ASSERT_TRUE(rest->write(ByteView(content).subspan(600)).has_value());
  EXPECT_EQ(rest->finish().error().code, Code::malformed);
  EXPECT_EQ(files(), 0u);
}

TEST_F(IncomingFileTest, TakesNoByteMoreThanOffered) {
  const Bytes content = noise(1000);
  auto file = open(offer(content));
  EXPECT_EQ(file->write(noise(1001)).error().code, Code::protocol);
  EXPECT_TRUE(file->write(content).has_value());
  EXPECT_EQ(file->write(noise(1)).error().code, Code::protocol);
  EXPECT_TRUE(file->write({}).has_value());
  EXPECT_TRUE(file->finish().has_value());
}

TEST_F(IncomingFileTest, KeepsToItsSizeAndToTheDisk) {
  const Bytes content = noise(1000);
  EXPECT_EQ(open(offer(content), 999).error().code, Code::too_large);
  EXPECT_EQ(files(), 0u);
  EXPECT_TRUE(open(offer(content), 1000).has_value());
  codec::FileOffer huge = offer(content, "huge");
  huge.size = codec::file_size_max;
  EXPECT_EQ(open(huge).error().code, Code::limit);
  EXPECT_FALSE(fs::exists(part(huge)));
}

TEST_F(IncomingFileTest, OneWriterAPart) {
  const Bytes content = noise(1000);
  auto first = std::make_unique<IncomingFile>(open(offer(content)).value());
  EXPECT_EQ(open(offer(content)).error().code, Code::locked);
  EXPECT_TRUE(open(offer(content, "other")).has_value());
  first.reset();
  EXPECT_TRUE(open(offer(content)).has_value());
}

TEST_F(IncomingFileTest, AnOfferAfterWhichNothingComesLeavesNothing) {
  const Bytes content = noise(1000);
  {
    auto file = std::make_unique<IncomingFile>(open(offer(content)).value());
    const IncomingFile moved = std::move(*file);
    file.reset();  // the part is not for what was moved from to remove
    EXPECT_TRUE(fs::exists(part(offer(content))));
  }
  EXPECT_EQ(files(), 0u);
  {
    auto file = open(offer(content));
    ASSERT_TRUE(file->write(ByteView(content).first(1)).has_value());
  }
  EXPECT_EQ(files(), 1u);
  EXPECT_EQ(open(offer(content))->received(), 1u);
  EXPECT_EQ(files(), 1u);  // nothing came in this try, but the part has what came before
}

TEST_F(IncomingFileTest, NobodyElsesPartIsRemoved) {
  const codec::FileOffer empty = offer({});
  auto first = std::make_unique<IncomingFile>(open(empty).value());
  ASSERT_TRUE(first->finish().has_value());
  const auto second = open(empty);  // the name is free for it
  ASSERT_TRUE(second.has_value());
  first.reset();
  EXPECT_TRUE(fs::exists(part(empty)));
  codec::FileOffer wrong = offer({}, "wrong");
  wrong.sha256[0] ^= 1;
  auto third = std::make_unique<IncomingFile>(open(wrong).value());
  EXPECT_EQ(third->finish().error().code, Code::malformed);
  const auto fourth = open(wrong);
  ASSERT_TRUE(fourth.has_value());
  third.reset();
  EXPECT_TRUE(fs::exists(part(wrong)));
}

TEST_F(IncomingFileTest, WhatLiesInThePartsPlaceIsNotFollowed) {
  const Bytes content = noise(1000);
  const fs::path target = fs::path(dir_) / "target";
  std::ofstream(target) << "mine";
  fs::create_symlink(target, part(offer(content)));
  EXPECT_FALSE(open(offer(content)).has_value());
  EXPECT_EQ(text_of(target), "mine");
  fs::remove(part(offer(content)));
  ASSERT_EQ(::mkfifo(part(offer(content)).c_str(), 0600), 0);
  EXPECT_FALSE(open(offer(content)).has_value());
  fs::remove(part(offer(content)));
  std::ofstream(part(offer(content))) << std::string(1001, 'x');  // longer than the file
  EXPECT_EQ(open(offer(content))->received(), 0u);
  EXPECT_FALSE(IncomingFile::open({dir_ + "/none"}, offer(content), [] { return false; }));
}

TEST_F(IncomingFileTest, HashingAPartCanBeCalledOff) {
  const Bytes content = noise(1000);
  {
    auto file = open(offer(content));
    ASSERT_TRUE(file->write(ByteView(content).first(10)).has_value());
  }
  const auto canceled = IncomingFile::open({dir_}, offer(content), [] { return true; });
  EXPECT_EQ(canceled.error().code, Code::canceled);
  EXPECT_EQ(open(offer(content))->received(), 10u);
}

TEST(SafeFileName, NoStrangerMakesHiddenFilesOrWritesOnTheTerminal) {
  EXPECT_EQ(safe_file_name("report v2 (Grüße).pdf"), "report v2 (Grüße).pdf");
  EXPECT_EQ(safe_file_name(".bashrc"), "_bashrc");
  EXPECT_EQ(safe_file_name("..."), "_..");
  EXPECT_EQ(safe_file_name("-rf"), "_rf");
  EXPECT_EQ(safe_file_name("a\x1b[2Jb\n\x7f"), "a_[2Jb__");
  EXPECT_EQ(safe_file_name("a\xc2\x9b"
                           "b\xc2\xa0"),
            "a_b\xc2\xa0");
  EXPECT_EQ(safe_file_name("x\u202egpj.exe"), "x_gpj.exe");
  EXPECT_EQ(safe_file_name("\u2066\u2069\u2028"), "___");
  EXPECT_EQ(safe_file_name("\u200e\u200f\u061c"), "___");
  EXPECT_EQ(safe_file_name("\u200d\u2010\u061b\u061d"), "\u200d\u2010\u061b\u061d");
  EXPECT_EQ(safe_file_name("\u202f\u2065\u206a"), "\u202f\u2065\u206a");
}

}  // namespace
}  // namespace kith::app
