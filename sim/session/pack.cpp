#include "sim/session/pack.h"

#include <fmt/format.h>

#include <cerrno>
#include <cstdio>
#include <system_error>

#include "sim/hash.h"
#include "sim/session/reader.h"
#include "sim/session/writer.h"

namespace ringside {

namespace {

tl::unexpected<Error> failure(std::string message) {
  return tl::unexpected(Error{ExitCode::bad_input, std::move(message)});
}

Result<SessionHeader> with_contents(SessionHeader header, const std::vector<std::vector<uint8_t>>& contents,
                                    const std::string& session) {
  if (contents.size() != header.files.size()) {
    return failure(fmt::format("session '{}' names {} files, and {} were given", session, header.files.size(),
                               contents.size()));
  }
  for (size_t i = 0; i < contents.size(); ++i) {
    SessionFile& file = header.files[i];
    if (contents[i].size() != file.size || file_hash(contents[i]) != file.hash) {
      return failure(
          fmt::format("'{}' is not the file that '{}' was recorded with: {} bytes with hash {:016x}, "
                      "recorded were {} bytes with hash {:016x}; restore it or record again",
                      file.name, session, contents[i].size(), file_hash(contents[i]), file.size, file.hash));
    }
    file.contents = contents[i];
  }
  return header;
}

Result<> copy_records(SessionReader& reader, SessionWriter& writer) {
  size_t wires = 0;
  for (;;) {
    auto record = reader.next();
    if (!record) return tl::unexpected(record.error());
    for (; wires < reader.wires().size(); ++wires) writer.add_wire(reader.wires()[wires]);
    if (!*record) return {};
    std::visit([&](const auto& known) { writer.write(known); }, **record);
    if (!writer.status()) return writer.status();
  }
}

}  // namespace

Result<> pack_session(const std::string& from, const std::string& to,
                      const std::vector<std::vector<uint8_t>>& contents) {
  auto reader = SessionReader::open(from);
  if (!reader) return tl::unexpected(reader.error());
  const auto header = with_contents(reader->header(), contents, from);
  if (!header) return tl::unexpected(header.error());
  const std::string partial = to + ".partial";
  auto writer = SessionWriter::create(partial, *header);
  Result<> done = writer ? copy_records(*reader, **writer) : tl::unexpected(writer.error());
  if (done) done = (*writer)->close();
  if (done && std::rename(partial.c_str(), to.c_str()) != 0) {
    done = failure(
        fmt::format("cannot name the packed session '{}': {}", to, std::generic_category().message(errno)));
  }
  if (!done) std::remove(partial.c_str());
  return done;
}

}  // namespace ringside
