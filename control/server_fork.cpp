// Checkpoints, and views that are taken by a child: both are forks of the machine's process.
#include <fmt/format.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstring>

#include "control/server.h"
#include "control/server_views.h"
#include "control/signals.h"

namespace ringside {

void ControlServer::become_live(OwnedDescriptor socket) {
  channel_ = ControlChannel(std::move(socket));
  watch_socket(channel_.descriptor());
  if (machine_) machine_->take_over();
}

// The parent goes on; the child sleeps, and its client's end of a connection goes to the client.
bool ControlServer::checkpoint() {
  auto ends = make_socket_pair();
  if (!ends) return false;  // fewer checkpoints: going back takes longer
  if (feed_) feed_->flush();
  const pid_t child = fork();
  if (child < 0) return false;
  if (child == 0) {
    ends->first.close();
    channel_ = ControlChannel(std::move(ends->second));
    sleep_as_checkpoint();
    return true;
  }
  ends->second.close();
  Json event{{"event", "checkpoint"}, {"descriptor", true}, {"pid", child}};
  event["position"] = position();
  channel_.send(event, &ends->first);
  return false;
}

// Returns in a child that goes on as the machine.
void ControlServer::sleep_as_checkpoint() {
  for (;;) {
    auto line = channel_.receive(ControlChannel::Wait::yes);
    if (!line) {
      if (!channel_.is_open()) _exit(0);
      continue;
    }
    const std::string what = line->json.is_object() ? line->json.value("do", "") : "";
    if (what == "quit") _exit(0);
    if (what != "wake") {
      reply(line->json, {{"error", "a checkpoint can be woken, and nothing else"}});
      continue;
    }
    if (wake(line->json)) return;
  }
}

// True in the child.
bool ControlServer::wake(const Json& request) {
  auto ends = make_socket_pair();
  if (!ends) {
    reply(request, {{"error", ends.error().message}});
    return false;
  }
  const pid_t child = fork();
  if (child == 0) {
    ends->first.close();
    become_live(std::move(ends->second));
    pending_.reset();
    run_ = {};
    answer_requests();
    return true;
  }
  ends->second.close();
  if (child < 0) {
    reply(request, {{"error", fmt::format("no process for the machine: {}", std::strerror(errno))}});
    return false;
  }
  Json answer = Json::object();
  if (request.contains("id")) answer["id"] = request["id"];
  answer["descriptor"] = true;
  answer["pid"] = child;
  answer["position"] = position();
  channel_.send(answer, &ends->first);
  return false;
}

// Looking must change nothing, and a translation sets bits in page tables. So a
// child looks, and what it finds comes through a pipe.
Json ControlServer::view_in_child(const Json& request) {
  int ends[2];
  if (pipe(ends) != 0) return {{"error", fmt::format("no pipe for a view: {}", std::strerror(errno))}};
  const OwnedDescriptor from(ends[0]);
  OwnedDescriptor to(ends[1]);
  const pid_t child = fork();
  if (child < 0) return {{"error", fmt::format("no process for a view: {}", std::strerror(errno))}};
  if (child == 0) {
    channel_.close();
    pending_.reset();
    Json answer;
    try {
      answer = view_of(*machine_, request);
    } catch (const Json::exception& error) {
      answer = {{"error", fmt::format("the request is malformed: {}", error.what())}};
    }
    const std::string text = answer.dump(-1, ' ', false, Json::error_handler_t::replace);
    for (size_t done = 0; done < text.size();) {
      const ssize_t count = ::write(to.get(), text.data() + done, text.size() - done);
      if (count <= 0) break;
      done += static_cast<size_t>(count);
    }
    _exit(0);
  }
  to.close();
  std::string text;
  std::array<char, 65536> buffer;
  for (;;) {
    const ssize_t count = ::read(from.get(), buffer.data(), buffer.size());
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) break;
    text.append(buffer.data(), static_cast<size_t>(count));
  }
  Json answer = Json::parse(text, nullptr, false);
  if (!answer.is_object()) return {{"error", "the view failed; this is our own fault"}};
  return answer;
}

}  // namespace ringside
