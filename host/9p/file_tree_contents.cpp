// What the files of a tree hold: contents, attributes, listings, extended attributes.
#include <algorithm>
#include <cerrno>

#include "host/9p/file_node.h"
#include "host/9p/file_tree.h"
#include "sim/hash.h"

namespace ringside {

FileStatus FileTree::status(const FileRef& file) const {
  FileStatus status = file->status;
  if (status.is_regular()) {
    status.size = file->contents.size();
    status.blocks = file->contents.sectors();
  }
  return status;
}

FileResult<> FileTree::change(const FileRef& file, const AttributeChanges& changes) {
  if (read_only_) return file_error(EROFS);
  FileStatus& status = file->status;
  if (changes.size) {
    if (file->entries) return file_error(EISDIR);
    if (!status.is_regular()) return file_error(EINVAL);
    if (*changes.size > config_.file_size_max) return file_error(EFBIG);
  }
  const FileTime at = now();
  if (changes.size) {
    if (*changes.size != file->contents.size()) ++status.version;
    file->contents.resize(*changes.size);
    file->count_bytes();
    status.modified = at;
    remember("size", *file, *changes.size);
  }
  if (changes.mode) {
    status.mode = (status.mode & file_mode::type_mask) | (*changes.mode & file_mode::permissions);
  }
  status.uid = changes.uid.value_or(status.uid);
  status.gid = changes.gid.value_or(status.gid);
  if (changes.accessed_now) status.accessed = at;
  if (changes.modified_now) status.modified = at;
  status.accessed = changes.accessed.value_or(status.accessed);
  status.modified = changes.modified.value_or(status.modified);
  status.append_only = changes.append_only.value_or(status.append_only);
  status.exclusive_use = changes.exclusive_use.value_or(status.exclusive_use);
  status.temporary = changes.temporary.value_or(status.temporary);
  status.changed = at;
  const uint64_t plan9_bits = status.append_only | status.exclusive_use << 1 | status.temporary << 2;
  uint64_t digest = hash_mix(plan9_bits, status.mode | uint64_t{status.uid} << 32);
  for (const FileTime& time : {status.accessed, status.modified}) {
    digest = hash_mix(hash_mix(digest, static_cast<uint64_t>(time.seconds)), time.nanoseconds);
  }
  remember("attributes", *file, hash_mix(digest, status.gid));
  return {};
}

FileResult<size_t> FileTree::read(const FileRef& file, uint64_t offset, std::span<uint8_t> into) {
  if (file->entries) return file_error(EISDIR);
  if (!file->status.is_regular()) return file_error(EINVAL);
  FileResult<size_t> done = file->contents.read(offset, into);
  if (done && !read_only_) {
    file->status.accessed = now();
    remember("read", *file, 0);
  }
  return done;
}

FileResult<size_t> FileTree::write(const FileRef& file, uint64_t offset, std::span<const uint8_t> from) {
  if (file->entries) return file_error(EISDIR);
  if (!file->status.is_regular()) return file_error(EINVAL);
  if (read_only_) return file_error(EROFS);
  if (from.empty()) return 0;
  if (offset >= config_.file_size_max) return file_error(EFBIG);
  from = from.first(static_cast<size_t>(std::min<uint64_t>(from.size(), config_.file_size_max - offset)));
  const uint64_t bytes_left = config_.bytes_max - std::min(config_.bytes_max, usage_->bytes);
  FileResult<size_t> done = file->contents.write(offset, from, bytes_left / FileContents::kBlockBytes);
  file->count_bytes();
  if (!done) return done;
  file->status.modified = file->status.changed = now();
  ++file->status.version;
  remember("write", *file, hash_mix(offset, hash64(from.first(*done))));
  return done;
}

FileResult<std::string_view> FileTree::target(const FileRef& symlink) const {
  if (!symlink->status.is_symlink()) return file_error(EINVAL);
  return std::string_view(symlink->target);
}

void FileTree::set_source(const FileRef& file, std::shared_ptr<ContentSource> source) {
  remember("source", *file, source->size());
  file->contents.set_source(std::move(source));
}

FileResult<> FileTree::list(const FileRef& directory, uint64_t after_cookie, const Take& take) {
  if (!directory->entries) return file_error(ENOTDIR);
  const auto& entries = directory->entries->by_cookie;
  for (auto place = entries.upper_bound(after_cookie); place != entries.end(); ++place) {
    const DirectoryEntry& entry = *place->second;
    if (!take({.cookie = entry.cookie, .name = entry.name, .file = entry.file})) break;
  }
  if (!read_only_) {
    directory->status.accessed = now();
    remember("list", *directory, 0);
  }
  return {};
}

FileResult<std::span<const uint8_t>> FileTree::attribute(const FileRef& file, std::string_view name) const {
  const auto place = file->attributes.find(name);
  if (place == file->attributes.end()) return file_error(ENODATA);
  return std::span<const uint8_t>(place->second);
}

FileResult<> FileTree::set_attribute(const FileRef& file, std::string_view name,
                                     std::span<const uint8_t> value, AttributeWrite how) {
  if (read_only_) return file_error(EROFS);
  if (name.empty() || name.size() > kNameBytesMax || name.find('\0') != name.npos) return file_error(ERANGE);
  if (value.size() > config_.attribute_bytes_max) return file_error(E2BIG);
  const auto place = file->attributes.find(name);
  const bool exists = place != file->attributes.end();
  if (exists && how == AttributeWrite::create) return file_error(EEXIST);
  if (!exists && how == AttributeWrite::replace) return file_error(ENODATA);
  if (!exists && file->attributes.size() >= config_.attributes_max) return file_error(ENOSPC);
  const uint64_t before = exists ? name.size() + place->second.size() : 0;
  const uint64_t after = name.size() + value.size();
  if (usage_->bytes + after - before > config_.bytes_max) return file_error(ENOSPC);
  file->attributes.insert_or_assign(std::string(name), std::vector<uint8_t>(value.begin(), value.end()));
  file->attribute_bytes += after - before;
  file->count_bytes();
  file->status.changed = now();
  remember("set attribute", *file, hash64(value), name);
  return {};
}

FileResult<> FileTree::remove_attribute(const FileRef& file, std::string_view name) {
  if (read_only_) return file_error(EROFS);
  const auto place = file->attributes.find(name);
  if (place == file->attributes.end()) return file_error(ENODATA);
  file->attribute_bytes -= name.size() + place->second.size();
  remember("remove attribute", *file, 0, name);
  file->attributes.erase(place);
  file->count_bytes();
  file->status.changed = now();
  return {};
}

FileResult<std::vector<uint8_t>> FileTree::attribute_names(const FileRef& file) const {
  std::vector<uint8_t> names;
  for (const auto& [name, value] : file->attributes) {
    names.insert(names.end(), name.begin(), name.end());
    names.push_back(0);
  }
  return names;
}

const FileLocks& FileTree::locks(const FileRef& file) const { return file->locks; }

bool FileTree::take_lock(const FileRef& file, const FileLock& lock) {
  // One more, and perhaps one of another kind cut in two.
  if (usage_->locks + 2 > config_.locks_max) return false;
  const uint64_t before = file->locks.all().size();
  const bool taken = file->locks.take(lock);
  usage_->locks += file->locks.all().size() - before;
  return taken;
}

bool FileTree::release_lock(const FileRef& file, const LockOwner& owner, uint64_t first, uint64_t last) {
  const uint64_t before = file->locks.all().size();
  const bool released = file->locks.release(owner, first, last);
  usage_->locks += file->locks.all().size() - before;
  return released;
}

void FileTree::release_locks(const FileRef& file, uint64_t conversation, uint32_t fid) {
  usage_->locks -= file->locks.all().size();
  file->locks.release_all(conversation, fid);
  usage_->locks += file->locks.all().size();
}

uint32_t& FileTree::open_count(const FileRef& file) { return file->open_count; }

void FileTree::visit_state(StateVisitor& visitor) const {
  visitor.number("files", usage_->files);
  visitor.number("names", usage_->names);
  visitor.number("bytes", usage_->bytes);
  visitor.number("locks", usage_->locks);
  visitor.number("last_path", last_path_);
  visitor.number("read_only", read_only_);
  visitor.number("history_hash", history_hash_);
}

}  // namespace ringside
