#include "cli/console_output.h"

namespace ringside::cli {

namespace {
// A guest that never ends its line must not fill the host's memory with it.
constexpr size_t kLineBytesMax = 4096;
}  // namespace

ConsoleOutput::ConsoleOutput(bool several, std::string typed_at, bool on_terminal, Sink sink)
    : several_(several), typed_at_(std::move(typed_at)), on_terminal_(on_terminal), sink_(std::move(sink)) {}

void ConsoleOutput::write(const std::string& domain, std::span<const uint8_t> bytes) {
  std::string_view text(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  if (!several_) return sink_(text);
  while (!text.empty()) {
    const size_t newline = text.find('\n');
    const size_t count = newline == std::string_view::npos ? text.size() : newline + 1;
    add(domain, text.substr(0, count));
    text.remove_prefix(count);
  }
}

void ConsoleOutput::add(const std::string& domain, std::string_view piece) {
  std::string& line = open_[domain];
  if (domain == typed_at_) {
    if (line.empty()) sink_(domain + ": ");
    sink_(piece);
  }
  line += piece;
  if (line.ends_with('\n')) return end_line(domain, line);
  if (line.size() < kLineBytesMax) return;
  line += '\n';
  if (domain == typed_at_) sink_("\r\n");
  end_line(domain, line);
}

void ConsoleOutput::end_line(const std::string& domain, std::string& line) {
  if (domain != typed_at_) {
    // The line at which a person types is shown again below.
    const bool interrupts = !typed_at_.empty() && !open_[typed_at_].empty();
    if (interrupts) sink_(on_terminal_ ? "\r\x1b[K" : "\r\n");
    sink_(domain + ": " + line);
    if (interrupts) sink_(typed_at_ + ": " + open_[typed_at_]);
  }
  line.clear();
}

void ConsoleOutput::finish() {
  for (auto& [domain, line] : open_) {
    if (line.empty()) continue;
    if (domain == typed_at_) {
      sink_("\r\n");
      line.clear();
    } else {
      line += '\n';
      end_line(domain, line);
    }
  }
}

}  // namespace ringside::cli
