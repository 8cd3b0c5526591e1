// The tree's names: looking up, making, linking, removing and renaming. Contents and attributes are in
// file_tree_contents.cpp.
#include "host/9p/file_tree.h"

#include <algorithm>
#include <cerrno>

#include "host/9p/file_node.h"
#include "sim/hash.h"

namespace ringside {

namespace {

bool is_dots(std::string_view name) { return name == "." || name == ".."; }

FileNode* parent_of(const FileNode& directory) {
  return directory.names.empty() ? nullptr : directory.names.front()->directory;
}

// The directories below `top`, levels of them; no more than `enough` are counted.
uint32_t height_of(const FileNode& top, uint32_t enough) {
  std::vector<std::pair<const FileNode*, uint32_t>> waiting = {{&top, 0}};
  uint32_t height = 0;
  while (!waiting.empty() && height <= enough) {
    const auto [directory, level] = waiting.back();
    waiting.pop_back();
    height = std::max(height, level);
    if (directory->entries->directories == 0) continue;
    for (const auto& [name, entry] : directory->entries->by_name) {
      if (entry.file->entries) waiting.emplace_back(entry.file.get(), level + 1);
    }
  }
  return height;
}

uint32_t depth_of(const FileNode& directory) {
  uint32_t depth = 0;
  for (const FileNode* at = parent_of(directory); at != nullptr; at = parent_of(*at)) ++depth;
  return depth;
}

}  // namespace

FileTree::FileTree(const FileTreeConfig& config, const Clock& clock)
    : config_(config), clock_(clock), usage_(std::make_shared<FileUsage>()) {
  root_ = std::make_shared<FileNode>(usage_);
  root_->is_root = true;
  root_->entries = std::make_unique<Directory>();
  FileStatus& status = root_->status;
  status.path = ++last_path_;
  status.mode = file_mode::directory | (config.root_mode & file_mode::permissions);
  status.uid = config.root_uid;
  status.gid = config.root_gid;
  status.links = 2;
  status.accessed = status.modified = status.changed = status.created = now();
}

FileTree::~FileTree() {
  // Not by recursion: a guest may have made a deep tree.
  std::vector<FileRef> waiting = {root_};
  while (!waiting.empty()) {
    const FileRef file = std::move(waiting.back());
    waiting.pop_back();
    file->names.clear();
    if (!file->entries) continue;
    for (auto& [name, entry] : file->entries->by_name) waiting.push_back(std::move(entry.file));
    file->entries->by_cookie.clear();
    file->entries->by_name.clear();
  }
}

FileTime FileTree::now() const {
  const uint64_t nanoseconds = clock_.now.nanoseconds();
  return {config_.epoch_seconds + static_cast<int64_t>(nanoseconds / 1'000'000'000),
          static_cast<uint32_t>(nanoseconds % 1'000'000'000)};
}

void FileTree::remember(std::string_view operation, const FileNode& file, uint64_t value,
                        std::string_view text) {
  history_hash_ = hash_mix(history_hash_, static_cast<uint8_t>(operation[0]) | operation.size() << 8);
  for (const uint64_t part : {file.status.path, value, clock_.now.ps})
    history_hash_ = hash_mix(history_hash_, part);
  if (!text.empty()) history_hash_ = hash_mix(history_hash_, hash64(text));
}

FileResult<FileRef> FileTree::look_up(const FileRef& directory, std::string_view name) const {
  if (!directory->entries) return file_error(ENOTDIR);
  if (name.size() > kNameBytesMax) return file_error(ENAMETOOLONG);
  if (name == ".") return directory;
  if (name == "..") {
    FileRef up = parent(directory);
    if (up == nullptr) return file_error(ENOENT);
    return up;
  }
  const auto place = directory->entries->by_name.find(name);
  if (place == directory->entries->by_name.end()) return file_error(ENOENT);
  return place->second.file;
}

FileResult<FileRef> FileTree::find(std::string_view path) const {
  FileRef at = root_;
  while (!path.empty()) {
    const size_t end = std::min(path.find('/'), path.size());
    const std::string_view name = path.substr(0, end);
    path.remove_prefix(std::min(end + 1, path.size()));
    if (name.empty()) continue;
    FileResult<FileRef> next = look_up(at, name);
    if (!next) return next;
    at = std::move(*next);
  }
  return at;
}

FileRef FileTree::parent(const FileRef& file) const {
  if (file->is_root) return file;
  return file->names.empty() ? nullptr : file->names.front()->directory->shared_from_this();
}

bool FileTree::linked(const FileRef& file) const { return file->is_root || !file->names.empty(); }

FileTree::Place FileTree::place_of(const FileRef& file) const {
  if (file->names.empty()) return {};
  return {file->names.front()->directory->shared_from_this(), file->names.front()->name};
}

std::string FileTree::path_of(const FileRef& file) const {
  if (file->is_root) return "/";
  std::vector<std::string_view> names;
  const FileNode* at = file.get();
  for (; !at->names.empty(); at = parent_of(*at)) names.push_back(at->names.front()->name);
  std::string path;
  if (!at->is_root) return path;
  for (auto name = names.rbegin(); name != names.rend(); ++name) {
    path += '/';
    path += *name;
  }
  return path;
}

FileTreeUsage FileTree::usage() const {
  return {.bytes_max = config_.bytes_max,
          .bytes_used = usage_->bytes,
          .files_max = config_.files_max,
          .files_used = usage_->files};
}

FileResult<> FileTree::check_new_name(const FileNode& directory, std::string_view name) const {
  if (!directory.entries) return file_error(ENOTDIR);
  if (name.empty()) return file_error(ENOENT);
  if (name.size() > kNameBytesMax) return file_error(ENAMETOOLONG);
  if (name.find('/') != name.npos || name.find('\0') != name.npos) return file_error(EINVAL);
  if (is_dots(name)) return file_error(EEXIST);
  if (!directory.is_root && directory.names.empty()) return file_error(ENOENT);
  return {};
}

// Whether a directory may be in `directory`: `moved`, or a new one (null).
FileResult<> FileTree::check_depth(const FileNode& directory, const FileNode* moved) const {
  const uint32_t depth = depth_of(directory);
  if (depth + 1 > config_.depth_max) return file_error(ENAMETOOLONG);
  // What does not come to be deeper than it was fits: only the rest is measured.
  if (moved == nullptr || depth <= depth_of(*parent_of(*moved))) return {};
  const uint32_t levels_left = config_.depth_max - depth - 1;
  if (height_of(*moved, levels_left) > levels_left) return file_error(ENAMETOOLONG);
  return {};
}

void FileTree::entries_changed(FileNode& directory) {
  directory.status.modified = directory.status.changed = now();
  ++directory.status.version;
}

void FileTree::add_name(FileNode& directory, std::string_view name, FileRef file) {
  Directory& entries = *directory.entries;
  FileNode& node = *file;
  const auto place = entries.by_name
                         .emplace(std::string(name), DirectoryEntry{.directory = &directory,
                                                                    .name = {},
                                                                    .cookie = ++entries.last_cookie,
                                                                    .file = std::move(file)})
                         .first;
  DirectoryEntry& entry = place->second;
  entry.name = place->first;
  entries.by_cookie.emplace_hint(entries.by_cookie.end(), entry.cookie, &entry);
  node.names.push_back(&entry);
  ++usage_->names;
  if (node.entries) {
    ++entries.directories;
    ++directory.status.links;
  } else {
    node.status.links = node.names.size();
  }
  entries_changed(directory);
}

void FileTree::remove_name(FileNode& directory, std::string_view name) {
  Directory& entries = *directory.entries;
  const auto place = entries.by_name.find(name);
  DirectoryEntry& entry = place->second;
  const FileRef file = entry.file;
  std::erase(file->names, &entry);
  entries.by_cookie.erase(entry.cookie);
  entries.by_name.erase(place);
  --usage_->names;
  if (file->entries) {
    --entries.directories;
    --directory.status.links;
    file->status.links = file->names.empty() ? 0 : 2 + file->entries->directories;
  } else {
    file->status.links = file->names.size();
  }
  file->status.changed = now();
  entries_changed(directory);
}

FileResult<FileRef> FileTree::create(const FileRef& directory, std::string_view name, const NewFile& wanted) {
  const FileResult<> allowed = check_new_name(*directory, name);
  if (!allowed) return file_error(allowed.error());
  if (directory->entries->by_name.contains(name)) return file_error(EEXIST);
  if (read_only_) return file_error(EROFS);
  if (usage_->files >= config_.files_max || usage_->names >= config_.files_max) return file_error(ENOSPC);
  const uint32_t type = wanted.mode & file_mode::type_mask;
  if (type == file_mode::directory) {
    const FileResult<> depth = check_depth(*directory, nullptr);
    if (!depth) return file_error(depth.error());
  }
  if (type == file_mode::symlink) {
    if (wanted.target.empty()) return file_error(ENOENT);
    if (wanted.target.size() > kTargetBytesMax) return file_error(ENAMETOOLONG);
    if (wanted.target.find('\0') != wanted.target.npos) return file_error(EINVAL);
    if (usage_->bytes + wanted.target.size() > config_.bytes_max) return file_error(ENOSPC);
  }

  FileRef file = std::make_shared<FileNode>(usage_);
  FileStatus& status = file->status;
  status.path = ++last_path_;
  status.mode = type | (wanted.mode & file_mode::permissions);
  status.uid = wanted.uid;
  status.gid = wanted.gid;
  status.append_only = wanted.append_only;
  status.exclusive_use = wanted.exclusive_use;
  status.temporary = wanted.temporary;
  status.created = now();
  status.accessed = status.modified = status.changed = wanted.modified.value_or(status.created);
  switch (type) {
    case file_mode::directory:
      file->entries = std::make_unique<Directory>();
      status.links = 2;
      break;
    case file_mode::symlink:
      file->target = wanted.target;
      status.size = file->target.size();
      file->count_bytes();
      break;
    case file_mode::block_device:
    case file_mode::character_device: status.device = wanted.device; break;
    case file_mode::regular:
    case file_mode::fifo:
    case file_mode::socket: break;
    default: return file_error(EINVAL);
  }
  add_name(*directory, name, file);
  remember("create", *file, status.mode, name);
  return file;
}

FileResult<> FileTree::link(const FileRef& directory, std::string_view name, const FileRef& file) {
  const FileResult<> allowed = check_new_name(*directory, name);
  if (!allowed) return allowed;
  if (directory->entries->by_name.contains(name)) return file_error(EEXIST);
  if (file->entries) return file_error(EPERM);
  if (read_only_) return file_error(EROFS);
  if (file->names.empty()) return file_error(ENOENT);
  if (file->names.size() >= config_.links_max) return file_error(EMLINK);
  if (usage_->names >= config_.files_max) return file_error(ENOSPC);
  add_name(*directory, name, file);
  file->status.changed = now();
  remember("link", *file, directory->status.path, name);
  return {};
}

FileResult<> FileTree::remove(const FileRef& directory, std::string_view name, Removal what) {
  if (is_dots(name)) return file_error(EINVAL);
  const FileResult<FileRef> found = look_up(directory, name);
  if (!found) return file_error(found.error());
  const FileNode& file = **found;
  if (read_only_) return file_error(EROFS);
  if (file.entries && what == Removal::file) return file_error(EISDIR);
  if (!file.entries && what == Removal::directory) return file_error(ENOTDIR);
  if (file.entries && !file.entries->by_name.empty()) return file_error(ENOTEMPTY);
  remember("remove", file, directory->status.path, name);
  remove_name(*directory, name);
  return {};
}

FileResult<> FileTree::rename(const FileRef& from, std::string_view name, const FileRef& to,
                              std::string_view new_name) {
  if (is_dots(name) || is_dots(new_name)) return file_error(EBUSY);
  const FileResult<> allowed = check_new_name(*to, new_name);
  if (!allowed) return allowed;
  const FileResult<FileRef> found = look_up(from, name);
  if (!found) return file_error(found.error());
  if (read_only_) return file_error(EROFS);
  const FileRef file = *found;
  if (file->entries) {
    for (const FileNode* up = to.get(); up != nullptr; up = parent_of(*up)) {
      if (up == file.get()) return file_error(EINVAL);
    }
    const FileResult<> depth = check_depth(*to, file.get());
    if (!depth) return depth;
  }
  const auto place = to->entries->by_name.find(new_name);
  if (place != to->entries->by_name.end()) {
    const FileNode& replaced = *place->second.file;
    if (&replaced == file.get()) return {};
    if (replaced.entries && !file->entries) return file_error(EISDIR);
    if (!replaced.entries && file->entries) return file_error(ENOTDIR);
    if (replaced.entries && !replaced.entries->by_name.empty()) return file_error(ENOTEMPTY);
    remove_name(*to, new_name);
  }
  remember("rename", *file, from->status.path, name);
  remember("to", *to, 0, new_name);
  remove_name(*from, name);
  add_name(*to, new_name, file);
  if (file->entries) file->status.links = 2 + file->entries->directories;
  return {};
}

}  // namespace ringside
