#include <fmt/format.h>

#include <algorithm>
#include <cstring>

#include "host/9p/folder_reader.h"
#include "hv-model/backends/9pfs/p9_payloads.h"
#include "testkit/device/ninep_house.h"

namespace ringside::test {

namespace house {

namespace {

constexpr std::string_view kWatching[] = {"9p"};
constexpr size_t kRecordBytes = sizeof(P9MessageRecord);
constexpr size_t kHeaderBytes = 7;
constexpr size_t kConversationsMax = 256;  // as many as P9MessageRecord can tell apart

// What a message of that size is when the taps have seen it. Less than a header is nothing; what a fault has
// cut says how much is left, as behind the ring of a Xen share.
Bytes message_in(const Bytes& payload, size_t sent) {
  if (payload.size() < kRecordBytes + kHeaderBytes) return {};
  Bytes left(payload.begin() + kRecordBytes, payload.end());
  if (left.size() < sent) {
    const auto size = static_cast<uint32_t>(left.size());
    std::memcpy(left.data(), &size, sizeof size);
  }
  return left;
}

}  // namespace

NinePConversation::NinePConversation(NinePBench& the_bench, uint8_t the_number, bool ours)
    : bench(the_bench), number(the_number) {
  if (!ours) return;
  NinePServerConfig config;
  config.name = bench.share;
  server = std::make_unique<ringside::NinePServer>(config, bench.tree, bench.clock, bench.events);
  server->set_complaint(
      [this](NoticeKind kind, std::string what) { bench.notices.emit(kind, bench.share, std::move(what)); });
}

Bytes NinePConversation::payload_of(const Bytes& message) const {
  const P9MessageRecord record{1, 0, number};
  Bytes payload(kRecordBytes + message.size());
  std::memcpy(payload.data(), &record, sizeof record);
  std::copy(message.begin(), message.end(), payload.begin() + kRecordBytes);
  return payload;
}

// An error in place of what was answered, as a fault wants it.
Bytes NinePConversation::error_for(const Bytes& message, int64_t fail) const {
  const auto number =
      static_cast<uint32_t>(fail < 0 ? -static_cast<uint64_t>(fail) : static_cast<uint64_t>(fail));
  const uint16_t tag = NinePReader(message).tag();
  if (dialect_ == NinePDialect::base)
    return NinePMessage(test::ninep::Rerror).text(fmt::format("error {}", number)).tagged(tag);
  return NinePMessage(test::ninep::Rlerror).u32(number).tagged(tag);
}

void NinePConversation::send(Bytes message) {
  if (message.size() < kHeaderBytes) {
    bench.notices.emit(NoticeKind::unusual, bench.share,
                       fmt::format("{} bytes are no message: a transport drops them", message.size()));
    return;
  }
  Bytes payload = payload_of(message);
  const Verdict verdict = bench.requests.pass(ringside::Direction::out, payload);
  const Bytes left = message_in(payload, message.size());
  if (left.empty()) return;
  for (uint32_t copy = 0; copy < verdict.copies; ++copy)
    bench.requests.release(verdict, "9p/request", [this, left] { receive(left); });
}

void NinePConversation::receive(Bytes message) {
  if (server) return server->receive(std::move(message), [this](Bytes made) { answer(std::move(made)); });
  if (handler) {
    NinePRequest request(message);
    if (const std::optional<NinePMessage> made = handler(request)) return answer(made->tagged(request.tag()));
  }
  requests.push_back(std::move(message));
}

void NinePConversation::answer(Bytes message) {
  if (message.size() > kHeaderBytes && message[4] == ringside::ninep::Rversion) {
    const NinePValues values =
        ninep_values(ninep_message_type(message[4])->fields, dialect_, message, kHeaderBytes);
    if (values.problem.empty()) dialect_ = ninep_dialect(values.text(1)).value_or(dialect_);
  }
  Bytes payload = payload_of(message);
  const Verdict verdict = bench.answers.pass(ringside::Direction::in, payload);
  Bytes left = message_in(payload, message.size());
  if (left.empty()) return;
  if (verdict.fail != 0) left = error_for(left, verdict.fail);
  for (uint32_t copy = 0; copy < verdict.copies; ++copy)
    bench.answers.release(verdict, "9p/answer", [this, left] { answers.push_back(left); });
}

NinePBench::NinePBench(const BenchOptions& given, const std::string& share_name)
    : Bench(given, kWatching),
      share(share_name),
      requests(
          wiring.add(fmt::format("{}/9p/{}/T", options.domain, share), WireKind::message, kP9RequestPayload)),
      answers(wiring.add(fmt::format("{}/9p/{}/R", options.domain, share), WireKind::message,
                         kP9ResponsePayload)) {}

NinePBench::~NinePBench() = default;

}  // namespace house

namespace {

// The folder that it is to be in, and its name there.
std::pair<FileRef, std::string> place_of(FileTree& tree, const std::string& path) {
  const size_t slash = path.rfind('/');
  if (path.size() < 2 || path[0] != '/' || slash + 1 == path.size())
    throw Error("\"" + path + "\" is no path in the share; say \"/name\" or \"/folder/name\"");
  const auto folder = tree.find(path.substr(0, slash));
  if (!folder)
    throw Error("the share has no folder \"" + path.substr(0, slash) + "\": add_directory() makes it");
  return {*folder, path.substr(slash + 1)};
}

FileRef make(FileTree& tree, const std::string& path, const NewFile& file) {
  const auto [folder, name] = place_of(tree, path);
  const FileResult<FileRef> made = tree.create(folder, name, file);
  if (!made) throw Error("\"" + path + "\" cannot be made in the share: " + std::strerror(made.error()));
  return *made;
}

}  // namespace

NinePBench::NinePBench(const BenchOptions& options, const std::string& share)
    : Bench(std::make_unique<house::NinePBench>(options, share)) {}
NinePBench::~NinePBench() = default;

house::NinePBench& NinePBench::own() const { return static_cast<house::NinePBench&>(*house_); }

void NinePBench::add_file(const std::string& path, std::string_view contents, const SharedFile& file) {
  NewFile made;
  made.mode = file_mode::regular | file.mode;
  made.uid = file.uid;
  made.gid = file.gid;
  const FileRef added = make(own().tree, path, made);
  const auto bytes = std::span(reinterpret_cast<const uint8_t*>(contents.data()), contents.size());
  if (!bytes.empty() && own().tree.write(added, 0, bytes).value_or(0) != bytes.size())
    throw Error("the contents of \"" + path + "\" do not fit into the share");
}

void NinePBench::add_directory(const std::string& path, uint32_t mode) {
  NewFile made;
  made.mode = file_mode::directory | mode;
  make(own().tree, path, made);
}

void NinePBench::add_folder(const std::string& host_path) {
  house::NinePBench& bench = own();
  if (bench.folder) throw Error("the share has a folder of the host already");
  HostFolderConfig config;
  config.name = bench.share;
  config.wire = bench.options.domain + "/share/" + bench.share;
  bench.folder = house::value_or_error(HostFolder::fill(
      bench.tree, config, house::value_or_error(FolderReader::open(bench.share, host_path, {})),
      bench.outside, [&bench](NoticeKind kind, std::string what) {
        bench.notices.emit(kind, bench.share, std::move(what));
      }));
}

std::optional<std::string> NinePBench::contents(const std::string& path) const {
  FileTree& tree = own().tree;
  const FileResult<FileRef> file = tree.find(path);
  if (!file || !tree.status(*file).is_regular()) return std::nullopt;
  std::string text(tree.status(*file).size, '\0');
  if (!tree.read(*file, 0, {reinterpret_cast<uint8_t*>(text.data()), text.size()})) return std::nullopt;
  return text;
}

bool NinePBench::exists(const std::string& path) const { return own().tree.find(path).has_value(); }

namespace {

house::NinePConversation& converse(house::NinePBench& bench, bool ours) {
  if (bench.conversations.size() >= house::kConversationsMax)
    throw Error(fmt::format("the bench has its {} conversations already", house::kConversationsMax));
  const auto number = static_cast<uint8_t>(bench.conversations.size());
  bench.conversations.push_back(std::make_unique<house::NinePConversation>(bench, number, ours));
  return *bench.conversations.back();
}

}  // namespace

NinePClient NinePBench::client() { return NinePClient(converse(own(), true)); }

NinePBench::Played NinePBench::play_server() {
  house::NinePConversation& conversation = converse(own(), false);
  return {NinePClient(conversation), NinePServer(conversation)};
}

// --- The played server ---

std::optional<NinePRequest> NinePServer::take() {
  return house::take_first<NinePRequest>(conversation_->requests);
}

NinePRequest NinePServer::expect_request(uint8_t type, Duration within, SourcePlace place) {
  if (!conversation_->bench.wait_for([&] { return !conversation_->requests.empty(); }, within))
    house::fail_expectation(
        place, fmt::format("expected a request of type {} within {}; none came", type, to_string(within)));
  NinePRequest request = *take();
  if (request.type() != type)
    house::fail_expectation(place,
                            fmt::format("expected a request of type {}; it is {}", type, request.line()));
  return request;
}

void NinePServer::expect_none(Duration duration, SourcePlace place) {
  if (conversation_->bench.wait_for([&] { return !conversation_->requests.empty(); }, duration)) {
    house::fail_expectation(
        place, "expected no request; there is " + NinePRequest(conversation_->requests.front()).line());
  }
}

void NinePServer::reply(const NinePRequest& request, const NinePMessage& answer) {
  conversation_->answer(answer.tagged(request.tag()));
}
void NinePServer::reply_error(const NinePRequest& request, int error) {
  reply(request, NinePMessage(ninep::Rlerror).u32(static_cast<uint32_t>(error)));
}
void NinePServer::reply_error(const NinePRequest& request, std::string_view text) {
  reply(request, NinePMessage(ninep::Rerror).text(text));
}
void NinePServer::reply_bytes(Bytes message) { conversation_->answer(std::move(message)); }
void NinePServer::answer_by(Handler handler) { conversation_->handler = std::move(handler); }

}  // namespace ringside::test
