#include "host/9p/host_folder.h"

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <map>

#include "sim/hash.h"

namespace ringside {

// What all files of a folder share: who is asked, and how much was read.
struct HostFolder::Contents {
  FolderBlock ask(uint32_t entry, uint32_t block);

  HostFolderConfig config;
  std::optional<FolderReader> live;
  Outside& outside;
  Complaint complaint;
  uint64_t bytes = 0;         // of the blocks that are kept
  uint64_t failed_files = 0;  // files that give errors by now
  uint64_t history_hash = 0;  // over all answers, in order: they made what is kept
};

FolderBlock HostFolder::Contents::ask(uint32_t entry, uint32_t block) {
  const auto answer =
      outside.exchange(config.wire + "/contents", [&] { return encode(live->read(entry, block)); });
  history_hash = hash_mix(history_hash, hash64(answer));
  auto decoded = decode_folder_block(answer);
  if (decoded && decoded->entry == entry && decoded->block == block) return std::move(*decoded);
  return {entry, block, EIO, "the recording has no contents of it", {}};
}

class HostFolder::File final : public ContentSource {
 public:
  File(std::shared_ptr<Contents> contents, uint32_t entry, uint64_t size, std::string path)
      : contents_(std::move(contents)), entry_(entry), size_(size), path_(std::move(path)) {}

  uint64_t size() const override { return size_; }

  FileResult<size_t> read(uint64_t offset, std::span<uint8_t> into) override {
    if (offset >= size_) return 0;
    const size_t length = std::min<uint64_t>(into.size(), size_ - offset);
    for (size_t done = 0; done < length;) {
      const uint64_t at = offset + done;
      const auto block = this->block(at / kFolderBlockBytes);
      if (!block) return file_error(block.error());
      const auto part = block->subspan(at % kFolderBlockBytes);
      const size_t count = std::min(part.size(), length - done);
      std::memcpy(&into[done], part.data(), count);
      done += count;
    }
    return length;
  }

 private:
  FileResult<std::span<const uint8_t>> block(uint64_t number);
  // For good: what was read of it stays, the rest is not asked for again.
  tl::unexpected<int> break_off(int error, const std::string& why);

  const std::shared_ptr<Contents> contents_;
  const uint32_t entry_;
  const uint64_t size_;
  const std::string path_;
  std::map<uint64_t, std::vector<uint8_t>> blocks_;
  int error_ = 0;
};

tl::unexpected<int> HostFolder::File::break_off(int error, const std::string& why) {
  error_ = error;
  ++contents_->failed_files;
  contents_->complaint(NoticeKind::unusual, fmt::format("'{}' of the host's folder: {}", path_, why));
  return file_error(error);
}

FileResult<std::span<const uint8_t>> HostFolder::File::block(uint64_t number) {
  if (const auto place = blocks_.find(number); place != blocks_.end())
    return std::span<const uint8_t>(place->second);
  if (error_ != 0) return file_error(error_);
  const uint64_t bytes = folder_block_size(size_, number);
  if (number > UINT32_MAX || contents_->bytes + bytes > contents_->config.contents_bytes_max) {
    return break_off(EIO,
                     fmt::format("with it, more than {} bytes of the folder's files would be read; raise "
                                 "'contents_max' of the share",
                                 contents_->config.contents_bytes_max));
  }
  FolderBlock answer = contents_->ask(entry_, static_cast<uint32_t>(number));
  if (answer.error == 0 && answer.contents.size() != bytes) {
    answer.error = EIO;
    answer.explanation = "the recording has other contents of it";
  }
  if (answer.error != 0) return break_off(answer.error, answer.explanation);
  contents_->bytes += bytes;
  return std::span<const uint8_t>(blocks_.emplace(number, std::move(answer.contents)).first->second);
}

namespace {

// Puts one entry into the tree. `files` are those of the entries before it.
FileResult<FileRef> make(FileTree& tree, const FolderEntry& entry, const std::vector<FileRef>& files) {
  const FileRef& directory = files[entry.directory];
  if (entry.same_as != FolderEntry::kNone) {
    const FileRef& same = files[entry.same_as];
    const auto linked = tree.link(directory, entry.name, same);
    if (!linked) return file_error(linked.error());
    return same;
  }
  NewFile file;
  file.mode = entry.mode;
  file.uid = entry.uid;
  file.gid = entry.gid;
  file.device = entry.device;
  file.target = entry.target;
  file.modified = entry.modified;
  return tree.create(directory, entry.name, file);
}

// A directory's time of modification has changed with every file that was put into it.
FileResult<> finish(FileTree& tree, const FolderEntry& entry, const FileRef& directory) {
  AttributeChanges changes;
  changes.mode = entry.mode & file_mode::permissions;
  changes.uid = entry.uid;
  changes.gid = entry.gid;
  changes.accessed = changes.modified = entry.modified;
  return tree.change(directory, changes);
}

}  // namespace

HostFolder::HostFolder() = default;
HostFolder::~HostFolder() = default;

Result<std::unique_ptr<HostFolder>> HostFolder::fill(FileTree& tree, const HostFolderConfig& config,
                                                     std::optional<FolderReader> live, Outside& outside,
                                                     Complaint complaint) {
  std::unique_ptr<HostFolder> folder(new HostFolder());
  folder->contents_ =
      std::make_shared<Contents>(Contents{config, std::move(live), outside, std::move(complaint), 0, 0, 0});
  Contents& contents = *folder->contents_;
  const auto answer =
      outside.exchange(config.wire + "/manifest", [&] { return encode(contents.live->manifest()); });
  contents.history_hash = hash_mix(contents.history_hash, hash64(answer));
  if (answer.empty()) return folder;
  const auto manifest = decode_folder_manifest(answer);
  if (!manifest) {
    return fail(fmt::format("share \"{}\": what the session holds of its folder is no manifest", config.name),
                ExitCode::diverged);
  }
  std::vector<FileRef> files = {tree.root()};
  const std::vector<FolderEntry>& entries = manifest->entries;
  for (uint32_t i = 1; i < entries.size(); ++i) {
    auto file = make(tree, entries[i], files);
    if (!file) {
      return fail(fmt::format("share \"{}\": file {} of its folder, '{}', cannot be made: {}", config.name, i,
                              entries[i].name, std::strerror(file.error())));
    }
    if (tree.status(*file).is_regular() && entries[i].same_as == FolderEntry::kNone && entries[i].size != 0)
      tree.set_source(*file,
                      std::make_shared<File>(folder->contents_, i, entries[i].size, tree.path_of(*file)));
    files.push_back(std::move(*file));
  }
  for (uint32_t i = 0; i < entries.size(); ++i) {
    if (tree.status(files[i]).is_directory()) (void)finish(tree, entries[i], files[i]);
  }
  for (const std::string& remark : manifest->remarks) contents.complaint(NoticeKind::unusual, remark);
  return folder;
}

void HostFolder::visit_state(StateVisitor& visitor) const {
  visitor.number("bytes", contents_->bytes);
  visitor.number("failed_files", contents_->failed_files);
  visitor.number("history", contents_->history_hash);
}

}  // namespace ringside
