#include "host/9p/fid_paths.h"

namespace ringside {

namespace {

std::string join(const std::string& directory, std::string_view name) {
  std::string path = directory == "/" ? directory : directory + "/";
  return path.append(name);
}

std::string parent(const std::string& path) {
  const size_t slash = path.rfind('/');
  return slash == 0 || slash == std::string::npos ? "/" : path.substr(0, slash);
}

bool lies_below(std::string_view path, std::string_view folder) {
  return path.size() > folder.size() && path.starts_with(folder) && path[folder.size()] == '/';
}

}  // namespace

const std::string* FidPaths::path_of(uint32_t fid) const {
  const auto place = paths_.find(fid);
  return place != paths_.end() ? &place->second : nullptr;
}

const std::string* FidPaths::path_of_request(uint16_t tag) const {
  const auto place = requests_.find(tag);
  return place != requests_.end() && place->second.path ? &*place->second.path : nullptr;
}

std::optional<std::string> FidPaths::known(uint32_t fid) const {
  const std::string* path = path_of(fid);
  return path != nullptr ? std::optional(*path) : std::nullopt;
}

std::optional<std::string> FidPaths::joined(uint32_t directory, std::string_view name) const {
  const std::string* path = path_of(directory);
  if (path == nullptr || path->size() + name.size() >= kPathBytesMax) return std::nullopt;
  return join(*path, name);
}

void FidPaths::set(uint32_t fid, const std::optional<std::string>& path) {
  if (fid == ninep::nofid) return;
  if (!path || path->size() > kPathBytesMax || (paths_.size() >= kFidsMax && !paths_.contains(fid))) {
    paths_.erase(fid);
    return;
  }
  paths_[fid] = *path;
}

void FidPaths::move(const std::string& from, const std::string& to) {
  for (auto place = paths_.begin(); place != paths_.end();) {
    std::string& path = place->second;
    if (path == from) {
      path = to;
    } else if (lies_below(path, from)) {
      path = to + path.substr(from.size());
    }
    place = path.size() > kPathBytesMax ? paths_.erase(place) : std::next(place);
  }
}

void FidPaths::take(std::span<const uint8_t> message) {
  if (message.size() < ninep::header_bytes) return;
  const uint8_t type = message[4];
  const auto tag = static_cast<uint16_t>(message[5] | message[6] << 8);
  const NinePMessageType* row = ninep_message_type(type);
  if (row == nullptr) {
    if (type % 2 == 0) {
      Request request;
      request.type = type;
      requests_.insert_or_assign(tag, std::move(request));
    }
    return;
  }
  const NinePValues values = ninep_values(row->fields, dialect_, message, ninep::header_bytes);
  if (type % 2 == 0) {
    take_request(type, tag, values, values.problem.empty());
  } else {
    take_answer(type, tag, values);
  }
}

void FidPaths::walk(Request& request, const NinePValues& values) const {
  request.names = values.at[2].number;
  std::optional<std::string> path = request.path;
  std::span<const uint8_t> names = values.at[2].bytes;
  for (size_t i = 0; i < request.names && path; ++i) {
    const std::string_view name = ninep_next_name(names);
    path = name == ".." ? parent(*path) : join(*path, name);
    if (path->size() > kPathBytesMax) path.reset();
  }
  request.result = std::move(path);
}

void FidPaths::take_request(uint8_t type, uint16_t tag, const NinePValues& values, bool whole) {
  Request request{.type = type};
  const NinePMessageType* row = ninep_message_type(type);
  const bool about_fid = values.count > 0 && row->fields[0].format == NinePFormat::fid;
  if (about_fid) {
    request.fid = values.u32(0);
    request.path = known(request.fid);
  }
  // A message that is cut or malformed may have done anything with its fid: only Rclunk would not.
  switch (whole ? type : uint8_t{0}) {
    case ninep::Tattach:
    case ninep::Tauth:
      request.newfid = request.fid;
      request.path = request.result = type == ninep::Tauth ? "(auth)" : "/";
      break;
    case ninep::Twalk:
      request.newfid = values.u32(1);
      walk(request, values);
      break;
    case ninep::Tlcreate:
    case ninep::Tcreate:
      request.newfid = request.fid;
      request.result = joined(request.fid, values.text(1));
      break;
    case ninep::Txattrwalk:
      request.newfid = values.u32(1);
      if (request.path) request.result = *request.path + "(xattr " + std::string(values.text(2)) + ")";
      break;
    case ninep::Trename: request.result = joined(values.u32(1), values.text(2)); break;
    case ninep::Trenameat:
      request.path = joined(request.fid, values.text(1));
      request.result = joined(values.u32(2), values.text(3));
      break;
    case ninep::Twstat: {
      const NinePValues stat = ninep_values(ninep_stat_fields(), NinePDialect::base, values.at[1].bytes, 0);
      if (request.path && stat.count > 8 && !stat.text(8).empty()) {
        request.result = join(parent(*request.path), stat.text(8));
      }
      break;
    }
    case ninep::Tflush:
      if (values.count > 0) request.names = values.u64(0);
      break;
    default: break;
  }
  requests_.insert_or_assign(tag, std::move(request));
}

void FidPaths::take_answer(uint8_t type, uint16_t tag, const NinePValues& values) {
  const auto place = requests_.find(tag);
  Request request;
  if (place != requests_.end()) {
    request = std::move(place->second);
    requests_.erase(place);
  }
  if (type == ninep::Rversion) {
    paths_.clear();
    requests_.clear();
    if (values.count > 1) dialect_ = ninep_dialect(values.text(1)).value_or(dialect_);
    return;
  }
  // Whatever the answer is, the fid is gone (clunk(5), remove(5)).
  if (request.type == ninep::Tclunk || request.type == ninep::Tremove) paths_.erase(request.fid);
  if (type != request.type + 1) return;  // an error, or an answer to something that was not seen
  switch (type) {
    case ninep::Rwalk:
      // Where not all names were found, newfid means nothing new.
      if (values.count > 0 && values.u64(0) == request.names) set(request.newfid, request.result);
      break;
    case ninep::Rattach:
    case ninep::Rauth:
    case ninep::Rlcreate:
    case ninep::Rcreate:
    case ninep::Rxattrwalk: set(request.newfid, request.result); break;
    case ninep::Rrename:
    case ninep::Rrenameat:
    case ninep::Rwstat:
      if (request.path && request.result) move(*request.path, *request.result);
      break;
    case ninep::Rflush: requests_.erase(static_cast<uint16_t>(request.names)); break;
    default: break;
  }
}

}  // namespace ringside
