#include "machine/regenerate.h"

#include <fmt/format.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "machine/machine.h"
#include "sim/session/reader.h"
#include "sim/session/replayer.h"

namespace ringside {

Result<> regenerate_session(const std::string& session, const std::string& to,
                            const std::string& scenario_folder) {
  register_all_payload_types();
  auto reader = SessionReader::open(session);
  if (!reader) return tl::unexpected(reader.error());
  auto replayer = Replayer::create(*reader);
  if (!replayer) return tl::unexpected(replayer.error());
  const auto scenario = scenario_of_session((*replayer)->header(), scenario_folder);
  if (!scenario) return tl::unexpected(scenario.error());
  MachineOptions options;
  options.replay = replayer->get();
  options.record_to = to;
  options.record_data = true;
  auto machine = Machine::create(*scenario, options);
  if (!machine) return tl::unexpected(machine.error());
  const auto report = (*machine)->run();
  if (!report) return tl::unexpected(report.error());
  if (const auto& divergence = (*replayer)->divergence()) {
    return fail(fmt::format("executed again, it went another way in epoch {} at {}: {}", divergence->epoch,
                            to_string(divergence->at), divergence->what),
                ExitCode::diverged);
  }
  return {};
}

namespace {

// An anonymous file that a child can write by its path, and this process read.
class AnonymousFile {
 public:
  explicit AnonymousFile(const char* name) : descriptor_(memfd_create(name, MFD_CLOEXEC)) {}
  ~AnonymousFile() {
    if (descriptor_ >= 0) close(descriptor_);
  }
  AnonymousFile(const AnonymousFile&) = delete;
  AnonymousFile& operator=(const AnonymousFile&) = delete;

  bool there() const { return descriptor_ >= 0; }
  std::string path() const { return fmt::format("/proc/self/fd/{}", descriptor_); }
  void put(const std::string& text) const { (void)!pwrite(descriptor_, text.data(), text.size(), 0); }
  std::string text() const {
    std::string text(4096, '\0');
    const ssize_t got = pread(descriptor_, text.data(), text.size(), 0);
    text.resize(got > 0 ? static_cast<size_t>(got) : 0);
    return text;
  }

 private:
  const int descriptor_;
};

}  // namespace

Result<SessionSide> side_with_data(const std::string& session, const std::string& name,
                                   const std::vector<std::string>& globs) {
  const AnonymousFile made("session"), message("message");
  if (!made.there() || !message.there())
    return fail(fmt::format("no anonymous file for {}: {}", name, std::strerror(errno)));
  const pid_t child = fork();
  if (child < 0) return fail(fmt::format("{} cannot be executed again: {}", name, std::strerror(errno)));
  if (child == 0) {
    // Another machine in a process of its own: nothing of it stays in this one.
    const auto done = regenerate_session(session, made.path(), "");
    if (!done) message.put(done.error().message);
    _exit(done ? 0 : 1);
  }
  int status = 0;
  while (waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) {
    const std::string why = message.text();
    return fail(fmt::format(
        "{} holds no data of its disks, and executing it again for them failed: {}\n"
        "Make one that holds them where its kernel and images are: ringside replay {} --data -o FULL.pcapng",
        name, why.empty() ? "the child process died" : why, name));
  }
  return read_session_side(made.path(), name, globs);
}

}  // namespace ringside
