// The inside of a NinePBench: the share's tree, and conversations about it, each with a server of ours or one
// that the test plays. For testkit/device/*.cpp only.
#pragma once

#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "host/9p/file_tree.h"
#include "host/9p/host_folder.h"
#include "host/9p/server.h"
#include "ringside/ninep.h"
#include "sim/exchange.h"
#include "testkit/device/bench_house.h"

namespace ringside::test::house {

struct NinePBench;

// Messages in both directions, each shown on its wire. Requests reach the server, or wait for the test that
// plays it; answers wait for the client.
struct NinePConversation {
  NinePConversation(NinePBench& the_bench, uint8_t the_number, bool ours);
  void send(Bytes message);
  void answer(Bytes message);

  NinePBench& bench;
  const uint8_t number;
  std::unique_ptr<ringside::NinePServer> server;  // null: the test plays it
  std::deque<Bytes> requests;
  std::deque<Bytes> answers;
  test::NinePServer::Handler handler;

 private:
  void receive(Bytes message);
  Bytes payload_of(const Bytes& message) const;
  Bytes error_for(const Bytes& message, int64_t fail) const;
  NinePDialect dialect_ = NinePDialect::dotl;
};

// The first message that waits, as a request or a reply.
template <class Message>
std::optional<Message> take_first(std::deque<Bytes>& waiting) {
  if (waiting.empty()) return std::nullopt;
  Message first(std::move(waiting.front()));
  waiting.pop_front();
  return first;
}

struct NinePBench final : Bench {
  NinePBench(const BenchOptions& given, const std::string& share_name);
  ~NinePBench() override;

  const std::string share;
  Wire& requests;
  Wire& answers;
  FileTree tree{FileTreeConfig{}, clock};
  UnrecordedOutside outside;
  std::unique_ptr<HostFolder> folder;
  std::vector<std::unique_ptr<NinePConversation>> conversations;
};

}  // namespace ringside::test::house
